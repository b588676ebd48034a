//! Resolves SELECT: a select list with its clauses (grouping, HAVING, windows, QUALIFY, ORDER BY).
//!
//! These clauses are resolved together, since ORDER BY and HAVING may use columns and aggregates that the
//! select list does not output. The plan is, from below: input, event-time windows, aggregate, HAVING,
//! windows, QUALIFY, generator, select list with hidden sort keys, sort, select list. Without an aggregate the
//! generator is below the windows.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::expr_scope::{Calls, ExprScope, Outputs, ResolvedExpr};
use crate::generate::GeneratedColumns;
use crate::missing_columns::LeftOutColumn;
use crate::scope::{Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver, column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::cell::RefCell;
use std::collections::BTreeMap;
use thalweg_common::{Error, Result};
use thalweg_logical::EVENT_TIME_KEY;
use thalweg_sql::ir::{self, ExprNode, Relation, RelationNode, SortOrder};

/// A select with its clauses, which the IR nests as relations.
struct Select<'q> {
    input: &'q Relation,
    body: Body<'q>,
    having: Option<&'q ir::Expr>,
    qualify: Option<&'q ir::Expr>,
    order: &'q [SortOrder],
    /// The client's ids of the nested relations, innermost first.
    plan_ids: Vec<i64>,
}

enum Body<'q> {
    Project(&'q [ir::Expr]),
    Aggregate(&'q ir::Aggregate),
}

/// An entry of a select list: an expression, or a column that is resolved already.
#[derive(Debug, Clone)]
pub(crate) enum ListItem {
    Expr(ir::Expr),
    Made(Box<(ScopeColumn, ResolvedExpr)>),
}

impl ListItem {
    /// Creates the entry of an unchanged column of the input.
    pub(crate) fn column(c: &ScopeColumn) -> Self {
        Self::Made(Box::new((c.clone(), crate::attribute::value_of(c))))
    }
}

/// A resolved select list: its outputs, the clauses' expressions, and the calls in them.
pub(crate) struct ResolvedSelect {
    pub outputs: Outputs,
    pub generator: Option<GeneratedColumns>,
    pub having: Vec<ResolvedExpr>,
    pub qualify: Vec<ResolvedExpr>,
    pub order: Vec<(ResolvedExpr, SortOrder)>,
}

impl ResolvedSelect {
    /// Creates a select of these outputs without other clauses.
    pub(crate) fn of(outputs: Outputs) -> Self {
        Self { outputs, generator: None, having: vec![], qualify: vec![], order: vec![] }
    }
}

/// All that a select's plan is built from.
struct Parts {
    resolved: ResolvedSelect,
    calls: Calls,
    grouping: Option<crate::aggregate::Grouping>,
}

impl Resolver<'_> {
    /// `Project`, `Aggregate`, `Having`, `Qualify` and `Sort`, with the selects below them.
    pub(crate) fn select_relation(
        &self,
        relation: &Relation,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        if let Some(select) = peel(relation) {
            return self.select(&select, outer);
        }
        let RelationNode::Sort { input, order, .. } = &relation.node else {
            return Err(analysis("INVALID_CLAUSE", "42601", "HAVING and QUALIFY need a SELECT.".to_owned()));
        };
        let resolved = self.input_with(input, order.iter().map(|o| &o.expr), outer)?;
        let mut outputs = Outputs::default();
        for c in &resolved.scope.columns {
            outputs.push(c.clone(), crate::attribute::value_of(c));
        }
        let expr_scope = ExprScope { clause: Clause::OrderBy, ..ExprScope::new(&resolved.scope, outer) };
        let order = self.sort_keys(order, &outputs, &expr_scope)?;
        let hidden = resolved.scope.hidden.clone();
        let mut resolved = self.output(resolved, ResolvedSelect { order, ..ResolvedSelect::of(outputs) })?;
        // A sort that projects removes the columns hidden by USING, otherwise they stay in scope.
        resolved.scope.hidden = hidden
            .into_iter()
            .filter(|c| resolved.plan.schema().has_column_with_unqualified_name(&c.id))
            .collect();
        Ok(resolved)
    }

    fn select(&self, select: &Select, outer: Option<&ExprScope>) -> Result<ResolvedRelation> {
        let input = match select.body {
            Body::Project(_) => self.input_with(select.input, select.order.iter().map(|o| &o.expr), outer)?,
            Body::Aggregate(_) => self.relation(select.input, outer)?,
        };
        let calls = RefCell::new(Calls::default());
        let mut expr_scope = ExprScope::new(&input.scope, outer);
        (expr_scope.calls, expr_scope.aggregates, expr_scope.windows, expr_scope.clause) =
            (Some(&calls), true, true, Clause::Select);
        let (list, mut grouping) = self.list_and_grouping(&select.body, &expr_scope)?;
        let with_null_keys;
        if let Some(sets) = grouping.as_ref().filter(|g| g.sets.is_some()) {
            // Resolved again, because the types of nested values say whether a part of them may be null.
            with_null_keys = sets.scope_with_null_keys(&input.scope);
            expr_scope.scope = &with_null_keys;
            grouping = self.list_and_grouping(&select.body, &expr_scope)?.1;
        }
        let mut lateral = Outputs::default();
        if let Some(grouping) = &grouping {
            grouping.name_windows(&mut lateral);
        }
        let (mut outputs, generator) = self.select_list(&list, lateral, &expr_scope)?;
        // The nested relations' ids, so that an outer clause may refer to the outputs by them.
        for id in &select.plan_ids {
            outputs.scope.mark_plan(*id);
            outputs.scope.deepen();
        }
        let expr_scope = ExprScope { outputs: Some(&outputs), ..expr_scope };
        // HAVING is evaluated below the windows, so it cannot use one; QUALIFY is above them.
        let having = match select.having {
            Some(condition) => self
                .conjuncts(condition, &ExprScope { windows: false, clause: Clause::Having, ..expr_scope })?,
            None => vec![],
        };
        let qualify = match select.qualify {
            Some(condition) => {
                self.conjuncts(condition, &ExprScope { clause: Clause::Qualify, ..expr_scope })?
            }
            None => vec![],
        };
        let order =
            self.sort_keys(select.order, &outputs, &ExprScope { clause: Clause::OrderBy, ..expr_scope })?;
        // HAVING, or an aggregate in any clause, makes all rows one group. Only now have all clauses been resolved.
        if grouping.is_none() && (select.having.is_some() || !calls.borrow().aggregates.is_empty()) {
            grouping = Some(crate::aggregate::Grouping::global());
        }
        let resolved = ResolvedSelect { outputs, generator, having, qualify, order };
        if grouping.is_some() {
            refuse_generated(&resolved, &calls.borrow())?;
        }
        let calls = calls.into_inner();
        self.assembled(input, Parts { resolved, calls, grouping })
    }

    /// Returns the items of a select list, and the keys if it is grouped.
    fn list_and_grouping(
        &self,
        body: &Body<'_>,
        expr_scope: &ExprScope,
    ) -> Result<(Vec<ListItem>, Option<crate::aggregate::Grouping>)> {
        match body {
            Body::Project(items) => Ok((items.iter().cloned().map(ListItem::Expr).collect(), None)),
            Body::Aggregate(aggregate) => {
                let list = aggregate_list(aggregate);
                let grouping = self.grouping_keys(aggregate, &list, expr_scope)?;
                Ok((list.into_iter().map(ListItem::Expr).collect(), Some(grouping)))
            }
        }
    }

    /// Resolves a select of these items over an input, without other clauses.
    pub(crate) fn select_items(
        &self,
        input: ResolvedRelation,
        items: &[ListItem],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let calls = RefCell::new(Calls::default());
        let mut expr_scope = ExprScope::new(&input.scope, outer);
        (expr_scope.calls, expr_scope.windows, expr_scope.clause) = (Some(&calls), true, Clause::Select);
        let (outputs, generator) = self.select_list(items, Outputs::default(), &expr_scope)?;
        let resolved = ResolvedSelect { generator, ..ResolvedSelect::of(outputs) };
        let calls = calls.into_inner();
        self.assembled(input, Parts { resolved, calls, grouping: None })
    }

    /// Builds the operators of a select, from below.
    fn assembled(&self, input: ResolvedRelation, parts: Parts) -> Result<ResolvedRelation> {
        let Parts { mut resolved, mut calls, grouping } = parts;
        require_above(&resolved.outputs, &calls, resolved.generator.as_ref())?;
        let (scope, is_grouped) = (input.scope.clone(), grouping.is_some());
        let mut relation = self.event_windows(input, &calls)?;
        if let Some(grouping) = grouping {
            relation = self.aggregate(relation, grouping, &mut calls, &mut resolved)?;
        }
        let having = std::mem::take(&mut resolved.having);
        relation = self.filtered(relation, having)?;
        // As in Spark, windows see the generated rows, unless there are groups: then the list is generated from them.
        if let Some(generator) = resolved.generator.take_if(|_| !is_grouped) {
            relation = self.generate(relation, generator)?;
        }
        relation = self.windows(relation, &calls)?;
        let qualify = std::mem::take(&mut resolved.qualify);
        relation = self.filtered(relation, qualify)?;
        if let Some(generator) = resolved.generator.take() {
            relation = self.generate(relation, generator)?;
        }
        let mut relation = self.output(relation, resolved)?;
        relation.scope.hidden = hidden_by_using(&scope, &relation.plan);
        Ok(relation)
    }

    /// Resolves a select list; each item may use the aliases before it.
    fn select_list(
        &self,
        items: &[ListItem],
        mut lateral: Outputs,
        expr_scope: &ExprScope,
    ) -> Result<(Outputs, Option<GeneratedColumns>)> {
        let mut outputs = Outputs::default();
        let mut generator = None;
        for item in items {
            let item = match item {
                ListItem::Expr(item) => item,
                ListItem::Made(made) => {
                    let (column, resolved) = made.as_ref().clone();
                    // A column may be listed twice, but DataFusion refuses two columns of one name.
                    let id = unused(column.id, &outputs.scope, || self.new_id());
                    outputs.push(ScopeColumn { id, ..column }, resolved);
                    continue;
                }
            };
            let expr_scope = ExprScope { lateral: Some(&lateral), ..*expr_scope };
            if let Some(found) = self.generator(item, &expr_scope)? {
                if generator.is_some() {
                    let text =
                        "The generator is not supported: only one generator allowed per SELECT clause.";
                    return Err(analysis("UNSUPPORTED_GENERATOR.MULTI_GENERATOR", "42K0E", text.to_owned()));
                }
                for (column, resolved) in found.columns() {
                    outputs.push(column, resolved);
                }
                generator = Some(found);
                continue;
            }
            let is_alias = matches!(item.node, ExprNode::Alias { .. });
            for (column, resolved) in self.item(item, &expr_scope)? {
                // A column that is there already is repeated: the plan needs another name for it.
                let column = match outputs.scope.by_id(&column.id) {
                    Some(_) => column.repeated(self.new_id()),
                    None => column,
                };
                // Later items may name an alias, but not a name that was derived from an expression.
                if is_alias {
                    lateral.push(column.clone(), resolved.clone());
                }
                outputs.push(column, resolved);
            }
        }
        Ok((outputs, generator))
    }

    /// One item of a select list: a column, several for a star.
    pub(crate) fn item(
        &self,
        item: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<Vec<(ScopeColumn, ResolvedExpr)>> {
        let value = |c: ScopeColumn| {
            let resolved = crate::attribute::value_of(&c);
            (c, resolved)
        };
        match &item.node {
            // A relation of this name has priority over a column that is a struct.
            ExprNode::Star { target: Some(target), plan_id, .. }
                if expr_scope.scope.qualified(target).is_empty() =>
            {
                self.struct_star(item, target, *plan_id, expr_scope)
            }
            ExprNode::Star { .. } | ExprNode::Regex { .. } => {
                Ok(self.star(item, expr_scope)?.into_iter().map(value).collect())
            }
            ExprNode::Alias { expr, names, metadata } => {
                let [name] = names.as_slice() else {
                    let text = format!("The number of aliases ({}) does not match one column.", names.len());
                    return Err(analysis("NUM_COLUMNS_MISMATCH", "42826", text));
                };
                let (mut column, resolved) = self.named(expr, name.clone(), expr_scope)?;
                if let Some(text) = metadata {
                    column.metadata = parse_metadata(text)?;
                }
                Ok(vec![(column, resolved)])
            }
            ExprNode::Attribute { name, plan_id } if self.bare_call(name, *plan_id, expr_scope).is_none() => {
                let seen = self.seen(name, *plan_id, expr_scope).map_err(|e| self.at(e, item.origin))?;
                match seen {
                    // An unchanged column keeps its id, so that later clauses still find it.
                    Some(seen)
                        if name.len() == seen.qualifier_len + 1 && is_column(&seen.resolved, seen.column) =>
                    {
                        let shown = name.last().cloned().unwrap_or_default();
                        let column = ScopeColumn { name: shown, ..seen.column.clone() };
                        Ok(vec![(column, seen.resolved)])
                    }
                    _ => Ok(vec![self.named(item, name.last().cloned().unwrap_or_default(), expr_scope)?]),
                }
            }
            // A column that is only cast keeps its name.
            ExprNode::Cast { expr, .. } if self.is_bare_column(expr, expr_scope) => {
                Ok(vec![self.named(item, self.name_of(expr, expr_scope), expr_scope)?])
            }
            _ => Ok(vec![self.named(item, self.name_of(item, expr_scope), expr_scope)?]),
        }
    }

    fn is_bare_column(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> bool {
        let ExprNode::Attribute { name, plan_id } = &expr.node else { return false };
        let seen = self.seen(name, *plan_id, expr_scope);
        matches!(seen, Ok(Some(seen)) if name.len() == seen.qualifier_len + 1)
    }

    /// An expression under a name: a new column.
    fn named(
        &self,
        expr: &ir::Expr,
        name: String,
        expr_scope: &ExprScope,
    ) -> Result<(ScopeColumn, ResolvedExpr)> {
        let resolved = self.expr(expr, expr_scope)?;
        let mut column = ScopeColumn::new(self.new_id(), name, resolved.spark_type()?, resolved.nullable);
        if let ExprNode::Attribute { name, plan_id } = &expr.node
            && let Some(seen) = self.seen(name, *plan_id, expr_scope)?
            && name.len() == seen.qualifier_len + 1
        {
            column.metadata.clone_from(&seen.column.metadata);
        }
        mark_event_time(&mut column, &resolved);
        Ok((column, resolved))
    }

    /// Filters out rows without event time and expands sliding windows.
    fn event_windows(&self, mut relation: ResolvedRelation, calls: &Calls) -> Result<ResolvedRelation> {
        for time in &calls.times {
            let present = ResolvedExpr::new(time.clone().is_not_null(), Arrow::Boolean, false);
            relation = self.filtered(relation, vec![present])?;
        }
        for found in &calls.unnests {
            relation.plan = self.expanded(relation.plan, &found.id, found.list.clone(), false)?;
            if let Some(delay) = found.event_delay {
                let exprs = relation.plan.schema().columns().into_iter().map(|c| match c.name == found.id {
                    true => marked(Expr::Column(c), &found.id, Some(delay)),
                    false => Expr::Column(c),
                });
                relation.plan = project(relation.plan.clone(), exprs.collect::<Vec<_>>())?;
            }
        }
        Ok(relation)
    }

    /// Computes the volatile outputs that others use, each once, as columns.
    fn named_outputs(
        &self,
        mut relation: ResolvedRelation,
        resolved: &mut ResolvedSelect,
    ) -> Result<ResolvedRelation> {
        // The outputs are taken in the order of the list, since a later one may use the column of an earlier one.
        for id in resolved.outputs.varying() {
            let names = |e: &ResolvedExpr| e.expr.column_refs().iter().any(|c| c.name == id);
            let in_order = resolved.order.iter().any(|(key, _)| names(key));
            if !in_order && !resolved.outputs.exprs.iter().any(names) {
                continue;
            }
            let of_id = |c: &ScopeColumn| c.id == id;
            let Some(at) = resolved.outputs.scope.columns.iter().position(of_id) else { continue };
            let Some(value) = resolved.outputs.exprs.get_mut(at) else { continue };
            let mut exprs: Vec<Expr> =
                relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.push(value.expr.clone().alias(&id));
            relation.plan = self.compute_once(project(relation.plan, exprs)?, relation.streaming);
            *value = ResolvedExpr { expr: column(&id), volatile: false, ..value.clone() };
        }
        Ok(relation)
    }

    /// The select list over its input, sorted.
    pub(crate) fn output(
        &self,
        relation: ResolvedRelation,
        mut resolved: ResolvedSelect,
    ) -> Result<ResolvedRelation> {
        let relation = self.named_outputs(relation, &mut resolved)?;
        let ResolvedSelect { outputs, order, .. } = resolved;
        let varies = outputs.exprs.iter().chain(order.iter().map(|(key, _)| key)).any(|e| e.volatile);
        let mut columns = outputs.scope.columns;
        let left_out = self.left_out(&relation, &columns);
        let mut exprs = vec![];
        for (c, value) in columns.iter_mut().zip(&outputs.exprs) {
            let computed = value.expr != column(&c.id);
            // A predicate on this column may move below, where it would be computed on rows that `relation` excludes.
            c.guarded = (computed || c.guarded)
                && relation.excludes
                && crate::filter::is_risky(value, &relation.scope);
            exprs.push(if computed {
                marked(value.expr.clone(), &c.id, value.event_delay)
            } else {
                value.expr.clone()
            });
        }
        let mut kept: Vec<&str> = columns.iter().map(|c| c.id.as_str()).collect();
        for LeftOutColumn { column: c, .. } in &left_out {
            if !kept.contains(&c.id.as_str()) {
                exprs.push(column(&c.id));
                kept.push(&c.id);
            }
        }
        let mut sorts = vec![];
        for (key, spec) in order {
            // A key that the list has is sorted by its column and not computed once more.
            let at = outputs.exprs.iter().position(|e| e.expr == key.expr);
            let id = match at.and_then(|i| columns.get(i)) {
                Some(c) => c.id.clone(),
                None => {
                    let id = self.new_id();
                    exprs.push(key.expr.alias(&id));
                    id
                }
            };
            sorts.push((ResolvedExpr { expr: column(&id), ..key }, spec));
        }
        let hidden = exprs.len() > kept.len();
        let mut plan = project(relation.plan, exprs)?;
        // Otherwise a sort or limit above could be moved below, and would see other numbers than those of the result.
        if varies {
            plan = self.compute_once(plan, relation.streaming);
        }
        let (mut plan, keyed) = self.sorted(plan, sorts)?;
        if hidden || keyed {
            plan = project(plan, kept.into_iter().map(column).collect::<Vec<_>>())?;
        }
        let scope = Scope { left_out, ..Scope::new(columns) };
        Ok(ResolvedRelation { plan, scope, ..relation })
    }
}

/// The select list of an aggregate: for the DataFrame API the keys come first.
fn aggregate_list(aggregate: &ir::Aggregate) -> Vec<ir::Expr> {
    let keys = if aggregate.output_grouping { aggregate.grouping.as_slice() } else { &[] };
    keys.iter().chain(&aggregate.aggregates).cloned().collect()
}

/// Returns the select of a relation, if it is one.
fn peel(relation: &Relation) -> Option<Select<'_>> {
    let of = |input, body| Select { input, body, having: None, qualify: None, order: &[], plan_ids: vec![] };
    let (input, mut select) = match &relation.node {
        RelationNode::Project { input, exprs } => return Some(of(input, Body::Project(exprs))),
        RelationNode::Aggregate(aggregate) if !matches!(aggregate.kind, ir::GroupKind::Pivot { .. }) => {
            return Some(of(&aggregate.input, Body::Aggregate(aggregate)));
        }
        // A clause belongs to the select below it only in the order of SQL: above an ORDER BY or a QUALIFY, a HAVING
        // has no select of its own.
        RelationNode::Having { input, condition } => {
            let select =
                peel(input).filter(|s| s.having.is_none() && s.qualify.is_none() && s.order.is_empty())?;
            (input, Select { having: Some(condition), ..select })
        }
        RelationNode::Qualify { input, condition } => {
            let select = peel(input).filter(|s| s.qualify.is_none() && s.order.is_empty())?;
            (input, Select { qualify: Some(condition), ..select })
        }
        RelationNode::Sort { input, order, .. } => {
            let select = peel(input).filter(|s| s.order.is_empty())?;
            (input, Select { order, ..select })
        }
        // Below a clause, any other relation is its input. `relation_node` lists the relations that are selects.
        _ => return None,
    };
    select.plan_ids.extend(input.plan_id);
    Some(select)
}

/// Refuses volatile outputs that are used below the operator that computes them.
fn require_above(outputs: &Outputs, calls: &Calls, generator: Option<&GeneratedColumns>) -> Result<()> {
    let varying = outputs.varying();
    let windows = calls.windows.iter().map(|w| &w.window).chain(calls.drawn.iter().map(|(_, e)| e));
    let below = windows.chain(calls.aggregates.iter().map(|a| &a.aggregate));
    let mut below = below.chain(calls.unnests.iter().map(|u| &u.list)).chain(generator.map(|g| g.list()));
    if varying.is_empty() || !below.any(|e| e.column_refs().iter().any(|c| varying.contains(&c.name))) {
        return Ok(());
    }
    Err(Error::unsupported(
        "an alias of a nondeterministic expression inside a window, an aggregate or a generator of the select list \
         that defines it",
    ))
}

/// Refuses clauses over groups that use a column which a generator makes above them.
fn refuse_generated(resolved: &ResolvedSelect, calls: &Calls) -> Result<()> {
    let Some(generator) = &resolved.generator else { return Ok(()) };
    let uses = |expr: &Expr| expr.column_refs().iter().any(|c| c.name == generator.id());
    let has = |conditions: &[ResolvedExpr]| conditions.iter().any(|value| uses(&value.expr));
    let clause = if has(&resolved.having) {
        "HAVING"
    } else if has(&resolved.qualify) {
        "QUALIFY"
    } else if calls.windows.iter().any(|found| uses(&found.window)) {
        "a window"
    } else {
        return Ok(());
    };
    let text = format!("{clause} over a column that a generator of the same select makes from groups");
    Err(Error::unsupported(text))
}

fn unused(id: String, scope: &Scope, new: impl FnOnce() -> String) -> String {
    if scope.by_id(&id).is_some() { new() } else { id }
}

fn is_column(resolved: &ResolvedExpr, c: &ScopeColumn) -> bool {
    resolved.expr == column(&c.id)
}

/// The expression as the column `id`, marked as event time if it is.
pub(crate) fn marked(expr: Expr, id: &str, event_delay: Option<i64>) -> Expr {
    match event_delay {
        None => expr.alias(id),
        Some(delay) => {
            let metadata = BTreeMap::from([(EVENT_TIME_KEY.to_owned(), delay.to_string())]);
            expr.alias_with_metadata(id, Some(FieldMetadata::from(metadata)))
        }
    }
}

/// Adds the delay of an event-time column to its metadata, as Spark does.
pub(crate) fn mark_event_time(column: &mut ScopeColumn, resolved: &ResolvedExpr) {
    column.event_delay = resolved.event_delay;
    if let Some(delay) = resolved.event_delay {
        column.metadata.insert("spark.watermarkDelayMs".to_owned(), (delay / 1_000).to_string());
    }
}

/// Returns the columns hidden by USING that the plan still has.
fn hidden_by_using(scope: &Scope, plan: &LogicalPlan) -> Vec<ScopeColumn> {
    let kept = |c: &&ScopeColumn| plan.schema().has_column_with_unqualified_name(&c.id);
    scope.hidden.iter().filter(kept).cloned().collect()
}

fn parse_metadata(text: &str) -> Result<BTreeMap<String, String>> {
    let value: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).map_err(|e| {
        analysis(
            "INVALID_JSON_METADATA",
            "22032",
            format!("The metadata of a column is not a JSON object: {e}."),
        )
    })?;
    Ok(value.into_iter().map(|(k, v)| (k, v.to_string())).collect())
}
