//! A finding: a problem of a tag, and what fixes it.

use std::time::SystemTime;

use ecr_multiarch_core::input::request::{AssembleRequest, SweepRequest};
use ecr_multiarch_core::{AccountId, Region, RepositoryName, Tag};
use serde::Serialize;

use crate::judge::Obstacle;
use crate::problem::Problem;

/// A problem of a tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag: a version or an alias.
    pub tag: String,
    /// When the newest image of the tag was pushed.
    pub pushed_at: SystemTime,
    /// What is wrong.
    pub problem: Problem,
    /// What fixes it.
    pub fix: Fix,
}

/// What fixes a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// This request.
    Request(Request),
    /// A request, were it not for this obstacle.
    Blocked(Obstacle),
    /// A new image, or a person.
    Manual,
}

impl Finding {
    /// The request that fixes it, if one does.
    pub fn request(&self) -> Option<&Request> {
        if let Fix::Request(request) = &self.fix { Some(request) } else { None }
    }

    /// Why no request fixes it yet, where one would fix others of its kind.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        if let Fix::Blocked(obstacle) = &self.fix { Some(obstacle) } else { None }
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            repository: &'a RepositoryName,
            tag: &'a str,
            #[serde(flatten)]
            problem: &'a Problem,
            message: String,
            request: Option<&'a Request>,
            #[serde(skip_serializing_if = "Option::is_none")]
            obstacle: Option<String>,
        }
        let Self { repository, tag, pushed_at: _, problem, fix: _ } = self;
        let (message, obstacle) = (problem.message(), self.obstacle().map(ToString::to_string));
        Entry { repository, tag, problem, message, request: self.request(), obstacle }.serialize(serializer)
    }
}

/// A request to the function, once it is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Request {
    /// Publishes the manifest list of one version, and moves its aliases.
    Assemble(AssembleRequest),
    /// Publishes all manifest lists of repositories that need it.
    Sweep(SweepRequest),
}

/// The registry that requests name: what the audit was told, so that they reach the same one. What is absent is the
/// function's own.
#[derive(Debug, Clone, Default)]
pub struct RequestTarget {
    /// The account.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
}

/// The command that sends a sweep. A sweep takes up to 15 minutes; by default, the client gives up after
/// one, and sends the request again.
pub const SWEEP_COMMAND: &str = "echo 'REQUEST' | aws lambda invoke --function-name SweeperArn \
                                 --cli-read-timeout 0 --payload fileb:///dev/stdin /dev/stdout";
/// The command that sends an assemble request, which takes 30 seconds at most.
pub const ASSEMBLE_COMMAND: &str = "echo 'REQUEST' | aws lambda invoke --function-name AssemblerArn \
                                    --payload fileb:///dev/stdin /dev/stdout";
/// The command that shows what a sweep would publish, before anything is deployed.
pub const DRY_RUN_COMMAND: &str = "ecr-multiarch sweep --dry-run";

impl RequestTarget {
    /// The request that publishes a version, or with force replaces the single image under its tag.
    pub fn assemble(&self, repository: RepositoryName, version: Tag, force: bool) -> Request {
        let Self { account, region } = self.clone();
        let (dry_run, wait_seconds) = (false, None);
        Request::Assemble(AssembleRequest { repository, version, dry_run, force, account, region, wait_seconds })
    }

    /// The request that publishes the versions of a repository; a deep one compares every complete version.
    pub fn sweep(&self, repository: RepositoryName, deep: bool) -> Request {
        let Self { account, region } = self.clone();
        let repositories = Some(vec![repository.into()]);
        Request::Sweep(SweepRequest { repositories, dry_run: false, deep, max_age: None, account, region, from: None })
    }
}

impl Request {
    /// Whether it replaces a single image, which a sweep does not.
    pub const fn is_forced(&self) -> bool {
        matches!(self, Self::Assemble(AssembleRequest { force: true, .. }))
    }
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::Input;

    use super::*;

    #[test]
    fn function_accepts_the_requests() {
        let target = RequestTarget { account: "111122223333".parse().ok(), region: "eu-central-1".parse().ok() };
        let repository: RepositoryName = "team-a/app".parse().unwrap();
        for target in [target, RequestTarget::default()] {
            for request in [
                target.assemble(repository.clone(), "1.2.3".parse().unwrap(), true),
                target.sweep(repository.clone(), false),
            ] {
                let expected = match request.clone() {
                    Request::Assemble(request) => Input::Assemble(request),
                    Request::Sweep(request) => Input::Sweep(request),
                };
                assert_eq!(Input::from_request(serde_json::to_value(request).unwrap()), Ok(expected));
            }
        }
    }
}
