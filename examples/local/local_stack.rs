//! A local ECR, and the function that serves it over the real SDK.

use std::time::Duration;

use aws_config::Region;
use aws_sdk_ecr::config::Credentials;
use aws_smithy_http_client::Builder;
use ecr_multiarch::blob::Blobs;
use ecr_multiarch::ecr::{Registries, behavior_version};
use ecr_multiarch::error::Error;
use ecr_multiarch::function::{Answer, Function, Invocation};
use ecr_multiarch::settings::{InvalidSetting, Settings, variable};
use local_ecr::{LocalEcr, RegistryHandle};
use serde_json::Value;
use tokio::time::Instant;

/// The timeout that the template gives the function.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The function and its registry, in one process.
#[derive(Debug)]
pub(crate) struct LocalStack {
    pub(crate) ecr: LocalEcr,
    function: Function,
}

impl LocalStack {
    pub(crate) fn settings(platforms: &str, tag_template: &str) -> Result<Settings, InvalidSetting> {
        Settings::read(|name| match name {
            variable::PLATFORMS => Some(platforms.to_owned()),
            variable::TAG_TEMPLATE => Some(tag_template.to_owned()),
            _ => None,
        })
    }

    pub(crate) async fn new(ecr: LocalEcr, settings: Settings) -> Self {
        let home = ecr.home().id().clone();
        let sdk = aws_config::defaults(behavior_version())
            .endpoint_url(ecr.url())
            // Loopback must not be reached through a proxy that the environment may set.
            .http_client(Builder::new().build_http())
            .region(Region::new(home.region))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"));
        let function =
            Function::new(settings, Registries::load(sdk, Blobs::without_proxy()).await).with_metrics(|_| ());
        Self { ecr, function }
    }

    pub(crate) fn registry(&self) -> RegistryHandle {
        self.ecr.home()
    }

    /// Invokes the function as Lambda does.
    pub(crate) async fn invoke(&self, input: Value) -> Result<Answer, Error> {
        let invocation = Invocation {
            own_account: self.registry().id().account.parse().ok(),
            deadline: Instant::now() + TIMEOUT,
            request_id: input["id"].as_str().unwrap_or_default().to_owned(),
        };
        self.function.handle(input, &invocation).await
    }
}
