//! `rate_limit:` of a route.

use super::headers::{Pairs, pairs};
use super::node::{Key, Kind, Node};
use super::reader::{At, Reader};
use crate::config::diagnostic::Place;

/// `rate_limit` of a route.
#[derive(Debug, Clone)]
pub(in crate::config) enum RawRateLimit {
    /// `none`: as often as they like.
    Unlimited,
    By(RawLimit),
    /// A mistake, which has been told.
    Broken,
}

/// How often, and who is counted.
#[derive(Debug, Clone)]
pub(in crate::config) struct RawLimit {
    /// Where it begins.
    pub(in crate::config) place: Place,
    pub(in crate::config) rate: Option<At<String>>,
    pub(in crate::config) burst: Option<At<u32>>,
    pub(in crate::config) key: Option<At<String>>,
    /// What a service is asked about, with the place of its key.
    pub(in crate::config) descriptor: Option<(Key, Pairs)>,
    /// Whether some of that could not be read, which has been told.
    pub(in crate::config) broken: bool,
}

const KEYS: &[&str] = &["rate", "burst", "key", "descriptor"];

/// Reads `rate_limit`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> RawRateLimit {
    const EXPECTED: &str = "`{rate: 100/s}`, `{descriptor: {…}}` or `none`";
    if matches!(&node.kind, Kind::Scalar(word) if word == "none") {
        return RawRateLimit::Unlimited;
    }
    let Some(entries) = reader.entries(node, EXPECTED) else { return RawRateLimit::Broken };
    let has = |name| Reader::has(&entries, name, KEYS);
    let (rated, described) = (has("rate"), has("descriptor"));
    if !rated && (!described || has("burst") || has("key")) {
        reader.missing(node.place, "`rate_limit`", "rate", "100/s");
    }
    let mut limit =
        RawLimit { place: node.place, rate: None, burst: None, key: None, descriptor: None, broken: false };
    for (key, value) in entries {
        match key.name.as_str() {
            "rate" => limit.rate = reader.name(value, "a rate, as 100/s or 600/min"),
            "burst" => limit.burst = reader.number32(value, 1),
            "key" => limit.key = reader.name(value, "ip, route, header:NAME or jwt:CLAIM"),
            "descriptor" => {
                let expected = "keys and where their values come from, as `plan: jwt:plan`";
                let read = |node: &Node, reader: &mut _| pairs(node, expected, reader);
                let (entries, broken) = reader.judged(value, read);
                limit.descriptor = Some((key.clone(), entries));
                limit.broken = broken;
            }
            _ => reader.unknown_key(key, "`rate_limit`", KEYS),
        }
    }
    RawRateLimit::By(limit)
}
