//! What the features of editions do to plans.

use super::*;

const EDITION_2023: i32 = 1000;

/// A `FeatureSet` with these fields.
fn features(features: &[(u8, u8)]) -> Vec<u8> {
    features.iter().flat_map(|(number, value)| [number << 3, *value]).collect()
}

/// Options that hold features under this number.
fn options(number: u32, set: &[(u8, u8)]) -> Vec<Vec<u8>> {
    let features = features(set);
    let mut out = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut out);
    prost::encoding::encode_varint(features.len() as u64, &mut out);
    out.extend(features);
    vec![out]
}

fn edition(messages: Vec<MessageType>) -> File {
    File { syntax: Some("editions".into()), edition: Some(EDITION_2023), ..file("e.proto", &[], messages) }
}

fn list(field: Field) -> Field {
    Field { label: Some(3), ..field }
}

fn cardinalities(file: File) -> Vec<String> {
    let schema = Schema::load(&[&set(&[file])]).unwrap();
    let message = schema.message("p.M").unwrap();
    message
        .plan()
        .fields
        .iter()
        .map(|field| {
            format!(
                "{} {:?}{}",
                field.name,
                field.cardinality,
                if matches!(field.kind, Kind::Group(_)) { " group" } else { "" }
            )
        })
        .collect()
}

fn fields() -> Vec<Field> {
    vec![
        field("a", 1, kind::INT32),
        list(field("b", 2, kind::INT32)),
        list(field("c", 3, kind::STRING)),
        of("d", 4, ".p.M"),
    ]
}

#[test]
fn the_defaults_of_2023_and_2024() {
    for year in [1000, 1001] {
        let file = File { edition: Some(year), ..edition(vec![message("M", fields())]) };
        assert_eq!(
            cardinalities(file),
            ["a Explicit", "b Repeated { packed: true }", "c Repeated { packed: false }", "d Explicit"]
        );
    }
}

#[test]
fn features_of_the_file_hold_for_all_of_it() {
    let all = [(1, 2), (3, 2), (5, 2)];
    let file = File { options: options(50, &all), ..edition(vec![message("M", fields())]) };
    assert_eq!(
        cardinalities(file),
        ["a Implicit", "b Repeated { packed: false }", "c Repeated { packed: false }", "d Explicit group"]
    );
}

#[test]
fn features_nearer_to_the_field_win() {
    let mut fields = fields();
    fields[0].options = options(21, &[(1, 3)]);
    fields[1].options = options(21, &[(3, 1)]);
    fields[3].options = options(21, &[(5, 1)]);
    let message = MessageType { options: options(12, &[(3, 2), (5, 2)]), ..message("M", fields) };
    let file = File { options: options(50, &[(1, 2)]), ..edition(vec![message]) };
    assert_eq!(
        cardinalities(file),
        ["a Required", "b Repeated { packed: true }", "c Repeated { packed: false }", "d Explicit"]
    );
}

#[test]
fn members_of_oneofs_and_extensions_have_presence_always() {
    let member = Field { oneof_index: Some(0), ..field("a", 1, kind::INT32) };
    let mut message = message("M", vec![member]);
    message.oneofs.push(super::super::raw::Oneof { name: Some("o".into()), ..Default::default() });
    message.extension_range.push(vec![0x08, 100, 0x10, 120]);
    let extension = Field { extendee: Some(".p.M".into()), ..field("x", 100, kind::INT32) };
    let file =
        File { options: options(50, &[(1, 2)]), extensions: vec![extension], ..edition(vec![message]) };
    assert_eq!(cardinalities(file), ["a Explicit", "p.x Explicit"]);
}

#[test]
fn maps_are_never_delimited() {
    let mut entry = message("BEntry", vec![field("key", 1, kind::STRING), of("value", 2, ".p.M")]);
    entry.options = vec![vec![0x38, 1]];
    let mut message = message("M", vec![list(of("b", 1, ".p.M.BEntry")), list(of("c", 2, ".p.M"))]);
    message.messages.push(entry);
    let file = File { options: options(50, &[(5, 2)]), ..edition(vec![message]) };
    let schema = Schema::load(&[&set(&[file])]).unwrap();
    let message = schema.message("p.M").unwrap();
    let plan = message.plan();
    assert!(matches!(plan.fields[0].map().unwrap().value.kind, Kind::Message(_)));
    assert!(matches!(plan.fields[1].kind, Kind::Group(_)));
}

#[test]
fn enums_are_open_unless_said() {
    let value = |name: &str, number| EnumValue {
        name: Some(name.into()),
        number: Some(number),
        ..Default::default()
    };
    let open = EnumType { name: Some("Open".into()), values: vec![value("O", 0)], ..Default::default() };
    let closed = EnumType {
        name: Some("Closed".into()),
        values: vec![value("C", 1)],
        options: options(7, &[(2, 2)]),
        ..Default::default()
    };
    let typed =
        |name: &str, number, enumeration: &str| Field { r#type: Some(14), ..of(name, number, enumeration) };
    let message = message("M", vec![typed("a", 1, ".p.Open"), typed("b", 2, ".p.Closed")]);
    let schema =
        Schema::load(&[&set(&[File { enums: vec![open, closed], ..edition(vec![message]) }])]).unwrap();
    let message = schema.message("p.M").unwrap();
    let closed: Vec<bool> = message
        .plan()
        .fields
        .iter()
        .map(|field| match field.kind {
            Kind::Enum(index) => schema.enum_plan(index).closed,
            _ => panic!("{field:?}"),
        })
        .collect();
    assert_eq!(closed, [false, true]);
}

#[test]
fn json_names_may_clash_where_it_is_allowed() {
    let clashing = vec![field("foo_bar", 1, kind::INT32), field("fooBar", 2, kind::INT32)];
    let strict = edition(vec![message("M", clashing)]);
    assert!(Schema::load(&[&set(std::slice::from_ref(&strict))]).is_err());
    let lenient = File { options: options(50, &[(6, 2)]), ..strict };
    assert!(Schema::load(&[&set(&[lenient])]).is_ok());
}
