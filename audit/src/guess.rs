//! The guess: how the tags of a repository name versions and platforms.

use std::collections::{BTreeSet, HashMap, HashSet};

use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use serde::Serialize;

use crate::spelling::{DividedTag, Layout, SpelledPlatform, names_windows};
use crate::text::counted;

/// What was guessed of a repository, and what speaks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// The tag template; `None`, where no tag names a platform.
    #[serde(rename = "tag_template")]
    pub layout: Option<Layout>,
    /// The platforms, each in every spelling, those with the most tags first.
    pub platforms: Vec<GuessedPlatform>,
    /// The aliases of releases of three numbers, in the order of `ALIASES`.
    pub aliases: Vec<GuessedAlias>,
    /// The streams of other numberings, in the order of `STREAMS`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<GuessedStream>,
    /// How many tags are platform tags by this guess.
    pub platform_tags: usize,
    /// How many tags there are, without those of signatures and other attachments.
    pub tags: usize,
    /// What is ambiguous, in full sentences.
    pub warnings: Vec<String>,
    /// The position in `platforms` of each part of a tag.
    #[serde(skip)]
    positions: HashMap<String, usize>,
}

/// A platform as the tags of a repository spell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuessedPlatform {
    /// The platform.
    pub platform: String,
    /// The part of the tags that names it.
    pub tag_part: String,
    /// How many tags have this part.
    pub tags: usize,
}

impl GuessedPlatform {
    /// Whether its part can be something else.
    pub fn is_weak(&self) -> bool {
        SpelledPlatform::read(&self.tag_part).is_some_and(|spelled| spelled.is_weak)
    }
}

/// A template of which the tags of a repository follow its releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuessedAlias {
    /// The template, as `ALIASES` or `STREAMS` has it.
    pub template: String,
    /// How many tags of it name a release, or should.
    pub tags: usize,
}

/// A stream of a numbering of its own, which the tags of a repository seem to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuessedStream {
    /// The expression of its releases, as `STREAMS` has it.
    pub releases: String,
    /// How many tags it matches.
    pub tags: usize,
    /// The aliases that follow it.
    pub aliases: Vec<GuessedAlias>,
    /// What speaks for it, in words.
    pub evidence: String,
}

/// From which share on another layout is worth a warning: a tenth of the platform tags. Below it, it is an accident.
const WARNING_SHARE: usize = 10;

fn tags_of(count: usize) -> String {
    counted(count, "tag", "tags")
}

impl Guess {
    /// Guesses from the tags of a repository.
    pub fn of(tags: &[&str]) -> Self {
        let is_bare = |tag: &&str| SpelledPlatform::read(tag).is_some_and(|spelled| !spelled.is_weak);
        let (bare, named): (BTreeSet<_>, BTreeSet<_>) = tags.iter().copied().partition(is_bare);
        let votes = Layout::ALL.map(|layout| (layout, named.iter().filter(|tag| layout.is_strong(tag)).count()));
        // Of as many, the first.
        let chosen = votes.iter().rev().filter(|(_, votes)| *votes > 0).max_by_key(|(_, votes)| *votes);
        let mut guess = Self { layout: chosen.map(|(layout, _)| *layout), tags: tags.len(), ..Self::default() };
        if let Some((layout, most)) = chosen {
            guess.count_parts(*layout, tags);
            let others = votes.iter().filter(|(other, votes)| other != layout && votes * WARNING_SHARE >= *most);
            guess.warnings.extend(
                others
                    .map(|(other, votes)| format!("{} can be read as {} as well.", tags_of(*votes), other.template())),
            );
            guess.warn_of_spellings();
        }
        let of_windows: BTreeSet<_> =
            tags.iter().copied().filter(|tag| names_windows(tag) && guess.parse(tag).is_none()).collect();
        if let Some(example) = of_windows.first() {
            guess.warnings.push(format!(
                "{} name Windows, such as {example}: their platforms are not guessed, and the settings can name them, \
                 as in windows(10.0.20348)/amd64=ltsc2022.",
                tags_of(of_windows.len())
            ));
        }
        if let Some(example) = bare.first() {
            guess.warnings.push(format!(
                "{} name a platform and no version, such as {example}: no tag template can serve them.",
                tags_of(bare.len())
            ));
        }
        guess
    }

    fn count_parts(&mut self, layout: Layout, tags: &[&str]) {
        let divided = || tags.iter().filter_map(|tag| layout.divide(tag));
        let strong: BTreeSet<_> =
            divided().filter(|divided| !divided.spelled.is_weak).map(|divided| divided.version).collect();
        let mut parts = HashMap::<&str, (String, usize)>::new();
        for DividedTag { version, part, spelled } in divided() {
            // What can be something else is a platform only beside a tag that is one without doubt.
            if !spelled.is_weak || strong.contains(version) {
                parts.entry(part).or_insert_with(|| (spelled.platform, 0)).1 += 1;
            }
        }
        self.platforms = parts
            .into_iter()
            .map(|(part, (platform, tags))| GuessedPlatform { platform, tag_part: part.to_owned(), tags })
            .collect();
        self.platforms.sort_by(|one, other| {
            (other.tags, &one.platform, &one.tag_part).cmp(&(one.tags, &other.platform, &other.tag_part))
        });
        self.leave_out_families();
        self.platform_tags = self.platforms.iter().map(|platform| platform.tags).sum();
        let parts = self.platforms.iter().map(|platform| platform.tag_part.clone());
        self.positions = parts.enumerate().map(|(position, part)| (part, position)).collect();
    }

    /// The platforms with their names, each once, though tags may spell it in thousands of ways.
    pub fn distinct_platforms(&self) -> impl Iterator<Item = (&str, ConfiguredPlatform)> {
        let mut seen = HashSet::new();
        let names =
            self.platforms.iter().map(|guessed| guessed.platform.as_str()).filter(move |name| seen.insert(*name));
        names.filter_map(|name| Some((name, name.parse().ok()?)))
    }

    /// Leaves out what can be something else and covers a platform that other tags name: the settings accept no two
    /// such platforms.
    fn leave_out_families(&mut self) {
        let parse = |guessed: &GuessedPlatform| guessed.platform.parse::<ConfiguredPlatform>().ok();
        let all: Vec<_> = self.distinct_platforms().map(|(_, platform)| platform).collect();
        let covered = |guessed: &GuessedPlatform| {
            let family = parse(guessed).filter(|_| guessed.is_weak())?;
            all.iter().find(|other| family.overlaps(other) && !family.is_equivalent_to(other))
        };
        let mut warnings = Vec::new();
        self.platforms.retain(|guessed| {
            let covered = covered(guessed);
            warnings.extend(covered.map(|covered| {
                let GuessedPlatform { platform, tag_part, tags } = guessed;
                let tags = tags_of(*tags);
                format!("{tag_part} in {tags} can be {platform}, which covers {covered}: it is not guessed.")
            }));
            covered.is_none()
        });
        self.warnings.extend(warnings);
    }

    fn warn_of_spellings(&mut self) {
        let mut first = HashMap::<&str, &GuessedPlatform>::new();
        let mut warnings = Vec::new();
        for other in &self.platforms {
            if let Some(one) = first.get(other.platform.as_str()) {
                let spelled = |by: &GuessedPlatform| format!("{} ({})", by.tag_part, tags_of(by.tags));
                let (platform, one, other) = (&one.platform, spelled(one), spelled(other));
                warnings.push(format!(
                    "{platform} is spelled {one} and {other}: the settings serve one spelling of a platform."
                ));
            } else {
                first.insert(&other.platform, other);
            }
            if other.is_weak() {
                let GuessedPlatform { platform, tag_part, tags } = other;
                let tags = tags_of(*tags);
                warnings.push(format!("{tag_part} in {tags} is taken for {platform}, and can be something else."));
            }
        }
        self.warnings.extend(warnings);
    }

    /// Warns if the newest tag that names a platform has another layout.
    pub fn warn_of_newest<'a>(&mut self, mut newest_first: impl Iterator<Item = &'a str>) {
        let divided = |tag: &&str| Layout::ALL.into_iter().find(|layout| layout.is_strong(tag));
        let newest = newest_first.find_map(|tag| Some((tag, divided(&tag)?)));
        if let (Some(chosen), Some((tag, other))) = (self.layout, newest)
            && !chosen.is_strong(tag)
        {
            self.warnings.push(format!(
                "The newest platform tag, {tag}, follows {}: the settings do not serve it.",
                other.template()
            ));
        }
    }

    /// The templates of aliases, each with the expression of its releases, in the order of the settings.
    pub fn templates(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let others = self.streams.iter().map(|stream| (Some(stream.releases.as_str()), &stream.aliases));
        let all = [(None, &self.aliases)].into_iter().chain(others);
        all.flat_map(|(releases, aliases)| aliases.iter().map(move |alias| (releases, alias.template.as_str())))
    }

    /// Leaves a template of aliases out, and with its last one the stream.
    pub fn leave_out(&mut self, releases: Option<&str>, template: &str) {
        let of_stream = self.streams.iter_mut().find(|stream| Some(stream.releases.as_str()) == releases);
        let aliases = of_stream.map_or(&mut self.aliases, |stream| &mut stream.aliases);
        aliases.retain(|guessed| guessed.template != template);
        self.streams.retain(|stream| !stream.aliases.is_empty());
    }

    /// The version and the platform of a platform tag. `None`, if the tag is none by this guess.
    pub fn parse<'a>(&self, tag: &'a str) -> Option<(&'a str, &str)> {
        let divided = self.layout?.divide(tag)?;
        let guessed = self.platforms.get(*self.positions.get(divided.part)?)?;
        Some((divided.version, &guessed.platform))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(tags: &str) -> Guess {
        Guess::of(&tags.split(' ').collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(tags: &str, template: &str, platforms: &str) {
        let guess = guess(tags);
        assert_eq!(guess.layout.map(Layout::template).as_deref(), Some(template), "{tags}");
        let text = |GuessedPlatform { platform, tag_part, tags }: &_| format!("{platform}={tag_part}:{tags}");
        assert_eq!(guess.platforms.iter().map(text).collect::<Vec<_>>().join(" "), platforms, "{tags}");
    }

    #[test]
    fn suffix_and_prefix_are_guessed_with_their_separators() {
        check("1.0-amd64 1.0-arm64 1.1-amd64 1.0", "{version}-{platform}", "linux/amd64=amd64:2 linux/arm64=arm64:1");
        check("amd64-1.0 arm64-1.0", "{platform}-{version}", "linux/amd64=amd64:1 linux/arm64=arm64:1");
        check("1.0_x86_64 1.0_aarch64", "{version}_{platform}", "linux/amd64=x86_64:1 linux/arm64=aarch64:1");
        check("1.0.amd64 1.0.arm64v8", "{version}.{platform}", "linux/amd64=amd64:1 linux/arm64=arm64v8:1");
    }

    #[test]
    fn longest_spelling_wins() {
        check(
            "1.0-linux-amd64 1.0-linux-arm64",
            "{version}-{platform}",
            "linux/amd64=linux-amd64:1 linux/arm64=linux-arm64:1",
        );
        check("1.0-rc-1-x86-64", "{version}-{platform}", "linux/amd64=x86-64:1");
        check("arm-v7-1.0 amd64-1.0", "{platform}-{version}", "linux/amd64=amd64:1 linux/arm/v7=arm-v7:1");
    }

    #[test]
    fn tags_without_a_platform_give_no_template() {
        let guess = guess("1.0 1.1 latest pr-386 build-386 v1-arm");
        assert_eq!((guess.layout, guess.platforms.len(), guess.tags), (None, 0, 6));
    }

    #[test]
    fn number_is_a_platform_only_beside_another_one() {
        check("1.0-amd64 1.0-386 pr-386", "{version}-{platform}", "linux/386=386:1 linux/amd64=amd64:1");
        assert!(guess("1.0-amd64 1.0-386").warnings[0].contains("386 in 1 tag is taken for linux/386"));
        check("1.0-amd64 pr-386", "{version}-{platform}", "linux/amd64=amd64:1");
    }

    #[test]
    fn two_layouts_are_a_warning() {
        let guess = guess("1.0-amd64 1.0-arm64 amd64-1.1");
        assert_eq!(guess.layout.map(Layout::template).as_deref(), Some("{version}-{platform}"));
        assert_eq!(guess.warnings, ["1 tag can be read as {platform}-{version} as well."]);
    }

    #[test]
    fn two_spellings_of_a_platform_are_a_warning() {
        let guess = guess("1.0-arm64 1.1-arm64 1.2-aarch64");
        assert_eq!(
            guess.warnings,
            ["linux/arm64 is spelled arm64 (2 tags) and aarch64 (1 tag): the settings serve one spelling of a \
                 platform."]
        );
        assert_eq!(guess.parse("1.2-aarch64"), Some(("1.2", "linux/arm64")));
    }

    #[test]
    fn releases_of_windows_are_platforms() {
        check(
            "1.0-amd64 1.0-windows-amd64",
            "{version}-{platform}",
            "linux/amd64=amd64:1 windows/amd64=windows-amd64:1",
        );
        check(
            "1.0-amd64 1.0-windows-ltsc2019-amd64 1.0-windows-ltsc2022-amd64",
            "{version}-{platform}",
            "linux/amd64=amd64:1 windows(10.0.17763)/amd64=windows-ltsc2019-amd64:1 windows(10.0.20348)/amd64=windows-ltsc2022-amd64:1",
        );
    }

    #[test]
    fn x86_beside_a_system_is_another_platform_than_x64() {
        let tags = "1.0-windows-x64 1.0-windows-x86";
        check(tags, "{version}-{platform}", "windows/386=windows-x86:1 windows/amd64=windows-x64:1");
        assert_eq!(guess(tags).warnings, [""; 0]);
    }

    #[test]
    fn windows_without_an_architecture_is_a_warning() {
        for (part, platform) in [("windows", "windows/amd64"), ("ltsc2022", "windows(10.0.20348)/amd64")] {
            let tags = format!("1.0-amd64 1.0-{part}");
            check(&tags, "{version}-{platform}", &format!("linux/amd64=amd64:1 {platform}={part}:1"));
            let warning = format!("{part} in 1 tag is taken for {platform}, and can be something else.");
            assert_eq!(guess(&tags).warnings, [warning]);
            let alone = guess(&format!("1.0-amd64 1.1-{part}"));
            assert_eq!((alone.platform_tags, alone.warnings.len()), (1, 1), "{:?}", alone.warnings);
        }
    }

    #[test]
    fn family_beside_its_members_is_no_platform() {
        for (family, platform, member, covered) in [
            ("windows", "windows/amd64", "windows-ltsc2022-amd64", "windows(10.0.20348)/amd64"),
            ("arm", "linux/arm", "armv7", "linux/arm/v7"),
        ] {
            let tags = format!("1.0-amd64 1.0-{family} 1.0-{member}");
            let guess = guess(&tags);
            check(&tags, "{version}-{platform}", &format!("linux/amd64=amd64:1 {covered}={member}:1"));
            let warning = format!("{family} in 1 tag can be {platform}, which covers {covered}: it is not guessed.");
            assert!(guess.warnings.contains(&warning), "{:?}", guess.warnings);
        }
    }

    #[test]
    fn other_names_of_windows_are_not_guessed() {
        let tags = "1.0-amd64 1.0-arm64 1.0-windowsservercore-ltsc2022-amd64 1.0-nanoserver-amd64 1.0-windows-2019";
        let guess = guess(tags);
        assert_eq!((guess.platform_tags, guess.tags), (2, 5));
        assert_eq!(
            guess.warnings,
            ["3 tags name Windows, such as 1.0-nanoserver-amd64: their platforms are not guessed, and the settings \
                 can name them, as in windows(10.0.20348)/amd64=ltsc2022."]
        );
    }

    #[test]
    fn bare_platforms_are_named() {
        let guess = guess("amd64 arm64");
        assert_eq!(guess.layout, None);
        assert!(guess.warnings[0].starts_with("2 tags name a platform and no version, such as amd64"));
    }

    #[test]
    fn tag_of_another_part_is_not_parsed() {
        let guess = guess("1.0-amd64 1.0-arm64");
        assert_eq!(guess.parse("1.0-amd64"), Some(("1.0", "linux/amd64")));
        for tag in ["1.0", "1.0-s390x", "amd64", "-amd64"] {
            assert_eq!(guess.parse(tag), None, "{tag}");
        }
    }
}
