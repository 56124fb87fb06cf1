//! Captures, query and body into one request: any bytes bind or are refused; what binds, prost-reflect reads, and
//! whatever the path gave is what the message says.

use std::sync::LazyLock;

use prost_reflect::ReflectMessage;
use transcode::binding::{BodyRule, RequestParts, RequestPlan, RequestRule};

use crate::{
    json_in,
    schema::{MESSAGES, parse},
};

/// Rules of every form, for messages of every syntax.
const RULES: &[(&str, &[&str], &str)] = &[
    ("GET", &[], ""),
    ("GET", &["optional_string"], ""),
    ("GET", &["optional_int64", "recursive_message.optional_bytes"], ""),
    ("POST", &[], "*"),
    ("POST", &["optional_string"], "*"),
    ("PATCH", &["recursive_message.optional_int32"], "recursive_message"),
    ("PATCH", &["optional_nested_message.a"], "*"),
    ("PUT", &["optional_double"], "repeated_int32"),
    ("PUT", &["oneof_uint32"], "map_string_string"),
    ("PUT", &["optional_nested_enum"], "optional_uint64"),
];

static PLANS: LazyLock<Vec<RequestPlan>> = LazyLock::new(|| {
    let plans = MESSAGES.iter().flat_map(|message| {
        RULES.iter().filter_map(move |(method, variables, body)| {
            RequestPlan::compile(message, &RequestRule::new(method, variables, BodyRule::parse(body))).ok()
        })
    });
    plans.collect()
});

/// The first byte chooses the rule, the second the options; then captures, query and body, each ended by a byte 0.
pub fn run(data: &[u8]) {
    let [choice, bits, rest @ ..] = data else { return };
    let Some(plan) = PLANS.get(usize::from(*choice) % PLANS.len()) else { return };
    let mut pieces = rest.splitn(4, |byte| *byte == 0);
    let mut text = || std::str::from_utf8(pieces.next().unwrap_or_default()).ok();
    let (Some(first), Some(second), Some(query)) = (text(), text(), text()) else { return };
    let body = pieces.next().unwrap_or_default();
    let parts = RequestParts { captures: [first, second], query: Some(query), body, content_type: None };
    let mut out = b"before".to_vec();
    let options = json_in::options(*bits);
    let result = plan.encode(parts, &options, &mut out);
    let wire = out.strip_prefix(b"before").expect("the output is appended to");
    match result {
        Ok(encoded) => {
            assert!(encoded.unknown.len() <= options.max_violations);
            let message = parse(plan.message(), wire).expect("what we write, prost-reflect reads");
            assert_eq!(message.descriptor().full_name(), plan.message().full_name());
        }
        Err(error) => {
            assert!(wire.is_empty(), "a refusal leaves nothing behind");
            assert!((1..=options.max_violations).contains(&error.violations.len()), "{error}");
        }
    }
}
