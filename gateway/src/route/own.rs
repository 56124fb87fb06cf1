//! The paths on which the gateway answers itself, before any route: its health, its probes, and the page of its API.

/// Where the gateway answers itself. `None` is nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnPaths {
    /// The path of the health answer.
    pub health: Option<String>,
    /// The path of the liveness probe.
    pub live: Option<String>,
    /// The path of the readiness probe.
    pub ready: Option<String>,
    /// The path of the page, with what it is made of below.
    pub docs: Option<DocsPath>,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Its health.
    Health,
    /// The liveness probe: 200 while the process serves requests.
    Live,
    /// The readiness probe: 200 until the gateway drains.
    Ready,
    /// The page of its API, or a part of it.
    Docs(DocsFile),
}

/// One list of methods made of several, sorted, as in `Allow`.
pub fn allowed<'l>(lists: impl IntoIterator<Item = &'l str>) -> String {
    let methods = lists.into_iter().flat_map(|list| list.split(", "));
    let mut methods: Vec<&str> = methods.filter(|method| !method.is_empty()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

impl Own {
    /// The methods that a path takes for what the gateway answers there itself.
    pub fn methods(own: Option<Self>) -> &'static str {
        own.map_or("", |_| "GET, HEAD")
    }

    /// The key of routes.yaml that says where it is.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Live | Self::Ready => "probes",
            Self::Docs(_) => "docs",
        }
    }
}

impl OwnPaths {
    /// What the gateway answers on this path, which is as it came: still escaped, without a query.
    pub fn find(&self, path: &str) -> Option<Own> {
        if let Some((_, own)) = self.plain().find(|(known, _)| *known == path) {
            return Some(own);
        }
        self.docs.as_ref()?.find(path).map(Own::Docs)
    }

    /// The paths that hold one answer each.
    fn plain(&self) -> impl Iterator<Item = (&str, Own)> {
        let paths = [(&self.health, Own::Health), (&self.live, Own::Live), (&self.ready, Own::Ready)];
        paths.into_iter().filter_map(|(path, own)| Some((path.as_deref()?, own)))
    }

    /// All of these paths.
    pub fn all(&self) -> impl Iterator<Item = (String, Own)> {
        let plain = self.plain().map(|(path, own)| (path.to_owned(), own));
        let docs = self.docs.iter().flat_map(DocsPath::all);
        plain.chain(docs.map(|(path, file)| (path, Own::Docs(file))))
    }
}

/// What the page of the API is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocsFile {
    /// The page.
    Page,
    /// The OpenAPI document that it shows.
    Document,
    /// What starts it.
    Start,
    /// The program that renders the document.
    Program,
    /// How that looks.
    Style,
    /// How it looks in the dark.
    Theme,
    /// The licences of what the program contains.
    Licences,
}

/// The files by their names below the page, which also ends in a slash.
const FILES: [(&str, DocsFile); 7] = [
    ("", DocsFile::Page),
    ("openapi.json", DocsFile::Document),
    ("start.js", DocsFile::Start),
    ("swagger-ui-bundle.js", DocsFile::Program),
    ("swagger-ui.css", DocsFile::Style),
    ("theme.css", DocsFile::Theme),
    ("swagger-ui-bundle.js.LICENSE.txt", DocsFile::Licences),
];

/// The path of the page: `/docs`, `/` for the root. Its segments are such that it needs no escaping, in a URL or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocsPath(
    /// Without a slash at the end, so that the root is empty.
    String,
);

/// A path that the page can't be at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocsPathError {
    /// It does not begin with a slash.
    #[error("it does not begin with a slash")]
    Relative,
    /// It ends in a slash. With what was probably meant.
    #[error("it ends in a slash")]
    Slash(String),
    /// Two slashes, or a segment that clients resolve before they ask.
    #[error("`{0}` is no segment of a path")]
    Segment(String),
    /// A character that means something in templates, or has to be escaped.
    #[error("`{0}` cannot stand in it")]
    Character(char),
}

impl DocsPath {
    /// Reads a path.
    ///
    /// # Errors
    /// When it is not one of plain segments.
    pub fn parse(path: &str) -> Result<Self, DocsPathError> {
        let Some(segments) = path.strip_prefix('/') else { return Err(DocsPathError::Relative) };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '/');
        if let Some(character) = path.chars().find(|c| !plain(*c)) {
            return Err(DocsPathError::Character(character));
        }
        if segments.is_empty() {
            return Ok(Self(String::new()));
        }
        if let Some(meant) = path.strip_suffix('/').filter(|meant| Self::parse(meant).is_ok()) {
            return Err(DocsPathError::Slash(meant.to_owned()));
        }
        match segments.split('/').find(|segment| matches!(*segment, "" | "." | "..")) {
            Some(segment) => Err(DocsPathError::Segment(segment.to_owned())),
            None => Ok(Self(path.to_owned())),
        }
    }

    /// The path as the configuration has it.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "/" } else { &self.0 }
    }

    /// What the names of the page's files stand behind: `/docs/`.
    pub fn folder(&self) -> String {
        format!("{}/", self.0)
    }

    fn find(&self, path: &str) -> Option<DocsFile> {
        let below = path.strip_prefix(&*self.0)?;
        if below.is_empty() {
            return Some(DocsFile::Page);
        }
        let name = below.strip_prefix('/')?;
        FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
    }

    fn all(&self) -> impl Iterator<Item = (String, DocsFile)> {
        let page = (!self.0.is_empty()).then(|| (self.0.clone(), DocsFile::Page));
        let below = FILES.iter().map(|(name, file)| (format!("{}/{name}", self.0), *file));
        page.into_iter().chain(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_at_a_path_of_plain_segments() {
        for good in ["/docs", "/", "/internal/api-docs", "/v1.2/~docs_", "/..."] {
            assert_eq!(DocsPath::parse(good).unwrap().as_str(), good);
        }
        for (bad, error) in [
            ("", DocsPathError::Relative),
            ("docs", DocsPathError::Relative),
            ("/docs/", DocsPathError::Slash("/docs".to_owned())),
            ("//", DocsPathError::Slash("/".to_owned())),
            ("//docs", DocsPathError::Segment(String::new())),
            ("/docs//", DocsPathError::Segment(String::new())),
            ("/a/../docs", DocsPathError::Segment("..".to_owned())),
            ("/{docs}", DocsPathError::Character('{')),
            ("/docs?x", DocsPathError::Character('?')),
            ("/do cs", DocsPathError::Character(' ')),
            ("/döcs", DocsPathError::Character('ö')),
            ("/%64ocs", DocsPathError::Character('%')),
            ("/\"><script>", DocsPathError::Character('"')),
        ] {
            assert_eq!(DocsPath::parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn lists_of_methods_become_one() {
        assert_eq!(
            allowed(["GET, HEAD, POST", "", Own::methods(Some(Own::Health)), "DELETE"]),
            "DELETE, GET, HEAD, POST"
        );
        assert_eq!(allowed(["", Own::methods(None)]), "");
    }

    #[test]
    fn every_path_of_its_own_is_found_and_no_other() {
        for docs in ["/docs", "/", "/a/b"] {
            let own = OwnPaths {
                health: Some("/health".to_owned()),
                live: Some("/live".to_owned()),
                ready: Some("/ready".to_owned()),
                docs: Some(DocsPath::parse(docs).unwrap()),
            };
            for (path, what) in own.all() {
                assert_eq!(own.find(&path), Some(what), "{path}");
            }
            assert_eq!(own.find("/health"), Some(Own::Health));
            let document = format!("{}/openapi.json", docs.trim_end_matches('/'));
            assert_eq!(own.find(&document), Some(Own::Docs(DocsFile::Document)));
            for other in ["/docsy", "/doc", "/docs//", "/docs/openapi.jso", "/a", "/a/b/c", "*", "/health/"] {
                assert_eq!(own.find(other), None, "{other} with {docs}");
            }
        }
        assert_eq!(OwnPaths::default().find("/docs"), None);
    }
}
