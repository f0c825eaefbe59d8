//! The Lambda runtime around the function.

use std::time::{Duration, SystemTime};

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::error::Error;
use crate::function::Invocation;

/// The variable that says where the runtime's API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// The time for an answer where the runtime states none, as some test hosts do.
const UNSTATED_TIME: Duration = Duration::from_secs(30);

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be followed.
    #[error(transparent)]
    Setting(#[from] crate::settings::InvalidSetting),
    /// There is no Lambda around it.
    #[error(
        "{RUNTIME_API} is not set: this program is an AWS Lambda function. To see it at work on this machine, run \
         cargo run --example local"
    )]
    NotOnLambda,
    /// The runtime gave up.
    #[error("the Lambda runtime ended: {0}")]
    Runtime(lambda_runtime::Error),
}

/// An input as it came, or what is wrong with its JSON.
struct Payload(Result<Value, String>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

/// Serves invocations for as long as the environment lives.
///
/// # Errors
/// [`StartError`], outside of Lambda and where the runtime's API fails.
pub async fn serve<A, F>(handler: impl Fn(Value, Invocation) -> F) -> Result<(), StartError>
where
    A: Serialize,
    F: Future<Output = Result<A, Error>>,
{
    if std::env::var_os(RUNTIME_API).is_none() {
        return Err(StartError::NotOnLambda);
    }
    let handler = &handler;
    let service = service_fn(async move |event: LambdaEvent<Payload>| {
        let (Payload(input), context) = event.into_parts();
        let input = input.map_err(|error| Error::InvalidRequest(format!("the input is no JSON: {error}")))?;
        handler(input, invocation(context)).await
    });
    lambda_runtime::run(service).await.map_err(StartError::Runtime)
}

fn invocation(context: Context) -> Invocation {
    let left = context.deadline().duration_since(SystemTime::now()).ok().filter(|left| !left.is_zero());
    Invocation {
        own_account: context.invoked_function_arn.split(':').nth(4).and_then(|account| account.parse().ok()),
        deadline: Instant::now() + left.unwrap_or(UNSTATED_TIME),
        request_id: context.request_id,
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.error_type().name().to_owned(), error_message: error.to_string() }
    }
}

/// Tells Lambda why the function does not start, so that whoever invokes it is told as well.
///
/// AWS Lambda developer guide, "Initialization error". The process ends in any case, so a failure here changes nothing.
pub async fn report_start_error(error: &StartError) {
    let Ok(api) = std::env::var(RUNTIME_API) else { return };
    let body = json!({"errorType": "InvalidSetting", "errorMessage": error.to_string(), "stackTrace": []});
    let mut request = Request::new(SdkBody::from(body.to_string()));
    let uri = format!("http://{api}/2018-06-01/runtime/init/error");
    if request.set_method("POST").is_err() || request.set_uri(uri).is_err() {
        return;
    }
    request.headers_mut().insert("lambda-runtime-function-error-type", "Runtime.InvalidSetting");
    let connector = Connector::builder().tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).build();
    let _ = timeout(Duration::from_secs(2), connector.call(request)).await;
}
