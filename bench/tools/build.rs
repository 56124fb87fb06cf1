//! Compiles `bench.proto` into messages for the tools, and into the descriptor set that the parties load.

use std::{env, error::Error, fs, path::PathBuf};

const FILE: &str = "bench.proto";
const FOLDERS: [&str; 2] = ["../proto", "../../proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
    }
    let mut compiler = protox::Compiler::new(FOLDERS)?;
    compiler.include_imports(true).open_file(FILE)?;
    // Not prost's encoding of the set: it drops the annotations.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("bench.binpb"), descriptors)?;
    prost_build::Config::new().include_file("protos.rs").compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
