//! Finds the names nearest to one that does not exist, for "Did you mean" hints.

/// The most names of one hint.
pub const SUGGESTIONS_MAX: usize = 5;

/// Returns up to [`SUGGESTIONS_MAX`] of `candidates` near to `name`, nearest first.
///
/// Distance is Damerau-Levenshtein over lower-case text; a candidate counts as near up to a third
/// of the longer name's length, and at least 2.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&wanted, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= (wanted.len().max(c.len()) / 3).max(2))
        .collect();
    // Names of the same distance are in alphabetical order, so that a hint is always the same.
    found.sort();
    found.dedup();
    found.into_iter().take(SUGGESTIONS_MAX).map(|(_, c)| c.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_nearest_first_and_far_ones_not_at_all() {
        assert_eq!(nearest("carier", ["carrier", "career", "origin"]), ["career", "carrier"]);
        assert!(nearest("xyz", ["carrier", "origin"]).is_empty());
    }
}
