//! How a server is set up.

use crate::mutability::Mutability;
use crate::push::Repush;
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
    /// Which exception answers the same bytes under the same immutable tag.
    pub repush: Repush,
    /// Whether a push through the registry protocol creates its repository.
    pub create_on_push: bool,
    /// The tag mutability of repositories that spring up with a push.
    pub mutability: Mutability,
    /// The folder that keeps blobs and state from one run to the next. It is written after every call
    /// and when the server ends; changes made in-process are written with the next call.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            account: String::from("123456789012"),
            region: String::from("eu-central-1"),
            repush: Repush::default(),
            create_on_push: false,
            mutability: Mutability::default(),
            data: None,
        }
    }
}
