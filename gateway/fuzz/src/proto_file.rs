//! .proto files: any text compiles or is rejected with places in it, without a panic; what compiles compiles the same way twice.

use protofile::Content;

/// The text of a file that may import `base.proto`, an empty one.
pub fn run(data: &[u8]) {
    let compile = || {
        protofile::compile(&["fuzz.proto".to_owned()], &mut |name| match name {
            "fuzz.proto" => Some(Content::Text(data.to_vec())),
            "base.proto" => Some(Content::Text(b"syntax = \"proto3\";".to_vec())),
            _ => None,
        })
    };
    let compiled = compile();
    let text = protofile::text_of(data);
    for mistake in
        compiled.errors.iter().chain(&compiled.warnings).filter(|mistake| mistake.file == "fuzz.proto")
    {
        assert!(!mistake.message.is_empty());
        if let Some(at) = &mistake.at {
            assert!(at.start <= at.end && at.end <= text.len(), "{at:?} of {} bytes", text.len());
            assert!(text.is_char_boundary(at.start) && text.is_char_boundary(at.end), "{at:?}");
        }
    }
    assert_eq!(compiled.errors.is_empty(), !compiled.files.is_empty());
    assert_eq!(compiled.set(), compile().set());
}
