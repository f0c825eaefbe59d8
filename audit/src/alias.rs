//! An alias of releases.

use ecr_multiarch_core::Release;

use crate::following::Following;
use crate::image::Image;
use crate::problem::Problem;

/// A tag that is named like an alias of at least one release.
#[derive(Debug)]
pub struct Alias<'a> {
    /// The template that gives it.
    pub template: &'static str,
    /// What it names.
    pub image: &'a Image,
    /// The highest release of its line, with its image.
    pub highest: (Release, &'a Image),
    /// The highest release of its line that has the same image as the alias.
    pub named: Option<Release>,
}

impl Alias<'_> {
    /// What it follows.
    pub fn following(&self) -> Following {
        let Self { image, highest: (highest, highest_image), named, .. } = self;
        let behind = |names: Option<&Release>| {
            let names = names.map(ToString::to_string);
            Following::ShouldName(Problem::AliasBehind { names, highest: highest.to_string() })
        };
        match named {
            Some(named) if named == highest => Following::Highest,
            Some(_) if highest_image.pushed_at < image.pushed_at => Following::Pushes,
            Some(named) => behind(Some(named)),
            None if image.pushed_at < highest_image.pushed_at => behind(None),
            // An image in place of a list is a problem, whatever it follows.
            None if self.is_in_place_of_list() => {
                let (platform_tags, release) = (Vec::new(), Some(highest.to_string()));
                Following::ShouldName(Problem::SingleImage { platform_tags, release })
            }
            None => Following::SomethingElse,
        }
    }

    /// Whether it names the highest release of its line, did so, or is a single image in place of its list. Another tag
    /// that names no release and is older than the highest one may be the build of a branch.
    pub fn follows_releases(&self) -> bool {
        (self.named.is_some() || self.is_in_place_of_list())
            && matches!(self.following(), Following::Highest | Following::ShouldName(_))
    }

    /// Whether it names a single image, while the highest release of its line is a list.
    fn is_in_place_of_list(&self) -> bool {
        !self.image.is_list() && self.highest.1.is_list()
    }
}
