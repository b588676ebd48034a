//! Resolves subqueries: scalar, EXISTS and IN, correlated by columns of the enclosing query.
//!
//! DataFusion converts them to joins, and [`crate::unnest`] those that it cannot. IN and NOT IN are never null, as in
//! Spark: IN is true if a row is equal, and NOT IN, which is not its negation, if no row is equal or unknown.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::function::exactly;
use crate::join::holds_subquery;
use crate::unnest::outer::outer_references;
use crate::unnest::refused::{predicate_in, refuse_inaccessible, scalar_in};
use crate::unnest::single::at_most_one;
use crate::unnest::subquery_of;
use crate::{ResolvedRelation, Resolver, column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{ScalarValue, Spans};
use datafusion::logical_expr::expr::{Case, Exists, InSubquery};
use datafusion::logical_expr::{Aggregate, Expr, FetchType, LogicalPlan, Subquery, lit};
use std::rc::Rc;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::AggregateCall;
use thalweg_functions::SpecialForm;
use thalweg_sql::ir::{self, ExprNode, Relation, SubqueryKind};
use thalweg_values::errors::from_datafusion;

/// The deepest nesting of subqueries. DataFusion's check of a plan goes through the subqueries of a subquery once for
/// itself and once for each level around it, so that each level doubles the time of planning.
const NESTED_MAX: usize = 12;

/// The values and the relation of `values IN (subquery)`.
type Membership = (Vec<ir::Expr>, Rc<Relation>);

impl Resolver<'_> {
    /// The relation of a subquery of an expression.
    fn inner_relation(&self, relation: &Relation, expr_scope: &ExprScope) -> Result<ResolvedRelation> {
        let around = std::iter::successors(Some(expr_scope), |e| e.outer).count();
        if around > NESTED_MAX {
            let what = format!("a query of more than {NESTED_MAX} subqueries in one another");
            return Err(Error::unsupported(what));
        }
        let resolved = self.wanting_nothing(|| self.relation(relation, Some(expr_scope)))?;
        refuse_inaccessible(&resolved.plan)?;
        Ok(resolved)
    }

    pub(crate) fn subquery(
        &self,
        kind: &SubqueryKind,
        relation: &Relation,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        // Inside of a lambda equal texts may name different parameters, so nothing is shared there.
        let place =
            self.lambda_variables.borrow().is_empty().then(|| SubqueryPlace::of(kind, relation, expr_scope));
        let known = |(other, _): &&(SubqueryPlace, ResolvedExpr)| Some(other) == place.as_ref();
        if let Some((_, value)) = self.subqueries.borrow().iter().find(known) {
            return Ok(value.clone());
        }
        let resolved = self.inner_relation(relation, expr_scope)?;
        let value = match kind {
            SubqueryKind::Scalar => self.scalar_subquery(resolved, expr_scope),
            SubqueryKind::Exists => self.exists(resolved.plan, expr_scope),
            SubqueryKind::In { values } => self.in_subquery(values, resolved, expr_scope),
        }?;
        if let Some(place) = place.filter(|_| holds_correlated(&value.expr)) {
            self.subqueries.borrow_mut().push((place, value.clone()));
        }
        Ok(value)
    }

    fn scalar_subquery(&self, relation: ResolvedRelation, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let [only] = relation.scope.columns.as_slice() else {
            let count = relation.scope.columns.len();
            let text = format!("Scalar subquery must return only one column, but got {count}.");
            return Err(analysis(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                "42823",
                text,
            )
            .param("number", count.to_string()));
        };
        let mut resolved = crate::attribute::value_of(only);
        if expr_scope.clause == Clause::OrderBy && is_correlated(&relation.plan) {
            return Err(scalar_in(expr_scope.clause.name()));
        }
        // Without a row the value is null, so it must be nullable for DataFusion.
        let value = match is_correlated(&relation.plan) || has_one_row(&relation.plan) {
            true => column(&only.id),
            false => at_most_one(column(&only.id), lit(1_i64)).alias(&only.id),
        };
        let plan = project(relation.plan, [value])?;
        resolved.expr = Expr::ScalarSubquery(subquery(plan));
        resolved.nullable = true;
        resolved.event_delay = None;
        Ok(resolved)
    }

    /// EXISTS: a join if it is correlated or a predicate, otherwise a count, since DataFusion has no such join.
    fn exists(&self, plan: LogicalPlan, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let correlated = is_correlated(&plan);
        if correlated && expr_scope.clause == Clause::OrderBy {
            return Err(predicate_in(expr_scope.clause.name()));
        }
        if correlated || expr_scope.clause.is_filter() {
            let expr = Expr::Exists(Exists { subquery: subquery(plan), negated: false });
            return Ok(ResolvedExpr::new(expr, Arrow::Boolean, false));
        }
        let none = AggregateCall::default();
        let count = thalweg_functions::bind_aggregate("count", vec![], none, &self.binding())?.aggregate;
        let raw = column(&count.schema_name().to_string());
        let aggregate = Aggregate::try_new(Arc::new(plan), vec![], vec![count]).map_err(from_datafusion)?;
        let found = raw.gt(lit(0_i64)).alias(self.new_id());
        let plan = project(LogicalPlan::Aggregate(aggregate), [found])?;
        Ok(ResolvedExpr::new(Expr::ScalarSubquery(subquery(plan)), Arrow::Boolean, false))
    }

    fn in_subquery(
        &self,
        values: &[ir::Expr],
        relation: ResolvedRelation,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        if values.len() != relation.scope.columns.len() {
            let text = format!(
                "The number of columns in the left hand side of an IN subquery ({}) does not match the number of \
                 columns in the output of subquery ({}).",
                values.len(),
                relation.scope.columns.len()
            );
            return Err(analysis("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH", "42K09", text));
        }
        let values = values.iter().map(|v| self.expr(v, expr_scope)).collect::<Result<Vec<_>>>()?;
        self.values_in(values, relation, expr_scope)
    }

    /// Resolved values among the rows of a relation with as many columns.
    fn values_in(
        &self,
        values: Vec<ResolvedExpr>,
        relation: ResolvedRelation,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let (values, relation) = self.comparable(values, relation)?;
        let nullable = values.iter().any(|v| v.nullable) || relation.scope.columns.iter().any(|c| c.nullable);
        if is_null(&values) {
            return self.null_in(relation, expr_scope, false);
        }
        let fallible = values.iter().any(|v| v.fallible);
        let equal = equality(&values, &relation, expr_scope);
        let found = self.exists(crate::filtered(relation.plan, equal)?, expr_scope)?;
        Ok(ResolvedExpr { nullable, fallible, ..found })
    }

    /// `NULL IN (subquery)`, which is null where there is a row, and this otherwise.
    fn null_in(
        &self,
        relation: ResolvedRelation,
        expr_scope: &ExprScope,
        otherwise: bool,
    ) -> Result<ResolvedExpr> {
        let any = self.exists(relation.plan, expr_scope)?.expr;
        let null = (Box::new(any), Box::new(lit(ScalarValue::Boolean(None))));
        let expr = Case::new(Some(Box::new(lit(true))), vec![null], Some(Box::new(lit(otherwise))));
        Ok(ResolvedExpr::new(Expr::Case(expr), Arrow::Boolean, true))
    }

    /// `value IN (subquery)` as a conjunct of its own: a semi join.
    fn in_conjunct(
        &self,
        values: &[ir::Expr],
        relation: &Relation,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let resolved = self.inner_relation(relation, expr_scope)?;
        let ([value], true) = (values, expr_scope.clause.is_filter() && !is_correlated(&resolved.plan))
        else {
            return self.in_subquery(values, resolved, expr_scope);
        };
        if resolved.scope.columns.len() != 1 {
            return self.in_subquery(values, resolved, expr_scope);
        }
        let operand = self.expr(value, expr_scope)?;
        // Below a guard it would not be a conjunct any more, and a subquery in the value would be below the join.
        if operand.fallible || holds_subquery(&operand.expr) {
            return self.values_in(vec![operand], resolved, expr_scope);
        }
        let (operand, resolved) = self.comparable(vec![operand], resolved)?;
        let [value] = exactly(operand)?;
        let expr = InSubquery::new(Box::new(value.expr), subquery(resolved.plan), false);
        Ok(ResolvedExpr {
            volatile: value.volatile,
            ..ResolvedExpr::new(Expr::InSubquery(expr), Arrow::Boolean, true)
        })
    }

    /// `values NOT IN (subquery)`: no row that is equal or unknown.
    fn not_in_subquery(
        &self,
        (values, relation): Membership,
        expr_scope: &ExprScope,
        conjunct: bool,
    ) -> Result<ResolvedExpr> {
        let (values, relation) = (values.as_slice(), relation.as_ref());
        let resolved = self.inner_relation(relation, expr_scope)?;
        let operand = values.iter().map(|v| self.expr(v, expr_scope)).collect::<Result<Vec<_>>>()?;
        if operand.len() != resolved.scope.columns.len() {
            return self.in_subquery(values, resolved, expr_scope);
        }
        let (values, resolved) = self.comparable(operand, resolved)?;
        if is_null(&values) {
            return self.null_in(resolved, expr_scope, true);
        }
        let correlated = is_correlated(&resolved.plan);
        let joins = conjunct && expr_scope.clause.is_filter() && !correlated;
        if let ([value], true) = (values.as_slice(), joins)
            && is_key(value)
        {
            let expr = InSubquery::new(Box::new(value.expr.clone()), subquery(resolved.plan), true);
            return Ok(ResolvedExpr::new(Expr::InSubquery(expr), Arrow::Boolean, true));
        }
        let nullable = values.iter().any(|v| v.nullable) || resolved.scope.columns.iter().any(|c| c.nullable);
        let equal = equality(&values, &resolved, expr_scope);
        let fallible = values.iter().any(|v| v.fallible);
        // The test is split into equality and tests for null, since `(a = b) IS NOT FALSE` is not a key of a join: every
        // pair of rows would be compared.
        if let ([value], [c], true, false) =
            (values.as_slice(), resolved.scope.columns.as_slice(), nullable, correlated)
        {
            let unknown = self.in_is_unknown(value, &c.id, &resolved.plan, expr_scope)?;
            let found = self.exists(crate::filtered(resolved.plan, equal)?, expr_scope)?.expr;
            let expr = Expr::Not(Box::new(found.or(unknown)));
            return Ok(ResolvedExpr { nullable, fallible, ..ResolvedExpr::new(expr, Arrow::Boolean, false) });
        }
        // NOT IN must not pass a row for which a comparison is unknown; IS NOT FALSE finds those as well.
        let against = if nullable { equal.is_not_false() } else { equal };
        let found = self.exists(crate::filtered(resolved.plan, against)?, expr_scope)?;
        let expr = match found.expr {
            Expr::Exists(Exists { subquery, .. }) => Expr::Exists(Exists { subquery, negated: true }),
            count => Expr::Not(Box::new(count)),
        };
        Ok(ResolvedExpr { nullable, fallible, ..ResolvedExpr::new(expr, Arrow::Boolean, false) })
    }

    /// Returns whether `value IN (plan)` is unknown if no row is equal: there is a row, and one of the sides is null.
    fn in_is_unknown(
        &self,
        value: &ResolvedExpr,
        id: &str,
        plan: &LogicalPlan,
        expr_scope: &ExprScope,
    ) -> Result<Expr> {
        let null_row = self.exists(crate::filtered(plan.clone(), column(id).is_null())?, expr_scope)?;
        let any = self.exists(plan.clone(), expr_scope)?;
        Ok(value.expr.clone().is_null().and(any.expr).or(null_row.expr))
    }

    /// `NOT argument` where the argument holds IN over a subquery: NOT moves inward, down to the IN.
    pub(crate) fn not_over_in(
        &self,
        argument: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<Option<ResolvedExpr>> {
        if let Some(membership) = self.membership(argument)? {
            return self.not_in_subquery(membership, expr_scope, false).map(Some);
        }
        let ExprNode::Function(call) = &argument.node else { return Ok(None) };
        if !self.holds_membership(argument)? {
            return Ok(None);
        }
        let negated =
            |e: &ir::Expr| ir::Expr::at(ir::Expr::call("not", vec![e.clone()]).node, argument.origin);
        let inward = match (self.special_form(call), call.args.as_slice()) {
            (Some(SpecialForm::Not), [inner]) => inner.clone(),
            (Some(SpecialForm::And), [left, right]) => {
                ir::Expr::call("or", vec![negated(left), negated(right)])
            }
            (Some(SpecialForm::Or), [left, right]) => {
                ir::Expr::call("and", vec![negated(left), negated(right)])
            }
            _ => return Ok(None),
        };
        // The recursion ends: each step removes a NOT or moves it one level towards the IN.
        self.expr(&inward, expr_scope).map(Some)
    }

    /// A conjunct that is IN over a subquery or its negation; none for others.
    pub(crate) fn membership_conjunct(
        &self,
        condition: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<Option<ResolvedExpr>> {
        if let Some((values, relation)) = self.membership(condition)? {
            return self.in_conjunct(&values, &relation, expr_scope).map(Some);
        }
        let ExprNode::Function(call) = &condition.node else { return Ok(None) };
        let (Some(SpecialForm::Not), [inner]) = (self.special_form(call), call.args.as_slice()) else {
            return Ok(None);
        };
        match self.membership(inner)? {
            Some(membership) => self.not_in_subquery(membership, expr_scope, true).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn holds_membership(&self, expr: &ir::Expr) -> Result<bool> {
        if self.membership(expr)?.is_some() {
            return Ok(true);
        }
        let ExprNode::Function(call) = &expr.node else { return Ok(false) };
        match self.special_form(call) {
            Some(SpecialForm::Not | SpecialForm::And | SpecialForm::Or) => {
                call.args.iter().try_fold(false, |found, e| Ok(found || self.holds_membership(e)?))
            }
            _ => Ok(false),
        }
    }

    /// The values and the relation of `values IN (subquery)`.
    fn membership(&self, expr: &ir::Expr) -> Result<Option<Membership>> {
        Ok(match &expr.node {
            ExprNode::Subquery { kind: SubqueryKind::In { values }, relation } => {
                Some((values.clone(), Rc::new(relation.as_ref().clone())))
            }
            ExprNode::SubqueryReference { kind: SubqueryKind::In { values }, plan_id } => {
                Some((values.clone(), self.reference(*plan_id)?))
            }
            _ => None,
        })
    }

    /// Casts both sides of an IN to common types, as keys; the subquery keeps only its visible columns.
    fn comparable(
        &self,
        values: Vec<ResolvedExpr>,
        mut relation: ResolvedRelation,
    ) -> Result<(Vec<ResolvedExpr>, ResolvedRelation)> {
        let mut left = vec![];
        let mut exprs = vec![];
        for (value, c) in values.into_iter().zip(&mut relation.scope.columns) {
            let right = crate::attribute::value_of(c);
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
            left.push(ResolvedExpr { expr: value.key(), ..value });
            let right = self.coerced(right, &common)?;
            let key = right.key();
            // The canonical form of a float may be another value than the column's, so it gets an id of its own.
            if key != column(&c.id) {
                c.id = self.new_id();
                c.data_type = right.spark_type()?;
            }
            exprs.push(key.alias_if_changed(c.id.clone()).map_err(from_datafusion)?);
        }
        relation.plan = project(relation.plan, exprs)?;
        Ok((left, relation))
    }

    pub(crate) fn with_relations(
        &self,
        root: &Relation,
        references: &[Relation],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let before = self.references.borrow().len();
        self.references.borrow_mut().extend(references.iter().cloned().map(Rc::new));
        let relation = self.relation(root, outer);
        self.references.borrow_mut().truncate(before);
        relation
    }

    /// Returns the relation with this plan id under `WithRelations`.
    pub(crate) fn reference(&self, plan_id: i64) -> Result<Rc<Relation>> {
        let references = self.references.borrow();
        let found = references.iter().rev().find(|r| r.plan_id == Some(plan_id));
        found.cloned().ok_or_else(|| {
            Error::unsupported(format!("a plan that refers to the relation {plan_id}, which it lacks"))
        })
    }
}

fn holds_correlated(expr: &Expr) -> bool {
    let correlated = |e: &Expr| Ok(subquery_of(e).is_some_and(|s| !s.outer_ref_columns.is_empty()));
    expr.exists(correlated).unwrap_or(false)
}

fn is_correlated(plan: &LogicalPlan) -> bool {
    !outer_references(plan).is_empty()
}

/// Returns whether a value can be the key of a join that handles nulls: a constant is not a key, a value that can raise
/// would be evaluated on more rows, and a subquery would be below the join.
fn is_key(value: &ResolvedExpr) -> bool {
    !(value.fallible || value.expr.column_refs().is_empty() || holds_subquery(&value.expr))
}

fn is_null(values: &[ResolvedExpr]) -> bool {
    matches!(values, [ResolvedExpr { expr: Expr::Literal(value, _), .. }] if value.is_null())
}

/// A subquery and its scope, without its place in the text: equal ones share a value, so that a key of GROUP BY
/// is recognised in the select list.
#[derive(Debug, PartialEq)]
pub(crate) struct SubqueryPlace {
    in_predicate: bool,
    in_order_by: bool,
    scope_ids: Vec<String>,
    subquery: ir::Expr,
}

impl SubqueryPlace {
    fn of(kind: &SubqueryKind, relation: &Relation, expr_scope: &ExprScope) -> Self {
        let node = ExprNode::Subquery { kind: kind.clone(), relation: Box::new(relation.clone()) };
        let mut subquery = ir::Expr::new(node);
        subquery.clear_origins();
        Self {
            in_predicate: expr_scope.clause.is_filter(),
            in_order_by: expr_scope.clause == Clause::OrderBy,
            scope_ids: expr_scope.scope.columns.iter().map(|c| c.id.clone()).collect(),
            subquery,
        }
    }
}

/// Returns whether a plan has at most one row for each row of the enclosing query.
pub(crate) fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(p) => is_one_row(&p.input),
        LogicalPlan::Filter(f) => is_one_row(&f.input),
        LogicalPlan::Sort(s) => is_one_row(&s.input),
        LogicalPlan::Limit(l) => {
            matches!(l.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1)))) || is_one_row(&l.input)
        }
        _ => false,
    }
}

/// Returns whether a plan has exactly one row.
fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(p) => has_one_row(&p.input),
        _ => false,
    }
}

fn subquery(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = outer_references(&plan);
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}

/// `values = columns` inside of the subquery, where the values' columns are those of the outer query.
fn equality(values: &[ResolvedExpr], relation: &ResolvedRelation, expr_scope: &ExprScope) -> Expr {
    let pairs = values.iter().zip(&relation.scope.columns);
    let equal = pairs.map(|(v, c)| outer_of(v, expr_scope).eq(column(&c.id))).reduce(Expr::and);
    equal.unwrap_or_else(|| lit(true))
}

/// Converts a value to an outer reference of a subquery.
fn outer_of(value: &ResolvedExpr, expr_scope: &ExprScope) -> Expr {
    use arrow::datatypes::Field;
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let outer = |e: Expr| match e {
        Expr::Column(c) => {
            let data_type = match expr_scope.scope.by_id(&c.name) {
                Some(found) => thalweg_values::types::to_arrow(&found.data_type),
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
