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
        let is_not_served = |glob: &RepositoryGlob| match glob.literal() {
            Some(name) => self.settings.for_repository(&name).is_none(),
            // What has no star and cannot be a name matches nothing.
            None => !glob.as_str().contains('*'),
        };
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
                    registry: account
                        .clone()
                        .zip(region.clone())
                        .map(|(account, region)| RegistryId { account: Some(account), region }),
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
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{settings, with_fields};

    const OWN: &str = "111122223333";
    const OTHER: &str = "444455556666";

    fn plan_with(access: Access, input: Result<Input, Error>) -> (Subject, Plan) {
        let variables = [
            ("PLATFORMS", "linux/amd64"),
            ("REPOSITORIES", "app,team/*"),
            ("ACCOUNTS", OTHER),
            ("REGIONS", "eu-west-1"),
            ("IMAGE_TAGS", "{version}_{platform}"),
        ];
        let own_region = Some("eu-central-1".parse().unwrap());
        let (settings, now) = (settings(&variables).unwrap(), SystemTime::UNIX_EPOCH);
        Planner { settings: &settings, access, own_account: Some(&OWN.parse().unwrap()), own_region, now }.plan(input)
    }

    fn plan(request: Value) -> (Subject, Plan) {
        plan_with(Access::Full, Input::from_request(request))
    }

    fn event(account: &str, region: &str, tag: Option<&str>) -> Result<Input, Error> {
        let detail = json!({"action-type": "PUSH", "result": "SUCCESS", "repository-name": "app", "image-tag": tag});
        let time = Some(SystemTime::UNIX_EPOCH);
        Input::from_image_action(
            Some(account.to_owned()),
            Some(region.to_owned()),
            time,
            serde_json::from_value(detail).unwrap(),
        )
    }

    fn assemble(fields: &Value) -> Value {
        with_fields(json!({"action": "assemble", "repository": "app", "version": "1"}), fields)
    }

    fn registry(account: &str, region: &str) -> RegistryId {
        RegistryId { account: Some(account.parse().unwrap()), region: region.parse().unwrap() }
    }

    /// Why an input is ignored.
    #[track_caller]
    fn ignored_because((_, plan): (Subject, Plan)) -> String {
        match plan {
            Plan::Answer(Ok(Answer::Version(report))) => report.outcome.reason().unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    }

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

    #[test]
    fn subject_is_what_the_input_is_about() {
        let (version, tag) = (Some("1".parse().unwrap()), Some("1-amd64".parse().unwrap()));
        let (registry, repository) = (Some(registry(OWN, "eu-central-1")), Some("app".to_owned()));
        let of_event = Subject {
            registry: registry.clone(),
            repository: repository.clone(),
            kind: Some(InputKind::Event),
            ..Subject::default()
        };
        let pushed = plan_with(Access::Full, event(OWN, "eu-central-1", Some("1-amd64"))).0;
        let pushed_at = Some(SystemTime::UNIX_EPOCH);
        assert_eq!(pushed, Subject { version: version.clone(), tag, pushed_at, ..of_event.clone() });
        assert_eq!(plan_with(Access::Full, event(OWN, "eu-central-1", None)).0, of_event);
        for (fields, kind) in [(json!({}), InputKind::Request), (json!({"dry_run": true}), InputKind::DryRun)] {
            let expected = Subject { version: version.clone(), kind: Some(kind), ..of_event.clone() };
            assert_eq!(plan(assemble(&fields)).0, expected);
        }
        let request = Subject { kind: Some(InputKind::Request), ..Subject::default() };
        assert_eq!(plan(json!({"action": "registries"})).0, request);
        let kinds = [InputKind::Event, InputKind::Request, InputKind::DryRun].map(InputKind::name);
        assert_eq!(kinds, ["event", "request", "dry_run"]);
    }

    #[test]
    fn sweep_is_full_unless_something_narrows_it() {
        for (fields, is_full, kind) in [
            (json!({}), true, InputKind::Request),
            (json!({"deep": true, "max_age": "30d"}), true, InputKind::Request),
            (json!({"account": OWN}), false, InputKind::Request),
            (json!({"region": "eu-west-1"}), false, InputKind::Request),
            (json!({"repositories": ["app"]}), false, InputKind::Request),
            (json!({"from": "b"}), false, InputKind::Request),
            (json!({"dry_run": true}), false, InputKind::DryRun),
        ] {
            let (subject, _) = plan(with_fields(json!({"action": "sweep"}), &fields));
            assert_eq!((subject.is_full_sweep, subject.kind), (is_full, Some(kind)), "{fields}");
        }
    }

    #[test]
    fn ignored_sweep_has_the_registry_that_it_names() {
        let sweep = |fields: &Value| plan(with_fields(json!({"action": "sweep"}), fields));
        let ignored = sweep(&json!({"account": "777788889999", "region": "eu-central-1"}));
        assert_eq!(ignored.0.registry, Some(registry("777788889999", "eu-central-1")));
        assert!(ignored_because(ignored).contains("777788889999"));
        assert_eq!(sweep(&json!({"account": "777788889999"})).0.registry, None);
    }

    #[test]
    fn sweep_covers_the_registries_that_it_names() {
        let all =
            [OWN, OTHER].map(|account| ["eu-central-1", "eu-west-1"].map(|region| registry(account, region))).concat();
        for (fields, expected) in [
            (json!({}), &all[..]),
            (json!({"account": OTHER}), &all[2..]),
            (json!({"account": OTHER, "region": "eu-west-1"}), &all[3..]),
        ] {
            let request = with_fields(json!({"action": "sweep"}), &fields);
            let (subject, Plan::Do(Work::Sweep(registries, scope))) = plan(request) else { panic!("{fields}") };
            assert_eq!(registries, expected);
            assert_eq!(scope.covers_all_registries, expected.len() == all.len());
            let [one] = expected else { continue };
            assert_eq!(subject.registry.as_ref(), Some(one));
        }
        let (_, Plan::Do(Work::Sweep(registries, _))) = plan(json!({"action": "sweep", "region": "eu-west-1"})) else {
            panic!()
        };
        assert_eq!(registries, [all[1].clone(), all[3].clone()]);
        for (accounts, expected) in [(json!(null), &all[..]), (json!([OTHER, "777788889999"]), &all[2..])] {
            let request = json!({"action": "registries", "accounts": accounts});
            let (_, Plan::Do(Work::Registries(registries))) = plan(request) else { panic!() };
            assert_eq!(registries, expected);
        }
    }

    #[test]
    fn registry_that_is_not_served_is_ignored() {
        let (account, region) = ("ACCOUNTS does not list it", "REGIONS does not list it");
        for (fields, expected) in [
            (json!({"account": "777788889999"}), account),
            (json!({"account": OTHER, "region": "us-east-1"}), region),
            (json!({"region": "us-east-1"}), region),
        ] {
            assert!(ignored_because(plan(assemble(&fields))).contains(expected), "{fields}");
        }
        let ignored = ignored_because(plan_with(Access::Full, event("777788889999", "eu-central-1", Some("1-amd64"))));
        assert!(ignored.contains(account), "{ignored}");
        for (account, region) in [(OWN, "eu-central-1"), (OTHER, "eu-central-1"), (OWN, "eu-west-1")] {
            let (_, plan) = plan(assemble(&json!({"account": account, "region": region})));
            let Plan::Do(Work::Version(served, ..)) = plan else { panic!("{plan:?}") };
            assert_eq!(served, registry(account, region));
        }
    }

    #[test]
    fn sweep_of_repositories_none_of_which_is_served_is_ignored() {
        for (repositories, is_ignored) in [
            (json!(["other", "none"]), true),
            (json!(["other", "app"]), false),
            (json!(["a", "-none"]), true),
            (json!(["o*"]), false),
            (json!([]), false),
        ] {
            let planned = plan(json!({"action": "sweep", "repositories": repositories}));
            if is_ignored {
                let names = [&repositories[0], &repositories[1]].map(|name| name.as_str().unwrap());
                assert_eq!(
                    ignored_because(planned),
                    format!("REPOSITORIES does not cover any of {}", names.join(", "))
                );
            } else {
                assert!(matches!(planned.1, Plan::Do(Work::Sweep(..))), "{repositories}");
            }
        }
    }

    #[test]
    fn fields_of_a_request_hold_for_all_of_its_work() {
        for (access, fields, looks_for_archived) in [
            (Access::Full, json!({"dry_run": true}), true),
            (Access::Full, json!({"force": true}), true),
            (Access::Full, json!({"wait_seconds": 5}), false),
            (Access::Wait, json!({}), false),
        ] {
            let (_, plan) = plan_with(access, Input::from_request(assemble(&fields)));
            let Plan::Do(Work::Version(_, task, wait)) = plan else { panic!("{plan:?}") };
            let (request, image_tags) = (task.request, task.image_tags.unwrap());
            let [dry_run, force] = ["dry_run", "force"].map(|field| fields.get(field).is_some());
            assert_eq!(
                [request.dry_run, request.force, image_tags.dry_run, image_tags.force],
                [dry_run, force, dry_run, force]
            );
            assert_eq!(request.looks_for_archived, looks_for_archived, "{fields}");
            assert_eq!(wait, fields.get("wait_seconds").map(|_| Duration::from_secs(5)));
        }
    }
}
