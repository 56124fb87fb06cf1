//! YAML text as a tree that knows where every scalar, list and mapping stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Spanned, Tagged};

use super::syntax::{binary, syntax_error};
use crate::config::diagnostic::{Diagnostic, FileId, Place, Sources};

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
        // The one that the parser knows and nothing here wants: it is refused, and not acted on.
        ignore_binary_tag_for_string: true,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_depth: MAX_DEPTH,
            max_recorded_anchor_events: 200_000,
        },
    };
    match serde_yaml::from_str_with_options::<Told>(text, options) {
        Ok(value) => {
            let mut builder = Builder { text, file, binary: None };
            let node = builder.node(value);
            builder.binary.map_or(Ok(node), |place| Err(Box::new(binary(sources, place))))
        }
        Err(error) => Err(Box::new(syntax_error(sources, file, &error))),
    }
}

/// What stands at a place that the parser tells, with the tag that it has.
type Told = Spanned<Tagged<Value>>;

/// What the deserializer hands over, before places are ours.
enum Value {
    Null,
    Text(String),
    /// A number or boolean: its text is in the source.
    Typed,
    List(Vec<Told>),
    Map(Vec<(Told, Told)>),
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
    /// The first value with a tag that would make other bytes of it.
    binary: Option<Place>,
}

impl Builder<'_> {
    fn node(&mut self, told: Told) -> Node {
        let (value, place) = self.untagged(told);
        let source = self.text.get(place.start as usize..place.end as usize).unwrap_or("");
        match value {
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

    /// A value without its tag, of which it is kept whether it is one to refuse.
    fn untagged(&mut self, told: Told) -> (Value, Place) {
        let place = self.place(&told);
        let Tagged(value, tag) = told.value;
        let is_binary = tag.is_some_and(|tag| tag.ends_with("binary"));
        self.binary = self.binary.or_else(|| is_binary.then_some(place));
        (value, place)
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

    fn key(&mut self, told: Told) -> Key {
        let (value, place) = self.untagged(told);
        let name = match value {
            Value::Text(text) => text,
            _ => self.text.get(place.start as usize..place.end as usize).unwrap_or("").to_owned(),
        };
        Key { name, place }
    }

    fn place(&self, value: &Told) -> Place {
        let span = value.defined.span();
        let start = span.byte_offset().unwrap_or(0);
        let end = start.saturating_add(span.byte_len().unwrap_or(0));
        let clamp = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        Place { file: self.file, start: clamp(start), end: clamp(end) }
    }
}
