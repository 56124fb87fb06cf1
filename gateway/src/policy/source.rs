//! Where a value comes from: `jwt:CLAIM`, `header:NAME`, `const:VALUE`, `request:id`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use super::claims::ClaimName;
use super::finding::Problem;
use super::headers::fold;
use super::request::{Facts, Vouched};

/// Where the gateway takes a value from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// `jwt:CLAIM`, a claim of the caller's token.
    Claim(ClaimName),
    /// `header:NAME`, a header of the request.
    Header(HeaderName),
    /// `const:VALUE`, this text.
    Const(Arc<str>),
    /// `request:id`, the id of the request.
    RequestId,
}

impl Source {
    /// Reads the form that the file writes.
    ///
    /// # Errors
    /// When it is none of the four.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(claim) = text.strip_prefix("jwt:") {
            return ClaimName::parse(claim).map(Self::Claim);
        }
        if let Some(name) = text.strip_prefix("header:") {
            let name = name.parse().map_err(|_| Problem::HeaderName(name.to_owned()))?;
            return Ok(Self::Header(name));
        }
        if let Some(value) = text.strip_prefix("const:") {
            return Ok(Self::Const(value.into()));
        }
        if text == "request:id" {
            return Ok(Self::RequestId);
        }
        Err(Problem::Source(text.to_owned()))
    }

    /// The claim that it asks for.
    pub const fn claim(&self) -> Option<&ClaimName> {
        match self {
            Self::Claim(name) => Some(name),
            _ => None,
        }
    }

    /// The value; `None` when the request or the token has none. A header that comes twice is joined by commas, one that is
    /// not UTF-8 has no value, and one that a policy vouches for has the policy's.
    pub(super) fn read<'a>(&'a self, facts: &Facts<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Claim(name) => facts.claims?.text(name),
            Self::Header(name) => header(facts, name),
            Self::Const(value) => Some(Cow::Borrowed(value)),
            Self::RequestId => facts.request.request_id.to_str().ok().map(Cow::Borrowed),
        }
    }
}

/// A header that a policy vouches for has the policy's value, whatever the client sent under its name.
fn header<'a>(facts: &Facts<'a>, name: &HeaderName) -> Option<Cow<'a, str>> {
    if let Some(Vouched { names, admitted }) = facts.vouched {
        let folded = fold(name);
        if names.contains(&folded) || admitted.names(&folded) {
            return admitted.value(&folded).map(Cow::Borrowed);
        }
    }
    let mut values = facts.request.headers.get_all(name).iter();
    let first = std::str::from_utf8(values.next()?.as_bytes()).ok()?;
    let mut joined = Cow::Borrowed(first);
    for value in values {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        joined = Cow::Owned(format!("{joined},{text}"));
    }
    Some(joined)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(name) => write!(f, "jwt:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Const(value) => write!(f, "const:{value}"),
            Self::RequestId => f.write_str("request:id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_forms_are_read_and_written() {
        for form in ["jwt:sub", "header:x-tenant", "const:a:b", "const:", "request:id"] {
            assert_eq!(Source::parse(form).unwrap().to_string(), form);
        }
        for bad in ["", "sub", "jwt:", "header:", "header:a b", "request:path", "JWT:sub"] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
    }
}
