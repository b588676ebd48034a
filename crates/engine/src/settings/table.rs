//! Which settings are there, and what becomes of each?
//!
//! One entry per key; the entries lie in one file per [`Effect`]. A name that ends in `.*` stands for all keys
//! below it that have no entry of their own. The reference page `docs/settings.md` is made from these entries.

use super::kind::SettingKind;
use super::{client, fixed, hints, server, works};
use thalweg_common::suggest::nearest;

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It does what it says.
    Works,
    /// The client reads it back and acts on it.
    Client,
    /// It could make Spark faster or slower and has nothing to act on here: taken, with a warning.
    Hint,
    /// It could change an answer, and only Spark's default is built: any other value is refused.
    Fixed,
    /// It belongs to the server's start: Spark has it as a static setting.
    Server,
    /// It belongs to the start of a Spark cluster, which is not there.
    Cluster,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub key: &'static str,
    pub kind: SettingKind,
    /// Spark's default; none: no value until one is set.
    pub default: Option<&'static str>,
    pub effect: Effect,
    /// What it does, or why it has no effect.
    pub help: &'static str,
}

/// An entry; the files of the table call it through a function of their effect.
pub(super) const fn entry(
    effect: Effect,
    key: &'static str,
    kind: SettingKind,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { key, kind, default, effect, help }
}

/// What a key is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Setting(&'static Setting),
    /// Outside the names of Spark and ours: the user's own variable.
    Own,
    Unknown,
}

/// The files of the table, in the order of the reference page.
pub(super) const TABLES: &[&[Setting]] =
    &[works::SETTINGS, client::SETTINGS, fixed::SETTINGS, hints::SETTINGS, server::SETTINGS];

/// All entries.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// What `key` is: its own entry, else that of the longest family which it belongs to.
pub(super) fn find(key: &str) -> Found {
    if let Some(setting) = all().find(|s| s.key == key) {
        return Found::Setting(setting);
    }
    let family = |s: &&'static Setting| s.key.strip_suffix('*').is_some_and(|prefix| key.starts_with(prefix));
    match all().filter(family).max_by_key(|s| s.key.len()) {
        Some(setting) => Found::Setting(setting),
        None if key.starts_with("spark.") || key.starts_with("thalweg.") => Found::Unknown,
        None => Found::Own,
    }
}

/// The keys nearest to one that is unknown.
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
            Found::Setting(setting) => setting.key,
            Found::Own => "own",
            Found::Unknown => "unknown",
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
