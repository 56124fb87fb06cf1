//! Which watched files are open for writing: a file that is half written may well be a valid configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a writer that has not closed its file is waited for: a program that keeps the file open must not hold up reloads.
pub(super) const LONGEST_WRITE: Duration = Duration::from_secs(2);

/// The files that were written to and not yet closed.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// When each was first written to. Holds watched files only, so their number is bounded.
    since: Mutex<BTreeMap<PathBuf, Instant>>,
    closed: Notify,
}

impl Writers {
    /// Records a write to a watched file.
    pub(super) fn wrote(&self, file: &Path, now: Instant) {
        self.lock().entry(file.to_owned()).or_insert(now);
    }

    /// Records that a writer has closed a file, or that the file is gone.
    pub(super) fn closed(&self, file: &Path) {
        if self.lock().remove(file).is_some() {
            self.closed.notify_waiters();
        }
    }

    /// Forgets files that are not watched any more.
    pub(super) fn retain(&self, watched: impl Fn(&Path) -> bool) {
        self.lock().retain(|file, _| watched(file));
    }

    /// Returns how long the latest writer may still be waited for; `None` if no file is open for writing, or only files whose
    /// writers have had their time.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let rest = |since: &Instant| LONGEST_WRITE.checked_sub(now.saturating_duration_since(*since));
        self.lock().values().filter_map(rest).filter(|rest| !rest.is_zero()).max()
    }

    /// Waits until every writer has closed its file or has had its time.
    pub(super) async fn finished(&self) {
        loop {
            let closed = self.closed.notified();
            let Some(rest) = self.rest(Instant::now()) else { return };
            // Either end of the wait is a reason to look again.
            drop(tokio::time::timeout(rest, closed).await);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_waited_for_until_it_closes_and_at_most_two_seconds() {
        let writers = Writers::default();
        let (a, b) = (Path::new("/etc/a.yaml"), Path::new("/etc/b.yaml"));
        let start = Instant::now();
        assert_eq!(writers.rest(start), None);
        writers.wrote(a, start);
        writers.wrote(a, start + Duration::from_secs(1));
        assert_eq!(writers.rest(start + Duration::from_millis(500)), Some(Duration::from_millis(1500)));
        writers.wrote(b, start + Duration::from_secs(1));
        assert_eq!(writers.rest(start + LONGEST_WRITE), Some(Duration::from_secs(1)), "`a` has had its time");
        writers.closed(b);
        assert_eq!(writers.rest(start + LONGEST_WRITE), None);
        writers.closed(a);
        writers.wrote(a, start + Duration::from_secs(9));
        assert_eq!(writers.rest(start + Duration::from_secs(9)), Some(LONGEST_WRITE), "another write");
        writers.retain(|file| file != a);
        assert_eq!(writers.rest(start + Duration::from_secs(9)), None);
    }
}
