//! YAML text as a tree that knows where every scalar, list and mapping stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use crate::config::diagnostic::{Code, Diagnostic, FileId, Place, Sources};

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(in crate::config) struct Node {
    pub(in crate::config) place: Place,
    pub(in crate::config) kind: Kind,
}

impl Node {
    /// Whether it, or anything in it, has a mistake that has been told already.
    pub(in crate::config) fn is_broken(&self) -> bool {
        match &self.kind {
            Kind::Broken => true,
            Kind::List(items) => items.iter().any(Self::is_broken),
            Kind::Map(entries) => entries.iter().any(|(_, value)| value.is_broken()),
            Kind::Null | Kind::Scalar(_) => false,
        }
    }
}

/// The kinds of value.
#[derive(Debug, Clone)]
pub(in crate::config) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A text; numbers and booleans too, as they were written: what is expected decides what they mean.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// A value whose mistake has been told already.
    Broken,
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Key {
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
}

/// How deep values nest at most: three times as deep as anything that means something. Each level takes stack.
const MAX_DEPTH: usize = 24;

/// Reads one file. An empty one is an empty mapping.
pub(super) fn parse(sources: &Sources, file: FileId) -> Result<Node, Box<Diagnostic>> {
    let text = sources.text(file);
    let options = serde_yaml::options! {
        // Twice the same key is found here, where both places are known.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        // What a tag asks for would not be done.
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_depth: MAX_DEPTH,
            max_recorded_anchor_events: 200_000,
        },
    };
    match serde_yaml::from_str_with_options::<Spanned<Value>>(text, options) {
        Ok(value) => {
            let mut builder = Builder { text, file, tagged: None };
            let node = builder.node(value);
            builder.tagged.map_or(Ok(node), |(tag, place)| Err(Box::new(meaningless(&tag).at(place, "here"))))
        }
        Err(error) => Err(Box::new(syntax_error(sources, file, &error))),
    }
}

fn syntax_error(sources: &Sources, file: FileId, error: &serde_yaml::Error) -> Diagnostic {
    let text = error.to_string();
    // The position stands at the end of the message as well; the label shows it better.
    let message = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    if let Some(tab) = tab(sources, file, message, line) {
        return Diagnostic::error(Code::YamlSyntax, "not valid YAML: a tab in the indentation")
            .at(tab, "here")
            .with_help("YAML is indented with spaces");
    }
    let source = line_of(sources.text(file), line).unwrap_or("");
    if let Some(tag) = message.strip_prefix("unsupported tag `").and_then(|rest| rest.strip_suffix('`')) {
        let place = sources.place_of(file, line, tag_before(source, column, tag).unwrap_or(column));
        let end = place.start.saturating_add(u32::try_from(tag.len()).unwrap_or(0));
        let end = if sources.slice(Place { end, ..place }) == tag { end } else { place.end };
        return meaningless(tag).at(Place { end, ..place }, "here");
    }
    let (message, help) = explain(message, source);
    Diagnostic::error(Code::YamlSyntax, format!("not valid YAML: {message}"))
        .at(sources.place_of(file, line, column), "here")
        .with_help_if(help.map(str::to_owned))
}

/// A tag that nothing here reads, as `!env`, or `!!binary`.
fn meaningless(tag: &str) -> Diagnostic {
    Diagnostic::error(Code::YamlSyntax, format!("not valid YAML: the tag `{tag}` means nothing here")).with_help(
        "leave the tag out: what a value is follows from its key, and what is in the environment is written \"${NAME}\"",
    )
}

/// The column of a tag that stands before a value in its line.
fn tag_before(line: &str, column: u64, tag: &str) -> Option<u64> {
    let column = usize::try_from(column).ok()?.saturating_sub(1);
    let until = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let before = line.get(..until)?;
    Some(before.get(..before.rfind(tag)?)?.chars().count() as u64 + 1)
}

fn line_of(text: &str, line: u64) -> Option<&str> {
    text.lines().nth(usize::try_from(line.max(1)).ok()? - 1)
}

/// The tab that the parser stumbled over: in the line that it names, or in the first indentation behind the value that it
/// names the beginning of.
fn tab(sources: &Sources, file: FileId, message: &str, line: u64) -> Option<Place> {
    let text = sources.text(file);
    let is_indented = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    let further = if message.contains("found a tab") { u64::MAX } else { line };
    let lines = text.lines().zip(1..).skip_while(|(_, number)| *number < line);
    let (source, line) =
        lines.take_while(|(_, number)| *number <= further).find(|(line, _)| is_indented(line))?;
    let column = source.find('\t')? as u64 + 1;
    Some(sources.place_of(file, line, column))
}

/// What the parser says, in words for those who do not know its grammar, and what to do about it.
fn explain<'m>(message: &'m str, source: &str) -> (&'m str, Option<&'static str>) {
    let said = SAYINGS.iter().find(|saying| message.contains(saying.parser));
    if let Some(said) = said {
        return (said.message.unwrap_or(message), Some(said.help));
    }
    if message.contains("anchor or alias") {
        let help = "a bare `*` begins the name of an alias; write \"*\" in quotes for a star";
        return (message.strip_prefix("while scanning an anchor or alias, ").unwrap_or(message), Some(help));
    }
    if message.contains("flow") && source.contains("${") {
        return (
            message,
            Some("inside `{…}` and `[…]`, quote values that hold a variable: {address: \"${HOST}:50051\"}"),
        );
    }
    if message.contains("flow") {
        let help = "close every `{` and `[`, and inside them quote values that hold braces or commas: {get: \"/users/{id}\"}";
        return (message, Some(help));
    }
    if message.starts_with("invalid ") || message.contains("tagged scalar") {
        return ("the value is not of the type that its tag names", Some("leave the tag (`!!…`) out"));
    }
    (message, None)
}

/// A mistake that the parser has words for, and ours.
struct Saying {
    /// What its message holds.
    parser: &'static str,
    /// Ours, where the parser's own does not say it.
    message: Option<&'static str>,
    help: &'static str,
}

const SAYINGS: &[Saying] = &[
    Saying {
        parser: "multiple YAML documents",
        message: Some("a file holds one document"),
        help: "remove what follows `---`, or move it to a file of its own and `include` it",
    },
    Saying {
        parser: "unknown anchor",
        message: None,
        help: "give a value that name with `&name` further up, or quote this one",
    },
    Saying {
        parser: "recursive references",
        message: Some("an alias within the value that it stands for"),
        help: "write the value out, or give the anchor to another one",
    },
    Saying {
        parser: "merge value must be",
        message: Some("`<<` takes a mapping, or a list of mappings"),
        help: "name one by its anchor, as `<<: *defaults`",
    },
    Saying {
        parser: "Depth {",
        message: Some("nested deeper than 24 levels"),
        help: "nothing in a configuration nests that deep: a bracket is probably repeated",
    },
    Saying {
        parser: "recursion limit",
        message: Some("nested deeper than 24 levels"),
        help: "nothing in a configuration nests that deep: a bracket is probably repeated",
    },
    Saying {
        parser: "budget breached",
        message: Some("too large, once all of its aliases are written out"),
        help: "use fewer aliases of aliases, or split the file and `include` its parts",
    },
    Saying {
        parser: "alias replay",
        message: Some("too large, once all of its aliases are written out"),
        help: "use fewer aliases of aliases, or split the file and `include` its parts",
    },
    Saying {
        parser: "illegal placement",
        message: None,
        help: "a `{`, `[` or quote further up is probably not closed",
    },
    Saying {
        parser: "unclosed quote",
        message: None,
        help: "end the value with the quote that it begins with",
    },
    Saying {
        parser: "mapping values are not allowed",
        message: None,
        help: "indent keys of one mapping alike, and quote values that contain `: `",
    },
    Saying {
        parser: "while parsing a block",
        message: None,
        help: "indent keys of one mapping alike, and so the `-` of one list",
    },
    Saying {
        parser: "handle wasn't declared",
        message: Some("a tag that is declared nowhere"),
        help: "leave the tag out, or quote a value that begins with `!`",
    },
    Saying { parser: "unexpected character", message: None, help: "quote the value" },
];

/// What the deserializer hands over, before places are ours.
enum Value {
    Null,
    Text(String),
    /// A number or boolean: its text is in the source.
    Typed,
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Typed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Typed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Typed)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// Turns values into nodes of one source.
struct Builder<'s> {
    text: &'s str,
    file: FileId,
    /// The first tag that the parser has acted on, and nobody here wants.
    tagged: Option<(String, Place)>,
}

impl Builder<'_> {
    fn node(&mut self, value: Spanned<Value>) -> Node {
        let place = self.place(&value);
        self.tagged = self.tagged.take().or_else(|| self.binary(place));
        let source = self.text.get(place.start as usize..place.end as usize).unwrap_or("");
        match value.value {
            Value::Null => Node { place, kind: Kind::Null },
            Value::Text(text) => Node { place, kind: Kind::Scalar(text) },
            // In quotes only behind a tag, as `!!int "5"`.
            Value::Typed => Node { place, kind: Kind::Scalar(source.trim_matches(['"', '\'']).to_owned()) },
            Value::List(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item)).collect();
                let place = self.whole(place, items.iter().map(|item| item.place));
                Node { place, kind: Kind::List(items) }
            }
            Value::Map(entries) => {
                let entries: Vec<(Key, Node)> =
                    entries.into_iter().map(|(key, value)| (self.key(key), self.node(value))).collect();
                let inside = entries.iter().flat_map(|(key, value)| [key.place, value.place]);
                let place = self.whole(place, inside);
                Node { place, kind: Kind::Map(entries) }
            }
        }
    }

    /// The tag before a value that makes other bytes of it.
    fn binary(&self, value: Place) -> Option<(String, Place)> {
        let before = self.text.get(..value.start as usize)?;
        let mut properties = before.split([' ', '\n', '\t']).rev().filter(|word| !word.is_empty());
        let tag = properties.find(|word| !word.starts_with('&')).filter(|word| word.starts_with('!'))?;
        let is_binary = tag.trim_end_matches('>').ends_with("binary");
        let start = u32::try_from(before.rfind(tag)?).ok()?;
        let end = start.saturating_add(u32::try_from(tag.len()).ok()?);
        is_binary.then(|| (tag.to_owned(), Place { start, end, ..value }))
    }

    /// What stands for a list or mapping: all of it in brackets, else the first thing in it.
    fn whole(&self, place: Place, mut inside: impl Iterator<Item = Place>) -> Place {
        let behind = |at: u32| self.text.get(at as usize..).unwrap_or("");
        if !behind(place.start).starts_with(['[', '{']) {
            return inside.next().unwrap_or(place);
        }
        // An alias stands for what is further up.
        let own = inside.filter(|item| item.start > place.start).map(|item| item.end);
        let end = own.max().unwrap_or(0).max(place.start.saturating_add(1));
        let closing = behind(end).find(|c: char| !c.is_whitespace());
        let closing =
            closing.filter(|at| behind(end).get(*at..).is_some_and(|text| text.starts_with([']', '}'])));
        let more = closing.map_or(0, |at| u32::try_from(at + 1).unwrap_or(0));
        Place { end: end.saturating_add(more), ..place }
    }

    fn key(&self, key: Spanned<Value>) -> Key {
        let place = self.place(&key);
        let name = match key.value {
            Value::Text(text) => text,
            _ => self.text.get(place.start as usize..place.end as usize).unwrap_or("").to_owned(),
        };
        Key { name, place }
    }

    fn place(&self, value: &Spanned<Value>) -> Place {
        let span = value.defined.span();
        let start = span.byte_offset().unwrap_or(0);
        let end = start.saturating_add(span.byte_len().unwrap_or(0));
        let clamp = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        Place { file: self.file, start: clamp(start), end: clamp(end) }
    }
}
