//! Defines the table of settings and the effect of each.
//!
//! There is one entry per key; the entries are in one file per [`Effect`]. A name that ends in `.*` is the entry of all
//! keys below it that do not have their own. The reference page `docs/settings.md` is generated from these entries.

use super::kind::SettingKind;
use super::{client, fixed, hints, server, works};
use thalweg_common::suggest::nearest;

/// The effect of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It has the effect that its help describes.
    Works,
    /// The client reads it back and acts on it.
    Client,
    /// It affects Spark's performance only and has no effect here: it is accepted with a warning.
    Hint,
    /// It could change a result, and only Spark's default is supported: other values are refused.
    Fixed,
    /// It is a setting of the server's start: Spark has it as a static setting.
    Server,
    /// It is a setting of a Spark cluster, which does not exist here.
    Cluster,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct SettingEntry {
    pub key: &'static str,
    pub kind: SettingKind,
    /// Spark's default; none is no value until one is set.
    pub default: Option<&'static str>,
    pub effect: Effect,
    /// Its effect, or why it has none.
    pub help: &'static str,
}

/// Creates an entry. The files of the table call it in a function for their effect.
pub(super) const fn entry(
    effect: Effect,
    key: &'static str,
    kind: SettingKind,
    default: Option<&'static str>,
    help: &'static str,
) -> SettingEntry {
    SettingEntry { key, kind, default, effect, help }
}

/// The result of looking up a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum SettingLookup {
    Setting(&'static SettingEntry),
    /// Not a name of Spark or Thalweg: the user's own variable.
    Own,
    Unknown,
}

/// The files of the table, in the order of the reference page.
pub(super) const TABLES: &[&[SettingEntry]] =
    &[works::SETTINGS, client::SETTINGS, fixed::SETTINGS, hints::SETTINGS, server::SETTINGS];

/// Returns all entries.
pub(super) fn all() -> impl Iterator<Item = &'static SettingEntry> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// Looks a key up: its own entry, else that of the longest prefix that has one.
pub(super) fn find(key: &str) -> SettingLookup {
    if let Some(setting) = all().find(|s| s.key == key) {
        return SettingLookup::Setting(setting);
    }
    let family =
        |s: &&'static SettingEntry| s.key.strip_suffix('*').is_some_and(|prefix| key.starts_with(prefix));
    // The longest prefix is the most specific one: a family may have exceptions within it.
    match all().filter(family).max_by_key(|s| s.key.len()) {
        Some(setting) => SettingLookup::Setting(setting),
        None if key.starts_with("spark.") || key.starts_with("thalweg.") => SettingLookup::Unknown,
        None => SettingLookup::Own,
    }
}

/// Returns the keys nearest to one that is unknown.
pub(super) fn suggestions(key: &str) -> Vec<String> {
    let mut near = nearest(key, all().map(|s| s.key).filter(|k| !k.ends_with('*')));
    near.truncate(2);
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_key_has_one_entry_and_every_default_fits() {
        let mut keys = BTreeSet::new();
        for setting in all() {
            assert!(keys.insert(setting.key), "{} twice", setting.key);
            assert!(!setting.help.is_empty(), "{} says nothing", setting.key);
            if let Some(default) = setting.default {
                assert_eq!(setting.kind.check(setting.key, default), Ok(()));
            }
        }
    }

    #[test]
    fn a_key_is_its_own_entry_before_a_family_and_else_unknown_or_the_users() {
        let shown = |key: &str| match find(key) {
            SettingLookup::Setting(setting) => setting.key,
            SettingLookup::Own => "own",
            SettingLookup::Unknown => "unknown",
        };
        for (key, expect) in [
            ("spark.sql.ansi.enabled", "spark.sql.ansi.enabled"),
            ("spark.sql.legacy.sizeOfNull", "spark.sql.legacy.sizeOfNull"),
            ("spark.sql.legacy.bangEqualsNot", "spark.sql.legacy.*"),
            ("spark.executor.memory", "spark.executor.*"),
            ("spark.sql.catalog.spark_catalog", "spark.sql.catalog.spark_catalog"),
            ("spark.sql.catalog.lake", "spark.sql.catalog.*"),
            ("spark.sql.nothing", "unknown"),
            ("thalweg.nothing", "unknown"),
            ("my.key", "own"),
        ] {
            assert_eq!(shown(key), expect, "{key}");
        }
        assert_eq!(suggestions("spark.sql.shufle.partitions")[0], "spark.sql.shuffle.partitions");
    }
}
