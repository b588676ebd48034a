//! Holds the options of one read or write: names are case-insensitive, and each option is used or refused by name.
//!
//! A connector's descriptor lists its options and refuses all others
//! ([`ConnectorDescriptor::check`](crate::descriptor::ConnectorDescriptor::check)).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thalweg_common::lock::lock;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};

/// The options of one read or write. Options that a table keeps may be about reading or about writing it.
///
/// ```
/// use thalweg_connectors::OptionMap;
///
/// let kept = [("header".to_owned(), "true".to_owned())];
/// let options = OptionMap::of_table(&kept, [("maxColumns".to_owned(), "x".to_owned())]);
/// assert_eq!(options.flag("HEADER", false), Ok(true));
/// assert_eq!(options.flag("multiLine", false), Ok(false));
/// let error = options.count("maxColumns").unwrap_err();
/// assert_eq!(error.message(), "The option `maxColumns` cannot be 'x': expected a number.");
/// ```
#[derive(Debug, Default, Clone)]
pub struct OptionMap {
    entries: Vec<(String, String)>,
    /// Lower-case keys that a table keeps.
    kept: BTreeSet<String>,
    /// Lower-case keys that were asked for, also through clones.
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl OptionMap {
    /// Creates the options of one read or write. The last value of a key counts.
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    /// Creates the options of one read or write of a table: those that the table keeps, and `more`, which come first.
    pub fn of_table<'a>(
        kept: impl IntoIterator<Item = &'a (String, String)>,
        more: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let entries: Vec<_> = kept.into_iter().cloned().collect();
        let kept = entries.iter().map(|(key, _)| key.to_lowercase()).collect();
        Self { kept, ..Self::new(entries.into_iter().chain(more)) }
    }

    /// Returns whether there are options that a table keeps.
    pub fn are_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The names that were given, as they were spelled.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// Whether a table keeps that option.
    pub(crate) fn is_kept(&self, key: &str) -> bool {
        self.kept.contains(&key.to_lowercase())
    }

    /// Returns the lower-case names that were asked for, also through clones. A test compares them with a descriptor,
    /// since an option that is described and never asked for would be ignored.
    pub fn asked(&self) -> BTreeSet<String> {
        lock(&self.asked).clone()
    }

    /// Returns the value of `key`, in any case.
    pub fn get(&self, key: &str) -> Option<&str> {
        lock(&self.asked).insert(key.to_lowercase());
        // The last one given counts, as in Spark: the options of a read follow those of its table.
        self.entries.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.as_str())
    }

    /// Returns whether an option is `true` or `false`, in any case, or `default` if it is absent.
    ///
    /// # Errors
    /// `INVALID_OPTION_VALUE` for any other value.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key).map(str::to_lowercase).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(self.bad(key, "true or false")),
        }
    }

    /// Returns the whole number from 0 that an option is, if it is given.
    ///
    /// # Errors
    /// `INVALID_OPTION_VALUE` for any other value.
    pub fn count(&self, key: &str) -> Result<Option<u64>> {
        let Some(text) = self.get(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.bad(key, "a number"))
    }

    /// Returns the length of time that an option is, if it is given: a whole number and one of Spark's units
    /// (`us`, `ms`, `s`, `m`, `min`, `h`, `d`), without a unit milliseconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use thalweg_connectors::OptionMap;
    ///
    /// let options = OptionMap::new([("maxFileAge".to_owned(), "7d".to_owned())]);
    /// assert_eq!(options.duration("maxFileAge"), Ok(Some(Duration::from_secs(7 * 24 * 3600))));
    /// ```
    ///
    /// # Errors
    /// `INVALID_OPTION_VALUE` for any other value.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>> {
        let Some(text) = self.get(key) else { return Ok(None) };
        duration(text.trim()).map(Some).ok_or_else(|| self.bad(key, "a duration such as 500ms, 30s or 7d"))
    }

    /// Returns the error for a value of `key` that cannot be used: class `INVALID_OPTION_VALUE`.
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
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_us: u64 = match unit.to_ascii_lowercase().as_str() {
        "us" => 1,
        "" | "ms" => 1000,
        "s" => 1_000_000,
        "m" | "min" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    Some(Duration::from_micros(number.parse::<u64>().ok()?.checked_mul(unit_us)?))
}

/// Returns the error for an option that the reader or writer does not have, with a hint that names the nearest.
pub(crate) fn refused<'a>(reader: &str, key: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::descriptor::{
        BatchRead, BatchWrite, ConnectorDescriptor, Operation, OptionSpec, OptionType, TableCapabilities,
    };

    const SEP: OptionSpec = OptionSpec::new("sep", OptionType::Text, "");
    const LINES: OptionSpec = OptionSpec::new("multiLine", OptionType::Flag, "");
    const PRUNE: OptionSpec = OptionSpec::only("columnPruning", "false", "");
    const CODEC: OptionSpec = OptionSpec::new("compression", OptionType::Text, "").aliases(&["codec"]);
    const AGE: OptionSpec = OptionSpec::new("maxFileAge", OptionType::NotBuilt, "");
    static CSV: ConnectorDescriptor = ConnectorDescriptor {
        batch_read: Some(BatchRead { options: &[&[SEP, PRUNE, LINES]] }),
        batch_write: Some(BatchWrite {
            options: &[&[SEP], &[CODEC, AGE]],
            atomic: false,
            overwrites_partitions: false,
        }),
        ..ConnectorDescriptor::new("csv", "")
    };

    fn check(operation: Operation, kept: &[(&str, &str)], given: &[(&str, &str)], wanted: &str) {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
        };
        let options = OptionMap::of_table(&pairs(kept), pairs(given));
        let told = match CSV.check(operation, &options) {
            Ok(()) => String::new(),
            Err(e) => format!("{} {}", e.message(), e.hint_text().unwrap_or_default()),
        };
        assert_eq!(told.trim(), wanted, "{operation} {kept:?} {given:?}");
    }

    #[test]
    fn an_option_that_is_not_described_is_refused_with_the_nearest_name() {
        use Operation::{BatchRead, BatchWrite, StreamRead};
        check(BatchRead, &[], &[("SEP", ";")], "");
        check(BatchRead, &[], &[("seb", ";")], "The option `seb` is not supported by csv. Did you mean sep?");
        // It is an option of the writer, which means nothing to the reader; a table of the format may keep it.
        check(BatchRead, &[], &[("codec", "x")], "");
        check(BatchRead, &[], &[("maxFileAge", "7d")], "");
        check(BatchWrite, &[], &[("columnPruning", "true")], "");
        let wanted = "The option `multiLine` cannot be 'x': expected true or false.";
        check(BatchWrite, &[], &[("multiLine", "x")], wanted);
        check(BatchWrite, &[], &[("Codec", "x")], "");
        check(BatchWrite, &[], &[("maxFileAge", "7d")], "The option `maxFileAge` is not supported by csv.");
        check(StreamRead, &[], &[], "Data source csv does not support streaming reading.");
    }

    #[test]
    fn a_duration_has_one_of_spark_s_units() {
        let cases = [
            ("5", Some(5_000)),
            ("5us", Some(5)),
            ("5ms", Some(5_000)),
            (" 5S ", Some(5_000_000)),
            ("5m", Some(300_000_000)),
            ("5min", Some(300_000_000)),
            ("5h", Some(18_000_000_000)),
            ("5d", Some(432_000_000_000)),
            ("", None),
            ("d", None),
            ("-5s", None),
            ("5 s", None),
            ("1.5s", None),
            ("99999999999999d", None),
        ];
        for (text, wanted) in cases {
            let options = OptionMap::new([("age".to_owned(), text.to_owned())]);
            let found = options.duration("age").ok().flatten().map(|d| d.as_micros());
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn an_option_of_one_value_is_refused_with_another() {
        let wanted = "The option `columnPruning` cannot be 'true': expected false.";
        check(Operation::BatchRead, &[], &[("columnpruning", "FALSE")], "");
        check(Operation::BatchRead, &[], &[("columnpruning", "true")], wanted);
    }

    #[test]
    fn a_table_keeps_the_options_of_all_operations_unless_it_keeps_its_columns() {
        let told = |descriptor: &ConnectorDescriptor, key: &str, value: &str| {
            let options = OptionMap::new([(key.to_owned(), value.to_owned())]);
            descriptor.check_table(&options).err().map(|e| e.message().to_owned()).unwrap_or_default()
        };
        let cases = [
            ("sep", "x", ""),
            ("CODEC", "gzip", ""),
            ("columnPruning", "false", ""),
            ("columnPruning", "true", "The option `columnPruning` cannot be 'true': expected false."),
            ("maxFileAge", "7d", "The option `maxFileAge` is not supported by csv."),
            ("bogus", "x", "The option `bogus` is not supported by csv."),
        ];
        for (key, value, wanted) in cases {
            assert_eq!(told(&CSV, key, value), wanted, "{key}");
        }
        let keeping =
            ConnectorDescriptor { tables: TableCapabilities { keeps_columns: true, ..CSV.tables }, ..CSV };
        assert_eq!(
            told(&keeping, "sep", "x"),
            "The option `sep` is not supported by a table of the format csv."
        );
        assert_eq!(told(&keeping, "bogus", "x"), "The option `bogus` is not supported by csv.");
    }

    #[test]
    fn an_option_that_a_table_keeps_may_be_of_another_operation() {
        let kept = [("Codec", "x"), ("maxFileAge", "7d"), ("sep", ";")];
        check(Operation::BatchRead, &kept, &[], "");
        let wanted = "The option `maxFileAge` is not supported by csv.";
        check(Operation::BatchWrite, &kept, &[], wanted);
        check(Operation::BatchRead, &[("sep", ";")], &[("codec", "x")], "");
    }
}
