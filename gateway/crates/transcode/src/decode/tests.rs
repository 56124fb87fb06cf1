//! What decode prints, by rows of wire and JSON.

use std::sync::Arc;

use prost::Message as _;

use crate::{
    DecodeErrorKind, DecodeOptions, Enums, Names, Schema, Unset,
    test_wire::{Wire, wire},
};

fn schema() -> Arc<Schema> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let set = protox::compile(["shapes3.proto", "shapes2.proto"], [folder]).unwrap();
    Schema::load(&[&set.encode_to_vec()]).unwrap()
}

fn decode(message: &str, wire: &Wire, options: &DecodeOptions) -> Result<String, crate::DecodeError> {
    let mut out = b"before".to_vec();
    let outcome = schema().message(message).unwrap().decode(&wire.0, options, &mut out);
    let text = String::from_utf8(out).unwrap();
    match outcome {
        Ok(()) => Ok(text.strip_prefix("before").unwrap().to_owned()),
        Err(error) => {
            assert_eq!(text, "before", "an error leaves the output alone");
            Err(error)
        }
    }
}

#[track_caller]
fn check(message: &str, wire: Wire, json: &str) {
    assert_eq!(decode(message, &wire, &DecodeOptions::default()).unwrap(), json);
}

#[track_caller]
fn check_error(message: &str, wire: Wire, error: &str) {
    assert_eq!(decode(message, &wire, &DecodeOptions::default()).unwrap_err().to_string(), error);
}

#[test]
fn scalars() {
    check("t.All", wire(), "{}");
    check(
        "t.All",
        wire().int(1, -1).int(2, i64::MIN),
        r#"{"int32Value":-1,"int64Value":"-9223372036854775808"}"#,
    );
    check(
        "t.All",
        wire().int(3, 0xffff_ffff).int(4, -1).int(5, 1).int(6, 4),
        r#"{"uint32Value":4294967295,"uint64Value":"18446744073709551615","sint32Value":-1,"sint64Value":"2"}"#,
    );
    check(
        "t.All",
        wire().fixed32(7, 1).fixed64(8, 2).fixed32(9, u32::MAX).fixed64(10, u64::MAX),
        r#"{"fixed32Value":1,"fixed64Value":"2","sfixed32Value":-1,"sfixed64Value":"-1"}"#,
    );
    check(
        "t.All",
        wire().int(13, 1).bytes(14, "é\u{2028}</").bytes(15, [255, 0]),
        "{\"boolValue\":true,\"stringValue\":\"é\u{2028}</\",\"bytesValue\":\"/wA=\"}",
    );
    check("t.All", wire().int(536_870_911, 7).int(536_870_910, 7), r#"{"farAway":7}"#);
    check("t.All", wire().bytes(29, "x"), r#"{"a \"b\"":"x"}"#);
    check("t.All", wire().int(16, 1).int(1, 0), r#"{"color":"RED"}"#);
    check("t.All", wire().int(16, -2), r#"{"color":"CRIMSON"}"#);
    check("t.All", wire().int(16, 99), r#"{"color":99}"#);
}

#[test]
fn floats_are_as_short_as_their_width_allows() {
    let rows: [(f64, &str); 9] = [
        (1.0, "1"),
        (0.1, "0.1"),
        (-0.0, "-0"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ];
    for (value, text) in rows {
        check("t.All", wire().fixed64(12, value.to_bits()), &format!("{{\"doubleValue\":{text}}}"));
    }
    check("t.All", wire().fixed32(11, 0.1f32.to_bits()), r#"{"floatValue":0.1}"#);
    check("t.All", wire().fixed32(11, f32::MAX.to_bits()), r#"{"floatValue":3.4028235e+38}"#);
}

#[test]
fn strings_escape_what_json_demands_and_no_more() {
    let long = "plain text that is longer than a vector, and then some ".repeat(3);
    for (value, text) in [
        ("a\"b\\c", r#"a\"b\\c"#),
        ("\n\r\t\u{8}\u{c}\u{1}\u{1f}", r#"\n\r\t\b\f\u0001\u001f"#),
        ("\u{7f}/<>&'", "\u{7f}/<>&'"),
        ("日本語 and 12345678", "日本語 and 12345678"),
        ("日本語\"12345678\"\n", r#"日本語\"12345678\"\n"#),
        (&long, &long),
        (&format!("{long}\u{1}"), &format!("{long}\\u0001")),
    ] {
        check("t.All", wire().bytes(14, value), &format!("{{\"stringValue\":\"{text}\"}}"));
    }
}

#[test]
fn lists_and_maps() {
    check("t.All", wire().bytes(18, [1, 2]).int(18, 3).bytes(18, [4]), r#"{"ints":[1,2,3,4]}"#);
    check("t.All", wire().bytes(18, []), "{}");
    check("t.All", wire().bytes(19, "a").bytes(19, ""), r#"{"strings":["a",""]}"#);
    check(
        "t.All",
        wire().message(20, wire()).message(20, wire().int(1, 5)),
        r#"{"children":[{},{"int32Value":5}]}"#,
    );
    let entry = |key: &str, value| wire().bytes(1, key).int(2, value);
    check(
        "t.All",
        wire().message(21, entry("b", 1)).message(21, entry("a", 0)),
        r#"{"counts":{"b":1,"a":0}}"#,
    );
    check("t.All", wire().message(21, wire()), r#"{"counts":{"":0}}"#);
    check("t.All", wire().message(22, wire().int(1, -1)), r#"{"byId":{"-1":{}}}"#);
    check(
        "t.All",
        wire().message(23, wire().int(1, 1).int(2, 1)).message(23, wire()),
        r#"{"colors":{"true":"RED","false":"COLOR_UNSPECIFIED"}}"#,
    );
    check(
        "t.All",
        wire().message(21, wire().int(2, 5).bytes(1, "value first")),
        r#"{"counts":{"value first":5}}"#,
    );
}

#[test]
fn presence() {
    check("t.All", wire().int(24, 0), r#"{"maybe":0}"#);
    check("t.All", wire().int(25, 0), r#"{"number":0}"#);
    check("t.All", wire().int(28, 0), r#"{"nothing":null}"#);
    check("t.All", wire().message(17, wire()), r#"{"child":{}}"#);
    check("t2.Old", wire().int(1, 0).bytes(6, ""), r#"{"id":0,"raw":""}"#);
    check_error("t2.Old", wire(), "t2.Old.id: required field is missing");
    // The second try must look too.
    check_error("t2.Old", wire().int(8, 1).int(8, 1), "t2.Old.id: required field is missing");
}

#[test]
fn what_a_piece_lacks_another_may_have() {
    let old = |fields| wire().message(1, fields);
    check(
        "t2.Wrapping",
        old(wire().bytes(6, "x")).then(&old(wire().int(1, 5))),
        r#"{"old":{"id":5,"raw":"eA=="}}"#,
    );
    check_error("t2.Wrapping", old(wire().bytes(6, "x")), "t2.Wrapping.old.id: required field is missing");
    let both = |field: &[u8]| wire().raw(&[0x13]).raw(field).raw(&[0x14]);
    check("t2.Wrapping", both(&[8, 1]).then(&both(&[16, 2])), r#"{"both":{"one":1,"two":2}}"#);
    check_error("t2.Wrapping", both(&[8, 1]), "t2.Wrapping.both.two: required field is missing");
    // Of a scalar the last counts, also where an earlier one could not be printed.
    let timestamp = |seconds| wire().message(1, wire().int(1, seconds));
    check("t.Known", timestamp(1 << 60).then(&timestamp(1)), r#"{"timestamp":"1970-01-01T00:00:01Z"}"#);
}

#[test]
fn fields_in_pieces_become_one() {
    // A scalar twice: the last counts, also when it is the default.
    check("t.All", wire().int(1, 1).int(1, 2), r#"{"int32Value":2}"#);
    check("t.All", wire().int(1, 1).int(3, 3).int(1, 0), r#"{"uint32Value":3}"#);
    check("t.All", wire().int(24, 1).int(24, 0), r#"{"maybe":0}"#);
    // A list with other fields between.
    check("t.All", wire().int(18, 1).int(1, 9).bytes(18, [2, 3]), r#"{"int32Value":9,"ints":[1,2,3]}"#);
    // A message in two merges, to any depth.
    let split = wire()
        .message(17, wire().int(1, 1).message(17, wire().bytes(14, "x")).int(18, 1))
        .int(3, 4)
        .message(17, wire().message(17, wire().int(2, 2)).int(18, 2));
    check(
        "t.All",
        split,
        r#"{"uint32Value":4,"child":{"int32Value":1,"child":{"int64Value":"2","stringValue":"x"},"ints":[1,2]}}"#,
    );
    // A map key twice, in a row or not, and written in two ways.
    let entry = |key, value| wire().message(22, wire().raw(key).message(2, wire().int(1, value)));
    check(
        "t.All",
        entry(&[8, 1], 1).then(&entry(&[8, 2], 2)).then(&entry(&[8, 0x81, 0x80, 0], 3)),
        r#"{"byId":{"2":{"int32Value":2},"1":{"int32Value":3}}}"#,
    );
    check(
        "t.All",
        entry(&[8, 1], 1).int(1, 5).then(&entry(&[8, 1], 2)),
        r#"{"int32Value":5,"byId":{"1":{"int32Value":2}}}"#,
    );
    // The value of one entry in pieces merges.
    let pieces = wire().int(1, 1).message(2, wire().int(1, 1)).message(2, wire().int(3, 2));
    check("t.All", wire().message(22, pieces), r#"{"byId":{"1":{"int32Value":1,"uint32Value":2}}}"#);
    // Of a oneof the last member counts, with the pieces since another member.
    check("t.All", wire().int(25, 1).bytes(26, "x"), r#"{"text":"x"}"#);
    let message = |value| wire().message(27, wire().int(1, value));
    check(
        "t.All",
        message(1).then(&wire().message(27, wire().int(3, 3))),
        r#"{"message":{"int32Value":1,"uint32Value":3}}"#,
    );
    check(
        "t.All",
        message(1).int(25, 2).then(&wire().message(27, wire().int(3, 3))),
        r#"{"message":{"uint32Value":3}}"#,
    );
    // Groups.
    let part = |wire| Wire::default().int(1, 1).group(4, wire);
    check(
        "t2.Old",
        part(wire().group(4, wire()).bytes(1, "a").group(4, wire().int(1, 7))).int(8, 1).group(4, wire()),
        r#"{"id":1,"part":[{"name":"a","inner":{"x":7}},{}],"number":1}"#,
    );
    check(
        "t.Wide",
        wire().int(66, 1).int(65, 1).int(66, 2).int(70, 1).bytes(71, "x").int(68, 3),
        r#"{"f65":1,"f66":[1,2],"f68":3,"f71":"x"}"#,
    );
}

#[test]
fn wide_messages() {
    let inner = wire().int(70, 2).int(64, 1);
    check(
        "t.Wide",
        wire().int(1, 1).message(67, inner).int(69, 0).bytes(71, "x"),
        r#"{"f1":[1],"f67":{"f70":2,"f64":1},"f69":0,"f71":"x"}"#,
    );
}

#[test]
fn hostile_nesting_of_pieces_takes_linear_time() {
    // Each level has its child first and a scalar twice behind it.
    let mut message = wire();
    for _ in 0..99 {
        message = wire().message(17, message).int(1, 1).int(1, 2);
    }
    assert!(decode("t.All", &message, &DecodeOptions::default()).unwrap().ends_with("\"child\":{}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}"));
}

#[test]
fn closed_enums_take_only_their_numbers() {
    let id = || wire().int(1, 1);
    check("t2.Old", id().int(2, 3), r#"{"id":1,"shade":"LIGHT"}"#);
    check("t2.Old", id().int(2, 4), r#"{"id":1}"#);
    check("t2.Old", id().int(2, 3).int(2, 4), r#"{"id":1,"shade":"LIGHT"}"#);
    check("t2.Old", id().int(2, 4).int(2, 3), r#"{"id":1,"shade":"LIGHT"}"#);
    check("t2.Old", id().int(3, 4).int(3, 5).bytes(3, [3, 4]), r#"{"id":1,"shades":["DARK","LIGHT"]}"#);
    check("t2.Old", id().bytes(3, [4]), r#"{"id":1}"#);
    let entry = |value| wire().message(5, wire().bytes(1, "k").int(2, value));
    check("t2.Old", id().then(&entry(4)), r#"{"id":1}"#);
    check("t2.Old", id().then(&entry(3)).then(&entry(4)), r#"{"id":1,"byName":{"k":"LIGHT"}}"#);
    check(
        "t2.Old",
        id().then(&entry(3)).then(&entry(4)).then(&entry(5)),
        r#"{"id":1,"byName":{"k":"DARK"}}"#,
    );
    check("t2.Old", id().message(5, wire().bytes(1, "k")), r#"{"id":1,"byName":{"k":"LIGHT"}}"#);
    check("t2.Old", id().int(8, 5).int(7, 4), r#"{"id":1,"number":5}"#);
    check("t2.Old", id().int(7, 4).int(8, 5).int(8, 6), r#"{"id":1,"number":6}"#);
}

#[test]
fn extensions_have_bracketed_keys() {
    check(
        "t2.Old",
        wire().int(1, 1).bytes(100, "n").int(101, 1).int(101, 2),
        r#"{"id":1,"[t2.note]":"n","[t2.marks]":[1,2]}"#,
    );
}

#[test]
fn unknown_fields_are_passed_over_but_checked() {
    check(
        "t.All",
        wire()
            .int(900, 1)
            .fixed32(900, 1)
            .fixed64(900, 1)
            .bytes(900, "x")
            .group(900, wire().int(1, 1).group(2, wire()))
            .int(1, 1),
        r#"{"int32Value":1}"#,
    );
    // A known number under another wire type is unknown.
    check("t.All", wire().bytes(1, "x").int(14, 1).fixed32(17, 1), "{}");
    check_error("t.All", wire().raw(&[0xa3, 0x38]), "t.All: truncated message");
    check_error(
        "t.All",
        wire().raw(&[0xa3, 0x38, 0xac, 0x38]),
        "t.All: malformed wire data: a group ended by another's end",
    );
    check_error(
        "t.All",
        wire().raw(&[0xa4, 0x38]),
        "t.All: malformed wire data: the end of a group that has not begun",
    );
}

#[test]
fn broken_wire_is_refused_with_the_path() {
    check_error("t.All", wire().raw(&[8]), "t.All.int32Value: truncated message");
    check_error("t.All", wire().raw(&[8, 0x80]), "t.All.int32Value: truncated message");
    check_error(
        "t.All",
        wire().raw(&[8]).raw(&[0xff; 11]),
        "t.All.int32Value: malformed wire data: a varint beyond 64 bits",
    );
    check_error("t.All", wire().raw(&[0, 1]), "t.All: malformed wire data: field number 0");
    check_error("t.All", wire().raw(&[15]), "t.All.int32Value: malformed wire data: an unknown wire type");
    check_error("t.All", wire().raw(&[0xff; 6]), "t.All: truncated message");
    check_error(
        "t.All",
        wire().raw(&[0xff, 0xff, 0xff, 0xff, 0x7f]),
        "t.All: malformed wire data: a field number beyond 2^29",
    );
    check_error("t.All", wire().bytes(14, [0xff]), "t.All.stringValue: string is not valid UTF-8");
    check_error(
        "t.All",
        wire().message(20, wire()).message(20, wire().message(17, wire().bytes(14, [0xff]))),
        "t.All.children[1].child.stringValue: string is not valid UTF-8",
    );
    check_error(
        "t.All",
        wire().message(22, wire().int(1, 7).message(2, wire().raw(&[8]))),
        "t.All.byId[\"7\"].int32Value: truncated message",
    );
    check_error("t.All", wire().bytes(18, [1, 0x80]), "t.All.ints[0]: truncated message");
    check_error("t.All", wire().raw(&[0x72, 5, b'x']), "t.All.stringValue: truncated message");
}

#[test]
fn depth_is_bounded() {
    let nested = |levels| (0..levels).fold(wire(), |inner, _| wire().message(17, inner));
    assert!(decode("t.All", &nested(99), &DecodeOptions::default()).is_ok());
    let error = decode("t.All", &nested(100), &DecodeOptions::default()).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Depth(100));
    let value = (0..200).fold(wire(), |inner, _| wire().message(6, wire().message(1, inner)));
    let error = decode("google.protobuf.Value", &value, &DecodeOptions::default()).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Depth(100));
    // Each level of a Value is two messages, and one level of JSON: what is taken in a request can be answered.
    let value = (0..99).fold(wire().raw(&[0x20, 1]), |inner, _| wire().message(6, wire().message(1, inner)));
    let json = format!("{}true{}", "[".repeat(99), "]".repeat(99));
    assert_eq!(decode("google.protobuf.Value", &value, &DecodeOptions::default()).unwrap(), json);
    let groups = wire().raw(&[0xa3; 300].map(|_| 0x0b));
    let error = decode("t.All", &groups, &DecodeOptions::default()).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Malformed("groups nested too deep"));
}

#[test]
fn size_is_bounded() {
    let many = (0..1000).fold(wire(), |wire, _| wire.message(20, Wire::default()));
    let options = DecodeOptions { unset: Unset::Print, max_size: 10_000, ..DecodeOptions::default() };
    let error = decode("t.All", &many, &options).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TooLarge(10_000));
}

#[test]
fn unset_fields_print_when_asked() {
    let options = DecodeOptions { unset: Unset::Print, ..DecodeOptions::default() };
    let all = r#"{"int32Value":0,"int64Value":"0","uint32Value":0,"uint64Value":"0","sint32Value":0,"sint64Value":"0","fixed32Value":0,"fixed64Value":"0","sfixed32Value":0,"sfixed64Value":"0","floatValue":0,"doubleValue":0,"boolValue":false,"stringValue":"","bytesValue":"","color":"COLOR_UNSPECIFIED","ints":[],"strings":[],"children":[],"counts":{},"byId":{},"colors":{},"a \"b\"":"","farAway":0}"#;
    assert_eq!(decode("t.All", &wire(), &options).unwrap(), all);
    // In their places, whatever the order of those that are set.
    let some = all
        .replace("\"int64Value\":\"0\"", "\"int64Value\":\"5\"")
        .replace("[]", "[1,2]")
        .replace("\"strings\":[1,2],\"children\":[1,2]", "\"strings\":[],\"children\":[]");
    assert_eq!(decode("t.All", &wire().int(2, 5).int(18, 1).int(18, 2), &options).unwrap(), some);
    assert_eq!(decode("t.All", &wire().int(18, 1).int(2, 5).int(18, 2), &options).unwrap(), some);
    assert_eq!(
        decode("t2.Old", &wire().int(1, 1), &options).unwrap(),
        r#"{"id":1,"shades":[],"part":[],"byName":{},"packed":[]}"#
    );
    assert_eq!(
        decode("t2.Old", &wire().int(1, 1).bytes(3, [9]), &options).unwrap(),
        r#"{"id":1,"shades":[],"part":[],"byName":{},"packed":[]}"#
    );
}

#[test]
fn names_and_enums_by_choice() {
    let options = DecodeOptions { names: Names::Proto, enums: Enums::Number, ..DecodeOptions::default() };
    let message =
        wire().int(1, 5).bytes(29, "x").int(16, 1).int(28, 0).message(23, wire().int(1, 1).int(2, -2));
    assert_eq!(
        decode("t.All", &message, &options).unwrap(),
        r#"{"int32_value":5,"renamed":"x","color":1,"nothing":null,"colors":{"true":-2}}"#
    );
    assert_eq!(
        decode("t2.Old", &wire().int(1, 1).bytes(100, "n"), &options).unwrap(),
        r#"{"id":1,"[t2.note]":"n"}"#
    );
}

#[test]
fn timestamps_and_durations() {
    let stamp = |seconds, nanos| wire().message(1, wire().int(1, seconds).int(2, nanos));
    for (seconds, nanos, text) in [
        (0, 0, "1970-01-01T00:00:00Z"),
        (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
        (951_782_400, 120_000_000, "2000-02-29T00:00:00.120Z"),
        (1_767_088_800, 1_000, "2025-12-30T10:00:00.000001Z"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        (253_402_300_799, 0, "9999-12-31T23:59:59Z"),
    ] {
        check("t.Known", stamp(seconds, nanos), &format!("{{\"timestamp\":\"{text}\"}}"));
    }
    for (seconds, nanos) in [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000)] {
        let error = decode("t.Known", &stamp(seconds, nanos), &DecodeOptions::default()).unwrap_err();
        assert!(matches!(error.kind, DecodeErrorKind::Unprintable(_)), "{error}");
        assert_eq!(error.field, "timestamp");
    }
    let span = |seconds, nanos| wire().message(2, wire().int(1, seconds).int(2, nanos));
    for (seconds, nanos, text) in [
        (0, 0, "0s"),
        (1, 500_000_000, "1.500s"),
        (-1, -1_000, "-1.000001s"),
        (0, -1, "-0.000000001s"),
        (315_576_000_000, 999_999_999, "315576000000.999999999s"),
    ] {
        check("t.Known", span(seconds, nanos), &format!("{{\"duration\":\"{text}\"}}"));
    }
    for (seconds, nanos) in [(1, -1), (-1, 1), (315_576_000_001, 0), (0, 1_000_000_000)] {
        let error = decode("t.Known", &span(seconds, nanos), &DecodeOptions::default()).unwrap_err();
        assert!(matches!(error.kind, DecodeErrorKind::Unprintable(_)), "{error}");
    }
    // However it lies on the wire, the last of a kind counts, and what follows the message is not part of it.
    for (stamp, text) in [
        (wire(), "1970-01-01T00:00:00Z"),
        (wire().int(1, 5), "1970-01-01T00:00:05Z"),
        (wire().int(2, 1_000_000), "1970-01-01T00:00:00.001Z"),
        (wire().int(2, 1_000_000).int(1, 5), "1970-01-01T00:00:05.001Z"),
        (wire().int(1, 4).int(1, 5), "1970-01-01T00:00:05Z"),
        (wire().int(1, 5).int(2, 1).int(2, 1_000_000), "1970-01-01T00:00:05.001Z"),
        (wire().int(1, 5).int(2, 1_000_000).int(3, 7), "1970-01-01T00:00:05.001Z"),
        (wire().int(1, 5).int(3, 7), "1970-01-01T00:00:05Z"),
        (wire().int(1, -1), "1969-12-31T23:59:59Z"),
        // Longer than it need be.
        (wire().raw(&[8, 0x85, 0x80, 0]), "1970-01-01T00:00:05Z"),
    ] {
        check("t.Known", wire().message(1, stamp.clone()), &format!("{{\"timestamp\":\"{text}\"}}"));
        let behind = format!("{{\"timestamp\":\"{text}\",\"duration\":\"16s\"}}");
        check("t.Known", wire().message(1, stamp).message(2, wire().int(1, 16)), &behind);
    }
    // Cut off within a number that the next field would complete.
    check_error(
        "t.Known",
        wire().raw(&[10, 2, 8, 0x85, 18, 2, 8, 16]),
        "t.Known.timestamp: truncated message",
    );
    // In pieces they merge as any message does.
    check(
        "t.Known",
        wire().message(1, wire().int(1, 5)).message(1, wire().int(2, 1_000_000)),
        r#"{"timestamp":"1970-01-01T00:00:05.001Z"}"#,
    );
}

#[test]
fn field_masks() {
    let mask =
        |paths: &[&str]| wire().message(3, paths.iter().fold(wire(), |wire, path| wire.bytes(1, path)));
    check("t.Known", mask(&[]), r#"{"mask":""}"#);
    check("t.Known", mask(&["foo_bar.baz_qux", "x", "a1"]), r#"{"mask":"fooBar.bazQux,x,a1"}"#);
    for path in ["fooBar", "foo_", "foo__bar", "foo_1", "a,b", "a\"b"] {
        let error = decode("t.Known", &mask(&["ok", path]), &DecodeOptions::default()).unwrap_err();
        assert_eq!(error.field, "mask[1]", "{error}");
    }
}

#[test]
fn structs() {
    let string = |text: &str| wire().bytes(3, text);
    let number = |value: f64| wire().fixed64(2, value.to_bits());
    let entry = |key: &str, value| wire().message(1, wire().bytes(1, key).message(2, value));
    let list = wire().message(6, wire().message(1, wire().int(1, 0)).message(1, wire().int(4, 1)));
    let object = entry("a", string("x")).then(&entry("b", number(1.5))).then(&entry("c", list));
    check("t.Known", wire().message(4, object.clone()), r#"{"struct":{"a":"x","b":1.5,"c":[null,true]}}"#);
    check(
        "t.Known",
        wire().message(5, wire().message(5, object)),
        r#"{"value":{"a":"x","b":1.5,"c":[null,true]}}"#,
    );
    check("t.Known", wire().message(5, wire()).message(6, wire()), r#"{"value":null,"list":[]}"#);
    check(
        "t.Known",
        wire().message(4, entry("a", number(1.0)).then(&entry("a", number(2.0)))),
        r#"{"struct":{"a":2}}"#,
    );
    check("t.Known", wire().message(5, string("x").int(1, 0).then(&number(3.0))), r#"{"value":3}"#);
    let lists = wire().message(6, wire().message(1, number(1.0))).message(6, wire().message(1, number(2.0)));
    check("t.Known", wire().message(5, lists), r#"{"value":[1,2]}"#);
    check_error(
        "t.Known",
        wire().message(15, number(1.0)).message(15, number(f64::NAN)),
        "t.Known.values[1]: a google.protobuf.Value cannot hold NaN",
    );
}

#[test]
fn wrappers_are_their_values() {
    check(
        "t.Known",
        wire()
            .message(9, wire().int(1, 1))
            .message(10, wire().fixed32(1, 1.5f32.to_bits()))
            .message(11, wire().int(1, -5))
            .message(12, wire().bytes(1, "x").bytes(1, "y"))
            .message(13, wire()),
        r#"{"bool":true,"float":1.5,"long":"-5","string":"y","bytes":""}"#,
    );
}

#[test]
fn any_prints_the_message_inside() {
    let any =
        |name: &str, value: Wire| wire().bytes(1, format!("type.googleapis.com/{name}")).message(2, value);
    let known = |any| wire().message(7, any);
    check(
        "t.Known",
        known(any("t.All", wire().int(1, 5))),
        r#"{"any":{"@type":"type.googleapis.com/t.All","int32Value":5}}"#,
    );
    check("t.Known", known(any("t.All", wire())), r#"{"any":{"@type":"type.googleapis.com/t.All"}}"#);
    check(
        "t.Known",
        known(any("google.protobuf.Duration", wire().int(1, 1))),
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}"#,
    );
    check(
        "t.Known",
        known(any("google.protobuf.Empty", wire())),
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}}"#,
    );
    check(
        "t.Known",
        known(any("google.protobuf.Any", any("t.All", wire().int(1, 1).int(1, 2)))),
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/t.All","int32Value":2}}}"#,
    );
    check("t.Known", known(wire()), r#"{"any":{}}"#);
    check_error(
        "t.Known",
        known(any("t.Nothing", wire())),
        "t.Known.any: google.protobuf.Any holds a \"type.googleapis.com/t.Nothing\", which is not in the schema",
    );
    check_error(
        "t.Known",
        known(wire().bytes(2, "x")),
        "t.Known.any: google.protobuf.Any holds a \"\", which is not in the schema",
    );
    check_error(
        "t.Known",
        known(any("t.All", wire().raw(&[8]))),
        "t.Known.any.int32Value: truncated message",
    );
}

#[test]
fn a_status_reaches_the_client_whatever_it_holds() {
    let any =
        |name: &str, value: Wire| wire().bytes(1, format!("type.googleapis.com/{name}")).message(2, value);
    let status = wire()
        .int(1, 3)
        .bytes(2, "no")
        .message(3, any("t.All", wire().int(1, 1).int(1, 2)))
        .message(3, any("t.Nothing", wire().int(1, 1)))
        .message(3, any("t.All", wire().raw(&[8])))
        .message(3, any("google.protobuf.Timestamp", wire().int(2, -1)));
    let status = schema().decode_status(&status.0, &DecodeOptions::default()).unwrap();
    assert_eq!((status.code, status.message.as_str()), (3, "no"));
    assert_eq!(
        String::from_utf8(status.details).unwrap(),
        concat!(
            r#"[{"@type":"type.googleapis.com/t.All","int32Value":2},"#,
            r#"{"@type":"type.googleapis.com/t.Nothing","value":"CAE="},"#,
            r#"{"@type":"type.googleapis.com/t.All","value":"CA=="},"#,
            r#"{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"EP///////////wE="}]"#
        )
    );
    assert_eq!(schema().decode_status(&[], &DecodeOptions::default()).unwrap().details, b"[]");
    assert!(schema().decode_status(&[0xff], &DecodeOptions::default()).is_err());
}
