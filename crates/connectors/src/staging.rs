//! Rows that a sink without a store keeps between staging and commit.
//!
//! They live in this process only: after a crash their epoch is replayed and staged again.

use crate::stream::Staged;
use arrow::record_batch::RecordBatch;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};

/// Staged rows by key.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    next: AtomicU64,
    rows: Mutex<BTreeMap<u64, Vec<RecordBatch>>>,
}

impl Staging {
    /// Keeps the rows of one worker; none if there are no rows.
    pub(crate) fn put(&self, rows: Vec<RecordBatch>) -> Option<Staged> {
        let rows: Vec<_> = rows.into_iter().filter(|b| b.num_rows() > 0).collect();
        if rows.is_empty() {
            return None;
        }
        let key = self.next.fetch_add(1, Ordering::SeqCst);
        let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
        lock(&self.rows).insert(key, rows);
        Some(json!({"key": key, "rows": count}))
    }

    /// The rows behind `staged`, in its order; they are not kept any longer.
    pub(crate) fn take(&self, staged: &[Staged]) -> Result<Vec<RecordBatch>> {
        let mut kept = lock(&self.rows);
        let mut all = Vec::new();
        for one in staged {
            let key = one.get("key").and_then(serde_json::Value::as_u64);
            let rows = key.and_then(|k| kept.remove(&k));
            all.extend(rows.ok_or_else(|| Error::internal("rows were staged by another process"))?);
        }
        Ok(all)
    }
}
