//! Memory that calls leave for those that come after: what must grow with a map is allocated once, not once a call.
//!
//! Calls that need none do not come here.

use std::sync::Mutex;

/// How many are kept: one for each call that can be running, on most machines.
const KEPT: usize = 32;

/// Values that wait to be used again.
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// One that was left, if there is one. Nobody waits: while another call is at it, there is none.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.try_lock().ok()?.pop()
    }

    /// Leaves one.
    pub(crate) fn give(&self, value: T) {
        if let Ok(mut kept) = self.0.try_lock()
            && kept.len() < KEPT
        {
            kept.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_used_again_and_no_more_than_so_many_are_kept() {
        let pool = Pool::new();
        assert_eq!(pool.take(), None);
        for value in 0..KEPT + 5 {
            pool.give(value);
        }
        assert_eq!((0..).map_while(|_| pool.take()).count(), KEPT);
    }
}
