//! Subqueries: scalar, EXISTS and IN, correlated by columns of the query around them.
//!
//! DataFusion turns them into joins. Where its form would not have SQL's three-valued answer (IN with nulls
//! under NOT or in a select list), an equivalent one is built that has.

use super::env::{Env, Typed};
use super::{Rel, Resolver, column, project};
use crate::errors::{analysis, from_datafusion};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::{ScalarValue, Spans};
use datafusion::logical_expr::expr::{Case, Exists, InSubquery};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Subquery, lit};
use std::rc::Rc;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::AggregateCall;
use thalweg_sql::ir::{self, Relation, SubqueryKind};

/// How many subqueries may lie in one another: the time that planning takes grows nearly twofold with each.
const NESTED_MAX: usize = 12;

impl Resolver<'_> {
    /// The relation of a subquery of an expression.
    fn inner_relation(&self, relation: &Relation, env: &Env) -> Result<Rel> {
        let around = std::iter::successors(Some(env), |e| e.outer).count();
        if around > NESTED_MAX {
            let what = format!("a query of more than {NESTED_MAX} subqueries in one another");
            return Err(Error::unsupported(what));
        }
        self.relation(relation, Some(env))
    }

    pub(super) fn subquery(&self, kind: &SubqueryKind, relation: &Relation, env: &Env) -> Result<Typed> {
        let rel = self.inner_relation(relation, env)?;
        match kind {
            SubqueryKind::Scalar => self.scalar_subquery(rel),
            SubqueryKind::Exists => self.exists(rel.plan, env),
            SubqueryKind::In { values } => self.in_subquery(values, rel, env),
        }
    }

    fn scalar_subquery(&self, rel: Rel) -> Result<Typed> {
        let [only] = rel.scope.columns.as_slice() else {
            let count = rel.scope.columns.len();
            let text = format!("Scalar subquery must return only one column, but got {count}.");
            return Err(analysis(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                "42823",
                text,
            )
            .param("number", count.to_string()));
        };
        let mut typed = super::attribute::value_of(only);
        if !rel.plan.all_out_ref_exprs().is_empty() && !is_one_row(&rel.plan) {
            let text = "Unsupported subquery expression: Correlated scalar subqueries must be aggregated to return \
                        at most one row.";
            return Err(analysis(
                "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.MUST_AGGREGATE_CORRELATED_SCALAR_SUBQUERY",
                "0A000",
                text.to_owned(),
            ));
        }
        let plan = project(rel.plan, [column(&only.id)])?;
        typed.expr = Expr::ScalarSubquery(subquery(plan));
        typed.nullable = true;
        typed.event_delay = None;
        Ok(typed)
    }

    /// EXISTS: a semi join in a predicate, a count elsewhere, where DataFusion knows no such join.
    fn exists(&self, plan: LogicalPlan, env: &Env) -> Result<Typed> {
        if matches!(env.clause, "filter" | "HAVING" | "QUALIFY") {
            let expr = Expr::Exists(Exists { subquery: subquery(plan), negated: false });
            return Ok(Typed::new(expr, Arrow::Boolean, false));
        }
        let none = AggregateCall::default();
        let count = thalweg_functions::bind_aggregate("count", vec![], none, &self.binding())?.aggregate;
        let raw = column(&count.schema_name().to_string());
        let aggregate = Aggregate::try_new(Arc::new(plan), vec![], vec![count]).map_err(from_datafusion)?;
        let found = raw.gt(lit(0_i64)).alias(self.new_id());
        let plan = project(LogicalPlan::Aggregate(aggregate), [found])?;
        Ok(Typed::new(Expr::ScalarSubquery(subquery(plan)), Arrow::Boolean, false))
    }

    fn in_subquery(&self, values: &[ir::Expr], rel: Rel, env: &Env) -> Result<Typed> {
        if values.len() != rel.scope.columns.len() {
            let text = format!(
                "The number of columns in the left hand side of an IN subquery ({}) does not match the number of \
                 columns in the output of subquery ({}).",
                values.len(),
                rel.scope.columns.len()
            );
            return Err(analysis("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH", "42K09", text));
        }
        let values = values.iter().map(|v| self.expr(v, env)).collect::<Result<Vec<_>>>()?;
        let (values, rel) = self.comparable(values, rel)?;
        let nullable = values.iter().any(|v| v.nullable) || rel.scope.columns.iter().any(|c| c.nullable);
        let equal = equality(&values, &rel, env);
        let found = self.exists(super::filtered(rel.plan.clone(), equal)?, env)?;
        if env.null_is_false || !nullable {
            return Ok(found);
        }
        let ([value], [c]) = (values.as_slice(), rel.scope.columns.as_slice()) else {
            return Err(Error::unsupported("IN of several nullable values outside of WHERE"));
        };
        // Without a match, the answer is unknown if there is a row and one of the two sides is null.
        let is_null = super::filtered(rel.plan.clone(), column(&c.id).is_null())?;
        let any = self.exists(rel.plan, env)?;
        let null_row = self.exists(is_null, env)?;
        let unknown = value.expr.clone().is_null().and(any.expr).or(null_row.expr);
        let expr = Expr::Case(Case {
            expr: Some(Box::new(lit(true))),
            when_then_expr: vec![
                (Box::new(found.expr), Box::new(lit(true))),
                (Box::new(unknown), Box::new(lit(ScalarValue::Boolean(None)))),
            ],
            else_expr: Some(Box::new(lit(false))),
        });
        Ok(Typed::new(expr, Arrow::Boolean, true))
    }

    /// `value IN (subquery)` as a conjunct of its own: a semi join.
    pub(super) fn in_conjunct(&self, values: &[ir::Expr], relation: &Relation, env: &Env) -> Result<Typed> {
        let rel = self.inner_relation(relation, env)?;
        let ([value], true) = (values, rel.plan.all_out_ref_exprs().is_empty()) else {
            return self.in_subquery(values, rel, env);
        };
        if rel.scope.columns.len() != 1 {
            return self.in_subquery(values, rel, env);
        }
        let (typed, rel) = self.comparable(vec![self.expr(value, env)?], rel)?;
        let [value] = typed.as_slice() else { return Err(Error::internal("one value became several")) };
        let expr = InSubquery::new(Box::new(value.expr.clone()), subquery(rel.plan), false);
        let (fallible, volatile) = (value.fallible, value.volatile);
        Ok(Typed { fallible, volatile, ..Typed::new(Expr::InSubquery(expr), Arrow::Boolean, true) })
    }

    /// `values NOT IN (subquery)` where null counts as false: no row that is equal or unknown.
    pub(super) fn not_in_subquery(
        &self,
        values: &[ir::Expr],
        relation: &Relation,
        env: &Env,
    ) -> Result<Typed> {
        let rel = self.inner_relation(relation, env)?;
        let typed = values.iter().map(|v| self.expr(v, env)).collect::<Result<Vec<_>>>()?;
        if typed.len() != rel.scope.columns.len() {
            return self.in_subquery(values, rel, env);
        }
        let (values, rel) = self.comparable(typed, rel)?;
        let correlated = !rel.plan.all_out_ref_exprs().is_empty();
        // Only a join with a key knows of nulls, and a constant is no key.
        if let ([value], false) = (values.as_slice(), correlated)
            && !value.expr.column_refs().is_empty()
        {
            let expr = InSubquery::new(Box::new(value.expr.clone()), subquery(rel.plan), true);
            return Ok(Typed::new(Expr::InSubquery(expr), Arrow::Boolean, true));
        }
        let nullable = values.iter().any(|v| v.nullable) || rel.scope.columns.iter().any(|c| c.nullable);
        let equal = equality(&values, &rel, env);
        let against = if nullable { equal.is_not_false() } else { equal };
        let expr =
            Expr::Exists(Exists { subquery: subquery(super::filtered(rel.plan, against)?), negated: true });
        Ok(Typed::new(expr, Arrow::Boolean, false))
    }

    /// Brings both sides of an IN to common types, as keys; the subquery keeps its visible columns only.
    fn comparable(&self, values: Vec<Typed>, mut rel: Rel) -> Result<(Vec<Typed>, Rel)> {
        let mut left = vec![];
        let mut exprs = vec![];
        for (value, c) in values.into_iter().zip(&mut rel.scope.columns) {
            let right = super::attribute::value_of(c);
            let types = [value.data_type.clone(), right.data_type.clone()];
            let Some(common) = thalweg_functions::common_type(&types) else {
                let text = format!(
                    "The data type of one or more elements in the left hand side of an IN subquery is not compatible \
                     with the data type of the output of the subquery. Mismatched columns: [\"{}\", \"{}\"].",
                    value.type_name(),
                    right.type_name()
                );
                return Err(analysis("DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH", "42K09", text));
            };
            let value = self.coerced(value, &common)?;
            left.push(Typed { expr: value.key(), ..value });
            let right = self.coerced(right, &common)?;
            let key = right.key();
            if key != column(&c.id) {
                c.id = self.new_id();
                c.data_type = right.spark_type()?;
            }
            exprs.push(key.alias_if_changed(c.id.clone()).map_err(from_datafusion)?);
        }
        rel.plan = project(rel.plan, exprs)?;
        Ok((left, rel))
    }

    pub(super) fn with_relations(
        &self,
        root: &Relation,
        references: &[Relation],
        outer: Option<&Env>,
    ) -> Result<Rel> {
        let before = self.references.borrow().len();
        self.references.borrow_mut().extend(references.iter().cloned().map(Rc::new));
        let rel = self.relation(root, outer);
        self.references.borrow_mut().truncate(before);
        rel
    }

    /// The relation of that plan id under `WithRelations`.
    pub(super) fn reference(&self, plan_id: i64) -> Result<Rc<Relation>> {
        let references = self.references.borrow();
        let found = references.iter().rev().find(|r| r.plan_id == Some(plan_id));
        found.cloned().ok_or_else(|| {
            Error::internal(format!("the plan refers to the relation {plan_id}, which it lacks"))
        })
    }
}

/// Whether a plan has at most one row for each row of the query around it: an aggregate without keys.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(p) => is_one_row(&p.input),
        LogicalPlan::Filter(f) => is_one_row(&f.input),
        LogicalPlan::Sort(s) => is_one_row(&s.input),
        LogicalPlan::Limit(l) => is_one_row(&l.input),
        _ => false,
    }
}

fn subquery(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}

/// `values = columns` inside of the subquery, where the values' columns are those of the outer query.
fn equality(values: &[Typed], rel: &Rel, env: &Env) -> Expr {
    let pairs = values.iter().zip(&rel.scope.columns);
    let equal = pairs.map(|(v, c)| outer_of(v, env).eq(column(&c.id))).reduce(Expr::and);
    equal.unwrap_or_else(|| lit(true))
}

/// The value as a subquery names it.
fn outer_of(value: &Typed, env: &Env) -> Expr {
    use arrow::datatypes::Field;
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let outer = |e: Expr| match e {
        Expr::Column(c) => {
            let data_type = match env.scope.by_id(&c.name) {
                Some(found) => crate::types::to_arrow(&found.data_type),
                None => value.data_type.clone(),
            };
            let field = Field::new(&c.name, data_type, true);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::new(field), c)))
        }
        other => Ok(Transformed::no(other)),
    };
    let expr = value.expr.clone();
    expr.clone().transform(outer).map_or(expr, |t| t.data)
}
