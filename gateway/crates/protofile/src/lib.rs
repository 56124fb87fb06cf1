//! Compiles .proto files to descriptors, as protoc does: syntaxes proto2 and proto3, editions 2023 and 2024.
//!
//! Parsing, the scope of names, the interpretation of options and the rules that a file has to keep are protoc's; so are the
//! descriptors, field by field, and the source info. What is wrong in one file changes nothing of what is said of
//! others. The crate does no I/O: files come from a function of the caller.

mod builtin;
mod check;
mod descriptor;
mod features;
mod lex;
mod link;
mod literal;
mod load;
mod options;
mod parse;
mod place;
mod wire;

use std::ops::Range;

pub use builtin::{builtin, package_of};
pub use load::compile;

/// A file as it is found by its name.
#[derive(Debug, Clone)]
pub enum Content {
    /// The text of a .proto file; comments need not be UTF-8.
    Text(Vec<u8>),
    /// A `FileDescriptorProto` in its wire format, as descriptor sets have it.
    Descriptor(Vec<u8>),
    /// It is the file that has this other name, which was asked for before or is among those that are compiled.
    Same(String),
    /// It is there and cannot be read.
    Unreadable(String),
}

/// What came of compiling.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The files that were named and all that they import, imports first: name and `FileDescriptorProto`.
    pub files: Vec<CompiledFile>,
    /// What is wrong; then `files` is empty.
    pub errors: Vec<Mistake>,
    /// What is not wrong, but not as meant either.
    pub warnings: Vec<Mistake>,
}

impl Compiled {
    /// The files as a `FileDescriptorSet` in the wire format.
    #[must_use]
    pub fn set(&self) -> Vec<u8> {
        let file = self.files.iter().map(|file| file.descriptor.clone()).collect();
        prost::Message::encode_to_vec(&descriptor::FileSet { file })
    }
}

/// A file that was compiled.
#[derive(Debug, Clone)]
pub struct CompiledFile {
    /// Its name, as imports have it.
    pub name: String,
    /// Its `FileDescriptorProto` in the wire format.
    pub descriptor: Vec<u8>,
}

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the file, as imports have it.
    pub file: String,
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the text (a byte order mark left out, and each byte that is not UTF-8 replaced by U+FFFD).
    pub at: Option<Range<usize>>,
    /// What to do about it.
    pub help: Option<String>,
    /// The file that is imported, and that is nowhere.
    pub missing: Option<String>,
}

/// The text of a .proto file as mistakes count in it.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(load::without_mark(bytes)).into_owned()
}

/// The names that the text of a file imports.
#[must_use]
pub fn imports(text: &[u8]) -> Vec<String> {
    let file = parse::parse("", load::without_mark(text)).file;
    file.dependency.into_iter().chain(file.option_dependency).collect()
}
