//! What ECR may answer for an archived image.

/// How ECR reads and pushes an archived image. No document says which of these it does, so a client must work with each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ArchivedAnswer {
    /// `BatchGetImage` fails with `ImageInaccessible`. A push of the same bytes restores the image.
    #[default]
    Inaccessible,
    /// `BatchGetImage` fails with `ImageNotFound`. A push of the same bytes restores the image.
    NotFound,
    /// `BatchGetImage` fails with `ImageNotFound`. A push of the same bytes, under whichever tag, fails with
    /// `ImageAlreadyExistsException` and does not restore the image.
    AlreadyExists,
}

impl ArchivedAnswer {
    /// The failure code of a read, and its reason.
    pub(crate) fn failure(self) -> (&'static str, &'static str) {
        match self {
            Self::Inaccessible => ("ImageInaccessible", "The image is archived"),
            Self::NotFound | Self::AlreadyExists => ("ImageNotFound", "Requested image not found"),
        }
    }

    /// Whether a push of the same bytes restores the image.
    pub(crate) fn is_restored_by_push(self) -> bool {
        self != Self::AlreadyExists
    }
}
