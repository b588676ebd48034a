//! Builds the errors for what a streaming query does not support.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_stream::OutputMode;
use thalweg_values::errors::from_datafusion;

fn refused(what: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "UNSUPPORTED_STREAMING_OPERATION",
        "0A000",
        format!("{what} is not supported on streaming DataFrames/Datasets."),
    )
    .param("operation", what)
}

/// A plan node without a streaming operator.
pub(super) fn operator(plan: &LogicalPlan) -> Error {
    let what = match plan {
        LogicalPlan::Sort(_) => "Sorting",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Join(_) => "A join",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Union(_) => "UNION",
        LogicalPlan::Window(_) => "A window function over rows (other than time windows)",
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => "A bounded relation as the only input",
        LogicalPlan::RecursiveQuery(_) => "A recursive query",
        LogicalPlan::Subquery(_) => "A subquery",
        LogicalPlan::Repartition(_) => "Repartitioning",
        LogicalPlan::Extension(extension) => extension.node.name(),
        // The lowering has operators for the first five, and the resolver does not create the others.
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => "This operation",
    };
    refused(what)
}

/// A deduplication that forgets keys, of rows without an event time.
pub(super) fn deduplication_without_watermark() -> Error {
    Error::new(
        ErrorKind::Analysis,
        "_LEGACY_ERROR_TEMP_3102",
        "0A000",
        "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark.",
    )
    .hint("Call withWatermark before.")
}

fn legacy(text: String) -> Error {
    Error::new(ErrorKind::Analysis, "_LEGACY_ERROR_TEMP_3102", "0A000", text)
}

/// Spark's name of a kind of join in its errors.
fn join_name(join_type: JoinType) -> String {
    match join_type {
        JoinType::Left => "LeftOuter".to_owned(),
        JoinType::Right => "RightOuter".to_owned(),
        JoinType::Full => "FullOuter".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Refuses the kinds of joins of two streams that Spark refuses.
pub(super) fn check_join_of_streams(join_type: JoinType, mode: OutputMode) -> Result<()> {
    let name = join_name(join_type);
    match join_type {
        JoinType::Inner | JoinType::LeftSemi if mode == OutputMode::Complete => Err(legacy(format!(
            "{name} join between two streaming DataFrames/Datasets is not supported in Complete output mode, only in Append and Update output modes."
        ))),
        JoinType::Inner | JoinType::LeftSemi => Ok(()),
        JoinType::Left | JoinType::Right | JoinType::Full if mode == OutputMode::Append => Ok(()),
        JoinType::Left | JoinType::Right | JoinType::Full => Err(legacy(format!(
            "{name} join between two streaming DataFrames/Datasets is not supported in {} output mode, only in Append output mode.",
            capitalized(mode.name())
        ))),
        _ => Err(legacy(format!(
            "{name} joins with a streaming DataFrame/Dataset on the right are not supported."
        ))),
    }
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A join of a stream with a table that would have to emit rows of the table without a match.
pub(super) fn static_join(join_type: JoinType, stream_is_left: bool) -> Error {
    let name = join_name(join_type);
    let text = match (join_type, stream_is_left) {
        (JoinType::Full, true) => format!(
            "{name} joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right is not supported."
        ),
        (JoinType::Full, false) => format!(
            "{name} joins with streaming DataFrames/Datasets on the right and a static DataFrame/Dataset on the left is not supported."
        ),
        (JoinType::LeftAnti, false) => {
            format!("{name} joins with a streaming DataFrame/Dataset on the right are not supported.")
        }
        (_, true) => format!(
            "{name} join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right not supported."
        ),
        (_, false) => format!(
            "{name} join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not supported."
        ),
    };
    legacy(text)
}

/// An outer or semi join of two streams whose rows would be kept for ever.
pub(super) fn unbounded_join(join_type: JoinType) -> Error {
    legacy(format!(
        "Stream-stream {} join between two streaming DataFrame/Datasets is not supported without a watermark in the join keys, or a watermark on the nullable side and an appropriate range condition.",
        join_name(join_type)
    ))
    .hint("Call withWatermark on both sides, and join on equal windows or on a range of times such as `b.t BETWEEN a.t AND a.t + INTERVAL 1 HOUR`.")
}

/// A join of two streams without equal keys.
pub(super) fn join_without_keys() -> Error {
    Error::new(
        ErrorKind::Analysis,
        "_LEGACY_ERROR_TEMP_1181",
        "0A000",
        "Stream-stream join without equality predicate is not supported.",
    )
}

/// Columns that state cannot have.
pub(super) fn types_in_state(schema: &DFSchema) -> Error {
    let types: Vec<String> = schema.fields().iter().map(|f| f.data_type().to_string()).collect();
    refused(&format!("A join of columns of the types {}", types.join(", ")))
}

/// A sort of rows that are not the whole result of an aggregate.
pub(super) fn sorting() -> Error {
    legacy(
        "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in Complete output mode."
            .to_owned(),
    )
}

/// Several groupings of the same rows.
pub(super) fn grouping_sets() -> Error {
    refused("GROUPING SETS, ROLLUP or CUBE")
}

/// A bounded table in place of the stream.
pub(super) fn static_input(table: &TableReference) -> Error {
    refused(&format!("Reading the bounded table {table} inside a stream"))
}

/// A generator such as `explode_outer`.
pub(super) fn outer_generator() -> Error {
    refused("An outer generator")
}

/// An aggregate such as `collect_list(x) ... ORDER BY`: the states of two epochs cannot be merged in order.
pub(super) fn ordered_aggregate() -> Error {
    refused("An aggregate with ORDER BY")
}

/// Returns whether an expression contains a subquery.
pub(super) fn is_subquery(expr: &Expr) -> bool {
    let found = |e: &Expr| Ok(matches!(e, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)));
    // An expression that cannot be walked is refused rather than run.
    expr.exists(found).unwrap_or(true)
}

/// A subquery inside an expression.
pub(super) fn subquery(_expr: &Expr) -> Error {
    refused("A subquery in an expression")
}

/// Refuses functions that could give another result when an epoch is replayed, such as random numbers.
pub(super) fn check_replayable(expr: &Expr) -> Result<()> {
    let mut found = None;
    let look = |e: &Expr| {
        if let Expr::ScalarFunction(f) = e
            && thalweg_functions::once::draws_itself(e)
        {
            found = Some(f.name().to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    };
    expr.apply(look).map_err(from_datafusion)?;
    match found {
        Some(name) => Err(refused(&format!("The nondeterministic function {name}"))),
        None => Ok(()),
    }
}

/// An output mode that Spark refuses for the operation.
pub(super) fn output_mode(mode: &str, operation: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
        "42KDE",
        format!("Invalid streaming output mode: {mode}. This output mode is not supported for {operation} on streaming DataFrames/DataSets."),
    )
    .param("outputMode", mode)
    .param("operation", operation)
}
