//! Options of readers and writers: case-insensitive, each used or refused by name.

use std::collections::BTreeSet;
use std::sync::Mutex;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};

/// The options of one read or write. Every key has to be asked for before [`OptionMap::finish`],
/// which refuses those that nobody knew. Options that a table keeps may be about reading or about writing it.
#[derive(Debug, Default)]
pub struct OptionMap {
    entries: Vec<(String, String)>,
    known: Mutex<BTreeSet<String>>,
    /// Lower-case keys that a table keeps.
    kept: BTreeSet<String>,
}

impl Clone for OptionMap {
    fn clone(&self) -> Self {
        Self { kept: self.kept.clone(), ..Self::new(self.entries.clone()) }
    }
}

impl OptionMap {
    /// Keeps the last value of each key.
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    /// The options that a table keeps, before those of one read or write of it.
    pub fn of_table<'a>(
        kept: impl IntoIterator<Item = &'a (String, String)>,
        more: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let entries: Vec<_> = kept.into_iter().cloned().collect();
        let kept = entries.iter().map(|(key, _)| key.to_lowercase()).collect();
        Self { kept, ..Self::new(entries.into_iter().chain(more)) }
    }

    /// Whether there are options that a table keeps.
    pub(crate) fn are_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Takes as known what the other direction, which got a clone of these options, knows of the kept ones.
    pub(crate) fn excuse(&self, other: &Self) {
        if let (Ok(mut known), Ok(theirs)) = (self.known.lock(), other.known.lock()) {
            known.extend(theirs.intersection(&self.kept).cloned());
        }
    }

    /// The value of `key`, whatever its case; marks the key as known.
    pub fn get(&self, key: &str) -> Option<&str> {
        if let Ok(mut known) = self.known.lock() {
            known.insert(key.to_lowercase());
        }
        self.entries.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.as_str())
    }

    /// `true`/`false` in any case, or `default`; anything else is refused by name.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key).map(str::to_lowercase).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(self.bad(key, "true or false")),
        }
    }

    /// Why the value of `key` can't be used.
    pub fn bad(&self, key: &str, wanted: &str) -> Error {
        let value = self.get(key).unwrap_or_default().to_owned();
        Error::new(
            ErrorKind::IllegalArgument,
            "INVALID_OPTION_VALUE",
            "22023",
            format!("The option `{key}` cannot be '{value}': expected {wanted}."),
        )
        .param("option", key)
        .param("value", value)
    }

    /// Refuses the first key that nobody asked for, with the nearest known ones.
    pub fn finish(&self, reader: &str) -> Result<()> {
        let Ok(known) = self.known.lock() else { return Err(Error::internal("options are poisoned")) };
        match self.entries.iter().find(|(k, _)| !known.contains(&k.to_lowercase())) {
            None => Ok(()),
            Some((key, _)) => Err(refused(reader, key, known.iter().map(String::as_str))),
        }
    }
}

fn refused<'a>(reader: &str, key: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let near = nearest(key, known);
    let error = Error::new(
        ErrorKind::Analysis,
        "UNSUPPORTED_OPTION",
        "0A000",
        format!("The option `{key}` is not supported by {reader}."),
    )
    .param("option", key)
    .param("reader", reader);
    if near.is_empty() { error } else { error.hint(format!("Did you mean {}?", near.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_s_option_may_be_of_the_other_direction() {
        let pair = |key: &str| (key.to_owned(), "x".to_owned());
        let reading = OptionMap::of_table(&[pair("Codec"), pair("sep")], [pair("quote")]);
        let writing = reading.clone();
        writing.get("codec");
        writing.get("quote");
        reading.get("sep");
        reading.excuse(&writing);
        let e = reading.finish("csv").map_err(|e| e.to_string());
        assert!(e.is_err_and(|e| e.contains("`quote`")));
        assert!(OptionMap::new([pair("codec")]).finish("csv").is_err());
    }

    #[test]
    fn an_unknown_option_is_refused_with_the_nearest_name() {
        let o = OptionMap::new([("Heder".to_owned(), "true".to_owned())]);
        assert_eq!(o.flag("header", false), Ok(false));
        let e =
            o.finish("csv").map(|()| String::new()).unwrap_or_else(|e| format!("{e} {:?}", e.hint_text()));
        assert!(e.contains("`Heder`") && e.contains("Did you mean header?"), "{e}");
    }
}
