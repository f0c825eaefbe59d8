//! The function on AWS Lambda: the runtime, one invocation, and what it logs and measures.

pub mod event;
pub mod handler;
pub mod logging;
pub mod metrics;
pub mod record;
pub mod runtime;
