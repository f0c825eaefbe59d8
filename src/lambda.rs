//! The function on AWS Lambda: the runtime, the handler of an invocation, its log line and its metrics.

mod batch;
pub mod event;
pub mod handler;
pub mod invocation;
pub mod logging;
pub mod metrics;
mod plan;
pub mod record;
pub mod response;
pub mod runtime;
mod sqs;
