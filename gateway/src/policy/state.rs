//! What policies remember from one snapshot to the next: rate-limit buckets, and keys that were fetched.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::jwt::{KeysUrl, RemoteKeys};
use super::rate_limit::Buckets;

/// One for the process, given to every [`super::ChainPlan::bind`]: a policy that a reload leaves unchanged finds its state
/// here, one that is gone leaves nothing behind.
#[derive(Debug, Default)]
pub struct State {
    buckets: Buckets,
    remote_keys: Mutex<HashMap<KeysUrl, Weak<RemoteKeys>>>,
}

impl State {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) const fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// The URLs from which keys are fetched, and when that last succeeded, in seconds since 1970.
    pub fn key_sets(&self) -> BTreeMap<String, Option<u64>> {
        let all = self.remote_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sets = BTreeMap::new();
        for (url, keys) in all.iter().filter_map(|(url, keys)| Some((url, keys.upgrade()?))) {
            let last: &mut Option<u64> = sets.entry(url.shown()).or_default();
            *last = (*last).max(keys.last_success());
        }
        sets
    }

    /// The keys of this URL: those that are being fetched already, or ones that start now.
    pub(super) fn remote_keys(&self, url: &KeysUrl) -> Arc<RemoteKeys> {
        let mut all = self.remote_keys.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, keys| keys.strong_count() > 0);
        if let Some(running) = all.get(url).and_then(Weak::upgrade) {
            return running;
        }
        let keys = Arc::new(RemoteKeys::start(url.clone()));
        all.insert(url.clone(), Arc::downgrade(&keys));
        keys
    }
}
