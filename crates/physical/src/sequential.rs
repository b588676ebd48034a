//! Computes the columns of a [`SequentialProjectionNode`] batch by batch.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::{
    UserDefinedLogicalNodeCore, physical_planning_context::PhysicalPlanningContext,
};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::StreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use thalweg_logical::SequentialProjectionNode;

/// A column to compute: its expression over the columns at these places.
#[derive(Debug)]
struct Computation {
    expr: Arc<dyn PhysicalExpr>,
    /// Places among the input's columns and the columns computed so far.
    reads: Vec<usize>,
    /// The schema of the columns at `reads`.
    schema: SchemaRef,
}

/// The columns of a batch: those of the input, the computed ones, and the places of those that leave.
#[derive(Debug)]
struct Program {
    computations: Vec<Computation>,
    output: Vec<usize>,
    schema: SchemaRef,
}

impl Program {
    fn new(
        node: &SequentialProjectionNode,
        input: &SchemaRef,
        props: &ExecutionProps,
        context: &PhysicalPlanningContext,
    ) -> Result<Self> {
        let mut places: HashMap<&str, usize> =
            input.fields().iter().enumerate().map(|(i, f)| (f.name().as_str(), i)).collect();
        let mut computations = vec![];
        for column in &node.columns {
            let reads = column.reads.fields().iter().map(|f| place(&places, f.name()));
            let reads = reads.collect::<Result<Vec<_>>>()?;
            let expr = create_physical_expr(&column.expr, &column.reads, props, context)?;
            computations.push(Computation { expr, reads, schema: Arc::clone(column.reads.inner()) });
            places.insert(&column.id, places.len());
        }
        let schema = Arc::clone(node.schema().inner());
        let output = schema.fields().iter().map(|f| place(&places, f.name())).collect::<Result<Vec<_>>>()?;
        Ok(Self { computations, output, schema })
    }

    fn run(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        let picked = |columns: &[ArrayRef], places: &[usize]| -> Result<Vec<ArrayRef>> {
            places.iter().map(|i| columns.get(*i).cloned().ok_or_else(lost)).collect()
        };
        for computation in &self.computations {
            let reads = picked(&columns, &computation.reads)?;
            let reads = RecordBatch::try_new_with_options(Arc::clone(&computation.schema), reads, &options)?;
            columns.push(computation.expr.evaluate(&reads)?.into_array(rows)?);
        }
        let output = picked(&columns, &self.output)?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), output, &options)?)
    }
}

fn place(places: &HashMap<&str, usize>, name: &str) -> Result<usize> {
    places.get(name).copied().ok_or_else(lost)
}

fn lost() -> DataFusionError {
    DataFusionError::Internal("a sequential projection lost a column".to_owned())
}

/// The input's rows with computed columns.
#[derive(Debug)]
pub(crate) struct SequentialProjectionExec {
    input: Arc<dyn ExecutionPlan>,
    program: Arc<Program>,
    properties: Arc<PlanProperties>,
}

impl SequentialProjectionExec {
    /// The operator of `node` over `input`.
    ///
    /// # Errors
    /// DataFusion's, where an expression has no physical form.
    pub(crate) fn try_new(
        node: &SequentialProjectionNode,
        input: Arc<dyn ExecutionPlan>,
        props: &ExecutionProps,
        context: &PhysicalPlanningContext,
    ) -> Result<Self> {
        let program = Program::new(node, &input.schema(), props, context)?;
        Ok(Self::over(input, Arc::new(program)))
    }

    fn over(input: Arc<dyn ExecutionPlan>, program: Arc<Program>) -> Self {
        // Neither orders nor hash keys are followed through the computed columns.
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&program.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, program, properties: Arc::new(properties) }
    }
}

impl DisplayAs for SequentialProjectionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SequentialProjectionExec: {} columns computed", self.program.computations.len())
    }
}

impl ExecutionPlan for SequentialProjectionExec {
    fn name(&self) -> &str {
        "SequentialProjectionExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }
    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(lost)?;
        Ok(Arc::new(Self::over(input, Arc::clone(&self.program))))
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let program = Arc::clone(&self.program);
        let rows = self.input.execute(partition, context)?.map(move |batch| program.run(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.program.schema), rows)))
    }
    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }
    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let num_rows = inputs.first().map_or(Precision::Absent, |input| input.num_rows);
        let column_statistics = Statistics::unknown_column(&self.program.schema);
        Ok(Arc::new(Statistics { num_rows, total_byte_size: Precision::Absent, column_statistics }))
    }
}
