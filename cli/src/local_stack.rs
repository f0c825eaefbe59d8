//! A local ECR, and the function that serves it over the real SDK.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use aws_config::Region;
use aws_credential_types::Credentials;
use ecr_multiarch::handler::Handler;
use ecr_multiarch::invocation::Invocation;
use ecr_multiarch::payload;
use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{Access, Answer, Digest, InvocationError, OutcomeKind, Settings};
use ecr_multiarch_engine::connections::Connections;
use ecr_multiarch_engine::ecr::{Registries, behavior_version};
use local_ecr::{LocalEcr, RegistryHandle};
use serde_json::Value;
use tokio::time::Instant;

/// The timeout that the template gives the function.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The client of a local ECR.
pub async fn registries(ecr: &LocalEcr, puts_per_second: f64) -> Registries {
    let sdk = aws_config::defaults(behavior_version())
        .endpoint_url(ecr.url())
        .region(Region::new(ecr.home().id().region.clone()))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"));
    // Loopback must not be reached through a proxy that the environment may set.
    Registries::load(sdk, Connections::without_proxy(), puts_per_second).await
}

/// The function and its registry, in one process.
#[derive(Debug)]
pub struct LocalStack {
    pub ecr: LocalEcr,
    handler: Handler,
    /// The manifest lists that the function has published.
    published: RefCell<HashSet<Digest>>,
}

impl LocalStack {
    pub fn settings(variables: &[(Variable, &str)]) -> Result<Settings, InvalidSetting> {
        let lookup = |name: &str| variables.iter().find(|(variable, _)| variable.name() == name);
        Settings::from_lookup(|name| lookup(name).map(|(_, value)| (*value).to_owned()))
    }

    pub async fn new(ecr: LocalEcr, settings: Settings) -> Self {
        let registries = registries(&ecr, settings.sweep().puts_per_second).await.with_labels(settings.taken_over());
        let handler = Handler::new(settings, registries).with_metrics(|_, _| ());
        Self { ecr, handler, published: RefCell::default() }
    }

    pub fn registry(&self) -> RegistryHandle {
        self.ecr.home()
    }

    /// Invokes the function as Lambda does.
    pub async fn invoke(&self, input: Value) -> Result<Answer, InvocationError> {
        let invocation = Invocation {
            own_account: self.registry().id().account.parse().ok(),
            access: Access::Full,
            deadline: Instant::now() + TIMEOUT,
            request_id: input["id"].as_str().unwrap_or_default().to_owned(),
        };
        let result = self.handler.answer(payload::parse(input), &invocation).await;
        if let Ok(Answer::Version(report)) = &result
            && report.outcome.kind() == OutcomeKind::Published
        {
            self.published.borrow_mut().extend(report.outcome.manifest_list().map(|list| list.digest));
        }
        result
    }

    /// Whether a digest is that of a list that the function has published.
    pub fn has_published(&self, digest: &str) -> bool {
        digest.parse().is_ok_and(|digest| self.published.borrow().contains(&digest))
    }
}
