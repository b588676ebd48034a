//! The domain of a correlated subquery: the distinct values of the columns that it uses of the enclosing query.

use super::outer::replaced;
use super::{Resolver, column, filtered, project, subquery_of};
use crate::column_copies::copied;
use crate::expr_scope::ResolvedExpr;
use arrow::datatypes::DataType as Arrow;
use datafusion::common::tree_node::{TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinConstraint, NullEquality};
use datafusion::logical_expr::{Distinct, Expr, Join, JoinType, LogicalPlan};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_logical::OPTIMIZATION_BARRIER;
use thalweg_logical::plain_keys;
use thalweg_values::errors::from_datafusion;

/// The domain, as a plan that is copied wherever a plan needs its columns.
pub(super) struct Domain {
    /// The outer columns.
    pub names: Vec<Column>,
    types: Vec<Arrow>,
    ids: Vec<String>,
    plan: LogicalPlan,
}

impl Domain {
    /// Creates the domain of these outer columns of `base`.
    pub(super) fn of(resolver: &Resolver, base: &LogicalPlan, outer: &[Expr]) -> Result<Self> {
        let (mut names, mut types, mut ids, mut keys) = (vec![], vec![], vec![], vec![]);
        for e in outer {
            let Expr::OuterReferenceColumn(_, c) = e else { continue };
            let Ok((_, field)) = base.schema().qualified_field_from_column(c) else {
                return Err(Error::internal("a subquery names a column that the query around it lacks"));
            };
            // A domain is made distinct and joined by its columns, and maps cannot be compared.
            if holds_map(field.data_type()) {
                return Err(Error::unsupported("a subquery of this form correlated by a column of type MAP"));
            }
            let id = resolver.new_id();
            let resolved =
                ResolvedExpr::new(Expr::Column(c.clone()), field.data_type().clone(), field.is_nullable());
            keys.push(resolved.key().alias(&id));
            names.push(c.clone());
            types.push(resolved.data_type);
            ids.push(id);
        }
        let source = source(base, &names)?;
        refuse_volatile(&source)?;
        let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(project(source, keys)?)));
        Ok(Self { names, types, ids, plan })
    }

    /// Copies the domain with new ids and copied values, because the groups above have other keys too.
    pub(super) fn copy(&self, resolver: &Resolver) -> Result<(LogicalPlan, Vec<String>)> {
        let keys: Vec<String> = self.ids.iter().map(|_| resolver.new_id()).collect();
        let renamed = self.ids.iter().zip(&keys).map(|(id, key)| copied(column(id)).alias(key));
        Ok((project(self.plan.clone(), renamed.collect::<Vec<_>>())?, keys))
    }

    /// Returns the outer columns as keys.
    pub(super) fn outer_keys(&self) -> Vec<Expr> {
        let key =
            |(c, t): (&Column, &Arrow)| ResolvedExpr::new(Expr::Column(c.clone()), t.clone(), true).key();
        self.names.iter().zip(&self.types).map(key).collect()
    }

    /// Replaces the outer columns of an expression by copies of the domain's columns.
    pub(super) fn substituted(&self, expr: Expr, keys: &[String]) -> Result<Expr> {
        let by = |c: &Column| {
            let key = self.names.iter().position(|n| n == c).and_then(|at| keys.get(at));
            key.map(Column::new_unqualified)
        };
        replaced(expr, &by).data().map_err(from_datafusion)
    }

    /// Joins two plans on these keys, with null equal to null, and on a condition.
    pub(super) fn join(
        &self,
        resolver: &Resolver,
        (left, left_keys): (LogicalPlan, &[Expr]),
        (right, right_keys): (LogicalPlan, &[Expr]),
        join_type: JoinType,
    ) -> Result<LogicalPlan> {
        let (mut on, mut filter) = (vec![], None::<Expr>);
        for ((l, r), t) in left_keys.iter().zip(right_keys).zip(&self.types) {
            if t.is_nested() {
                let sides = [l, r].map(|e| ResolvedExpr::new(e.clone(), t.clone(), true));
                let same = resolver.scalar("<=>", sides.to_vec())?.expr;
                filter = Some(filter.map_or(same.clone(), |f| f.and(same)));
                continue;
            }
            on.extend(
                plain_keys(l.clone(), left.schema(), r.clone(), right.schema()).map_err(from_datafusion)?,
            );
        }
        let (left, right) = (Arc::new(left), Arc::new(right));
        let join = Join::try_new(
            left,
            right,
            on,
            filter,
            join_type,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        );
        join.map(LogicalPlan::Join).map_err(from_datafusion)
    }
}

/// Columns by their ids.
pub(super) fn columns(ids: &[String]) -> Vec<Expr> {
    ids.iter().map(|id| column(id)).collect()
}

fn holds_map(t: &Arrow) -> bool {
    match t {
        Arrow::Map(..) => true,
        Arrow::List(element) => holds_map(element.data_type()),
        Arrow::Struct(fields) => fields.iter().any(|f| holds_map(f.data_type())),
        _ => false,
    }
}

/// Returns a plan with these columns of all rows of `base`, and possibly more: a domain may be larger than needed,
/// but must contain the values of another evaluation of `base`. So no LIMIT and no volatile predicate selects rows.
fn source(base: &LogicalPlan, needed: &[Column]) -> Result<LogicalPlan> {
    match base {
        LogicalPlan::Limit(l) => source(&l.input, needed),
        LogicalPlan::Sort(s) => source(&s.input, needed),
        LogicalPlan::Filter(f) if is_volatile(&f.predicate).map_err(from_datafusion)? => {
            source(&f.input, needed)
        }
        LogicalPlan::Filter(f) => {
            let mut all = needed.to_vec();
            all.extend(f.predicate.column_refs().into_iter().cloned());
            // `column_refs` does not list what the predicate's subqueries use.
            all.extend(outer_columns(&f.predicate));
            filtered(source(&f.input, &all)?, f.predicate.clone())
        }
        LogicalPlan::Projection(p) => {
            let columns = p.schema.columns().into_iter();
            let kept = columns.zip(&p.expr).filter(|(c, _)| needed.contains(c)).map(|(_, e)| e.clone());
            let kept: Vec<Expr> = kept.collect();
            let mut below: Vec<Column> = kept.iter().flat_map(Expr::column_refs).cloned().collect();
            below.extend(kept.iter().flat_map(outer_columns));
            project(source(&p.input, &below)?, kept)
        }
        other => Ok(other.clone()),
    }
}

/// Returns the columns of the plan below an expression that its subqueries use.
fn outer_columns(expr: &Expr) -> Vec<Column> {
    let mut found = vec![];
    // No step of this walk can fail.
    let _ = expr.apply(|e| {
        for reference in subquery_of(e).map_or(&[][..], |s| s.outer_ref_columns.as_slice()) {
            if let Expr::OuterReferenceColumn(_, c) = reference {
                found.push(c.clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

fn is_volatile(expr: &Expr) -> datafusion::error::Result<bool> {
    expr.exists(|e| {
        Ok(match e {
            // The barrier is volatile for the optimizer only: it is true on every row.
            Expr::ScalarFunction(f) => f.name() != OPTIMIZATION_BARRIER && e.is_volatile_node(),
            _ => e.is_volatile_node(),
        })
    })
}

/// The relation is evaluated twice, so it must be the same each time.
fn refuse_volatile(base: &LogicalPlan) -> Result<()> {
    let mut found = false;
    let walk = base.apply_with_subqueries(|node| {
        node.apply_expressions(|e| {
            found |= is_volatile(e)?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walk.map_err(from_datafusion)?;
    match found {
        true => Err(Error::unsupported(
            "a correlated subquery of this form over rows that a nondeterministic expression made",
        )),
        false => Ok(()),
    }
}
