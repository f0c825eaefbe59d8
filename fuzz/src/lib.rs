//! What the fuzz targets check: the properties of the tests.

#![forbid(unsafe_code)]

#[path = "../../tests/untrusted_batch/target.rs"]
pub mod batch;
#[path = "../../core/tests/support/memory.rs"]
mod memory;
#[path = "../../src/payload.rs"]
mod payload;
#[path = "../../core/tests/untrusted_input/repository.rs"]
mod repository;
#[path = "../../core/tests/untrusted_input/target.rs"]
pub mod target;
