//! Clients of the SDK, one for each Region, and the gates of the registries, kept while the execution environment is
//! warm.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_ecr::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_types::body::SdkBody;
use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::{Region, RegistryId};
use http_body_util::{LengthLimitError, Limited};
use tokio::time::Instant;

use super::Registry;
use super::configs::ConfigCache;
use super::error::THROTTLING_CODES;
use super::gate::Gate;
use crate::blob::BlobClient;
use crate::connections::{CONNECT_TIMEOUT, Connections};
use crate::sdk_environment::SdkEnvironment;

/// The defaults of the SDK, pinned so that an update of the SDK does not change them.
pub fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// How often a call is attempted: once more than by the SDK's default, since a failed invocation is retried by Lambda
/// only a minute later.
const MAX_ATTEMPTS: u32 = 4;
/// The first pause between attempts; it doubles, with jitter. The SDK's default of a second would delay a push by more
/// than most failures last.
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);
/// The longest pause between attempts. The pauses that double do not reach it; it limits the delay that a response asks
/// for.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How long one attempt may take: as long as still lets all attempts fit [`OPERATION_TIMEOUT`].
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a call may take with all its attempts: less than an invocation of 30 s, so that the error names the call.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);
const _: () = assert!(CONNECT_TIMEOUT.as_millis() < ATTEMPT_TIMEOUT.as_millis(), "an attempt includes the connection");
const _: () = assert!(
    ATTEMPT_TIMEOUT.saturating_mul(MAX_ATTEMPTS).as_millis() <= OPERATION_TIMEOUT.as_millis(),
    "every attempt has its full time"
);

/// How many gates are kept of registries that are not in use: those of every organization of usual size. With
/// `ACCOUNTS=*`, whoever may send requests chooses their accounts.
const MAX_GATES: usize = 1_000;

/// What the calls to a registry are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// One version, as soon as possible.
    Interactive,
    /// Many versions, with writes at the rate of the sweep.
    Background,
}

/// What all clients share.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) blobs: BlobClient,
    pub(super) configs: ConfigCache,
    calls: Arc<AtomicU64>,
}

/// The registries of all accounts and Regions.
#[derive(Debug)]
pub struct Registries {
    sdk: SdkConfig,
    environment: SdkEnvironment,
    clients: Mutex<HashMap<Region, Client>>,
    gates: Mutex<HashMap<(RegistryId, Priority), Arc<Gate>>>,
    sweep_puts_per_second: f64,
    labels: Arc<BTreeSet<String>>,
    shared: Arc<SharedState>,
}

impl Registries {
    /// Takes endpoints, credentials and Region from the variables of a function's environment.
    ///
    /// # Errors
    /// [`InvalidSetting`], if a variable of the SDK is invalid.
    pub fn from_environment(sweep_puts_per_second: f64) -> Result<Self, InvalidSetting> {
        Ok(Self::new(variables()?.sdk_config(), Connections::from_environment(), sweep_puts_per_second))
    }

    /// Takes endpoints, credentials and Region from wherever the SDK finds them, as a program at a terminal does: also
    /// from profiles and single sign-on.
    ///
    /// # Errors
    /// [`InvalidSetting`], if a variable of the SDK is invalid.
    pub async fn from_terminal(sweep_puts_per_second: f64) -> Result<Self, InvalidSetting> {
        let environment = variables()?;
        let loader = aws_config::defaults(behavior_version());
        let registries = Self::load(loader, Connections::from_environment(), sweep_puts_per_second).await;
        Ok(Self { environment, ..registries })
    }

    /// Takes endpoints, credentials and Region from a loader, which uses the same connections.
    pub async fn load(loader: ConfigLoader, connections: Connections, sweep_puts_per_second: f64) -> Self {
        // Each client has its own retries. Stated here, so that the SDK reads no variable for it, which may be invalid.
        let loader = loader.http_client(connections.http_client()).retry_config(RetryConfig::standard());
        Self::new(loader.load().await, connections, sweep_puts_per_second)
    }

    fn new(sdk: SdkConfig, connections: Connections, sweep_puts_per_second: f64) -> Self {
        let http_client = connections.http_client();
        let sdk = sdk.into_builder().http_client(http_client).behavior_version(behavior_version()).build();
        let shared =
            SharedState { blobs: BlobClient::new(connections), configs: ConfigCache::default(), calls: Arc::default() };
        Self {
            sdk,
            environment: SdkEnvironment::default(),
            clients: Mutex::default(),
            gates: Mutex::default(),
            sweep_puts_per_second,
            labels: Arc::default(),
            shared: Arc::new(shared),
        }
    }

    /// The same, keeping these labels of image configs.
    #[must_use]
    pub fn with_labels(self, labels: BTreeSet<String>) -> Self {
        Self { labels: Arc::new(labels), ..self }
    }

    /// The function's own Region, if the environment names one.
    pub fn own_region(&self) -> Option<Region> {
        self.sdk.region().and_then(|region| region.as_ref().parse().ok())
    }

    /// Builds the client of the function's own Region during initialization, when Lambda does not limit the CPU yet.
    pub fn warm_up(&self) {
        if let Some(region) = self.own_region() {
            self.client(&region);
        }
    }

    /// The registry of an account in a Region, with calls that are repeated until this time as long as ECR throttles
    /// them.
    pub fn open(&self, id: &RegistryId, priority: Priority, throttle_deadline: Instant) -> Registry {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let new_gate = || match priority {
            Priority::Interactive => Gate::interactive(),
            Priority::Background => Gate::background(self.sweep_puts_per_second),
        };
        if gates.len() >= MAX_GATES {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let gate = gates.entry((id.clone(), priority)).or_insert_with(|| Arc::new(new_gate()));
        Registry {
            client: self.client(&id.region),
            id: id.clone(),
            gate: Arc::clone(gate),
            labels: Arc::clone(&self.labels),
            shared: Arc::clone(&self.shared),
            throttle_deadline,
        }
    }

    /// Where the credentials of the calls come from.
    pub fn credentials_provider(&self) -> Option<SharedCredentialsProvider> {
        self.sdk.credentials_provider()
    }

    /// Forgets what is kept for one invocation alone.
    pub fn begin_invocation(&self) {
        self.shared.configs.forget_corrupt();
    }

    /// How many calls were sent to ECR so far; each attempt of the SDK counts.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    fn client(&self, region: &Region) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.entry(region.clone()).or_insert_with(|| self.build_client(region)).clone()
    }

    fn build_client(&self, region: &Region) -> Client {
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_initial_backoff(INITIAL_BACKOFF)
            .with_max_backoff(MAX_BACKOFF);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut config = aws_sdk_ecr::config::Builder::from(&self.sdk)
            .region(aws_sdk_ecr::config::Region::new(region.to_string()))
            .retry_config(retries)
            .retry_classifier(NotRetried)
            .timeout_config(timeouts)
            // Every response is read completely within the timeout of its attempt, so no stream can stall unnoticed.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(CallCounter(Arc::clone(&self.shared.calls)));
        self.environment.clear_empty_endpoint(&mut config);
        Client::from_conf(config.build())
    }
}

/// The variables of this process.
fn variables() -> Result<SdkEnvironment, InvalidSetting> {
    SdkEnvironment::from_lookup(|name| std::env::var(name).ok())
}

/// Counts the attempts that are sent.
#[derive(Debug)]
struct CallCounter(Arc<AtomicU64>);

impl Intercept for CallCounter {
    fn name(&self) -> &'static str {
        "CallCounter"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Ends a response that exceeds so many bytes while it is read, so that a large one never fills the memory.
#[derive(Debug)]
pub(super) struct ResponseLimit {
    pub(super) max_bytes: usize,
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
pub(super) fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |cause| cause.source()).any(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// Stops the SDK from retrying what its own retries do not mend: throttling, which the gate answers for all calls; an
/// exhausted quota, which the SDK takes for throttling; and a response that is too large, which it takes for one that
/// broke off.
#[derive(Debug)]
struct NotRetried;

/// The error code of an exhausted quota.
pub(crate) const QUOTA_CODE: &str = "LimitExceededException";

impl ClassifyRetry for NotRetried {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if let Some(Err(error)) = context.output_or_error()
            && is_too_large(error)
        {
            return RetryAction::RetryForbidden;
        }
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        let body = response.body().bytes().unwrap_or_default();
        let has_code = |code: &str| body.windows(code.len()).any(|window| window == code.as_bytes());
        match response.status().as_u16() {
            429 => RetryAction::RetryForbidden,
            400 if THROTTLING_CODES.iter().any(|code| has_code(code)) || has_code(QUOTA_CODE) => {
                RetryAction::RetryForbidden
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "NotRetried"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
