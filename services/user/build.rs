//! Compiles `proto/` in process: the Rust code of the service, and the descriptors that reflection tells of.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    let protos = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", protos.display());
    let set = descriptor_set(protos, &["shop/user/v1/user.proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.binpb"), &set)?;
    tonic_prost_build::configure().compile_fds(FileDescriptorSet::decode(set.as_slice())?)?;
    Ok(())
}

/// The files and all that they import, as a descriptor set in the wire format.
fn descriptor_set(folder: &Path, names: &[&str]) -> Result<Vec<u8>, String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let compiled = protofile::compile(&names, &mut |name| {
        std::fs::read(folder.join(name)).ok().map(protofile::Content::Text)
    });
    match compiled.errors.first() {
        Some(mistake) => Err(format!("{}: {}", mistake.file, mistake.message)),
        None => Ok(compiled.set()),
    }
}
