//! Path templates and the table that matches them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::template::run(data));
