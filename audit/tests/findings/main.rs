//! Each finding, from the smallest scan that has it; and what is not a finding.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod aliases;
mod deep;
mod judge;
mod settings;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod versions;
