//! Descriptor sets as lists of files whose bytes stay as they came: what has to be known of a file, and new names for it.

use std::collections::HashMap;

use prost::Message as _;

/// What has to be known of a file to find it and its imports.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Head {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) package: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) imports: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    pub(super) services: Vec<ServiceHead>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServiceHead {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

impl Head {
    /// The full names of its services.
    pub(super) fn services(&self) -> impl Iterator<Item = String> {
        self.services.iter().map(|service| match self.package.as_str() {
            "" => service.name.clone(),
            package => format!("{package}.{}", service.name),
        })
    }
}

/// A FileDescriptorSet whose files stay as they came.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FileSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) files: Vec<Vec<u8>>,
}

/// The names that a file is known by and imports others by.
#[derive(Clone, PartialEq, prost::Message)]
struct Names {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, repeated, tag = "3")]
    dependency: Vec<String>,
    #[prost(string, repeated, tag = "15")]
    option_dependency: Vec<String>,
}

/// Replaces names of files in a serialized file: its own, and those that it imports. A file that cannot be read stays as it
/// is.
pub(super) fn rename(file: &[u8], new_names: &HashMap<String, String>) -> Vec<u8> {
    let Ok(mut names) = Names::decode(file) else { return file.to_vec() };
    let all = names.name.iter_mut().chain(&mut names.dependency).chain(&mut names.option_dependency);
    let mut is_changed = false;
    for name in all {
        if let Some(new) = new_names.get(name) {
            name.clone_from(new);
            is_changed = true;
        }
    }
    if !is_changed {
        return file.to_vec();
    }
    let mut renamed = names.encode_to_vec();
    let mut rest = file;
    while let Some((number, field)) = next_field(&mut rest) {
        if !matches!(number, 1 | 3 | 15) {
            renamed.extend_from_slice(field);
        }
    }
    renamed
}

/// Splits off the first field, with its tag.
fn next_field<'f>(wire: &mut &'f [u8]) -> Option<(u64, &'f [u8])> {
    use prost::encoding::{DecodeContext, decode_key, skip_field};
    let start = *wire;
    let (number, kind) = decode_key(wire).ok()?;
    skip_field(kind, number, wire, DecodeContext::default()).ok()?;
    Some((u64::from(number), start.get(..start.len() - wire.len())?))
}

#[cfg(test)]
mod tests {
    use prost_types::{FileDescriptorProto, FileOptions};

    use super::*;

    #[test]
    fn a_file_gets_new_names_and_keeps_everything_else() {
        let file = FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            package: Some("a".to_owned()),
            dependency: vec!["b.proto".to_owned(), "c.proto".to_owned()],
            public_dependency: vec![1],
            options: Some(FileOptions { go_package: Some("x".to_owned()), ..Default::default() }),
            ..Default::default()
        };
        let mut bytes = file.encode_to_vec();
        // A field that nothing here knows.
        bytes.extend_from_slice(&[0xa2, 0x06, 1, 7]);
        let new = |name: &str| (format!("{name}.proto"), format!("x2/{name}.proto"));
        let renamed = rename(&bytes, &HashMap::from([new("a"), new("c"), new("z")]));
        let expected = FileDescriptorProto {
            name: Some("x2/a.proto".to_owned()),
            dependency: vec!["b.proto".to_owned(), "x2/c.proto".to_owned()],
            ..file
        };
        assert_eq!(FileDescriptorProto::decode(renamed.as_slice()).unwrap(), expected);
        assert!(renamed.ends_with(&[0xa2, 0x06, 1, 7]));
        assert_eq!(rename(&bytes, &HashMap::from([new("z")])), bytes);
        assert_eq!(rename(&[0xff], &HashMap::from([new("a")])), [0xff]);
    }
}
