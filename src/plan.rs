//! What an input asks for, by the settings: filters it, and turns it into work.

use std::time::{Duration, SystemTime};

use ecr_multiarch_core::alias::yank::{YankAction, YankRequest};
use ecr_multiarch_core::input::{AssembleRequest, Push, RegistriesRequest, ReleaseRequest, SweepRequest};
use ecr_multiarch_core::settings::Accounts;
use ecr_multiarch_core::settings::yank_marker::YankMarker;
use ecr_multiarch_core::{
    Access, AccountId, AliasRequest, Answer, Error, Input, InvocationError, ReconcileRequest, Region, RegistryId,
    RepositoryGlob, RepositoryName, RepositorySettings, Settings, Tag, VersionReport,
};

use ecr_multiarch_engine::sweep::SweepScope;

/// The age up to which an event proves that its tag exists.
///
/// A tag is visible seconds after its push, and EventBridge delivers within seconds. An event that was delayed, retried
/// for hours or redriven from a queue says nothing about now: the tag may have been deleted since.
const RECENT_PUSH: Duration = Duration::from_mins(5);

/// The work that an input requests and the settings allow.
pub(super) enum Work {
    Reconcile { registry: RegistryId, request: ReconcileRequest, wait: Option<Duration> },
    Yank { registry: RegistryId, request: YankRequest },
    Marker { registry: RegistryId, marker: YankMarker, aliases: AliasRequest },
    Sweep { registries: Vec<RegistryId>, scope: SweepScope },
    Registries(Vec<RegistryId>),
}

/// What an input results in.
pub(super) enum Prepared {
    /// There is work to do.
    Work(Work),
    /// It is filtered out, or invalid, and has its answer.
    Settled(Result<Answer, InvocationError>),
}

/// Why an input results in no work.
enum Rejection {
    /// It is filtered out. The version is the one that a platform tag names.
    Ignored { reason: String, version: Option<Tag> },
    /// It is invalid.
    Failed(Error),
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn ignored(reason: String) -> Rejection {
    Rejection::Ignored { reason, version: None }
}

/// Plans the work of inputs.
pub(super) struct Planner<'a> {
    pub(super) settings: &'a Settings,
    /// What the invocation may ask for.
    pub(super) access: Access,
    /// The account of the function, if Lambda states it.
    pub(super) own_account: Option<&'a AccountId>,
    /// The Region of the function, if the environment names it.
    pub(super) own_region: Option<Region>,
}

impl Planner<'_> {
    /// Plans the work of an input, and tells what the input is about.
    pub(super) fn prepare(&self, input: Result<Input, Error>) -> (Subject, Prepared) {
        let mut subject = input.as_ref().map(|input| self.subject(input)).unwrap_or_default();
        let admitted = input.and_then(|input| self.access.admit(input));
        let prepared = match admitted.map_err(Rejection::Failed).and_then(|input| self.plan(input)) {
            Ok(work) => {
                subject.refine(&work);
                Prepared::Work(work)
            }
            Err(Rejection::Ignored { reason, version }) => {
                subject.version = version.or(subject.version);
                let Subject { registry, repository, version, .. } = &subject;
                let report = VersionReport::ignored(reason, registry.clone(), repository.clone(), version.clone());
                Prepared::Settled(Ok(Answer::Version(Box::new(report))))
            }
            Err(Rejection::Failed(error)) => Prepared::Settled(Err(error.into())),
        };
        (subject, prepared)
    }

    /// Plans the work of an input.
    ///
    /// # Errors
    /// [`Rejection`], if there is none.
    fn plan(&self, input: Input) -> Result<Work, Rejection> {
        match input {
            Input::Ignored { reason, .. } => Err(ignored(reason)),
            Input::Push(push) => self.plan_push(push),
            Input::Assemble(request) => self.plan_assemble(request),
            Input::Sweep(request) => {
                self.check_registry(request.account.as_ref(), request.region.as_ref())?;
                self.check_repositories(request.repositories.as_deref().unwrap_or_default())?;
                self.plan_sweep(request)
            }
            Input::Yank(action, request) => self.plan_yank(action, request),
            Input::Registries(RegistriesRequest { accounts }) => {
                Ok(Work::Registries(self.registries(accounts.as_deref(), &self.own_region()?)))
            }
        }
    }

    fn plan_push(&self, push: Push) -> Result<Work, Rejection> {
        self.check_registry(Some(&push.account), Some(&push.region))?;
        let settings = self.repository_settings(&push.repository)?;
        let registry = RegistryId { account: Some(push.account), region: push.region };
        if let Some(marker) = YankMarker::from_tag(&push.tag)
            && let Some(aliases) = AliasRequest::for_marker(push.repository.clone(), &push.tag, settings)
        {
            return Ok(Work::Marker { registry, marker, aliases });
        }
        let Some(parsed) = settings.tag_scheme.parse(&push.tag) else {
            return Err(ignored(format!("{} is not the tag of a configured platform", push.tag)));
        };
        let request = new_request(push.repository, parsed.version, settings)?;
        let pushed = is_recent(push.time, SystemTime::now()).then_some(push.tag).into_iter().collect();
        let request = ReconcileRequest { pushed, ..request };
        Ok(Work::Reconcile { registry, request, wait: None })
    }

    fn plan_assemble(&self, request: AssembleRequest) -> Result<Work, Rejection> {
        let AssembleRequest { repository, version, dry_run, force, account, region, wait_seconds } = request;
        self.check_registry(account.as_ref(), region.as_ref())?;
        let settings = self.repository_settings(&repository)?;
        let request = new_request(repository, version, settings)?;
        let registry = self.requested_registry(account, region)?;
        let request = ReconcileRequest { dry_run, force, ..request };
        Ok(Work::Reconcile { registry, request, wait: wait_seconds.map(Duration::from) })
    }

    fn plan_yank(&self, action: YankAction, request: ReleaseRequest) -> Result<Work, Rejection> {
        let ReleaseRequest { repository, version, dry_run, account, region } = request;
        self.check_registry(account.as_ref(), region.as_ref())?;
        let settings = self.repository_settings(&repository)?;
        let request = YankRequest::new(repository, &version, action, settings);
        let request = request.map_err(|error| ignored(error.to_string()))?.with_dry_run(dry_run);
        let registry = self.requested_registry(account, region)?;
        Ok(Work::Yank { registry, request })
    }

    fn plan_sweep(&self, request: SweepRequest) -> Result<Work, Rejection> {
        let SweepRequest { repositories, dry_run, deep, account, region, from } = request;
        let own_region = self.own_region().or_else(|error| region.clone().ok_or(error))?;
        let all = self.registries(None, &own_region);
        let mut registries = match &account {
            Some(account) => self.registries(Some(std::slice::from_ref(account)), &own_region),
            None => all.clone(),
        };
        registries.retain(|id| region.as_ref().is_none_or(|region| id.region == *region));
        let is_everywhere = registries == all && *self.settings.accounts() != Accounts::Any;
        Ok(Work::Sweep { registries, scope: SweepScope { repositories, from, dry_run, deep, is_everywhere } })
    }

    /// The registries that are served, those of these accounts only if they are given.
    fn registries(&self, accounts: Option<&[AccountId]>, own_region: &Region) -> Vec<RegistryId> {
        let served = |account: &&AccountId| {
            self.own_account.is_none_or(|own| own == *account) || self.settings.accounts().contain(account)
        };
        let accounts: Option<Vec<_>> = accounts.map(|accounts| accounts.iter().filter(served).cloned().collect());
        self.settings.registries(self.own_account, own_region, accounts.as_deref())
    }

    /// Ignores a request that names only repositories that are not served. A glob may match a served one.
    fn check_repositories(&self, globs: &[RepositoryGlob]) -> Result<(), Rejection> {
        let is_left_out =
            |glob: &RepositoryGlob| glob.literal().is_some_and(|name| self.settings.for_repository(&name).is_none());
        if globs.is_empty() || !globs.iter().all(is_left_out) {
            return Ok(());
        }
        let names: Vec<_> = globs.iter().map(RepositoryGlob::as_str).collect();
        Err(ignored(format!("REPOSITORIES does not cover any of {}", names.join(", "))))
    }

    /// Ignores registries that are not served. Lambda always states the own account and Region, which test hosts may not.
    fn check_registry(&self, account: Option<&AccountId>, region: Option<&Region>) -> Result<(), Rejection> {
        if let (Some(account), Some(own)) = (account, self.own_account)
            && account != own
            && !self.settings.accounts().contain(account)
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

    fn repository_settings(&self, repository: &RepositoryName) -> Result<&RepositorySettings, Rejection> {
        let left_out = || ignored(format!("repository {repository} is not served: REPOSITORIES does not cover it"));
        self.settings.for_repository(repository).ok_or_else(left_out)
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
                pushed_at: push.time,
                ..Subject::default()
            },
            Input::Assemble(AssembleRequest { repository, version, account, region, .. })
            | Input::Yank(_, ReleaseRequest { repository, version, account, region, .. }) => Subject {
                registry: self.requested_registry(account.clone(), region.clone()).ok(),
                repository: Some(repository.to_string()),
                version: Some(version.clone()),
                ..Subject::default()
            },
            Input::Sweep(SweepRequest { account, region, repositories, dry_run, from, deep: _ }) => Subject {
                is_full_sweep: account.is_none()
                    && region.is_none()
                    && repositories.is_none()
                    && from.is_none()
                    && !dry_run,
                ..Subject::default()
            },
            Input::Registries(_) => Subject::default(),
            Input::Ignored { registry, repository, .. } => {
                Subject { registry: registry.clone(), repository: repository.clone(), ..Subject::default() }
            }
        }
    }
}

/// What an input is about, for the answer, the log and the metrics.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) registry: Option<RegistryId>,
    pub(super) repository: Option<String>,
    pub(super) version: Option<Tag>,
    pub(super) pushed_at: Option<SystemTime>,
    pub(super) is_full_sweep: bool,
}

impl Subject {
    /// Adds what only the work tells: the version of a tag, and the registry of a sweep of one.
    fn refine(&mut self, work: &Work) {
        match work {
            Work::Reconcile { request, .. } => self.version = Some(request.version.clone()),
            Work::Marker { marker, .. } => self.version = Some(marker.release().tag().clone()),
            Work::Sweep { registries, .. } => {
                if let [registry] = registries.as_slice() {
                    self.registry = Some(registry.clone());
                }
            }
            Work::Yank { .. } | Work::Registries(_) => {}
        }
    }
}

fn new_request(
    repository: RepositoryName,
    version: Tag,
    settings: &RepositorySettings,
) -> Result<ReconcileRequest, Rejection> {
    ReconcileRequest::new(repository, version.clone(), settings)
        .map_err(|error| Rejection::Ignored { reason: error.to_string(), version: Some(version) })
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
