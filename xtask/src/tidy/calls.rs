//! Checks that only listed files lift a ban on a call.
//!
//! clippy.toml lists the banned methods (clock, locks, sleep, exit, unbounded channels), and clippy finds their uses after
//! name resolution. This file lists the files that may `allow` them, with the reasons.

use super::File;

const ALLOW: &str = "allow(clippy::disallowed_methods";

/// The file with the exceptions.
const TABLE: &str = "xtask/src/tidy/calls.rs";

/// The beginning of a path, and the reason.
const PLACES: &[(&str, &str)] = &[
    ("crates/common/src/clock.rs", "is the clock"),
    ("crates/common/src/lock.rs", "is where locks are taken"),
    ("crates/connector-files/src/files/io.rs", "waits before it repeats a call of the system that failed"),
    ("crates/stream/src/rt/", "a timely worker is a plain thread that parks between activations"),
    ("crates/thalweg/tests/", "a test that waits for another process has a deadline"),
    ("xtask/src/steps.rs", "measures its steps"),
];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    // The files of tidy contain the attribute in order to find it.
    let others = || files.iter().filter(|f| f.is_rust() && !f.path.starts_with("xtask/src/tidy/"));
    let unlisted = others().filter(|f| !PLACES.iter().any(|(place, _)| f.path.starts_with(place)));
    let lines = unlisted.flat_map(|f| f.text.lines().enumerate().map(move |(n, line)| (f, n, line)));
    let lifted = lines.filter(|(_, _, line)| line.contains(ALLOW));
    let mut complaints: Vec<String> = lifted
        .map(|(f, n, _)| {
            format!("{}:{}: lifts the ban of clippy.toml; its place is not in tidy/calls.rs", f.path, n + 1)
        })
        .collect();
    // Unit tests check a few texts, in which the places do not occur.
    if files.iter().any(|f| f.path == TABLE) {
        let is_needed = |place: &str| others().any(|f| f.path.starts_with(place) && f.text.contains(ALLOW));
        let stale = PLACES.iter().filter(|(place, _)| !is_needed(place));
        complaints
            .extend(stale.map(|(place, _)| format!("{TABLE}: nothing in {place} lifts a ban: remove it")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn only_named_places_lift_the_ban() {
        let text = "//! A.\n#[allow(clippy::disallowed_methods)]\nfn f() {}\n";
        let files = [file("crates/common/src/clock.rs", text), file("crates/engine/src/a.rs", text)];
        let complaints = super::check(&files);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("crates/engine/src/a.rs:2"));
    }

    #[test]
    fn a_place_that_is_not_needed_is_named() {
        let text = "//! A.\n#[allow(clippy::disallowed_methods)]\nfn f() {}\n";
        let needed = super::PLACES.iter().map(|(place, _)| {
            let path = if place.ends_with('/') { format!("{place}a.rs") } else { (*place).to_owned() };
            file(&path, text)
        });
        let table = || file(super::TABLE, text);
        assert_eq!(super::check(&needed.chain([table()]).collect::<Vec<_>>()).len(), 0);
        assert_eq!(super::check(&[table()]).len(), super::PLACES.len());
    }
}
