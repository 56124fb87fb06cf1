//! What became of the last reloads, for the admin address.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Outcome;
use super::report::TAKE;

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
    /// An upstream that is a descriptor source tells something new.
    Reflection,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Signal => "SIGHUP",
            Self::Admin => "POST /reload",
            Self::Reflection => "reflection",
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
    /// What became of it, in a word.
    pub outcome: &'static str,
    /// What changed, or why it was refused or held back, as `check` prints it.
    pub text: String,
    /// Warnings of what went live, or of what is held back beside the changes that break clients.
    pub warnings: Vec<String>,
}

/// The last reloads, shared with the admin address.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    entries: VecDeque<Entry>,
    applied: u64,
    rejected: u64,
    held: u64,
    last_success: SystemTime,
    last_error: Option<SystemTime>,
}

impl Default for State {
    /// The configuration that the gateway starts with is the first success.
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            applied: 0,
            rejected: 0,
            held: 0,
            last_success: SystemTime::now(),
            last_error: None,
        }
    }
}

/// How often each has happened, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Went live.
    pub applied: u64,
    /// Were refused.
    pub rejected: u64,
    /// Were held back until an operator confirms them.
    pub held: u64,
    /// When one last went live, the start included.
    pub last_success: SystemTime,
    /// When one was last refused.
    pub last_error: Option<SystemTime>,
}

impl History {
    pub(super) fn record(&self, trigger: Trigger, outcome: &Outcome) -> Entry {
        let mut entry = Entry {
            at: SystemTime::now(),
            trigger,
            version: None,
            outcome: "rejected",
            text: String::new(),
            warnings: Vec::new(),
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Outcome::Applied { version, diff, diagnostics } => {
                state.applied += 1;
                state.last_success = entry.at;
                entry.version = Some(*version);
                entry.outcome = "applied";
                entry.text = diff.to_string();
                entry.warnings = diagnostics.lines();
            }
            Outcome::Held { changes, diagnostics } => {
                state.held += 1;
                entry.outcome = "held";
                match changes {
                    Some(changes) => {
                        entry.text = format!("{changes}; {TAKE}");
                        entry.warnings = diagnostics.lines();
                    }
                    None => entry.text = diagnostics.render(false),
                }
            }
            Outcome::Rejected(rejection) => {
                state.rejected += 1;
                state.last_error = Some(entry.at);
                entry.text = rejection.to_string();
            }
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

    /// How many reloads there were, by outcome.
    pub fn counts(&self) -> Counts {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { applied, rejected, held, last_success, last_error, .. } = *state;
        Counts { applied, rejected, held, last_success, last_error }
    }
}
