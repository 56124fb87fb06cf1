//! Somebody who is told of every try of a call: for tracing. Costs nothing where nobody is.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use crate::call::{Answer, Call};
use crate::endpoint::Endpoint;
use crate::error::CallError;

/// Is told of the tries of one call.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A try begins, at this endpoint; it may add to the metadata that is sent. What it gives back comes again with the end.
    fn begin(&self, endpoint: &str, metadata: &mut HeaderMap) -> u64;

    /// The same try ended. `None`: it was given up, by the caller or because it took longer than one try may.
    fn end(&self, endpoint: &str, token: u64, outcome: Option<Result<u32, &CallError>>);
}

/// A try that is being watched. Dropped before its end, it was given up.
pub(crate) struct Watched<'c> {
    observer: Option<&'c Arc<dyn Observer>>,
    endpoint: Arc<Endpoint>,
    token: u64,
}

impl<'c> Watched<'c> {
    /// Tells that a try begins, if anybody wants to know.
    pub(crate) fn begin(call: &'c Call, endpoint: &Arc<Endpoint>, metadata: &mut HeaderMap) -> Option<Self> {
        let observer = call.observer.as_ref()?;
        let token = observer.begin(&endpoint.name, metadata);
        Some(Self { observer: Some(observer), endpoint: Arc::clone(endpoint), token })
    }

    /// Tells how it ended.
    pub(crate) fn end(mut self, outcome: &Result<Box<Answer>, CallError>) {
        if let Some(observer) = self.observer.take() {
            let code = outcome.as_ref().map(|answer| answer.status.code);
            observer.end(&self.endpoint.name, self.token, Some(code));
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer.take() {
            observer.end(&self.endpoint.name, self.token, None);
        }
    }
}
