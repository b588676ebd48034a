//! Resolves an unresolved relation to a plan: the entry point and the state of a resolution.
//!
//! Resolution itself is synchronous: the tables are loaded before it.

use crate::catalog::{Catalog, Context, ResolvedQuery};
use crate::expr_scope::{self, ExprScope};
use crate::load::Loads;
use crate::missing_columns::WantedColumn;
use crate::plan_builder::{column, project};
use crate::scope::{Scope, ScopeColumn};
use crate::subquery;
use datafusion::logical_expr::LogicalPlan;
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use thalweg_common::{Error, Position, Result};
use thalweg_sql::ir::{self, Origin, Relation};
use thalweg_sql::types::DataType;
use thalweg_values::errors::from_datafusion;

/// The deepest nesting of relations, views and subqueries: more would overflow the stack.
const DEPTH_MAX: usize = 600;

/// The largest number of relations of a query, counting those of a view or a common table expression at each reference
/// to it: one that reads the one before it twice, and so on, would take twice as long with each.
const RELATIONS_MAX: usize = 20_000;

/// Resolves a query: names, types, functions and coercions, to a plan that DataFusion runs.
///
/// # Errors
/// Spark's analysis errors (`UNRESOLVED_COLUMN`, `DATATYPE_MISMATCH`, …), with the position in `ctx.text`.
pub async fn resolve(relation: &Relation, catalog: &dyn Catalog, ctx: &Context) -> Result<ResolvedQuery> {
    let loads = Loads::of(relation, catalog).await?;
    Resolver::new(ctx, &loads).resolve_query(relation)
}

/// Returns the type and nullability of an expression without columns, such as a default or an option's value.
///
/// # Errors
/// As [`resolve`]; any column is unresolved.
pub fn resolve_expression_type(expr: &ir::Expr, ctx: &Context) -> Result<(DataType, bool)> {
    let mut reads_table = false;
    expr.for_each_table(&mut |_| reads_table = true);
    if reads_table {
        return Err(Error::unsupported("a subquery in an expression without a query"));
    }
    let (loads, scope) = (Loads::default(), Scope::default());
    let resolved = Resolver::new(ctx, &loads).expr(expr, &ExprScope::new(&scope, None))?;
    Ok((resolved.spark_type()?, resolved.nullable))
}

/// A resolved relation: its plan, and the names of the plan's columns.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedRelation {
    pub(crate) plan: LogicalPlan,
    pub(crate) scope: Scope,
    pub(crate) streaming: bool,
    /// Whether the plan drops rows, on which a predicate that moves down would be evaluated.
    pub(crate) excludes: bool,
}

/// A CTE in scope; it sees the first `visible` CTEs of the stack.
#[derive(Debug)]
pub(crate) struct CteInSight {
    pub(crate) cte: ir::Cte,
    pub(crate) visible: usize,
    /// The first of its seeds: all references to the CTE draw the same random numbers.
    pub(crate) seeds: Cell<Option<u64>>,
}

/// The state of a resolution.
pub(crate) struct Resolver<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) loads: &'a Loads,
    pub(crate) next_id: Cell<u64>,
    pub(crate) depth: Cell<usize>,
    /// The number of relations so far.
    pub(crate) relations: Cell<usize>,
    pub(crate) ctes: RefCell<Vec<Rc<CteInSight>>>,
    /// The relations of `WithRelations`, by plan id.
    pub(crate) references: RefCell<Vec<Rc<Relation>>>,
    /// The columns that the filters and sorts above a relation name.
    pub(crate) wanted: RefCell<Rc<[WantedColumn]>>,
    /// The text that origins refer to.
    pub(crate) text: RefCell<Option<Arc<str>>>,
    /// The arguments of the SQL text that is being resolved.
    pub(crate) arguments: RefCell<Option<Rc<ir::Arguments>>>,
    /// The parameters of the lambdas around an expression, innermost last.
    pub(crate) lambda_variables: RefCell<Vec<(String, expr_scope::ResolvedExpr)>>,
    /// The lambdas so far, without their places in the text, and the ids of their parameters.
    pub(crate) lambdas: RefCell<Vec<(ir::Expr, Vec<String>)>>,
    /// The correlated subqueries so far, by content and scope.
    pub(crate) subqueries: RefCell<Vec<(subquery::SubqueryPlace, expr_scope::ResolvedExpr)>>,
    /// The random state that seeds are derived from.
    pub(crate) chance: RandomState,
    /// The number of seeds so far.
    pub(crate) seeds: Cell<u64>,
}

impl<'a> Resolver<'a> {
    fn new(ctx: &'a Context, loads: &'a Loads) -> Self {
        Self {
            ctx,
            loads,
            next_id: Cell::new(0),
            depth: Cell::new(0),
            relations: Cell::new(0),
            ctes: RefCell::new(vec![]),
            references: RefCell::new(vec![]),
            wanted: RefCell::default(),
            text: RefCell::new(ctx.text.clone()),
            arguments: RefCell::new(None),
            lambda_variables: RefCell::new(vec![]),
            lambdas: RefCell::new(vec![]),
            subqueries: RefCell::new(vec![]),
            chance: RandomState::new(),
            seeds: Cell::new(0),
        }
    }

    fn resolve_query(&self, relation: &Relation) -> Result<ResolvedQuery> {
        let resolved = self.relation(relation, None)?;
        let columns: Vec<_> = resolved.scope.columns.iter().map(ScopeColumn::resolved).collect();
        let ids: Vec<_> = columns.iter().map(|c| c.id.as_str()).collect();
        let shown: Vec<_> = resolved.plan.schema().fields().iter().map(|f| f.name().as_str()).collect();
        let plan =
            if ids == shown { resolved.plan } else { project(resolved.plan, ids.into_iter().map(column))? };
        // Streams refuse subqueries, so they stay as they are for the error.
        let plan = if resolved.streaming {
            plan
        } else {
            let plan =
                thalweg_logical::collapse_projections(self.unnested(plan)?).map_err(from_datafusion)?;
            thalweg_logical::bound_expansion(plan).map_err(from_datafusion)?
        };
        Ok(ResolvedQuery { plan, columns, streaming: resolved.streaming })
    }

    /// Resolves a relation; `outer` is the enclosing query of a correlated subquery.
    pub(crate) fn relation(
        &self,
        relation: &Relation,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        thalweg_common::cancel::check()?;
        if self.depth.get() >= DEPTH_MAX {
            return Err(Error::unsupported(format!("a query nested deeper than {DEPTH_MAX} levels")));
        }
        self.relations.set(self.relations.get() + 1);
        if self.relations.get() > RELATIONS_MAX {
            let what = format!(
                "a query of more than {RELATIONS_MAX} relations, with each reference to a view or a common \
                                table expression counted"
            );
            return Err(Error::unsupported(what));
        }
        let wanted = self.wanted.replace(self.wanted_through(relation));
        self.depth.set(self.depth.get() + 1);
        let answer = self.relation_node(relation, outer);
        self.depth.set(self.depth.get() - 1);
        self.wanted.replace(wanted);
        let mut resolved = answer.map_err(|e| self.at(e, relation.origin))?;
        if relation.node.row_preserving_input().is_none() {
            resolved.scope.left_out.clear();
        }
        // The depth is counted before the relation gets its own id, which is at the distance 0 from its columns.
        resolved.scope.deepen();
        if let Some(id) = relation.plan_id {
            resolved.scope.mark_plan(id);
        }
        Ok(resolved)
    }

    /// Creates a new opaque column id.
    pub(crate) fn new_id(&self) -> String {
        let id = self.next_id.get() + 1;
        self.next_id.set(id);
        format!("#{id}")
    }

    /// Creates a seed for a random number.
    pub(crate) fn new_seed(&self) -> i64 {
        // Counted seeds repeat within a resolution: a common table expression sets the count back at each reference to
        // it.
        let seed = self.seeds.get();
        self.seeds.set(seed + 1);
        self.chance.hash_one(seed) as i64
    }

    /// Adds the place of a node to an error that has none.
    pub(crate) fn at(&self, error: Error, origin: Origin) -> Error {
        error.at(self.position(origin))
    }

    pub(crate) fn position(&self, origin: Origin) -> Option<Position> {
        let span = origin?;
        let text = self.text.borrow();
        Some(Position::locate(text.as_deref()?, span.start as usize, span.stop as usize))
    }
}
