//! The fuzz target of this crate on its committed corpus and on a bounded number of mutations, without libFuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, unreachable_pub)] // test code
#![allow(missing_docs)] // the files are modules of another crate too

use std::path::Path;

#[path = "../../../fuzz/src/proto_file.rs"]
mod proto_file;
#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;

#[test]
fn proto_file() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/proto_file");
    smoke::run(&corpus, 5_000, proto_file::run);
}
