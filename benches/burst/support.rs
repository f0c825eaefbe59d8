//! The support of the tests, as far as it is used here.

#[path = "../../tests/it/support/function.rs"]
pub mod function;
#[path = "../../tests/it/support/input.rs"]
pub mod input;
#[path = "../../tests/it/support/queue.rs"]
pub mod queue;
#[path = "../../tests/it/support/runtime_api.rs"]
pub mod runtime_api;
#[path = "../../tests/it/support/test_bed.rs"]
pub mod test_bed;
