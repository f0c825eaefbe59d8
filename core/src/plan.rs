//! What an input asks for, by the settings: filters it, and turns it into work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::access::Access;
use crate::alias::request::AliasRequest;
use crate::alias::yank::{YankAction, YankRequest};
use crate::answer::{Answer, VersionReport};
use crate::error::{Error, InvocationError};
use crate::image_tags::request::ImageTagRequest;
use crate::input::request::{AssembleRequest, RegistriesRequest, ReleaseRequest, SweepRequest};
use crate::input::{Input, Push};
use crate::name::{AccountId, Region, RegistryId, RepositoryGlob, RepositoryName};
use crate::oci::tag::Tag;
use crate::reconcile::request::ReconcileRequest;
use crate::settings::{Accounts, RepositorySettings, Settings, TagMeaning};
use crate::work::{MarkerTask, SweepScope, VersionTask, Work};

/// The age up to which an event proves that its tag exists.
///
/// A tag is visible seconds after its push, and EventBridge delivers within seconds. An event that was delayed, retried
/// for hours or redriven from a queue says nothing about now: the tag may have been deleted since.
const RECENT_PUSH: Duration = Duration::from_mins(5);

/// What an input results in.
#[derive(Debug)]
pub enum Plan {
    /// There is work to do.
    Do(Work),
    /// It is filtered out, or invalid, and has its answer.
    Answer(Result<Answer, InvocationError>),
}

/// What an input is about, for the answer, the log and the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The registry of the event or request, if it names one.
    pub registry: Option<RegistryId>,
    /// The repository of the event or request, if it names one.
    pub repository: Option<String>,
    /// The version that the event or request is about.
    pub version: Option<Tag>,
    /// The tag whose push the event announces.
    pub tag: Option<Tag>,
    /// What kind of input it is. `None`, if it is neither.
    pub kind: Option<InputKind>,
    /// The time of the push event, if the input is one.
    pub pushed_at: Option<SystemTime>,
    /// Whether it is a sweep of everything that is served, and not a dry run.
    pub is_full_sweep: bool,
}

/// A kind of input, as log lines tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// An event.
    Event,
    /// A request.
    Request,
    /// A request that writes nothing.
    DryRun,
}

impl InputKind {
    /// Its name in log lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Request => "request",
            Self::DryRun => "dry_run",
        }
    }

    fn of_request(is_dry_run: bool) -> Self {
        if is_dry_run { Self::DryRun } else { Self::Request }
    }
}

/// Why an input results in no work.
enum Rejection {
    /// It is filtered out, for this reason.
    Ignored(String),
    /// It is invalid.
    Failed(Error),
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn ignored(reason: String) -> Rejection {
    Rejection::Ignored(reason)
}

/// Plans the work of inputs.
#[derive(Debug)]
pub struct Planner<'a> {
    /// The settings of the function.
    pub settings: &'a Settings,
    /// What the invocation may ask for.
    pub access: Access,
    /// The account of the function, if Lambda states it.
    pub own_account: Option<&'a AccountId>,
    /// The Region of the function, if the environment names it.
    pub own_region: Option<Region>,
    /// The time, from which the age of an event is computed.
    pub now: SystemTime,
}

impl Planner<'_> {
    /// Plans the work of an input, or of the error of one that is none. Also says what the input is about.
    pub fn plan(&self, input: Result<Input, Error>) -> (Subject, Plan) {
        let mut subject = input.as_ref().map(|input| self.subject(input)).unwrap_or_default();
        let admitted = input.and_then(|input| self.access.admit(input)).map_err(Rejection::Failed);
        let plan = match admitted.and_then(|input| self.work(input, &mut subject)) {
            Ok(work) => Plan::Do(work),
            Err(Rejection::Ignored(reason)) => {
                let Subject { registry, repository, version, .. } = &subject;
                let report = VersionReport::ignored(reason, registry.clone(), repository.clone(), version.clone());
                Plan::Answer(Ok(Answer::Version(Box::new(report))))
            }
            Err(Rejection::Failed(error)) => Plan::Answer(Err(error.into())),
        };
        (subject, plan)
    }

    /// The work of an input. Adds to the subject what only the settings tell.
    fn work(&self, input: Input, subject: &mut Subject) -> Result<Work, Rejection> {
        match input {
            Input::Ignored { reason, .. } => Err(ignored(reason)),
            Input::Push(push) => self.push(push, subject),
            Input::Assemble(request) => self.assemble(request),
            Input::Sweep(request) => self.sweep(request, subject),
            Input::Yank(action, request) => self.yank(action, request),
            Input::Registries(RegistriesRequest { accounts }) => {
                Ok(Work::Registries(self.registries(accounts.as_deref(), &self.own_region()?)))
            }
        }
    }

    fn push(&self, push: Push, subject: &mut Subject) -> Result<Work, Rejection> {
        let Push { account, region, repository, tag, may_be_list, time } = push;
        self.check_registry(Some(&account), Some(&region))?;
        let settings = self.repository_settings(&repository)?;
        let registry = RegistryId { account: Some(account), region };
        match settings.meaning(&tag) {
            TagMeaning::Platform(parsed) => {
                subject.version = Some(parsed.version.clone());
                let task = version_task(repository, parsed.version, settings)?;
                let pushed = BTreeSet::from_iter(is_recent(time, self.now).then_some(tag));
                let request = ReconcileRequest { pushed, announced_at: time, ..task.request };
                Ok(Work::Version(registry, VersionTask { request, ..task }, None))
            }
            TagMeaning::Marker(marker) => {
                let version = marker.release().tag();
                let not_served = || ignored(format!("{tag} marks {version}, which has no aliases"));
                let release = settings.release(version).ok_or_else(not_served)?;
                subject.version = Some(version.clone());
                let aliases = AliasRequest::for_release(repository, release, settings);
                Ok(Work::Marker(registry, MarkerTask { marker, aliases }))
            }
            TagMeaning::Version(_)
                if may_be_list && let Some(request) = ImageTagRequest::new(repository, tag.clone(), settings) =>
            {
                subject.version = Some(tag);
                let is_expected = is_recent(time, self.now);
                Ok(Work::List(registry, ImageTagRequest { is_expected, ..request }))
            }
            TagMeaning::Image(parsed) => {
                Err(ignored(format!("{tag} is the tag of an image inside the manifest list of {}", parsed.version)))
            }
            TagMeaning::Alias(_) | TagMeaning::Version(_) | TagMeaning::NotServed(_) => {
                let expected = settings.platform_tag_forms().join(" or ");
                Err(ignored(format!("{tag} is not the tag of a configured platform: expected {expected}")))
            }
        }
    }

    fn assemble(&self, request: AssembleRequest) -> Result<Work, Rejection> {
        let AssembleRequest { repository, version, dry_run, force, account, region, wait_seconds } = request;
        self.check_registry(account.as_ref(), region.as_ref())?;
        let settings = self.repository_settings(&repository)?;
        let VersionTask { request, aliases, image_tags } = version_task(repository, version, settings)?;
        let registry = self.requested_registry(account, region)?;
        let aliases = aliases.map(|aliases| aliases.with_dry_run(dry_run).with_force(force));
        // One that waits looks again and again, as those do who may do nothing else.
        let looks_for_archived = wait_seconds.is_none() && self.access == Access::Full;
        let request = ReconcileRequest { dry_run, force, looks_for_archived, ..request };
        let image_tags = image_tags.map(|image_tags| ImageTagRequest { dry_run, force, ..image_tags });
        let task = VersionTask { request, aliases, image_tags };
        Ok(Work::Version(registry, task, wait_seconds.map(Duration::from)))
    }

    fn yank(&self, action: YankAction, request: ReleaseRequest) -> Result<Work, Rejection> {
        let ReleaseRequest { repository, version, dry_run, account, region } = request;
        self.check_registry(account.as_ref(), region.as_ref())?;
        let settings = self.repository_settings(&repository)?;
        let request =
            YankRequest::new(repository, &version, action, settings).map_err(|error| ignored(error.to_string()))?;
        Ok(Work::Yank(self.requested_registry(account, region)?, request.with_dry_run(dry_run)))
    }

    fn sweep(&self, request: SweepRequest, subject: &mut Subject) -> Result<Work, Rejection> {
        let SweepRequest { repositories, dry_run, deep, max_age, account, region, from } = request;
        self.check_registry(account.as_ref(), region.as_ref())?;
        self.check_repositories(repositories.as_deref().unwrap_or_default())?;
        let own_region = self.own_region().or_else(|error| region.clone().ok_or(error))?;
        let all = self.registries(None, &own_region);
        let mut registries = match &account {
            Some(account) => self.registries(Some(std::slice::from_ref(account)), &own_region),
            None => all.clone(),
        };
        registries.retain(|id| region.as_ref().is_none_or(|region| id.region == *region));
        if let [registry] = registries.as_slice() {
            subject.registry = Some(registry.clone());
        }
        let covers_all_registries = registries == all && *self.settings.accounts() != Accounts::Any;
        let max_age = max_age.map(Duration::from);
        Ok(Work::Sweep(registries, SweepScope { repositories, from, dry_run, deep, max_age, covers_all_registries }))
    }

    /// The registries that are served, those of these accounts only if they are given.
    fn registries(&self, accounts: Option<&[AccountId]>, own_region: &Region) -> Vec<RegistryId> {
        let served = |accounts: &[AccountId]| -> Vec<AccountId> {
            accounts.iter().filter(|account| self.serves_account(account)).cloned().collect()
        };
        let accounts = accounts.map(served);
        self.settings.registries(self.own_account, own_region, accounts.as_deref())
    }

    /// Ignores a request that names only repositories that are not served. A glob may match a served one.
    fn check_repositories(&self, globs: &[RepositoryGlob]) -> Result<(), Rejection> {
        let is_not_served =
            |glob: &RepositoryGlob| glob.literal().is_some_and(|name| self.settings.for_repository(&name).is_none());
        if globs.is_empty() || !globs.iter().all(is_not_served) {
            return Ok(());
        }
        let names: Vec<_> = globs.iter().map(RepositoryGlob::as_str).collect();
        Err(ignored(format!("REPOSITORIES does not cover any of {}", names.join(", "))))
    }

    /// Whether an account is the own one, or listed. Lambda always states the own one, which test hosts may not.
    fn serves_account(&self, account: &AccountId) -> bool {
        self.own_account.is_none_or(|own| own == account) || self.settings.accounts().contains(account)
    }

    /// Ignores registries that are not served. Lambda always states the own account and Region, which test hosts may not.
    fn check_registry(&self, account: Option<&AccountId>, region: Option<&Region>) -> Result<(), Rejection> {
        if let Some(account) = account
            && !self.serves_account(account)
        {
            return Err(ignored(format!("the registry of account {account} is not served: ACCOUNTS does not list it")));
        }
        if let (Some(region), Some(own)) = (region, &self.own_region)
            && region != own
            && !self.settings.regions().contains(region)
        {
            return Err(ignored(format!("the registry in {region} is not served: REGIONS does not list it")));
        }
        Ok(())
    }

    fn repository_settings(&self, repository: &RepositoryName) -> Result<&Arc<RepositorySettings>, Rejection> {
        let not_served = || ignored(format!("repository {repository} is not served: REPOSITORIES does not cover it"));
        self.settings.for_repository(repository).ok_or_else(not_served)
    }

    /// The registry that a request names, the own account and Region where it names none.
    fn requested_registry(&self, account: Option<AccountId>, region: Option<Region>) -> Result<RegistryId, Error> {
        let account = account.or_else(|| self.own_account.cloned());
        let region = region.map_or_else(|| self.own_region(), Ok)?;
        Ok(RegistryId { account, region })
    }

    fn own_region(&self) -> Result<Region, Error> {
        self.own_region.clone().ok_or_else(|| {
            let message = "the request names no region, and AWS_REGION is not set: give the request a region";
            Error::InvalidRequest(message.to_owned())
        })
    }

    /// What an input is about.
    fn subject(&self, input: &Input) -> Subject {
        match input {
            Input::Push(push) => Subject {
                registry: Some(RegistryId { account: Some(push.account.clone()), region: push.region.clone() }),
                repository: Some(push.repository.to_string()),
                tag: Some(push.tag.clone()),
                kind: Some(InputKind::Event),
                pushed_at: push.time,
                ..Subject::default()
            },
            Input::Assemble(AssembleRequest { repository, version, account, region, dry_run, .. })
            | Input::Yank(_, ReleaseRequest { repository, version, account, region, dry_run }) => Subject {
                registry: self.requested_registry(account.clone(), region.clone()).ok(),
                repository: Some(repository.to_string()),
                version: Some(version.clone()),
                kind: Some(InputKind::of_request(*dry_run)),
                ..Subject::default()
            },
            Input::Sweep(SweepRequest { account, region, repositories, dry_run, from, deep: _, max_age: _ }) => {
                Subject {
                    is_full_sweep: account.is_none()
                        && region.is_none()
                        && repositories.is_none()
                        && from.is_none()
                        && !dry_run,
                    kind: Some(InputKind::of_request(*dry_run)),
                    ..Subject::default()
                }
            }
            Input::Registries(_) => Subject { kind: Some(InputKind::Request), ..Subject::default() },
            Input::Ignored { registry, repository, .. } => Subject {
                registry: registry.clone(),
                repository: repository.clone(),
                kind: Some(InputKind::Event),
                ..Subject::default()
            },
        }
    }
}

/// The reconciliation of a version that is served.
fn version_task(
    repository: RepositoryName,
    version: Tag,
    settings: &Arc<RepositorySettings>,
) -> Result<VersionTask, Rejection> {
    let release = settings.release(&version);
    let aliases = release.map(|release| AliasRequest::for_release(repository.clone(), release, settings));
    let image_tags = ImageTagRequest::new(repository.clone(), version.clone(), settings);
    let request = ReconcileRequest::new(repository, version, settings).map_err(|error| ignored(error.to_string()))?;
    Ok(VersionTask { request, aliases, image_tags })
}

/// Whether a push of this time is recent. One without a time, or with a time to come, is taken for a new one.
fn is_recent(time: Option<SystemTime>, now: SystemTime) -> bool {
    let age = time.and_then(|time| now.duration_since(time).ok());
    age.is_none_or(|age| age <= RECENT_PUSH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_is_recent_for_five_minutes() {
        let now = SystemTime::now();
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        for (time, expected) in [
            (None, true),
            (Some(now + Duration::from_hours(1)), true),
            (ago(0), true),
            (ago(300), true),
            (ago(301), false),
            (Some(SystemTime::UNIX_EPOCH), false),
        ] {
            assert_eq!(is_recent(time, now), expected, "{time:?}");
        }
    }
}
