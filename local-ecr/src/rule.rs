//! Rules of ECR that a server can break.

/// A rule of ECR. A server breaks one of them if its options say so: what is to notice a difference is tried with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A push of the bytes of an image under another tag adds the tag. Broken: `ImageAlreadyExistsException`.
    EqualBytesAddATag,
    /// A push under the tag of another image moves the tag. Broken: the image is stored, and the tag stays.
    TagsMove,
    /// A push of an image that exists does not change its push time. Broken: it does.
    PushTimesStay,
    /// An absent image is a failure within the answer. Broken: an exception.
    AbsenceIsNoException,
    /// A read returns the bytes that were pushed. Broken: the same JSON in other bytes.
    BytesStay,
    /// The images that a list names must exist. Broken: they need not.
    ImagesOfAListExist,
    /// The digest of a push must be that of the manifest. Broken: it need not.
    DigestsMatch,
    /// An immutable tag stays. Broken: it moves.
    ImmutableTagsStay,
    /// An image that a list names cannot be deleted. Broken: it can.
    ImagesOfAListStay,
    /// A scan lists all tags of an image. Broken: the first one.
    AllTagsAreListed,
    /// A config has a URL, as a layer has. Broken: it has none.
    ConfigsHaveUrls,
}

impl Rule {
    /// Whether it is the one that is broken.
    pub(crate) fn is_broken(self, broken: Option<Self>) -> bool {
        broken == Some(self)
    }

    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::EqualBytesAddATag,
        Self::TagsMove,
        Self::PushTimesStay,
        Self::AbsenceIsNoException,
        Self::BytesStay,
        Self::ImagesOfAListExist,
        Self::DigestsMatch,
        Self::ImmutableTagsStay,
        Self::ImagesOfAListStay,
        Self::AllTagsAreListed,
        Self::ConfigsHaveUrls,
    ];
}
