//! The checks of a repository's versions and aliases.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use ecr_multiarch_core::oci::platform::Platform;
use ecr_multiarch_core::reconcile::revision;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::{Digest, OutcomeKind, RepositorySettings, Tag};

use crate::aliases::{AliasProblem, Aliases};
use crate::finding::{Finding, Fix, Request, RequestTarget};
use crate::image::Image;
use crate::judge::{Judge, Obstacle};
use crate::problem::{PlatformRevision, Problem};
use crate::reading::{ImageFacts, ListEntry, Reading};
use crate::scan::RepositoryScan;
use crate::suggestion::Suggestion;
use crate::text::{excerpt, plain, shown};
use crate::versions::{Version, VersionImage, Versions};

/// The findings of a repository, those of a kind together and of the newest versions first.
pub fn findings(
    scan: &RepositoryScan,
    versions: &Versions<'_>,
    aliases: &Aliases<'_>,
    suggestion: Option<&Suggestion>,
    target: &RequestTarget,
    now: SystemTime,
) -> Vec<Finding> {
    let settings = suggestion.map(|suggestion| &suggestion.settings);
    let judge = &Judge::new(scan, settings.map(AsRef::as_ref));
    let check_of = |version| Check { scan, judge, version, platforms: &versions.platforms, target };
    let is_judged = |version: &&Version<'_>| !version.is_recent(now) && !version.is_archived();
    let judged = versions.all.iter().filter(is_judged).map(check_of);
    let mut findings: Vec<_> = judged.flat_map(|check| check.findings()).collect();
    let by_tag: HashMap<_, _> = versions.all.iter().map(|version| (version.tag, version)).collect();
    let is_served = |alias: &str, release: &Tag| {
        let of_release = |settings: &Arc<RepositorySettings>| Some(settings.aliases(&settings.release(release)?));
        let aliases = settings.and_then(of_release).unwrap_or_default();
        aliases.into_iter().flatten().any(|given| given.as_str() == alias)
    };
    for AliasProblem { tag, image, highest, problem } in aliases.problems(now) {
        let request = || {
            let version = by_tag.get(highest.tag().as_str()).copied();
            let published = version.filter(|version| version.own.is_some_and(Image::is_list));
            let published = published.ok_or_else(|| Obstacle::ReleaseWithoutList(highest.to_string()))?;
            // The list of the release may be there: its aliases follow it all the same.
            let (request, _) = check_of(published).request(!image.is_list())?;
            let request = movable(scan, tag, request)?;
            let left_out = || Obstacle::AliasLeftOut(aliases.streams().variable(), tag.to_owned());
            is_served(tag, highest.tag()).then_some(request).ok_or_else(left_out)
        };
        findings.push(Finding {
            repository: scan.name.clone(),
            tag: tag.to_owned(),
            pushed_at: image.pushed_at,
            problem,
            fix: request().map_or_else(Fix::Blocked, Fix::Request),
        });
    }
    findings.sort_by(|one, other| {
        let order = |finding: &Finding| (finding.problem.kind(), Reverse(finding.pushed_at));
        order(one).cmp(&order(other)).then_with(|| one.tag.cmp(&other.tag))
    });
    findings
}

/// The check of one version.
struct Check<'a> {
    scan: &'a RepositoryScan,
    judge: &'a Judge<'a>,
    version: &'a Version<'a>,
    platforms: &'a [String],
    target: &'a RequestTarget,
}

impl Check<'_> {
    fn findings(&self) -> Vec<Finding> {
        let mut problems = self.by_scan();
        problems.extend(self.archived());
        problems.extend(self.scan.reading.iter().flat_map(|reading| self.by_reading(reading)));
        let finding = |problem| {
            let (fix, problem) = (self.fix(&problem), self.judged(problem)?);
            let (repository, tag) = (self.scan.name.clone(), self.version.tag.to_owned());
            Some(Finding { repository, tag, pushed_at: self.version.pushed_at, fix, problem })
        };
        problems.into_iter().filter_map(finding).collect()
    }

    /// A problem as the function sees it: a list that differs from its tags may be of newer images, and one whose images are
    /// conversions of those of its tags is right.
    fn judged(&self, problem: Problem) -> Option<Problem> {
        let Problem::ListDiffersFromTags { platform_tags, untagged } = &problem else { return Some(problem) };
        let request = self.request(false);
        let is_of_settings = |tag: &String| self.judge.serves(self.version.tag, tag);
        match request {
            Err(Obstacle::StaleTags) => Some(Problem::StalePlatformTags { platform_tags: platform_tags.clone() }),
            Ok((_, OutcomeKind::Unchanged)) if untagged.is_empty() && platform_tags.iter().all(is_of_settings) => None,
            _ => Some(problem),
        }
    }

    fn fix(&self, problem: &Problem) -> Fix {
        let force = match problem {
            Problem::SingleImage { .. } => !self.version.own.is_some_and(Image::is_list),
            Problem::ListMissing { .. }
            | Problem::ListOlderThanImage { .. }
            | Problem::ListDiffersFromTags { .. }
            | Problem::DuplicatePlatform { .. }
            | Problem::ImageGone { .. } => false,
            // What only a new image fixes.
            _ => return Fix::Manual,
        };
        let request = || match self.request(force)? {
            (_, OutcomeKind::Unchanged) => Err(Obstacle::Unchanged),
            (request, _) if self.version.own.is_some() => movable(self.scan, self.version.tag, request),
            (request, _) => Ok(request),
        };
        match request() {
            Ok(request) => Fix::Request(request),
            Err(Obstacle::StaleTags) => Fix::Manual,
            Err(obstacle) => Fix::Blocked(obstacle),
        }
    }

    /// The request that assembles the version, and what the function would do.
    fn request(&self, force: bool) -> Result<(Request, OutcomeKind), Obstacle> {
        let tag = self.version.tag.parse().map_err(|_| Obstacle::NotServed)?;
        let outcome = self.judge.judge(&tag, force)?;
        Ok((self.target.assemble(self.scan.name.clone(), tag, force), outcome))
    }

    /// How many platforms have a tag. One may have several, in different spellings.
    fn tagged_platforms(&self) -> usize {
        let platforms: BTreeSet<_> = self.version.images.iter().map(|image| image.platform).collect();
        platforms.len()
    }

    /// The platform of a tag that its image contradicts.
    fn mismatch(&self, image: &VersionImage<'_>, reading: &Reading) -> Option<Problem> {
        let said = self.tagged_platform(image)?;
        let is = other_platform(&said, image.image.digest, reading)?;
        Some(mismatch(image.tag.to_owned(), said.platform(), &is))
    }

    /// The platform that a tag says.
    fn tagged_platform(&self, image: &VersionImage<'_>) -> Option<ConfiguredPlatform> {
        self.platforms.get(image.platform)?.parse().ok()
    }

    fn differing_list(&self, entries: &[ListEntry], reading: &Reading) -> Option<Problem> {
        let images = &self.version.images;
        let is_absent = |image: &&VersionImage<'_>| {
            // The images of an index are known only where it was read.
            let is_known = !image.image.is_list() || reading.entries(image.image.digest).is_some();
            let of_tag = reading.images_of(image.image.digest);
            is_known && !entries.iter().any(|entry| of_tag.contains(&entry.digest))
        };
        let platform_tags: Vec<_> = images.iter().filter(is_absent).map(|image| image.tag.to_owned()).collect();
        let tagged: Vec<_> = images.iter().flat_map(|image| reading.images_of(image.image.digest)).collect();
        let platforms: Vec<_> = images.iter().filter_map(|image| self.tagged_platform(image)).collect();
        let is_of_tag = |stated: &Platform| platforms.iter().any(|said| !is_other(said, stated));
        let untagged: BTreeSet<_> = entries
            .iter()
            .filter(|entry| !images.is_empty() && !tagged.contains(&entry.digest))
            .filter_map(|entry| entry.platform.as_ref())
            .filter(|stated| !is_of_tag(stated))
            .map(shown)
            .collect();
        let untagged: Vec<_> = untagged.into_iter().collect();
        let differs = !platform_tags.is_empty() || !untagged.is_empty();
        differs.then_some(Problem::ListDiffersFromTags { platform_tags, untagged })
    }

    /// The entries of a list, if it was read.
    fn entries(&self, list: &Image) -> Option<&[ListEntry]> {
        self.scan.reading.as_ref()?.entries(list.digest)
    }

    /// Whether a platform tag names this.
    fn is_tagged(&self, digest: Digest) -> bool {
        self.version.images.iter().any(|tagged| tagged.image.digest == digest)
    }

    /// Whether a list is the index of one image, though there are images of several platforms: it has a single entry,
    /// or is what the tag of one platform names.
    fn is_single_index(&self, own: &Image) -> bool {
        let images = &self.version.images;
        let is_other = |image: &VersionImage<'_>| image.image.digest != own.digest;
        let is_of_tag = || self.is_tagged(own.digest) && images.iter().any(is_other);
        let has_one_entry = || self.entries(own).is_some_and(|entries| entries.len() == 1);
        own.is_list() && self.tagged_platforms() > 1 && (is_of_tag() || has_one_entry())
    }

    fn names(&self, positions: &[usize]) -> Vec<String> {
        positions.iter().filter_map(|position| self.platforms.get(*position).cloned()).collect()
    }

    /// The problems that a scan shows. Whether a list is older than its images says nothing where its entries are
    /// known.
    fn by_scan(&self) -> Vec<Problem> {
        let Version { images, own, platforms, expected, .. } = self.version;
        let missing = self.version.missing();
        let tags = || images.iter().map(|image| image.tag.to_owned()).collect::<Vec<_>>();
        let tagged = self.tagged_platforms();
        let is_multi_platform = !images.is_empty() && (expected.len() > 1 || tagged > 1);
        // In an older layout, the version's own tag is the image of amd64, and the tags of other platforms have a suffix.
        let is_amd64 = |image: &VersionImage<'_>| {
            self.tagged_platform(image).is_some_and(|said| said.platform().architecture == "amd64")
        };
        let is_beside = |own: &Image| {
            is_multi_platform || !self.is_tagged(own.digest) && images.iter().any(|image| !is_amd64(image))
        };
        let lacks = (!missing.is_empty()).then(|| Problem::MissingPlatform {
            present: self.names(platforms.as_deref().unwrap_or_default()),
            missing: self.names(&missing),
            has_unread_list: own.is_some_and(|own| own.is_list() && self.entries(own).is_none()),
        });
        let list = match own {
            None if tagged > 1 && missing.is_empty() && !images.iter().any(|image| image.image.is_archived) => {
                Some(Problem::ListMissing { platform_tags: tags() })
            }
            Some(own) if !images.is_empty() && own.is_artifact() => Some(Problem::ArtifactInPlaceOfList {
                platform_tags: tags(),
                artifact_type: excerpt(&own.artifact_media_type),
            }),
            Some(own) if self.is_single_index(own) || (is_beside(own) && own.is_image()) => {
                Some(Problem::SingleImage { platform_tags: tags(), release: None })
            }
            Some(own) if own.is_list() && self.entries(own).is_none() => older_list(own, images),
            _ => None,
        };
        lacks.into_iter().chain(list).collect()
    }

    /// The archived images of a version that is not archived as a whole, its list included.
    fn archived(&self) -> Option<Problem> {
        let Version { tag, images, own, .. } = self.version;
        let own_tag = own.filter(|own| own.is_archived).map(|_| (*tag).to_owned());
        let tagged = images.iter().filter(|image| image.image.is_archived).map(|image| image.tag.to_owned());
        let entries = || self.entries((*own)?);
        let is_untagged = |entry: &&ListEntry| !self.is_tagged(entry.digest);
        let is_archived = |entry: &&ListEntry| self.judge.image(entry.digest).is_some_and(|image| image.is_archived);
        let listed = entries().into_iter().flatten().filter(is_untagged).filter(is_archived);
        let archived: Vec<_> =
            own_tag.into_iter().chain(tagged).chain(listed.map(|entry| entry.digest.to_string())).collect();
        (!archived.is_empty()).then_some(Problem::ImageArchived { images: archived })
    }

    /// The problems that only manifests and configs show.
    fn by_reading(&self, reading: &Reading) -> Vec<Problem> {
        let Version { images, own, .. } = self.version;
        let entries = own.and_then(|own| reading.entries(own.digest));
        let mut problems = Vec::new();
        let mut mismatched = BTreeSet::new();
        for image in images {
            let mismatch = self.mismatch(image, reading);
            mismatched.extend(mismatch.is_some().then_some(image.image.digest));
            problems.extend(mismatch);
            problems.extend(unreadable(reading, image.tag, image.image.digest));
        }
        if let Some(entries) = entries {
            if !own.is_some_and(|own| self.is_single_index(own)) {
                problems.extend(self.differing_list(entries, reading));
            }
            problems.extend(duplicates(entries));
            for entry in entries {
                problems.extend(self.entry_problem(entry, reading, &mismatched));
            }
        } else if let Some(own) = own.filter(|own| !images.is_empty() || !reading.is_artifact(own.digest)) {
            // A repository may hold charts and other artifacts; beside platform tags they are a mistake.
            problems.extend(unreadable(reading, self.version.tag, own.digest));
        }
        // Those of the platform tags, of which the list is to be made; if they agree, those of the list that is there.
        let tagged = images.iter().flat_map(|image| reading.facts_of_images(image.image.digest));
        let of_entry = |entry: &ListEntry| reading.facts(entry.digest)?.ok();
        let listed = || revisions(entries?.iter().filter_map(of_entry));
        problems.extend(revisions(tagged).or_else(listed));
        problems
    }

    fn entry_problem(&self, entry: &ListEntry, reading: &Reading, mismatched: &BTreeSet<Digest>) -> Option<Problem> {
        if self.judge.image(entry.digest).is_none() {
            return Some(Problem::ImageGone { platform: entry.platform.as_ref().map(shown), digest: entry.digest });
        }
        match (reading.facts(entry.digest)?, &entry.platform) {
            (Ok(facts), Some(said)) if said.contradicts(&facts.platform) && !mismatched.contains(&entry.digest) => {
                Some(mismatch(format!("the entry {}", entry.digest), said, &facts.platform))
            }
            (Err(_), _) if !self.is_tagged(entry.digest) && !reading.is_artifact(entry.digest) => {
                unreadable(reading, &entry.digest.to_string(), entry.digest)
            }
            _ => None,
        }
    }
}

/// The request that moves a tag which exists, unless that is immutable.
fn movable(scan: &RepositoryScan, tag: &str, request: Request) -> Result<Request, Obstacle> {
    if scan.is_immutable(tag) { Err(Obstacle::Immutable(tag.to_owned())) } else { Ok(request) }
}

/// The revisions of images, if those that are stated differ.
fn revisions(images: impl IntoIterator<Item = ImageFacts>) -> Option<Problem> {
    let stated = |facts: ImageFacts| Some((shown(&facts.platform.normalized()), facts.revision?));
    let stated: Vec<_> = images.into_iter().filter_map(stated).collect();
    if !revision::differ(&stated.iter().map(|(_, revision)| revision).collect::<Vec<_>>()) {
        return None;
    }
    let mut seen = BTreeSet::new();
    let each = stated.into_iter().map(|(platform, revision)| (platform, excerpt(revision.as_str())));
    let each = each.filter(|of| seen.insert(of.clone()));
    let revisions = each.map(|(platform, revision)| PlatformRevision { platform, revision }).collect();
    Some(Problem::MixedRevisions { revisions })
}

fn older_list(list: &Image, images: &[VersionImage<'_>]) -> Option<Problem> {
    let newer: Vec<_> = images.iter().filter(|image| image.image.pushed_at > list.pushed_at).collect();
    let image_pushed_at = newer.iter().map(|image| image.image.pushed_at).max()?;
    Some(Problem::ListOlderThanImage {
        platform_tags: newer.iter().map(|image| image.tag.to_owned()).collect(),
        list_pushed_at: list.pushed_at,
        image_pushed_at,
    })
}

fn duplicates(entries: &[ListEntry]) -> impl Iterator<Item = Problem> {
    let mut by_platform = BTreeMap::<String, Vec<Digest>>::new();
    for entry in entries {
        if let Some(platform) = &entry.platform {
            by_platform.entry(shown(platform)).or_default().push(entry.digest);
        }
    }
    let several = by_platform.into_iter().filter(|(_, digests)| digests.len() > 1);
    several.map(|(platform, digests)| Problem::DuplicatePlatform { platform, digests })
}

/// The platform of an image, or of an index without an image of this platform, that is another one.
fn other_platform(said: &ConfiguredPlatform, digest: Digest, reading: &Reading) -> Option<Platform> {
    let platforms: Vec<_> = match reading.entries(digest) {
        Some(entries) => entries.iter().map(|entry| entry.platform.clone()).collect::<Option<_>>()?,
        None => vec![reading.facts(digest)?.ok()?.platform],
    };
    let are_others = platforms.iter().all(|platform| is_other(said, platform));
    platforms.into_iter().next().filter(|_| are_others)
}

/// Whether a platform is another one than a tag says. What the tag leaves open is not a contradiction, nor is an
/// `os.version` that goes on where that of the tag ends.
fn is_other(said: &ConfiguredPlatform, stated: &Platform) -> bool {
    !said.matches(stated) && said.platform().contradicts(stated)
}

fn mismatch(said_by: String, said: &Platform, is: &Platform) -> Problem {
    Problem::PlatformMismatch { said_by, said: shown(said), is: shown(is) }
}

fn unreadable(reading: &Reading, image: &str, digest: Digest) -> Option<Problem> {
    match reading.facts(digest)? {
        Err(reason) => Some(Problem::Unreadable { image: image.to_owned(), reason: plain(&reason.to_string()) }),
        Ok(_) => None,
    }
}
