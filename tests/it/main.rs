//! The function as it ships, against the local ECR: the compiled binary under a host of the Lambda Runtime API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "the modules of a test crate have no outside")]

mod function;
mod runtime_api;
mod world;

mod assemble;
mod clients;
mod failures;
mod faults;
mod golden;
mod hostile;
mod inputs;
mod logs;
mod model;
mod races;
mod start;
mod storm;
mod sweeping;
mod template;
