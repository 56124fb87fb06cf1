//! The page of the API: Swagger UI and the OpenAPI document of the routes that run, made once per snapshot.

mod stored;

use std::io;
use std::sync::Arc;

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::config::GatewayConfig;
use crate::edge::Body;
use crate::openapi;
use crate::proxy::coding::{Coding, Offer};
use crate::route::{DocsFile, DocsPath};

use stored::Stored;

/// Nothing from elsewhere, nothing written into the page, and no page around it. The styles' icons are `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Asked for anew each time, which costs a 304. Everything is compressed already.
const CACHING: HeaderValue = HeaderValue::from_static("no-cache, no-transform");

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The files of the page, ready to be sent.
#[derive(Debug)]
pub(super) struct Docs {
    page: Stored,
    document: Stored,
    fixed: Arc<Fixed>,
    offer: Offer,
}

/// What is the same for every configuration.
#[derive(Debug)]
struct Fixed {
    start: Stored,
    program: Stored,
    style: Stored,
    theme: Stored,
    licences: Stored,
}

impl Docs {
    /// The page of a configuration, if it wants one.
    pub(super) fn of(config: &GatewayConfig, previous: Option<&Self>) -> io::Result<Option<Self>> {
        let Some(path) = &config.own.docs else { return Ok(None) };
        let fixed = match previous {
            Some(previous) => Arc::clone(&previous.fixed),
            None => Arc::new(Fixed::new()?),
        };
        let document = openapi::document(config, &openapi::Options::of(config)).to_string();
        Ok(Some(Self {
            page: Stored::pack(HTML, page(path, &config.docs.title).as_bytes())?,
            document: Stored::pack(JSON, document.as_bytes())?,
            fixed,
            offer: Offer(vec![Coding::Gzip]),
        }))
    }

    /// A file, or that the client has it already.
    pub(super) fn answer(&self, file: DocsFile, client: &HeaderMap) -> Response<Body> {
        let stored = self.file(file);
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.insert(ETAG, stored.tag().clone());
        headers.insert(CACHE_CONTROL, CACHING);
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if has(client, stored.tag()) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(stored.content_type()));
        *response.body_mut() = match self.offer.choose(client) {
            Some(coding) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                Body::full(stored.packed())
            }
            None => Body::full(stored.plain()),
        };
        response
    }

    fn file(&self, file: DocsFile) -> &Stored {
        match file {
            DocsFile::Page => &self.page,
            DocsFile::Document => &self.document,
            DocsFile::Start => &self.fixed.start,
            DocsFile::Program => &self.fixed.program,
            DocsFile::Style => &self.fixed.style,
            DocsFile::Theme => &self.fixed.theme,
            DocsFile::Licences => &self.fixed.licences,
        }
    }
}

impl Fixed {
    fn new() -> io::Result<Self> {
        Ok(Self {
            start: Stored::pack(SCRIPT, include_bytes!("../../assets/docs/start.js"))?,
            program: Stored::packed_before(
                SCRIPT,
                include_bytes!("../../assets/docs/swagger-ui/swagger-ui-bundle.js.gz"),
            ),
            style: Stored::packed_before(
                STYLE,
                include_bytes!("../../assets/docs/swagger-ui/swagger-ui.css.gz"),
            ),
            theme: Stored::pack(STYLE, include_bytes!("../../assets/docs/theme.css"))?,
            licences: Stored::packed_before(
                TEXT,
                include_bytes!("../../assets/docs/swagger-ui/swagger-ui-bundle.js.LICENSE.txt.gz"),
            ),
        })
    }
}

/// The page. A [`DocsPath`] has no character that means something in HTML; a title may have any.
fn page(path: &DocsPath, title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let page = include_str!("../../assets/docs/page.html").replace("{folder}", &path.folder());
    page.replace("{title}", &title)
}

/// Whether the client says that it has this version, in whatever coding (RFC 9110 section 13.1.2).
fn has(client: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = client.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}
