//! JSON to wire, beside prost-reflect.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::json_in::run(data));
