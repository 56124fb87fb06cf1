//! The fuzz target of configurations on its committed corpus and on a bounded number of mutations, without libFuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, unreachable_pub)] // test code
#![allow(missing_docs)] // the files are modules of another crate too

use std::path::Path;

#[path = "../fuzz/src/routes_yaml.rs"]
mod routes_yaml;
#[path = "../fuzz/src/smoke.rs"]
mod smoke;

#[test]
fn routes_yaml() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/routes_yaml");
    smoke::run(&corpus, 2_000, routes_yaml::run);
}
