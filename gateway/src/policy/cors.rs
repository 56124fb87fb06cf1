//! Cross-origin resource sharing: which pages may call, as browsers ask (the Fetch standard, section 3.2).

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN, VARY,
};
use http::{HeaderName, HeaderValue, Method, Uri};

use super::finding::{Finding, Problem};

/// What a preflight's answer depends on.
const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// Sharing with other origins, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsSpec {
    /// Whose pages may call.
    pub origins: Vec<OriginPattern>,
    /// With which methods; empty: those that the path takes.
    pub methods: Vec<Method>,
    /// With which headers, beside those that are always allowed.
    pub headers: AllowedHeaders,
    /// Headers of the answer that pages may read, beside those that they always may.
    pub expose: Vec<HeaderName>,
    /// How long browsers may remember the answer.
    pub max_age: Option<Duration>,
    /// Whether pages may act with the user's cookies and certificates.
    pub credentials: bool,
}

/// Which headers pages may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHeaders {
    /// `*`: whatever the page asks for, `authorization` included.
    Any,
    /// These.
    List(Vec<HeaderName>),
}

/// Whose pages may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// `https://shop.example`
    Exact(HeaderValue),
    /// `https://*.shop.example:8443`: every host below the domain, not the domain itself.
    Subdomains {
        /// `https://`
        scheme: Box<str>,
        /// `.shop.example:8443`
        suffix: Box<str>,
    },
}

impl OriginPattern {
    /// Reads the form that the file writes.
    ///
    /// # Errors
    /// When it is no origin: a scheme, a host, perhaps a port, nothing behind them.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let bad = || Problem::Origin(text.to_owned());
        // Browsers write origins in lower case.
        let lower = text.to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://").ok_or_else(bad)?;
        let (host, wild) = match rest.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (rest, false),
        };
        let uri: Uri = format!("{scheme}://{host}").parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?.as_str();
        if authority != host || host.contains(['*', '@']) || uri.query().is_some() {
            return Err(bad());
        }
        if wild {
            return Ok(Self::Subdomains {
                scheme: format!("{scheme}://").into(),
                suffix: format!(".{host}").into(),
            });
        }
        HeaderValue::try_from(lower).map(Self::Exact).map_err(|_| bad())
    }

    fn matches(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == origin,
            Self::Subdomains { scheme, suffix } => origin
                .to_str()
                .ok()
                .and_then(|text| text.strip_prefix(&**scheme)?.strip_suffix(&**suffix))
                .is_some_and(is_host),
        }
    }
}

/// Labels of a host name: nothing that could end the host early.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
}

/// Sharing with other origins, compiled: header values are made once.
#[derive(Debug)]
pub struct Cors {
    origins: Vec<OriginPattern>,
    /// `*` without credentials is told as such, so that caches may share the answer.
    any: bool,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    echo_headers: bool,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    credentials: bool,
}

impl Cors {
    /// Compiles a spec.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(spec: &CorsSpec) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        if spec.origins.is_empty() {
            findings.push(Finding::new("origins", Problem::NoOrigin));
        }
        let any = spec.origins.contains(&OriginPattern::Any);
        if any && spec.credentials {
            findings.push(Finding::new("credentials", Problem::CredentialsForAll));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let listed = match &spec.headers {
            AllowedHeaders::Any => &[],
            AllowedHeaders::List(names) => names.as_slice(),
        };
        Ok(Self {
            origins: spec.origins.clone(),
            any,
            methods: joined(spec.methods.iter().map(Method::as_str)),
            headers: joined(listed.iter().map(HeaderName::as_str)),
            echo_headers: spec.headers == AllowedHeaders::Any,
            expose: joined(spec.expose.iter().map(HeaderName::as_str)),
            max_age: spec.max_age.map(|age| HeaderValue::from(age.as_secs())),
            credentials: spec.credentials,
        })
    }

    /// Whether a request is a preflight: an OPTIONS whose headers say so. It carries no credentials, so it is answered
    /// before any other policy.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The headers of the answer to a preflight, which is a 204. `allowed` are the methods that the path takes, as in
    /// `Allow`. Pages of other origins are told nothing.
    pub fn preflight(&self, request: &HeaderMap, allowed: &str) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(VARY, PREFLIGHT_VARY);
        let Some(origin) = self.allow_origin(request) else { return headers };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let methods = self.methods.clone().or_else(|| HeaderValue::from_str(allowed).ok());
        let wanted = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let names = if self.echo_headers { wanted.cloned() } else { self.headers.clone() };
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, names),
            (ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        self.allow_credentials(&mut headers);
        headers
    }

    /// Sets the CORS headers of the response to a request, errors included: a page must be able to read why a call failed.
    /// The service's own CORS headers are removed: they could admit origins that the configuration does not name.
    pub fn apply(&self, request: &HeaderMap, response: &mut HeaderMap) {
        remove_cors_headers(response);
        if !self.any {
            // Said without an origin too: a cache must not give one page the answer made for another.
            response.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(origin) = self.allow_origin(request) else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if let Some(expose) = &self.expose {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
        self.allow_credentials(response);
    }

    /// `*`, or the request's origin if its pages may call.
    fn allow_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.iter().any(|pattern| pattern.matches(origin)).then(|| origin.clone())
    }

    fn allow_credentials(&self, headers: &mut HeaderMap) {
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

fn remove_cors_headers(headers: &mut HeaderMap) {
    let is_cors = |name: &HeaderName| name.as_str().starts_with("access-control-");
    while let Some(name) = headers.keys().find(|name| is_cors(name)).cloned() {
        headers.remove(name);
    }
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let list = names.collect::<Vec<_>>().join(", ");
    if list.is_empty() { None } else { HeaderValue::try_from(list).ok() }
}

#[cfg(test)]
mod tests;
