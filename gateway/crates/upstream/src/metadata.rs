//! The metadata of a call that may be sent more than once.
//!
//! A sent header map is gone, and copying one costs two allocations and a hash of every name. Most calls are sent once: the
//! first try takes the map itself, and what a further try would need is kept as a plain list.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields that the head adds.
const ADDED: usize = 4;

/// Metadata to send, and to send again.
#[derive(Debug)]
pub(crate) struct Metadata {
    fresh: Option<HeaderMap>,
    list: Vec<(HeaderName, HeaderValue)>,
}

impl Metadata {
    pub(crate) fn new(map: HeaderMap) -> Self {
        let list = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { fresh: Some(map), list }
    }

    /// The map for the next try.
    pub(crate) fn next(&mut self) -> HeaderMap {
        self.fresh.take().unwrap_or_else(|| {
            let mut map = HeaderMap::with_capacity(self.list.len() + ADDED);
            for (name, value) in &self.list {
                map.append(name.clone(), value.clone());
            }
            map
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_try_sends_the_same() {
        let mut map = HeaderMap::new();
        for (name, value) in [("x-a", "1"), ("x-b", "2"), ("x-a", "3")] {
            map.append(name, HeaderValue::from_static(value));
        }
        let mut metadata = Metadata::new(map.clone());
        for _ in 0..3 {
            assert_eq!(metadata.next(), map);
        }
    }
}
