#![no_main]

#[allow(dead_code, reason = "the other targets are in there too")]
#[path = "../../core/tests/untrusted_input/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::aliases(bytes));
