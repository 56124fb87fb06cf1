//! `health:`, `probes:` and other paths on which the gateway answers itself.

use super::node::{Kind, Node};
use super::reader::{At, Reader};
use crate::config::diagnostic::Code;

/// `health:`, a path or a mapping.
#[derive(Debug, Default)]
pub(in crate::config) struct RawHealth {
    /// The path; empty for none.
    pub(in crate::config) path: Option<At<String>>,
    /// The status of the response while an upstream is unavailable.
    pub(in crate::config) degraded: Option<At<u64>>,
}

/// `probes:`, a boolean or a mapping of paths.
#[derive(Debug, Default)]
pub(in crate::config) struct RawProbes {
    /// The path of the liveness probe; empty for none.
    pub(in crate::config) live: Option<At<String>>,
    /// The path of the readiness probe; empty for none.
    pub(in crate::config) ready: Option<At<String>>,
}

/// Reads `health`.
pub(super) fn health(node: &Node, reader: &mut Reader<'_>) -> RawHealth {
    let mut health = RawHealth::default();
    if !matches!(node.kind, Kind::Map(_)) {
        health.path = path(node, "/health", reader);
        return health;
    }
    for (key, value) in reader.entries(node, "a path, as /health").unwrap_or_default() {
        match key.name.as_str() {
            "path" => health.path = path(value, "/health", reader),
            "degraded" => health.degraded = reader.integer(value, 200, 599),
            _ => reader.unknown_key(key, "`health`", &["path", "degraded"]),
        }
    }
    health
}

/// Reads `probes`.
pub(super) fn probes(node: &Node, reader: &mut Reader<'_>) -> RawProbes {
    let mut probes = RawProbes::default();
    match &node.kind {
        Kind::Null => {}
        Kind::Map(_) => {
            for (key, value) in reader.entries(node, "a mapping, as `live: /live`").unwrap_or_default() {
                match key.name.as_str() {
                    "live" => probes.live = path(value, "/live", reader),
                    "ready" => probes.ready = path(value, "/ready", reader),
                    _ => reader.unknown_key(key, "`probes`", &["live", "ready"]),
                }
            }
        }
        _ => {
            if let Some(at) = reader.boolean(node).filter(|at| at.value) {
                probes.live = Some(At::new("/live".to_owned(), at.place));
                probes.ready = Some(At::new("/ready".to_owned(), at.place));
            }
        }
    }
    probes
}

/// Reads the path of a response that the gateway makes itself; empty for none.
pub(super) fn path(node: &Node, example: &str, reader: &mut Reader<'_>) -> Option<At<String>> {
    if matches!(node.kind, Kind::Null) {
        return Some(At::new(String::new(), node.place));
    }
    let text = reader.text(node, &format!("a path, as {example}, or \"\" for none"))?;
    let help = match text.value.as_str() {
        "true" | "yes" | "on" => format!("write {example}"),
        "false" | "no" | "off" => "write \"\"".to_owned(),
        _ => return Some(text),
    };
    let message = format!("expected a path, as {example}, or \"\" for none, found `{}`", text.value);
    reader.bad(Code::BadValue, node.place, message, help);
    None
}
