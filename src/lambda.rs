//! The function on AWS Lambda: the runtime, the handler of an invocation, its log line and its metrics.

pub mod event;
pub mod handler;
pub mod logging;
pub mod metrics;
mod plan;
pub mod record;
pub mod runtime;
