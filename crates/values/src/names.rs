//! Compares and quotes names of columns, fields and tables.

/// Returns whether two names are the same in Spark, which ignores case in all alphabets.
///
/// ```
/// use thalweg_values::names::same_name;
///
/// assert!(same_name("größe", "GRÖẞE") && same_name("Id", "ID"));
/// assert!(!same_name("größe", "grosse"));
/// ```
pub fn same_name(a: &str, b: &str) -> bool {
    // Nearly all names are ASCII, for which nothing is allocated; a look-up compares with every column.
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

/// Returns the parts of a name in backquotes, joined by dots, as Spark's messages have them.
///
/// ```
/// use thalweg_values::names::quoted;
///
/// assert_eq!(quoted(&["db", "a`b"]), "`db`.`a``b`");
/// ```
pub fn quoted<N: AsRef<str>>(parts: &[N]) -> String {
    parts.iter().map(|part| format!("`{}`", part.as_ref().replace('`', "``"))).collect::<Vec<_>>().join(".")
}
