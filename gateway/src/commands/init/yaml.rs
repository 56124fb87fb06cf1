//! A draft as YAML that reads as if a person had written it.

use std::fmt::Write as _;

use super::draft::{Entry, Group, name};
use super::names::UpstreamName;
use super::rest::Binding;
use crate::descriptors::Comments;

/// Columns of comments.
const WIDTH: usize = 110;
/// Lines of one comment that are taken over.
const MOST_LINES: usize = 8;

/// What the file begins with.
pub(super) struct Head<'h> {
    /// What was read, for the first comment.
    pub(super) from: &'h str,
    /// The source under `descriptors`, as it is written.
    pub(super) source: String,
    /// The upstreams, each with its default address.
    pub(super) upstreams: &'h [(UpstreamName, String)],
    /// Services of the gRPC libraries, which are not routed.
    pub(super) infrastructure: &'h [String],
    /// Services without methods.
    pub(super) empty: &'h [String],
}

/// Writes the file. `upstream_of` tells the upstream of a group by its index.
pub(super) fn write(
    head: &Head<'_>,
    groups: &[Group],
    upstream_of: impl Fn(usize) -> Option<usize>,
) -> String {
    let mut out = String::new();
    line(
        &mut out,
        0,
        &format!(
            "# A first routes.yaml, made by `gateway init` from {}; now it is yours.",
            one_line(head.from)
        ),
    );
    line(
        &mut out,
        0,
        "# `gateway check` says what is wrong with it, `gateway routes` shows the table, and saving it puts it live.",
    );
    out.push('\n');
    line(&mut out, 0, "# Where clients connect: HTTP/1.1 and HTTP/2 on the same port.");
    line(&mut out, 0, "listeners:");
    line(&mut out, 1, "- address: 0.0.0.0:3000");
    out.push('\n');
    line(&mut out, 0, "# What the gRPC services look like.");
    line(&mut out, 0, "descriptors:");
    line(&mut out, 1, &format!("- {}", head.source));
    out.push('\n');
    line(&mut out, 0, "# Where the services run. An environment variable overrides each address.");
    if head.upstreams.len() < groups.iter().filter(|group| group.is_live()).count() {
        line(&mut out, 0, "# A service with a server of its own needs an upstream of its own.");
    }
    line(&mut out, 0, "upstreams:");
    for (upstream, address) in head.upstreams {
        line(&mut out, 1, &format!("{}:", scalar(&upstream.name)));
        line(&mut out, 2, &format!("address: {address}"));
    }
    out.push('\n');
    line(&mut out, 0, "# Which upstream serves which gRPC service.");
    line(&mut out, 0, "services:");
    for (index, group) in groups.iter().enumerate().filter(|(_, group)| group.is_live()) {
        let upstream = upstream_of(index).and_then(|index| head.upstreams.get(index));
        let upstream = upstream.map(|(upstream, _)| scalar(&upstream.name)).unwrap_or_default();
        line(&mut out, 1, &format!("{}: {upstream}", scalar(group.service.full_name())));
    }
    for (services, reason) in [
        (head.infrastructure, "because they come with gRPC libraries"),
        (head.empty, "because they have no methods"),
    ] {
        if services.is_empty() {
            continue;
        }
        let text = format!("Left out, {reason}: {}.", services.join(", "));
        for text in wrap(&one_line(&text)) {
            line(&mut out, 1, &format!("# {text}"));
        }
    }
    out.push('\n');
    line(
        &mut out,
        0,
        "# Which request calls which method. Fields of the request come from the path, the body and the query.",
    );
    line(&mut out, 0, "routes:");
    let mut comments = Comments::default();
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let mut title = comment_lines(
            comments.of(&group.service.parent_file(), group.service.path()).unwrap_or_default(),
        );
        title.insert(0, group.service.full_name().to_owned());
        for text in title {
            line(&mut out, 1, format!("# {text}").trim_end());
        }
        if let Some(prefix) = &group.moved {
            line(
                &mut out,
                1,
                &format!("# Below {prefix}: other services have the paths of its annotations."),
            );
        }
        for entry in &group.entries {
            out.push('\n');
            write_entry(
                &mut out,
                entry,
                comments.of(&entry.method.parent_file(), entry.method.path()).unwrap_or_default(),
            );
        }
    }
    out
}

fn write_entry(out: &mut String, entry: &Entry, comment: &str) {
    for text in comment_lines(comment) {
        line(out, 1, format!("# {text}").trim_end());
    }
    for (binding, reason) in &entry.dropped {
        let path = format!("{} {}", binding.method, binding.path);
        line(out, 1, &one_line(&format!("# Left out: `{path}`: {}.", reason.reason)));
    }
    let mut lines = route_lines(entry);
    let prefix = match &entry.left_out {
        None => "",
        Some(reason) => {
            line(out, 1, &format!("# Left out: {}.", one_line(&reason.reason)));
            if entry.bindings.is_empty() {
                lines = vec![format!("{} is not routed.", name(&entry.method))];
            }
            "# "
        }
    };
    for text in lines {
        line(out, 1, &format!("{prefix}{text}"));
    }
}

/// The entry of `routes`, without indentation.
fn route_lines(entry: &Entry) -> Vec<String> {
    let Some((first, more)) = entry.bindings.split_first() else { return Vec::new() };
    let mut lines = Vec::new();
    let keys = binding_keys(first);
    for (index, key) in keys.iter().enumerate() {
        lines.push(format!("{}{key}", if index == 0 { "- " } else { "  " }));
        if index == 0 {
            lines.push(format!("  grpc: {}", scalar(&name(&entry.method))));
        }
    }
    if first.status != 200 {
        lines.push(format!("  status: {}", first.status));
    }
    if !more.is_empty() {
        lines.push("  additional_bindings:".to_owned());
    }
    for binding in more {
        for (index, key) in binding_keys(binding).iter().enumerate() {
            lines.push(format!("    {}{key}", if index == 0 { "- " } else { "  " }));
        }
    }
    lines
}

/// Method and path, and of the rest what is not the default.
fn binding_keys(binding: &Binding) -> Vec<String> {
    let method = binding.method.as_str();
    let rule = match method {
        "GET" | "PUT" | "POST" | "DELETE" | "PATCH" => {
            format!("{}: {}", method.to_lowercase(), scalar(&binding.path))
        }
        other => format!("custom: {{kind: {}, path: {}}}", quoted(other), quoted(&binding.path)),
    };
    let mut keys = vec![rule];
    let default = if matches!(method, "POST" | "PUT" | "PATCH") { "*" } else { "" };
    if binding.body != default {
        keys.push(format!("body: {}", scalar(&binding.body)));
    }
    if !binding.response_body.is_empty() {
        keys.push(format!("response_body: {}", scalar(&binding.response_body)));
    }
    keys
}

fn line(out: &mut String, level: usize, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}{text}", "  ".repeat(level));
}

/// The first paragraph of a comment, in lines of their own width; lists keep their lines.
fn comment_lines(comment: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in comment.lines().map(one_line).skip_while(String::is_empty) {
        let text = text.trim();
        if text.is_empty() {
            break;
        }
        let is_item = ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark));
        match lines.last_mut().filter(|_| !is_item) {
            Some(last) => {
                last.push(' ');
                last.push_str(text);
            }
            None => lines.push(text.to_owned()),
        }
    }
    let mut wrapped: Vec<String> = lines.iter().flat_map(|text| wrap(text)).collect();
    if wrapped.len() > MOST_LINES {
        wrapped.truncate(MOST_LINES);
        if let Some(last) = wrapped.last_mut() {
            last.push_str(" …");
        }
    }
    wrapped
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let long = word.chars().count();
        match lines.last_mut().filter(|_| width + 1 + long <= WIDTH) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
                width += 1 + long;
            }
            None => {
                lines.push(word.to_owned());
                width = long;
            }
        }
    }
    lines
}

/// Text that cannot end the line that it stands in.
fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect()
}

/// Text inside of brackets and braces, where more of it has to be in quotes.
pub(super) fn flow_scalar(text: &str) -> String {
    if text.contains(|c: char| ",[]{}:".contains(c)) {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    scalar(text)
}

/// A value of YAML, quoted where it would otherwise mean something else. A dollar sign stays one.
pub(super) fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        || text.starts_with("./")
        || text.starts_with("../");
    let plain = begins
        && !WORDS.contains(&text.to_lowercase().as_str())
        && !text.ends_with(':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:{}=*@+~,()!&;'".contains(c));
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '$' => out.push_str("$$"),
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if one_line(c.encode_utf8(&mut [0; 4])) != c.to_string() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
