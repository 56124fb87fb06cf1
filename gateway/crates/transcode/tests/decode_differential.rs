//! Wire → JSON against prost-reflect: random schemas and messages, every option; and the way back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test says so by panicking

#[path = "support/random.rs"]
mod random;

use std::fmt;

use proptest::prelude::*;
use prost_reflect::{DynamicMessage, SerializeOptions};
use random::{MESSAGES, Random};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use transcode::{DecodeOptions, EncodeOptions, Enums, Message, Names, Schema, Unset};

/// JSON with its numbers as they count, its keys in order; reading refuses a key given twice.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    List(Vec<Self>),
    Object(std::collections::BTreeMap<String, Self>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("JSON")
            }
            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value as f64))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value as f64))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Number(value))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
                Ok(Json::String(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Json::List(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut values = std::collections::BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Json>()? {
                    if values.insert(key.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("key {key:?} twice")));
                    }
                }
                Ok(Json::Object(values))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

fn all_options() -> impl Iterator<Item = DecodeOptions> {
    [Unset::Omit, Unset::Print].into_iter().flat_map(|unset| {
        [Names::Camel, Names::Proto].into_iter().flat_map(move |names| {
            [Enums::Name, Enums::Number].map(|enums| DecodeOptions {
                unset,
                names,
                enums,
                ..DecodeOptions::default()
            })
        })
    })
}

/// What prost-reflect prints; nothing for an empty `Any`, which it cannot.
fn reflected(message: &Message, wire: &[u8], options: &DecodeOptions) -> Option<String> {
    let value = DynamicMessage::decode(message.descriptor().clone(), wire).expect("valid wire");
    let options = SerializeOptions::new()
        .skip_default_fields(options.unset == Unset::Omit)
        .use_proto_field_name(options.names == Names::Proto)
        .use_enum_numbers(options.enums == Enums::Number);
    let mut out = Vec::new();
    match value.serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options) {
        Ok(()) => Some(String::from_utf8(out).expect("JSON is UTF-8")),
        Err(error) if error.to_string().contains("unsupported type url ''") => None,
        Err(error) => panic!("{error}"),
    }
}

fn decode(message: &Message, wire: &[u8], options: &DecodeOptions) -> String {
    let mut out = Vec::new();
    message.decode(wire, options, &mut out).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn parse(json: &str) -> Json {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn check(message: &Message, wire: &[u8]) {
    for options in all_options() {
        let ours = decode(message, wire, &options);
        if let Some(theirs) = reflected(message, wire, &options) {
            let context = format!("\nours   {ours}\ntheirs {theirs}\nwire {wire:02x?}\n{options:?}");
            assert_eq!(parse(&ours), parse(&theirs), "{context}");
        }

        // What was printed reads back as the same message.
        let mut back = Vec::new();
        message
            .encode(ours.as_bytes(), &EncodeOptions::default(), &mut back)
            .unwrap_or_else(|error| panic!("{error}: {ours}"));
        let again = decode(message, &back, &options);
        assert_eq!(parse(&again), parse(&ours), "\nwire {wire:02x?}\nback {back:02x?}\n{options:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages_of_random_schemas_print_as_prost_reflect_prints_them(seed: u64) {
        let random = &mut Random(seed);
        let schema = Schema::load(&[&random::schema(random)]).expect("a valid schema");
        for index in 0..MESSAGES {
            let message = schema.message(&format!("x.M{index}")).expect("it is in the schema");
            for _ in 0..4 {
                check(&message, &random::wire(random, message.descriptor(), 4));
            }
        }
    }

    #[test]
    fn broken_wire_never_panics_and_prints_json_or_nothing(seed: u64, cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let random = &mut Random(seed);
        let schema = Schema::load(&[&random::schema(random)]).expect("a valid schema");
        let message = schema.message("x.M0").expect("it is in the schema");
        let mut wire = random::wire(random, message.descriptor(), 5);
        for (at, byte) in cuts {
            if wire.is_empty() {
                break;
            }
            let at = at.index(wire.len());
            if byte < 64 { wire.truncate(at) } else { wire[at] = byte }
        }
        for options in all_options() {
            let mut out = Vec::new();
            match message.decode(&wire, &options, &mut out) {
                Ok(()) => drop(parse(std::str::from_utf8(&out).expect("JSON is UTF-8"))),
                Err(_) => prop_assert!(out.is_empty()),
            }
        }
        let _ = schema.decode_status(&wire, &DecodeOptions::default());
    }
}
