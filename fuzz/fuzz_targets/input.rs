#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ecr_multiarch_fuzz::target::input(bytes));
