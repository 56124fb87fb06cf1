//! .proto files as people have them: compiled as protoc compiles them, with folders for their imports.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::{Path, PathBuf};

use gateway::descriptors::{Input, Loaded, SourceErrorKind, compile_set, load};
use tempfile::TempDir;

/// A folder with files in it.
struct Folder(TempDir);

impl Folder {
    fn of(files: &[(&str, &[u8])]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, name: &str, imports: &[&str]) -> Loaded {
        load(&[self.input(name, imports)])
    }

    fn input(&self, name: &str, imports: &[&str]) -> Input {
        let imports = imports.iter().map(|folder| self.path(folder)).collect();
        Input::path(name, self.path(name)).with_imports(imports)
    }
}

/// Each error as `file: message`.
fn errors(loaded: &Loaded) -> Vec<String> {
    let told = loaded.errors.iter().map(|error| match &error.kind {
        SourceErrorKind::Proto(error) => {
            format!("{}: {}", file_name(&error.path), error.message)
        }
        other => other.to_string(),
    });
    told.collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_name_means_what_the_file_and_its_imports_make_of_it_whatever_else_is_in_the_folder() {
    let core = (
        "a/core.proto",
        &b"syntax = \"proto3\"; package envoy.config.core.v3; message DataSource { string a = 1; }"[..],
    );
    let user = (
        "a/user.proto",
        &b"syntax = \"proto3\"; package envoy.extensions.tls.v3; import \"a/core.proto\"; message M { config.core.v3.DataSource s = 1; }"[..],
    );
    let other = &b"syntax = \"proto3\"; package envoy.extensions.config.v3; message X { string a = 1; }"[..];
    // Before them in the alphabet, or behind.
    for place in ["0/other.proto", "z/other.proto"] {
        let folder = Folder::of(&[core, user, (place, other)]);
        let loaded = folder.load("", &[]);
        assert_eq!(errors(&loaded), Vec::<String>::new());
        let message = loaded.schema.unwrap().pool().get_message_by_name("envoy.extensions.tls.v3.M").unwrap();
        let kind = message.get_field(1).unwrap().kind();
        assert_eq!(kind.as_message().unwrap().full_name(), "envoy.config.core.v3.DataSource");
    }
}

#[test]
fn a_mistake_in_one_file_is_reported_alone() {
    let extensions: String = (1..=40).map(|n| format!(" optional bool e{n} = {};", 62_000 + n)).collect();
    let options = format!(
        "syntax = \"proto2\"; package o; import \"google/protobuf/descriptor.proto\";\nextend google.protobuf.EnumOptions {{{extensions} }}\nextend google.protobuf.FieldOptions {{ optional string name = 65004; }}"
    );
    for (mistake, message) in [
        ("service S { rpc X(Nope) returns (Nope); }", "`Nope` is not defined"),
        ("message A { string a = 1 }", "expected \";\""),
        ("message A { string a = 1; int32 b = 1; }", "the number 1 is taken by the field `a`"),
        ("message A { string a = 1 [(o.nope) = 1]; }", "`o.nope` is not defined"),
        ("message A { string a = 1 [(o.name) = 1]; }", "`(o.name)` takes a string in quotes"),
        ("enum E { A = 1; }", "the first value of an enum is 0 in proto3"),
    ] {
        let a = format!("syntax = \"proto3\";\nimport \"opts.proto\";\n{mistake}");
        let folder = Folder::of(&[
            ("opts.proto", options.as_bytes()),
            ("a.proto", a.as_bytes()),
            ("b.proto", b"syntax = \"proto3\";\nimport \"opts.proto\";\nmessage M { string a = 1 [(o.name) = \"x\"]; }"),
        ]);
        let told = errors(&folder.load("", &[]));
        assert!(!told.is_empty(), "{mistake}");
        assert!(told.iter().all(|error| error.starts_with("a.proto: ")), "{mistake}: {told:?}");
        assert!(told[0].contains(message), "{mistake}: {told:?}");
    }
}

#[test]
fn json_names_clash_where_protoc_says_so() {
    let clash = |syntax: &str, fields: &str| {
        let text = format!("syntax = \"{syntax}\"; message E {{ {fields} }}");
        let loaded = Folder::of(&[("a.proto", text.as_bytes())]).load("", &[]);
        (loaded.errors.len(), loaded.warnings.len(), loaded.schema.is_some())
    };
    let (one, other) = ("int32 eventType = 1;", "int32 event_type = 2;");
    assert_eq!(clash("proto2", &format!("optional {one} optional {other}")), (0, 1, true));
    assert_eq!(clash("proto3", &format!("{one} {other}")), (1, 0, false));
    assert_eq!(
        clash("proto3", "string url = 1; string URL = 2; string userID = 3; string user_id = 4;"),
        (0, 0, true)
    );
}

#[test]
fn bytes_that_are_not_utf8_are_taken_in_comments_and_refused_elsewhere() {
    let good = Folder::of(&[(
        "a.proto",
        b"syntax = \"proto3\";\n// Caf\xe9.\nmessage A { string a = 1; /* na\xefve */ }",
    )]);
    assert_eq!(errors(&good.load("", &[])), Vec::<String>::new());
    let bad = Folder::of(&[(
        "a.proto",
        b"// \xe9\xe9\nsyntax = \"proto3\";\noption java_package = \"caf\xe9\";\n",
    )]);
    let loaded = bad.load("", &[]);
    let [error] = &loaded.errors[..] else { panic!("{:?}", errors(&loaded)) };
    let SourceErrorKind::Proto(error) = &error.kind else { panic!("{error:?}") };
    assert!(error.message.contains("not UTF-8"), "{}", error.message);
    // The place counts in the text that is shown.
    assert_eq!(&error.text[error.at.clone().unwrap()], "\u{fffd}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let folder = Folder::of(&[("a.proto", b"\xef\xbb\xbfsyntax = \"proto3\"; message A { strin a = 1; }")]);
    let loaded = folder.load("", &[]);
    let SourceErrorKind::Proto(error) = &loaded.errors[0].kind else { panic!("{:?}", errors(&loaded)) };
    assert_eq!(&error.text[error.at.clone().unwrap()], "strin");
    let folder = Folder::of(&[("a.proto", b"\xef\xbb\xbfsyntax = \"proto3\"; message A { string a = 1; }")]);
    assert!(folder.load("", &[]).schema.is_some());
}

#[test]
fn blank_lines_of_block_comments_stay() {
    let text = b"syntax = \"proto3\";\n/* One.\n *\n * Two.\n\n   Three. */\nmessage A {}\n";
    let folder = Folder::of(&[("a.proto", text)]);
    let schema = folder.load("", &[]).schema.unwrap();
    let file = schema.pool().get_file_by_name("a.proto").unwrap();
    let mut comments = gateway::descriptors::Comments::default();
    assert_eq!(comments.of(&file, &[4, 0]), Some("One.\n\nTwo.\n\nThree."));
}

#[test]
fn negative_infinity_is_a_number() {
    let text = b"syntax = \"proto3\"; import \"google/protobuf/descriptor.proto\"; extend google.protobuf.FieldOptions { double d = 50001; }
        message A { float a = 1 [(d) = -inf]; float b = 2 [(d) = -nan]; float c = 3 [(d) = inf]; }";
    assert_eq!(errors(&Folder::of(&[("a.proto", text)]).load("", &[])), Vec::<String>::new());
}

#[test]
fn editions_are_compiled() {
    let text = br#"edition = "2023"; package e; option features.field_presence = IMPLICIT;
        message M { int32 a = 1; int32 b = 2 [features.field_presence = EXPLICIT]; repeated int32 c = 3 [features.repeated_field_encoding = EXPANDED]; reserved gone; }
        enum E { option features.enum_type = CLOSED; ONE = 1; }"#;
    let schema = Folder::of(&[("a.proto", text)]).load("", &[]).schema.unwrap();
    let message = schema.pool().get_message_by_name("e.M").unwrap();
    assert!(message.get_field(2).unwrap().supports_presence());
    assert!(!message.get_field(3).unwrap().is_packed());
    let text =
        br#"edition = "2024"; package e; message M { export message Inner { int32 a = 1; } Inner inner = 1; }
        local message Own { int32 a = 1; } service S { rpc Get(M) returns (M.Inner); }"#;
    let folder = Folder::of(&[
        ("a.proto", text),
        ("b.proto", b"syntax = \"proto3\"; import \"a.proto\"; message B { e.M.Inner a = 1; }"),
    ]);
    assert_eq!(errors(&folder.load("", &[])), Vec::<String>::new());
    let folder = Folder::of(&[
        ("a.proto", text),
        ("b.proto", b"syntax = \"proto3\"; import \"a.proto\"; message B { e.Own a = 1; }"),
    ]);
    assert_eq!(errors(&folder.load("", &[])), ["b.proto: `e.Own` is local to its file"]);
}

const MONEY_USER: &[u8] =
    b"syntax = \"proto3\"; package my; import \"vendored/money.proto\"; message R { v.Money price = 1; } service S { rpc Get(R) returns (R); }";
const MONEY: &[u8] = b"syntax = \"proto3\"; package v; message Money { string code = 1; }";

#[test]
fn folders_for_imports_are_compiled_as_far_as_they_are_imported() {
    let folder = Folder::of(&[
        ("proto/my.proto", MONEY_USER),
        ("third_party/vendored/money.proto", MONEY),
        ("third_party/other/unused.proto", b"syntax = \"proto3\"; import \"not/vendored.proto\";"),
    ]);
    let loaded = folder.load("proto", &["third_party"]);
    assert_eq!(errors(&loaded), Vec::<String>::new());
    assert!(loaded.watch.contains(&folder.path("third_party/vendored/money.proto")));
    // Where the file would be found first.
    assert!(loaded.watch.contains(&folder.path("proto/vendored/money.proto")));
    assert_eq!(
        errors(&folder.load("proto", &[])),
        ["my.proto: `vendored/money.proto` is imported and not found"]
    );
    assert_eq!(folder.load("proto", &["nowhere"]).errors.len(), 2);
}

#[test]
fn a_folder_for_imports_can_be_inside_of_the_other_or_around_it() {
    let inside = Folder::of(&[
        ("my.proto", MONEY_USER),
        ("third_party/vendored/money.proto", MONEY),
        ("third_party/broken.proto", b"nonsense"),
    ]);
    assert_eq!(errors(&inside.load("", &["third_party"])), Vec::<String>::new());
    let around = Folder::of(&[
        (
            "api/orders/a.proto",
            b"syntax = \"proto3\"; package o; import \"api/orders/b.proto\"; message A { B b = 1; }",
        ),
        ("api/orders/b.proto", b"syntax = \"proto3\"; package o; message B { string b = 1; }"),
        ("api/users/broken.proto", b"nonsense"),
    ]);
    let loaded = around.load("api/orders", &[""]);
    assert_eq!(errors(&loaded), Vec::<String>::new());
    assert!(loaded.schema.unwrap().pool().get_file_by_name("api/orders/a.proto").is_some());
}

#[test]
fn a_file_below_two_folders_is_one_file_under_either_name() {
    let folder = Folder::of(&[
        ("proto/v2/model.proto", b"syntax = \"proto3\"; package m; message M { string a = 1; }"),
        (
            "proto/v2/by_short.proto",
            b"syntax = \"proto3\"; package s; import \"model.proto\"; message S { m.M m = 1; }",
        ),
        (
            "proto/by_long.proto",
            b"syntax = \"proto3\"; package l; import \"v2/model.proto\"; message L { m.M m = 1; }",
        ),
    ]);
    let loaded = load(&[folder.input("proto", &[]), folder.input("proto/v2", &[])]);
    assert_eq!(errors(&loaded), Vec::<String>::new());
    let loaded = folder.load("proto", &["proto/v2"]);
    assert_eq!(errors(&loaded), Vec::<String>::new());
}

#[test]
fn the_first_folder_that_has_a_file_wins_and_built_in_files_come_last() {
    let own = b"syntax = \"proto3\"; package google.api; import \"google/protobuf/descriptor.proto\";
        extend google.protobuf.FieldOptions { repeated FieldBehavior field_behavior = 1052; } enum FieldBehavior { OWN = 0; }";
    let user = |value: &str| {
        format!(
            "syntax = \"proto3\"; import \"google/api/field_behavior.proto\"; message M {{ string a = 1 [(google.api.field_behavior) = {value}]; }}"
        )
    };
    let built_in = Folder::of(&[("proto/a.proto", user("REQUIRED").as_bytes())]);
    assert_eq!(errors(&built_in.load("proto", &[])), Vec::<String>::new());
    let files = [
        ("proto/a.proto", user("OWN")),
        ("lib/google/api/field_behavior.proto", String::from_utf8(own.to_vec()).unwrap()),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    assert_eq!(errors(&Folder::of(&files).load("proto", &["lib"])), Vec::<String>::new());
}

#[test]
fn common_option_files_need_no_folder() {
    let text = br#"syntax = "proto3"; package t;
        import "google/api/annotations.proto"; import "google/api/client.proto"; import "google/api/field_behavior.proto";
        import "google/api/field_info.proto"; import "google/api/httpbody.proto"; import "google/api/launch_stage.proto";
        import "google/api/resource.proto"; import "google/api/routing.proto"; import "google/api/visibility.proto";
        import "google/longrunning/operations.proto"; import "google/rpc/status.proto"; import "google/rpc/code.proto";
        import "google/rpc/error_details.proto"; import "google/type/money.proto"; import "google/type/date.proto";
        import "protoc-gen-openapiv2/options/annotations.proto"; import "gogoproto/gogo.proto";
        import "validate/validate.proto"; import "buf/validate/validate.proto";
        option (gogoproto.goproto_getters_all) = false;
        option (grpc.gateway.protoc_gen_openapiv2.options.openapiv2_swagger) = { info: { title: "T" version: "1" } schemes: HTTPS };
        message M {
          option (google.api.resource) = { type: "t/M" pattern: "ms/{m}" };
          string a = 1 [(google.api.field_behavior) = REQUIRED, (validate.rules).string = {min_len: 1, max_len: 9}];
          string b = 2 [(buf.validate.field).string.email = true, (buf.validate.field).cel = {id: "x", expression: "this != ''"}];
          google.type.Money price = 3 [(gogoproto.nullable) = false];
          google.rpc.Status status = 4;
        }
        service S {
          option (google.api.default_host) = "t.example";
          rpc Get(M) returns (google.longrunning.Operation) {
            option (google.api.method_signature) = "a";
            option (google.longrunning.operation_info) = { response_type: "M" metadata_type: "M" };
            option (google.api.http) = { get: "/v1/{a=ms/*}" };
          }
        }"#;
    assert_eq!(errors(&Folder::of(&[("a.proto", text)]).load("", &[])), Vec::<String>::new());
}

#[test]
fn a_missing_import_says_what_usually_brings_it() {
    for (import, package) in [
        ("google/api/expr/v1alpha1/syntax.proto", "googleapis"),
        ("cosmos/base/v1beta1/coin.proto", "cosmos-sdk"),
        ("envoy/config/core/v3/base.proto", "Envoy"),
        ("opentelemetry/proto/trace/v1/trace.proto", "opentelemetry-proto"),
        ("own/thing.proto", "imports count from the folders"),
    ] {
        let text = format!("syntax = \"proto3\"; import \"{import}\";");
        let loaded = Folder::of(&[("a.proto", text.as_bytes())]).load("", &[]);
        let [error] = &loaded.errors[..] else { panic!("{:?}", errors(&loaded)) };
        let SourceErrorKind::Proto(error) = &error.kind else { panic!("{error:?}") };
        let help = error.help.clone().unwrap();
        assert!(help.contains(package) && help.contains("imports"), "{help}");
    }
}

#[test]
fn two_different_files_of_one_name_are_kept_apart_unless_they_declare_the_same() {
    let load_two = |one: &str, two: &str| {
        let text = |body: &str| format!("syntax = \"proto3\"; {body}");
        let folder =
            Folder::of(&[("one/x.proto", text(one).as_bytes()), ("two/x.proto", text(two).as_bytes())]);
        load(&[folder.input("one", &[]), folder.input("two", &[])])
    };
    let apart = load_two("message A { string a = 1; }", "message B { string b = 1; }");
    assert_eq!(errors(&apart), [""; 0]);
    let schema = apart.schema.unwrap();
    assert!(
        schema.pool().get_message_by_name("A").is_some() && schema.pool().get_message_by_name("B").is_some()
    );
    let clash = errors(&load_two("message A { string a = 1; }", "message A { string b = 1; }"));
    assert_eq!(clash.len(), 1, "{clash:?}");
    assert!(clash[0].contains("x.proto"), "{clash:?}");
    let same = load_two("message A { string a = 1; }", "message A { string a = 1; }");
    assert_eq!(errors(&same), [""; 0]);
}

#[test]
fn all_errors_of_many_files_are_reported() {
    let mut files: Vec<(String, String)> = Vec::new();
    for number in 0..2_000 {
        let broken = if number % 20 == 0 { "Nope" } else { "string" };
        files.push((
            format!("f{number}.proto"),
            format!("syntax = \"proto3\"; package p{number}; message M {{ {broken} a = 1; }}"),
        ));
    }
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let folder = Folder::of(&files);
    assert_eq!(compile_set(&[folder.input("", &[])]).unwrap_err().len(), 100);
}

#[test]
fn text_that_is_no_proto_file_is_an_error_and_no_more() {
    let deep = "message A { ".repeat(10_000);
    let brackets = format!("option (x) = {};", "{ a ".repeat(20_000));
    let unclosed = [
        "",
        "message",
        "message {",
        "enum E {",
        "extend",
        "extend X {",
        "oneof",
        "message M { oneof o {",
        "option",
        "option (",
        "option (a",
        "/*",
        "\"",
        "service S { rpc",
        "service S { rpc A(",
        "message M { map<",
        "message M { reserved",
        "message M { extensions 1 to",
        "\0",
        "=",
        "import",
        "syntax = \"proto4\";",
        "edition = \"2099\";",
        "message M { optional group G = 1 {",
        &deep,
        &brackets,
    ];
    for text in unclosed {
        for head in ["", "syntax = \"proto3\"; ", "edition = \"2024\"; "] {
            let text = format!("{head}{text}");
            let loaded = Folder::of(&[("a.proto", text.as_bytes())]).load("", &[]);
            let told = errors(&loaded);
            assert!(!told.iter().any(|error| error.contains("failed")), "{text:.60}: {told:?}");
        }
    }
}

#[test]
fn a_configuration_watches_what_it_imports_and_shows_mistakes_there() {
    let folder = Folder::of(&[
        ("proto/my.proto", MONEY_USER),
        ("third_party/vendored/money.proto", b"syntax = \"proto3\"; package v; message Money { strin code = 1; }"),
        (
            "routes.yaml",
            b"descriptors: [{proto: proto/, imports: third_party/}]\nupstreams: {u: {address: \"127.0.0.1:1\"}}\nservices: {my.S: u}\nroutes: [{get: /x, grpc: my.S/Get}]\n",
        ),
    ]);
    let broken = gateway::config::load(&folder.path("routes.yaml"), &|_| None);
    let told = broken.diagnostics.render(false);
    assert!(told.contains("`strin` is not defined") && told.contains("money.proto:1:"), "{told}");
    let watched = |path: &str| broken.watch.iter().any(|watched| watched.path() == folder.path(path));
    assert!(watched("third_party/vendored/money.proto"), "{:?}", broken.watch);
    assert!(watched("proto/vendored/money.proto"), "{:?}", broken.watch);
    std::fs::write(folder.path("third_party/vendored/money.proto"), MONEY).unwrap();
    let mended = gateway::config::load(&folder.path("routes.yaml"), &|_| None);
    assert!(mended.config.is_some(), "{}", mended.diagnostics.render(false));
}
