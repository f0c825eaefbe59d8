//! The content of a repository for one version, as one text, and its reconciliation.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::invalid_image::Unsupported;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::observation::{Description, Manifests};
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Digest, Error, ManifestList, Outcome, ReconcileRequest, Reference, Settings, Step};

use super::memory::Limit;

/// The separator of the texts within an input that has several.
pub const SEPARATOR: &str = "\n====\n";
/// More steps than a reconciliation takes without other writers.
const MAX_STEPS: usize = 40;
/// An entry is held as what was observed, as source and as entry of the list, and a list takes three times as much as it
/// grows. The annotations of one entry, of 64 KiB at most, are a map while they are parsed and written.
const RECONCILIATION: Limit = Limit { per_byte: 5, constant: 512 << 10 };

/// The manifest list that is published for these platforms, if any: their texts come first, then that of the version. After a
/// `|`, the platforms are followed by the value of `ANNOTATIONS`.
pub fn published_list_of(platforms: &str, bytes: &[u8]) -> Option<ManifestList> {
    published(reconcile(platforms, bytes)?)
}

/// How the reconciliation of these texts ends; `None`, if the settings are invalid.
pub fn reconcile(platforms: &str, bytes: &[u8]) -> Option<Result<Outcome, Error>> {
    run(platforms, &texts(bytes)?)
}

pub fn published(end: Result<Outcome, Error>) -> Option<ManifestList> {
    match end {
        Ok(Outcome::Published(list)) => Some(list),
        _ => None,
    }
}

pub fn texts(bytes: &[u8]) -> Option<Vec<Option<StoredManifest>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut texts: Vec<_> = text.split(SEPARATOR).take(10).map(stored).collect();
    for index in (1..texts.len()).rev() {
        let digest = texts[index].as_ref().map_or_else(|| Digest::sha256(""), |stored| stored.digest);
        let placeholder = format!("sha256:#{index}");
        for earlier in texts[..index].iter_mut().flatten().filter(|earlier| earlier.text.contains(&placeholder)) {
            let text = earlier.text.replace(&placeholder, &digest.to_string());
            *earlier = StoredManifest { digest: Digest::sha256(&text), text: text.into(), ..earlier.clone() };
        }
    }
    Some(texts)
}

/// What ECR holds: a character for the media type, and its text, [`expanded`].
pub fn stored(text: &str) -> Option<StoredManifest> {
    let mut rest = text.chars();
    let media_type = match rest.next()? {
        'd' => MediaType::DockerManifest.as_str(),
        'D' => MediaType::DockerManifestList.as_str(),
        'o' => MediaType::OciManifest.as_str(),
        'O' => MediaType::OciIndex.as_str(),
        '?' => "",
        '-' => return None,
        _ => "application/json",
    };
    let text = expanded(rest.as_str());
    Some(StoredManifest { digest: Digest::sha256(&text), media_type: media_type.to_owned(), text: text.into() })
}

/// How the reconciliation of the version ends without other writers. Whatever the texts are, it takes a bounded memory.
pub fn run(platforms: &str, texts: &[Option<StoredManifest>]) -> Option<Result<Outcome, Error>> {
    let read: usize = texts.iter().flatten().map(|text| text.text.len()).sum();
    let written = |end: &Option<Result<Outcome, Error>>| match end {
        Some(Ok(outcome)) => outcome.manifest_list().map_or(0, |list| list.text.len()),
        Some(Err(Error::UnsupportedImage { reason: Unsupported::ListSize { max, .. }, .. })) => *max,
        _ => 0,
    };
    RECONCILIATION.check_with(|| reconciled(platforms, texts), |end| read + written(end))
}

fn reconciled(platforms: &str, texts: &[Option<StoredManifest>]) -> Option<Result<Outcome, Error>> {
    let (platforms, annotations) = platforms.split_once('|').unwrap_or((platforms, ""));
    let settings = Settings::from_lookup(|name| match name {
        "PLATFORMS" => Some(platforms.to_owned()),
        name => (name == "ANNOTATIONS").then(|| annotations.to_owned()),
    });
    let settings = settings.ok()?;
    let repository = "app".parse().unwrap();
    let of_repository = settings.for_repository(&repository).unwrap();
    // A tag part may leave no room for the version, which is then not served.
    let request = Arc::new(ReconcileRequest::new(repository.clone(), "1".parse().unwrap(), of_repository).ok()?);
    let tags = request.references();
    let mut stored = Manifests::default();
    for (index, text) in texts.iter().enumerate().filter_map(|(index, text)| Some((index, text.as_ref()?))) {
        let reference = tags.get(index).cloned().unwrap_or(Reference::Digest(text.digest));
        stored.insert(reference, text.clone());
    }
    let mut written: Option<ManifestList> = None;
    let mut step = Step::start(Arc::clone(&request));
    for _ in 0..MAX_STEPS {
        let next = match step {
            Step::ReadManifests(read) => {
                let found = |reference: Reference| stored.get(&reference).cloned().map(|it| (reference, it));
                let manifests = read.references().into_iter().filter_map(found).collect();
                read.resume(manifests)
            }
            // Times that depend on the content: any image may be newer than any other.
            Step::DescribeImages(describe) => {
                let seconds = |digest: Digest| u64::from(digest.to_string().ends_with(['0', '2', '4', '6']));
                let described = |reference: Reference| {
                    let digest = stored.get(&reference)?.digest;
                    let pushed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds(digest));
                    Some((reference, Description { digest, pushed_at, is_archived: false }))
                };
                let descriptions = describe.references().into_iter().filter_map(described).collect();
                describe.resume(descriptions)
            }
            Step::ReadConfigs(read) => {
                let config = |digest: Digest| {
                    let text = &stored.get(&Reference::Digest(digest))?.text;
                    Some((digest, ImageConfig::parse(digest, text.as_bytes())))
                };
                let configs = read.configs().into_iter().map(|(digest, _)| digest).filter_map(config).collect();
                read.resume(&configs)
            }
            Step::Put(put) => {
                let list = put.manifest_list().clone();
                stored.insert(Reference::Tag(request.version.clone()), (&list).into());
                assert!(written.replace(list).is_none(), "a manifest list was written twice without another writer");
                put.resume(PutResponse::Stored)
            }
            Step::Done(end) => {
                match (&end.outcome, &written) {
                    (Outcome::Published(list), Some(written)) => assert_eq!(list, written),
                    (Outcome::Published(_), None) | (_, Some(_)) => panic!("{end:?}"),
                    _ => {}
                }
                return Some(Ok(end.outcome));
            }
        };
        step = match next {
            Ok(step) => step,
            Err(error) => {
                assert!(written.is_none(), "{error:?}");
                return Some(Err(error));
            }
        };
    }
    panic!("the reconciliation does not end");
}

/// How many bytes a part of a text is repeated to: several times as many as the limit of an entry, and few enough that a
/// fuzzer makes many attempts.
const MAX_REPEATED_BYTES: usize = 384 << 10;

/// A text in which `#{300*part}#` stands for 300 times `part`, where the first `#n` is the number of each in hexadecimal. So an
/// input that is short enough for a fuzzer and for the corpus exceeds the limits of the core.
pub fn expanded(text: &str) -> String {
    let (mut expanded, mut rest) = (String::new(), text);
    while let Some((before, (count, part, after))) = rest.split_once("#{").and_then(|(before, inner)| {
        let (repeated, after) = inner.split_once("}#")?;
        let (count, part) = repeated.split_once('*')?;
        Some((before, (count.parse::<usize>().ok()?, part, after)))
    }) {
        expanded.push_str(before);
        let end = expanded.len() + MAX_REPEATED_BYTES;
        let (first, others) = part.split_once("#n").map_or((part, None), |(first, others)| (first, Some(others)));
        for number in 0..count.min(MAX_REPEATED_BYTES) {
            if expanded.len() + part.len() > end {
                break;
            }
            expanded.push_str(first);
            if let Some(others) = others {
                write!(expanded, "{number:x}{others}").unwrap();
            }
        }
        rest = after;
    }
    expanded + rest
}
