//! Names and globs of repositories that match none, which is a mistake of whoever wrote them.

use ecr_multiarch_core::RepositoryGlob;

/// What is said of the patterns that match nothing, if there are any. `repository` names what they were to match.
///
/// # Errors
/// The same, if none of the patterns matches anything.
pub fn warning(
    repository: &str,
    unmatched: &[RepositoryGlob],
    patterns: &[RepositoryGlob],
) -> Result<Option<String>, String> {
    if unmatched.is_empty() {
        return Ok(None);
    }
    let quoted: Vec<_> = unmatched.iter().map(|pattern| format!("'{pattern}'")).collect();
    let text = format!("no {repository} matches {}", quoted.join(" or "));
    if unmatched.len() == patterns.len() { Err(text) } else { Ok(Some(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_without_a_match_are_named() {
        let patterns = ["team-a/*", "team-x/*", "nosuch"].map(|pattern| pattern.parse::<RepositoryGlob>().unwrap());
        let warned = |from: usize| warning("repository", &patterns[from..], &patterns);
        assert_eq!(warned(3), Ok(None));
        assert_eq!(warned(2), Ok(Some("no repository matches 'nosuch'".to_owned())));
        assert_eq!(warned(1), Ok(Some("no repository matches 'team-x/*' or 'nosuch'".to_owned())));
        assert_eq!(warned(0), Err("no repository matches 'team-a/*' or 'team-x/*' or 'nosuch'".to_owned()));
    }
}
