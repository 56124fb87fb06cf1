//! One request through one rule, and what came of it.

use std::sync::{Arc, LazyLock};

use prost_reflect::{DynamicMessage, prost::Message as _};
use serde_json::Value;
use transcode::{
    EncodeOptions, Message, Reason, Schema, Unknown,
    binding::{BodyRule, RequestParts, RequestPlan, RequestRule},
};

/// `tests/data/binding.proto` and its imports.
pub static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let root = env!("CARGO_MANIFEST_DIR");
    let includes = [format!("{root}/tests/data"), format!("{root}/../../../proto")];
    let files = protox::compile(["binding.proto", "legacy.proto", "lenient.proto"], includes).unwrap();
    Schema::load(&[&files.encode_to_vec()]).unwrap()
});

pub fn message(name: &str) -> Message {
    SCHEMA.message(&format!("bind.{name}")).unwrap()
}

/// A rule, as in `rule("PATCH", "UpdateUser", &["user.id"], "user")`.
pub struct Rule {
    pub plan: RequestPlan,
}

pub fn rule(method: &str, request: &str, variables: &[&str], body: &str) -> Rule {
    let rule = RequestRule::new(method, variables, BodyRule::parse(body));
    Rule { plan: RequestPlan::compile(&message(request), &rule).unwrap() }
}

/// The pieces of one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'r> {
    pub path: &'r [&'r str],
    pub query: &'r str,
    pub body: &'r str,
    pub content_type: Option<&'r str>,
    pub unknown: Unknown,
}

/// What a request is expected to come to.
#[derive(Debug, Clone, Copy)]
pub enum Want<'w> {
    /// The request message, as JSON.
    Message(&'w str),
    /// The message, and what was let through although it is unknown.
    Warned(&'w str, &'w [&'w str]),
    /// Violations: field, reason, a part of the description.
    Refused(&'w [(&'w str, Reason, &'w str)]),
}

impl Rule {
    /// Runs a request and panics if something else than expected comes of it.
    pub fn check(&self, what: &str, request: Request<'_>, want: Want<'_>) {
        let parts = RequestParts {
            captures: request.path.iter().copied(),
            query: Some(request.query).filter(|query| !query.is_empty()),
            body: request.body.as_bytes(),
            content_type: request.content_type,
        };
        let options = EncodeOptions { unknown: request.unknown, ..EncodeOptions::default() };
        let mut out = b"before".to_vec();
        let result = self.plan.encode(parts, &options, &mut out);
        let wire = out.strip_prefix(b"before").unwrap();
        match (result, want) {
            (Ok(encoded), Want::Message(json)) => {
                assert_eq!(encoded.unknown, [""; 0], "{what}: warnings");
                assert_eq!(self.read(wire), parse(json), "{what}");
            }
            (Ok(encoded), Want::Warned(json, unknown)) => {
                assert_eq!(encoded.unknown, unknown, "{what}: warnings");
                assert_eq!(self.read(wire), parse(json), "{what}");
            }
            (Err(error), Want::Refused(violations)) => {
                assert!(wire.is_empty(), "{what}: a refusal leaves nothing behind");
                let found: Vec<_> = error.violations.iter().map(|v| (v.field.as_str(), v.reason)).collect();
                let wanted: Vec<_> = violations.iter().map(|(field, reason, _)| (*field, *reason)).collect();
                assert_eq!(found, wanted, "{what}: {error}");
                for (violation, (_, _, part)) in error.violations.iter().zip(violations) {
                    assert!(violation.description.contains(part), "{what}: {part:?} in {violation}");
                }
            }
            (Ok(_), Want::Refused(_)) => panic!("{what}: taken as {}", self.read(wire)),
            (Err(error), _) => panic!("{what}: {error}"),
        }
    }

    /// The message as prost-reflect reads it.
    fn read(&self, wire: &[u8]) -> Value {
        let message = DynamicMessage::decode(self.plan.message().descriptor().clone(), wire).unwrap();
        assert_eq!(message.unknown_fields().count(), 0, "{message}");
        serde_json::to_value(&message).unwrap()
    }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}
