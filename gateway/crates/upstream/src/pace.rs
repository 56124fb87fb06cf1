//! How often something that changes is logged: as it comes, up to a number a minute.

use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);
const LINES: u32 = 6;

/// The lines of the latest window.
#[derive(Debug, Default)]
pub(crate) struct LogPace {
    begun: Option<Instant>,
    lines: u32,
}

impl LogPace {
    /// Whether another line may be logged; it counts then.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= WINDOW) {
            (self.begun, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_lines_a_minute_are_logged() {
        let (start, mut pace) = (Instant::now(), LogPace::default());
        for (second, allowed) in [(0, 6), (59, 0), (60, 6), (61, 0), (121, 6)] {
            let now = start + Duration::from_secs(second);
            assert_eq!((0..10).filter(|_| pace.allows(now)).count(), allowed, "at {second} s");
        }
    }
}
