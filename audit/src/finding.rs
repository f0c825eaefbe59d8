//! A finding: a problem of a tag, and the request that mends it or why none does.

use std::time::SystemTime;

use ecr_multiarch_core::RepositoryName;
use serde::Serialize;

use crate::obstacle::Obstacle;
use crate::problem::Problem;
use crate::request::Request;

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
    /// The request that mends it, or why none does yet; `None`, where only a new image or a person mends it.
    pub mend: Option<Result<Request, Obstacle>>,
}

impl Finding {
    /// The request that mends it, if one does.
    pub fn request(&self) -> Option<&Request> {
        self.mend.as_ref()?.as_ref().ok()
    }

    /// Why no request mends it yet, where one would mend others of its kind.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        self.mend.as_ref()?.as_ref().err()
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
        let Self { repository, tag, pushed_at: _, problem, mend: _ } = self;
        let (message, obstacle) = (problem.message(), self.obstacle().map(ToString::to_string));
        Entry { repository, tag, problem, message, request: self.request(), obstacle }.serialize(serializer)
    }
}
