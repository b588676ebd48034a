//! Resolves LIMIT, OFFSET and `df.tail`.

use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::Scope;
use crate::{ResolvedRelation, Resolver, column};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{EmptyRelation, Expr, Limit, LogicalPlan, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, Relation};
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    pub(crate) fn limit(
        &self,
        input: &Relation,
        limit: Option<&ir::Expr>,
        offset: Option<&ir::Expr>,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut relation = self.relation(input, outer)?;
        let value = |e: Option<&ir::Expr>, name: &str| e.map(|e| self.row_count(e, name)).transpose();
        let (fetch, skip) = (value(limit, "limit")?, value(offset, "offset")?);
        if fetch == Some(0) && !relation.streaming {
            // No row is needed, so none is computed; DataFusion's sort for the first rows requires
            // at least one.
            let schema = Arc::clone(relation.plan.schema());
            relation.plan = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema });
            return Ok(relation);
        }
        relation.plan = LogicalPlan::Limit(Limit {
            skip: skip.map(|n| Box::new(lit(n))),
            fetch: fetch.map(|n| Box::new(lit(n))),
            input: Arc::new(relation.plan),
        });
        Ok(relation)
    }

    fn row_count(&self, expr: &ir::Expr, name: &str) -> Result<i64> {
        let scope = Scope::default();
        let value = self.constant(expr, &ExprScope::new(&scope, None))?;
        let number = value.as_ref().and_then(|v| v.cast_to(&Arrow::Int64).ok());
        match (value.map(|v| v.data_type().is_integer()), number) {
            (Some(true), Some(ScalarValue::Int64(Some(n)))) if n >= 0 => Ok(n),
            (Some(true), Some(ScalarValue::Int64(Some(n)))) => {
                let text = format!(
                    "The limit like expression \"{n}\" is invalid. The {name} expression must be equal to or greater than 0, but got {n}."
                );
                Err(self.at(
                    analysis("INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE", "42K0E", text)
                        .param("v", n.to_string()),
                    expr.origin,
                ))
            }
            _ => {
                let text = format!(
                    "The limit like expression is invalid. The {name} expression must be of integer type and constant."
                );
                Err(self.at(analysis("INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE", "42K0E", text), expr.origin))
            }
        }
    }

    /// Returns the last rows: those whose number is above the count minus `limit`.
    pub(crate) fn tail(
        &self,
        input: &Relation,
        limit: usize,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let limit = i64::try_from(limit)
            .map_err(|_| Error::unsupported("tail() of more than 9223372036854775807 rows"))?;
        let (mut relation, number) = self.row_numbers(relation, vec![])?;
        let count = self.row_count_column(&mut relation)?;
        let number = Expr::Cast(datafusion::logical_expr::Cast::new(Box::new(column(&number)), Arrow::Int64));
        // The difference is negative for fewer rows than `limit`, and every row stays.
        let keep = number.gt(column(&count) - lit(limit));
        self.filtered(relation, vec![ResolvedExpr::new(keep, Arrow::Boolean, false)])
    }

    /// Adds the number of all rows to each row; returns its id.
    fn row_count_column(&self, relation: &mut ResolvedRelation) -> Result<String> {
        let bound = thalweg_functions::bind_window("count", vec![], None, &self.binding())?;
        let mut function = bound.function;
        function.params.window_frame = crate::window::whole_partition();
        let window = Expr::from(function);
        let raw = column(&window.schema_name().to_string());
        let before = relation.plan.schema().columns();
        let plan = datafusion::logical_expr::LogicalPlanBuilder::window_plan(relation.plan.clone(), [window])
            .map_err(from_datafusion)?;
        let id = self.new_id();
        let value = bound.finish.map_or(raw.clone(), |finish| finish(raw)).alias(&id);
        let exprs = before.into_iter().map(Expr::Column).chain([value]);
        relation.plan = crate::project(plan, exprs.collect::<Vec<_>>())?;
        Ok(id)
    }
}
