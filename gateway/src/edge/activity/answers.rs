//! The answers of a connection that its client has not taken yet, and since when each of them is not taken.
//!
//! Each answer is judged for itself: over HTTP/2, a client that reads one of them could hold all the others.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Millis;

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answer {
    /// Bytes that the client has not taken.
    left: AtomicUsize,
    /// When it took the last piece, or the answer was made.
    since: AtomicU64,
}

impl Answer {
    /// Bytes of it were taken.
    pub(super) fn taken(&self, bytes: usize, now: Millis) {
        self.left.fetch_sub(bytes, Relaxed);
        self.since.store(now, Relaxed);
    }
}

/// The answers of one connection.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Vec<Weak<Answer>>>);

impl Answers {
    /// Adds an answer of `bytes` bytes.
    pub(super) fn add(&self, bytes: usize, now: Millis) -> Arc<Answer> {
        let answer = Arc::new(Answer { left: AtomicUsize::new(bytes), since: AtomicU64::new(now) });
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() == answers.capacity() {
            answers.retain(|answer| answer.strong_count() > 0);
        }
        answers.push(Arc::downgrade(&answer));
        answer
    }

    /// Since when the answer that has been waiting for the longest time is not taken.
    pub(super) fn oldest(&self) -> Option<Millis> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut oldest = None::<Millis>;
        answers.retain(|answer| {
            let Some(answer) = answer.upgrade() else { return false };
            if answer.left.load(Relaxed) > 0 {
                let since = answer.since.load(Relaxed);
                oldest = Some(oldest.map_or(since, |oldest| oldest.min(since)));
            }
            true
        });
        oldest
    }
}
