//! Which tags may be moved.

/// Which tags of a repository may not be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagMutability {
    /// Whether tags are immutable that no filter excludes.
    pub are_immutable: bool,
    /// The filters of the tags for which the opposite holds. In each, `*` stands for any characters.
    pub exclusions: Vec<String>,
}

impl TagMutability {
    /// Whether a tag that exists may not be moved.
    pub fn is_immutable(&self, tag: &str) -> bool {
        self.are_immutable != self.exclusions.iter().any(|filter| matches(filter, tag))
    }
}

/// Whether a filter, in which `*` stands for any characters, matches a whole tag.
fn matches(filter: &str, tag: &str) -> bool {
    let Some((start, rest)) = filter.split_once('*') else { return filter == tag };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let between = tag.strip_prefix(start).and_then(|tag| tag.strip_suffix(end));
    // The first match of each piece leaves the most for the pieces after it.
    let after = |rest: &'_ str, piece: &str| rest.find(piece).map(|at| at + piece.len());
    let left = |left: Option<usize>, piece: &str| {
        let (from, between) = (left?, between?);
        Some(from + after(&between[from..], piece)?)
    };
    between.is_some() && middle.split('*').fold(Some(0), left).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_matches_the_whole_tag() {
        for (filter, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("*-dev", "1.2-dev", true),
            ("*-dev", "-dev-", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "abb", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(filter, tag), expected, "{filter} {tag}");
        }
    }
}
