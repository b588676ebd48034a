//! Files that are there whole or not at all, also after the power went.
//!
//! Everything is written under a hidden name first, synced, and then linked or renamed to the
//! name that readers see; the folder is synced after that. A full disk or a folder that can't be
//! written is an error that names the path.

use crate::path::uri;
use std::fs::File;
use std::io::{ErrorKind as Io, Write};
use std::path::Path;
use thalweg_common::{Error, ErrorKind, Result};
use uuid::Uuid;

/// Creates `path` with `bytes`; false, and nothing changed, if it is there already.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let hidden = folder.join(format!(".{}.tmp", Uuid::new_v4()));
    let written = write_synced(&hidden, bytes).map_err(|e| write_failed(path, &e));
    let linked = written.and_then(|()| match std::fs::hard_link(&hidden, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == Io::AlreadyExists => Ok(false),
        Err(e) => Err(write_failed(path, &e)),
    });
    // The link is what counts; a hidden file that stays behind harms nobody.
    let _ = std::fs::remove_file(&hidden);
    if linked.as_ref().is_ok_and(|created| *created) {
        sync_folder(folder)?;
    }
    linked
}

/// Creates `path` for writing, with its folders.
pub fn create(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    File::create_new(path).map_err(|e| write_failed(path, &e))
}

/// Makes a folder and its parents, all of them durable.
///
/// # Errors
/// `DISK_FULL`, `PATH_NOT_WRITABLE` or `FAILED_WRITE_FILE`, naming the folder.
pub fn make_folder(folder: &Path) -> Result<()> {
    make_folder_io(folder).map_err(|e| write_failed(folder, &e))
}

/// The same, with the system's error.
pub(crate) fn make_folder_io(folder: &Path) -> std::io::Result<()> {
    let is_missing = |f: &&Path| !f.as_os_str().is_empty() && !f.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    for folder in missing.into_iter().rev() {
        match std::fs::create_dir(folder) {
            // Somebody else was quicker, and may not have synced it yet.
            Err(e) if e.kind() == Io::AlreadyExists && folder.is_dir() => {}
            other => other?,
        }
        sync_folder_io(folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Moves a file or folder to its final name.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|e| write_failed(to, &e))
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<()> {
    sync_folder_io(folder).map_err(|e| write_failed(folder, &e))
}

/// The same, with the system's error.
pub(crate) fn sync_folder_io(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()?;
    #[cfg(test)]
    SYNCED.with_borrow_mut(|all| all.push(folder.to_path_buf()));
    Ok(())
}

#[cfg(test)]
thread_local! {
    static SYNCED: std::cell::RefCell<Vec<std::path::PathBuf>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The folders that this thread has synced since the last call, in order.
#[cfg(test)]
pub(crate) fn synced() -> Vec<std::path::PathBuf> {
    SYNCED.take()
}

/// A path that can't be written, with what to do about it.
pub fn write_failed(path: &Path, cause: &std::io::Error) -> Error {
    let (class, sqlstate, hint) = match cause.kind() {
        Io::StorageFull | Io::QuotaExceeded => ("DISK_FULL", "53100", "Free some space, then run it again."),
        Io::FileTooLarge => {
            ("DISK_FULL", "53100", "Raise the limit of a file's size (ulimit -f), then run it again.")
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            ("PATH_NOT_WRITABLE", "42501", "Check who may write there.")
        }
        Io::NotADirectory | Io::AlreadyExists => {
            ("PATH_NOT_WRITABLE", "42501", "A file stands where a folder should be.")
        }
        _ => ("FAILED_WRITE_FILE", "58030", "Check that the disk is there and writable."),
    };
    Error::new(ErrorKind::Runtime, class, sqlstate, format!("Failed to write {}: {cause}.", uri(path)))
        .param("path", uri(path))
        .hint(hint)
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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
