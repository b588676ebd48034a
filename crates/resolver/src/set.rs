//! Resolves UNION, INTERSECT, EXCEPT, and DISTINCT.
//!
//! Both sides are cast to common types; rows are compared by keys. INTERSECT and EXCEPT are joins in which null equals
//! null; with ALL, each row has its number among equal rows, so that duplicates count as in Spark.

use crate::errors::analysis;
use crate::errors::columns_mismatch;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::{Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver, column, project};
use datafusion::common::{JoinConstraint, NullEquality, ScalarValue};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Union, WindowFrame,
    WindowFrameBound, WindowFrameUnits, lit,
};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_sql::ir::{SetKind, SetOperation};
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    pub(crate) fn set_operation(
        &self,
        set: &SetOperation,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let left = self.relation(&set.left, outer)?;
        let right = self.relation(&set.right, outer)?;
        let (left, right) = match set.by_name {
            true => self.by_name(left, right, set.allow_missing_columns)?,
            false => (left, right),
        };
        let what = match set.kind {
            SetKind::Union => "UNION",
            SetKind::Intersect => "INTERSECT",
            SetKind::Except => "EXCEPT",
        };
        if left.scope.columns.len() != right.scope.columns.len() {
            return Err(columns_mismatch(what, left.scope.columns.len(), right.scope.columns.len()));
        }
        let pairs = left.scope.columns.iter().zip(&right.scope.columns);
        let nulls: Vec<_> = pairs.map(|(l, r)| (l.nullable, r.nullable)).collect();
        let nullable = match set.kind {
            SetKind::Union => |l: bool, r: bool| l || r,
            // A row of the result is in both sides, so a null of it is, too.
            SetKind::Intersect => |l: bool, r: bool| l && r,
            SetKind::Except => |l: bool, _: bool| l,
        };
        let (mut left, right) = self.aligned(left, right, what)?;
        if set.kind == SetKind::Union {
            // The columns of a union are new ones, not those of either side.
            left.scope.columns.iter_mut().for_each(|c| c.plan_ids.clear());
        }
        for (c, (l, r)) in left.scope.columns.iter_mut().zip(nulls) {
            c.nullable = nullable(l, r);
        }
        match set.kind {
            SetKind::Union => self.union(left, right, set.all),
            SetKind::Intersect => self.semi(left, right, JoinType::LeftSemi, set.all),
            SetKind::Except => self.semi(left, right, JoinType::LeftAnti, set.all),
        }
    }

    /// Returns both sides with common types and new ids.
    fn aligned(
        &self,
        left: ResolvedRelation,
        right: ResolvedRelation,
        what: &str,
    ) -> Result<(ResolvedRelation, ResolvedRelation)> {
        let (mut lefts, mut rights, mut columns) = (vec![], vec![], vec![]);
        for (i, (l, r)) in left.scope.columns.iter().zip(&right.scope.columns).enumerate() {
            let (lv, rv) = (crate::attribute::value_of(l), crate::attribute::value_of(r));
            let rv = match thalweg_functions::named_like(&rv.data_type, &lv.data_type) {
                // Structs that differ in the names of their fields get those of the first side.
                Some(to) if to != rv.data_type => {
                    ResolvedExpr::of_bound(thalweg_functions::with_names(rv.arg(), &to), &[rv])
                }
                _ => rv,
            };
            let common = thalweg_functions::common_type(&[lv.data_type.clone(), rv.data_type.clone()]);
            let common = common.ok_or_else(|| incompatible(what, i, &lv, &rv))?;
            let data_type = match crate::interval_fields::of_alternatives(&common, &[&lv, &rv]) {
                _ if l.data_type == r.data_type => l.data_type.clone(),
                Some(widest) => widest,
                None => ResolvedExpr::new(lit(ScalarValue::Null), common.clone(), true).spark_type()?,
            };
            let (lv, rv) = (self.coerced(lv, &common)?, self.coerced(rv, &common)?);
            // Both sides have one id: a union takes its columns by position, and names them as its first input does.
            let id = self.new_id();
            let mut c = ScopeColumn::new(id.clone(), &l.name, data_type, l.nullable || r.nullable);
            c.guarded = l.guarded || r.guarded || lv.fallible || rv.fallible;
            c.plan_ids.clone_from(&l.plan_ids);
            c.qualifier.clone_from(&l.qualifier);
            // As in Spark, the first side says which column is the event time.
            c.event_delay = l.event_delay;
            lefts.push(crate::select::marked(lv.expr, &id, l.event_delay));
            rights.push(crate::select::marked(rv.expr, &id, l.event_delay));
            columns.push(c);
        }
        let side = |relation: ResolvedRelation, exprs: Vec<Expr>| -> Result<ResolvedRelation> {
            Ok(ResolvedRelation {
                plan: project(relation.plan, exprs)?,
                scope: Scope::new(columns.clone()),
                ..relation
            })
        };
        Ok((side(left, lefts)?, side(right, rights)?))
    }

    fn union(&self, left: ResolvedRelation, right: ResolvedRelation, all: bool) -> Result<ResolvedRelation> {
        let inputs = vec![Arc::new(left.plan), Arc::new(right.plan)];
        let plan = LogicalPlan::Union(Union::try_new(inputs).map_err(from_datafusion)?);
        let streaming = left.streaming || right.streaming;
        let relation = ResolvedRelation {
            plan,
            scope: left.scope,
            streaming,
            excludes: left.excludes || right.excludes,
        };
        if all { Ok(relation) } else { self.distinct(relation) }
    }

    /// Returns the rows of the left side that the right side has (semi) or does not have (anti).
    fn semi(
        &self,
        left: ResolvedRelation,
        right: ResolvedRelation,
        join_type: JoinType,
        all: bool,
    ) -> Result<ResolvedRelation> {
        let (left, right) = match all {
            true => (self.numbered(as_keys(left)?)?, self.numbered(as_keys(right)?)?),
            false => (self.distinct(left)?, as_keys(right)?),
        };
        // The right side's ids must differ from the left's.
        let mut on = vec![];
        let mut renamed = vec![];
        for c in left.plan.schema().columns().into_iter().zip(right.plan.schema().columns()) {
            let id = self.new_id();
            renamed.push(Expr::Column(c.1).alias(&id));
            on.push((Expr::Column(c.0), column(&id)));
        }
        let right_plan = project(right.plan, renamed)?;
        let join = Join::try_new(
            Arc::new(left.plan),
            Arc::new(right_plan),
            on,
            None,
            join_type,
            JoinConstraint::On,
            NullEquality::NullEqualsNull,
            false,
        );
        let plan = LogicalPlan::Join(join.map_err(from_datafusion)?);
        let plan = project(plan, left.scope.columns.iter().map(|c| column(&c.id)).collect::<Vec<_>>())?;
        let streaming = left.streaming || right.streaming;
        Ok(ResolvedRelation { plan, scope: left.scope, streaming, excludes: true })
    }

    /// Adds each row's number among the rows equal to it.
    fn numbered(&self, relation: ResolvedRelation) -> Result<ResolvedRelation> {
        let keys = relation.scope.columns.iter().map(|c| column(&c.id)).collect();
        let (relation, _) = self.row_numbers(relation, keys)?;
        Ok(relation)
    }

    /// Adds a row number within equal `keys`; returns its id.
    pub(crate) fn row_numbers(
        &self,
        mut relation: ResolvedRelation,
        keys: Vec<Expr>,
    ) -> Result<(ResolvedRelation, String)> {
        let (plan, id) = self.numbered_rows(relation.plan, keys, vec![])?;
        relation.plan = plan;
        Ok((relation, id))
    }

    /// Adds each row's number in this order within equal `keys`; returns its id.
    pub(crate) fn numbered_rows(
        &self,
        plan: LogicalPlan,
        keys: Vec<Expr>,
        order: Vec<Sort>,
    ) -> Result<(LogicalPlan, String)> {
        let bound = thalweg_functions::bind_window("row_number", vec![], None, &self.binding())?;
        let mut function = bound.function;
        function.params.partition_by = keys;
        function.params.order_by = order;
        function.params.window_frame = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            WindowFrameBound::CurrentRow,
        );
        let id = self.new_id();
        let window = Expr::from(function);
        let raw = column(&window.schema_name().to_string());
        let before = plan.schema().columns();
        let plan = LogicalPlanBuilder::window_plan(plan, [window]).map_err(from_datafusion)?;
        // Spark's row numbers are INT, DataFusion's are not: `finish` casts them.
        let number = bound.finish.map_or(raw.clone(), |finish| finish(raw));
        let exprs = before.into_iter().map(Expr::Column).chain([number.alias(&id)]);
        Ok((project(plan, exprs.collect::<Vec<_>>())?, id))
    }

    /// Returns each row once.
    pub(crate) fn distinct(&self, relation: ResolvedRelation) -> Result<ResolvedRelation> {
        let mut relation = as_keys(relation)?;
        let visible: Vec<Expr> = relation.scope.columns.iter().map(|c| column(&c.id)).collect();
        // Columns that are not visible must not make rows differ that look equal.
        if visible.len() != relation.plan.schema().fields().len() {
            relation.plan = project(relation.plan, visible)?;
            relation.scope.hidden.clear();
        }
        let ids: Vec<String> = relation.scope.columns.iter().map(|c| c.id.clone()).collect();
        let rows = crate::column_copies::keys_copied(relation.plan, &ids)?;
        relation.plan = match ids.is_empty() || relation.streaming {
            // An aggregate without keys has a row even for no input. Streams refuse this node under its name, DISTINCT.
            true => LogicalPlan::Distinct(Distinct::All(Arc::new(rows))),
            // An aggregate from the start, so that the optimizer sees that a join above repeats the keys.
            false => {
                let keys = ids.iter().map(|id| column(id)).collect();
                LogicalPlan::Aggregate(
                    Aggregate::try_new(Arc::new(rows), keys, vec![]).map_err(from_datafusion)?,
                )
            }
        };
        Ok(relation)
    }
}

/// Returns the visible columns as keys, if one of them contains floats.
fn as_keys(mut relation: ResolvedRelation) -> Result<ResolvedRelation> {
    let values: Vec<ResolvedExpr> = relation.scope.columns.iter().map(crate::attribute::value_of).collect();
    if values.iter().all(|v| v.key() == v.expr) {
        return Ok(relation);
    }
    let keys = values.iter().zip(&relation.scope.columns).map(|(v, c)| {
        let key = v.key();
        if key == v.expr { key } else { key.alias(&c.id) }
    });
    relation.plan = project(relation.plan, keys.collect::<Vec<_>>())?;
    relation.scope.hidden.clear();
    Ok(relation)
}

fn incompatible(what: &str, i: usize, left: &ResolvedExpr, right: &ResolvedExpr) -> thalweg_common::Error {
    let text = format!(
        "{what} can only be performed on tables with compatible column types. The {} column of the second table is \
         \"{}\" type which is not compatible with \"{}\" at the same column of the first table.",
        ordinal(i),
        right.type_name(),
        left.type_name()
    );
    analysis("INCOMPATIBLE_COLUMN_TYPE", "42825", text)
        .param("operator", what)
        .param("columnOrdinalNumber", ordinal(i))
        .param("tableOrdinalNumber", "second")
        .param("dataType1", format!("\"{}\"", right.type_name()))
        .param("dataType2", format!("\"{}\"", left.type_name()))
        .param("hint", "")
}

fn ordinal(i: usize) -> String {
    match i {
        0 => "first".to_owned(),
        1 => "second".to_owned(),
        2 => "third".to_owned(),
        n => format!("{}th", n + 1),
    }
}
