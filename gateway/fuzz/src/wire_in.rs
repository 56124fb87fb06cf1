//! Wire to JSON: any bytes are printed or refused; what is printed is JSON, and says what prost-reflect says.

use prost_reflect::SerializeOptions;
use serde_json::Value;
use transcode::{DecodeOptions, Enums, Message, Names, Unset};

use crate::schema::{choose, is_regular, parse};

/// The options of a byte: every combination there is.
pub fn options(bits: u8) -> DecodeOptions {
    DecodeOptions {
        unset: if bits & 1 == 0 { Unset::Omit } else { Unset::Print },
        names: if bits & 2 == 0 { Names::Camel } else { Names::Proto },
        enums: if bits & 4 == 0 { Enums::Name } else { Enums::Number },
        ..DecodeOptions::default()
    }
}

/// The first byte chooses the message, the second the options, the rest is the wire.
pub fn run(data: &[u8]) {
    let Some((message, [bits, wire @ ..])) = choose(data) else { return };
    let options = options(*bits);
    let mut out = b"before".to_vec();
    let result = message.decode(wire, &options, &mut out);
    let json = out.strip_prefix(b"before").expect("the output is appended to");
    if result.is_err() {
        assert!(json.is_empty(), "a refusal leaves nothing behind");
        return;
    }
    let ours: Value = serde_json::from_slice(json).expect("the output is JSON");
    if options.unset == Unset::Omit {
        compare(message, wire, &options, ours);
    }
}

fn compare(message: &Message, wire: &[u8], options: &DecodeOptions, ours: Value) {
    if !is_regular(message.descriptor(), wire) {
        return;
    }
    let parsed = parse(message, wire).expect("what we read, prost-reflect reads");
    let options = SerializeOptions::new()
        .use_proto_field_name(options.names == Names::Proto)
        .use_enum_numbers(options.enums == Enums::Number);
    let mut printed = serde_json::Serializer::new(Vec::new());
    if parsed.serialize_with_options(&mut printed, &options).is_err() {
        // An `Any` of unknown type, which we print as it is.
        return;
    }
    let theirs: Value = serde_json::from_slice(&printed.into_inner()).expect("their output is JSON");
    assert_eq!(even(ours), even(theirs));
}

/// Numbers as doubles: `1` and `1.0` are the same number. (64-bit integers are strings.)
fn even(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(even).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (key, even(value))).collect())
        }
        other => other,
    }
}
