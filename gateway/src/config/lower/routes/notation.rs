//! Path variables and patterns as other systems write them, and how they are written here.

use http_rule::Template;

/// What to write instead of a path in the notation of another system. `None` if it is not recognized, or if what it would
/// become is not a path template.
pub(super) fn help(path: &str) -> Option<String> {
    let path = path.trim();
    if is_regular_expression(path) {
        return Some(
            "paths are templates, not regular expressions: `*` matches one segment, `**` any number of them, and `{name}` fills \
             the field `name`, whose type decides which values are accepted"
                .to_owned(),
        );
    }
    let segments: Vec<String> = path.split('/').map(segment).collect();
    let written = segments.join("/");
    if written == path {
        return None;
    }
    let written = if written.starts_with('/') { written } else { format!("/{written}") };
    if Template::parse(&written).is_err() {
        return None;
    }
    let typed = path.contains([':', '<', '(']) && path.contains(['{', '<', '(']);
    let why = if typed { "; the type of the field decides which values are accepted" } else { "" };
    Some(format!("a path variable is written `{{name}}`: write `{written}`{why}"))
}

/// A literal segment that is a variable in other systems: `$name`.
pub(super) fn dollar_name(path: &str) -> Option<&str> {
    path.split('/').find(|segment| segment.strip_prefix('$').is_some_and(is_name))
}

fn is_regular_expression(path: &str) -> bool {
    let starts = path.starts_with(['^', '~']) || path.starts_with("(?");
    let group = path.contains("(?")
        || path.contains(".*")
        || path.contains(".+")
        || path.contains("\\d")
        || path.contains("[^");
    let in_braces =
        path.find('{').is_some_and(|open| path.get(open..).is_some_and(|rest| rest.contains(':')));
    starts || (group && !in_braces)
}

/// One segment, its variable rewritten; other segments are kept.
fn segment(text: &str) -> String {
    // Next.js: `[[...name]]`, `[...name]`, `[name]`.
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let inner = inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner);
        return match inner.strip_prefix("...") {
            Some(name) if is_name(name) => format!("{{{name}=**}}"),
            None if is_name(inner) => format!("{{{inner}}}"),
            _ => text.to_owned(),
        };
    }
    // Flask and Django: `<name>`, `<int:name>`, `<path:name>`.
    if let Some(inner) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        let (kind, name) = inner.split_once(':').unwrap_or(("", inner));
        return match (kind, is_name(name)) {
            ("path", true) => format!("{{{name}=**}}"),
            (_, true) => format!("{{{name}}}"),
            _ => text.to_owned(),
        };
    }
    // Ruby and JavaScript: `#{name}`, `${name}`; templates: `{{name}}`.
    let braced = text.strip_prefix(['#', '$']).unwrap_or(text);
    if let Some(inner) = braced.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let inner = inner.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(inner).trim();
        // `{name:int}`, `{name:[0-9]+}`, `{name:path}`; `{name?}`; `{name...}`, `{name+}`, `{+name}`, `{name*}`, `{*name}`.
        let (name, kind) = inner.split_once(':').unwrap_or((inner, ""));
        let many = ["...", "+", "*"].iter().find_map(|mark| {
            name.strip_suffix(mark).or_else(|| name.strip_prefix(mark)).filter(|name| is_name(name))
        });
        let name = name.trim_end_matches('?');
        return match many {
            Some(name) => format!("{{{name}=**}}"),
            None if is_name(name) && matches!(kind, "path" | ".*" | ".+") => format!("{{{name}=**}}"),
            None if is_name(name) => format!("{{{name}}}"),
            None => text.to_owned(),
        };
    }
    // Express and Rails: `:name`, `:name(\d+)`, `*name`; Dart and others: `@name`.
    if let Some(name) = text.strip_prefix(':') {
        let name = name.split('(').next().unwrap_or(name).trim_end_matches(['?', '+', '*']);
        return if is_name(name) { format!("{{{name}}}") } else { text.to_owned() };
    }
    if let Some(name) = text.strip_prefix('*').filter(|name| is_name(name)) {
        return format!("{{{name}=**}}");
    }
    text.to_owned()
}

/// A field path of the request message.
fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    !text.is_empty() && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_other_systems_are_written_in_braces() {
        for (foreign, written) in [
            ("/v1/books/[name]", "/v1/books/{name}"),
            ("/v1/books/[...name]", "/v1/books/{name=**}"),
            ("/v1/books/[[...name]]", "/v1/books/{name=**}"),
            ("/v1/books/<name>", "/v1/books/{name}"),
            ("/v1/books/<int:book_id>/pages/<page>", "/v1/books/{book_id}/pages/{page}"),
            ("/files/<path:file>", "/files/{file=**}"),
            ("/v1/books/:name", "/v1/books/{name}"),
            ("/v1/books/:name(\\\\w+)", "/v1/books/{name}"),
            ("/files/*file", "/files/{file=**}"),
            ("/v1/books/${name}", "/v1/books/{name}"),
            ("/v1/books/#{book.name}", "/v1/books/{book.name}"),
            ("/v1/books/{{name}}", "/v1/books/{name}"),
            ("/v1/books/{name:[0-9]+}", "/v1/books/{name}"),
            ("/v1/books/{id:int}", "/v1/books/{id}"),
            ("/v1/books/{id?}", "/v1/books/{id}"),
            ("/files/{file...}", "/files/{file=**}"),
            ("/files/{file+}", "/files/{file=**}"),
            ("/files/{+file}", "/files/{file=**}"),
            ("/files/{*file}", "/files/{file=**}"),
            ("/files/{file:path}", "/files/{file=**}"),
            ("v1/books/:name", "/v1/books/{name}"),
        ] {
            let help = help(foreign).unwrap_or_default();
            assert!(help.contains(&format!("write `{written}`")), "{foreign}: {help}");
        }
    }

    #[test]
    fn regular_expressions_get_the_wildcards() {
        for path in ["^/v1/books/.*$", "/v1/(?P<name>[^/]+)", "~ ^/v1", "/v1/books/.*", "/v1/books/\\\\d+"] {
            assert!(help(path).is_some_and(|help| help.contains("not regular expressions")), "{path}");
        }
    }

    #[test]
    fn what_is_right_or_cannot_be_read_is_left_alone() {
        for path in ["/v1/{name}", "/v1/{name=shelves/*}", "/v1/*", "/v1/{}", "/v1/{a b}", "/v1/[a-z]", ""] {
            assert_eq!(help(path), None, "{path}");
        }
        assert_eq!(dollar_name("/v1/$name/x"), Some("$name"));
        assert_eq!(dollar_name("/v1/$5/$-/a$b"), None);
    }
}
