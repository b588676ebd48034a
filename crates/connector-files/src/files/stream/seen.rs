//! Keeps which files a source has planned, as digests of their names.
//!
//! A file is known by 16 bytes of the SHA-256 of its path, or of its name with `fileNameOnly`. Two files with one digest
//! would be one file to the source, and the second would never be read. With `n` files the probability of any such pair
//! is below n² / 2^129: for a billion files 10^-21, which is less than that of an error of the disk that no checksum
//! finds. To construct a pair takes 2^64 digests, and whoever can put files into the folder could leave them out as well.
//!
//! A [`SeenRun`] is the same set as bytes, sorted by digest, with a digest of its own against damage.

use super::plan::PlannedFile;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::time::Duration;
use thalweg_common::Result;
use thalweg_storage::checkpoint_corrupt;

const DIGEST_BYTES: usize = 16;
/// A digest and the modification time of the file.
const RECORD_BYTES: usize = DIGEST_BYTES + 8;
const MAGIC: &[u8; 8] = b"thwseen1";
/// The magic bytes, the kind of the keys, and the time before which files are left out.
const HEAD_BYTES: usize = 8 + 1 + 8;

/// What a source knows a file by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileKey([u8; DIGEST_BYTES]);

/// Whether files are known by their path or by their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum KeyKind {
    #[default]
    Path,
    /// As with `fileNameOnly`.
    Name,
}

impl KeyKind {
    /// Returns the key of a file.
    pub(super) fn key(self, path: &Path) -> FileKey {
        let folder = path.parent().unwrap_or(Path::new(""));
        self.in_folder(folder).key(path.file_name().unwrap_or_default())
    }

    /// Returns what makes the keys of the files in a folder.
    fn in_folder(self, folder: &Path) -> FolderKeys {
        let mut digest = Sha256::new();
        if self == Self::Path {
            // By its components, so that two spellings of one path (`/in//a`, `/in/a`) are one file.
            folder.components().filter(|c| *c != Component::RootDir).for_each(|part| {
                digest.update(b"/");
                digest.update(part.as_os_str().as_bytes());
            });
            digest.update(b"/");
        }
        FolderKeys(digest)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Path => 0,
            Self::Name => 1,
        }
    }

    /// Returns the option that gives files such keys.
    pub(super) fn option_text(self) -> &'static str {
        match self {
            Self::Path => "fileNameOnly=false",
            Self::Name => "fileNameOnly=true",
        }
    }
}

/// Makes the keys of the files in one folder, whose path is digested once.
struct FolderKeys(Sha256);

impl FolderKeys {
    fn key(&self, name: &OsStr) -> FileKey {
        FileKey(first_bytes(&self.0.clone().chain_update(name.as_bytes()).finalize()))
    }
}

fn first_bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// The files that were planned.
#[derive(Debug, Default)]
pub(super) struct SeenFiles {
    kind: KeyKind,
    /// The modification time of each file, in microseconds.
    times_us: HashMap<FileKey, i64>,
    newest_us: i64,
    /// Files that were modified before were forgotten (`maxFileAge`), and are not read any more.
    forgotten_before_us: i64,
}

impl SeenFiles {
    /// Creates an empty set.
    pub(super) fn new(kind: KeyKind) -> Self {
        Self { kind, forgotten_before_us: i64::MIN, ..Self::default() }
    }

    /// Adds files of an entry.
    pub(super) fn add(&mut self, files: &[PlannedFile]) {
        for file in files {
            self.insert(self.kind.key(&file.path), file.modified_us);
        }
    }

    /// Adds a file whose modification time is not known.
    pub(super) fn add_path(&mut self, path: &Path) {
        self.insert(self.kind.key(path), i64::MAX);
    }

    /// Adds the files of a run.
    pub(super) fn add_run(&mut self, run: SeenRun) {
        self.forgotten_before_us = self.forgotten_before_us.max(run.forgotten_before_us);
        self.times_us.reserve(run.records.len());
        run.records.into_iter().for_each(|(key, time)| self.insert(key, time));
    }

    fn insert(&mut self, key: FileKey, modified_us: i64) {
        self.times_us.insert(key, modified_us);
        // The time of a file that has none does not make the others old.
        if modified_us != i64::MAX {
            self.newest_us = self.newest_us.max(modified_us);
        }
    }

    /// Returns whether the file was planned.
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.times_us.contains_key(&self.kind.key(path))
    }

    /// Returns the files in one folder that were planned.
    pub(super) fn in_folder(&self, folder: &Path) -> SeenInFolder<'_> {
        SeenInFolder { seen: self, keys: self.kind.in_folder(folder) }
    }

    /// Returns whether a file that was not planned is too old to be read (`maxFileAge`).
    pub(super) fn is_too_old(&self, modified_us: i64) -> bool {
        modified_us < self.forgotten_before_us
    }

    /// Forgets the files that are older than the newest one by more than `age`; they are not read again.
    pub(super) fn forget(&mut self, age: Duration) {
        let age_us = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let before = self.newest_us.saturating_sub(age_us);
        if before > self.forgotten_before_us {
            self.forgotten_before_us = before;
            self.times_us.retain(|_, time| *time >= before);
        }
    }

    /// Returns the time before which files are forgotten.
    pub(super) fn forgotten_before_us(&self) -> i64 {
        self.forgotten_before_us
    }
}

/// The files in one folder that were planned.
pub(super) struct SeenInFolder<'a> {
    seen: &'a SeenFiles,
    keys: FolderKeys,
}

impl SeenInFolder<'_> {
    /// Returns whether the file with that name was planned.
    pub(super) fn contains(&self, name: &OsStr) -> bool {
        self.seen.times_us.contains_key(&self.keys.key(name))
    }
}

/// The files of consecutive entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenRun {
    pub kind: KeyKind,
    pub forgotten_before_us: i64,
    records: Vec<(FileKey, i64)>,
}

impl SeenRun {
    /// Creates a run without files.
    pub(super) fn empty(kind: KeyKind) -> Self {
        Self { kind, forgotten_before_us: i64::MIN, records: Vec::new() }
    }

    /// Adds the files of an entry.
    pub(super) fn add(&mut self, files: &[PlannedFile]) {
        let kind = self.kind;
        self.records.extend(files.iter().map(|f| (kind.key(&f.path), f.modified_us)));
    }

    /// Adds the files of a later run.
    pub(super) fn append(&mut self, later: Self) {
        self.forgotten_before_us = self.forgotten_before_us.max(later.forgotten_before_us);
        self.records.extend(later.records);
    }

    /// Encodes the run, without the files that are forgotten.
    pub(super) fn into_bytes(mut self, forgotten_before_us: i64) -> Vec<u8> {
        self.forgotten_before_us = self.forgotten_before_us.max(forgotten_before_us);
        self.records.retain(|(_, time)| *time >= self.forgotten_before_us);
        // Sorted, so that two runs over the same entries write the same bytes.
        self.records.sort_unstable();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.records.len() * RECORD_BYTES + DIGEST_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.push(self.kind.byte());
        bytes.extend_from_slice(&self.forgotten_before_us.to_le_bytes());
        for (key, time) in &self.records {
            bytes.extend_from_slice(&key.0);
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        let check: [u8; DIGEST_BYTES] = first_bytes(&Sha256::digest(&bytes));
        bytes.extend_from_slice(&check);
        bytes
    }

    /// Decodes a run; class `CHECKPOINT_CORRUPT` if its bytes were changed.
    pub(super) fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        Self::decode(bytes).ok_or_else(|| {
            checkpoint_corrupt(format!("The summary '{name}' of a file source's log is corrupt."))
                .param("entry", name)
        })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, check) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
        let (head, records) = content.split_at_checked(HEAD_BYTES)?;
        let is_whole = Sha256::digest(content).starts_with(check)
            && head.starts_with(MAGIC)
            && records.len() % RECORD_BYTES == 0;
        let kind = [KeyKind::Path, KeyKind::Name].into_iter().find(|k| head.get(8) == Some(&k.byte()))?;
        let record = |bytes: &[u8]| {
            let time = i64::from_le_bytes(first_bytes(bytes.get(DIGEST_BYTES..).unwrap_or_default()));
            (FileKey(first_bytes(bytes)), time)
        };
        is_whole.then(|| Self {
            kind,
            forgotten_before_us: i64::from_le_bytes(first_bytes(head.get(9..).unwrap_or_default())),
            records: records.chunks_exact(RECORD_BYTES).map(record).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(path: &str, modified_us: i64) -> PlannedFile {
        PlannedFile { path: path.into(), size_bytes: 1, modified_us, folders: vec![] }
    }

    #[test]
    fn a_file_is_known_by_its_path_or_its_name() {
        for (kind, a, b, same) in [
            (KeyKind::Path, "/in/a", "/in//a", true),
            (KeyKind::Path, "/in/a", "/in/./a", true),
            (KeyKind::Path, "/in/a", "/in/b/a", false),
            (KeyKind::Path, "/in/ab", "/in/a/b", false),
            (KeyKind::Name, "/in/a", "/out/a", true),
            (KeyKind::Name, "/in/a", "/in/b", false),
        ] {
            assert_eq!(kind.key(Path::new(a)) == kind.key(Path::new(b)), same, "{kind:?} {a} {b}");
        }
        // Checkpoints contain these bytes.
        let found = KeyKind::Path.key(Path::new("/in/a")).0;
        assert_eq!(&found[..4], &first_bytes::<4>(&Sha256::digest(b"/in/a")));
    }

    #[test]
    fn a_run_is_read_as_it_was_written_and_damage_is_found() {
        let mut first = SeenRun::empty(KeyKind::Path);
        first.add(&[file("/b", 5), file("/a", 1)]);
        let mut later = SeenRun::empty(KeyKind::Path);
        later.add(&[file("/c", 9)]);
        first.append(later);
        let bytes = first.clone().into_bytes(2);
        let read = SeenRun::from_bytes(&bytes, "x").unwrap();
        assert_eq!((read.forgotten_before_us, read.records.len()), (2, 2));
        let mut seen = SeenFiles::new(KeyKind::Path);
        seen.add_run(read);
        assert_eq!(["/a", "/b", "/c"].map(|p| seen.contains(Path::new(p))), [false, true, true]);
        assert!(seen.is_too_old(1) && !seen.is_too_old(2));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(SeenRun::decode(&damaged).is_none(), "byte {at}");
            assert!(SeenRun::decode(&bytes[..at]).is_none(), "cut at {at}");
        }
        assert_eq!(
            SeenRun::decode(&SeenRun::empty(KeyKind::Name).into_bytes(i64::MIN)).unwrap().kind,
            KeyKind::Name
        );
    }

    #[test]
    fn old_files_are_forgotten_relative_to_the_newest_one() {
        let mut seen = SeenFiles::new(KeyKind::Path);
        seen.add(&[file("/a", 1_000_000), file("/b", 5_000_000)]);
        seen.add_path(Path::new("/legacy"));
        seen.forget(Duration::from_secs(9));
        assert!(seen.contains(Path::new("/a")) && !seen.is_too_old(0));
        seen.forget(Duration::from_secs(3));
        assert_eq!(["/a", "/b", "/legacy"].map(|p| seen.contains(Path::new(p))), [false, true, true]);
        assert!(seen.is_too_old(1_999_999) && !seen.is_too_old(2_000_000));
    }
}
