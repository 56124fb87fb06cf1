//! Whether an endpoint is serving, by its own word and by what its health checks meet.
//!
//! ```text
//!                 serving (×healthy_after)
//!            ┌──────────────────────────────── Failing ◄─┐
//!            ▼                                           │ missed ×unhealthy_after
//!   Unknown, Serving ────────────────────────────────────┘
//!            │  ▲
//! not serving│  │ serving
//!            ▼  │
//!         NotServing          a new connection, or no health service: Unknown, from anywhere
//! ```
//! What an endpoint says itself counts at once; a check that fails may be an accident, and counts when it comes in a row.

use crate::spec::HealthCheckSpec;

/// Whether an endpoint is serving. `Unknown` and `Serving` are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Not checked yet, or it has no health service.
    Unknown {
        /// Checks missed in a row.
        missed: u32,
    },
    /// It says so.
    Serving {
        /// Checks missed in a row.
        missed: u32,
    },
    /// It says that it is not.
    NotServing,
    /// Too many checks in a row failed.
    Failing {
        /// Good checks in a row since.
        good: u32,
    },
}

/// What a health check brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The endpoint says that it is serving.
    Serving,
    /// The endpoint says that it is not.
    NotServing,
    /// No answer in time, or one that does not count.
    Missed,
    /// There is no health service: nothing can be said.
    Unsupported,
    /// A new connection: perhaps to a new process.
    Reconnected,
    /// Nothing new: time passed.
    Passed,
}

impl Condition {
    /// Before anything is known.
    pub(crate) const NEW: Self = Self::Unknown { missed: 0 };

    /// Whether it may be asked.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Serving { .. })
    }

    pub(crate) fn after(self, report: Report, spec: &HealthCheckSpec) -> Self {
        match (self, report) {
            (unchanged, Report::Passed) => unchanged,
            (_, Report::Reconnected | Report::Unsupported) => Self::NEW,
            (_, Report::NotServing) => Self::NotServing,
            (Self::Failing { good }, Report::Serving) if good + 1 < spec.healthy_after => {
                Self::Failing { good: good + 1 }
            }
            (_, Report::Serving) => Self::Serving { missed: 0 },
            (Self::NotServing, Report::Missed) => Self::NotServing,
            (Self::Failing { .. }, Report::Missed) => Self::Failing { good: 0 },
            (Self::Unknown { missed } | Self::Serving { missed }, Report::Missed)
                if missed + 1 >= spec.unhealthy_after =>
            {
                Self::Failing { good: 0 }
            }
            (Self::Unknown { missed }, Report::Missed) => Self::Unknown { missed: missed + 1 },
            (Self::Serving { missed }, Report::Missed) => Self::Serving { missed: missed + 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_in_every_condition() {
        use Condition::*;
        let spec = HealthCheckSpec { unhealthy_after: 3, healthy_after: 2, ..HealthCheckSpec::default() };
        let serving = Serving { missed: 0 };
        let table = [
            (Condition::NEW, Report::Serving, serving),
            (Condition::NEW, Report::NotServing, NotServing),
            (Condition::NEW, Report::Missed, Unknown { missed: 1 }),
            (Unknown { missed: 2 }, Report::Missed, Failing { good: 0 }),
            (Condition::NEW, Report::Unsupported, Condition::NEW),
            (serving, Report::Serving, serving),
            (serving, Report::NotServing, NotServing),
            (serving, Report::Missed, Serving { missed: 1 }),
            (Serving { missed: 1 }, Report::Missed, Serving { missed: 2 }),
            (Serving { missed: 2 }, Report::Missed, Failing { good: 0 }),
            (Serving { missed: 2 }, Report::Serving, serving),
            (serving, Report::Reconnected, Condition::NEW),
            (NotServing, Report::Serving, serving),
            (NotServing, Report::NotServing, NotServing),
            (NotServing, Report::Missed, NotServing),
            (NotServing, Report::Unsupported, Condition::NEW),
            (NotServing, Report::Reconnected, Condition::NEW),
            (Failing { good: 0 }, Report::Serving, Failing { good: 1 }),
            (Failing { good: 1 }, Report::Serving, serving),
            (Failing { good: 1 }, Report::Missed, Failing { good: 0 }),
            (Failing { good: 1 }, Report::NotServing, NotServing),
            (Failing { good: 1 }, Report::Reconnected, Condition::NEW),
            (Failing { good: 1 }, Report::Passed, Failing { good: 1 }),
            (NotServing, Report::Passed, NotServing),
        ];
        for (from, report, to) in table {
            assert_eq!(from.after(report, &spec), to, "{from:?} {report:?}");
        }
    }

    #[test]
    fn one_miss_is_enough_where_the_spec_says_so() {
        let spec = HealthCheckSpec { unhealthy_after: 1, healthy_after: 1, ..HealthCheckSpec::default() };
        let failing = Condition::NEW.after(Report::Missed, &spec);
        assert_eq!(failing, Condition::Failing { good: 0 });
        assert_eq!(failing.after(Report::Serving, &spec), Condition::Serving { missed: 0 });
    }
}
