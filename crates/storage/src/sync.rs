//! Syncs files and folders: the one place that makes an effect durable.
//!
//! What always holds: an error is returned to the caller, who must not go on as if the effect were durable. It may be
//! visible nevertheless, so whoever reads it later syncs it before depending on it. Builds with debug assertions can
//! make any one sync fail ([`SyncFault`]), to prove that no error is ignored.

use std::fs::File;
use std::io::Result;
use std::path::Path;

#[cfg(debug_assertions)]
pub use fault::SyncFault;
#[cfg(debug_assertions)]
use fault::{after_file, after_folder, before_sync};

/// Makes the content of a file durable.
///
/// # Errors
/// The error of the system.
pub fn sync_file(file: &File, path: &Path) -> Result<()> {
    before_sync(path)?;
    // Not the data alone: without its size, which is metadata, a new file is empty after a loss of power.
    file.sync_all()?;
    after_file(file, path);
    Ok(())
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The error of the system.
pub(crate) fn sync_folder_io(folder: &Path) -> Result<()> {
    before_sync(folder)?;
    // A folder is opened like a file; its data are the names in it.
    File::open(folder)?.sync_all()?;
    after_folder(folder);
    Ok(())
}

#[cfg(not(debug_assertions))]
fn before_sync(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
fn after_file(_file: &File, _path: &Path) {}

#[cfg(not(debug_assertions))]
fn after_folder(_folder: &Path) {}

#[cfg(debug_assertions)]
mod fault {
    use std::collections::HashSet;
    use std::fs::{DirEntry, File, Metadata};
    use std::io::{Error, Result};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;
    use thalweg_common::lock::lock;

    static FAULTS: Mutex<Vec<State>> = Mutex::new(Vec::new());

    #[derive(Debug)]
    struct State {
        under: PathBuf,
        /// The syncs before those that fail.
        left: usize,
        fails: usize,
        has_failed: bool,
        /// In order.
        synced: Vec<PathBuf>,
        durable: Durable,
    }

    /// What a loss of power leaves: a file under a name needs both its content and the name.
    #[derive(Debug, Default)]
    struct Durable {
        /// By inode, since a file is synced under a hidden name and then gets its own.
        contents: HashSet<u64>,
        names: HashSet<PathBuf>,
    }

    impl Durable {
        /// Takes what is in a folder as durable.
        fn add_all(&mut self, folder: &Path) -> Result<()> {
            for (path, meta) in entries_below(folder)? {
                self.contents.insert(meta.ino());
                self.names.insert(path);
            }
            Ok(())
        }
    }

    /// All files and folders below a folder.
    fn entries_below(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>> {
        let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)?.collect::<Result<Vec<DirEntry>>>()? {
                let meta = entry.metadata()?;
                folders.extend(meta.is_dir().then(|| entry.path()));
                found.push((entry.path(), meta));
            }
        }
        Ok(found)
    }

    /// Makes one sync of a file or folder below a folder fail, for tests; dropped, it fails no more.
    ///
    /// ```
    /// use thalweg_storage::durable::{create_new, SyncFault};
    ///
    /// # fn main() -> thalweg_common::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// let second = SyncFault::new(folder.path(), 1);
    /// // The file is there, and its folder could not be synced.
    /// let error = create_new(&folder.path().join("0.json"), b"one").unwrap_err();
    /// assert_eq!(error.class(), "FAILED_WRITE_FILE");
    /// assert!(second.has_failed());
    /// assert_eq!(second.never_synced().unwrap(), [folder.path()]);
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct SyncFault(PathBuf);

    impl SyncFault {
        /// Makes the sync after `before` others fail. A folder can have one fault at a time.
        pub fn new(under: &Path, before: usize) -> Self {
            Self::repeated(under, before, 1)
        }

        /// Makes the next `times` syncs after `before` others fail.
        pub fn repeated(under: &Path, before: usize, times: usize) -> Self {
            let (under, synced) = (under.to_owned(), vec![]);
            let mut durable = Durable::default();
            // What stands is no effect of what is tested. A folder that cannot be read has nothing in it yet.
            let _ = durable.add_all(&under);
            let state = State {
                under: under.clone(),
                left: before,
                fails: times,
                has_failed: false,
                synced,
                durable,
            };
            lock(&FAULTS).push(state);
            Self(under)
        }

        /// Returns whether a sync has failed.
        pub fn has_failed(&self) -> bool {
            lock(&FAULTS).iter().any(|fault| fault.under == self.0 && fault.has_failed)
        }

        /// Returns what was synced since the last call, in order.
        pub fn take_synced(&self) -> Vec<PathBuf> {
            let mut faults = lock(&FAULTS);
            let mine = faults.iter_mut().find(|fault| fault.under == self.0);
            mine.map(|fault| std::mem::take(&mut fault.synced)).unwrap_or_default()
        }

        /// Returns the files and folders that a loss of power would take away or empty, in order. Files with hidden names are
        /// not among them: nothing reads these.
        ///
        /// # Errors
        /// The error of the system, if a folder cannot be read.
        pub fn unsynced(&self) -> Result<Vec<PathBuf>> {
            let all = entries_below(&self.0)?;
            let faults = lock(&FAULTS);
            let Some(mine) = faults.iter().find(|fault| fault.under == self.0) else { return Ok(vec![]) };
            let is_hidden =
                |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
            let is_lost = |(path, meta): &(PathBuf, Metadata)| {
                let emptied = meta.is_file() && !mine.durable.contents.contains(&meta.ino());
                !is_hidden(path) && (emptied || !mine.durable.names.contains(path))
            };
            let mut lost: Vec<_> = all.into_iter().filter(is_lost).map(|(path, _)| path).collect();
            lost.sort();
            Ok(lost)
        }

        /// Returns the folders that hold something and were never synced. Whoever acknowledged an effect in them did so
        /// too early.
        ///
        /// # Errors
        /// The error of the system, if a folder cannot be read.
        pub fn never_synced(&self) -> Result<Vec<PathBuf>> {
            let synced = self.take_synced();
            let mut missing = Vec::new();
            let mut folders = vec![self.0.clone()];
            while let Some(folder) = folders.pop() {
                let entries: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<_>>()?;
                folders.extend(entries.iter().map(std::fs::DirEntry::path).filter(|path| path.is_dir()));
                if !entries.is_empty() && !synced.contains(&folder) {
                    missing.push(folder);
                }
            }
            Ok(missing)
        }
    }

    impl Drop for SyncFault {
        fn drop(&mut self) {
            lock(&FAULTS).retain(|fault| fault.under != self.0);
        }
    }

    pub(super) fn before_sync(path: &Path) -> Result<()> {
        for fault in lock(&FAULTS).iter_mut().filter(|fault| path.starts_with(&fault.under)) {
            // Before the system is asked: the effect stays visible, as after a disk that reports an error.
            if fault.left == 0 && fault.fails > 0 {
                fault.fails -= 1;
                fault.has_failed = true;
                return Err(Error::other("injected: the disk did not sync"));
            }
            fault.left = fault.left.saturating_sub(1);
        }
        Ok(())
    }

    pub(super) fn after_file(file: &File, path: &Path) {
        for fault in lock(&FAULTS).iter_mut().filter(|fault| path.starts_with(&fault.under)) {
            fault.synced.push(path.to_owned());
            // A file that cannot be looked at counts as not synced, which a test then reports.
            fault.durable.contents.extend(file.metadata().map(|meta| meta.ino()));
        }
    }

    pub(super) fn after_folder(folder: &Path) {
        for fault in lock(&FAULTS).iter_mut().filter(|fault| folder.starts_with(&fault.under)) {
            fault.synced.push(folder.to_owned());
            let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
            fault.durable.names.extend(names.map(|entry| entry.path()));
        }
    }
}
