//! What must hold for any bytes: shared by the tests of this crate and by the targets under `fuzz/`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch::config::ImageConfig;
use ecr_multiarch::digest::Digest;
use ecr_multiarch::error::{Error, Reference};
use ecr_multiarch::input::Input;
use ecr_multiarch::list::ManifestList;
use ecr_multiarch::manifest::MediaType;
use ecr_multiarch::naming::{Naming, TagTemplate};
use ecr_multiarch::observation::{Configs, Found, Stored};
use ecr_multiarch::platform::RequiredPlatform;
use ecr_multiarch::reconcile::{Ask, Job, Next, PutReply, Reconciliation, Reply, Verdict};
use ecr_multiarch::settings::{Settings, variable};
use ecr_multiarch::tag::Tag;

/// A target: its name, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 5] =
    [("input", input), ("config", config), ("settings", settings), ("naming", naming), ("version", version)];

/// Between the texts of an input that consists of several.
pub const SEPARATOR: &str = "\n====\n";
/// The most calls that a machine can make of itself, whatever it reads.
const MAX_STEPS: usize = 40;

/// Any JSON is an input, or is refused and told what was expected.
pub fn input(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    match Input::read(value) {
        Ok(_) => {}
        Err(Error::InvalidRequest(message)) => assert!(message.contains("expected is one of")),
        Err(error) => panic!("{error:?}"),
    }
}

/// Any bytes are a config that states a platform, or are refused.
pub fn config(bytes: &[u8]) {
    if let Ok(config) = ImageConfig::read(Digest::of(bytes), bytes) {
        assert!(!config.platform.is_unknown());
        assert_ne!(config.revision.as_deref(), Some(""));
        let again = config.platform.normalized();
        assert_eq!(again, again.normalized());
    }
    assert!(ImageConfig::read(Digest::of("other bytes"), bytes).is_err());
}

/// Any variables are settings, or one of them is named with what is allowed there.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let variables: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    match Settings::read(|name| variables.get(name).map(|value| (*value).to_owned())) {
        Ok(settings) => {
            for repository in ["app", "team-a/app"] {
                let repository = repository.parse().unwrap();
                let Some(policy) = settings.policy(&repository) else { continue };
                assert!(settings.repositories().iter().any(|glob| glob.matches(&repository)));
                for version in ["1", "1.2.3-rc.1", "amd64"] {
                    assert_named_both_ways(&policy.naming, &version.parse().unwrap());
                }
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(variable::ALL.iter().any(|name| message.contains(name)), "{message}");
        }
    }
}

/// Template, platforms and tags, each on a line of its own. What names a platform's image names it both ways.
pub fn naming(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let (Some(template), Some(platforms)) = (lines.next(), lines.next()) else { return };
    let Ok(template) = template.parse::<TagTemplate>() else { return };
    let Ok(platforms) = platforms.split(',').map(str::parse).collect::<Result<Vec<RequiredPlatform>, _>>() else {
        return;
    };
    let Ok(naming) = Naming::new(template, platforms) else { return };
    for line in lines.take(8) {
        if let Ok(tag) = line.parse() {
            assert_named_both_ways(&naming, &tag);
        }
    }
}

/// Reads the tag as a platform's and as a version's: rendering undoes parsing, and no tag has two owners.
pub fn assert_named_both_ways(naming: &Naming, tag: &Tag) {
    if let Some((version, platform)) = naming.locate(tag) {
        assert!(naming.tags(tag).is_err(), "{tag} is both a version and a platform's tag");
        if let Ok(tags) = naming.tags(&version) {
            assert!(tags.contains(&(tag.clone(), platform.clone())), "{tag} is not among {tags:?}");
        }
    }
    let Ok(tags) = naming.tags(tag) else { return };
    assert_eq!(tags.len(), naming.platforms().len());
    assert!(tags.is_sorted_by(|(one, _), (other, _)| one < other), "{tags:?}");
    for (platform_tag, platform) in &tags {
        assert_eq!(naming.locate(platform_tag), Some((tag.clone(), platform)));
        assert_ne!(platform_tag, tag);
    }
}

/// Everything that a repository holds of one version. The first text is what the tag of amd64 names, the second that
/// of arm64, the third the version's own; the others are named by their digests. Each begins with a character for its
/// media type. `sha256:#4` stands for the digest of the text number 4, which comes after the text that names it.
pub fn version(bytes: &[u8]) {
    list_of(bytes);
}

/// The list that the version of [`version`] gets, if it gets one.
pub fn list_of(bytes: &[u8]) -> Option<ManifestList> {
    let mut texts = texts(bytes)?;
    let made = run("linux/amd64,linux/arm64", &texts);
    assert_eq!(made, run("linux/arm64,linux/amd64", &texts), "the order of PLATFORMS shows in the list");
    let list = made?;
    assert_whole(&list);
    texts.resize(texts.len().max(3), None);
    texts[2] =
        Some(Stored { digest: list.digest, media_type: list.media_type.to_string(), text: list.text.as_str().into() });
    assert_eq!(run("linux/amd64,linux/arm64", &texts), None, "a list that is there is written again");
    Some(list)
}

/// The same for other platforms, whose texts come first, ahead of the version's own.
pub fn list_of_platforms(platforms: &str, bytes: &[u8]) -> Option<ManifestList> {
    run(platforms, &texts(bytes)?)
}

fn texts(bytes: &[u8]) -> Option<Vec<Option<Stored>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut texts: Vec<_> = text.split(SEPARATOR).take(10).map(stored).collect();
    for index in (1..texts.len()).rev() {
        let digest = texts[index].as_ref().map_or_else(|| Digest::of(""), |stored| stored.digest);
        for earlier in texts[..index].iter_mut().flatten() {
            let text = earlier.text.replace(&format!("sha256:#{index}"), &digest.to_string());
            *earlier = Stored { digest: Digest::of(&text), text: text.into(), ..earlier.clone() };
        }
    }
    Some(texts)
}

fn stored(text: &str) -> Option<Stored> {
    let mut rest = text.chars();
    let media_type = match rest.next()? {
        'd' => MediaType::DockerManifest.as_str(),
        'D' => MediaType::DockerList.as_str(),
        'o' => MediaType::OciManifest.as_str(),
        'O' => MediaType::OciIndex.as_str(),
        '?' => "",
        '-' => return None,
        _ => "application/json",
    };
    let text = rest.as_str();
    Some(Stored { digest: Digest::of(text), media_type: media_type.to_owned(), text: text.into() })
}

/// Runs the machine to its end, and gives the list that it wrote.
fn run(platforms: &str, texts: &[Option<Stored>]) -> Option<ManifestList> {
    let settings = Settings::read(|name| (name == "PLATFORMS").then(|| platforms.to_owned())).unwrap();
    let policy = settings.policy(&"app".parse().unwrap()).unwrap();
    let version: Tag = "1".parse().unwrap();
    let job = Arc::new(Job {
        repository: "app".parse().unwrap(),
        platforms: policy.naming.tags(&version).unwrap(),
        version,
        revisions: policy.revisions,
        attestations: policy.attestations,
        dry_run: false,
        force: false,
        pushed: None,
    });
    let tags = job.references();
    let mut found = Found::new();
    for (index, text) in texts.iter().enumerate().filter_map(|(index, text)| Some((index, text.as_ref()?))) {
        let reference = tags.get(index).cloned().unwrap_or(Reference::Digest(text.digest));
        found.insert(reference, text.clone());
    }
    let (mut machine, mut ask) = Reconciliation::start(Arc::clone(&job));
    let mut written = None;
    for _ in 0..MAX_STEPS {
        let reply = match ask {
            Ask::Read { references, .. } => {
                let held = |name: &Reference| Some((name.clone(), found.get(name)?.clone()));
                Reply::Read(references.iter().filter_map(held).collect())
            }
            Ask::Configs(digests) => {
                let held = |digest: Digest| {
                    let text = found.get(&Reference::Digest(digest))?;
                    Some((digest, ImageConfig::read(digest, text.text.as_bytes())))
                };
                Reply::Configs(digests.into_iter().filter_map(held).collect::<Configs>())
            }
            Ask::Put(list) => {
                let media_type = list.media_type.to_string();
                let stored = Stored { digest: list.digest, media_type, text: list.text.as_str().into() };
                found.insert(Reference::Tag(job.version.clone()), stored);
                assert!(written.replace(list).is_none(), "nobody interfered, and it was written twice");
                Reply::Put(PutReply::Stored)
            }
        };
        match machine.step(reply) {
            Ok(Next::Ask(next, next_ask)) => (machine, ask) = (next, next_ask),
            Ok(Next::Done(outcome)) => {
                match (&outcome.verdict, &written) {
                    (Verdict::Published(list), Some(written)) => assert_eq!(list, written),
                    (Verdict::Published(_), None) | (_, Some(_)) => panic!("{outcome:?}"),
                    _ => {}
                }
                return written;
            }
            Err(error) => {
                assert!(written.is_none(), "{error:?}");
                return None;
            }
        }
    }
    panic!("it goes on and on");
}

/// The list names an image of each platform, in order, and nothing that ECR refuses.
fn assert_whole(list: &ManifestList) {
    assert_eq!(list.digest, Digest::of(&list.text));
    let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
    let entries = document["manifests"].as_array().unwrap();
    let images = entries.iter().filter(|entry| entry["annotations"]["vnd.docker.reference.type"].is_null());
    let architectures: Vec<_> = images.map(|image| image["platform"]["architecture"].as_str().unwrap()).collect();
    let spelt = |architecture: &str| architecture.to_ascii_lowercase();
    let is = |architecture: &str, spellings: &[&str]| spellings.contains(&spelt(architecture).as_str());
    assert_eq!(architectures.len(), 2, "{}", list.text);
    assert!(is(architectures[0], &["amd64", "x86_64", "x86-64"]), "{}", list.text);
    assert!(is(architectures[1], &["arm64", "aarch64"]), "{}", list.text);
    for entry in entries {
        assert!(entry["platform"]["os.features"].is_null() && entry["platform"]["features"].is_null());
    }
}
