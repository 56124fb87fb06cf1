//! Both directions composed.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::roundtrip::run(data));
