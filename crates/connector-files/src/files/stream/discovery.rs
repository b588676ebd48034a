//! Finds the files of a stream's folder that were not planned yet, at the cost of what has changed.
//!
//! A folder is listed again only if its time of change has changed: a name that was added, renamed or removed changes it,
//! and nothing else matters, since a file is read once. (The modification time could be set to an earlier one, as by tar
//! and rsync.) That holds for the file systems in [`keeps_folder_times`];
//! a folder of another one is listed at each look. Two names that are added within [`FOLDER_TIME_STEP`] may leave the same
//! time, so a folder is listed once more when its time is older than that. Looks that find nothing are spaced so that they
//! take at most one part in [`IDLE_SHARE`] of a processor, but by [`IDLE_MAX`] at most.
//!
//! A file that is seen to change, or is empty, is planned when it has been as it is for [`SETTLE_TIME`], and any file
//! when it has been so for `minFileAge`: it may be still being written.

use super::StreamConfig;
use super::plan::{PlannedFile, ReadLimits};
use super::seen::SeenFiles;
use crate::files::FileEntry;
use crate::files::io::with_retries;
use crate::files::list::{Folder, expand, modified_us};
use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::io::ErrorKind as Io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg_common::Result;
use thalweg_common::clock::Clock;

/// The longest time between two looks at an idle input.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// Idle looks take at most one part in this many of a processor, unless [`IDLE_MAX`] is shorter.
const IDLE_SHARE: u32 = 20;
/// Two changes of a folder within this time may leave the same time: systems count it in steps of up to
/// 10 ms.
const FOLDER_TIME_STEP: Duration = Duration::from_millis(50);
/// How long a file must stay as it is once it was seen to change.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// Returns whether a folder's file system changes the time of a folder with each name that is added. Those over a
/// network answer from a cache, and those over an object store have no folders.
fn keeps_folder_times(folder: &Path) -> bool {
    // Linux's numbers of ext2 to ext4, xfs, btrfs, tmpfs, overlayfs, zfs and f2fs.
    const LOCAL: [u32; 7] =
        [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1, 0xF2F5_2010];
    // The type of the number depends on the machine; all of these have 32 bits.
    #[allow(clippy::cast_possible_truncation)]
    rustix::fs::statfs(folder).is_ok_and(|s| LOCAL.contains(&(s.f_type as u32)))
}

/// What identifies a version of the names in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl Stamp {
    fn of(folder: &Metadata) -> Self {
        Self { device: folder.dev(), inode: folder.ino(), changed: (folder.ctime(), folder.ctime_nsec()) }
    }

    /// Returns when the folder is to be listed again if it is listed at `now_us`.
    fn again_after(&self, now_us: i64) -> Again {
        let changed_us = self.changed.0.saturating_mul(1_000_000).saturating_add(self.changed.1 / 1000);
        let step_us = i64::try_from(FOLDER_TIME_STEP.as_micros()).unwrap_or(i64::MAX);
        match now_us.saturating_sub(changed_us) {
            // The clock was set back, and nothing is known.
            age if age < 0 => Again::Always,
            age if age <= step_us => Again::Once,
            _ => Again::Never,
        }
    }
}

/// When a folder is listed again although its time of change is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Never,
    /// Once, when a name that is added gives the folder another time.
    Once,
    Always,
}

#[derive(Debug)]
struct ListedFolder {
    stamp: Stamp,
    again: Again,
    folders: Vec<Folder>,
}

/// A file that is there and was not planned.
#[derive(Debug, Clone)]
struct Candidate {
    file: FileEntry,
    /// Monotonic time since which it is as it is.
    since: Duration,
    /// Whether it was seen to change.
    has_changed: bool,
    /// The number of the look that found it so.
    look: u64,
}

/// What is known of the folder of a stream.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    folders: HashMap<PathBuf, ListedFolder>,
    /// The next file to plan is the last one.
    candidates: Vec<Candidate>,
    /// The folders of the candidates, and perhaps more.
    candidate_folders: HashSet<PathBuf>,
    /// Whether `candidates` has to be ordered.
    is_unordered: bool,
    look: u64,
    /// The monotonic time of the next look at an idle input.
    due: Duration,
}

/// What a look needs.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub path: &'a str,
    pub config: &'a StreamConfig,
    pub seen: &'a SeenFiles,
    pub clock: &'a dyn Clock,
    /// Whether to find everything that is there now, whatever it costs.
    pub exact: bool,
}

/// What a look has done.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// There are files that the look before has not found.
    found: bool,
    /// A folder was listed for the last time until it changes.
    confirmed: bool,
}

impl Look<'_> {
    fn is_new(&self, file: &FileEntry) -> bool {
        !self.seen.is_too_old(file.modified_us) && !self.config.skipped.contains(&file.path)
    }
}

impl Discovery {
    /// Returns whether an idle input is to be looked at again.
    pub(super) fn is_due(&self, clock: &dyn Clock) -> bool {
        clock.monotonic() >= self.due
    }

    /// Looks for new files. Blocks.
    pub(super) fn look(&mut self, look: Look<'_>) -> Result<()> {
        let began = look.clock.monotonic();
        self.look += 1;
        let outcome = self.look_at_roots(look)?;
        let took = look.clock.monotonic().saturating_sub(began);
        let is_idle = !outcome.found && !outcome.confirmed;
        let pause = if is_idle { (took * IDLE_SHARE).min(IDLE_MAX) } else { Duration::ZERO };
        self.due = look.clock.monotonic() + pause;
        if std::mem::take(&mut self.is_unordered) {
            // The path decides between files of one time, so that every plan has one order.
            self.candidates.sort_by_cached_key(|c| (c.file.modified_us, c.file.path.clone()));
            if !look.config.latest_first {
                self.candidates.reverse();
            }
        }
        Ok(())
    }

    fn look_at_roots(&mut self, look: Look<'_>) -> Result<Outcome> {
        let roots = match expand(look.path) {
            // As in Spark, a folder that is gone, or a pattern that matches nothing, has no files until it is back.
            Err(e) if e.class() == "PATH_NOT_FOUND" => Vec::new(),
            other => other?,
        };
        let mut outcome = Outcome::default();
        for root in roots {
            let Some(metadata) = metadata(&root)? else { continue };
            let base = look.config.listing.base(&root).to_owned();
            if metadata.is_dir() {
                self.look_below(Folder::root(root, &metadata), &base, look, &mut outcome)?;
            } else if let Some(file) = look.config.listing.file(&root, &base, &metadata)
                && !look.seen.contains(&root)
            {
                outcome.found |= self.replace(&root, vec![file], look);
            }
        }
        Ok(outcome)
    }

    fn look_below(&mut self, root: Folder, base: &Path, look: Look<'_>, outcome: &mut Outcome) -> Result<()> {
        let mut open = vec![root];
        // Each step looks at one folder. No folder is below itself, so the steps end.
        while let Some(folder) = open.pop() {
            let Some(now) = metadata(&folder.path)? else {
                self.folders.remove(&folder.path);
                continue;
            };
            let stamp = Stamp::of(&now);
            // The time is read before the names: a name that is added after this counts as a change.
            let after = stamp.again_after(look.clock.now_micros());
            let listed = self.folders.get(&folder.path).filter(|l| l.stamp == stamp);
            let again = listed.map_or(Again::Always, |listed| listed.again);
            let is_too_early = again == Again::Once && after == Again::Once && !look.exact;
            if let Some(listed) = listed
                && (again == Again::Never || is_too_early)
            {
                open.extend(listed.folders.iter().cloned());
                continue;
            }
            let seen = look.seen.in_folder(&folder.path);
            let children = look.config.listing.children(&folder, base, |name, _| seen.contains(name))?;
            outcome.found |= self.replace(&folder.path, children.files, look);
            open.extend(children.folders.iter().cloned());
            // The target of a link may come without any change of this folder.
            let shows_changes = keeps_folder_times(&folder.path) && !children.has_dead_links;
            let after = if shows_changes { after } else { Again::Always };
            outcome.confirmed |= again == Again::Once && after == Again::Never;
            self.folders.insert(folder.path, ListedFolder { stamp, again: after, folders: children.folders });
        }
        Ok(())
    }

    /// Replaces the candidates of one folder; returns whether there are new ones.
    fn replace(&mut self, folder: &Path, files: Vec<FileEntry>, look: Look<'_>) -> bool {
        let mut before: HashMap<PathBuf, Candidate> = HashMap::new();
        // A search for each folder of a first listing would look at all files of all folders.
        if [Some(folder), folder.parent()].into_iter().flatten().any(|f| self.candidate_folders.contains(f)) {
            let is_here = |c: &mut Candidate| c.file.path == folder || c.file.path.parent() == Some(folder);
            let here = self.candidates.extract_if(.., is_here);
            before.extend(here.map(|c| (c.file.path.clone(), c)));
        }
        let now = look.clock.monotonic();
        let mut found = false;
        self.is_unordered |= !before.is_empty();
        for file in files.into_iter().filter(|f| look.is_new(f)) {
            let known = before.remove(&file.path);
            found |= known.as_ref().is_none_or(|k| k.file != file);
            if let Some(parent) = file.path.parent().filter(|p| !self.candidate_folders.contains(*p)) {
                self.candidate_folders.insert(parent.to_owned());
            }
            self.candidates.push(Candidate::seen(known, file, (now, self.look)));
        }
        self.is_unordered |= found;
        found
    }

    /// Takes the files of the next epoch: the first ones within the limits that may be read. Blocks.
    pub(super) fn take(&mut self, limits: ReadLimits, look: Look<'_>) -> Result<Vec<PlannedFile>> {
        let (mut chosen, mut bytes, mut later) = (Vec::new(), 0u64, Vec::new());
        while let Some(candidate) = self.candidates.pop() {
            // It was found before the log was loaded.
            if look.seen.contains(&candidate.file.path) || !look.is_new(&candidate.file) {
                continue;
            }
            // Its folder does not show that a file was changed in place.
            let Some(candidate) = candidate.now(self.look, look)? else { continue };
            if !candidate.may_be_read(look) {
                later.push(candidate);
                continue;
            }
            bytes = bytes.saturating_add(candidate.file.size_bytes);
            if limits.is_full(chosen.len(), bytes) {
                later.push(candidate);
                break;
            }
            chosen.push(candidate.file.into());
        }
        later.reverse();
        self.candidates.append(&mut later);
        if self.candidates.is_empty() {
            self.candidate_folders.clear();
        }
        Ok(chosen)
    }

    /// Takes back files that another run of the query has not planned.
    pub(super) fn give_back(&mut self, files: Vec<PlannedFile>, clock: &dyn Clock) {
        let since = clock.monotonic();
        self.candidate_folders.extend(files.iter().filter_map(|f| f.path.parent().map(Path::to_owned)));
        let candidate =
            |file: PlannedFile| Candidate { file: file.into(), since, has_changed: false, look: 0 };
        self.candidates.extend(files.into_iter().rev().map(candidate));
    }

    /// Returns whether no file waits to be planned.
    pub(super) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }
}

impl Candidate {
    /// A file as a look has found it, at a monotonic time and a number of the look.
    fn seen(known: Option<Self>, file: FileEntry, (now, look): (Duration, u64)) -> Self {
        match known {
            Some(known) if known.file == file => Self { look, ..known },
            other => Self { file, since: now, has_changed: other.is_some(), look },
        }
    }

    /// Looks at the file again, unless that look is the newest; none if it is gone.
    fn now(self, newest: u64, look: Look<'_>) -> Result<Option<Self>> {
        if self.look == newest && !self.has_changed {
            return Ok(Some(self));
        }
        let Some(now) = metadata(&self.file.path)? else { return Ok(None) };
        let file = FileEntry { size_bytes: now.len(), modified_us: modified_us(&now), ..self.file.clone() };
        Ok(Some(Self::seen(Some(self), file, (look.clock.monotonic(), newest))))
    }

    /// Returns whether nobody seems to write the file any more.
    fn may_be_read(&self, look: Look<'_>) -> bool {
        let min_age = look.config.min_file_age;
        // A program that has only created its file has not begun.
        let needed =
            if self.has_changed || self.file.size_bytes == 0 { min_age.max(SETTLE_TIME) } else { min_age };
        let age_us = look.clock.now_micros().saturating_sub(self.file.modified_us);
        let age = Duration::from_micros(u64::try_from(age_us).unwrap_or(0));
        // The time of the system may be that of another machine, so what was observed counts too.
        needed.is_zero()
            || look.clock.monotonic().saturating_sub(self.since) >= needed
            || (!self.has_changed && age >= needed)
    }
}

/// Returns what the system knows of a path; none if nothing is there.
fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match with_retries(|| std::fs::metadata(path)) {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == Io::NotFound => Ok(None),
        Err(e) => Err(crate::files::list::unreadable(path, &e)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::files::stream::seen::KeyKind;
    use std::time::UNIX_EPOCH;
    use thalweg_common::clock::ManualClock;
    use thalweg_connectors::OptionMap;

    struct Folder {
        dir: tempfile::TempDir,
        config: StreamConfig,
        clock: ManualClock,
        discovery: Discovery,
    }

    impl Folder {
        fn new(pairs: &[(&str, &str)]) -> Self {
            let options = OptionMap::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            Self {
                dir: tempfile::tempdir().unwrap(),
                config: StreamConfig::from_options(&options, "UTC").unwrap(),
                clock: ManualClock::default(),
                discovery: Discovery::default(),
            }
        }

        /// Writes a file whose modification time is that many milliseconds after the epoch.
        fn put(&self, name: &str, content: &str, ms: u64) {
            let path = self.dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_millis(ms)).unwrap();
        }

        /// The names of the files that are planned at a time in milliseconds.
        fn at(&mut self, ms: i64) -> Vec<String> {
            self.clock.set(ms * 1000);
            let path = self.dir.path().to_string_lossy().into_owned();
            let seen = SeenFiles::new(KeyKind::Path);
            let look =
                Look { path: &path, config: &self.config, seen: &seen, clock: &self.clock, exact: true };
            self.discovery.look(look).unwrap();
            let files = self.discovery.take(self.config.limits, look).unwrap();
            files.iter().map(|f| f.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        }
    }

    #[test]
    fn a_file_is_planned_at_once_unless_it_is_seen_to_change() {
        let mut folder = Folder::new(&[("maxFilesPerTrigger", "1")]);
        folder.put("a", "1", 10_000);
        folder.put("b", "1", 10_001);
        assert_eq!(folder.at(10_002), ["a"]);
        std::fs::remove_file(folder.dir.path().join("a")).unwrap();
        folder.put("b", "12", 10_003);
        assert!(folder.at(10_010).is_empty());
        folder.put("b", "123", 10_500);
        assert!(folder.at(10_510).is_empty());
        assert!(folder.at(11_505).is_empty());
        assert_eq!(folder.at(11_510), ["b"]);
    }

    #[test]
    fn an_empty_file_may_be_one_that_is_not_begun() {
        let mut folder = Folder::new(&[]);
        folder.put("new", "", 9_900);
        folder.put("old", "", 1_000);
        assert_eq!(folder.at(10_000), ["old"]);
        std::fs::remove_file(folder.dir.path().join("old")).unwrap();
        folder.put("new", "1", 10_005);
        assert!(folder.at(10_010).is_empty());
        assert_eq!(folder.at(11_010), ["new"]);
    }

    #[test]
    fn a_file_waits_for_the_least_age_by_its_time_or_as_it_was_observed() {
        let mut folder = Folder::new(&[("minFileAge", "5s")]);
        folder.put("young", "1", 8_000);
        folder.put("old", "1", 4_000);
        // Another machine wrote it, whose clock is ahead.
        folder.put("ahead", "1", 999_000);
        assert_eq!(folder.at(10_000), ["old"]);
        std::fs::remove_file(folder.dir.path().join("old")).unwrap();
        assert!(folder.at(12_900).is_empty());
        assert_eq!(folder.at(13_000), ["young"]);
        std::fs::remove_file(folder.dir.path().join("young")).unwrap();
        assert_eq!(folder.at(15_000), ["ahead"]);
    }

    /// The target comes without a change of the folder, whose own change is long ago by the clock.
    #[test]
    fn a_link_is_read_when_its_target_arrives() {
        const YEAR_2100_MS: i64 = 4_102_444_800_000;
        let mut folder = Folder::new(&[]);
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        std::os::unix::fs::symlink(&target, folder.dir.path().join("a")).unwrap();
        assert!(folder.at(YEAR_2100_MS).is_empty());
        assert!(folder.at(YEAR_2100_MS + 10_000).is_empty());
        std::fs::write(&target, "1").unwrap();
        assert_eq!(folder.at(YEAR_2100_MS + 20_000), ["a"]);
    }

    #[test]
    fn a_folder_is_listed_again_until_its_time_tells_all() {
        let step = i64::try_from(FOLDER_TIME_STEP.as_micros()).unwrap();
        let stamp = Stamp { device: 1, inode: 2, changed: (7, 5_000) };
        for (now_us, again) in [
            (7_000_004, Again::Always),
            (7_000_005, Again::Once),
            (7_000_005 + step, Again::Once),
            (7_000_006 + step, Again::Never),
        ] {
            assert_eq!(stamp.again_after(now_us), again, "{now_us}");
        }
    }

    #[test]
    fn looks_at_an_idle_folder_are_spaced_by_what_they_cost() {
        #[derive(Debug)]
        struct SlowSystem(ManualClock);
        impl Clock for SlowSystem {
            fn now_micros(&self) -> i64 {
                self.0.now_micros()
            }
            // Each question takes 10 ms.
            fn monotonic(&self) -> Duration {
                self.0.set(self.0.now_micros() + 10_000);
                self.0.monotonic()
            }
        }
        let folder = Folder::new(&[]);
        let clock = SlowSystem(ManualClock::default());
        let (path, seen) = (folder.dir.path().to_string_lossy().into_owned(), SeenFiles::new(KeyKind::Path));
        let look = Look { path: &path, config: &folder.config, seen: &seen, clock: &clock, exact: false };
        let mut discovery = Discovery::default();
        discovery.look(look).unwrap();
        let due = discovery.due;
        assert!(due > clock.0.monotonic() && due <= clock.0.monotonic() + IDLE_MAX);
        assert!(!discovery.is_due(&clock));
        folder.put("a", "1", 1);
        discovery.look(Look { exact: true, ..look }).unwrap();
        assert!(discovery.is_due(&clock), "a look that has found something is repeated at once");
    }
}
