//! The response to an invocation.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::{Answer, InvocationError};
use serde::Serialize;
use serde_json::Value;

use super::batch::handle_batch;
use super::handler::Handler;
use super::invocation::Invocation;
use super::sqs;

/// The response to an invocation.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// To an event or a request.
    Answer(Answer),
    /// To an SQS batch: the records that go back to the queue.
    Batch(SqsBatchResponse),
}

impl Response {
    /// Handles one invocation: an event, a request, or an SQS batch of them.
    ///
    /// # Errors
    /// Those of [`Handler::handle`]. A batch never fails as a whole, unless the invocation may not bring one.
    pub async fn to(mut payload: Value, invocation: &Invocation, handler: &Handler) -> Result<Self, InvocationError> {
        let Some(records) = sqs::take_records(&mut payload) else {
            return handler.handle(payload, invocation).await.map(Self::Answer);
        };
        match invocation.access.admit_batch() {
            Ok(()) => Ok(Self::Batch(handle_batch(handler, records, invocation).await)),
            Err(error) => handler.handle_input(Err(error), invocation).await.map(Self::Answer),
        }
    }
}
