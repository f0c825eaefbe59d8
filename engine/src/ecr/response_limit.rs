//! Limits the size of a response while it is read, so that a large one never fills the memory.

use aws_sdk_ecr::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::{LengthLimitError, Limited};

/// Ends a response that exceeds so many bytes.
#[derive(Debug)]
pub(super) struct ResponseLimit {
    max_bytes: usize,
}

impl ResponseLimit {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes }
    }
}

impl Intercept for ResponseLimit {
    fn name(&self) -> &'static str {
        "ResponseLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let unlimited = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(unlimited, self.max_bytes));
        Ok(())
    }
}

/// Whether a call failed because its response exceeded the limit.
pub(super) fn is_exceeded(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |cause| cause.source()).any(<dyn std::error::Error>::is::<LengthLimitError>)
}
