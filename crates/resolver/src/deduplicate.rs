//! Resolves `dropDuplicates`: one row of each group of equal rows, or of equal values of some columns.

use crate::errors::{analysis, unknown_key};
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::{ResolvedRelation, Resolver, column};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::Relation;
use thalweg_values::names::same_name;

impl Resolver<'_> {
    pub(crate) fn deduplicate(
        &self,
        input: &Relation,
        columns: &[String],
        within: bool,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        if within && !relation.streaming {
            return Err(within_a_batch());
        }
        if columns.is_empty() && !within {
            return self.distinct(relation);
        }
        let mut keys = vec![];
        for name in columns {
            // Here a name with dots is one column's whole name; it selects all columns with this name.
            let before = keys.len();
            let named = relation.scope.columns.iter().filter(|c| same_name(&c.name, name));
            keys.extend(named.map(|c| crate::attribute::value_of(c).key()));
            if keys.len() == before {
                return Err(unknown_key(name, &relation.scope));
            }
        }
        if relation.streaming {
            return Ok(first_of_keys(relation, keys, within));
        }
        // As in Spark, any row of equal keys may be the one that stays, so the numbers need no order.
        let (relation, number) = self.row_numbers(relation, keys)?;
        let first = column(&number).eq(lit(1_i32));
        let first = self.filtered(relation, vec![ResolvedExpr::new(first, Arrow::Boolean, false)])?;
        Ok(first)
    }
}

/// The first row of each key of a stream; of each row if there are no keys.
fn first_of_keys(
    mut relation: ResolvedRelation,
    keys: Vec<Expr>,
    within_watermark: bool,
) -> ResolvedRelation {
    let all = relation.scope.columns.iter().map(|c| crate::attribute::value_of(c).key());
    let keys = if keys.is_empty() { all.collect() } else { keys };
    let node = thalweg_logical::DeduplicateNode { input: relation.plan, keys, within_watermark };
    relation.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    relation
}

/// `dropDuplicatesWithinWatermark` of bounded rows.
fn within_a_batch() -> Error {
    let text = "dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets";
    analysis("_LEGACY_ERROR_TEMP_3102", "0A000", text.to_owned()).hint("Use dropDuplicates.")
}
