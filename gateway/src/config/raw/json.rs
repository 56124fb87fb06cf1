//! `json:`: how JSON is read and printed.

use transcode::{Enums, Names, Unknown, UnknownAny, Unset};

use super::headers;
use super::node::Node;
use super::reader::{At, Reader};
use super::route;
use crate::route::BodyType;

/// `json:`.
#[derive(Debug, Default)]
pub(in crate::config) struct RawJson {
    pub(in crate::config) unset: Option<At<Unset>>,
    pub(in crate::config) names: Option<At<Names>>,
    pub(in crate::config) enums: Option<At<Enums>>,
    pub(in crate::config) unknown: Option<At<Unknown>>,
    pub(in crate::config) any: Option<At<UnknownAny>>,
    /// Whether Google's system parameters are ignored.
    pub(in crate::config) system_parameters: Option<At<bool>>,
    pub(in crate::config) ignored_parameters: Vec<At<String>>,
    pub(in crate::config) content_type: Option<At<BodyType>>,
}

/// Reads `json`.
pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> RawJson {
    const KEYS: &[&str] = &[
        "unset",
        "names",
        "enums",
        "unknown",
        "any",
        "system_parameters",
        "ignored_parameters",
        "content_type",
    ];
    let mut json = RawJson::default();
    for (key, value) in reader.entries(node, "a mapping, as `unset: omit`").unwrap_or_default() {
        match key.name.as_str() {
            "unset" => json.unset = reader.choice(value, &[("omit", Unset::Omit), ("print", Unset::Print)]),
            "names" => json.names = reader.choice(value, &[("camel", Names::Camel), ("proto", Names::Proto)]),
            "enums" => json.enums = reader.choice(value, &[("name", Enums::Name), ("number", Enums::Number)]),
            "unknown" => json.unknown = reader.choice(value, route::UNKNOWN),
            "any" => {
                let choices = &[("strict", UnknownAny::Strict), ("opaque", UnknownAny::Opaque)];
                json.any = reader.choice(value, choices);
            }
            "system_parameters" => {
                json.system_parameters = reader.choice(value, &[("reject", false), ("ignore", true)]);
            }
            "ignored_parameters" => {
                json.ignored_parameters = headers::words(value, "a parameter, as fbclid or utm_*", reader);
            }
            "content_type" => {
                let choices = &[("json", BodyType::Json), ("any", BodyType::Any)];
                json.content_type = reader.choice(value, choices);
            }
            _ => reader.unknown_key(key, "`json`", KEYS),
        }
    }
    json
}
