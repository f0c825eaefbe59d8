//! The number of retries of the machine, response by response: the bounds of the model are too narrow to reach them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::error::Conflict;
use ecr_multiarch_core::reconcile::machine::{MAX_ROUNDS, PAUSES_MS, PutResponse};
use ecr_multiarch_core::reconcile::observation::tags;
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::{Error, Outcome, ReconcileRequest, Step};

use super::catalog::{Answer, Catalog, Kind, View};

/// A machine whose calls are answered by hand.
struct Machine {
    catalog: Catalog,
    step: Option<Step>,
    end: Option<Result<Reconciliation, Error>>,
    /// How many manifest lists it has written.
    puts: u8,
    /// How long it has waited.
    waited: Duration,
}

impl Machine {
    fn new() -> Self {
        Self::with(|request| request)
    }

    fn with(change: impl FnOnce(ReconcileRequest) -> ReconcileRequest) -> Self {
        let catalog = Catalog::new(Kind::Plain);
        let request = Arc::unwrap_or_clone(catalog.request(None));
        let step = Some(Step::start(Arc::new(change(request))));
        Self { catalog, step, end: None, puts: 0, waited: Duration::ZERO }
    }

    /// Answers its call, and then the calls that read content by digest.
    fn answer(&mut self, answer: Answer) -> &mut Self {
        let step = self.step.take().expect("the machine has ended");
        let next = self.catalog.resume(step, answer);
        self.follow(next)
    }

    fn follow(&mut self, mut next: Result<Step, Error>) -> &mut Self {
        loop {
            match &next {
                Ok(Step::Put(_)) => self.puts += 1,
                Ok(Step::ReadManifests(read)) => self.waited += read.after(),
                Ok(Step::ReadConfigs(_)) => {}
                Ok(Step::Done(end)) => {
                    self.end = Some(Ok(end.clone()));
                    return self;
                }
                Err(error) => {
                    self.end = Some(Err(error.clone()));
                    return self;
                }
            }
            match self.catalog.resume_with_content(next.unwrap()) {
                Ok(result) => next = result,
                Err(step) => {
                    self.step = Some(step);
                    return self;
                }
            }
        }
    }

    fn read(&mut self, amd64: u8, arm64: u8, list: Option<[u8; 2]>) -> &mut Self {
        self.answer(Answer::Read(View { tags: [Some(amd64), Some(arm64)], list }))
    }

    /// Answers a read in which the version's tag names an image.
    fn read_image_as_target(&mut self) {
        let view = View { tags: [Some(0), Some(0)], list: None };
        let mut manifests = self.catalog.manifests(view);
        let image = manifests.values().next().unwrap().clone();
        manifests.insert(self.catalog.version_reference(), image);
        let Some(Step::ReadManifests(read)) = self.step.take() else { panic!("the step does not read manifests") };
        let next = read.resume(manifests);
        self.follow(next);
    }

    fn put(&mut self, response: PutResponse) -> &mut Self {
        self.answer(Answer::Put(response))
    }

    fn error(&self) -> &Error {
        self.end.as_ref().unwrap().as_ref().unwrap_err()
    }

    fn end(&self) -> &Reconciliation {
        self.end.as_ref().unwrap().as_ref().unwrap()
    }

    fn outcome(&self) -> &Outcome {
        &self.end().outcome
    }
}

#[test]
fn fifth_write_that_the_tags_outran_is_the_last() {
    let mut machine = Machine::new();
    for round in 0..MAX_ROUNDS {
        machine.read(round % 2, 0, None).put(PutResponse::Stored);
    }
    machine.read(MAX_ROUNDS % 2, 0, None);
    assert_eq!((machine.puts, MAX_ROUNDS), (5, 5));
    assert!(matches!(machine.error(), Error::Contended { rounds: 5, .. }), "{:?}", machine.error());
}

#[test]
fn current_list_is_unchanged() {
    assert!(matches!(Machine::new().read(0, 0, Some([0, 0])).outcome(), Outcome::Unchanged(_)));
}

#[test]
fn current_list_after_a_write_is_published() {
    let mut machine = Machine::new();
    machine.read(0, 0, None).put(PutResponse::Stored).read(0, 1, Some([0, 1]));
    assert!(matches!(machine.outcome(), Outcome::Published(_)));
}

#[test]
fn end_names_the_image_of_each_platform() {
    let mut machine = Machine::new();
    machine.read(0, 1, Some([0, 1]));
    let images = &machine.end().images;
    let expected = tags(&machine.catalog.manifests(View { tags: [Some(0), Some(1)], list: None }));
    assert_eq!(images.iter().map(|image| (image.tag.clone(), image.digest)).collect::<BTreeMap<_, _>>(), expected);
    let platforms: Vec<_> = images.iter().map(|image| image.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
}

#[test]
fn referenced_image_may_be_missing_for_three_seconds() {
    let mut machine = Machine::new();
    for _ in PAUSES_MS {
        machine.read(0, 0, None).put(PutResponse::ReferencedImageNotFound);
    }
    assert_eq!(machine.waited, Duration::from_secs(3));
    machine.read(0, 0, None).put(PutResponse::ReferencedImageNotFound);
    assert!(matches!(machine.error(), Error::NotYetVisible { waited_ms: 3_000, .. }), "{:?}", machine.error());
}

#[test]
fn rejected_write_does_not_count_as_a_round() {
    let mut machine = Machine::new();
    for _ in 0..2 {
        machine.read(0, 0, None).put(PutResponse::ReferencedImageNotFound);
    }
    for round in 0..MAX_ROUNDS {
        machine.read(round % 2, 0, None).put(PutResponse::Stored);
    }
    assert!(machine.end.is_none() && machine.puts == 2 + MAX_ROUNDS);
    machine.read(MAX_ROUNDS % 2, 0, Some([MAX_ROUNDS % 2, 0]));
    assert!(matches!(machine.outcome(), Outcome::Published(_)));
}

#[test]
fn dropped_write_does_not_count_as_a_round() {
    let mut machine = Machine::new();
    for _ in 0..=MAX_ROUNDS {
        machine.read(0, 0, None);
        let Some(Step::Put(put)) = machine.step.take() else { panic!("the step does not write") };
        machine.step = Some(Step::ReadManifests(put.restart()));
    }
    machine.read(0, 0, None).put(PutResponse::Stored).read(0, 0, Some([0, 0]));
    assert!(matches!(machine.outcome(), Outcome::Published(_)));
}

/// A machine whose tag stays as it was for three seconds after its write.
fn machine_whose_write_stays_invisible(before: Option<[u8; 2]>) -> Machine {
    let mut machine = Machine::new();
    machine.read(0, 0, before).put(PutResponse::Stored);
    for _ in PAUSES_MS {
        machine.read(0, 0, before);
    }
    assert_eq!((machine.waited, machine.puts), (Duration::from_secs(3), 1));
    machine.read(0, 0, before);
    machine
}

#[test]
fn tag_that_stays_absent_after_the_write_is_not_yet_visible() {
    assert!(matches!(machine_whose_write_stays_invisible(None).error(), Error::NotYetVisible { .. }));
}

#[test]
fn tag_that_stays_on_the_old_list_is_written_again() {
    let machine = machine_whose_write_stays_invisible(Some([1, 1]));
    assert!(machine.end.is_none() && machine.puts == 2, "the tag may have been moved back");
}

#[test]
fn tag_that_another_writer_moved_is_written_again() {
    let mut machine = Machine::new();
    machine.read(0, 0, None).put(PutResponse::Stored).read(0, 0, Some([1, 1]));
    assert!(machine.end.is_none() && machine.puts == 2 && machine.waited.is_zero());
    machine.put(PutResponse::Stored).read(0, 0, Some([0, 0]));
    assert!(matches!(machine.outcome(), Outcome::Published(_)));
}

#[test]
fn immutable_tag_of_another_list_conflicts() {
    let mut machine = Machine::new();
    machine.read(0, 0, None).put(PutResponse::TagImmutable).read(0, 0, Some([1, 1]));
    assert!(matches!(machine.error(), Error::TagConflict { conflict: Conflict::Immutable { .. }, .. }));
}

#[test]
fn immutable_tag_of_the_same_list_is_published() {
    let mut machine = Machine::new();
    machine.read(0, 0, None).put(PutResponse::TagImmutable).read(0, 0, Some([0, 0]));
    assert!(matches!(machine.outcome(), Outcome::Published(_)));
}

#[test]
fn dry_run_ends_before_the_write() {
    let mut machine = Machine::with(|request| ReconcileRequest { dry_run: true, ..request });
    assert!(matches!(machine.read(0, 0, Some([1, 1])).outcome(), Outcome::WouldPublish(_)));
    assert_eq!(machine.puts, 0);
}

#[test]
fn image_under_the_version_tag_conflicts() {
    let mut machine = Machine::new();
    machine.read_image_as_target();
    assert!(matches!(machine.error(), Error::TagConflict { conflict: Conflict::NotAManifestList { .. }, .. }));
}

#[test]
fn force_replaces_an_image_under_the_version_tag() {
    let mut machine = Machine::with(|request| ReconcileRequest { force: true, ..request });
    machine.read_image_as_target();
    assert!(machine.end.is_none() && machine.puts == 1);
}

#[test]
fn missing_pushed_tag_is_read_again_for_three_seconds() {
    let pushed = Catalog::new(Kind::Plain).request(Some(1)).pushed.clone();
    let mut machine = Machine::with(|request| ReconcileRequest { pushed, ..request });
    let without = Answer::Read(View { tags: [Some(0), None], list: None });
    for _ in PAUSES_MS {
        machine.answer(without);
    }
    assert_eq!(machine.waited, Duration::from_secs(3));
    assert!(matches!(machine.answer(without).error(), Error::NotYetVisible { .. }));
}
