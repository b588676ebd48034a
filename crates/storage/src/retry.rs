//! Repeats operations whose failure may pass, such as a timeout or an I/O error of a disk in a network.
//!
//! An operation is tried at most [`ATTEMPTS_MAX`] times with growing pauses; then its error is returned. Errors that stay
//! until somebody acts are returned at once: a full disk, a missing permission. What always holds: a repeated creation
//! that finds its own object reports success, since the answer to the first one was lost; one that finds the object of
//! somebody else reports that it exists.

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::future::Future;
use std::io::{self, ErrorKind as Io};
use std::sync::Arc;
use std::time::Duration;

/// How often an operation is tried.
pub const ATTEMPTS_MAX: u32 = 8;
/// The pause after the first failure; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause. All pauses together take at most 5.2 s.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Returns the pause before the attempt after `failures` failed ones; none if that was the last.
///
/// ```
/// use std::time::Duration;
/// use thalweg_storage::{ATTEMPTS_MAX, pause_after};
///
/// assert_eq!(pause_after(1), Some(Duration::from_millis(50)));
/// assert_eq!(pause_after(2), Some(Duration::from_millis(100)));
/// assert_eq!(pause_after(ATTEMPTS_MAX), None);
/// ```
pub fn pause_after(failures: u32) -> Option<Duration> {
    let doubled = PAUSE_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    (failures < ATTEMPTS_MAX).then_some(doubled.min(PAUSE_MAX))
}

/// Returns whether an I/O error may pass by itself.
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use thalweg_storage::is_transient_io;
///
/// assert!(is_transient_io(&Error::from(ErrorKind::TimedOut)));
/// assert!(!is_transient_io(&Error::from(ErrorKind::StorageFull)));
/// ```
pub fn is_transient_io(error: &io::Error) -> bool {
    // A list of what stays, and not of what passes: systems have many errors, and repeating one that stays only costs
    // time.
    !matches!(
        error.kind(),
        Io::StorageFull
            | Io::QuotaExceeded
            | Io::FileTooLarge
            | Io::PermissionDenied
            | Io::ReadOnlyFilesystem
            | Io::NotFound
            | Io::AlreadyExists
            | Io::NotADirectory
            | Io::IsADirectory
            | Io::InvalidInput
            | Io::InvalidFilename
            | Io::Unsupported
    )
}

/// Returns whether an error of a sink or a checkpoint may pass by itself: it reports an I/O error whose cause is not one
/// that stays until somebody acts.
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use thalweg_storage::durable::write_failed;
/// use thalweg_storage::is_transient;
///
/// assert!(is_transient(&write_failed("/t".as_ref(), &Error::from(ErrorKind::TimedOut))));
/// assert!(!is_transient(&write_failed("/t".as_ref(), &Error::from(ErrorKind::StorageFull))));
/// ```
pub fn is_transient(error: &thalweg_common::Error) -> bool {
    // The classes of errors with another known cause are others: DISK_FULL, PATH_NOT_WRITABLE.
    error.class() == crate::durable::WRITE_FAILED
}

/// A store that repeats the operations of another one.
#[derive(Debug)]
pub struct RetryingStore {
    inner: Arc<dyn ObjectStore>,
    /// Whether it pauses between two attempts; tests do not.
    pauses: bool,
}

impl RetryingStore {
    /// Creates the store over `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self { inner, pauses: true })
    }

    #[cfg(test)]
    fn without_pauses(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, pauses: false }
    }
}

impl std::fmt::Display for RetryingStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

/// Tries `operation` until it succeeds, fails for good, or was tried often enough. It gets the number of failures so far.
async fn retry<T, F: Future<Output = Result<T>>>(pauses: bool, operation: impl Fn(u32) -> F) -> Result<T> {
    let mut failures = 0;
    loop {
        let error = match operation(failures).await {
            Err(error) if may_pass(&error) => error,
            other => return other,
        };
        failures += 1;
        let Some(pause) = pause_after(failures) else { return Err(error) };
        tracing::warn!(%error, failures, "an operation of a checkpoint is repeated");
        if pauses {
            tokio::time::sleep(pause).await;
        }
    }
}

fn may_pass(error: &Error) -> bool {
    match error {
        // Without an I/O error it is the answer of a server, such as one that is overloaded.
        Error::Generic { .. } => crate::durable_store::system_error(error).is_none_or(is_transient_io),
        // All others say what is wrong: a missing object, a condition that does not hold, a permission.
        _ => false,
    }
}

/// Creates an object; also if an earlier attempt has created it and its answer was lost.
async fn create_own(
    store: &dyn ObjectStore,
    location: &Path,
    (payload, opts): (&PutPayload, PutOptions),
    failures: u32,
) -> Result<PutResult> {
    // A replacement may be repeated as it is: the last one counts, and it is the same.
    let is_create = opts.mode == PutMode::Create;
    let done = store.put_opts(location, payload.clone(), opts).await;
    let taken = matches!(done, Err(Error::AlreadyExists { .. }));
    if !(is_create && taken && failures > 0) {
        return done;
    }
    // Two runs never create the same bytes under one name: records contain what is unique to the run.
    let there = store.get(location).await?.bytes().await?;
    let own: Vec<u8> = payload.iter().flat_map(|part| part.to_vec()).collect();
    if there == own { Ok(PutResult { e_tag: None, version: None }) } else { done }
}

/// Reads an object, or a range of it, into memory. A store only opens the object: a disk reports its errors when the bytes
/// are read, after which the caller could not repeat them.
async fn read(store: &dyn ObjectStore, location: &Path, options: GetOptions) -> Result<GetResult> {
    let is_head = options.head;
    let found = store.get_opts(location, options).await?;
    if is_head {
        return Ok(found);
    }
    let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
    let bytes = found.bytes().await?;
    let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
    Ok(GetResult { payload, meta, range, attributes })
}

#[async_trait]
impl ObjectStore for RetryingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        retry(self.pauses, |failures| {
            create_own(self.inner.as_ref(), location, (&payload, opts.clone()), failures)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // Nothing in a checkpoint is written in parts, which could not be repeated one by one.
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        // Everything in a checkpoint is read in pieces of a bounded size, all of which are needed at once.
        retry(self.pauses, |_| read(self.inner.as_ref(), location, options.clone())).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, pauses) = (Arc::clone(&self.inner), self.pauses);
        let delete = move |location: Result<Path>| {
            let inner = Arc::clone(&inner);
            async move {
                let location = location?;
                let deleted = retry(pauses, |failures| {
                    let (inner, location) = (Arc::clone(&inner), location.clone());
                    async move {
                        match inner.delete(&location).await {
                            // An earlier attempt has deleted it.
                            Err(Error::NotFound { .. }) if failures > 0 => Ok(()),
                            other => other,
                        }
                    }
                });
                deleted.await.map(|()| location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, pauses, prefix) = (Arc::clone(&self.inner), self.pauses, prefix.cloned());
        // As a whole: a listing that was cut off cannot go on where it ended.
        let listed =
            async move { retry(pauses, |_| inner.list(prefix.as_ref()).try_collect::<Vec<_>>()).await };
        stream::once(listed).map_ok(|all| stream::iter(all.into_iter().map(Ok))).try_flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, pauses, prefix, offset) =
            (Arc::clone(&self.inner), self.pauses, prefix.cloned(), offset.clone());
        let listed = async move {
            let list = |_| inner.list_with_offset(prefix.as_ref(), &offset).try_collect::<Vec<_>>();
            retry(pauses, list).await
        };
        stream::once(listed).map_ok(|all| stream::iter(all.into_iter().map(Ok))).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        retry(self.pauses, |_| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::DurableStore;
    use crate::sync::SyncFault;
    use object_store::memory::InMemory;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    fn create() -> PutOptions {
        PutOptions { mode: PutMode::Create, ..PutOptions::default() }
    }

    /// The answer to a write is lost when the sync after it fails: the object is there.
    #[tokio::test]
    async fn a_creation_whose_answer_was_lost_finds_its_own_object_and_no_other() {
        for before in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let store = RetryingStore::without_pauses(DurableStore::open(dir.path()).unwrap());
            let fault = SyncFault::new(dir.path(), before);
            let at = Path::from("plans/7");
            store.put_opts(&at, "one".into(), create()).await.unwrap();
            assert_eq!(fault.has_failed(), before < 3, "sync {before}");
            let other = store.put_opts(&at, "two".into(), create()).await.unwrap_err();
            assert!(matches!(other, Error::AlreadyExists { .. }), "{other}");
            assert_eq!(store.get(&at).await.unwrap().bytes().await.unwrap(), "one");
            assert_eq!(store.list_with_offset(None, &Path::from("plans/6")).count().await, 1);
            store.delete(&at).await.unwrap();
            assert_eq!(store.list(None).count().await, 0);
        }
    }

    /// A store in memory, which opens an object and then fails to read its bytes.
    #[derive(Debug)]
    struct FailingReads {
        inner: InMemory,
        failures_left: AtomicU32,
    }

    impl std::fmt::Display for FailingReads {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.inner.fmt(f)
        }
    }

    #[async_trait]
    impl ObjectStore for FailingReads {
        async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
            self.inner.put_opts(at, payload, opts).await
        }
        async fn put_multipart_opts(
            &self,
            at: &Path,
            opts: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.inner.put_multipart_opts(at, opts).await
        }
        async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
            let mut found = self.inner.get_opts(at, options).await?;
            if self.failures_left.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok() {
                let source = io::Error::from(Io::TimedOut).into();
                let failed = Err(Error::Generic { store: "disk", source });
                found.payload = GetResultPayload::Stream(stream::once(async { failed }).boxed());
            }
            Ok(found)
        }
        fn delete_stream(&self, all: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            self.inner.delete_stream(all)
        }
        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.inner.list(prefix)
        }
        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.inner.list_with_delimiter(prefix).await
        }
        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.inner.copy_opts(from, to, options).await
        }
    }

    #[tokio::test]
    async fn a_read_is_tried_again_when_its_bytes_fail() {
        let at = Path::from("manifests/7");
        for (failures, whole) in [(ATTEMPTS_MAX - 1, true), (ATTEMPTS_MAX, false)] {
            let inner = FailingReads { inner: InMemory::new(), failures_left: AtomicU32::new(failures) };
            inner.put_opts(&at, "state".into(), create()).await.unwrap();
            let store = RetryingStore::without_pauses(Arc::new(inner));
            let found = store.get(&at).await;
            assert_eq!(found.is_ok(), whole, "{failures} failures");
            if let Ok(found) = found {
                assert_eq!((found.meta.size, found.range.clone()), (5, 0..5));
                assert_eq!(found.bytes().await.unwrap(), "state");
                assert_eq!(store.get_range(&at, 1..3).await.unwrap(), "ta");
                assert_eq!(store.head(&at).await.unwrap().size, 5);
            }
        }
    }

    #[tokio::test]
    async fn an_operation_is_tried_again_while_its_error_may_pass() {
        let generic = |kind: Io| Error::Generic { store: "disk", source: io::Error::from(kind).into() };
        for (kind, times) in [(Io::TimedOut, ATTEMPTS_MAX), (Io::StorageFull, 1), (Io::PermissionDenied, 1)] {
            let tried = std::cell::Cell::new(0);
            let failing = |_| {
                tried.set(tried.get() + 1);
                async { Err::<(), _>(generic(kind)) }
            };
            retry(false, failing).await.unwrap_err();
            assert_eq!(tried.get(), times, "{kind:?}");
        }
        let last =
            retry(
                false,
                |n| async move { if n + 1 < ATTEMPTS_MAX { Err(generic(Io::TimedOut)) } else { Ok(n) } },
            );
        assert_eq!(last.await.unwrap(), ATTEMPTS_MAX - 1);
    }
}
