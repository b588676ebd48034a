//! Builds plans whose columns are referred to by their ids only.

use crate::merge::{can_merge, merged};
use arrow::datatypes::FieldRef;
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::logical_plan::projection_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Projection};
use std::collections::HashMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

/// Creates a reference to the column with this id.
pub(crate) fn column(id: &str) -> Expr {
    Expr::Column(Column::new_unqualified(id))
}

/// Creates a projection of `input`.
pub(crate) fn project(input: LogicalPlan, exprs: impl IntoIterator<Item = Expr>) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> = exprs.into_iter().collect();
    if is_plain(&input) {
        return plain_projection(input, exprs).map(LogicalPlan::Projection).map_err(from_datafusion);
    }
    LogicalPlanBuilder::from(input)
        .project(exprs)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)
}

/// A projection of columns that are named by their ids alone, merged with the one below it where it may be.
fn plain_projection(input: LogicalPlan, exprs: Vec<Expr>) -> DfResult<Projection> {
    let schema = schema_of(&input, &exprs)?;
    match input {
        LogicalPlan::Projection(lower) if can_merge(&lower, &exprs)? => {
            let input = Arc::clone(&lower.input);
            Projection::try_new_with_schema(merged(lower, exprs)?, input, schema)
        }
        other => Projection::try_new_with_schema(exprs, Arc::new(other), schema),
    }
}

/// The schema of a projection. DataFusion's own looks for each expression's text among all columns of the input, to
/// hand on what it knows of functional dependencies: where there are none, columns are looked up by a map.
fn schema_of(input: &LogicalPlan, exprs: &[Expr]) -> DfResult<DFSchemaRef> {
    let known = input.schema();
    if !known.functional_dependencies().is_empty() {
        return projection_schema(input, exprs);
    }
    let by_name: HashMap<&str, &FieldRef> = known.fields().iter().map(|f| (f.name().as_str(), f)).collect();
    let field = |expr: &Expr| match expr {
        Expr::Column(c) => match by_name.get(c.name.as_str()) {
            Some(field) => Ok((None, Arc::clone(field))),
            None => expr.to_field(known.as_ref()),
        },
        other => other.to_field(known.as_ref()),
    };
    let fields = exprs.iter().map(field).collect::<DfResult<Vec<_>>>()?;
    DFSchema::new_with_metadata(fields, known.metadata().clone()).map(Arc::new)
}

/// Creates a filter of `input`.
pub(crate) fn filtered(input: LogicalPlan, predicate: Expr) -> Result<LogicalPlan> {
    if is_plain(&input) {
        let filter = Filter::try_new(predicate, Arc::new(input));
        return filter.map(LogicalPlan::Filter).map_err(from_datafusion);
    }
    LogicalPlanBuilder::from(input)
        .filter(predicate)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)
}

/// Returns whether the columns of a plan are referred to by their ids only. The builder would look them up again in
/// the whole plan below, for every expression: a chain of some hundred operators would take minutes.
fn is_plain(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_))
        && plan.schema().iter().all(|(qualifier, _)| qualifier.is_none())
}
