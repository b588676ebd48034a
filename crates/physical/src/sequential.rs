//! Computes the columns of a [`SequentialProjectionNode`] batch by batch.

use crate::unary::{UnaryExec, UnaryOperator};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::{
    UserDefinedLogicalNodeCore, physical_planning_context::PhysicalPlanningContext,
};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;
use std::collections::HashMap;
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
            // A computed column gets a place of its own after those of the input, so that a later one can read it.
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
            // A chain of some hundred columns is much work for one batch, and this is its only pause.
            thalweg_common::cancel::check().map_err(thalweg_values::errors::external)?;
            // An expression gets the columns that it reads, as its schema has them: the others may be hundreds.
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
    // The node requires each column that it reads, so only an error of an optimizer rule can remove one.
    internal_datafusion_err!("a column of a sequential projection is not in its input")
}

/// Creates the operator of `node` over `input`.
///
/// # Errors
/// DataFusion's, where an expression has no physical form.
pub(crate) fn sequential_projection(
    node: &SequentialProjectionNode,
    input: Arc<dyn ExecutionPlan>,
    props: &ExecutionProps,
    context: &PhysicalPlanningContext,
) -> Result<Arc<dyn ExecutionPlan>> {
    let program = Arc::new(Program::new(node, &input.schema(), props, context)?);
    Ok(Arc::new(UnaryExec::over(input, SequentialProjection { program })))
}

/// Returns whether a plan is the operator of a chain of projections.
pub(crate) fn is_sequential_projection(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<UnaryExec<SequentialProjection>>()
}

/// The input's rows with computed columns.
#[derive(Debug, Clone)]
struct SequentialProjection {
    program: Arc<Program>,
}

impl UnaryOperator for SequentialProjection {
    const NAME: &'static str = "SequentialProjectionExec";

    fn details(&self) -> Option<String> {
        Some(format!("{} columns computed", self.program.computations.len()))
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        // Neither orders nor hash keys are followed through the computed columns.
        Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&self.program.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        ))
    }

    /// Computing is work for several threads.
    fn benefits_from_partitions(&self) -> bool {
        true
    }

    fn reports_row_count(&self) -> bool {
        true
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let program = Arc::clone(&self.program);
        let rows = input.execute(partition, context)?.map(move |batch| program.run(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.program.schema), rows)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::interruptible;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion::catalog::memory::MemorySourceConfig;
    use datafusion::logical_expr::{
        ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature, Volatility, col, lit,
    };
    use std::sync::atomic::{AtomicUsize, Ordering};
    use thalweg_common::cancel::Cancellation;
    use thalweg_logical::{CHAIN_MIN, LogicalExtension, collapse_projections};

    /// The operator of a chain over batches of the numbers from 0: each step computes `c<i>` by `step` from the column
    /// before, and hands on what `handed_on` keeps.
    fn chain(
        batches: i64,
        step: impl Fn(usize, Expr) -> Expr,
        handed_on: impl Fn(usize, usize) -> bool,
    ) -> Arc<dyn ExecutionPlan> {
        let schema = Arc::new(Schema::new(vec![Field::new("c0", DataType::Int64, false)]));
        let batch = |n: i64| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(n * 10..(n + 1) * 10));
            RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap()
        };
        let rows: Vec<_> = (0..batches).map(batch).collect();
        let input = MemorySourceConfig::try_new_exec(&[rows], Arc::clone(&schema), None).unwrap();
        let one = LogicalPlanBuilder::values(vec![vec![lit(1i64)]]).unwrap();
        let mut plan = one.project([col("column1").alias("c0")]).unwrap().alias("t").unwrap();
        for i in 1..=CHAIN_MIN {
            let before = (0..i).filter(|c| *c + 1 == i || handed_on(*c, i)).map(|c| col(format!("c{c}")));
            let computed = step(i, col(format!("c{}", i - 1))).alias(format!("c{i}"));
            let known: Vec<_> =
                before.filter(|c| plan.schema().has_column(c.try_as_col().unwrap())).collect();
            plan = plan.project(known.into_iter().chain([computed])).unwrap();
        }
        operator(&plan.build().unwrap(), input)
    }

    fn operator(plan: &LogicalPlan, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let collapsed = collapse_projections(plan.clone()).unwrap();
        let Some(LogicalExtension::SequentialProjection(node)) = LogicalExtension::at(&collapsed) else {
            unreachable!("{collapsed}")
        };
        let context = PhysicalPlanningContext::default();
        sequential_projection(node, input, &ExecutionProps::default(), &context).unwrap()
    }

    async fn rows(plan: Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>> {
        datafusion::physical_plan::common::collect(plan.execute(0, Arc::new(TaskContext::default()))?).await
    }

    #[tokio::test]
    async fn a_column_is_computed_from_the_one_before_it() {
        let of = |i: usize| i64::try_from(i).unwrap();
        let plan = chain(2, |i, before| before.clone() * lit(2i64) + before + lit(of(i)), |c, i| c + 3 > i);
        let names: Vec<_> = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
        let last = names.iter().map(|name| name[1..].parse::<usize>().unwrap()).collect::<Vec<_>>();
        let expected = |start: i64, column: usize| (1..=column).fold(start, |value, i| value * 3 + of(i));
        let mut start = 0;
        for batch in rows(plan).await.unwrap() {
            for row in 0..batch.num_rows() {
                for (at, column) in last.iter().enumerate() {
                    let value = batch.column(at).as_primitive::<Int64Type>().value(row);
                    assert_eq!(value, expected(start, *column), "column c{column} of {start}");
                }
                start += 1;
            }
        }
        assert_eq!(start, 20);
        assert_eq!(last.last(), Some(&CHAIN_MIN));
    }

    /// Returns its argument, and raises the flag at its third call.
    #[derive(Debug)]
    struct RaisesAtThird {
        cancellation: Cancellation,
        calls: Arc<AtomicUsize>,
        signature: Signature,
    }

    impl PartialEq for RaisesAtThird {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }
    impl Eq for RaisesAtThird {}
    impl std::hash::Hash for RaisesAtThird {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }

    impl ScalarUDFImpl for RaisesAtThird {
        fn name(&self) -> &str {
            "raises_at_third"
        }
        fn signature(&self) -> &Signature {
            &self.signature
        }
        fn return_type(&self, _: &[DataType]) -> Result<DataType> {
            Ok(DataType::Int64)
        }
        fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
            if self.calls.fetch_add(1, Ordering::SeqCst) == 2 {
                self.cancellation.cancel();
            }
            Ok(args.args.remove(0))
        }
    }

    #[tokio::test]
    async fn a_raised_flag_ends_a_chain_within_its_batch() {
        let (cancellation, calls) = (Cancellation::default(), Arc::new(AtomicUsize::new(0)));
        let raises = ScalarUDF::new_from_impl(RaisesAtThird {
            cancellation: cancellation.clone(),
            calls: Arc::clone(&calls),
            signature: Signature::any(1, Volatility::Immutable),
        });
        let plan = chain(1, |_, before| raises.call(vec![before]), |_, _| true);
        let error = rows(interruptible(plan, &cancellation).unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("OPERATION_CANCELED"), "{error}");
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
}
