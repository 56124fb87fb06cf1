//! What a verified token says of its bearer, and the names by which it is asked for.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::finding::Problem;

/// The name of a claim, or a path into one: `sub`, `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimName(Arc<str>);

impl ClaimName {
    /// Takes a claim's name.
    ///
    /// # Errors
    /// When it is empty, or has white space at an end.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() || text.trim() != text {
            return Err(Problem::ClaimName(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The claims of a token whose signature, times, issuer and audience have been found good.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) const fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn find(&self, name: &ClaimName) -> Option<&Value> {
        find(&self.0, name.as_str())
    }

    /// A claim as text: strings as they are, numbers and booleans as JSON writes them, lists with commas between their
    /// items. `None` when the token has no such claim, or `null`.
    pub(super) fn text(&self, name: &ClaimName) -> Option<Cow<'_, str>> {
        text(self.find(name)?)
    }

    /// Whether the token grants this scope, by `scope` (RFC 8693 section 4.2) or a list `scp`.
    pub(super) fn grants(&self, scope: &str) -> bool {
        ["scope", "scp"].into_iter().filter_map(|name| self.0.get(name)).any(|value| match value {
            Value::String(list) => list.split(' ').any(|granted| granted == scope),
            Value::Array(list) => list.iter().any(|granted| granted.as_str() == Some(scope)),
            _ => false,
        })
    }
}

/// A claim by name, else by path. Names may hold dots, as URLs and `kubernetes.io` do: at every level the longest name that
/// leads to a value counts.
fn find<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let (name, rest) = path.split_at(dot);
        find(claims.get(name)?.as_object()?, rest.get(1..)?)
    })
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(text).collect();
            Some(Cow::Owned(items.join(",")))
        }
        other => Some(Cow::Owned(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        Claims::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn claims_are_found_by_name_and_by_path() {
        let claims = claims(json!({
            "sub": "u1", "age": 7, "admin": true, "none": null, "aud": ["a", "b"],
            "realm": {"roles": ["x", "y"]}, "https://shop.example/tenant": "t1", "a.b": "exact", "a": {"b": "path"},
            "kubernetes.io": {"namespace": "ns1", "service.account": {"name": "sa1"}},
            "x.y": {"z": "longest"}, "x": {"y": {"z": "shorter", "w": "shorter"}},
        }));
        let table = [
            ("sub", Some("u1")),
            ("age", Some("7")),
            ("admin", Some("true")),
            ("none", None),
            ("aud", Some("a,b")),
            ("realm.roles", Some("x,y")),
            ("realm", Some(r#"{"roles":["x","y"]}"#)),
            ("https://shop.example/tenant", Some("t1")),
            ("a.b", Some("exact")),
            ("kubernetes.io.namespace", Some("ns1")),
            ("kubernetes.io.service.account.name", Some("sa1")),
            ("kubernetes.io.missing", None),
            ("kubernetes.io", Some(r#"{"namespace":"ns1","service.account":{"name":"sa1"}}"#)),
            ("x.y.z", Some("longest")),
            ("x.y.w", Some("shorter")),
            ("x.", None),
            (".x", None),
            ("sub.x", None),
            ("missing", None),
        ];
        for (name, expected) in table {
            assert_eq!(claims.text(&ClaimName::parse(name).unwrap()).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn scopes_are_whole_words() {
        let table = [
            (json!({"scope": "orders:read users:read"}), true),
            (json!({"scp": ["orders:read"]}), true),
            (json!({"scp": "orders:read"}), true),
            (json!({"scope": ["x"], "scp": ["orders:read"]}), true),
            (json!({"scope": "orders:readall"}), false),
            (json!({"scope": "orders:write"}), false),
            (json!({"scope": 7}), false),
            (json!({}), false),
        ];
        for (value, expected) in table {
            assert_eq!(claims(value.clone()).grants("orders:read"), expected, "{value}");
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(ClaimName::parse("").is_err());
        assert!(ClaimName::parse(" sub").is_err());
    }
}
