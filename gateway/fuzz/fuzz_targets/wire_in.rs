//! Wire to JSON, beside prost-reflect.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::wire_in::run(data));
