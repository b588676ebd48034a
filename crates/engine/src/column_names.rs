//! Finds column names that occur twice, which a table, a view or a file would lose one of.

use std::collections::HashSet;
use thalweg_common::Result;
use thalweg_values::errors::column_already_exists;

/// Returns the first name that occurs twice, without regard to case.
pub(crate) fn repeated<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Option<String> {
    let mut seen = HashSet::new();
    names.into_iter().map(|name| name.as_ref().to_lowercase()).find(|name| !seen.insert(name.clone()))
}

/// Refuses names that occur twice, without regard to case.
///
/// # Errors
/// `COLUMN_ALREADY_EXISTS`.
pub(crate) fn check_unique<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<()> {
    repeated(names).map_or(Ok(()), |name| Err(column_already_exists(&name)))
}
