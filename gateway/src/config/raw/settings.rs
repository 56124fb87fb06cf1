//! `errors`, `log` and `reload`: settings of the whole gateway.

use super::node::{Kind, Node};
use super::reader::{At, Reader};
use crate::config::model::{BreakingChanges, LogFormat, LogLevel};
use crate::route::ErrorFormat;

/// `errors:`, a format or a mapping.
#[derive(Debug, Default)]
pub(in crate::config) struct RawErrors {
    pub(in crate::config) format: Option<At<ErrorFormat>>,
    /// The gRPC codes whose messages are hidden from clients.
    pub(in crate::config) hide: Vec<At<String>>,
}

/// `log:`.
#[derive(Debug, Default)]
pub(in crate::config) struct RawLog {
    pub(in crate::config) level: Option<At<LogLevel>>,
    pub(in crate::config) format: Option<At<LogFormat>>,
    pub(in crate::config) access: Option<At<bool>>,
    pub(in crate::config) detail: Option<At<bool>>,
}

/// `reload:`.
#[derive(Debug, Default)]
pub(in crate::config) struct RawReload {
    pub(in crate::config) breaking: Option<At<BreakingChanges>>,
}

const FORMATS: &[(&str, ErrorFormat)] =
    &[("simple", ErrorFormat::Simple), ("google", ErrorFormat::Google), ("problem", ErrorFormat::Problem)];

/// Reads `errors`.
pub(super) fn errors(node: &Node, reader: &mut Reader<'_>) -> RawErrors {
    let mut errors = RawErrors::default();
    if !matches!(node.kind, Kind::Map(_)) {
        errors.format = reader.choice(node, FORMATS);
        return errors;
    }
    for (key, value) in reader.entries(node, "a format, as simple").unwrap_or_default() {
        match key.name.as_str() {
            "format" => errors.format = reader.choice(value, FORMATS),
            "hide" => {
                let items = reader.one_or_more(value, "gRPC codes, as [INTERNAL, UNKNOWN]");
                let codes = items.iter().filter_map(|item| reader.name(item, "a gRPC code, as INTERNAL"));
                errors.hide = codes.collect();
            }
            _ => reader.unknown_key(key, "`errors`", &["format", "hide"]),
        }
    }
    errors
}

/// Reads `log`.
pub(super) fn log(node: &Node, reader: &mut Reader<'_>) -> RawLog {
    const LEVELS: &[(&str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let mut log = RawLog::default();
    for (key, value) in reader.entries(node, "a mapping, as `level: info`").unwrap_or_default() {
        match key.name.as_str() {
            "level" => log.level = reader.choice(value, LEVELS),
            "format" => {
                log.format = reader.choice(value, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            }
            "access" => log.access = reader.boolean(value),
            "detail" => log.detail = reader.boolean(value),
            _ => reader.unknown_key(key, "`log`", &["level", "format", "access", "detail"]),
        }
    }
    log
}

/// Reads `reload`.
pub(super) fn reload(node: &Node, reader: &mut Reader<'_>) -> RawReload {
    const BREAKING: &[(&str, BreakingChanges)] =
        &[("apply", BreakingChanges::Apply), ("hold", BreakingChanges::Hold)];
    let mut reload = RawReload::default();
    for (key, value) in reader.entries(node, "a mapping, as `breaking: hold`").unwrap_or_default() {
        match key.name.as_str() {
            "breaking" => reload.breaking = reader.choice(value, BREAKING),
            _ => reader.unknown_key(key, "`reload`", &["breaking"]),
        }
    }
    reload
}
