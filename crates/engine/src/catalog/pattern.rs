//! Matches names with Spark's patterns, as in `SHOW TABLES LIKE` and `listTables(pattern=…)`.

/// Returns whether `name` matches: `*` matches any text, `|` separates alternatives, case is ignored.
///
/// ```
/// use thalweg_engine::catalog::matches_pattern;
///
/// assert!(matches_pattern("Flights", "fl*|trains"));
/// assert!(!matches_pattern("flights", "fl"));
/// ```
pub fn matches_pattern(name: &str, pattern: &str) -> bool {
    let name = name.to_lowercase();
    pattern.to_lowercase().split('|').any(|alternative| glob(&name, alternative.trim()))
}

/// Returns whether `name` matches, or there is no pattern.
pub(super) fn matches(name: &str, pattern: Option<&str>) -> bool {
    pattern.is_none_or(|pattern| matches_pattern(name, pattern))
}

fn glob(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            // Every rest of the text may be what follows the star, the empty one too.
            let starts = rest.char_indices().map(|(i, _)| i).chain([rest.len()]);
            starts.filter_map(|i| rest.get(i..)).any(|rest| glob(rest, tail))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn patterns_know_stars_and_alternatives() {
        for (name, pattern, expected) in [
            ("Flights", "fl*", true),
            ("flights", "a*|*ts", true),
            ("flights", "flight", false),
            ("a", "*", true),
            ("spark_catalog", "x|SPARK_catalog", true),
            ("spark_catalog", "spark", false),
        ] {
            assert_eq!(matches_pattern(name, pattern), expected, "{name} {pattern}");
        }
    }
}
