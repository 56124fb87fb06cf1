//! The bodies of the fuzz targets: each is a function of bytes that panics when it finds something.
//!
//! `cargo fuzz run -s none TARGET` in this folder's parent drives them by libFuzzer, on a stable compiler. The smoke
//! tests (`tests/fuzz_smoke.rs` of `transcode`, `http-rule`, `protofile` and `gateway`) include the same files and run the committed corpus
//! and a bounded number of mutations of it wherever the other tests run.

pub mod descriptor_set;
pub mod json_in;
pub mod proto_file;
pub mod query;
pub mod roundtrip;
pub mod routes_yaml;
pub mod schema;
pub mod smoke;
pub mod template;
pub mod wire_in;
