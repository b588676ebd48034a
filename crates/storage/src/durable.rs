//! Writes files that exist completely or not at all, also after a loss of power.
//!
//! A file is written under a hidden name, synced, and then linked or renamed to the name that readers see; its folder
//! is synced after that. A full disk or a folder that cannot be written is an error that names the path.

#[cfg(debug_assertions)]
pub use crate::sync::SyncFault;
pub use crate::sync::sync_file;

use crate::path::uri;
use crate::sync::sync_folder_io;
use std::fs::File;
use std::io::{ErrorKind as Io, Write};
use std::path::Path;
use thalweg_common::{Error, ErrorKind, Result};
use uuid::Uuid;

/// Creates `path` with `bytes`, durably; false, and nothing changed, if it exists.
///
/// ```
/// use thalweg_storage::durable::create_new;
///
/// # fn main() -> thalweg_common::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("0.json");
/// assert!(create_new(&path, b"one")?);
/// assert!(!create_new(&path, b"two")?);
/// assert_eq!(std::fs::read(&path).unwrap(), b"one");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `DISK_FULL`, `PATH_NOT_WRITABLE` or `FAILED_WRITE_FILE`. The file may exist then: its folder could not be synced,
/// or the answer to the link was lost.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let hidden = folder.join(format!(".{}.tmp", Uuid::new_v4()));
    let written = write_synced(&hidden, bytes).map_err(|e| write_failed(path, &e));
    // A link fails where the name is taken; a rename would replace the file of another writer.
    let linked = written.and_then(|()| match std::fs::hard_link(&hidden, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == Io::AlreadyExists => Ok(false),
        Err(e) => Err(write_failed(path, &e)),
    });
    // Readers do not see the hidden name, so a file that stays under it is harmless.
    let _ = std::fs::remove_file(&hidden);
    if linked.as_ref().is_ok_and(|created| *created) {
        sync_folder(folder)?;
    }
    linked
}

/// Creates `path` for writing, with its folders. The file is durable once the caller has synced it and its folder.
///
/// # Errors
/// `DISK_FULL`, `PATH_NOT_WRITABLE` or `FAILED_WRITE_FILE`, naming the path.
pub fn create(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    File::create_new(path).map_err(|e| write_failed(path, &e))
}

/// Creates a folder and its parents, all of them durable.
///
/// # Errors
/// `DISK_FULL`, `PATH_NOT_WRITABLE` or `FAILED_WRITE_FILE`, naming the folder.
pub fn make_folder(folder: &Path) -> Result<()> {
    make_folder_io(folder).map_err(|e| write_failed(folder, &e))
}

/// Creates a folder as [`make_folder`] does, and returns the system's error.
pub(crate) fn make_folder_io(folder: &Path) -> std::io::Result<()> {
    let is_missing = |f: &&Path| !f.as_os_str().is_empty() && !f.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    // From the outermost on: a folder is durable only in a parent that is.
    for folder in missing.into_iter().rev() {
        match std::fs::create_dir(folder) {
            // Another process created it at the same time, and may not have synced it yet.
            Err(e) if e.kind() == Io::AlreadyExists && folder.is_dir() => {}
            other => other?,
        }
        let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Err(error) = sync_folder_io(parent) {
            // A later try that found the folder would take it for durable. It stays if another process uses it.
            let _ = std::fs::remove_dir(folder);
            return Err(error);
        }
    }
    Ok(())
}

/// Moves a file or folder to its final name. The name is durable once its folder is synced.
///
/// # Errors
/// `DISK_FULL`, `PATH_NOT_WRITABLE` or `FAILED_WRITE_FILE`, naming the new path.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|e| write_failed(to, &e))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// `FAILED_WRITE_FILE` and its like, naming the folder.
pub fn sync_folder(folder: &Path) -> Result<()> {
    sync_folder_io(folder).map_err(|e| write_failed(folder, &e))
}

/// The class of a failure to write whose cause is not known to stay.
pub(crate) const WRITE_FAILED: &str = "FAILED_WRITE_FILE";

/// Returns the error for a path that cannot be written, with a hint by its cause.
///
/// Its class is `DISK_FULL`, `PATH_NOT_WRITABLE` or, for any other cause, `FAILED_WRITE_FILE`.
pub fn write_failed(path: &Path, cause: &std::io::Error) -> Error {
    let (class, sqlstate, hint) = match cause.kind() {
        Io::StorageFull | Io::QuotaExceeded => ("DISK_FULL", "53100", "Free some space, then run it again."),
        Io::FileTooLarge => {
            ("DISK_FULL", "53100", "Raise the limit of a file's size (ulimit -f), then run it again.")
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            ("PATH_NOT_WRITABLE", "42501", "Check who may write there.")
        }
        // A folder of the path is a file. The system reports either, depending on which step fails.
        Io::NotADirectory | Io::AlreadyExists => {
            ("PATH_NOT_WRITABLE", "42501", "A file stands where a folder should be.")
        }
        _ => (WRITE_FAILED, "58030", "Check that the disk is there and writable."),
    };
    Error::new(ErrorKind::Runtime, class, sqlstate, format!("Failed to write {}: {cause}.", uri(path)))
        .param("path", uri(path))
        .hint(hint)
}

/// Writes a file whose content is durable; its name is not yet.
fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    sync_file(&file, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_to_create_a_file_decides_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.json");
        assert!(create_new(&path, b"one").unwrap());
        assert!(!create_new(&path, b"two").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_that_can_t_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = create(&file.join("below")).unwrap_err();
        assert!(error.message().contains("file") && error.hint_text().is_some(), "{error}");
        assert_eq!(error.class(), "PATH_NOT_WRITABLE");
        let full = write_failed(&file, &std::io::Error::from(Io::StorageFull));
        assert_eq!(full.class(), "DISK_FULL");
    }
}
