//! Proves that `descriptors/shop.binpb` is what `proto/` compiles to.
//!
//! `UPDATE_DESCRIPTORS=1 cargo test -p kit --test descriptors` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All `.proto` files below `folder`, sorted, so that the set does not depend on the file system's order.
fn proto_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn compiled() -> Vec<u8> {
    let protos = root().join("proto");
    let mut compiler = protox::Compiler::new([&protos]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_files(proto_files(&protos)).unwrap();
    compiler.encode_file_descriptor_set()
}

#[test]
fn the_committed_set_is_what_proto_compiles_to() {
    let path = root().join("descriptors/shop.binpb");
    let wanted = compiled();
    if std::env::var_os("UPDATE_DESCRIPTORS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(
        committed == wanted,
        "descriptors/shop.binpb is not what proto/ compiles to: \
         run `UPDATE_DESCRIPTORS=1 cargo test -p kit --test descriptors` and commit the file"
    );
}

#[test]
fn the_set_is_complete_and_keeps_rules_and_comments() {
    let pool = DescriptorPool::decode(compiled().as_slice()).expect("imports are included");
    let service = pool.get_service_by_name("shop.user.v1.UserService").unwrap();
    let create = service.methods().find(|method| method.name() == "CreateUser").unwrap();
    let rule = pool.get_extension_by_name("google.api.http").unwrap();
    assert!(create.options().has_extension(&rule), "the google.api.http annotation is kept");
    for file in pool.files().filter(|file| file.package_name().starts_with("shop.")) {
        let info = file.file_descriptor_proto().source_code_info.as_ref().expect("source info");
        let says = |path: &[i32]| {
            info.location
                .iter()
                .any(|place| place.path == path && !place.leading_comments().trim().is_empty())
        };
        for (m, message) in file.messages().enumerate() {
            assert!(says(&[4, index(m)]), "{} has no comment", message.full_name());
            for (f, field) in message.fields().enumerate() {
                let declared = message.descriptor_proto().field.iter().position(|d| d.name() == field.name());
                let place = [4, index(m), 2, index(declared.unwrap_or(f))];
                assert!(says(&place), "{} has no comment", field.full_name());
            }
        }
        for (s, service) in file.services().enumerate() {
            for (m, method) in service.methods().enumerate() {
                assert!(says(&[6, index(s), 2, index(m)]), "{} has no comment", method.full_name());
            }
        }
    }
}

fn index(position: usize) -> i32 {
    i32::try_from(position).unwrap()
}
