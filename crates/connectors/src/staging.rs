//! Keeps the rows of sinks without a store between staging and commit.
//!
//! The rows live in this process only: after a crash their epoch is replayed and staged again.

use crate::stream::Staged;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use thalweg_common::fail_point::{FailPoint, hit};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};

/// Staged rows by key.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    next: AtomicU64,
    rows: Mutex<BTreeMap<u64, Vec<RecordBatch>>>,
}

impl Staging {
    /// Stages the rows of one worker; nothing is staged if there are no rows.
    pub(crate) fn stage(&self, rows: Vec<RecordBatch>) -> Option<Staged> {
        hit(FailPoint::SinkStage);
        let staged = self.put(rows);
        hit(FailPoint::SinkStaged);
        staged
    }

    fn put(&self, rows: Vec<RecordBatch>) -> Option<Staged> {
        let rows: Vec<_> = rows.into_iter().filter(|b| b.num_rows() > 0).collect();
        if rows.is_empty() {
            return None;
        }
        let key = self.next.fetch_add(1, Ordering::SeqCst);
        let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
        lock(&self.rows).insert(key, rows);
        Some(json!({"key": key, "rows": count}))
    }

    /// Returns the rows of `staged`, in its order and as rows of `schema`, and keeps them no longer.
    pub(crate) fn take(&self, staged: &[Staged], schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        let mut kept = lock(&self.rows);
        let mut all = Vec::new();
        for one in staged {
            let key = one.get("key").and_then(serde_json::Value::as_u64);
            let rows = key.and_then(|k| kept.remove(&k));
            all.extend(rows.ok_or_else(|| Error::internal("rows were staged by another process"))?);
        }
        drop(kept);
        all.into_iter().map(|batch| named(&batch, schema)).collect()
    }
}

/// The same rows with the names of `schema`: a query names its columns by ids.
fn named(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    // The number of rows is given, since a batch without columns has no other sign of it.
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)
        .map_err(|e| Error::internal(format!("rows of a sink: {e}")))
}
