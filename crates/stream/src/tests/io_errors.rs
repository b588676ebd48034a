//! Fails every single call of the checkpoint's store, once: the query ends with an error that names the call, or goes
//! on, and a later run has the right rows.

use super::behaviour::rows;
use super::env::*;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::*;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A store whose n-th call of one kind fails.
#[derive(Debug)]
struct FailingCall {
    inner: Arc<dyn ObjectStore>,
    kind: &'static str,
    left: AtomicI64,
}

impl std::fmt::Display for FailingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FailingCall")
    }
}

impl FailingCall {
    fn call(&self, kind: &'static str) -> Result<()> {
        if kind == self.kind && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(object_store::Error::Generic {
                store: "disk",
                source: "the test broke the disk".into(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for FailingCall {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.call("put")?;
        self.inner.put_opts(location, payload, opts).await
    }
    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.call("get")?;
        self.inner.get_opts(location, options).await
    }
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.call("get")?;
        self.inner.get_ranges(location, ranges).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.call("delete") {
            Ok(()) => self.inner.delete_stream(locations),
            Err(e) => stream::iter([Err(e)]).boxed(),
        }
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.call("list") {
            Ok(()) => self.inner.list(prefix),
            Err(e) => stream::iter([Err(e)]).boxed(),
        }
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call("list")?;
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

const EPOCH_ROWS: [usize; 9] = [9, 1, 20, 1, 9, 10, 3, 3, 3];

/// Runs a query twice over a checkpoint of which one call fails. Returns whether that call was made.
async fn with_failing_call(kind: &'static str, number: i64) -> bool {
    let all = rows(3, 90);
    let mut env = TestEnv::new(&all[..50], &EPOCH_ROWS);
    let run = RunOptions { drain: false, ..RunOptions::new(windowed(5)).workers(2) };
    // A checkpoint with state, so that the calls of a recovery are among those that fail.
    env.run(&run).await.unwrap();
    env.source.append(&batch(&all[50..]));
    let sound = Arc::clone(&env.store);
    let failing = Arc::new(FailingCall { inner: Arc::clone(&sound), kind, left: AtomicI64::new(number) });
    env.store = failing.clone();
    if let Err(error) = env.run(&run).await {
        assert_eq!(error.class(), "CHECKPOINT_IO", "{kind} {number}: {error}");
        assert!(error.message().contains("broke the disk"), "{kind} {number}: {error}");
    }
    env.store = sound;
    env.run(&RunOptions::new(windowed(5)).workers(3)).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all), "{kind} {number}");
    failing.left.load(Ordering::SeqCst) < 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_any_call_loses_and_repeats_nothing() {
    for kind in ["put", "get", "list", "delete"] {
        let mut number = 0;
        while with_failing_call(kind, number).await {
            // Epochs repeat the same calls, so that later ones are tried in larger steps.
            number += if number < 20 { 1 } else { 7 };
        }
        assert!(number > 4, "only {number} calls of {kind}");
    }
}
