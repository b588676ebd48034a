//! Resolves relations that select, rename or limit columns or rows.

use crate::errors::{analysis, foreign_dataframe_column, unknown_key, unresolved_column};
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::{Scope, ScopeColumn};
use crate::select::ListItem;
use crate::source::rename;
use crate::{ResolvedRelation, Resolver, column};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{EmptyRelation, Expr, Extension, Limit, LogicalPlan, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, ExprNode, Relation};
use thalweg_sql::types::StructType;
use thalweg_values::errors::column_already_exists;
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::{quoted, same_name};

impl Resolver<'_> {
    /// Changes the partitioning only, so the rows are those of the input; the expressions must resolve.
    pub(crate) fn repartition(
        &self,
        input: &Relation,
        exprs: &[ir::Expr],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let rel = self.relation(input, outer)?;
        let env = ExprScope::new(&rel.scope, outer);
        exprs.iter().try_for_each(|e| self.expr(e, &env).map(|_| ()))?;
        Ok(rel)
    }

    pub(crate) fn alias(
        &self,
        input: &Relation,
        alias: &str,
        columns: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut rel = self.relation(input, outer)?;
        rename(&mut rel.scope, columns, "an alias")?;
        for c in &mut rel.scope.columns {
            c.qualifier = vec![alias.to_owned()];
        }
        // Behind an alias the qualifiers of the input are not visible, so the keys that USING hides are not either.
        rel.scope.hidden.clear();
        Ok(rel)
    }

    pub(crate) fn deduplicate(
        &self,
        input: &Relation,
        columns: &[String],
        within: bool,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        if within {
            return Err(Error::unsupported("dropDuplicatesWithinWatermark"));
        }
        let rel = self.relation(input, outer)?;
        if columns.is_empty() {
            return self.distinct(rel);
        }
        let mut keys = vec![];
        for name in columns {
            // Here a name with dots is one column's whole name; it selects all columns with this name.
            let before = keys.len();
            let named = rel.scope.columns.iter().filter(|c| same_name(&c.name, name));
            keys.extend(named.map(|c| crate::attribute::value_of(c).key()));
            if keys.len() == before {
                return Err(unknown_key(name, &rel.scope));
            }
        }
        // As in Spark, any row of equal keys may be the one that stays, so the numbers need no order.
        let (rel, number) = self.row_numbers(rel, keys)?;
        let first = column(&number).eq(lit(1_i32));
        let first = self.filtered(rel, vec![ResolvedExpr::new(first, Arrow::Boolean, false)])?;
        Ok(first)
    }

    pub(crate) fn with_columns(
        &self,
        input: &Relation,
        columns: &[ir::Expr],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let rel = self.relation(input, outer)?;
        let mut named = vec![];
        for item in columns {
            let ExprNode::Alias { names, .. } = &item.node else {
                return Err(Error::unsupported("withColumns of an expression without a name"));
            };
            let name = names.first().cloned().unwrap_or_default();
            if named.iter().any(|(n, _): &(String, &ir::Expr)| same_name(n, &name)) {
                return Err(column_already_exists(&name));
            }
            named.push((name, item));
        }
        // As in Spark, a name that several columns have replaces each of them.
        let new_for = |c: &ScopeColumn| named.iter().find(|(n, _)| same_name(n, &c.name));
        let mut list: Vec<ListItem> = vec![];
        for c in &rel.scope.columns {
            list.push(match new_for(c) {
                Some((_, item)) => ListItem::Expr((*item).clone()),
                None => ListItem::column(c),
            });
        }
        for (name, item) in &named {
            if !rel.scope.columns.iter().any(|c| same_name(&c.name, name)) {
                list.push(ListItem::Expr((*item).clone()));
            }
        }
        self.select_items(rel, &list, outer)
    }

    pub(crate) fn renamed(
        &self,
        input: &Relation,
        renames: &[(String, String)],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut rel = self.relation(input, outer)?;
        for c in &mut rel.scope.columns {
            for (from, to) in renames {
                if same_name(&c.name, from) {
                    c.name.clone_from(to);
                    c.qualifier.clear();
                    // As in Spark, a new name makes a new column: two of one name are ambiguous.
                    c.repeats = None;
                }
            }
        }
        Ok(rel)
    }

    pub(crate) fn drop_columns(
        &self,
        input: &Relation,
        columns: &[ir::Expr],
        names: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut rel = self.relation(input, outer)?;
        let mut dropped = vec![];
        for item in columns {
            let ExprNode::Attribute { name, plan_id } = &item.node else {
                return Err(Error::unsupported("drop of an expression that is not a column"));
            };
            let env = ExprScope::new(&rel.scope, None);
            // A name that does not exist is ignored, and so is a field of a struct.
            match self.seen(name, *plan_id, &env)? {
                Some(seen) if name.len() == seen.qualifier_len + 1 => {
                    dropped.push(seen.column.identity().to_owned());
                }
                None if plan_id.is_some() => return Err(foreign_dataframe_column(name)),
                _ => {}
            }
        }
        rel.scope.columns.retain(|c| {
            !dropped.iter().any(|d| d == c.identity()) && !names.iter().any(|n| same_name(n, &c.name))
        });
        Ok(rel)
    }

    pub(crate) fn to_df(
        &self,
        input: &Relation,
        names: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut rel = self.relation(input, outer)?;
        if names.len() != rel.scope.columns.len() {
            let text = format!(
                "The number of columns ({}) does not match the number of new names ({}).",
                rel.scope.columns.len(),
                names.len()
            );
            return Err(Error::new(
                thalweg_common::ErrorKind::IllegalArgument,
                "ASSIGNMENT_ARITY_MISMATCH",
                "42802",
                text,
            ));
        }
        for (c, name) in rel.scope.columns.iter_mut().zip(names) {
            c.name.clone_from(name);
            c.qualifier.clear();
            c.repeats = None;
        }
        Ok(rel)
    }

    /// `df.to(schema)`: columns by name, cast where a loss is an error.
    pub(crate) fn to_schema(
        &self,
        input: &Relation,
        schema: &StructType,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let rel = self.relation(input, outer)?;
        let mut list = vec![];
        for field in &schema.fields {
            let found = rel.scope.columns.iter().find(|c| same_name(&c.name, &field.name));
            let Some(found) = found else {
                if !field.nullable {
                    return Err(unresolved_column(std::slice::from_ref(&field.name), &rel.scope));
                }
                let null = ScalarValue::try_new_null(&thalweg_values::types::to_arrow(&field.data_type));
                let typed = ResolvedExpr::new(
                    lit(null.map_err(from_datafusion)?),
                    thalweg_values::types::to_arrow(&field.data_type),
                    true,
                );
                let c = ScopeColumn::new(self.new_id(), &field.name, field.data_type.clone(), true);
                list.push(ListItem::Made(Box::new((c, typed))));
                continue;
            };
            if found.nullable && !field.nullable {
                let name = quoted(std::slice::from_ref(&field.name));
                let text =
                    format!("Column or field {name} is nullable while it's required to be non-nullable.");
                return Err(analysis("NULLABLE_COLUMN_OR_FIELD", "42000", text).param("name", name));
            }
            let typed = self.cast(crate::attribute::value_of(found), &field.data_type, ir::EvalMode::Ansi)?;
            let mut c = ScopeColumn::new(self.new_id(), &field.name, field.data_type.clone(), found.nullable);
            c.metadata.clone_from(&field.metadata);
            list.push(ListItem::Made(Box::new((c, typed))));
        }
        self.select_items(rel, &list, outer)
    }

    pub(crate) fn limit(
        &self,
        input: &Relation,
        limit: Option<&ir::Expr>,
        offset: Option<&ir::Expr>,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut rel = self.relation(input, outer)?;
        let value = |e: Option<&ir::Expr>, name: &str| e.map(|e| self.row_count(e, name)).transpose();
        let (fetch, skip) = (value(limit, "limit")?, value(offset, "offset")?);
        if fetch == Some(0) && !rel.streaming {
            // No row is needed, so none is computed; DataFusion's sort for the first rows requires
            // at least one.
            let schema = Arc::clone(rel.plan.schema());
            rel.plan = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema });
            return Ok(rel);
        }
        rel.plan = LogicalPlan::Limit(Limit {
            skip: skip.map(|n| Box::new(lit(n))),
            fetch: fetch.map(|n| Box::new(lit(n))),
            input: Arc::new(rel.plan),
        });
        Ok(rel)
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
        let rel = self.relation(input, outer)?;
        let limit = i64::try_from(limit)
            .map_err(|_| Error::unsupported("tail() of more than 9223372036854775807 rows"))?;
        let (mut rel, number) = self.row_numbers(rel, vec![])?;
        let count = self.row_count_column(&mut rel)?;
        let number = Expr::Cast(datafusion::logical_expr::Cast::new(Box::new(column(&number)), Arrow::Int64));
        // The difference is negative for fewer rows than `limit`, and every row stays.
        let keep = number.gt(column(&count) - lit(limit));
        self.filtered(rel, vec![ResolvedExpr::new(keep, Arrow::Boolean, false)])
    }

    /// Adds the number of all rows to each row; returns its id.
    fn row_count_column(&self, rel: &mut ResolvedRelation) -> Result<String> {
        let bound = thalweg_functions::bind_window("count", vec![], None, &self.binding())?;
        let mut function = bound.function;
        function.params.window_frame = crate::window::whole_partition();
        let window = Expr::from(function);
        let raw = column(&window.schema_name().to_string());
        let before = rel.plan.schema().columns();
        let plan = datafusion::logical_expr::LogicalPlanBuilder::window_plan(rel.plan.clone(), [window])
            .map_err(from_datafusion)?;
        let id = self.new_id();
        let value = bound.finish.map_or(raw.clone(), |finish| finish(raw)).alias(&id);
        let exprs = before.into_iter().map(Expr::Column).chain([value]);
        rel.plan = crate::project(plan, exprs.collect::<Vec<_>>())?;
        Ok(id)
    }

    pub(crate) fn watermark(
        &self,
        input: &Relation,
        event_time: &ir::Expr,
        delay: &str,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let rel = self.relation(input, outer)?;
        let delay = thalweg_values::interval::parse_interval_micros(delay)?;
        if delay < 0 {
            return Err(Error::new(
                thalweg_common::ErrorKind::IllegalArgument,
                "INVALID_PARAMETER_VALUE.DELAY_THRESHOLD",
                "22023",
                "The delay of a watermark must not be negative.",
            ));
        }
        let (inner, alias) = match &event_time.node {
            ExprNode::Alias { expr, names, .. } => (expr.as_ref(), names.first()),
            _ => (event_time, None),
        };
        let (mut rel, id) = match alias {
            // `WATERMARK expr AS name`: the expression is a new column.
            Some(_) => {
                let mut list: Vec<ListItem> = rel.scope.columns.iter().map(ListItem::column).collect();
                list.push(ListItem::Expr(event_time.clone()));
                let rel = self.select_items(rel, &list, outer)?;
                let id = rel.scope.columns.last().map(|c| c.id.clone()).unwrap_or_default();
                (rel, id)
            }
            None => {
                let env = ExprScope::new(&rel.scope, outer);
                let typed = self.expr(inner, &env)?;
                let Expr::Column(c) = &typed.expr else {
                    return Err(Error::unsupported("a watermark on an expression that is not a column"));
                };
                let id = c.name.clone();
                (rel, id)
            }
        };
        let is_time = |c: &ScopeColumn| {
            matches!(thalweg_values::types::to_arrow(&c.data_type), Arrow::Timestamp(_, _) | Arrow::Struct(_))
        };
        let Some(found) = rel.scope.by_id(&id).filter(|c| is_time(c)) else {
            let text = "The event time of a watermark must be a timestamp or a window.";
            return Err(analysis("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", "42K09", text.to_owned()));
        };
        let mut watermarked = ResolvedExpr::new(column(&found.id), Arrow::Null, true);
        watermarked.event_delay = Some(delay);
        for c in &mut rel.scope.columns {
            if c.id == id {
                crate::select::mark_event_time(c, &watermarked);
            } else if c.event_delay.take().is_some() {
                // A relation has one watermark: a new one takes the place of an earlier one.
                c.metadata.remove("spark.watermarkDelayMs");
            }
        }
        let node = thalweg_logical::WatermarkNode::try_new(rel.plan, id, delay).map_err(from_datafusion)?;
        rel.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        Ok(rel)
    }
}
