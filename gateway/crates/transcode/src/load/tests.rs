//! What loads and what does not.

use proptest::prelude::*;
use prost::Message as _;

use super::raw::{EnumType, EnumValue, Field, File, FileSet, MessageType, kind};
use crate::{
    LoadErrorKind, Schema,
    plan::{Cardinality, EnumIndex, Kind, MessageIndex, WellKnown},
};

mod edition;
mod hostile;

fn field(name: &str, number: i32, kind: i32) -> Field {
    Field {
        name: Some(name.into()),
        number: Some(number),
        label: Some(1),
        r#type: Some(kind),
        ..Field::default()
    }
}

fn of(name: &str, number: i32, type_name: &str) -> Field {
    Field { type_name: Some(type_name.into()), ..field(name, number, kind::MESSAGE) }
}

fn message(name: &str, fields: Vec<Field>) -> MessageType {
    MessageType { name: Some(name.into()), fields, ..MessageType::default() }
}

fn file(name: &str, imports: &[&str], messages: Vec<MessageType>) -> File {
    File {
        name: Some(name.into()),
        package: Some("p".into()),
        dependency: imports.iter().map(ToString::to_string).collect(),
        messages,
        syntax: Some("proto3".into()),
        ..File::default()
    }
}

fn set(files: &[File]) -> Vec<u8> {
    FileSet { file: files.iter().map(prost::Message::encode_to_vec).collect() }.encode_to_vec()
}

#[track_caller]
fn check_err(sets: &[(&str, Vec<u8>)], expected: &str) {
    let load = || {
        let mut builder = Schema::builder();
        for (source, set) in sets {
            builder = builder.add(source, set)?;
        }
        builder.build()
    };
    let error = load().expect_err(expected);
    assert_eq!(error.to_string(), expected);
}

#[test]
fn files_before_their_imports_and_twice() {
    let user = file("user.proto", &["id.proto"], vec![message("User", vec![of("id", 1, ".p.Id")])]);
    let id = file("id.proto", &[], vec![message("Id", vec![field("value", 1, kind::INT64)])]);
    let schema = Schema::load(&[&set(&[user.clone(), id.clone()]), &set(&[id, user])]).unwrap();
    assert!(schema.message("p.User").unwrap().plan().field_by_key(b"id").is_some());
}

#[test]
fn copies_of_a_file_may_differ_in_what_means_nothing() {
    let one = file("a.proto", &[], vec![message("A", vec![field("two_words", 1, kind::INT64)])]);
    let mut other = one.clone();
    other.source_code_info = vec![vec![]];
    other.options = vec![b"\x5a\x01x".to_vec()];
    other.messages[0].fields[0].json_name = Some("twoWords".into());
    assert!(Schema::load(&[&set(&[one]), &set(&[other])]).is_ok());
}

#[test]
fn public_imports_of_public_imports() {
    let mut files = vec![file("0.proto", &[], vec![message("Zero", vec![])])];
    for i in 1..5 {
        let mut next = file(&format!("{i}.proto"), &[&*format!("{}.proto", i - 1)], vec![]);
        next.public_dependency = vec![0];
        files.push(next);
    }
    files.push(file("last.proto", &["4.proto"], vec![message("Last", vec![of("zero", 1, ".p.Zero")])]));
    assert!(Schema::load(&[&set(&files)]).is_ok());
}

#[test]
fn what_is_always_there() {
    let schema = Schema::load(&[]).unwrap();
    for name in
        ["Any", "Timestamp", "Duration", "Struct", "Empty", "FieldMask", "Int32Value", "FileDescriptorSet"]
    {
        assert!(schema.find(&format!("google.protobuf.{name}")).is_some(), "{name}");
    }
    for (name, keys) in [
        ("Status", &["code", "message", "details"][..]),
        ("ErrorInfo", &["reason", "domain", "metadata"]),
        ("RetryInfo", &["retryDelay"]),
        ("DebugInfo", &["stackEntries", "detail"]),
        ("QuotaFailure.Violation", &["subject", "quotaDimensions", "futureQuotaValue"]),
        ("PreconditionFailure.Violation", &["type", "subject", "description"]),
        ("BadRequest", &["fieldViolations"]),
        ("BadRequest.FieldViolation", &["field", "description", "reason", "localizedMessage"]),
        ("RequestInfo", &["requestId", "servingData"]),
        ("ResourceInfo", &["resourceType", "resourceName", "owner", "description"]),
        ("Help.Link", &["description", "url"]),
        ("LocalizedMessage", &["locale", "message"]),
    ] {
        let message = schema.message(&format!("google.rpc.{name}")).unwrap();
        for key in keys {
            assert!(message.plan().field_by_key(key.as_bytes()).is_some(), "{name} {key}");
        }
    }
    let info = schema.message("google.rpc.ErrorInfo").unwrap();
    assert!(info.plan().field_by_key(b"metadata").unwrap().map().is_some());
    assert_eq!(schema.pool().get_enum_by_name("google.rpc.Code").unwrap().values().len(), 17);
}

#[test]
fn copies_of_the_well_known_types_are_taken_as_they_come() {
    let pool = prost_reflect::DescriptorPool::global();
    let timestamp = pool.get_file_by_name("google/protobuf/timestamp.proto").unwrap();
    let mut timestamp = File::decode(&*timestamp.encode_to_vec()).unwrap();
    let own = set(std::slice::from_ref(&timestamp));
    timestamp.messages[0].fields[0].json_name = None;
    let vendored = set(&[File { options: vec![], ..timestamp.clone() }]);
    let schema = Schema::load(&[&own, &vendored]).unwrap();
    assert_eq!(schema.message("google.protobuf.Timestamp").unwrap().plan().well_known, WellKnown::Timestamp);
    // Under another file name, too; and the built-in one stays away.
    timestamp.name = Some("vendor/timestamp.proto".into());
    assert!(Schema::load(&[&set(&[timestamp])]).is_ok());
}

#[test]
fn a_message_that_only_borrows_a_well_known_name_is_ordinary() {
    let mut file = file("t.proto", &[], vec![message("Timestamp", vec![field("text", 1, kind::STRING)])]);
    file.package = Some("google.protobuf".into());
    let schema = Schema::load(&[&set(&[file])]).unwrap();
    assert_eq!(schema.message("google.protobuf.Timestamp").unwrap().plan().well_known, WellKnown::None);
}

#[test]
fn errors_name_source_file_and_symbol() {
    let a = |fields| file("a.proto", &[], vec![message("A", fields)]);
    let one = |file: File| vec![("api.binpb", set(&[file]))];
    let good = a(vec![field("x", 1, kind::INT32)]);
    let mut bad_set = set(std::slice::from_ref(&good));
    bad_set.truncate(bad_set.len() - 1);
    let mut bad_file = FileSet::decode(&*set(std::slice::from_ref(&good))).unwrap();
    bad_file.file[0].truncate(20);
    for (sets, expected) in [
        (
            vec![("x", b"\xff\xff".to_vec())],
            "x: not a FileDescriptorSet: failed to decode Protobuf message: invalid varint",
        ),
        (
            vec![("", bad_set)],
            "not a FileDescriptorSet: failed to decode Protobuf message: FileSet.file: buffer underflow",
        ),
        (
            vec![("x", bad_file.encode_to_vec())],
            "x: a.proto: not a FileDescriptorSet: failed to decode Protobuf message: File.messages: buffer underflow",
        ),
        (one(File { name: None, ..good.clone() }), "api.binpb: holds a file without a name"),
        (
            one(file("a.proto", &["google/api/annotations.proto"], vec![])),
            "api.binpb: a.proto: imports \"google/api/annotations.proto\", which is in none of the sources (protoc: --include_imports; buf: default)",
        ),
        (one(a(vec![of("x", 1, ".p.Nope")])), "api.binpb: a.proto: p.A.x: name '.p.Nope' is not defined"),
        (
            vec![
                ("one", set(std::slice::from_ref(&good))),
                ("two", set(&[a(vec![field("y", 1, kind::INT32)])])),
            ],
            "two: a.proto: differs from the file of the same name in one",
        ),
        (
            vec![(
                "one",
                set(&[file("a.proto", &["b.proto"], vec![]), file("b.proto", &["a.proto"], vec![])]),
            )],
            "one: a.proto: imports itself: a.proto",
        ),
        (one(file("a.proto", &["a.proto"], vec![])), "api.binpb: a.proto: imports itself: a.proto"),
        (
            one(File { syntax: Some("proto4".into()), ..good.clone() }),
            "api.binpb: a.proto: unknown syntax or edition: proto4",
        ),
        (
            one(File { syntax: Some("editions".into()), edition: Some(1234), ..good.clone() }),
            "api.binpb: a.proto: unknown syntax or edition: edition 1234",
        ),
        (
            one(a(vec![field("x", 1, kind::INT32), field("y", 1, kind::INT32)])),
            "api.binpb: a.proto: p.A.y: field number '1' is already used",
        ),
        (one(a(vec![field("x", 0, kind::INT32)])), "api.binpb: a.proto: p.A.x: invalid field number '0'"),
        (
            one(a(vec![field("x", 1 << 29, kind::INT32)])),
            "api.binpb: a.proto: p.A.x: invalid field number '536870912'",
        ),
        (
            one(a(vec![field("x y", 1, kind::INT32)])),
            "api.binpb: a.proto: p.A: something in it is called \"x y\", which is not a name",
        ),
        (one(a(vec![field("x", 1, 19)])), "api.binpb: a.proto: p.A.x: of a type that does not exist"),
        (
            one(a(vec![Field { oneof_index: Some(0), ..field("x", 1, 5) }])),
            "api.binpb: a.proto: p.A.x: a member of a oneof that does not exist",
        ),
        (
            vec![
                ("one", set(std::slice::from_ref(&good))),
                ("two", set(&[File { name: Some("b.proto".into()), ..good.clone() }])),
            ],
            "two: b.proto: p.A: name 'p.A' is already defined in file 'a.proto'",
        ),
        (
            one(file(
                "a.proto",
                &[],
                vec![MessageType { options: vec![vec![0x38, 1]], ..message("E", vec![]) }],
            )),
            "api.binpb: a.proto: p.E: a map entry must have a scalar `key` = 1 and a `value` = 2, and nothing else",
        ),
    ] {
        check_err(&sets, expected);
    }
}

#[test]
fn redacted_fields_are_known() {
    let secret = Field { options: vec![vec![0x80, 0x01, 1]], ..field("secret", 1, kind::STRING) };
    let schema = Schema::load(&[&set(&[file("a.proto", &[], vec![message("A", vec![secret])])])]).unwrap();
    assert!(schema.message("p.A").unwrap().plan().fields[0].debug_redact);
}

#[test]
fn names_that_prost_reflect_takes_for_one() {
    let similar = vec![
        field("foo_bar", 1, kind::INT32),
        field("foobar", 2, kind::INT32),
        field("list", 3, kind::INT32),
    ];
    let mut message = message("A", similar);
    message.fields[2].label = Some(3);
    let schema = Schema::load(&[&set(&[file("a.proto", &[], vec![message.clone()])])]).unwrap();
    let a = schema.message("p.A").unwrap();
    assert!(matches!(a.plan().fields[0].cardinality, Cardinality::Implicit));
    assert!(matches!(a.plan().fields[2].cardinality, Cardinality::Repeated { packed: true }));
    // In proto2 even the JSON names may be the same; the first one has it.
    message.fields[1].name = Some("fooBar".into());
    let old = File { syntax: None, ..file("a.proto", &[], vec![message]) };
    let schema = Schema::load(&[&set(&[old])]).unwrap();
    let a = schema.message("p.A").unwrap();
    assert_eq!(a.plan().fields[1].json_name.as_ref(), "fooBar");
    assert_eq!(a.plan().field_by_key(b"fooBar").unwrap().number, 1);
}

#[test]
fn thousands_of_files() {
    let files: Vec<File> = (0..2000)
        .map(|i| {
            let fields = (1..10).map(|n| field(&format!("field_{n}"), n, kind::STRING)).collect();
            let imports: Vec<String> = (i.max(3) - 3..i).map(|other| format!("{other}.proto")).collect();
            let imports: Vec<&str> = imports.iter().map(String::as_str).collect();
            file(&format!("{i}.proto"), &imports, vec![message(&format!("M{i}"), fields)])
        })
        .collect();
    let schema = Schema::load(&[&set(&files)]).unwrap();
    assert!(schema.message("p.M1999").is_some());
}
