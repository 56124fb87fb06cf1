//! The compiler of .proto files.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::proto_file::run(data));
