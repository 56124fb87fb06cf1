//! The tries of a call as spans: each has one of its own, which the service continues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use http::HeaderMap;
use upstream::{CallError, Observer};

use super::code::Code;
use crate::route::RoutePlan;
use crate::telemetry::spans::{self, Kind, Outline, Span, Spans};
use crate::telemetry::trace::{Context, TRACEPARENT, new_span};

/// Records the tries of one call. They come one after the other.
#[derive(Debug)]
pub(super) struct Tries {
    spans: Arc<Spans>,
    /// The request's own span.
    request: Context,
    plan: Arc<RoutePlan>,
    made: AtomicU32,
    begun: AtomicU64,
}

impl Tries {
    pub(super) fn new(spans: &Arc<Spans>, request: Context, plan: &Arc<RoutePlan>) -> Self {
        Self {
            spans: Arc::clone(spans),
            request,
            plan: Arc::clone(plan),
            made: AtomicU32::new(0),
            begun: AtomicU64::new(0),
        }
    }
}

impl Observer for Tries {
    fn begin(&self, _: &str, metadata: &mut HeaderMap) -> u64 {
        let context = Context { span: new_span(), ..self.request };
        metadata.insert(TRACEPARENT, context.header());
        self.made.fetch_add(1, Relaxed);
        self.begun.store(spans::now(), Relaxed);
        context.span
    }

    fn end(&self, endpoint: &str, token: u64, outcome: Option<Result<u32, &CallError>>) {
        let code = match outcome {
            Some(Ok(code)) => Some(Code::from_number(code)),
            Some(Err(error)) => Some(Code::from_number(error.code())),
            None => None,
        };
        let error = match outcome {
            Some(Ok(_)) => code.filter(|code| *code != Code::OK).map(Code::name),
            Some(Err(error)) => Some(error.flag()),
            None => Some("given up"),
        };
        let grpc = &self.plan.grpc;
        let mut span = Span::new(&Outline {
            context: Context { span: token, ..self.request },
            parent: Some(self.request.span),
            name: grpc.path.as_str().trim_start_matches('/'),
            kind: Kind::Client,
            begun: self.begun.load(Relaxed),
            ended: spans::now(),
        });
        span.text("rpc.system", "grpc");
        span.text("rpc.service", &grpc.service);
        span.text("rpc.method", &grpc.name);
        span.text("network.peer.address", endpoint);
        span.number("gateway.attempt", self.made.load(Relaxed).into());
        if let Some(code) = code {
            span.number("rpc.grpc.status_code", code.number().into());
        }
        if let Some(error) = error {
            span.fail(error);
        }
        self.spans.record(span);
    }
}
