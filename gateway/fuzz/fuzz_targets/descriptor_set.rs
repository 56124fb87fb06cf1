//! Descriptor sets of any content.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::descriptor_set::run(data));
