//! What policies want done to a request that they let through, and to its answer.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::policy::external::{Change, Changes, How};
use crate::policy::headers::{Spellings, fold};
use crate::policy::query::QueryEdits;
use crate::policy::rate_limit::Standing;
use crate::policy::rate_limit_service::Passed;
use crate::policy::refusal::Reason;
use crate::policy::set::Field;

/// A request that was let through, and what that entails.
#[derive(Debug, Default)]
pub struct Admitted {
    pub(super) fields: Vec<Field>,
    pub(super) caller: Option<Arc<str>>,
    pub(super) undecided: Option<Reason>,
    pub(super) standing: Option<Standing>,
    /// Names that a service sets or removes: what the client sent under them goes no further.
    pub(super) removed: Spellings,
    pub(super) metadata: Vec<Change>,
    pub(super) response: Vec<Change>,
    pub(super) query: QueryEdits,
}

impl Admitted {
    /// Fields of the request message to fill, over the client's.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Who called, for logs: the token's `sub`, or the client of the API key.
    pub const fn caller(&self) -> Option<&Arc<str>> {
        self.caller.as_ref()
    }

    /// What would have refused, had the configuration not said to allow when a service cannot be asked: for logs and metrics.
    pub const fn undecided(&self) -> Option<Reason> {
        self.undecided
    }

    /// The head of the request with the query parameters that a service has set and removed; `None` if there are none.
    pub fn rewritten(&self, head: &Parts) -> Option<Parts> {
        let uri = self.query.apply(&head.uri)?;
        let mut head = head.clone();
        head.uri = uri;
        Some(head)
    }

    /// Whether a service has set or removed the header of this folded name.
    pub(in crate::policy) fn names(&self, folded: &str) -> bool {
        self.removed.contains(folded)
    }

    /// The last value that a policy has set under this folded name.
    pub(in crate::policy) fn value(&self, folded: &str) -> Option<&str> {
        let change = self.metadata.iter().rev().find(|change| fold(&change.name) == folded)?;
        change.value.to_str().ok()
    }

    /// Metadata that the gateway vouches for.
    pub(super) fn vouch(&mut self, name: HeaderName, value: HeaderValue) {
        self.metadata.push(Change { name, value, how: How::Overwrite });
    }

    pub(super) fn take_changes(&mut self, changes: Changes) {
        self.metadata.extend(changes.metadata);
        self.removed.extend(&changes.removed);
        self.response.extend(changes.response);
        self.query = changes.query;
        if changes.undecided {
            self.undecided = Some(Reason::ExternalUnavailable);
        }
    }

    pub(super) fn take_passed(&mut self, passed: Passed) {
        self.removed.extend(passed.metadata.iter().map(|(name, _)| name));
        let change = |(name, value)| Change { name, value, how: How::Overwrite };
        self.metadata.extend(passed.metadata.into_iter().map(change));
        self.response.extend(passed.response.into_iter().map(change));
        if passed.undecided {
            self.undecided = Some(Reason::RateLimitUnavailable);
        }
    }
}

/// Applies what a service or a claim adds.
pub(super) fn apply(changes: &[Change], headers: &mut HeaderMap) {
    for Change { name, value, how } in changes {
        let present = headers.contains_key(name);
        match how {
            How::Append => drop(headers.append(name, value.clone())),
            How::Overwrite => drop(headers.insert(name, value.clone())),
            How::AddIfAbsent if !present => drop(headers.insert(name, value.clone())),
            How::OverwriteIfPresent if present => drop(headers.insert(name, value.clone())),
            How::AddIfAbsent | How::OverwriteIfPresent => {}
        }
    }
}
