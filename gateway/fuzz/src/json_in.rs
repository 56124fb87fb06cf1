//! JSON to wire: any bytes are encoded or refused; what is encoded, prost-reflect reads as the message that it makes
//! of the same JSON itself.

use prost_reflect::{DeserializeOptions, DynamicMessage};
use transcode::{EncodeOptions, Message, Unknown};

use crate::schema::{choose, parse};

/// The options of a byte.
pub fn options(bits: u8) -> EncodeOptions {
    let unknown = match bits % 3 {
        0 => Unknown::Reject,
        1 => Unknown::Warn,
        _ => Unknown::Ignore,
    };
    EncodeOptions { unknown, max_violations: usize::from(bits / 3) + 1, ..EncodeOptions::default() }
}

/// The first byte chooses the message, the second the options, the rest is JSON.
pub fn run(data: &[u8]) {
    let Some((message, [bits, json @ ..])) = choose(data) else { return };
    let options = options(*bits);
    let mut out = b"before".to_vec();
    let result = message.encode(json, &options, &mut out);
    let wire = out.strip_prefix(b"before").expect("the output is appended to");
    match result {
        // What was left out, prost-reflect may have its own ways with.
        Ok(_) if options.unknown == Unknown::Ignore => {}
        Ok(encoded) if !encoded.unknown.is_empty() => {}
        Ok(_) => compare(message, json, wire, &options),
        Err(error) => {
            assert!(wire.is_empty(), "a refusal leaves nothing behind");
            assert!((1..=options.max_violations).contains(&error.violations.len()), "{error}");
            let lines = json.iter().filter(|byte| **byte == b'\n').count() + 1;
            for violation in &error.violations {
                assert!((1..=lines).contains(&(violation.line as usize)), "{violation:?}");
                assert!(violation.column >= 1, "{violation:?}");
            }
        }
    }
}

fn compare(message: &Message, json: &[u8], wire: &[u8], options: &EncodeOptions) {
    let ours = parse(message, wire).expect("what we write, prost-reflect reads");
    let mut reader = serde_json::Deserializer::from_slice(json);
    let strict = DeserializeOptions::new().deny_unknown_fields(options.unknown == Unknown::Reject);
    let theirs = DynamicMessage::deserialize_with_options(message.descriptor().clone(), &mut reader, &strict);
    // We take more than it does in places (quoted exponents); what it takes it must take as we do.
    let Ok(theirs) = theirs else { return };
    if reader.end().is_err() {
        panic!("taken, although something follows the value");
    }
    let print = |message: &DynamicMessage| serde_json::to_value(message);
    if let (Ok(ours), Ok(theirs)) = (print(&ours), print(&theirs)) {
        assert_eq!(ours, theirs);
    }
}
