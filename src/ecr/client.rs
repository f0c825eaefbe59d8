//! Clients of the SDK, one for each Region and priority, kept while the execution environment is warm.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use aws_sdk_ecr::operation::put_image::PutImageError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};

use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::{Region, RegistryId};

use super::Registry;
use super::backoff::{Backoff, BackoffInterceptor};
use super::config_cache::ConfigCache;
use crate::blob::BlobClient;
use crate::connections::Connections;
use crate::endpoint::Endpoint;

/// The defaults of the SDK, pinned so that an update of the SDK does not change them.
pub fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// How often a call is attempted.
const MAX_ATTEMPTS: u32 = 4;
/// The first pause between attempts; it doubles, with jitter.
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);
/// The longest of these pauses.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

/// Whose calls go first when ECR throttles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Each call backs off by itself: for one version, as soon as possible.
    Interactive,
    /// All calls of the client slow down together: for many versions.
    Background,
}

/// What all clients share.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) blobs: BlobClient,
    pub(super) configs: ConfigCache,
    calls: Arc<AtomicU64>,
}

/// A client with the back-off that its calls share.
#[derive(Debug, Clone)]
struct CachedClient {
    client: Client,
    backoff: Arc<Backoff>,
}

/// The registries of all accounts and Regions.
#[derive(Debug)]
pub struct Registries {
    sdk: SdkConfig,
    endpoint: Endpoint,
    clients: Mutex<HashMap<(Region, Priority), CachedClient>>,
    shared: Arc<SharedState>,
}

impl Registries {
    /// Loads endpoints, credentials and Region from the environment.
    ///
    /// # Errors
    /// [`InvalidSetting`], if an endpoint variable of the SDK holds no URL.
    pub async fn from_environment() -> Result<Self, InvalidSetting> {
        let endpoint = Endpoint::from_lookup(|name| std::env::var(name).ok())?;
        let loader = aws_config::defaults(behavior_version());
        Ok(Self { endpoint, ..Self::load(loader, Connections::from_environment()).await })
    }

    /// Loads endpoints, credentials and Region by a loader; connections, timeouts and retries are set here.
    pub async fn load(loader: ConfigLoader, connections: Connections) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let sdk = loader
            .http_client(connections.http_client())
            // Each client has its own. Stated here, so that the SDK reads no variable for it, which may be invalid.
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts)
            // Every response is read completely within the timeout of its attempt, so no stream can stall unnoticed.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load()
            .await;
        let shared =
            SharedState { blobs: BlobClient::new(connections), configs: ConfigCache::default(), calls: Arc::default() };
        Self { sdk, endpoint: Endpoint::OfSdk, clients: Mutex::default(), shared: Arc::new(shared) }
    }

    /// The function's own Region, if the environment names one.
    pub fn own_region(&self) -> Option<Region> {
        self.sdk.region().and_then(|region| region.as_ref().parse().ok())
    }

    /// Builds the client of the function's own Region during initialization, when Lambda does not limit the CPU yet.
    pub fn warm_up(&self) {
        if let Some(region) = self.own_region() {
            self.open(&RegistryId { account: None, region }, Priority::Interactive);
        }
    }

    /// The registry of an account in a Region.
    pub fn open(&self, id: &RegistryId, priority: Priority) -> Registry {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let cached =
            clients.entry((id.region.clone(), priority)).or_insert_with(|| self.build_client(&id.region, priority));
        let CachedClient { client, backoff } = cached.clone();
        Registry { client, account: id.account.clone(), priority, backoff, shared: Arc::clone(&self.shared) }
    }

    /// How many calls were sent to ECR so far; each attempt of the SDK counts.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    fn build_client(&self, region: &Region, priority: Priority) -> CachedClient {
        let backoff = Arc::<Backoff>::default();
        let retries = RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_initial_backoff(INITIAL_BACKOFF)
            .with_max_backoff(MAX_BACKOFF);
        let mut config = aws_sdk_ecr::config::Builder::from(&self.sdk)
            .region(aws_sdk_ecr::config::Region::new(region.to_string()))
            .retry_config(retries)
            .retry_classifier(NeverRetryQuota)
            .interceptor(CallCounter(Arc::clone(&self.shared.calls)));
        if let Endpoint::WithoutEmptyVariables(url) = &self.endpoint {
            config.set_endpoint_url(url.clone());
        }
        if priority == Priority::Background {
            config = config.interceptor(BackoffInterceptor(Arc::clone(&backoff)));
        }
        CachedClient { client: Client::from_conf(config.build()), backoff }
    }
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
    ) -> Result<(), aws_sdk_ecr::error::BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Stops the SDK from retrying an exhausted quota, which it takes for throttling.
#[derive(Debug)]
struct NeverRetryQuota;

impl ClassifyRetry for NeverRetryQuota {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_operation_error());
        let code = error.and_then(|error| error.downcast_ref::<PutImageError>()).and_then(|error| error.code());
        match code {
            Some("LimitExceededException") => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "NeverRetryQuota"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
