//! A configuration.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::routes_yaml::run(data));
