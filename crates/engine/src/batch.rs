//! Optimizes and executes bounded queries with DataFusion.
//!
//! Only reviewed optimizer rules run, and no analyzer rule: the resolver's plan is complete.

use crate::engine::EngineConfig;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::Transformed;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::cancel::{CancelOnDrop, Cancellation};
use thalweg_logical::LogicalExtension;
use thalweg_resolver::ResolvedQuery;
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::with_interval_fields;

/// The share of the machine's memory that all batch queries together may use, unless configured.
const MEMORY_SHARE: f64 = 0.5;
/// The largest number of batches of a partition of a result that wait for the partitions before it.
// All partitions run at once: without a bound, those after the first would collect their whole result in memory.
const PARTITION_BATCHES_MAX: usize = 16;
/// The memory that is assumed if the operating system does not report it, in bytes.
const MEMORY_FALLBACK: usize = 4 << 30;

/// The planning options of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanOptions {
    /// Whether the optimizer runs, beyond the rules that some plans need to run at all.
    pub optimize: bool,
    /// The largest number of partitions that the user set; none is one for each worker.
    pub partitions: Option<usize>,
}

/// The memory, disk and rules that all batch queries share.
#[derive(Debug)]
pub(crate) struct Runtime {
    environment: Arc<RuntimeEnv>,
    pub workers: usize,
}

impl Runtime {
    /// Creates the runtime of an engine: bounded memory, and spill files under the data directory.
    pub(crate) fn new(config: &EngineConfig) -> Result<Self> {
        let workers =
            config.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let limit = config.memory_limit.unwrap_or_else(default_memory);
        let environment = RuntimeEnvBuilder::new()
            // This pool gives each operator that can spill an even share, so one of them cannot starve the others.
            .with_memory_pool(Arc::new(FairSpillPool::new(limit)))
            .with_temp_file_path(config.data_dir.join("spill"))
            .build_arc()
            .map_err(from_datafusion)?;
        Ok(Self { environment, workers: workers.max(1) })
    }

    /// Creates the DataFusion state of one statement.
    pub(crate) fn state(&self, options: PlanOptions) -> SessionState {
        let PlanOptions { optimize, partitions } = options;
        // More partitions than threads would only split the work into smaller pieces.
        let partitions = partitions.unwrap_or(self.workers).clamp(1, self.workers);
        let mut settings = thalweg_physical::session_config().with_target_partitions(partitions);
        // Round-robin distribution of batches to partitions would lose the order of a scan's rows.
        settings.options_mut().optimizer.enable_round_robin_repartition = false;
        let builder = SessionStateBuilder::new()
            .with_config(settings)
            .with_runtime_env(self.environment.clone())
            .with_default_features()
            // The resolver has done their work: DataFusion's coercion would change its types.
            .with_analyzer_rules(vec![])
            .with_query_planner(thalweg_physical::query_planner())
            .with_physical_optimizer_rules(thalweg_physical::physical_optimizer_rules());
        let rules =
            if optimize { thalweg_physical::optimizer_rules() } else { thalweg_physical::required_rules() };
        builder.with_optimizer_rules(rules).build()
    }

    /// Creates the physical plan of a bounded query.
    pub(crate) async fn physical(
        &self,
        plan: &LogicalPlan,
        options: PlanOptions,
    ) -> Result<(SessionState, Arc<dyn ExecutionPlan>)> {
        let state = self.state(options);
        let bounded = without_watermarks(plan.clone())?;
        let physical = state.create_physical_plan(&bounded).await.map_err(from_datafusion)?;
        Ok((state, physical))
    }

    /// Runs a bounded query; the columns still have their internal ids. The query ends when the work that started it
    /// is cancelled, and when its rows are dropped.
    pub(crate) async fn run(
        &self,
        plan: &LogicalPlan,
        options: PlanOptions,
    ) -> Result<SendableRecordBatchStream> {
        let (state, physical) = self.physical(plan, options).await?;
        // A part: the query also ends alone, when its rows are dropped.
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

/// Concatenates the partitions of a result in their order, which is Spark's order where a query has no ORDER BY. All
/// of them run at once; those after the first wait when [`PARTITION_BATCHES_MAX`] batches are ready.
fn one_after_another(schema: SchemaRef, parts: Vec<SendableRecordBatchStream>) -> SendableRecordBatchStream {
    let several = parts.len() > 1;
    // One partition needs no task of its own, and its reader sets the pace.
    let ahead = |part| if several { spawn_buffered(part, PARTITION_BATCHES_MAX) } else { part };
    let parts: Vec<_> = parts.into_iter().map(ahead).collect();
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(parts).flatten()))
}

/// Removes watermark nodes, which have no meaning for bounded inputs.
pub(crate) fn without_watermarks(plan: LogicalPlan) -> Result<LogicalPlan> {
    let strip = |node: LogicalPlan| match LogicalExtension::at(&node) {
        Some(LogicalExtension::Watermark(watermark)) => Ok(Transformed::yes(watermark.input.clone())),
        Some(
            LogicalExtension::Generate(_)
            | LogicalExtension::SequentialProjection(_)
            | LogicalExtension::ComputeOnce(_)
            | LogicalExtension::Deduplicate(_),
        )
        | None => Ok(Transformed::no(node)),
    };
    plan.transform_up_with_subqueries(strip).map(|t| t.data).map_err(from_datafusion)
}

/// Returns the schema of a resolved query with the users' names.
pub(crate) fn named_schema(resolved: &ResolvedQuery) -> SchemaRef {
    let inner = resolved.plan.schema();
    let fields = resolved.columns.iter().zip(inner.fields()).map(|(column, field)| {
        let named = Field::new(&column.name, field.data_type().clone(), column.nullable);
        with_interval_fields(named, &column.data_type)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Renames the columns of rows to the users' names.
pub(crate) fn named(
    rows: SendableRecordBatchStream,
    schema: SchemaRef,
) -> BoxStream<'static, Result<RecordBatch>> {
    rows.map(move |batch| rename(&batch.map_err(from_datafusion)?, &schema)).boxed()
}

fn rename(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    // A batch without columns still has rows.
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns: Vec<ArrayRef> = batch.columns().to_vec();
    // The plan may allow nulls inside nested types where the schema does not; the data are the same.
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
