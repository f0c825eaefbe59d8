//! An alias: a tag such as `latest`, `1.2` or `main`, and what it follows.

use ecr_multiarch_core::Release;

use crate::image::{Image, is_recent};
use crate::problem::Problem;

/// What an alias follows.
#[derive(Debug, PartialEq, Eq)]
pub enum Follows {
    /// The highest release of its line, which it names.
    Highest,
    /// The same, which it should name and does not.
    Behind(Problem),
    /// The newest push, of a release that is not the highest: its project may have begun to number its releases anew.
    Pushes,
    /// Something else, such as a branch.
    SomethingElse,
}

/// A tag that is named like an alias of at least one release.
#[derive(Debug)]
pub struct Alias<'a> {
    /// The position of the template that gives it.
    pub template: usize,
    /// What it names.
    pub image: &'a Image,
    /// The highest release of its line, with its image.
    pub highest: (Release, &'a Image),
    /// The highest release of its line that has the same image as the alias.
    pub named: Option<Release>,
    /// Whether its stream has a numbering of its own, whose order that of the pushes confirms.
    pub has_own_numbering: bool,
}

impl Alias<'_> {
    /// What it follows.
    pub fn follows(&self) -> Follows {
        let Self { image, highest: (highest, highest_image), named, .. } = self;
        let behind = |names: Option<&Release>| {
            let names = names.map(ToString::to_string);
            Follows::Behind(Problem::AliasBehind { names, highest: highest.to_string() })
        };
        match named {
            Some(named) if named == highest => Follows::Highest,
            Some(_) if highest_image.pushed_at < image.pushed_at && !self.is_overtaken() => Follows::Pushes,
            Some(named) => behind(Some(named)),
            None if image.pushed_at < highest_image.pushed_at => behind(None),
            // An image in place of a list is a problem, whatever it follows.
            None if self.is_in_place_of_list() => {
                let (platform_tags, release) = (Vec::new(), Some(highest.to_string()));
                Follows::Behind(Problem::SingleImage { platform_tags, release })
            }
            None => Follows::SomethingElse,
        }
    }

    /// Whether it names the highest release of its line, did so, or is a single image in place of its list. Another tag
    /// that names no release and is older than the highest one may be the build of a branch.
    pub fn follows_releases(&self) -> bool {
        (self.named.is_some() || self.is_in_place_of_list())
            && matches!(self.follows(), Follows::Highest | Follows::Behind(_))
    }

    /// Whether it names a build that a later one overtook: both were pushed within the time that a build takes, so
    /// nothing began to number anew.
    fn is_overtaken(&self) -> bool {
        self.has_own_numbering && is_recent(self.highest.1.pushed_at, self.image.pushed_at)
    }

    /// Whether it names a single image, while the highest release of its line is a list.
    fn is_in_place_of_list(&self) -> bool {
        !self.image.is_list() && self.highest.1.is_list()
    }
}
