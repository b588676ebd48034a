//! Lists the words that cannot be a name at a position where names are allowed.
//!
//! Spark reserves almost nothing: a keyword is a name wherever the grammar leaves no other reading.
//! A descent without backtracking needs the words that end a phrase; these lists contain them, sorted.

/// Words that begin the next clause, so that they are not an alias without `AS`.
const NO_ALIAS: [&str; 54] = [
    "AND",
    "ANTI",
    "AS",
    "BETWEEN",
    "CLUSTER",
    "CROSS",
    "DISTRIBUTE",
    "DIV",
    "ELSE",
    "ESCAPE",
    "EXCEPT",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MINUS",
    "NATURAL",
    "NEAREST",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PIVOT",
    "QUALIFY",
    "REGEXP",
    "RIGHT",
    "RLIKE",
    "SELECT",
    "SEMI",
    "SETMINUS",
    "SORT",
    "TABLESAMPLE",
    "THEN",
    "UNION",
    "UNPIVOT",
    "USING",
    "VALUES",
    "WATERMARK",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Words that cannot be the name of a column at the beginning of an expression.
const NO_COLUMN: [&str; 19] = [
    "AND",
    "AS",
    "BETWEEN",
    "ELSE",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INTERSECT",
    "IS",
    "JOIN",
    "NOT",
    "OR",
    "ORDER",
    "SELECT",
    "THEN",
    "UNION",
    "WHEN",
    "WHERE",
];

/// Keywords that a misspelled word is compared with.
const KEYWORDS: [&str; 26] = [
    "BETWEEN",
    "CREATE",
    "DESCRIBE",
    "DISTINCT",
    "EXPLAIN",
    "FROM",
    "GROUP",
    "HAVING",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "JOIN",
    "LIMIT",
    "OFFSET",
    "ORDER",
    "OVERWRITE",
    "PARTITION",
    "QUALIFY",
    "SELECT",
    "STREAM",
    "STREAMING",
    "TABLE",
    "UNION",
    "VALUES",
    "WATERMARK",
    "WHERE",
];

/// The shortest word that is compared: shorter ones are similar to every keyword.
const COMPARED_CHARS_MIN: usize = 4;

/// Returns the keyword that `word` is similar but not equal to.
pub(crate) fn nearest_keyword(word: &str) -> Option<String> {
    let upper = word.to_ascii_uppercase();
    if upper.len() < COMPARED_CHARS_MIN || KEYWORDS.contains(&upper.as_str()) {
        return None;
    }
    let near = thalweg_common::suggest::nearest(&upper, KEYWORDS).into_iter().next()?;
    // A word that is longer or shorter by more is rather a name that is similar by chance.
    (near.len().abs_diff(upper.len()) <= 1).then_some(near)
}

/// Returns whether an unquoted `word` may be an alias without `AS`.
pub(crate) fn may_be_alias(word: &str) -> bool {
    !holds(&NO_ALIAS, word)
}

/// Returns whether an unquoted `word` may be a column at the beginning of an expression.
pub(crate) fn may_be_column(word: &str) -> bool {
    !holds(&NO_COLUMN, word)
}

fn holds(list: &[&str], word: &str) -> bool {
    list.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_so_that_a_search_finds_every_word() {
        assert!(NO_ALIAS.is_sorted() && NO_COLUMN.is_sorted());
        assert!(!may_be_alias("where") && may_be_alias("total"));
        assert!(!may_be_column("From") && may_be_column("date"));
    }

    #[test]
    fn a_misspelled_keyword_is_recognised() {
        for (word, expect) in
            [("FORM", Some("FROM")), ("selct", Some("SELECT")), ("from", None), ("total", None), ("b", None)]
        {
            assert_eq!(nearest_keyword(word).as_deref(), expect, "{word}");
        }
    }
}
