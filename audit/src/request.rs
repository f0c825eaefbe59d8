//! Requests to the function that mend a finding, once it is deployed.

use ecr_multiarch_core::RepositoryName;
use serde::Serialize;

use crate::target::Target;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Request {
    /// Publishes the manifest list of one version, and moves its aliases.
    Assemble {
        /// The repository.
        repository: RepositoryName,
        /// The version.
        version: String,
        /// Whether to replace a single image.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        force: bool,
        /// The registry.
        #[serde(flatten)]
        target: Target,
    },
    /// Publishes all manifest lists of repositories that need it.
    Sweep {
        /// The repositories.
        repositories: Vec<RepositoryName>,
        /// Whether to compare every complete version by digest.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        deep: bool,
        /// The registry.
        #[serde(flatten)]
        target: Target,
    },
}

/// The command that sends a sweep. A sweep takes up to 15 minutes; by default, the client gives up after
/// one, and sends the request again.
pub const SWEEP_COMMAND: &str = "aws lambda invoke --function-name SweeperArn --cli-read-timeout 0 \
                                 --cli-binary-format raw-in-base64-out --payload 'REQUEST' /dev/stdout";
/// The command that sends an assemble request, which takes 30 seconds at most.
pub const ASSEMBLE_COMMAND: &str = "aws lambda invoke --function-name AssemblerArn \
                                    --cli-binary-format raw-in-base64-out --payload 'REQUEST' /dev/stdout";

impl Request {
    /// Whether it replaces a single image, which a sweep does not.
    pub const fn is_forced(&self) -> bool {
        matches!(self, Self::Assemble { force: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::Input;
    use ecr_multiarch_core::input::{AssembleRequest, SweepRequest};

    use super::*;

    #[test]
    fn function_accepts_the_requests() {
        let target = Target { account: "111122223333".parse().ok(), region: "eu-central-1".parse().ok() };
        let repository: RepositoryName = "team-a/app".parse().unwrap();
        for target in [target, Target::default()] {
            let (account, region) = (target.account.clone(), target.region.clone());
            let (repository, version) = (repository.clone(), "1.2.3".to_owned());
            let request =
                Request::Assemble { repository: repository.clone(), version, force: true, target: target.clone() };
            let parsed = Input::from_request(serde_json::to_value(request).unwrap()).unwrap();
            let expected = AssembleRequest {
                repository: repository.clone(),
                version: "1.2.3".parse().unwrap(),
                dry_run: false,
                force: true,
                account: account.clone(),
                region: region.clone(),
                wait_seconds: None,
            };
            assert_eq!(parsed, Input::Assemble(expected));
            let request = Request::Sweep { repositories: vec![repository], deep: false, target };
            let parsed = Input::from_request(serde_json::to_value(request).unwrap()).unwrap();
            let expected = SweepRequest {
                repositories: Some(vec!["team-a/app".parse().unwrap()]),
                dry_run: false,
                deep: false,
                account,
                region,
                from: None,
            };
            assert_eq!(parsed, Input::Sweep(expected));
        }
    }
}
