//! Compiles `proto/` in process: the Rust code of the service and of its client to the user service, and the
//! descriptors that reflection tells of.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let protos = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", protos.display());
    let mut compiler = protox::Compiler::new([protos])?;
    compiler.include_imports(true).include_source_info(true).open_file("shop/order/v1/order.proto")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;
    compiler.open_file("shop/user/v1/user.proto")?;
    tonic_prost_build::configure().compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
