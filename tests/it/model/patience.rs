//! How long the machine tries, told step by step: what the model's bounds are too narrow to reach.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch::error::{Conflict, Error};
use ecr_multiarch::observation::tags_of;
use ecr_multiarch::reconcile::{
    Ask, Job, MAX_ROUNDS, Next, Outcome, PAUSES_MS, PutReply, Reconciliation, Reply, Verdict,
};

use super::catalog::{Answer, Catalog, Kind, View};

/// A machine that is told what ECR answers.
struct Told {
    catalog: Catalog,
    next: Option<(Reconciliation, Ask)>,
    end: Option<Result<Outcome, Error>>,
    /// How many lists it has sent.
    puts: u8,
    /// How long it has waited.
    waited: Duration,
}

impl Told {
    fn of(change: impl FnOnce(Job) -> Job) -> Self {
        let catalog = Catalog::new(Kind::Plain);
        let job = Arc::unwrap_or_clone(catalog.job(None));
        let next = Some(Reconciliation::start(Arc::new(change(job))));
        Self { catalog, next, end: None, puts: 0, waited: Duration::ZERO }
    }

    /// Tells it an answer, and answers what is content by itself.
    fn told(&mut self, answer: Answer) -> &mut Self {
        let reply = self.catalog.reply(answer);
        self.step(reply)
    }

    fn step(&mut self, reply: Reply) -> &mut Self {
        let (machine, _) = self.next.take().expect("it has ended");
        match machine.step(reply) {
            Ok(Next::Done(outcome)) => self.end = Some(Ok(outcome)),
            Err(error) => self.end = Some(Err(error)),
            Ok(Next::Ask(machine, ask)) => {
                let settled = self.catalog.settled_answer(&ask);
                match &ask {
                    Ask::Put(_) => self.puts += 1,
                    Ask::Read { after, .. } => self.waited += *after,
                    Ask::Configs(_) => {}
                }
                self.next = Some((machine, ask));
                if let Some(reply) = settled {
                    return self.step(reply);
                }
            }
        }
        self
    }

    fn sees(&mut self, amd64: u8, arm64: u8, list: Option<[u8; 2]>) -> &mut Self {
        self.told(Answer::Read(View { tags: [Some(amd64), Some(arm64)], list }))
    }

    fn hears(&mut self, reply: PutReply) -> &mut Self {
        self.told(Answer::Put(reply))
    }

    fn error(&self) -> &Error {
        self.end.as_ref().unwrap().as_ref().unwrap_err()
    }

    fn verdict(&self) -> &Verdict {
        &self.end.as_ref().unwrap().as_ref().unwrap().verdict
    }
}

#[test]
fn it_gives_up_after_five_lists_that_the_tags_outran() {
    let mut told = Told::of(|job| job);
    for round in 0..MAX_ROUNDS {
        told.sees(round % 2, 0, None).hears(PutReply::Stored);
    }
    told.sees(MAX_ROUNDS % 2, 0, None);
    assert_eq!((told.puts, MAX_ROUNDS), (5, 5));
    assert!(matches!(told.error(), Error::Contended { rounds: 5, .. }), "{:?}", told.error());
}

#[test]
fn a_list_that_is_there_is_unchanged_unless_this_machine_wrote_meanwhile() {
    let mut told = Told::of(|job| job);
    assert!(matches!(told.sees(0, 0, Some([0, 0])).verdict(), Verdict::Unchanged(_)));
    let mut told = Told::of(|job| job);
    told.sees(0, 0, None).hears(PutReply::Stored).sees(0, 1, Some([0, 1]));
    assert!(matches!(told.verdict(), Verdict::Published(_)));
}

#[test]
fn the_record_names_each_platform_s_tag_and_image() {
    let mut told = Told::of(|job| job);
    told.sees(0, 1, Some([0, 1]));
    let record = &told.end.as_ref().unwrap().as_ref().unwrap().record;
    let found = tags_of(&match told.catalog.reply(Answer::Read(View { tags: [Some(0), Some(1)], list: None })) {
        Reply::Read(found) => found,
        other => panic!("{other:?}"),
    });
    let recorded = record.iter().map(|(_, tag, digest)| (tag.clone(), *digest)).collect::<BTreeMap<_, _>>();
    assert_eq!(recorded, found);
    assert_eq!(
        record.iter().map(|(platform, ..)| platform.to_string()).collect::<Vec<_>>(),
        ["linux/amd64", "linux/arm64"]
    );
}

#[test]
fn images_that_a_list_names_may_be_missing_for_three_seconds() {
    let mut told = Told::of(|job| job);
    for _ in PAUSES_MS {
        told.sees(0, 0, None).hears(PutReply::ImageMissing);
    }
    assert_eq!(told.waited, Duration::from_secs(3));
    told.sees(0, 0, None).hears(PutReply::ImageMissing);
    assert!(matches!(told.error(), Error::NotYetVisible { waited_ms: 3_000, .. }), "{:?}", told.error());
}

#[test]
fn a_list_that_was_not_taken_is_no_round() {
    let mut told = Told::of(|job| job);
    told.sees(0, 0, None).hears(PutReply::ImageMissing).sees(0, 0, None).hears(PutReply::ImageMissing);
    for round in 0..MAX_ROUNDS {
        told.sees(round % 2, 0, None).hears(PutReply::Stored);
    }
    assert!(told.end.is_none() && told.puts == 2 + MAX_ROUNDS);
    told.sees(MAX_ROUNDS % 2, 0, Some([MAX_ROUNDS % 2, 0]));
    assert!(matches!(told.verdict(), Verdict::Published(_)));
}

#[test]
fn a_tag_that_stays_as_it_was_after_the_write_is_read_again_for_three_seconds() {
    for before in [None, Some([1, 1])] {
        let mut told = Told::of(|job| job);
        told.sees(0, 0, before).hears(PutReply::Stored);
        for _ in PAUSES_MS {
            told.sees(0, 0, before);
        }
        assert_eq!((told.waited, told.puts), (Duration::from_secs(3), 1));
        told.sees(0, 0, before);
        match before {
            None => assert!(matches!(told.error(), Error::NotYetVisible { .. })),
            // It may have been put back, so it is written once more.
            Some(_) => assert!(told.end.is_none() && told.puts == 2),
        }
    }
}

#[test]
fn a_tag_that_another_writer_took_is_written_again() {
    let mut told = Told::of(|job| job);
    told.sees(0, 0, None).hears(PutReply::Stored).sees(0, 0, Some([1, 1]));
    assert!(told.end.is_none() && told.puts == 2 && told.waited.is_zero());
    told.hears(PutReply::Stored).sees(0, 0, Some([0, 0]));
    assert!(matches!(told.verdict(), Verdict::Published(_)));
}

#[test]
fn an_immutable_tag_that_names_another_list_is_a_conflict_and_one_that_names_this_list_is_none() {
    let mut told = Told::of(|job| job);
    told.sees(0, 0, None).hears(PutReply::TagTaken).sees(0, 0, Some([1, 1]));
    assert!(matches!(told.error(), Error::TagConflict { conflict: Conflict::Immutable { .. }, .. }));
    let mut told = Told::of(|job| job);
    told.sees(0, 0, None).hears(PutReply::TagTaken).sees(0, 0, Some([0, 0]));
    assert!(matches!(told.verdict(), Verdict::Published(_)));
}

#[test]
fn a_dry_run_ends_ahead_of_the_write() {
    let mut told = Told::of(|job| Job { dry_run: true, ..job });
    assert!(matches!(told.sees(0, 0, Some([1, 1])).verdict(), Verdict::WouldPublish(_)));
    assert_eq!(told.puts, 0);
}

#[test]
fn what_is_not_its_own_is_replaced_by_force_alone() {
    for force in [false, true] {
        let mut told = Told::of(|job| Job { force, ..job });
        told.sees_an_image_in_the_list_s_place();
        if force {
            assert!(told.end.is_none() && told.puts == 1);
        } else {
            assert!(matches!(told.error(), Error::TagConflict { conflict: Conflict::NoList { .. }, .. }));
        }
    }
}

impl Told {
    fn sees_an_image_in_the_list_s_place(&mut self) {
        let Reply::Read(mut found) = self.catalog.reply(Answer::Read(View { tags: [Some(0), Some(0)], list: None }))
        else {
            unreachable!()
        };
        let image = found.values().next().unwrap().clone();
        found.insert(self.catalog.version_reference(), image);
        self.step(Reply::Read(found));
    }
}

#[test]
fn a_reply_to_something_else_is_an_interrupted_call() {
    let mut told = Told::of(|job| job);
    assert!(matches!(told.hears(PutReply::Stored).error(), Error::RegistryUnavailable { .. }));
}

#[test]
fn a_pushed_tag_that_is_not_there_is_looked_for_for_three_seconds() {
    let pushed = Catalog::new(Kind::Plain).job(Some(1)).pushed.clone();
    let mut told = Told::of(|job| Job { pushed, ..job });
    let without = View { tags: [Some(0), None], list: None };
    for _ in PAUSES_MS {
        told.told(Answer::Read(without));
    }
    assert_eq!(told.waited, Duration::from_secs(3));
    assert!(matches!(told.told(Answer::Read(without)).error(), Error::NotYetVisible { .. }));
}
