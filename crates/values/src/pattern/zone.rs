//! Formats and parses time zones by a pattern: their ids (`VV`) and their English names (`z`).
//!
//! Java takes the names from its locale data. They were recorded from Spark into two tables.

use super::offset::{OffsetStyle, strip_prefix};
use crate::zone::Zone;
use chrono_tz::{TZ_VARIANTS, Tz};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::LazyLock;

/// The names of a zone: the short and the full one of standard time, then those of daylight saving time.
type Names = [&'static str; 4];

/// The names that Spark writes for the zones, recorded by `tests/spark/zones.py`.
static NAMES: LazyLock<BTreeMap<&'static str, Names>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut cells = line.split('\t');
        let zone = cells.next()?;
        let mut next = || cells.next().unwrap_or_default();
        Some((zone, [next(), next(), next(), next()]))
    };
    include_str!("zone_names.tsv").lines().filter_map(line).collect()
});

/// A name, whether it is a full one, and the zone that Spark parses it to: of the zones that share a name Java
/// chooses one.
type NamedZone = (&'static str, bool, &'static str);

/// The zones that Spark parses names to, recorded by `tests/spark/zones.py`.
static BY_NAME: LazyLock<Vec<NamedZone>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut cells = line.split('\t');
        let (name, kind, zone) = (cells.next()?, cells.next()?, cells.next()?);
        Some((name, kind == "full", zone))
    };
    include_str!("zones_by_name.tsv").lines().filter_map(line).collect()
});

/// Appends the name of a zone at an instant, or its id if it has no name.
pub(super) fn write_name(zone: Zone, instant: i64, full: bool, out: &mut String) {
    let id = zone.id();
    let id_name = match (id.as_str(), full) {
        ("UTC" | "UT", true) => "Coordinated Universal Time",
        ("GMT", true) => "Greenwich Mean Time",
        (id, _) => id,
    };
    let Zone::Named(_) = zone else { return out.push_str(id_name) };
    let Some([short, long, summer_short, summer_long]) = NAMES.get(id.as_str()) else {
        return out.push_str(&id);
    };
    let is_summer = zone.is_daylight_saving(instant) && !summer_short.is_empty();
    out.push_str(match (is_summer, full) {
        (false, false) => short,
        (false, true) => long,
        (true, false) => summer_short,
        (true, true) => summer_long,
    });
}

/// Parses the name or id of a zone at the start of a text, and returns it with the rest.
pub(super) fn read_name(text: &str, full: bool) -> Option<(Zone, &str)> {
    let named = BY_NAME.iter().filter(|(_, is_full, _)| *is_full == full);
    let matching = named.filter_map(|(name, _, id)| {
        let rest = strip_prefix(text, name)?;
        // `EST` must not match the beginning of `EST5EDT`.
        let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
        ends.then_some((id, rest))
    });
    // Several names may match, such as `EST` and `EST5EDT`: the longest one leaves the shortest rest.
    let longest = matching.min_by_key(|(_, rest)| rest.len());
    let by_name = longest.and_then(|(id, rest)| Some((Zone::Named(Tz::from_str(id).ok()?), rest)));
    by_name.or_else(|| read_id(text))
}

/// Parses the id of a zone at the start of a text without case, and returns it with the rest.
pub(super) fn read_id(text: &str) -> Option<(Zone, &str)> {
    if text.starts_with(['+', '-']) {
        let (offset, rest) = OffsetStyle::IN_ZONE.read(text)?;
        return Some((Zone::Fixed(offset), rest));
    }
    for prefix in ["UTC", "GMT", "UT"] {
        let Some(rest) = strip_prefix(text, prefix) else { continue };
        return Some(match OffsetStyle::IN_ZONE.read(rest) {
            Some((offset, after)) => (Zone::Prefixed(prefix, offset), after),
            None => (Zone::Prefixed(prefix, 0), rest),
        });
    }
    read_region(text).or_else(|| Some((Zone::Fixed(0), strip_prefix(text, "Z")?)))
}

/// Parses the longest id of a region at the start of a text.
fn read_region(text: &str) -> Option<(Zone, &str)> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"/_+-".contains(b);
    let longest = text.bytes().take_while(is_part).count();
    // The exact case is found by a lookup for each length, and only other cases need a search through all
    // regions.
    let exact = (3..=longest).rev().find_map(|length| {
        let (id, rest) = text.split_at_checked(length)?;
        Some((Zone::Named(Tz::from_str(id).ok()?), rest))
    });
    exact.or_else(|| {
        let found = TZ_VARIANTS.iter().filter_map(|tz| Some((tz, strip_prefix(text, tz.name())?)));
        let (tz, rest) = found.min_by_key(|(_, rest)| rest.len())?;
        Some((Zone::Named(*tz), rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_the_tables_is_in_the_database() {
        let unknown = |id: &str| Tz::from_str(id).is_err();
        let named: Vec<_> = BY_NAME.iter().filter(|(_, _, id)| unknown(id)).collect();
        assert!(named.is_empty() && BY_NAME.len() > 400, "{named:?}");
        let zones: Vec<_> = NAMES.keys().filter(|id| unknown(id)).collect();
        assert!(zones.is_empty() && NAMES.len() > 500, "{zones:?}");
    }
}
