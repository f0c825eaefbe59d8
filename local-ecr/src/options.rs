//! The settings of a server.

use crate::archived_answer::ArchivedAnswer;
use crate::mutability::Mutability;
use crate::push::RepushError;
use crate::rule::Rule;
use std::path::PathBuf;

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The account of requests that name none.
    pub account: String,
    /// The Region of requests whose credential scope names none.
    pub region: String,
    /// The exception for a push of the same bytes under the same immutable tag.
    pub repush_error: RepushError,
    /// How archived images are read and pushed.
    pub archived: ArchivedAnswer,
    /// Whether `DescribeImages` refuses a filter beside `imageIds`. ECR documents neither this nor the contrary.
    pub refuses_filter_with_image_ids: bool,
    /// Whether `BatchGetImage` answers two tags of one image with one entry, under the first of them. ECR documents
    /// neither this nor the contrary.
    pub merge_tags_of_an_image: bool,
    /// A rule of ECR that the server breaks.
    pub broken: Option<Rule>,
    /// Whether a push through the registry protocol creates its repository.
    pub create_on_push: bool,
    /// The tag mutability of repositories that a push creates.
    pub mutability: Mutability,
    /// The directory that keeps the content from one run to the next; without one, content is kept in memory only. The
    /// directory is written after every call and when the server ends; changes made in-process are written with the next
    /// call.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            account: String::from("123456789012"),
            region: String::from("eu-central-1"),
            repush_error: RepushError::default(),
            archived: ArchivedAnswer::default(),
            refuses_filter_with_image_ids: false,
            merge_tags_of_an_image: false,
            broken: None,
            create_on_push: false,
            mutability: Mutability::default(),
            data: None,
        }
    }
}
