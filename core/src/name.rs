//! Names of Amazon ECR: registries, repositories, the globs that select repositories, and images.

use std::fmt;

use crate::newtype::validated_string;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;

validated_string!(
    /// The name of a repository such as `team-a/app`.
    ///
    /// Amazon ECR API reference, `CreateRepository`, `repositoryName`. The length, the characters and the first one
    /// are checked; ECR checks which separators may follow each other.
    RepositoryName,
    /// A string that is not a valid repository name.
    InvalidRepositoryName: "a valid repository name: expected 2 to 256 lower-case letters, digits and any of . _ - /, \
                            the first of them a letter or a digit",
    |text| {
        (2..=256).contains(&text.len()) && !text.starts_with(['.', '_', '-', '/']) && text.bytes().all(is_name_byte)
    }
);

validated_string!(
    /// A glob over repository names, in which `*` matches any text, `/` included.
    RepositoryGlob,
    /// A string that is not a valid repository glob.
    InvalidRepositoryGlob: "a valid repository glob: expected lower-case letters, digits and any of . _ - / *",
    |text| !text.is_empty() && text.bytes().all(|byte| byte == b'*' || is_name_byte(byte))
);

validated_string!(
    /// Where a scan of the repository names begins: at the first name that is not below it, so it need not be a name
    /// itself.
    RepositoryStart,
    /// A string that is not a valid start of a scan.
    InvalidRepositoryStart: "a valid start: expected 1 to 256 characters of a repository name",
    |text| (1..=256).contains(&text.len()) && text.bytes().all(is_name_byte)
);

validated_string!(
    /// The twelve digits of an AWS account, which name its registry in each Region.
    AccountId,
    /// A string that is not a valid account id.
    InvalidAccountId: "a valid AWS account id: expected 12 digits",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);

validated_string!(
    /// The name of an AWS Region such as `eu-central-1`. It becomes part of a host name, so its characters are checked.
    Region,
    /// A string that is not a valid Region.
    InvalidRegion: "a valid AWS Region: expected a name such as eu-central-1",
    |text| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let parts_fit = text.split('-').all(|part| !part.is_empty() && part.bytes().all(allowed));
        text.len() <= 32 && text.contains('-') && parts_fit
    }
);

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte)
}

impl RepositoryStart {
    /// The start that no repository name is below.
    #[must_use]
    pub fn lowest() -> Self {
        Self("0".into())
    }

    /// Whether a name is at the start or above it, in ascending byte order.
    pub fn includes(&self, name: &RepositoryName) -> bool {
        name.as_str() >= self.as_str()
    }
}

impl From<RepositoryName> for RepositoryStart {
    fn from(name: RepositoryName) -> Self {
        Self(name.0)
    }
}

impl From<RepositoryName> for RepositoryGlob {
    fn from(name: RepositoryName) -> Self {
        Self(name.0)
    }
}

/// Whether a glob, in which `*` matches any text, matches a whole text.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let mut literals = glob.split('*');
    let Some(mut rest) = literals.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = literals.next_back() else {
        return rest.is_empty();
    };
    for literal in literals {
        let Some(at) = rest.find(literal) else { return false };
        rest = &rest[at + literal.len()..];
    }
    rest.ends_with(last)
}

impl RepositoryGlob {
    /// Whether the glob matches the whole name.
    pub fn matches(&self, name: &RepositoryName) -> bool {
        glob_matches(self.as_str(), name.as_str())
    }

    /// The one name that the glob matches, where it has no `*`.
    pub fn literal(&self) -> Option<RepositoryName> {
        self.as_str().parse().ok()
    }
}

/// One registry: one account's ECR in one Region. Without an account, ECR assumes the caller's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct RegistryId {
    /// The account that owns the registry.
    pub account: Option<AccountId>,
    /// The Region that it is in.
    pub region: Region,
}

impl RegistryId {
    /// Its account and Region, as fields of a log line.
    pub fn fields(&self) -> (Option<&str>, &str) {
        (self.account.as_ref().map(AccountId::as_str), self.region.as_str())
    }
}

/// The name of a manifest within its repository.
///
/// OCI distribution specification, "Definitions", *reference*.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A tag, which may move.
    Tag(Tag),
    /// A digest, which cannot.
    Digest(Digest),
}

/// The full name of an image, such as `app:1.2.3-arm64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference {
    /// The repository.
    pub repository: RepositoryName,
    /// The name within the repository.
    pub reference: Reference,
}

impl Reference {
    /// The image id by which the AWS CLI names it.
    pub fn image_id(&self) -> String {
        match self {
            Self::Tag(tag) => format!("imageTag={tag}"),
            Self::Digest(digest) => format!("imageDigest={digest}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, reference } = self;
        match reference {
            Reference::Tag(tag) => write!(f, "{repository}:{tag}"),
            Reference::Digest(digest) => write!(f, "{repository}@{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, matching: &str, others: &str) {
        let matches = |name: &str| glob.parse::<RepositoryGlob>().unwrap().matches(&name.parse().unwrap());
        assert!(matching.split_whitespace().all(matches), "{glob} {matching}");
        assert!(!others.split_whitespace().any(matches), "{glob} {others}");
    }

    #[test]
    fn star_matches_any_text_including_slashes() {
        check("*", "app team-a/app team-a/x/app", "");
        check("*app", "app team-a/app team-a/x/app", "");
        check("team-a/*", "team-a/app team-a/x/app", "app");
        check("team-a/*/app", "team-a/x/app", "app team-a/app");
        check("t*a/*p", "team-a/app team-a/x/app", "app");
        check("app", "app", "apps my-app");
    }

    #[test]
    fn literal_parts_of_a_glob_do_not_overlap() {
        check("ab*ba", "abba", "aba");
        check("a*b*c", "abbc", "a1c1b");
        check("xx*ab*b", "xxabb", "xxab");
    }

    #[test]
    fn repository_name_follows_its_grammar() {
        for name in ["ap", "team-a/app", "a.b_c-d/e", "0a"] {
            assert!(name.parse::<RepositoryName>().is_ok(), "{name}");
        }
        for name in ["", "a", "App", "/app", "a b", "app:1", &"x".repeat(257)] {
            assert!(name.parse::<RepositoryName>().is_err(), "{name}");
        }
    }

    #[test]
    fn lowest_start_includes_every_name() {
        for name in ["00", "0-a", "0.a", "0/a", "0_a", "a1"] {
            assert!(RepositoryStart::lowest().includes(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn start_includes_names_from_itself_upwards() {
        let start: RepositoryStart = "team-b".parse().unwrap();
        for (name, expected) in [("team-a/z", false), ("team-b", true), ("team-b/a", true), ("team-c", true)] {
            assert_eq!(start.includes(&name.parse().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn account_id_has_twelve_digits() {
        assert!("123456789012".parse::<AccountId>().is_ok());
        assert!("12345678901".parse::<AccountId>().is_err());
    }

    #[test]
    fn region_is_a_plain_host_label() {
        for region in ["eu-central-1", "us-gov-west-1", "cn-north-1"] {
            assert!(region.parse::<Region>().is_ok(), "{region}");
        }
        for region in ["", "eu", "eu-central-1.evil.example", "eu--1", "EU-central-1", "eu-1/x"] {
            assert!(region.parse::<Region>().is_err(), "{region}");
        }
    }

    #[test]
    fn image_has_a_name_by_tag_and_by_digest() {
        let digest = Digest::sha256("");
        for (reference, separator, text, id) in [
            (Reference::Tag("1.2".parse().unwrap()), ':', "1.2".to_owned(), "imageTag=1.2".to_owned()),
            (Reference::Digest(digest), '@', digest.to_string(), format!("imageDigest={digest}")),
        ] {
            assert_eq!((reference.to_string(), reference.image_id()), (text.clone(), id));
            let image = ImageReference { repository: "app".parse().unwrap(), reference };
            assert_eq!(image.to_string(), format!("app{separator}{text}"));
        }
    }

    #[test]
    fn registry_is_logged_by_account_and_region() {
        let region: Region = "eu-west-1".parse().unwrap();
        for account in [None, Some("123456789012")] {
            let id = RegistryId { account: account.map(|account| account.parse().unwrap()), region: region.clone() };
            assert_eq!(id.fields(), (account, "eu-west-1"));
        }
    }
}
