//! Stores the objects of a checkpoint on a local disk: a write that is acknowledged survives a loss of power.
//!
//! An object is written beside its place and synced, then linked or renamed to its name, then its folder is synced;
//! only then is the write acknowledged. So no step of the protocol depends on an effect that the disk may still lose.
//! A writer that finds a name taken syncs its folder too before it continues, since the other writer may have died
//! before it did. For the same reason opening a store syncs the folders in it.
//!
//! Copies and uploads in parts are refused: no checkpoint needs them.

use crate::durable::{make_folder, make_folder_io};
use crate::sync::{sync_file, sync_folder_io};
use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind as Io, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use thalweg_common::ErrorKind;
use thalweg_common::lock::lock;

/// The most unfinished files beside one name. Each is left by a process that died before it linked the file.
const STAGED_MAX: usize = 1000;

/// A folder of this machine as a store of durable objects.
#[derive(Debug)]
pub struct DurableStore {
    root: PathBuf,
    inner: LocalFileSystem,
    folders: Arc<DurableFolders>,
}

impl DurableStore {
    /// Opens the store in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// `DISK_FULL`, `PATH_NOT_WRITABLE` or `FAILED_WRITE_FILE`, naming the folder.
    pub fn open(root: &Path) -> thalweg_common::Result<Arc<Self>> {
        let failed = |e: &io::Error| crate::durable::write_failed(root, e);
        make_folder(root)?;
        let folders = DurableFolders { root: root.to_path_buf(), known: Mutex::default() };
        sync_folders(root, &folders).map_err(|e| failed(&e))?;
        let inner = LocalFileSystem::new_with_prefix(root).map_err(|e| failed(&io::Error::other(e)))?;
        Ok(Arc::new(Self { root: root.to_path_buf(), inner, folders: Arc::new(folders) }))
    }
}

impl std::fmt::Display for DurableStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::path::uri(&self.root))
    }
}

/// The folders of a store whose names are durable, up to its root.
///
/// A folder that exists may not be durable yet: whoever made it died, or could not sync the folder above it. So the
/// folders above are synced before the first write of this store into a folder.
#[derive(Debug)]
struct DurableFolders {
    root: PathBuf,
    /// As many as the checkpoint has states and sources.
    known: Mutex<BTreeSet<PathBuf>>,
}

impl DurableFolders {
    /// Creates a folder if it does not exist, and makes its name durable.
    fn ensure(&self, folder: &Path) -> io::Result<()> {
        if lock(&self.known).contains(folder) {
            return Ok(());
        }
        std::fs::create_dir_all(folder)?;
        let above: Vec<_> = folder.ancestors().skip(1).take_while(|a| a.starts_with(&self.root)).collect();
        // From the outermost on: a folder is durable only in a parent that is.
        above.into_iter().rev().try_for_each(sync_folder_io)?;
        lock(&self.known).insert(folder.to_owned());
        Ok(())
    }
}

/// Makes the names in a folder and in all folders below it durable.
fn sync_folders(folder: &Path, durable: &DurableFolders) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = match entry.file_type() {
            // An active run of the query has removed the file since then.
            Err(e) if e.kind() == Io::NotFound => continue,
            kind => kind?,
        };
        if kind.is_dir() {
            sync_folders(&entry.path(), durable)?;
        }
    }
    sync_folder_io(folder)?;
    // Known once all is synced: an error ends the opening, and the folders above come last.
    lock(&durable.known).insert(folder.to_owned());
    Ok(())
}

/// Writes `path` as a whole. With `new` it must not exist: if it does, the result is false and nothing changes.
fn write(path: &Path, payload: &PutPayload, new: bool, folders: &DurableFolders) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    folders.ensure(folder)?;
    let (mut file, staged) = stage(path, folder)?;
    let content = payload.iter().try_for_each(|part| file.write_all(part));
    let written = content.and_then(|()| sync_file(&file, &staged)).and_then(|()| match new {
        true => std::fs::hard_link(&staged, path),
        false => std::fs::rename(&staged, path),
    });
    if new || written.is_err() {
        // A file that stays has a name that no listing shows.
        let _ = std::fs::remove_file(&staged);
    }
    let created = match written {
        Ok(()) => true,
        Err(e) if new && e.kind() == Io::AlreadyExists => false,
        Err(e) => return Err(e),
    };
    // Also where the name was taken: the caller is going to depend on the other writer's object.
    sync_folder_io(folder)?;
    Ok(created)
}

/// Creates a file beside `path`. Its name ends as that of object_store's own staged files, which it never lists.
fn stage(path: &Path, folder: &Path) -> io::Result<(File, PathBuf)> {
    for n in 1..=STAGED_MAX {
        let mut name = OsString::from(path);
        name.push(format!("#{n}"));
        match File::create_new(&name) {
            Ok(file) => return Ok((file, name.into())),
            Err(e) if e.kind() == Io::AlreadyExists => {}
            // Folders are created on demand, as in an object store. The loop ends: the next try finds the folder.
            Err(e) if e.kind() == Io::NotFound && !folder.is_dir() => make_folder_io(folder)?,
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other(format!("there are {STAGED_MAX} unfinished files beside it")))
}

/// Returns the error for an object of a checkpoint that cannot be read or written, naming the object, the store and the
/// cause: class `CHECKPOINT_IO`, or `DISK_FULL` for a full disk.
///
/// ```
/// use object_store::memory::InMemory;
/// use thalweg_storage::checkpoint_failed;
///
/// let cause = object_store::Error::Generic { store: "S3", source: "timeout".into() };
/// let error = checkpoint_failed("write", "plans/7", &InMemory::new(), &cause);
/// assert_eq!(error.class(), "CHECKPOINT_IO");
/// assert!(error.message().starts_with("Failed to write 'plans/7' of the checkpoint"));
/// ```
pub fn checkpoint_failed(
    verb: &str,
    name: &str,
    store: &dyn ObjectStore,
    cause: &Error,
) -> thalweg_common::Error {
    let system = system_error(cause);
    let full =
        matches!(system.map(io::Error::kind), Some(Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge));
    let (class, sqlstate, hint) = if full {
        (
            "DISK_FULL",
            "53100",
            "Free some space or raise the limit, then start the query again: nothing is lost.",
        )
    } else {
        let hint = "Check that the checkpoint's disk is there and writable, then start the query again.";
        ("CHECKPOINT_IO", "58030", hint)
    };
    let why = system.map_or_else(|| cause.to_string(), ToString::to_string);
    let message = format!("Failed to {verb} '{name}' of the checkpoint in {store}: {why}.");
    thalweg_common::Error::new(ErrorKind::Runtime, class, sqlstate, message)
        .param("path", format!("{store}/{name}"))
        .hint(hint)
}

/// The system's error that caused an error of a store, if any.
pub(crate) fn system_error(error: &Error) -> Option<&io::Error> {
    // object_store wraps it more than once, differently for each operation.
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(system) = inner.downcast_ref::<io::Error>() {
            return Some(system);
        }
        cause = inner.source();
    }
    None
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "checkpoint", source: source.into() }
}

fn refused(operation: &str, store: &DurableStore) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: store.to_string() }
}

#[async_trait]
impl ObjectStore for DurableStore {
    async fn put_opts(
        &self,
        location: &StorePath,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let new = match opts.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            // No checkpoint replaces an object by its version.
            PutMode::Update(_) => return Err(refused("put with PutMode::Update", self)),
        };
        let path = self.inner.path_to_filesystem(location)?;
        // Syncs take milliseconds, which a thread of the runtime must not wait for.
        let folders = Arc::clone(&self.folders);
        let done = tokio::task::spawn_blocking(move || write(&path, &payload, new, &folders)).await;
        match done.map_err(|source| Error::JoinError { source })? {
            Ok(true) => Ok(PutResult { e_tag: None, version: None }),
            Ok(false) => Err(Error::AlreadyExists {
                path: location.to_string(),
                source: Io::AlreadyExists.to_string().into(),
            }),
            Err(e) => Err(failed(e)),
        }
    }

    async fn put_multipart_opts(
        &self,
        _: &StorePath,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("an upload in parts", self))
    }

    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<StorePath>>,
    ) -> BoxStream<'static, Result<StorePath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &StorePath, _: &StorePath, _: CopyOptions) -> Result<()> {
        Err(refused("a copy", self))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sync::SyncFault;
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;

    fn create() -> PutOptions {
        PutOptions { mode: PutMode::Create, ..PutOptions::default() }
    }

    #[tokio::test]
    async fn the_first_to_create_an_object_decides_and_listings_show_no_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("plans")).unwrap();
        std::fs::write(dir.path().join("plans/7#1"), "half").unwrap();
        let store = DurableStore::open(dir.path()).unwrap();
        let at = StorePath::from("plans/7");
        store.put_opts(&at, "one".into(), create()).await.unwrap();
        let again = store.put_opts(&at, "two".into(), create()).await.unwrap_err();
        assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
        assert_eq!(store.get(&at).await.unwrap().bytes().await.unwrap(), "one");
        store.put(&at, "three".into()).await.unwrap();
        assert_eq!(store.get(&at).await.unwrap().bytes().await.unwrap(), "three");
        let names: Vec<_> = store.list(None).map_ok(|o| o.location.to_string()).try_collect().await.unwrap();
        assert_eq!(names, ["plans/7"]);
        let refused = store.copy(&at, &StorePath::from("x")).await.unwrap_err();
        assert!(matches!(refused, Error::NotImplemented { .. }), "{refused}");
    }

    /// A fault that never comes, which notes what is synced.
    fn noted(dir: &Path) -> SyncFault {
        SyncFault::new(dir, usize::MAX)
    }

    fn folders(dir: &Path) -> DurableFolders {
        DurableFolders { root: dir.to_owned(), known: Mutex::default() }
    }

    #[test]
    fn a_write_syncs_its_folder_and_those_above_it_also_where_it_came_second() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/0/1");
        let below = |names: &[&str]| names.iter().map(|n| dir.path().join(n)).collect::<Vec<_>>();
        let (folders, syncs) = (folders(dir.path()), noted(dir.path()));
        assert!(write(&path, &"one".into(), true, &folders).unwrap());
        assert_eq!(syncs.take_synced(), below(&["", "state", "state/0/1#1", "state/0"]));
        assert!(!write(&path, &"two".into(), true, &folders).unwrap());
        assert_eq!(syncs.take_synced(), below(&["state/0/1#1", "state/0"]));
        DurableStore::open(dir.path()).unwrap();
        assert_eq!(syncs.take_synced(), below(&["state/0", "state", ""]));
    }

    /// A write whose sync failed is not acknowledged, and the next one syncs everything again that it depends on.
    #[test]
    fn a_write_after_one_whose_sync_failed_is_durable() {
        for (before, synced_again) in [(0, 4), (1, 4), (2, 2), (3, 2)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state/0/1");
            let (folders, fault) = (folders(dir.path()), SyncFault::new(dir.path(), before));
            write(&path, &"one".into(), true, &folders).unwrap_err();
            assert!(fault.has_failed(), "sync {before}");
            fault.take_synced();
            // The last sync fails after the name is there, so that the second write comes second.
            assert_eq!(write(&path, &"one".into(), true, &folders).unwrap(), before < 3, "sync {before}");
            let again = fault.take_synced();
            assert_eq!((again.len(), again.last()), (synced_again, Some(&dir.path().join("state/0"))));
        }
    }

    #[test]
    fn a_folder_whose_name_could_not_be_synced_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let fault = SyncFault::new(dir.path(), 1);
        let folder = dir.path().join("a/b");
        make_folder(&folder).unwrap_err();
        assert!(fault.has_failed() && !folder.exists());
        make_folder(&folder).unwrap();
        assert_eq!(fault.take_synced(), [dir.path().to_owned(), dir.path().join("a")]);
    }
}
