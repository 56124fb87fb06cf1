//! `services:`: which upstream serves a gRPC service, and what of it is exposed whole.

use super::node::{Kind, Node};
use super::reader::{At, Reader};

#[derive(Debug, Default)]
pub(in crate::config) struct RawService {
    pub(in crate::config) upstream: Option<At<String>>,
    pub(in crate::config) annotations: Option<At<bool>>,
    pub(in crate::config) auto: Option<At<bool>>,
    /// What comes before the paths that it exposes.
    pub(in crate::config) prefix: Option<At<String>>,
    /// Whether what stands here is broken in a way that has been told.
    pub(in crate::config) broken: bool,
}

const KEYS: &[&str] = &["upstream", "annotations", "auto", "prefix", "grpc"];

/// Reads `shop.Service: userService`, or the mapping that it is short for.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> RawService {
    let mut service = RawService::default();
    if matches!(node.kind, Kind::Scalar(_)) {
        service.upstream = reader.name(node, "the name of an upstream");
        service.broken = service.upstream.is_none();
        return service;
    }
    let Some(entries) = reader.entries(node, "the name of an upstream, or a mapping with `upstream`") else {
        service.broken = true;
        return service;
    };
    for (key, value) in &entries {
        match key.name.as_str() {
            "upstream" => service.upstream = reader.name(value, "the name of an upstream"),
            "annotations" => service.annotations = reader.boolean(value),
            "auto" => service.auto = reader.boolean(value),
            "prefix" => service.prefix = reader.name(value, "a path, as /admin/v1"),
            "grpc" => reader.not_supported(key),
            _ => reader.unknown_key(key, "a service", KEYS),
        }
    }
    service.broken = service.upstream.is_none() && Reader::has(&entries, "upstream", KEYS);
    service
}
