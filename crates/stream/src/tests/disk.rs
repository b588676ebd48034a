//! Tests failing disks, corrupt files and checkpoints of other queries: a clear error, and no loss.

use super::behaviour::rows;
use super::env::*;
use crate::{OperatorSpec, OutputMode};
use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::*;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use thalweg_storage::DurableStore;
use thalweg_storage::durable::SyncFault;

/// A store whose n-th write and all later ones fail, as on a full disk. Alternatively the n-th write
/// succeeds, but its acknowledgement is lost.
#[derive(Debug)]
struct Failing {
    inner: Arc<dyn ObjectStore>,
    writes_left: AtomicI64,
    lose_acknowledgement: bool,
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failing")
    }
}

fn full() -> object_store::Error {
    object_store::Error::Generic { store: "disk", source: "no space left on device".into() }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let left = self.writes_left.fetch_sub(1, Ordering::SeqCst);
        if left <= 0 && !self.lose_acknowledgement {
            return Err(full());
        }
        let done = self.inner.put_opts(location, payload.clone(), opts.clone()).await;
        if left == 0 && done.is_ok() && opts.mode == PutMode::Create {
            // A client that gets no acknowledgement tries again.
            return self.inner.put_opts(location, payload, opts).await;
        }
        done
    }
    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_on_a_real_disk_survives_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let all = rows(3, 90);
    let mut env = TestEnv::new(&all[..50], &[3; 40]);
    env.store = Arc::new(local::LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    env.run(&RunOptions { drain: false, ..RunOptions::new(windowed(5)).workers(3) }).await.unwrap();
    env.source.append(&batch(&all[50..]));
    env.run(&RunOptions::new(windowed(5)).workers(2)).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
    let taken = folder.path().join("q/generations").read_dir().unwrap().count();
    assert_eq!(taken, 1, "generations before the newest one were not deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_ends_the_run_and_the_next_one_depends_on_nothing_that_was_not_synced() {
    for before in (0..).step_by(3) {
        let folder = tempfile::tempdir().unwrap();
        let mut env = TestEnv::new(&rows(3, 40), &[9, 1, 20]);
        let fault = SyncFault::new(folder.path(), before);
        let mut run = async |workers| {
            env.store = DurableStore::open(&folder.path().join("checkpoint"))?;
            env.run(&RunOptions::new(windowed(5)).workers(workers)).await.map(drop)
        };
        let first = run(2).await;
        if !fault.has_failed() {
            first.unwrap();
            assert!(before > 30, "only {before} syncs");
            break;
        }
        first.unwrap_err();
        run(1).await.unwrap();
        assert_eq!(env.answer().unwrap(), expect(&rows(3, 40)), "sync {before}");
        assert_eq!(fault.never_synced().unwrap(), Vec::<std::path::PathBuf>::new(), "sync {before}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_worker_ends_the_query_and_the_next_run_continues() {
    use datafusion::logical_expr::{Volatility, create_udf};
    let env = TestEnv::new(&rows(3, 40), &EPOCH_ROWS);
    let fun = create_udf(
        "panics",
        vec![arrow::datatypes::DataType::Int64],
        arrow::datatypes::DataType::Boolean,
        Volatility::Volatile,
        Arc::new(|_| panic!("a function panicked, as the test wants")),
    );
    let bad = datafusion::physical_expr::ScalarFunctionExpr::new(
        "panics",
        Arc::new(fun),
        vec![datafusion::physical_expr::expressions::col("v", &input_schema()).unwrap()],
        Arc::new(arrow::datatypes::Field::new("panics", arrow::datatypes::DataType::Boolean, true)),
        Arc::default(),
    );
    let mut operators = windowed(5);
    operators.insert(0, OperatorSpec::Stateless(vec![crate::StatelessStep::Filter(Arc::new(bad))]));
    let error = env.run(&RunOptions::new(operators).workers(3)).await.unwrap_err();
    assert_eq!(error.class(), "INTERNAL_ERROR");
    assert!(error.message().contains("as the test wants"), "{error}");
    env.run(&RunOptions::new(windowed(5)).workers(2)).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&rows(3, 40)));
}

const EPOCH_ROWS: [usize; 6] = [9, 1, 20, 1, 9, 30];

async fn with_failing_disk(
    writes: i64,
    lose_acknowledgement: bool,
) -> (TestEnv, Result<(), thalweg_common::Error>) {
    let mut env = TestEnv::new(&rows(3, 90), &EPOCH_ROWS);
    let sound = Arc::clone(&env.store);
    let writes_left = AtomicI64::new(writes);
    env.store = Arc::new(Failing { inner: Arc::clone(&sound), writes_left, lose_acknowledgement });
    let ended = env.run(&RunOptions::new(windowed(5)).workers(2)).await.map(drop);
    env.store = sound;
    (env, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_at_any_write_is_a_clear_error_and_loses_nothing() {
    let mut failures = 0;
    for writes in 0..40 {
        let (env, ended) = with_failing_disk(writes, false).await;
        if let Err(error) = ended {
            failures += 1;
            assert_eq!(error.class(), "CHECKPOINT_IO", "{error}");
            assert!(error.message().contains("no space left"), "{error}");
        }
        env.run(&RunOptions::new(windowed(5))).await.unwrap();
        assert_eq!(env.answer().unwrap(), expect(&rows(3, 90)), "write {writes}");
    }
    assert!(failures > 20, "only {failures} failures");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_of_any_write_is_not_an_error() {
    for write in 0..30 {
        let (env, ended) = with_failing_disk(write, true).await;
        ended.unwrap_or_else(|e| panic!("write {write}: {e}"));
        assert_eq!(env.answer().unwrap(), expect(&rows(3, 90)), "write {write}");
    }
}

async fn partial_run() -> TestEnv {
    let all = rows(3, 90);
    let env = TestEnv::new(&all[..60], &EPOCH_ROWS);
    env.run(&RunOptions { drain: false, ..RunOptions::new(windowed(5)) }).await.unwrap();
    env.source.append(&batch(&all[60..]));
    env
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_file_is_named_and_restoring_it_repairs_the_checkpoint() {
    let env = partial_run().await;
    let everything: Vec<_> = env.store.list(None).try_collect().await.unwrap();
    let newest = |folder: &str| {
        let inside = everything.iter().filter(|m| m.location.as_ref().contains(folder));
        inside.map(|m| m.location.clone()).max().unwrap()
    };
    for (folder, damage) in
        [("/state/", "flip"), ("/state/", "cut"), ("/state/", "gone"), ("/manifests/", "flip")]
    {
        let path = newest(folder);
        let good = env.store.get(&path).await.unwrap().bytes().await.unwrap();
        let mut bad = good.to_vec();
        let middle = bad.len() / 2;
        match damage {
            "flip" => bad[middle] ^= 1,
            "cut" => bad.truncate(middle),
            _ => env.store.delete(&path).await.unwrap(),
        }
        if damage != "gone" {
            env.store.put(&path, bad.into()).await.unwrap();
        }
        let error = env.start(&RunOptions::new(windowed(5))).await.unwrap_err();
        assert_eq!(error.class(), "STREAM_SNAPSHOT_CORRUPT", "{folder} {damage}: {error}");
        assert!(error.message().contains(path.filename().unwrap()), "{error} does not name {path}");
        env.store.put(&path, good.into()).await.unwrap();
    }
    env.run(&RunOptions::new(windowed(5)).workers(3)).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&rows(3, 90)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checkpoint_of_another_query_is_refused() {
    let env = partial_run().await;
    let other = RunOptions { fingerprint: "something else".to_owned(), ..RunOptions::new(windowed(5)) };
    let error = env.start(&other).await.unwrap_err();
    assert_eq!(error.class(), "STREAM_STATE_INCOMPATIBLE");
    for text in ["something else", "sum by window"] {
        assert!(error.message().contains(text), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_lost_what_was_committed_is_refused() {
    let env = partial_run().await;
    env.target.roll_back();
    let back = env.start(&RunOptions::new(windowed(5))).await.unwrap_err();
    env.target.forget();
    let forgot = env.start(&RunOptions::new(windowed(5))).await.unwrap_err();
    assert_eq!((back.class(), forgot.class()), ("STREAM_SINK_LOST_COMMITS", "STREAM_SINK_LOST_COMMITS"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expression_that_fails_ends_the_query_with_its_own_error() {
    let env = TestEnv::new(&rows(3, 10), &EPOCH_ROWS);
    let bad =
        OperatorSpec::Stateless(vec![crate::StatelessStep::Unnest { column: 0, schema: input_schema() }]);
    let run = RunOptions { mode: OutputMode::Append, ..RunOptions::new(vec![bad]).workers(3) };
    let error = env.run(&run).await.unwrap_err();
    assert_eq!(error.class(), "UNSUPPORTED_FEATURE");
    env.run(&RunOptions::new(vec![])).await.unwrap();
    assert_eq!(env.values().len(), 10);
}
