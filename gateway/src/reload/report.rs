//! The lines of the log about reloads.

use super::{Outcome, Trigger};
use crate::telemetry::logging::{AUDIT, REPORT};

/// What takes a change that is held back.
pub(super) const TAKE: &str = "SIGHUP or `POST /reload` on the admin address takes the change";

/// Logs what a reload came to.
pub(super) fn report(trigger: Trigger, outcome: &Outcome) {
    match outcome {
        Outcome::Applied { version, diff, diagnostics } => {
            for warning in diagnostics.lines() {
                tracing::warn!(target: AUDIT, "{warning}");
            }
            if diff.breaking() > 0 {
                tracing::warn!(target: REPORT, version, %trigger, "configuration live: {diff}");
            } else {
                tracing::info!(target: REPORT, version, %trigger, "configuration live: {diff}");
            }
        }
        Outcome::Held { changes: Some(changes), diagnostics } => {
            for warning in diagnostics.lines() {
                tracing::warn!(target: AUDIT, "{warning}");
            }
            tracing::warn!(target: REPORT, %trigger, "configuration held back: {changes}; {TAKE}");
        }
        Outcome::Held { changes: None, diagnostics } => {
            for warning in diagnostics.iter() {
                tracing::warn!(target: AUDIT, "held back: {}; {}", warning.message, warning.notes.join("; "));
            }
        }
        Outcome::Rejected(rejection) => {
            tracing::error!(target: REPORT, %trigger, "configuration refused, the old one goes on:\n{rejection}");
        }
    }
}
