//! The reconciliation of one version, as a state machine: data in, data out.
//!
//! ```text
//! observe ──> children of indexes ──> configs ──> decide ──> put ──> confirm
//!    ^                                                                  │
//!    └────────────── the tags changed meanwhile: round again ───────────┘
//! ```
//!
//! ECR has no compare-and-swap, so a list may be written from tags that have moved since they were read. The read
//! after the write finds that out, and the machine goes round again. Whoever writes last has therefore either read
//! after the last push, or reads after its own write and sees the push. Nothing here waits, reads a clock or does
//! I/O: the shell carries each [`Ask`] out and brings back the [`Reply`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::action;
use crate::digest::Digest;
use crate::error::{Conflict, Error, ImageName, Reference};
use crate::list::ManifestList;
use crate::manifest::{Descriptor, Manifest};
use crate::observation::{Configs, Found, Observation, Stored, tags_of};
use crate::platform::RequiredPlatform;
use crate::repository::RepositoryName;
use crate::settings::{Attestations, Revisions};
use crate::tag::Tag;

/// How often a list is written before the version is given up as contended.
pub const MAX_ROUNDS: u8 = 5;

/// The pauses before what should be there is looked for again, in milliseconds: three seconds in all.
///
/// AWS states no read-after-write guarantee for ECR, and tags just pushed have been seen missing for a moment.
pub const PAUSES_MS: [u64; 5] = [100, 200, 400, 800, 1_500];

/// What is to be reconciled, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job {
    /// The repository.
    pub repository: RepositoryName,
    /// The version, whose name is the tag of its list.
    pub version: Tag,
    /// The tags of its platforms, in ascending order.
    pub platforms: Vec<(Tag, RequiredPlatform)>,
    /// What differing revisions do.
    pub revisions: Revisions,
    /// What becomes of attestations.
    pub attestations: Attestations,
    /// Nothing is written.
    pub dry_run: bool,
    /// What is not this function's is replaced all the same.
    pub force: bool,
    /// The tag whose push was announced: it must be there.
    pub pushed: Option<Tag>,
}

impl Job {
    /// The full name of an image or list of this version.
    pub fn image(&self, tag: &Tag) -> ImageName {
        ImageName { repository: self.repository.clone(), reference: Reference::Tag(tag.clone()) }
    }

    /// All tags of the version, its own included: what each observation reads.
    pub fn references(&self) -> Vec<Reference> {
        let platforms = self.platforms.iter().map(|(tag, _)| tag);
        platforms.chain([&self.version]).cloned().map(Reference::Tag).collect()
    }
}

/// What the machine wants done next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Read these manifests, in one call, after a pause.
    Read {
        /// What to read.
        references: Vec<Reference>,
        /// How long to wait first.
        after: Duration,
    },
    /// Read these configs, at the same time.
    Configs(Vec<Digest>),
    /// Write this list under the version's tag.
    Put(ManifestList),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    /// The manifests that were found.
    Read(Found),
    /// The configs.
    Configs(Configs),
    /// The answer to the write.
    Put(PutReply),
}

/// How ECR answers the write of a list, where it is no failure of the call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutReply {
    /// It is stored, or was already (`ImageAlreadyExistsException`).
    Stored,
    /// The tag is immutable and taken (`ImageTagAlreadyExistsException`), maybe by the very same list.
    TagTaken,
    /// An image that the list names is not there (`ReferencedImagesNotFoundException`).
    ImageMissing,
}

/// What a reconciliation came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// What was done.
    pub verdict: Verdict,
    /// The images of the version that are there: platform, tag, and the digest that a list names.
    pub record: Vec<(RequiredPlatform, Tag, Digest)>,
}

/// What was done for a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The tag now names this list, as a read after the write confirmed.
    Published(ManifestList),
    /// The tag named this list already.
    Unchanged(ManifestList),
    /// Platforms are missing.
    Incomplete(Vec<RequiredPlatform>),
    /// The platforms were built from different revisions, as this says.
    RevisionsDiffer(String),
    /// It was a dry run; otherwise this list would have been written.
    WouldPublish(ManifestList),
}

/// What follows on a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Next {
    /// Something is to be done, whose reply the machine waits for.
    Ask(Reconciliation, Ask),
    /// That is all.
    Done(Outcome),
}

/// A reconciliation that waits for the reply to what it asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reconciliation {
    run: Run,
    stage: Stage,
}

/// What lasts from stage to stage: the job, and what is left of its patience.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Run {
    job: Arc<Job>,
    rounds: u8,
    pauses: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    Observing,
    ReadingChildren(Observation),
    ReadingConfigs(Observation),
    Putting(Written),
    Confirming { written: Written, tag_was_taken: bool },
}

/// A list that was sent to ECR, with what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Written {
    list: ManifestList,
    tags: BTreeMap<Tag, Digest>,
    replaced: Option<Digest>,
    record: Vec<(RequiredPlatform, Tag, Digest)>,
}

type Step = Result<Next, Error>;

impl Reconciliation {
    /// Starts on a version.
    pub fn start(job: Arc<Job>) -> (Self, Ask) {
        let ask = Ask::Read { references: job.references(), after: Duration::ZERO };
        (Self { run: Run { job, rounds: 0, pauses: 0 }, stage: Stage::Observing }, ask)
    }

    /// Leaves a write undone and reads the version afresh, with the patience that is left.
    #[must_use]
    pub fn read_afresh(self) -> (Self, Ask) {
        let Self { run, stage } = self;
        let rounds = run.rounds - u8::from(matches!(stage, Stage::Putting(_)));
        let ask = Ask::Read { references: run.job.references(), after: Duration::ZERO };
        (Self { run: Run { rounds, ..run }, stage: Stage::Observing }, ask)
    }

    /// Takes the reply to what was asked, and says what follows.
    ///
    /// # Errors
    /// Every [`Error`] by which a version cannot be published. A reply of another kind than was asked for is the
    /// shell's mistake, and answered as an interrupted call.
    pub fn step(self, reply: Reply) -> Step {
        let Self { run, stage } = self;
        match (stage, reply) {
            (Stage::Observing, Reply::Read(found)) => run.observed(found),
            (Stage::ReadingChildren(observation), Reply::Read(found)) => run.children_read(observation, &found),
            (Stage::ReadingConfigs(observation), Reply::Configs(configs)) => run.configs_read(&observation, &configs),
            (Stage::Putting(written), Reply::Put(reply)) => run.put(written, reply),
            (Stage::Confirming { written, tag_was_taken }, Reply::Read(found)) => {
                run.confirming(written, tag_was_taken, found)
            }
            _ => Err(Error::RegistryUnavailable {
                action: action::BATCH_GET_IMAGE,
                resource: run.job.image(&run.job.version).to_string(),
                message: "the reply was not to what was asked".to_owned(),
            }),
        }
    }
}

impl Run {
    fn observed(self, found: Found) -> Step {
        let pushed = self.job.pushed.clone().filter(|tag| !found.contains_key(&Reference::Tag(tag.clone())));
        if let Some(pushed) = pushed {
            let what = self.job.image(&pushed).to_string();
            return self.observe_again(what);
        }
        let observation = Observation::read(&self.job, found)?;
        if !observation.missing.is_empty() {
            let record = record(&observation);
            return Ok(Next::Done(Outcome { verdict: Verdict::Incomplete(observation.missing), record }));
        }
        let children = observation.children();
        if children.is_empty() {
            return Ok(self.read_configs(observation));
        }
        let references = children.into_iter().map(Reference::Digest).collect();
        let ask = Ask::Read { references, after: Duration::ZERO };
        Ok(self.go(Stage::ReadingChildren(observation), ask))
    }

    fn children_read(self, mut observation: Observation, found: &Found) -> Step {
        match observation.add_children(&self.job, found)? {
            None => Ok(self.read_configs(observation)),
            Some(digest) => {
                let repository = self.job.repository.clone();
                let what = ImageName { repository, reference: Reference::Digest(digest) }.to_string();
                self.observe_again(what)
            }
        }
    }

    fn read_configs(self, observation: Observation) -> Next {
        let ask = Ask::Configs(observation.configs().into_iter().collect());
        self.go(Stage::ReadingConfigs(observation), ask)
    }

    fn configs_read(self, observation: &Observation, configs: &Configs) -> Step {
        let resolved = observation.resolve(&self.job, configs)?;
        let record = record(observation);
        let done = |verdict, record| Ok(Next::Done(Outcome { verdict, record }));
        let list = ManifestList::assemble(&resolved.sources, self.job.attestations);
        let target = observation.target.as_ref();
        if target.is_some_and(|target| target.digest == list.digest) {
            let verdict = if self.rounds == 0 { Verdict::Unchanged(list) } else { Verdict::Published(list) };
            return done(verdict, record);
        }
        if self.job.revisions == Revisions::Same
            && let Some(reason) = resolved.differing_revisions()
        {
            return done(Verdict::RevisionsDiffer(reason), record);
        }
        if let Some(conflict) = target.filter(|_| !self.job.force).and_then(|target| conflict(&self.job, target)) {
            return Err(Error::TagConflict { tag: self.job.image(&self.job.version), conflict });
        }
        if self.job.dry_run {
            return done(Verdict::WouldPublish(list), record);
        }
        if self.rounds == MAX_ROUNDS {
            return Err(Error::Contended { tag: self.job.image(&self.job.version), rounds: MAX_ROUNDS });
        }
        let written = Written {
            list: list.clone(),
            tags: observation.tags.clone(),
            replaced: target.map(|target| target.digest),
            record,
        };
        let this = Self { rounds: self.rounds + 1, ..self };
        Ok(this.go(Stage::Putting(written), Ask::Put(list)))
    }

    fn put(self, written: Written, reply: PutReply) -> Step {
        match reply {
            PutReply::Stored => Ok(self.confirm(written, false, Duration::ZERO)),
            PutReply::TagTaken => Ok(self.confirm(written, true, Duration::ZERO)),
            PutReply::ImageMissing => {
                let what = format!("an image that {} is to name", self.job.image(&self.job.version));
                // Nothing was written, so this was no round.
                Self { rounds: self.rounds - 1, ..self }.observe_again(what)
            }
        }
    }

    fn confirm(self, written: Written, tag_was_taken: bool, after: Duration) -> Next {
        let ask = Ask::Read { references: self.job.references(), after };
        self.go(Stage::Confirming { written, tag_was_taken }, ask)
    }

    fn confirming(self, written: Written, tag_was_taken: bool, found: Found) -> Step {
        let mut tags = tags_of(&found);
        let target = tags.remove(&self.job.version);
        if tags != written.tags {
            return self.observed(found);
        }
        match target {
            Some(digest) if digest == written.list.digest => {
                let Written { list, record, .. } = written;
                Ok(Next::Done(Outcome { verdict: Verdict::Published(list), record }))
            }
            Some(digest) if tag_was_taken => Err(Error::TagConflict {
                tag: self.job.image(&self.job.version),
                conflict: Conflict::Immutable { digest, made: written.list.digest },
            }),
            // The tag as it was before the write: ECR shows an earlier state, which a moment mends.
            same if same == written.replaced => match self.pause() {
                Some((this, after)) => Ok(this.confirm(written, tag_was_taken, after)),
                None if same.is_none() => Err(not_yet_visible(self.job.image(&self.job.version).to_string())),
                None => self.observed(found),
            },
            _ => self.observed(found),
        }
    }

    fn observe_again(self, what: String) -> Step {
        match self.pause() {
            Some((this, after)) => {
                let ask = Ask::Read { references: this.job.references(), after };
                Ok(this.go(Stage::Observing, ask))
            }
            None => Err(not_yet_visible(what)),
        }
    }

    fn pause(&self) -> Option<(Self, Duration)> {
        let pause_ms = PAUSES_MS.get(usize::from(self.pauses))?;
        Some((Self { pauses: self.pauses + 1, ..self.clone() }, Duration::from_millis(*pause_ms)))
    }

    fn go(self, stage: Stage, ask: Ask) -> Next {
        Next::Ask(Reconciliation { run: self, stage }, ask)
    }
}

fn not_yet_visible(what: String) -> Error {
    Error::NotYetVisible { what, waited_ms: PAUSES_MS.iter().sum() }
}

fn record(observation: &Observation) -> Vec<(RequiredPlatform, Tag, Digest)> {
    let each = observation.candidates.iter();
    each.map(|candidate| (candidate.required.clone(), candidate.tag.clone(), candidate.digest())).collect()
}

/// What forbids to replace what the version's tag names, if anything.
fn conflict(job: &Job, target: &Stored) -> Option<Conflict> {
    let media_type = target.known_media_type().filter(|media_type| media_type.is_list());
    let index = media_type.and_then(|media_type| Manifest::read(media_type, &target.text).ok());
    let Some(Manifest::Index(index)) = index else {
        return Some(Conflict::NoList { digest: target.digest, media_type: target.media_type.clone() });
    };
    let configured = |entry: &Descriptor| {
        let platform = entry.known_platform();
        platform.is_some_and(|platform| job.platforms.iter().any(|(_, required)| required.matches(platform)))
    };
    let foreign = index.manifests.iter().find(|entry| entry.attests().is_none() && !configured(entry))?;
    let platform = foreign.known_platform().map_or_else(|| foreign.digest.to_string(), ToString::to_string);
    Some(Conflict::OtherPlatform { digest: target.digest, platform })
}
