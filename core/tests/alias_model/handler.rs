//! A handler at work: the step of a machine that it carries out, and the event or request that started it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch_core::alias::yank::{YankEnd, YankStep};
use ecr_multiarch_core::error::{Resource, Unavailable};
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{AliasReconciliation, AliasRequest, AliasStep, Error, IamAction, ManifestList, Step};

use super::catalog::{Catalog, Content, TagId};
use super::handlers::Fingerprinted;

/// What starts a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// The event of a push of the release's images, with how often its delivery failed.
    Push {
        release: usize,
        failures: u8,
    },
    /// The event of a push of the release's yank marker.
    Mark {
        release: usize,
        failures: u8,
    },
    /// A request to yank the release.
    Yank {
        release: usize,
    },
    Sweep,
}

/// What ECR answers to a handler.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The release was published with this list.
    Published(Content),
    /// The build under the platform tags, and the list under the version.
    Version(Option<u8>, Option<Content>),
    /// A single list was stored.
    Put,
    /// What the tags of a read name.
    Read(Vec<Option<Content>>),
    /// What a scan showed, in its order, and whether it was one read that is used at once.
    Scan(Vec<(TagId, Content)>, bool),
    /// The lists were stored, but for those that got no response.
    Puts(u8),
}

/// The next call of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The release is published at once: the abstraction of the version's machine.
    Publish,
    Version(Step),
    Yank(YankStep),
    Alias(AliasStep),
}

/// A handler between two calls.
#[derive(Debug, Clone, Hash)]
pub struct Handler {
    pub stage: Stage,
    pub job: Job,
    /// What the first page of a scan has shown.
    pub first_page: Option<Vec<(TagId, Content)>>,
    /// How many of several writes are done.
    pub sent: u8,
    /// Which of them got no response, as bits.
    pub lost: u8,
    /// What the aliases named when the latest scan began, where the scenario watches it.
    pub at_scan: Vec<Option<Content>>,
    /// How many calls to ECR it has made.
    pub calls: u8,
}

/// A handler as part of a state.
pub type Running = Arc<Fingerprinted<Handler>>;

/// How a handler continues.
#[derive(Debug, Clone)]
pub enum Progress {
    Calls(Running),
    Ends(Result<AliasReconciliation, Error>),
}

impl Handler {
    /// A handler that begins; of a push, with the version's machine or its abstraction.
    pub fn start(catalog: &Catalog, job: Job, is_whole: bool) -> Running {
        let stage = match job {
            Job::Push { release, .. } if is_whole => Stage::Version(Step::start(catalog.version_request(release))),
            Job::Push { .. } => Stage::Publish,
            Job::Mark { release, .. } => start_aliases(catalog.marker_request(release)),
            Job::Yank { release } => Stage::Yank(YankStep::start(catalog.yank_request(release))),
            Job::Sweep => start_aliases(catalog.sweep_request()),
        };
        Self::new(stage, job, Vec::new(), 1)
    }

    fn new(stage: Stage, job: Job, at_scan: Vec<Option<Content>>, calls: u8) -> Running {
        Fingerprinted::new(Self { stage, job, first_page: None, sent: 0, lost: 0, at_scan, calls })
    }

    /// The handler after the first page of its scan.
    pub fn with_first_page(&self, first_page: Vec<(TagId, Content)>, at_scan: Vec<Option<Content>>) -> Running {
        Fingerprinted::new(Self { first_page: Some(first_page), at_scan, ..self.clone() })
    }

    /// The handler after one more of several writes.
    pub fn with_write(&self, is_lost: bool) -> Running {
        let lost = self.lost | u8::from(is_lost) << self.sent;
        Fingerprinted::new(Self { sent: self.sent + 1, lost, ..self.clone() })
    }

    /// The handler whose scan begins.
    pub fn with_watch(&self, at_scan: Vec<Option<Content>>) -> Running {
        Fingerprinted::new(Self { at_scan, ..self.clone() })
    }

    /// Continues with an answer, up to the next call whose answer depends on time.
    pub fn resume(&self, catalog: &Catalog, answer: &Answer) -> Progress {
        match self.next(catalog, answer) {
            Ok(Stage::Alias(AliasStep::Done(end))) => Progress::Ends(Ok(end)),
            Ok(stage) => Progress::Calls(Self::new(stage, self.job, self.at_scan.clone(), self.calls + 1)),
            Err(error) => Progress::Ends(Err(error)),
        }
    }

    fn next(&self, catalog: &Catalog, answer: &Answer) -> Result<Stage, Error> {
        match (self.stage.clone(), answer) {
            (Stage::Publish, Answer::Published(content)) => Ok(self.published(catalog, catalog.list(*content))),
            (Stage::Version(step), answer) => {
                let mut step = catalog.resume_version(step, answer)?;
                loop {
                    step = match catalog.resume_with_configs(step) {
                        Ok(next) => next?,
                        Err(Step::Done(end)) => {
                            let list = end.outcome.manifest_list().expect("both images are there");
                            return Ok(self.published(catalog, list));
                        }
                        Err(step) => return Ok(Stage::Version(step)),
                    }
                }
            }
            (Stage::Yank(step), answer) => {
                let next = match (step, answer) {
                    (YankStep::Read(read), Answer::Read(named)) => {
                        let manifests = catalog.manifests(read.references(), named);
                        read.resume(&manifests)?
                    }
                    (YankStep::Put(put), Answer::Put) => put.resume(PutResponse::Stored)?,
                    (step, answer) => panic!("{answer:?} is not an answer to {step:?}"),
                };
                Ok(match next {
                    YankStep::Done(YankEnd { aliases: Some(aliases), .. }) => start_aliases(aliases),
                    YankStep::Done(YankEnd { aliases: None, .. }) => {
                        Stage::Alias(AliasStep::Done(AliasReconciliation::default()))
                    }
                    step => Stage::Yank(step),
                })
            }
            (Stage::Alias(step), answer) => Ok(Stage::Alias(match (step, answer) {
                (AliasStep::Scan(scan), Answer::Scan(shown, is_one_read)) => {
                    let scanned = catalog.scan(shown);
                    scan.resume(if *is_one_read { scanned.of_one_read() } else { scanned })
                }
                (AliasStep::Read(read), Answer::Read(named)) => {
                    let manifests = catalog.manifests(read.references(), named);
                    read.resume(manifests)
                }
                (AliasStep::Put(put), Answer::Puts(lost)) => {
                    let response = |index: usize| match lost >> index & 1 {
                        0 => Ok(PutResponse::Stored),
                        _ => Err(no_response()),
                    };
                    let writes = put.writes().iter().enumerate();
                    let responses: BTreeMap<_, _> =
                        writes.map(|(index, write)| (write.tag.clone(), response(index))).collect();
                    put.resume(responses)
                }
                (step, answer) => panic!("{answer:?} is not an answer to {step:?}"),
            })),
            (stage, answer) => panic!("{answer:?} is not an answer to {stage:?}"),
        }
    }

    fn published(&self, catalog: &Catalog, list: &ManifestList) -> Stage {
        let Job::Push { release, .. } = self.job else { panic!("{:?} publishes nothing", self.job) };
        start_aliases(catalog.alias_request(release).with_list(list))
    }
}

fn start_aliases(request: AliasRequest) -> Stage {
    Stage::Alias(AliasStep::start(Arc::new(request)))
}

/// The error of a write without a response.
fn no_response() -> Error {
    let resource = Resource::Repository(super::catalog::repository());
    let unavailable = Unavailable::Registry;
    Error::RegistryUnavailable { action: IamAction::PutImage, resource, message: "timeout".into(), unavailable }
}
