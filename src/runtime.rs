//! The Lambda runtime: receives invocations, and returns answers and errors.

use std::time::{Duration, SystemTime};

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use ecr_multiarch_core::input::invalid_request;
use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::{Access, Error, InvocationError};
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::invocation::{ANSWER_MARGIN, Invocation, InvokedArn};
use ecr_multiarch_engine::ecr::OPERATION_TIMEOUT;

/// The environment variable with the address of the Lambda Runtime API.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// How long an invocation may take if the host states no deadline, or one in the past, as test hosts do: the timeout of
/// the deployed assembler.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const _: () = assert!(
    OPERATION_TIMEOUT.as_millis() + ANSWER_MARGIN.as_millis() <= DEFAULT_TIMEOUT.as_millis(),
    "a call with all its attempts fits an invocation"
);
/// How long the report of an initialization error may take. The Lambda Runtime API is local, so it takes milliseconds.
const REPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is invalid.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The program does not run on Lambda.
    #[error(
        "{RUNTIME_API} is not set: this program is an AWS Lambda function. To run it on this machine, use \
         cargo run --bin ecr-multiarch -- demo"
    )]
    NotOnLambda,
    /// The runtime failed.
    #[error("the Lambda runtime ended: {0}")]
    Runtime(lambda_runtime::Error),
}

impl StartError {
    /// The type by which Lambda and whoever invokes the function know the error.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Setting(_) => "InvalidSetting",
            Self::NotOnLambda => "NotOnLambda",
            Self::Runtime(_) => "RuntimeFailure",
        }
    }
}

/// A payload, or why it is not UTF-8.
type PayloadText = Result<String, String>;

/// Serves invocations until the execution environment ends.
///
/// # Errors
/// [`StartError`], outside of Lambda, and if the Lambda Runtime API fails.
pub async fn serve<A, E, F>(handler: impl Fn(Result<Value, Error>, Invocation) -> F) -> Result<(), StartError>
where
    A: Serialize,
    E: Into<InvocationError>,
    F: Future<Output = Result<A, E>>,
{
    if std::env::var_os(RUNTIME_API).is_none() {
        return Err(StartError::NotOnLambda);
    }
    let handler = &handler;
    let service = service_fn(async move |event: LambdaEvent<PayloadText>| {
        let (payload, context) = event.into_parts();
        let input = payload.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
        let input = input.map_err(|error| invalid_request(format_args!("the input is not valid JSON: {error}")));
        handler(input, invocation(context)).await.map_err(|error| Failure(error.into()))
    });
    Runtime::new(service)
        .layer(MapRequestLayer::new(encode_as_json_string))
        .layer(TracingLayer::new())
        .run()
        .await
        .map_err(StartError::Runtime)
}

/// The payload as the JSON of a [`PayloadText`].
///
/// The runtime parses the first JSON value of a payload and drops what follows it. So it gets the whole text as one
/// value, which is parsed here.
fn encode_as_json_string(invocation: LambdaInvocation) -> LambdaInvocation {
    let text: PayloadText = std::str::from_utf8(&invocation.body).map(str::to_owned).map_err(|error| error.to_string());
    LambdaInvocation { body: json!(text).to_string().into(), ..invocation }
}

fn invocation(context: Context) -> Invocation {
    let remaining = context.deadline().duration_since(SystemTime::now()).ok().filter(|time| !time.is_zero());
    // Lambda always states a valid ARN, which test hosts may not. These check no permissions either.
    let arn: Option<InvokedArn> = context.invoked_function_arn.parse().ok();
    Invocation {
        own_account: arn.as_ref().map(|arn| arn.account().clone()),
        access: arn.as_ref().map_or(Access::Full, InvokedArn::access),
        deadline: Instant::now() + remaining.unwrap_or(DEFAULT_TIMEOUT),
        request_id: context.request_id,
    }
}

/// An error as the Lambda Runtime API reports it: the type by its name in the contract, and the message.
#[derive(Debug)]
struct Failure(InvocationError);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self { error_type: error.error_type().name().to_owned(), error_message: error.to_string() }
    }
}

/// Reports to Lambda why the function does not start, so that its callers get the message.
///
/// AWS Lambda developer guide, "Initialization error". The process ends in any case, so an error here changes nothing.
pub async fn report_start_error(error: &StartError) {
    let Ok(api) = std::env::var(RUNTIME_API) else { return };
    let body = json!({"errorType": error.error_type(), "errorMessage": error.to_string(), "stackTrace": []});
    let mut request = Request::new(SdkBody::from(body.to_string()));
    let uri = format!("http://{api}/2018-06-01/runtime/init/error");
    if request.set_method("POST").is_err() || request.set_uri(uri).is_err() {
        return;
    }
    let header = format!("Runtime.{}", error.error_type());
    request.headers_mut().insert("lambda-runtime-function-error-type", header);
    let connector = Connector::builder().tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).build();
    let _ = timeout(REPORT_TIMEOUT, connector.call(request)).await;
}
