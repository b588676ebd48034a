//! Copies columns so that DataFusion derives no properties for the copies.
//!
//! DataFusion records that the keys of a group determine its other columns. After a join a key may occur several
//! times; for groups by it and by other columns, DataFusion then assumes that it alone determines the others, and
//! drops them from GROUP BY, or drops a DISTINCT. So such keys are copied below the groups.

use crate::{column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::Dependency;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::LazyLock;
use thalweg_common::Result;

static COPIED: LazyLock<ScalarUDF> = LazyLock::new(|| ScalarUDF::from(Copied::new("copied", 1)));

/// Returns a copy of a value.
pub(crate) fn copied(value: Expr) -> Expr {
    COPIED.call(vec![value])
}

/// Returns the first of some values, computed together with the others, which may raise.
pub(crate) fn computed_with(values: Vec<Expr>) -> Expr {
    ScalarUDF::from(Copied::new("computed_with", values.len())).call(values)
}

/// Returns the plan with copies of the grouping columns that came from a key below a join.
pub(crate) fn keys_copied(plan: LogicalPlan, keys: &[String]) -> Result<LogicalPlan> {
    let schema = plan.schema();
    let mut stale = vec![];
    // DataFusion marks a dependency as Multi where rows of one key may occur several times.
    for dependency in schema.functional_dependencies().iter().filter(|d| d.mode == Dependency::Multi) {
        let sources = dependency.source_indices.iter().filter_map(|i| schema.fields().get(*i));
        // A copy has no metadata, by which an event time is recognised, so a column with metadata stays as it is.
        stale.extend(sources.filter(|f| f.metadata().is_empty()).map(|f| f.name().clone()));
    }
    stale.retain(|name| keys.contains(name));
    if stale.is_empty() {
        return Ok(plan);
    }
    let exprs = schema.columns().into_iter().map(|c| match stale.contains(&c.name) {
        true => copied(column(&c.name)).alias(&c.name),
        false => Expr::Column(c),
    });
    let exprs = exprs.collect::<Vec<_>>();
    project(plan, exprs)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Copied {
    name: &'static str,
    signature: Signature,
}

impl Copied {
    fn new(name: &'static str, values: usize) -> Self {
        Self { name, signature: Signature::any(values, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Copied {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[Arrow]) -> datafusion::error::Result<Arrow> {
        Ok(types.first().cloned().unwrap_or(Arrow::Null))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        args.args.into_iter().next().ok_or_else(|| DataFusionError::Internal("copied takes a value".into()))
    }
}
