#![no_main]

#[allow(dead_code, reason = "the module has all targets, of which this binary runs one")]
#[path = "../../core/tests/untrusted_input/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::version(bytes));
