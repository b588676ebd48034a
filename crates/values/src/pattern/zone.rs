//! Zones in texts by a pattern: their ids (`VV`) and their English names (`z`).

use super::offset::{Style, strip_prefix};
use crate::zone::Zone;
use chrono_tz::{TZ_VARIANTS, Tz};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::LazyLock;

/// A zone's names: the short and the full one of standard time, then those of daylight saving time.
type Names = [&'static str; 4];

/// The names that Spark gives to the zones, recorded from it.
static NAMES: LazyLock<BTreeMap<&'static str, Names>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut cells = line.split('\t');
        let zone = cells.next()?;
        let mut next = || cells.next().unwrap_or_default();
        Some((zone, [next(), next(), next(), next()]))
    };
    include_str!("zone_names.tsv").lines().filter_map(line).collect()
});

/// The zones whose names are read: of the zones that share a name, the one that Java takes.
const NAMED: [&str; 20] = [
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Anchorage",
    "America/Halifax",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Europe/Paris",
    "Europe/Helsinki",
    "Europe/Lisbon",
    "Europe/Moscow",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "Asia/Singapore",
    "Asia/Hong_Kong",
    "Asia/Seoul",
    "Asia/Tokyo",
    "Africa/Johannesburg",
];

/// Appends the name of a zone at an instant; the id of one without a name.
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

/// The zone whose name or id a text begins with, and what follows it.
pub(super) fn read_name(text: &str, full: bool) -> Option<(Zone, &str)> {
    let by_name = NAMED.iter().find_map(|id| {
        let [short, long, summer_short, summer_long] = NAMES.get(id)?;
        let names = if full { [long, summer_long] } else { [short, summer_short] };
        let rest = names.iter().filter(|n| !n.is_empty()).find_map(|name| {
            let rest = strip_prefix(text, name)?;
            // A longer word is another name.
            (!rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')).then_some(rest)
        })?;
        Some((Zone::Named(Tz::from_str(id).ok()?), rest))
    });
    by_name.or_else(|| read_id(text))
}

/// The zone whose id a text begins with, in any case, and what follows it.
pub(super) fn read_id(text: &str) -> Option<(Zone, &str)> {
    if text.starts_with(['+', '-']) {
        let (offset, rest) = Style::IN_ZONE.read(text)?;
        return Some((Zone::Fixed(offset), rest));
    }
    for prefix in ["UTC", "GMT", "UT"] {
        let Some(rest) = strip_prefix(text, prefix) else { continue };
        return Some(match Style::IN_ZONE.read(rest) {
            Some((offset, after)) => (Zone::Prefixed(prefix, offset), after),
            None => (Zone::Prefixed(prefix, 0), rest),
        });
    }
    read_region(text).or_else(|| Some((Zone::Fixed(0), strip_prefix(text, "Z")?)))
}

/// The longest id of a region that a text begins with.
fn read_region(text: &str) -> Option<(Zone, &str)> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"/_+-".contains(b);
    let longest = text.bytes().take_while(is_part).count();
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
