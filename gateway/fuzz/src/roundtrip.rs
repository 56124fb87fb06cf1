//! Both directions composed: what is printed can be read again, and says the same.

use serde_json::Value;
use transcode::{DecodeOptions, EncodeOptions};

use crate::{schema::choose, wire_in};

/// The first byte chooses the message, the second the options, the rest is wire.
pub fn run(data: &[u8]) {
    let Some((message, [bits, wire @ ..])) = choose(data) else { return };
    let options = wire_in::options(*bits);
    let mut json = Vec::new();
    // Deeper messages are printed than read again: each level of an `Any` or `Struct` takes more than one in JSON.
    let shallow = DecodeOptions { max_depth: 20, ..options };
    if message.decode(wire, &shallow, &mut json).is_err() {
        return;
    }
    let mut again = Vec::new();
    if let Err(error) = message.encode(&json, &EncodeOptions::default(), &mut again) {
        // A service's mask is printed whatever stands in it; a client's must be of names.
        let by_mask =
            |violation: &transcode::Violation| violation.description.contains("expected field names");
        assert!(error.violations.iter().all(by_mask), "{error}\n{}", String::from_utf8_lossy(&json));
        return;
    }
    let mut json_again = Vec::new();
    message.decode(&again, &options, &mut json_again).expect("what we wrote, we read");
    let (mut first, mut second): (Value, Value) = (
        serde_json::from_slice(&json).expect("the first output is JSON"),
        serde_json::from_slice(&json_again).expect("the second output is JSON"),
    );
    if first != second {
        leave_out_null_values(&mut first);
        leave_out_null_values(&mut second);
    }
    assert_eq!(first, second);
}

/// A `NullValue` is null in JSON whatever its number: one that is not 0 comes back as its default.
fn leave_out_null_values(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            let is_one = |name: &str| name.ends_with("NullValue") || name.ends_with("null_value");
            fields.retain(|name, value| !(value.is_null() && is_one(name)));
            fields.values_mut().for_each(leave_out_null_values);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_null_values),
        _ => {}
    }
}
