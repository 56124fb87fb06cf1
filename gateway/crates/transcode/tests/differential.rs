//! Both directions against prost-reflect, over random descriptors, random messages and every option.
//!
//! Messages are compared after both sides' bytes have been read back, because fields and map entries may come in
//! any order. What prost-reflect is known to do otherwise is not generated: minus zero in fields without presence (it drops
//! them), infinities in wrappers (it prints null), numbers of closed enums that have no name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test

#[path = "differential/descriptors.rs"]
mod descriptors;
#[path = "differential/messages.rs"]
mod messages;
#[path = "differential/random.rs"]
mod random;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, SerializeOptions};
use random::Random;
use serde_json::Value;
use transcode::{DecodeOptions, EncodeOptions, Enums, Names, Schema, Unset};

/// A schema, a message of it and the options that both sides are given.
struct Case {
    message: transcode::Message,
    value: DynamicMessage,
    print: bool,
    proto_names: bool,
    enum_numbers: bool,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let set = descriptors::set(&mut random);
        let schema = Schema::load(&[&set.encode_to_vec()]).expect("generated descriptors are sound");
        let message = schema.message("r.M0").unwrap();
        let value = messages::message(&mut random, message.descriptor(), 3);
        // What was set to its default is not told apart on the wire.
        let value = DynamicMessage::decode(message.descriptor().clone(), &*value.encode_to_vec()).unwrap();
        Self { message, value, print: random.coin(), proto_names: random.coin(), enum_numbers: random.coin() }
    }

    /// The JSON that prost-reflect prints.
    fn oracle_json(&self) -> Vec<u8> {
        let options = SerializeOptions::new()
            .skip_default_fields(!self.print)
            .use_proto_field_name(self.proto_names)
            .use_enum_numbers(self.enum_numbers);
        let mut out = Vec::new();
        self.value.serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options).unwrap();
        out
    }

    /// The JSON that we print.
    fn our_json(&self) -> Vec<u8> {
        let options = DecodeOptions {
            unset: if self.print { Unset::Print } else { Unset::Omit },
            names: if self.proto_names { Names::Proto } else { Names::Camel },
            enums: if self.enum_numbers { Enums::Number } else { Enums::Name },
            ..DecodeOptions::default()
        };
        let mut out = Vec::new();
        self.message.decode(&self.value.encode_to_vec(), &options, &mut out).unwrap();
        out
    }

    /// Whether our wire form of a JSON text means the message of the case. Tells how it differs.
    fn reads_as_before(&self, json: &[u8]) -> bool {
        let reading = self.our_reading(json);
        // As JSON: the bytes inside of an `Any` hold maps in any order, and printing a message for debugging prints its
        // descriptor, which never ends when that is recursive.
        let print = |value: &DynamicMessage| serde_json::to_value(value).unwrap();
        let (reading, value) = (print(&reading), print(&self.value));
        if reading != value {
            println!("JSON {}\nours {reading}\ntrue {value}", String::from_utf8_lossy(json));
        }
        reading == value
    }

    /// What our wire form of a JSON text means.
    fn our_reading(&self, json: &[u8]) -> DynamicMessage {
        let mut out = Vec::new();
        if let Err(error) = self.message.encode(json, &EncodeOptions::default(), &mut out) {
            panic!("{error}\n{}", String::from_utf8_lossy(json));
        }
        DynamicMessage::decode(self.message.descriptor().clone(), &*out).unwrap()
    }
}

/// `1` and `1.0` are one number, and both sides may print either.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        other => other,
    }
}

/// Enough for every day; more with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn we_read_what_the_oracle_prints(seed in any::<u64>()) {
        let case = Case::new(seed);
        let json = case.oracle_json();
        prop_assert!(case.reads_as_before(&json));
    }

    #[test]
    fn pretty_printing_makes_no_difference(seed in any::<u64>()) {
        let case = Case::new(seed);
        let json: Value = serde_json::from_slice(&case.oracle_json()).unwrap();
        // The keys are sorted now, so they come in another order, too.
        let json = serde_json::to_vec_pretty(&json).unwrap();
        prop_assert!(case.reads_as_before(&json));
    }

    #[test]
    fn we_print_what_the_oracle_prints(seed in any::<u64>()) {
        let case = Case::new(seed);
        let (ours, oracle) = (case.our_json(), case.oracle_json());
        let (ours, oracle): (Value, Value) =
            (serde_json::from_slice(&ours).unwrap(), serde_json::from_slice(&oracle).unwrap());
        prop_assert_eq!(plain(ours), plain(oracle));
    }

    #[test]
    fn both_directions_composed_change_nothing(seed in any::<u64>()) {
        let case = Case::new(seed);
        let json = case.our_json();
        prop_assert!(case.reads_as_before(&json));
    }
}
