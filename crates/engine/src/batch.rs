//! Bounded queries: a resolved plan through DataFusion's optimizer and executor.
//!
//! Only reviewed optimizer rules run and no analyzer rule does: the resolver's plan is complete.

use crate::engine::EngineConfig;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::Transformed;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::cancel::{CancelOnDrop, Cancellation};
use thalweg_logical::WatermarkNode;
use thalweg_resolver::ResolvedQuery;
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::with_interval_fields;

/// Share of the machine's memory that batch queries may hold together, unless configured.
const MEMORY_SHARE: f64 = 0.5;
/// How many batches of a partition of a result may wait for the partitions before it.
const PARTITION_BATCHES_MAX: usize = 16;
/// What is assumed where the machine does not tell its memory: 4 GiB.
const MEMORY_FALLBACK: usize = 4 << 30;

/// How one statement is planned.
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions {
    /// Whether the optimizer runs, beyond what a plan needs to run at all.
    pub optimize: bool,
    /// The most partitions that the user wants; none: as many as there are workers.
    pub partitions: Option<usize>,
}

/// Memory, disk and rules that all batch queries share.
#[derive(Debug)]
pub struct Runtime {
    environment: Arc<RuntimeEnv>,
    pub workers: usize,
}

impl Runtime {
    /// The runtime of an engine: bounded memory, spilling under the data directory.
    pub fn new(config: &EngineConfig) -> Result<Self> {
        let workers =
            config.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let limit = config.memory_limit.unwrap_or_else(default_memory);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limit)))
            .with_temp_file_path(config.data_dir.join("spill"))
            .build_arc()
            .map_err(from_datafusion)?;
        Ok(Self { environment, workers: workers.max(1) })
    }

    /// A state for one statement.
    pub fn state(&self, options: PlanOptions) -> SessionState {
        let PlanOptions { optimize, partitions } = options;
        // More partitions than threads would only cut the work into smaller pieces.
        let partitions = partitions.unwrap_or(self.workers).clamp(1, self.workers);
        let mut settings = thalweg_physical::session_config().with_target_partitions(partitions);
        // Dealing batches out to partitions in turn would lose the order of a scan's rows.
        settings.options_mut().optimizer.enable_round_robin_repartition = false;
        let builder = SessionStateBuilder::new()
            .with_config(settings)
            .with_runtime_env(self.environment.clone())
            .with_default_features()
            .with_analyzer_rules(vec![])
            .with_query_planner(thalweg_physical::query_planner())
            .with_physical_optimizer_rules(thalweg_physical::physical_optimizer_rules());
        let rules =
            if optimize { thalweg_physical::optimizer_rules() } else { thalweg_physical::required_rules() };
        builder.with_optimizer_rules(rules).build()
    }

    /// The physical plan of a bounded query.
    pub async fn physical(
        &self,
        plan: &LogicalPlan,
        options: PlanOptions,
    ) -> Result<(SessionState, Arc<dyn ExecutionPlan>)> {
        let state = self.state(options);
        let bounded = without_watermarks(plan.clone())?;
        let physical = state.create_physical_plan(&bounded).await.map_err(from_datafusion)?;
        Ok((state, physical))
    }

    /// Runs a bounded query; the columns still have their inner ids. It ends when the work that asks for it is
    /// cancelled, and when its rows are dropped.
    pub async fn run(&self, plan: &LogicalPlan, options: PlanOptions) -> Result<SendableRecordBatchStream> {
        let (state, physical) = self.physical(plan, options).await?;
        let cancellation = Cancellation::current().part();
        let physical = thalweg_physical::interruptible(physical, &cancellation).map_err(from_datafusion)?;
        let schema = physical.schema();
        let parts = execute_stream_partitioned(physical, state.task_ctx()).map_err(from_datafusion)?;
        let rows = one_after_another(schema.clone(), parts);
        let unwanted = CancelOnDrop(cancellation);
        let rows = rows.inspect(move |_| {
            let _held_as_long_as_the_rows = &unwanted;
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// The partitions of a result in their order, which is Spark's order where a query asks for none. All
/// of them run at once; those behind the first wait when [`PARTITION_BATCHES_MAX`] lie ready.
fn one_after_another(schema: SchemaRef, parts: Vec<SendableRecordBatchStream>) -> SendableRecordBatchStream {
    let several = parts.len() > 1;
    let ahead = |part| if several { spawn_buffered(part, PARTITION_BATCHES_MAX) } else { part };
    let parts: Vec<_> = parts.into_iter().map(ahead).collect();
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(parts).flatten()))
}

/// A watermark means nothing where all rows are there: takes the nodes out.
pub fn without_watermarks(plan: LogicalPlan) -> Result<LogicalPlan> {
    let strip = |node: LogicalPlan| match &node {
        LogicalPlan::Extension(Extension { node: inner }) => {
            match inner.as_any().downcast_ref::<WatermarkNode>() {
                Some(watermark) => Ok(Transformed::yes(watermark.input.clone())),
                None => Ok(Transformed::no(node)),
            }
        }
        _ => Ok(Transformed::no(node)),
    };
    plan.transform_up_with_subqueries(strip).map(|t| t.data).map_err(from_datafusion)
}

/// The schema of a resolved query under the users' names.
pub fn named_schema(resolved: &ResolvedQuery) -> SchemaRef {
    let inner = resolved.plan.schema();
    let fields = resolved.columns.iter().zip(inner.fields()).map(|(column, field)| {
        let named = Field::new(&column.name, field.data_type().clone(), column.nullable);
        with_interval_fields(named, &column.data_type)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows under the users' names.
pub fn named(rows: SendableRecordBatchStream, schema: SchemaRef) -> BoxStream<'static, Result<RecordBatch>> {
    rows.map(move |batch| rename(&batch.map_err(from_datafusion)?, &schema)).boxed()
}

fn rename(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns: Vec<ArrayRef> = batch.columns().to_vec();
    // The plan may be laxer about nulls inside nested types than the schema says; the data are the same.
    let fields = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(f, c)| Field::new(f.name(), c.data_type().clone(), f.is_nullable() || c.null_count() > 0));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|e| from_datafusion(e.into()))
}

fn default_memory() -> usize {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<usize>().ok());
    total.map_or(MEMORY_FALLBACK, |kib| (kib as f64 * 1024.0 * MEMORY_SHARE) as usize)
}
