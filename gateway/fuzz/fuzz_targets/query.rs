//! Captures, query and body into one request.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::query::run(data));
