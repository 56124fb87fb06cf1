//! google.api.http path templates, and the table that matches them.
//!
//! A [`Template`] is a parsed `google.api.http` path such as `/v1/{name=shelves/*/books/**}:archive`. A [`Table`]
//! is an immutable set of routes, each a method and a template with a value of the caller's, that answers which
//! of them takes a request:
//!
//! ```
//! use http_rule::{Lookup, TableBuilder, Template};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = TableBuilder::new();
//! builder.insert("GET".into(), Template::parse("/users/{user_id}")?, "GetUser");
//! builder.insert("POST".into(), Template::parse("/orders/{order_id}:cancel")?, "CancelOrder");
//! builder.insert("GET".into(), Template::parse("/files/{name=**}")?, "GetFile");
//! let (table, findings) = builder.build();
//! assert!(findings.is_empty());
//!
//! let Lookup::Found(found) = table.lookup("GET", "/users/J%C3%BCrgen")? else { panic!("no route") };
//! assert_eq!(*found.value, "GetUser");
//! assert_eq!(found.captures.get(0), Some("Jürgen"));
//!
//! // A capture of several segments keeps `%2F`, so that its segments stay apart.
//! let Lookup::Found(found) = table.lookup("GET", "/files/a/b%2Fc%20d")? else { panic!("no route") };
//! assert_eq!(found.captures.get(0), Some("a/b%2Fc d"));
//!
//! // The path exists, under other methods.
//! let Lookup::MethodNotAllowed(allowed) = table.lookup("PUT", "/users/7")? else { panic!("a route") };
//! assert_eq!(allowed.to_string(), "GET, HEAD");
//!
//! // Such a path is refused before any route is looked at.
//! assert!(table.lookup("GET", "/files/%2e%2e/secret").is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Templates
//!
//! ```text
//! Template  = "/" [ Segments [ Verb ] ] ;
//! Segments  = Segment { "/" Segment } ;
//! Segment   = "*" | "**" | LITERAL | Variable ;
//! Variable  = "{" FieldPath [ "=" Segments ] "}" ;
//! FieldPath = IDENT { "." IDENT } ;
//! Verb      = ":" LITERAL ;
//! ```
//!
//! * `*` takes exactly one segment, and never an empty one. `{x}` is `{x=*}`.
//! * `**` takes any number of segments, none and empty ones included, wherever it stands: `/a/**/b` matches `/a/b`,
//!   `/a/x/b` and `/a/x/y/b`. There is at most one, alone or within a variable. The segments after it, its tail, match
//!   the last segments of the path: `/v1/{parent=docs/**}/{id}` splits `/v1/docs/a/b` into `docs/a` and `b`.
//!   (`google/api/http.proto` has `**` last only; a tail of fixed length leaves nothing ambiguous.)
//! * Literals are compared in a normal form: escapes of unreserved characters are decoded, the hex digits of the
//!   others are upper case, and what may not stand in a path is escaped. `%41` is `A`; `%3a` is `%3A` but not `:`.
//! * `/` alone is the template of the root.
//!
//! # Which route wins
//!
//! The order of insertion never matters.
//!
//! 1. A route with a verb matches a path whose last segment ends in `:VERB` (a colon as it is, not `%3A`) and whose
//!    rest matches the template; such a route is preferred to all routes without a verb. No other route notices
//!    the verb: to it the colon is data.
//! 2. Templates are compared segment by segment from the left: a literal beats `*`, which beats `**`. Among
//!    templates that are equal up to `**`, the one with the longer tail wins; tails of one length are compared segment by
//!    segment from the left.
//! 3. On one template, a route for the request's own method beats GET answering HEAD, which beats a route for any
//!    method.
//!
//! A route that has the path but not the method does not end the search: less specific routes are tried, and only
//! when none takes the request is the answer [`Lookup::MethodNotAllowed`].
//!
//! # Paths
//!
//! A trailing slash is an empty last segment: only `**` takes it. `//` likewise. Malformed escapes, escapes that are
//! not UTF-8, dot segments (escaped ones too) and paths over the limits are a [`PathError`], whatever the routes. A
//! path that does not begin with `/` matches nothing.
//!
//! # Cost
//!
//! The table is a trie with a hash map at each node; a lookup visits a node at most once, whatever the path, and
//! only nodes whose segments match, so that its cost does not depend on the number of routes and no path makes
//! it explode. It allocates nothing for paths of up to 16 segments, 4 captures and no escapes.
#![forbid(unsafe_code)]

mod captures;
mod escape;
mod hash;
mod inline;
mod overlap;
mod path;
mod precedence;
mod table;
mod template;

pub use captures::Captures;
pub use overlap::contest;
pub use path::{MAX_PATH_BYTES, MAX_SEGMENTS, PathError};
pub use table::{
    Allowed, Candidate, EXPLAIN_LIMIT, Finding, Found, Lookup, MethodPattern, Outcome, Route, Table,
    TableBuilder, Wanted,
};
pub use template::{Segment, Template, TemplateError, TemplateErrorKind, Variable};
