//! What a tag names.

use serde::Serialize;

use crate::image::Image;

/// What the tag of a version names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// A manifest list.
    List,
    /// A single image.
    Image,
    /// Something that is neither.
    Other,
    /// Nothing.
    Nothing,
}

impl Named {
    /// What a tag names, by the image that it has.
    pub fn of(own: Option<&Image>) -> Self {
        match own {
            None => Self::Nothing,
            Some(image) if image.is_list() => Self::List,
            Some(image) if image.is_image_or_list() => Self::Image,
            Some(_) => Self::Other,
        }
    }
}
