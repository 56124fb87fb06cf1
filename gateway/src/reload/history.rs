//! What became of the last reloads, for the admin address.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Outcome;

/// Reloads that are remembered.
const KEPT: usize = 50;

/// What asked for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A watched file changed.
    File,
    /// SIGHUP.
    Signal,
    /// `POST /reload` on the admin address.
    Admin,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Signal => "SIGHUP",
            Self::Admin => "POST /reload",
        })
    }
}

/// One reload.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was done.
    pub at: SystemTime,
    /// What asked for it.
    pub trigger: Trigger,
    /// The version that went live; none when it was refused.
    pub version: Option<u64>,
    /// What changed, or why it was refused, as `check` prints it.
    pub text: String,
}

/// The last reloads, shared with the admin address.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    applied: u64,
    rejected: u64,
}

impl History {
    pub(super) fn record(&self, trigger: Trigger, outcome: &Outcome) -> Entry {
        let (version, text) = match outcome {
            Outcome::Applied { version, diff, .. } => (Some(*version), diff.to_string()),
            Outcome::Rejected(rejection) => (None, rejection.to_string()),
        };
        let entry = Entry { at: SystemTime::now(), trigger, version, text };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match version {
            Some(_) => state.applied += 1,
            None => state.rejected += 1,
        }
        state.entries.truncate(KEPT - 1);
        state.entries.push_front(entry.clone());
        entry
    }

    /// The last reloads, the newest first.
    pub fn entries(&self) -> Vec<Entry> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.iter().cloned().collect()
    }

    /// How many reloads went live, and how many were refused.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.applied, state.rejected)
    }
}
