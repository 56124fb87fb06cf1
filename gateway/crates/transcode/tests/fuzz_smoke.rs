//! The fuzz targets of this crate on their committed corpora and on a bounded number of mutations, without libFuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, unreachable_pub)] // test code
#![allow(missing_docs, dead_code)] // the files are modules of another crate too

use std::path::Path;

#[path = "../../../fuzz/src/descriptor_set.rs"]
mod descriptor_set;
#[path = "../../../fuzz/src/json_in.rs"]
mod json_in;
#[path = "../../../fuzz/src/query.rs"]
mod query;
#[path = "../../../fuzz/src/roundtrip.rs"]
mod roundtrip;
#[path = "../../../fuzz/src/schema.rs"]
mod schema;
#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;
#[path = "../../../fuzz/src/wire_in.rs"]
mod wire_in;

fn smoke(target: &str, mutations: u32, body: fn(&[u8])) {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    smoke::run(&corpora.join(target), mutations, body);
}

#[test]
fn json_in() {
    smoke("json_in", 20_000, json_in::run);
}

#[test]
fn wire_in() {
    smoke("wire_in", 20_000, wire_in::run);
}

#[test]
fn query() {
    smoke("query", 20_000, query::run);
}

#[test]
fn roundtrip() {
    smoke("roundtrip", 20_000, roundtrip::run);
}

#[test]
fn descriptor_set() {
    smoke("descriptor_set", 1_000, descriptor_set::run);
}
