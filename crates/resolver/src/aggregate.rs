//! Resolves GROUP BY: keys, grouping sets, and the select list over the groups.
//!
//! Keys that are not plain columns, or that contain floats, are computed below the aggregate, so that it groups by
//! columns only. An expression equal to a key becomes that key; any other column is `MISSING_AGGREGATION`.

use crate::clause::Clause;
use crate::errors::{analysis, missing_aggregation, missing_group_by};
use crate::expr_scope::{Calls, ExprScope, GroupingFound, Outputs, ResolvedExpr};
use crate::scope::{Scope, ScopeColumn};
use crate::select::{ResolvedSelect, marked};
use crate::unnest::refused::{correlated_reference, mixed_references, refuse_ungrouped};
use crate::{ResolvedRelation, Resolver, column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator,
    WindowFunctionDefinition, lit,
};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::AggregateCall;
use thalweg_functions::SpecialForm;
use thalweg_sql::ir::{self, ExprNode, GroupKind, Literal};
use thalweg_sql::types::DataType;
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::same_name;

/// The keys of an aggregate.
pub(crate) struct Grouping {
    keys: Vec<Key>,
    /// The keys of each grouping set, as indexes into `keys`; none for a plain GROUP BY.
    pub(crate) sets: Option<Vec<Vec<usize>>>,
    /// Whether the keys come from the select list (`GROUP BY ALL`).
    inferred: bool,
}

struct Key {
    /// The id that the key has above the aggregate: a column's own.
    id: String,
    /// The id of the column that the aggregate groups by.
    below: String,
    resolved: ResolvedExpr,
    is_window: bool,
}

impl Grouping {
    /// Creates the grouping of all rows into one group.
    pub(crate) fn global() -> Self {
        Self { keys: vec![], sets: None, inferred: false }
    }

    /// Makes an event-time window available to the select list as `window`.
    pub(crate) fn name_windows(&self, outputs: &mut Outputs) {
        for key in self.keys.iter().filter(|k| k.is_window) {
            let Ok(data_type) = key.resolved.spark_type() else { continue };
            let mut column = ScopeColumn::new(key.id.clone(), "window", data_type, false);
            crate::select::mark_event_time(&mut column, &key.resolved);
            outputs.push(column, key.resolved.clone());
        }
    }
}

impl Resolver<'_> {
    pub(crate) fn grouping_keys(
        &self,
        aggregate: &ir::Aggregate,
        list: &[ir::Expr],
        expr_scope: &ExprScope,
    ) -> Result<Grouping> {
        // The clause selects the error class: an aggregate in a key is GROUP_BY_AGGREGATE in Spark.
        let expr_scope =
            ExprScope { aggregates: false, windows: false, clause: Clause::GroupBy, ..*expr_scope };
        let mut grouping = Grouping::global();
        if matches!(aggregate.kind, GroupKind::All) {
            return self.all_keys(list, &expr_scope);
        }
        let mut indexes = vec![];
        for expr in &aggregate.grouping {
            indexes.push(self.key(expr, list, &expr_scope, &mut grouping)?);
        }
        grouping.sets = match &aggregate.kind {
            GroupKind::Rollup => {
                Some((0..=indexes.len()).rev().map(|n| indexes.iter().take(n).copied().collect()).collect())
            }
            GroupKind::Cube => Some(subsets(&indexes)?),
            GroupKind::Sets(sets) => {
                let mut resolved = vec![];
                for set in sets {
                    let keys = set.iter().map(|e| self.key(e, list, &expr_scope, &mut grouping));
                    resolved.push(keys.collect::<Result<Vec<_>>>()?);
                }
                if resolved.is_empty() {
                    return Err(Error::unsupported("grouping sets without a set"));
                }
                Some(resolved)
            }
            GroupKind::GroupBy | GroupKind::All | GroupKind::Pivot { .. } => None,
        };
        Ok(grouping)
    }

    /// Returns the keys of `GROUP BY ALL`: the items of the select list without aggregates; or a column named `all`.
    fn all_keys(&self, list: &[ir::Expr], expr_scope: &ExprScope) -> Result<Grouping> {
        let mut grouping = Grouping::global();
        // The parser knows no columns, so it cannot tell the keyword from a column of this name, which Spark prefers.
        if self.seen(&["all".to_owned()], None, expr_scope)?.is_some() {
            let named = ExprNode::Attribute { name: vec!["all".to_owned()], plan_id: None };
            self.key(&ir::Expr::new(named), list, expr_scope, &mut grouping)?;
            return Ok(grouping);
        }
        // The unresolved items are searched: a resolved aggregate is an ordinary column that stands for its result.
        for item in list {
            // A generator is above the groups, so its arguments are keys. Constants are none: they make no groups.
            if let Some(call) = self.generator_call(item) {
                for arg in call.args.iter().filter(|arg| self.aggregate_in(arg).is_none()) {
                    if self.expr(arg, expr_scope)?.expr.any_column_refs() {
                        self.key_of_item(arg, expr_scope, &mut grouping)?;
                    }
                }
                continue;
            }
            if self.aggregate_in(item).is_some() {
                continue;
            }
            if matches!(item.node, ExprNode::Star { .. } | ExprNode::Regex { .. }) {
                for c in self.star(item, expr_scope)? {
                    self.add_key(crate::attribute::value_of(&c), false, &mut grouping);
                }
                continue;
            }
            self.key_of_item(item, expr_scope, &mut grouping)?;
        }
        grouping.inferred = true;
        Ok(grouping)
    }

    /// Resolves a key and returns its index: an expression, a position or an alias of the select list.
    fn key(
        &self,
        expr: &ir::Expr,
        list: &[ir::Expr],
        expr_scope: &ExprScope,
        grouping: &mut Grouping,
    ) -> Result<usize> {
        let item = self.key_item(expr, list, expr_scope)?;
        self.key_of_item(item, expr_scope, grouping)
    }

    fn key_of_item(&self, item: &ir::Expr, expr_scope: &ExprScope, grouping: &mut Grouping) -> Result<usize> {
        let inner = match &item.node {
            ExprNode::Alias { expr, .. } => expr.as_ref(),
            _ => item,
        };
        let resolved = self.expr(inner, expr_scope)?;
        if matches!(resolved.data_type, Arrow::Map(_, _)) {
            let name = self.name_of(inner, expr_scope);
            let text = format!(
                "The expression \"{name}\" cannot be used as a grouping expression because its data type \"{}\" is \
                 not an orderable data type.",
                resolved.type_name()
            );
            return Err(analysis("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", "42822", text));
        }
        if resolved.volatile {
            return Err(Error::unsupported("a nondeterministic expression as a grouping key"));
        }
        let is_window = matches!(&inner.node, ExprNode::Function(call) if self.special_form(call) == Some(SpecialForm::Window));
        Ok(self.add_key(resolved, is_window, grouping))
    }

    /// Adds a key unless it exists, and returns its index.
    fn add_key(&self, resolved: ResolvedExpr, is_window: bool, grouping: &mut Grouping) -> usize {
        // Grouping sets refer to keys by their index, so a key that several sets have must have one index.
        if let Some(at) = grouping.keys.iter().position(|k| k.resolved.expr == resolved.expr) {
            return at;
        }
        let id = match &resolved.expr {
            Expr::Column(c) => c.name.clone(),
            _ => self.new_id(),
        };
        // Aggregates use the unchanged float, so its key is another column.
        let is_own = resolved.key() == resolved.expr || resolved.expr != column(&id);
        let below = if is_own { id.clone() } else { self.new_id() };
        grouping.keys.push(Key { id, below, resolved, is_window });
        grouping.keys.len() - 1
    }

    fn key_item<'l>(
        &self,
        expr: &'l ir::Expr,
        list: &'l [ir::Expr],
        expr_scope: &ExprScope,
    ) -> Result<&'l ir::Expr> {
        match &expr.node {
            // Only an integer literal by itself is a position: `1 + 0` is a constant key.
            ExprNode::Literal(Literal::Integer(position)) => {
                let at = usize::try_from(*position).ok().and_then(|p| p.checked_sub(1));
                let item = at.and_then(|i| list.get(i));
                let item = item.ok_or_else(|| self.at(bad_position(*position, list.len()), expr.origin))?;
                if self.aggregate_in(item).is_some() {
                    return Err(self.at(position_of_aggregate(*position), expr.origin));
                }
                Ok(item)
            }
            ExprNode::Attribute { name, plan_id: None } => {
                let [single] = name.as_slice() else { return Ok(expr) };
                // As in Spark, a column of the input has priority over an alias of the select list. An ambiguous name
                // is an error and no reason to look for an alias.
                let in_input =
                    self.seen(name, None, &ExprScope { lateral: None, outputs: None, ..*expr_scope });
                if matches!(in_input, Ok(None)) {
                    let named = |e: &&ir::Expr| match &e.node {
                        ExprNode::Alias { names, .. } => names.iter().any(|n| same_name(n, single)),
                        _ => false,
                    };
                    return Ok(list.iter().find(named).unwrap_or(expr));
                }
                Ok(expr)
            }
            _ => Ok(expr),
        }
    }

    /// Returns the first call of an aggregate in an expression, also over a window, outside of the queries of its
    /// subqueries: the expression cannot be a grouping key then.
    pub(crate) fn aggregate_in<'e>(&self, expr: &'e ir::Expr) -> Option<&'e ir::Expr> {
        if matches!(&expr.node, ExprNode::Function(call) if self.is_aggregate(call)) {
            return Some(expr);
        }
        let mut found = None;
        expr.for_each_child(&mut |child| {
            if let (None, ir::Child::Expr(inner)) = (found, child) {
                found = self.aggregate_in(inner);
            }
        });
        found
    }

    /// Adds the aggregate below a select list and rewrites the list, HAVING, ORDER BY and windows over it.
    pub(crate) fn aggregate(
        &self,
        mut relation: ResolvedRelation,
        grouping: Grouping,
        calls: &mut Calls,
        resolved: &mut ResolvedSelect,
    ) -> Result<ResolvedRelation> {
        self.refuse_outer(&grouping, calls, resolved)?;
        let mut regroup = Regroup {
            keys: &grouping.keys,
            literals: grouping.sets.is_some(),
            grouped: !grouping.keys.is_empty() || grouping.sets.is_some(),
            // These are not columns of the input: the operators above the aggregate add them.
            allowed: ids_above(calls, resolved),
            scope: &relation.scope,
        };
        // Without keys, only a select list of aggregates alone has a grouping.
        let of_list = |e: Error| match grouping.inferred && grouping.keys.is_empty() {
            true if e.class() == "MISSING_GROUP_BY" => no_keys_in_list(),
            _ => e,
        };
        for (c, value) in resolved.outputs.scope.columns.iter_mut().zip(&mut resolved.outputs.exprs) {
            value.expr = regroup.expr(value.expr.clone()).map_err(of_list)?;
            refuse_ungrouped(&value.expr, &c.name)?;
            // A set that leaves a key out makes it null, and so may be whatever is computed from it.
            if grouping.sets.is_some() && value.expr.column_refs().iter().any(|r| grouping.has(&r.name)) {
                value.nullable = true;
                c.nullable = true;
            }
        }
        let clauses = resolved.having.iter_mut().chain(&mut resolved.qualify);
        for value in clauses.chain(resolved.order.iter_mut().map(|(t, _)| t)) {
            value.expr = regroup.expr(value.expr.clone())?;
        }
        for found in &mut calls.windows {
            // A column in these parts is the error of the inferred keys; one in the arguments of an aggregate remains
            // MISSING_GROUP_BY, so the whole call is rewritten again without `of_list`.
            for part in outside_aggregate(&found.window) {
                regroup.expr(part).map_err(of_list)?;
            }
            found.window = regroup.expr(found.window.clone())?;
        }
        if let Some(generator) = &mut resolved.generator {
            generator.map_list(|list| regroup.expr(list).map_err(of_list))?;
        }
        for (_, drawn) in &mut calls.drawn {
            *drawn = regroup.expr(drawn.clone())?;
        }
        relation.plan = self.grouped(relation.plan, &grouping, calls)?;
        // A predicate on a key may still move below, so whether computing the key can raise is kept.
        let keys = grouping.keys.iter().map(|k| {
            let mut column = ScopeColumn::new(k.id.clone(), "key", DataType::Null, true);
            column.guarded = relation.excludes && crate::filter::is_risky(&k.resolved, &relation.scope);
            column
        });
        relation.scope = Scope::new(keys.collect());
        Ok(relation)
    }

    /// Refuses outer columns where Spark does: in keys, in aggregates and in a select list over them.
    fn refuse_outer(&self, grouping: &Grouping, calls: &Calls, resolved: &ResolvedSelect) -> Result<()> {
        if let Some(found) = calls.aggregates.iter().find(|a| a.aggregate.contains_outer()) {
            let name = found.aggregate.schema_name().to_string();
            return Err(match found.aggregate.any_column_refs() {
                true => mixed_references(&name),
                false => correlated_reference(&name),
            });
        }
        let outputs = resolved.outputs.scope.columns.iter().zip(&resolved.outputs.exprs);
        let outer =
            outputs.map(|(c, e)| (c.name.as_str(), e)).chain(grouping.keys.iter().map(|k| ("", &k.resolved)));
        match outer.into_iter().find(|(_, e)| e.expr.contains_outer()) {
            Some((name, _)) => Err(correlated_reference(name)),
            None => Ok(()),
        }
    }

    fn grouped(&self, input: LogicalPlan, grouping: &Grouping, calls: &Calls) -> Result<LogicalPlan> {
        let below: Vec<String> = grouping.keys.iter().map(|k| k.below.clone()).collect();
        let input = crate::column_copies::keys_copied(keys_below(input, grouping)?, &below)?;
        let mut aggregates = crate::aggregate_columns::AggregateColumns::default();
        let names: Vec<String> =
            calls.aggregates.iter().map(|c| aggregates.add(&c.aggregate, &c.id)).collect();
        let mut aggregates = aggregates.exprs;
        // A group without keys and aggregates is still one row, so it counts them.
        let counts = (grouping.keys.is_empty() && aggregates.is_empty()) || grouping.has_total();
        let count = self.count_of_rows()?;
        if counts && !aggregates.contains(&count) {
            aggregates.push(count.clone());
        }
        let aggregate =
            Aggregate::try_new(Arc::new(input), grouping.exprs(), aggregates).map_err(from_datafusion)?;
        let mut exprs = vec![];
        for (i, key) in grouping.keys.iter().enumerate() {
            exprs.push(
                match grouping.sets.as_ref().is_some_and(|sets| !sets.iter().flatten().any(|k| *k == i)) {
                    // No set has the key, so it is null in all of them.
                    true => lit(ScalarValue::try_new_null(&key.resolved.data_type).map_err(from_datafusion)?)
                        .alias(&key.id),
                    false => key.output(),
                },
            );
        }
        for (found, name) in calls.aggregates.iter().zip(&names) {
            let raw = column(name);
            let value = found.finish.map_or(raw.clone(), |finish| finish(raw));
            exprs.push(value.alias(&found.id));
        }
        for found in &calls.groupings {
            exprs.push(grouping_value(found, grouping, &aggregate)?.alias(&found.id));
        }
        let mut plan = LogicalPlan::Aggregate(aggregate);
        if grouping.has_total() {
            // For an empty input DataFusion still returns the total; Spark returns no group.
            let present = column(&count.schema_name().to_string()).gt(lit(0_i64));
            plan = LogicalPlanBuilder::from(plan)
                .filter(present)
                .and_then(|b| b.build())
                .map_err(from_datafusion)?;
        }
        project(plan, exprs)
    }

    fn count_of_rows(&self) -> Result<Expr> {
        let none = AggregateCall::default();
        Ok(thalweg_functions::bind_aggregate("count", vec![], none, &self.binding())?.aggregate)
    }
}

impl Key {
    /// Returns whether the key is computed, not a column of the input.
    fn is_computed(&self) -> bool {
        self.resolved.expr != column(&self.below)
    }

    /// Returns the key above the aggregate.
    fn output(&self) -> Expr {
        let grouped = column(&self.below);
        if self.below == self.id { grouped } else { grouped.alias(&self.id) }
    }
}

impl Grouping {
    /// Returns the expressions that the aggregate groups by.
    fn exprs(&self) -> Vec<Expr> {
        let Some(sets) = &self.sets else { return self.keys.iter().map(|k| column(&k.below)).collect() };
        let set =
            |s: &Vec<usize>| s.iter().filter_map(|i| self.keys.get(*i)).map(|k| column(&k.below)).collect();
        vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets.iter().map(set).collect()))]
    }

    /// Returns the scope of a select list over grouping sets: a set that leaves a key out makes its columns null.
    pub(crate) fn scope_with_null_keys(&self, scope: &Scope) -> Scope {
        let of_keys: Vec<String> =
            self.keys.iter().flat_map(|k| k.resolved.expr.column_refs()).map(|c| c.name.clone()).collect();
        let mut scope = scope.clone();
        for column in scope.columns.iter_mut().chain(&mut scope.hidden) {
            column.nullable |= of_keys.contains(&column.id);
        }
        scope
    }

    /// Returns whether one of several grouping sets is empty, such as a ROLLUP's last.
    fn has_total(&self) -> bool {
        !self.keys.is_empty() && self.sets.as_ref().is_some_and(|sets| sets.iter().any(Vec::is_empty))
    }
    fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|k| k.id == id)
    }
}

/// Returns the parts of a window call that are not the arguments of an aggregate.
fn outside_aggregate(window: &Expr) -> Vec<Expr> {
    let Expr::WindowFunction(function) = window else { return vec![] };
    let params = &function.params;
    let args = match function.fun {
        WindowFunctionDefinition::AggregateUDF(_) => &[][..],
        WindowFunctionDefinition::WindowUDF(_) => params.args.as_slice(),
    };
    let order = params.order_by.iter().map(|sort| &sort.expr);
    args.iter().chain(&params.partition_by).chain(order).cloned().collect()
}

/// Returns the ids of the columns that the operators above the input add.
fn ids_above(calls: &Calls, resolved: &ResolvedSelect) -> Vec<String> {
    let aggregates = calls.aggregates.iter().map(|a| &a.id);
    let windows = calls.windows.iter().map(|w| &w.id).chain(calls.drawn.iter().map(|(id, _)| id));
    let of_calls = aggregates.chain(windows).chain(calls.groupings.iter().map(|g| &g.id)).cloned();
    let generated = resolved.generator.iter().map(|generator| generator.id().to_owned());
    of_calls.chain(generated).chain(resolved.outputs.varying()).collect()
}

/// Computes the keys that are not columns of the input.
fn keys_below(input: LogicalPlan, grouping: &Grouping) -> Result<LogicalPlan> {
    let computed: Vec<&Key> = grouping.keys.iter().filter(|k| k.is_computed()).collect();
    if computed.is_empty() {
        return Ok(input);
    }
    let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    exprs.extend(computed.iter().map(|k| marked(k.resolved.key(), &k.below, k.resolved.event_delay)));
    project(input, exprs)
}

/// `grouping(k)` and `grouping_id(..)` from the bits that the aggregate outputs: 1 where a set leaves a key out.
fn grouping_value(found: &GroupingFound, grouping: &Grouping, aggregate: &Aggregate) -> Result<Expr> {
    let all: Vec<Expr> = grouping.keys.iter().map(|k| k.resolved.expr.clone()).collect();
    let keys = found.keys.as_ref().unwrap_or(&all);
    if !found.single && keys != &all {
        let text = "Columns of grouping_id() do not match the grouping columns.";
        return Err(analysis("GROUPING_ID_COLUMN_MISMATCH", "42803", text.to_owned()));
    }
    let data_type = if found.single { Arrow::Int8 } else { Arrow::Int64 };
    if grouping.sets.is_none() {
        let text = "grouping()/grouping_id() can only be used with GroupingSets/Cube/Rollup.";
        return Err(analysis("UNSUPPORTED_GROUPING_EXPRESSION", "42K0E", text.to_owned()));
    }
    // DataFusion numbers the bits of its id by the distinct expressions of the sets in the order in which they first
    // occur there, which need not be the order of the keys.
    let order = aggregate.group_expr.first().map(|e| match e {
        Expr::GroupingSet(set) => set.distinct_expr().into_iter().cloned().collect::<Vec<_>>(),
        other => vec![other.clone()],
    });
    let order = order.unwrap_or_default();
    let id = column(Aggregate::INTERNAL_GROUPING_ID);
    let id = id.cast_to(&Arrow::Int64, &aggregate.schema).map_err(from_datafusion)?;
    let mut value: Option<Expr> = None;
    for key in keys {
        let Some(below) = grouping.keys.iter().find(|k| &k.resolved.expr == key).map(|k| column(&k.below))
        else {
            let text = "Column of grouping() can't be found in the grouping columns.";
            return Err(analysis("GROUPING_COLUMN_MISMATCH", "42803", text.to_owned()));
        };
        let bit = match order.iter().position(|o| *o == below) {
            Some(at) => {
                let shift = i64::try_from(order.len() - 1 - at).ok().filter(|shift| *shift < 63);
                // The id is a BIGINT, as in Spark, so bit 63 would be its sign.
                let shift = shift.ok_or_else(|| Error::unsupported("grouping_id() of more than 63 keys"))?;
                binary(
                    &binary(&id, Operator::BitwiseShiftRight, lit(shift)),
                    Operator::BitwiseAnd,
                    lit(1_i64),
                )
            }
            // A key that no set has is left out of every set.
            None => lit(1_i64),
        };
        value = Some(match value {
            None => bit,
            Some(v) => binary(&binary(&v, Operator::BitwiseShiftLeft, lit(1_i64)), Operator::BitwiseOr, bit),
        });
    }
    let value = value.unwrap_or_else(|| lit(0_i64));
    Ok(if data_type == Arrow::Int64 { value } else { Expr::Cast(Cast::new(Box::new(value), data_type)) })
}

fn binary(left: &Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), operator, Box::new(right)))
}

/// Rewrites expressions over the input into expressions over the groups.
struct Regroup<'r> {
    keys: &'r [Key],
    /// Whether a constant equal to a key is the key: a grouping set that leaves the key out makes it null.
    literals: bool,
    /// Whether there is a GROUP BY.
    grouped: bool,
    allowed: Vec<String>,
    scope: &'r Scope,
}

impl Regroup<'_> {
    fn expr(&mut self, expr: Expr) -> Result<Expr> {
        let mut missing: Option<String> = None;
        // The walk goes from the top down: the largest part that equals a key becomes the key, and its columns are not
        // looked at.
        let rewritten = expr.transform_down(|e| {
            let may_be_key = self.literals || !matches!(e, Expr::Literal(..));
            if let Some(key) = self.keys.iter().find(|k| may_be_key && k.resolved.expr == e) {
                return Ok(Transformed::new(column(&key.id), true, TreeNodeRecursion::Jump));
            }
            match &e {
                Expr::Column(c) if !self.allowed.contains(&c.name) => missing = Some(c.name.clone()),
                // DataFusion's walks do not enter the plan of a subquery, so its references to this input are checked
                // by its list of outer columns.
                Expr::ScalarSubquery(q) => {
                    missing = self.outer_missing(&q.outer_ref_columns).or(missing.take())
                }
                Expr::Exists(x) => {
                    missing = self.outer_missing(&x.subquery.outer_ref_columns).or(missing.take())
                }
                Expr::InSubquery(x) => {
                    missing = self.outer_missing(&x.subquery.outer_ref_columns).or(missing.take())
                }
                _ => {}
            }
            Ok(Transformed::no(e))
        });
        let rewritten = rewritten.map_err(from_datafusion)?.data;
        match missing {
            None => Ok(rewritten),
            // Spark has another class for a select list with aggregates and columns but without GROUP BY.
            Some(_) if !self.grouped => Err(missing_group_by()),
            Some(id) => {
                let name = self.scope.by_id(&id).map_or(id.as_str(), |c| c.name.as_str());
                Err(missing_aggregation(name))
            }
        }
    }

    /// Returns a column of the input that a subquery uses and that is not a key.
    fn outer_missing(&self, outer: &[Expr]) -> Option<String> {
        outer.iter().find_map(|e| match e {
            Expr::OuterReferenceColumn(_, c) => {
                let of_input = self.scope.by_id(&c.name).is_some();
                (of_input && !self.keys.iter().any(|k| k.id == c.name)).then(|| c.name.clone())
            }
            _ => None,
        })
    }
}

fn no_keys_in_list() -> Error {
    let text = "Cannot infer grouping columns for GROUP BY ALL based on the select clause. Please explicitly specify the \
                grouping columns.";
    analysis("UNRESOLVED_ALL_IN_GROUP_BY", "42803", text.to_owned())
}

/// The largest number of keys of a CUBE, which has 2^n sets.
const CUBE_KEYS_MAX: usize = 12;

fn subsets(keys: &[usize]) -> Result<Vec<Vec<usize>>> {
    if keys.len() > CUBE_KEYS_MAX {
        return Err(Error::unsupported(format!("CUBE over more than {CUBE_KEYS_MAX} keys")));
    }
    let all = 1_usize << keys.len();
    let of = |bits: usize| {
        keys.iter().enumerate().filter(|(i, _)| bits & (1 << i) == 0).map(|(_, k)| *k).collect()
    };
    Ok((0..all).map(of).collect())
}

fn bad_position(position: i32, size: usize) -> Error {
    let text = format!("GROUP BY position {position} is not in select list (valid range is [1, {size}]).");
    analysis("GROUP_BY_POS_OUT_OF_RANGE", "42805", text)
        .param("index", position.to_string())
        .param("size", size.to_string())
}

fn position_of_aggregate(position: i32) -> Error {
    let text = format!(
        "GROUP BY {position} refers to an expression that contains an aggregate function. Aggregate functions are \
         not allowed in GROUP BY."
    );
    analysis("GROUP_BY_POS_AGGREGATE", "42903", text).param("index", position.to_string())
}
