//! Header rules: which of the client's headers become metadata, and what is set and removed on both ways.

mod forward;
mod spelling;

use std::sync::Arc;

use http::header::{self, HeaderMap};
use http::{HeaderName, HeaderValue};

pub use forward::{ForwardRules, HeaderPattern, HeaderRename};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
pub(super) use spelling::{Spellings, fold};

use super::finding::Problem;

/// Header rules as they are declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadersSpec {
    /// Which headers of the client become metadata; `None` is the default: `x-*`, `accept-language`, `user-agent`.
    pub forward: Option<Vec<HeaderPattern>>,
    /// What is done to the metadata of the call.
    pub request: Edits,
    /// What is done to the headers of the answer, of errors too.
    pub response: Edits,
}

/// Headers to set and to remove. What is set wins over what is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    set: Vec<(HeaderName, HeaderValue)>,
    remove: Vec<HeaderName>,
}

/// Which way a header goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the call, as metadata.
    Request,
    /// With the answer.
    Response,
}

impl Edits {
    /// Sets a header, instead of whatever was there.
    ///
    /// # Errors
    /// When it is no header, or not one that may be touched.
    pub fn set(&mut self, way: Way, name: &str, value: &str) -> Result<(), Problem> {
        let name = editable(way, name)?;
        let text = HeaderValue::from_str(value).ok().filter(|value| value.to_str().is_ok());
        let text = text.filter(|text| !is_padded(text.as_bytes()));
        let text = text.filter(|text| way == Way::Response || is_metadata(&name, text));
        let text = text.ok_or_else(|| Problem::HeaderValue(name.to_string()))?;
        self.set.push((name, text));
        Ok(())
    }

    /// Removes a header.
    ///
    /// # Errors
    /// When it is no header, or not one that may be touched.
    pub fn remove(&mut self, way: Way, name: &str) -> Result<(), Problem> {
        self.remove.push(editable(way, name)?);
        Ok(())
    }

    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// The names that it sets or removes.
    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.set.iter().map(|(name, _)| name).chain(&self.remove)
    }

    /// Does it.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }
}

fn editable(way: Way, text: &str) -> Result<HeaderName, Problem> {
    let name: HeaderName = text.parse().map_err(|_| Problem::HeaderName(text.to_owned()))?;
    let free = match way {
        Way::Request => is_settable(&name),
        Way::Response => is_returnable(&name),
    };
    if free { Ok(name) } else { Err(Problem::HeaderReserved(name.to_string())) }
}

/// Whether configuration may set this metadata: not what HTTP, gRPC or the gateway itself writes.
pub fn is_settable(name: &HeaderName) -> bool {
    !forward::is_never_forwarded(&fold(name))
}

/// Whether an answer may be given this header: not one of the connection, nor one that describes the body's bytes.
pub(super) fn is_returnable(name: &HeaderName) -> bool {
    !is_hop_by_hop(name.as_str()) && *name != header::CONTENT_LENGTH && *name != header::CONTENT_ENCODING
}

/// Headers of one connection (RFC 9110 section 7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a value can be metadata: printable ASCII, or base64 under a name in `-bin` (the gRPC protocol,
/// "Custom-Metadata").
pub(super) fn is_metadata(name: &HeaderName, value: &HeaderValue) -> bool {
    if name.as_str().ends_with("-bin") {
        let bytes = value.as_bytes();
        return base64_simd::STANDARD.check(bytes).is_ok()
            || base64_simd::STANDARD_NO_PAD.check(bytes).is_ok();
    }
    is_plain(value.as_bytes())
}

/// Whether text can be metadata as it is. A server that reads HTTP/2 strictly ends the connection, and with it the calls of
/// others, over a value that begins or ends with a blank (RFC 9113 section 8.2.1).
pub(super) fn is_plain(text: &[u8]) -> bool {
    is_printable(text) && !is_padded(text)
}

fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (0x20..=0x7e).contains(byte))
}

fn is_padded(bytes: &[u8]) -> bool {
    bytes.trim_ascii().len() < bytes.len()
}

/// How values that a policy sends upstream are written. Names in `-bin` have base64 whatever the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// As they are. A value that is not printable ASCII, or begins or ends with a blank, refuses its request.
    #[default]
    None,
    /// Percent-encoded (RFC 3986 section 2.1): `%` and all bytes that are not printable ASCII, in every value, and the blanks
    /// of one that begins or ends with a blank.
    Percent,
}

impl Encoding {
    /// The word for it in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Percent => "percent",
        }
    }
}

/// What [`Encoding::Percent`] encodes, beside all that is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');
/// The same, of a value that begins or ends with a blank.
const ENCODED_PADDED: &AsciiSet = &ENCODED.add(b' ');

/// Returns text as the metadata of this name: base64 under a name in `-bin`, else as `encoding` says; `None` if metadata
/// cannot carry it.
pub(super) fn metadata_value(name: &HeaderName, text: &[u8], encoding: Encoding) -> Option<HeaderValue> {
    let encoded = match encoding {
        _ if name.as_str().ends_with("-bin") => base64_simd::STANDARD_NO_PAD.encode_to_string(text),
        Encoding::Percent if is_padded(text) => percent_encode(text, ENCODED_PADDED).to_string(),
        Encoding::Percent => percent_encode(text, ENCODED).to_string(),
        Encoding::None => return HeaderValue::from_bytes(text).ok().filter(|_| is_plain(text)),
    };
    HeaderValue::try_from(encoded).ok()
}

/// Returns what a service set as the metadata of this name. Unlike [`metadata_value`], it takes printable text under a name
/// in `-bin` for the base64 that a service writes for Envoy, and returns `None` if it is not base64.
pub(super) fn service_value(name: &HeaderName, value: &[u8], encoding: Encoding) -> Option<HeaderValue> {
    if name.as_str().ends_with("-bin") && is_printable(value) {
        return HeaderValue::from_bytes(value).ok().filter(|value| is_metadata(name, value));
    }
    metadata_value(name, value, encoding)
}

/// Header rules, compiled.
#[derive(Debug)]
pub(super) struct Headers {
    pub(super) forward: Arc<ForwardRules>,
    pub(super) request: Edits,
    pub(super) response: Edits,
}

impl Headers {
    /// Compiles the rules. Clients reach the service neither with the names in `stripped`, which the gateway vouches for,
    /// nor with those that the rules set or remove.
    pub(super) fn compile(spec: &HeadersSpec, mut stripped: Spellings) -> Self {
        let forward = spec.forward.as_deref().map(ForwardRules::new).unwrap_or_default();
        stripped.extend(spec.request.names());
        let forward = forward.without(stripped);
        Self { forward: Arc::new(forward), request: spec.request.clone(), response: spec.response.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_remove_and_set() {
        let mut edits = Edits::default();
        edits.set(Way::Request, "X-Team", "orders").unwrap();
        edits.remove(Way::Request, "x-debug").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-team", HeaderValue::from_static("theirs"));
        headers.append("x-team", HeaderValue::from_static("also theirs"));
        headers.insert("x-debug", HeaderValue::from_static("1"));
        headers.insert("x-other", HeaderValue::from_static("1"));
        edits.apply(&mut headers);
        let all: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(all, [("x-team", "orders"), ("x-other", "1")]);
    }

    #[test]
    fn what_belongs_to_the_protocol_is_not_for_rules() {
        let reserved = |name: &str| Err(Problem::HeaderReserved(name.to_owned()));
        for name in
            ["host", "connection", "te", "grpc-timeout", "content-type", "x-request-id", "x-forwarded-for"]
        {
            assert_eq!(Edits::default().set(Way::Request, name, "v"), reserved(name));
        }
        for name in ["connection", "transfer-encoding", "content-length"] {
            assert_eq!(Edits::default().set(Way::Response, name, "v"), reserved(name));
            assert_eq!(Edits::default().remove(Way::Response, name), reserved(name));
        }
        assert_eq!(
            Edits::default().set(Way::Response, "content-security-policy", "default-src 'none'"),
            Ok(())
        );
        assert_eq!(Edits::default().remove(Way::Response, "x-request-id"), Ok(()));
    }

    #[test]
    fn values_must_fit() {
        let value = |name: &str| Err(Problem::HeaderValue(name.to_owned()));
        assert_eq!(Edits::default().set(Way::Request, "x-a", "two\nlines"), value("x-a"));
        assert_eq!(Edits::default().set(Way::Request, "x-a", "Grüße"), value("x-a"));
        for padded in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(Edits::default().set(Way::Request, "x-a", padded), value("x-a"));
            assert_eq!(Edits::default().set(Way::Response, "x-a", padded), value("x-a"));
        }
        assert_eq!(Edits::default().set(Way::Request, "x-a-bin", "!"), value("x-a-bin"));
        assert_eq!(Edits::default().set(Way::Request, "x-a-bin", "aGk"), Ok(()));
        assert_eq!(Edits::default().set(Way::Request, "a b", "v"), Err(Problem::HeaderName("a b".into())));
        let bin = HeaderName::from_static("x-name-bin");
        let text = HeaderName::from_static("x-name");
        for (name, value, none, percent) in [
            (&text, "a b", Some("a b"), Some("a b")),
            (&text, "", Some(""), Some("")),
            (&text, " ", None, Some("%20")),
            (&text, " a b", None, Some("%20a%20b")),
            (&text, "a\t", None, Some("a%09")),
            (&text, "100%", Some("100%"), Some("100%25")),
            (&text, "Grüße", None, Some("Gr%C3%BC%C3%9Fe")),
            (&text, "a\r\nb\t\u{7f}", None, Some("a%0D%0Ab%09%7F")),
            (&bin, "Grüße", Some("R3LDvMOfZQ"), Some("R3LDvMOfZQ")),
            (&bin, " a ", Some("IGEg"), Some("IGEg")),
            (&bin, "root", Some("cm9vdA"), Some("cm9vdA")),
        ] {
            for (encoding, expected) in [(Encoding::None, none), (Encoding::Percent, percent)] {
                let written = metadata_value(name, value.as_bytes(), encoding);
                let written = written.as_ref().map(|value| value.to_str().unwrap());
                assert_eq!(written, expected, "{name}: {value} {encoding:?}");
            }
        }
        // Servers for Envoy write base64 themselves.
        for (value, expected) in
            [("R3LDvMOfZQ", Some("R3LDvMOfZQ")), ("Grüße", Some("R3LDvMOfZQ")), ("a b", None)]
        {
            let written = service_value(&bin, value.as_bytes(), Encoding::None);
            assert_eq!(written.as_ref().map(|value| value.to_str().unwrap()), expected, "{value}");
        }
    }
}
