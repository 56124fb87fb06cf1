//! The fuzz target of this crate on its committed corpus and on a bounded number of mutations, without libFuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, unreachable_pub)] // test code
#![allow(missing_docs)] // the files are modules of another crate too

use std::path::Path;

#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../../fuzz/src/template.rs"]
mod template;

#[test]
fn template() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/template");
    smoke::run(&corpus, 50_000, template::run);
}
