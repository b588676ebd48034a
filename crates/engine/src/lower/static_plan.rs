//! Reads the bounded side of a join with a stream: a plan that runs as a batch for each epoch.
//!
//! The tables of the plan are opened each time, so that an epoch reads the newest version of a Delta table. Their
//! columns stay those that the query was planned with.

use super::meaning::RowMeaning;
use crate::batch::PlanOptions;
use crate::catalog::TableOpening;
use crate::engine::Engine;
use crate::session::Session;
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result as DfResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan};
use futures::TryStreamExt;
use std::fmt;
use std::sync::{Arc, Weak};
use thalweg_common::clock::PROCESSING_TIME;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_stream::{StaticRead, StaticTable, row_bytes};
use thalweg_values::errors::{from_arrow, from_datafusion};

/// A bounded plan, with how its tables are opened.
pub(super) struct StaticPlan {
    engine: Weak<Engine>,
    options: PlanOptions,
    plan: LogicalPlan,
    tables: Vec<(Arc<dyn TableProvider>, TableOpening)>,
}

impl fmt::Debug for StaticPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticPlan: {}", self.plan.display_indent())
    }
}

impl StaticPlan {
    /// `session` has opened the tables of the plan.
    pub(super) fn new(plan: LogicalPlan, session: &Session) -> Result<Self> {
        let mut tables = vec![];
        let collect = |node: &LogicalPlan| {
            if let LogicalPlan::TableScan(scan) = node {
                let table = source_as_provider(&scan.source)?;
                let opening = session.catalog.opened.find(&table);
                tables.extend(opening.map(|opening| (table, opening)));
            }
            Ok(TreeNodeRecursion::Continue)
        };
        plan.apply_with_subqueries(collect).map_err(from_datafusion)?;
        Ok(Self {
            engine: Arc::downgrade(&session.engine()?),
            options: session.plan_options(true),
            plan,
            tables,
        })
    }

    /// Describes the rows of a plan. Ids of columns differ between two starts of a query, so they are numbered by their
    /// places in the plan.
    pub(super) fn meaning(plan: &LogicalPlan) -> RowMeaning {
        let text = with_numbered_ids(&plan.display_indent().to_string());
        let columns = (0..plan.schema().fields().len()).map(|place| format!("column {place} of a table"));
        RowMeaning::of_source(format!("table[{}]", thalweg_stream::abbreviated(&text, 1000)), columns)
    }

    /// Returns the plan over the tables as they are now.
    async fn reopened(&self, processing_time_us: i64) -> Result<LogicalPlan> {
        let mut opened = vec![];
        for (before, opening) in &self.tables {
            let now = opening.open().await?;
            if !now.schema().fields().contains(before.schema().fields()) && now.schema() != before.schema() {
                return Err(changed(&opening.request.paths.join(", ")));
            }
            opened.push((before, now));
        }
        let time = ScalarValue::TimestampMicrosecond(Some(processing_time_us), Some("UTC".into()));
        let at_time = |e: Expr| match &e {
            Expr::ScalarFunction(f) if f.name() == PROCESSING_TIME => {
                Ok(Transformed::yes(Expr::Literal(time.clone(), None)))
            }
            _ => Ok(Transformed::no(e)),
        };
        let renew = |node: LogicalPlan| -> DfResult<Transformed<LogicalPlan>> {
            let node = match node {
                LogicalPlan::TableScan(mut scan) => {
                    let table = source_as_provider(&scan.source)?;
                    let found = opened.iter().find(|(before, _)| Arc::ptr_eq(before, &table));
                    if let Some((_, now)) = found {
                        scan.source = provider_as_source(Arc::clone(now));
                    }
                    LogicalPlan::TableScan(scan)
                }
                other => other,
            };
            node.map_expressions(|e| e.transform(at_time))
        };
        let plan = self.plan.clone().transform_up_with_subqueries(renew).map_err(from_datafusion)?;
        Ok(plan.data)
    }
}

#[async_trait]
impl StaticTable for StaticPlan {
    async fn read(&self, request: StaticRead) -> Result<RecordBatch> {
        let ended = || Error::internal("the engine of a streaming query has ended");
        let engine = self.engine.upgrade().ok_or_else(ended)?;
        let plan = self.reopened(request.processing_time_us).await?;
        collect(engine.runtime.run(&plan, self.options).await?, request.bytes_max).await
    }
}

/// Reads all rows, which may have `bytes_max` bytes.
async fn collect(mut rows: SendableRecordBatchStream, bytes_max: usize) -> Result<RecordBatch> {
    let (schema, mut batches, mut bytes) = (rows.schema(), vec![], 0);
    while let Some(batch) = rows.try_next().await.map_err(from_datafusion)? {
        bytes += row_bytes(&batch);
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        batches.push(batch);
    }
    concat_batches(&schema, &batches).map_err(from_arrow)
}

fn changed(table: &str) -> Error {
    let text = format!("The columns of the table '{table}', with which a stream is joined, have changed.");
    Error::new(ErrorKind::Runtime, "STREAM_STATIC_TABLE_CHANGED", "55019", text)
        .param("table", table)
        .hint("Start the query again: it then uses the new columns.")
}

fn too_large(bytes_max: usize) -> Error {
    let text = format!(
        "The bounded side of a join with a stream has more than {bytes_max} bytes. It is held in memory during an epoch."
    );
    Error::new(ErrorKind::Runtime, "STREAM_STATIC_TABLE_TOO_LARGE", "53200", text)
        .param("bytesMax", bytes_max.to_string())
        .hint("Select fewer columns and rows of the table before the join.")
}

/// Replaces the ids of columns, such as `#17`, by the order in which they appear.
fn with_numbered_ids(text: &str) -> String {
    let mut seen: Vec<&str> = vec![];
    let mut parts = text.split('#');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (id, rest) = part.split_at(end);
        let place = seen.iter().position(|known| *known == id).unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        numbered.push_str(&format!("#{place}{rest}"));
    }
    numbered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    /// As an aggregate emits its rows: slices of one batch.
    #[tokio::test]
    async fn a_table_that_comes_in_slices_counts_as_its_rows() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        let rows = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let slices = || {
            let slices: Vec<_> = (0..100).map(|i| Ok(rows.slice(i * 10, 10))).collect();
            let stream = RecordBatchStreamAdapter::new(rows.schema(), futures::stream::iter(slices));
            Box::pin(stream) as SendableRecordBatchStream
        };
        assert_eq!(collect(slices(), 8000).await.unwrap(), rows);
        let error = collect(slices(), 7999).await.unwrap_err();
        assert_eq!(error.class(), "STREAM_STATIC_TABLE_TOO_LARGE");
    }

    #[test]
    fn plans_that_differ_by_their_ids_have_one_text() {
        let text = super::with_numbered_ids("a: #12, #7\n  b: #7 + #12 as #3");
        assert_eq!(text, "a: #0, #1\n  b: #1 + #0 as #2");
    }
}
