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
use fault::{after_sync, before_sync};

/// Makes the content of a file durable.
///
/// # Errors
/// The error of the system.
pub fn sync_file(file: &File, path: &Path) -> Result<()> {
    before_sync(path)?;
    // Not the data alone: without its size, which is metadata, a new file is empty after a loss of power.
    file.sync_all()?;
    after_sync(path);
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
    after_sync(folder);
    Ok(())
}

#[cfg(not(debug_assertions))]
fn before_sync(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
fn after_sync(_path: &Path) {}

#[cfg(debug_assertions)]
mod fault {
    use std::io::{Error, Result};
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
            let state = State { under: under.clone(), left: before, fails: times, has_failed: false, synced };
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

    pub(super) fn after_sync(path: &Path) {
        for fault in lock(&FAULTS).iter_mut().filter(|fault| path.starts_with(&fault.under)) {
            fault.synced.push(path.to_owned());
        }
    }
}
