//! The guess of streams: numberings of which an existing tag names, or named, the highest release.
//!
//! Each guess is put to the function's core: what it takes for releases and for aliases, and how it orders them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::SystemTime;

use ecr_multiarch_core::Release;

use crate::alias::Follows;
use crate::aliases::{Aliases, TEMPLATES};
use crate::guess::{Guess, GuessedAlias, GuessedStream};
use crate::scan::RepositoryScan;
use crate::scanned_tags::{ScannedTag, ScannedTags};
use crate::series::{MIN_TAGS, Series};
use crate::settings::SuggestedSettings;
use crate::suggested_streams::SuggestedStreams;
use crate::text::counted;

/// How many series with a possible alias are judged: every one takes all tags of the repository once or twice.
const MAX_JUDGED: usize = 8;

/// Guesses the aliases of a repository and its streams.
pub fn guess<'a>(scan: &'a RepositoryScan, guess: &mut Guess) -> Aliases<'a> {
    let tags = ScannedTags::of(scan, guess);
    let three_numbers: SuggestedStreams = TEMPLATES.map(|template| (None, template)).into_iter().collect();
    let series = Series::all_of(&tags);
    let start = |streams| {
        let aliases = Aliases::of(scan, &tags, streams).unwrap_or_default();
        Search { scan, tags: &tags, aliases, streams: Vec::new() }
    };
    let builds = three_numbers_are_aliases(&tags, &series).then(|| start(SuggestedStreams::default()).among(&series));
    let builds = builds.filter(|found| {
        let mut releases = tags.all.iter().filter(|scanned| Release::from_tag(&scanned.tag).is_some());
        releases.all(|scanned| found.aliases.is_following(scanned.text))
    });
    let found = builds.unwrap_or_else(|| start(three_numbers).among(&series));
    guess.aliases = found.aliases.guessed(None);
    guess.streams = found.streams;
    found.aliases
}

/// Whether tags of three numbers can be aliases of four: there are at least twice as many of these. Otherwise each
/// release may just have another tag with the number of its build.
fn three_numbers_are_aliases(tags: &ScannedTags<'_>, series: &[Series<'_, '_>]) -> bool {
    let three = tags.all.iter().filter(|scanned| Release::from_tag(&scanned.tag).is_some()).count();
    let four = series.iter().filter(|series| series.numbering.names().count() == 4);
    three > 0 && four.map(|series| series.tags(|_| true).len()).sum::<usize>() >= 2 * three
}

/// The search for streams, with what was found so far.
struct Search<'s, 'a> {
    scan: &'a RepositoryScan,
    tags: &'s ScannedTags<'a>,
    aliases: Aliases<'a>,
    streams: Vec<GuessedStream>,
}

impl<'a> Search<'_, 'a> {
    fn among(mut self, all: &[Series<'_, 'a>]) -> Self {
        let mut judged = 0;
        for series in all {
            let templates = series.templates(self.tags, |scanned| self.is_free(scanned));
            if templates.is_empty() {
                continue;
            }
            judged += 1;
            if judged > MAX_JUDGED {
                break;
            }
            if let Some((aliases, stream)) = self.judge(series, &templates) {
                self.aliases = aliases;
                self.streams.push(stream);
            }
        }
        self
    }

    /// Whether a tag may be the alias of another stream: it follows none yet. A name without numbers that does not
    /// follow its stream may follow another.
    fn is_free(&self, scanned: &ScannedTag<'_>) -> bool {
        let is_name = self.aliases.streams().templates().any(|(_, template)| template == scanned.text);
        if is_name { !self.aliases.is_following(scanned.text) } else { !self.aliases.is_alias_or_marker(scanned.text) }
    }

    /// Judges a series with these templates of aliases.
    fn judge(&self, series: &Series<'_, 'a>, templates: &[String]) -> Option<(Aliases<'a>, GuessedStream)> {
        let releases = series.numbering.expression();
        let names: Vec<_> = series.numbering.names().collect();
        let tags = series.tags(|tag| !self.aliases.is_alias_or_marker(tag));
        let order = Order::of(self.scan, &releases, &tags, &names)?;
        let with = |templates: &[String]| {
            // A name that is free leaves the stream that does without it.
            let is_other =
                |(_, known): &(_, &str)| !templates.iter().any(|template| is_literal(known) && template == known);
            let mut streams: SuggestedStreams = self.aliases.used_templates().filter(is_other).collect();
            for template in templates {
                streams.add(Some(&releases), template);
            }
            let aliases = Aliases::of(self.scan, self.tags, streams).ok()?;
            let guessed = aliases.guessed(Some(&releases));
            Some((aliases, guessed))
        };
        let (mut aliases, mut guessed) = with(templates)?;
        if guessed.is_empty() {
            return None;
        }
        if guessed.len() < templates.len() {
            let following: Vec<_> = guessed.into_iter().map(|guessed| guessed.template).collect();
            (aliases, guessed) = with(&following)?;
        }
        let evidence = order.evidence(&aliases, &releases, &guessed, &names)?;
        Some((aliases, GuessedStream { tags: order.releases, aliases: guessed, releases, evidence }))
    }
}

/// Whether a template is a name, which one stream can have.
fn is_literal(template: &str) -> bool {
    !template.contains('{')
}

/// How the pushes of releases agree with the order that the core gives them.
struct Order {
    releases: usize,
    highest: Release,
    /// How many of the first numbers lines have in common within which the order is that of the pushes.
    level: usize,
    agreeing: usize,
    pairs: usize,
}

impl Order {
    /// The order of releases. `None`, if pushes do not follow it, whether over all or within the lines of their first
    /// numbers, as where several lines are maintained.
    fn of(scan: &RepositoryScan, releases: &str, tags: &[&ScannedTag<'_>], names: &[&str]) -> Option<Self> {
        // A stream without a template would not be one.
        let streams = [(Some(releases), "latest")].into_iter().collect();
        let settings = SuggestedSettings::of_streams(streams).parse(&scan.name).ok()?;
        let release =
            |scanned: &&ScannedTag<'_>| Some((scanned.image.pushed_at, settings.streams.release(&scanned.tag)?));
        let mut pushes: Vec<_> = tags.iter().filter_map(release).collect();
        pushes.sort_unstable();
        let (_, highest) = pushes.iter().max_by_key(|(_, release)| release).filter(|_| pushes.len() >= MIN_TAGS)?;
        (0..names.len()).find_map(|level| {
            let (agreeing, pairs) = agreement(&pushes, level);
            // By chance it is a half.
            let is_order = pairs + 1 >= MIN_TAGS && 4 * agreeing >= 3 * pairs;
            is_order.then(|| Self { releases: pushes.len(), highest: highest.clone(), level, agreeing, pairs })
        })
    }

    /// What speaks for a stream, in words.
    fn evidence(
        &self,
        aliases: &Aliases<'_>,
        releases: &str,
        guessed: &[GuessedAlias],
        names: &[&str],
    ) -> Option<String> {
        let (tag, alias) = aliases.example(releases, guessed)?;
        let Self { highest, level, agreeing, pairs, .. } = self;
        let mostly = if agreeing < pairs { "mostly " } else { "" };
        let within = match &names[..*level] {
            [] => String::new(),
            names => format!(" within each {{{}}}", names.join("}.{")),
        };
        let of_line = if alias.highest.0.tag() == highest.tag() { "" } else { " of its line" };
        let what = match &alias.named {
            Some(lower) if alias.follows() != Follows::Highest => format!("{lower}, a lower one"),
            _ => format!("the highest{of_line}"),
        };
        Some(format!(
            "{} such as {highest}, {mostly}pushed in the order of their numbers{within}, and {tag} names {what}",
            counted(self.releases, "tag", "tags")
        ))
    }
}

/// Of the pairs of releases that were pushed one after the other in a line, how many ascend, and how many there are.
/// What was pushed at the same time, as by a copy, says nothing.
fn agreement(pushes: &[(SystemTime, Release)], level: usize) -> (usize, usize) {
    let (mut agreeing, mut pairs) = (0, 0);
    let mut last = HashMap::<Vec<_>, &(SystemTime, Release)>::new();
    for push in pushes {
        let line: Vec<_> = (0..level).map(|position| push.1.number(position)).collect();
        if let Some(before) = last.insert(line, push).filter(|before| before.0 < push.0) {
            pairs += 1;
            agreeing += usize::from(before.1.cmp(&push.1) == Ordering::Less);
        }
    }
    (agreeing, pairs)
}
