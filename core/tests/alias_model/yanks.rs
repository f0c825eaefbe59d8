//! Requests to yank a release, and to take that back, call by call.

use std::sync::Arc;

use ecr_multiarch_core::alias::yank::{NotYankable, YankAction, YankEnd, YankOutcome, YankRequest, YankStep};
use ecr_multiarch_core::{Error, ErrorType, RegistryId};

use super::catalog::repository;
use super::registry::{Registry, reports, stored, tag};

fn yank(registry: &Registry, version: &str, action: YankAction) -> Result<YankRequest, NotYankable> {
    YankRequest::new(repository(), &tag(version), action, &registry.settings)
}

fn run(registry: &mut Registry, request: YankRequest) -> Result<YankEnd, Error> {
    let mut step = YankStep::start(Arc::new(request));
    loop {
        step = match step {
            YankStep::Read(read) => {
                let manifests = registry.read(read.references());
                read.resume(&manifests)?
            }
            YankStep::Put(put) => {
                let response = registry.put(put.tag(), put.list());
                put.resume(response)?
            }
            YankStep::Done(end) => return Ok(end),
        };
    }
}

#[test]
fn yank_marks_the_release_and_its_aliases_step_back() {
    let mut registry = Registry::new("latest", "1.0.0=a 1.1.0=b latest=b");
    let request = yank(&registry, "1.1.0", YankAction::Yank).unwrap();

    let end = run(&mut registry, request.clone().with_dry_run(true)).unwrap();
    assert_eq!((end.outcome.name(), end.digest), ("would_yank", Some(stored("b").digest)));
    assert_eq!(registry.reports(end.aliases.unwrap()), ["latest would_move 1.0.0"]);
    assert!(!registry.tags.contains_key(&tag("yanked-1.1.0")));

    let end = run(&mut registry, request.clone()).unwrap();
    assert_eq!((end.outcome.name(), end.marker.to_string().as_str()), ("yanked", "yanked-1.1.0"));
    assert_eq!(registry.tags[&tag("yanked-1.1.0")], stored("b"));
    let (calls, aliases) = registry.run(end.aliases.unwrap(), "");
    assert_eq!(reports(&aliases), ["latest moved 1.0.0"]);
    assert_eq!(calls, "scan; read 1.0.0; put latest=1.0.0; scan");

    let end = run(&mut registry, request).unwrap();
    assert_eq!(end.outcome, YankOutcome::Unchanged);
    assert_eq!(registry.reports(end.aliases.unwrap()), ["latest unchanged 1.0.0"]);
}

#[test]
fn unyank_states_the_command_and_reconciles_without_marker() {
    let mut registry = Registry::new("latest", "1.0.0=a 1.1.0=b yanked-1.1.0=b latest=a");
    let request = yank(&registry, "1.1.0", YankAction::Unyank).unwrap();
    let end = run(&mut registry, request.clone()).unwrap();
    assert_eq!((end.outcome, end.is_marked, end.aliases), (YankOutcome::Unchanged, true, None));
    let account = Some("111122223333".parse().unwrap());
    let command =
        end.marker.removal_command(&RegistryId { account, region: "eu-central-1".parse().unwrap() }, &repository());
    assert_eq!(
        command,
        "aws ecr batch-delete-image --region eu-central-1 --registry-id 111122223333 --repository-name app \
         --image-ids imageTag=yanked-1.1.0"
    );
    registry.tags.remove(&tag("yanked-1.1.0"));
    let end = run(&mut registry, request).unwrap();
    assert_eq!((end.outcome, end.is_marked), (YankOutcome::Unchanged, false));
    assert_eq!(registry.reports(end.aliases.unwrap()), ["latest moved 1.1.0"]);
}

#[test]
fn what_cannot_be_yanked_says_why() {
    let mut registry = Registry::new("latest", "");
    for version in ["1.2", "1.2.3-rc.1", "latest"] {
        let error = yank(&registry, version, YankAction::Yank).unwrap_err().to_string();
        assert!(error.contains("not a release"), "{error}");
    }
    let long = format!("{}.0.0", "1".repeat(118));
    assert!(matches!(yank(&registry, &long, YankAction::Yank), Err(NotYankable::TooLong(_))));
    let plain = Registry::new("", "");
    assert_eq!(yank(&plain, "1.0.0", YankAction::Yank), Err(NotYankable::NoAliases));

    let request = yank(&registry, "1.0.0", YankAction::Yank).unwrap();
    let end = run(&mut registry, request.clone()).unwrap();
    assert_eq!((end.outcome, end.aliases), (YankOutcome::Waiting, None));
    registry.tags.insert(tag("1.0.0"), stored("image"));
    assert_eq!(run(&mut registry, request).unwrap_err().error_type(), ErrorType::TagConflict);
}
