//! Lowers ORDER BY and LIMIT above an aggregate whose whole table is emitted in each epoch.

use super::{Lowering, Rows, arrow_schema, unsupported};
use arrow::compute::SortOptions;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Sort};
use thalweg_common::Result;
use thalweg_stream::{OperatorSpec, OutputMode, SortKey, SortSpec, StateMeaning};

impl Lowering<'_> {
    /// Lowers a sort of `rows`.
    pub(super) fn sort(&mut self, rows: Rows, sort: &Sort) -> Result<Rows> {
        if self.mode != OutputMode::Complete || !is_whole(&sort.input) {
            return Err(unsupported::sorting());
        }
        let key = |key: &datafusion::logical_expr::SortExpr| {
            let options = SortOptions { descending: !key.asc, nulls_first: key.nulls_first };
            Ok(SortKey { expr: self.physical(&key.expr, sort.input.schema())?, options })
        };
        let keys = sort.expr.iter().map(key).collect::<Result<Vec<_>>>()?;
        let schema = arrow_schema(sort.input.schema());
        Ok(self.sorted(rows, SortSpec { keys, skip: 0, fetch: sort.fetch, schema }))
    }

    /// Lowers a limit of `rows`.
    pub(super) fn limit(&mut self, rows: Rows, limit: &Limit) -> Result<Rows> {
        let plan = LogicalPlan::Limit(limit.clone());
        if self.mode != OutputMode::Complete || !is_whole(&limit.input) {
            return Err(unsupported::operator(&plan));
        }
        let (skip, fetch) = (constant(limit.skip.as_deref()), constant(limit.fetch.as_deref()));
        let (Ok(skip), Ok(fetch)) = (skip, fetch) else { return Err(unsupported::operator(&plan)) };
        let schema = arrow_schema(limit.input.schema());
        Ok(self.sorted(rows, SortSpec { keys: vec![], skip: skip.unwrap_or(0), fetch, schema }))
    }

    fn sorted(&mut self, rows: Rows, spec: SortSpec) -> Rows {
        let operator =
            self.graph.operator(OperatorSpec::Sort(spec), vec![rows.operator], StateMeaning::default());
        Rows { operator, ..rows }
    }
}

/// Returns whether each epoch has all rows of a plan, since every stream that it reads is aggregated.
pub(super) fn is_whole(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) => true,
        LogicalPlan::TableScan(_) => !super::reads_stream(plan),
        // The inputs of a leaf that reads no stream are all whole, since there are none.
        other => other.inputs().into_iter().all(is_whole),
    }
}

/// Returns the number of an expression that is one.
fn constant(expr: Option<&Expr>) -> std::result::Result<Option<usize>, ()> {
    let number = |value: &ScalarValue| match value {
        ScalarValue::Int64(number) => Some(number.and_then(|n| usize::try_from(n).ok())),
        ScalarValue::Int32(number) => Some(number.and_then(|n| usize::try_from(n).ok())),
        ScalarValue::UInt64(number) => Some(number.and_then(|n| usize::try_from(n).ok())),
        _ => None,
    };
    match expr {
        None => Ok(None),
        Some(Expr::Literal(value, _)) => number(value).ok_or(()),
        Some(_) => Err(()),
    }
}
