//! An alias that does not name what it should.

use ecr_multiarch_core::Release;

use crate::image::Image;
use crate::problem::Problem;

/// An alias that does not name what it should.
#[derive(Debug)]
pub struct AliasProblem<'a> {
    /// The alias.
    pub tag: &'a str,
    /// What it names.
    pub image: &'a Image,
    /// The highest release of its line.
    pub highest: &'a Release,
    /// What is wrong.
    pub problem: Problem,
}
