//! Adds the columns that a filter or sort names and its input has left out: `df.select("a").filter(df.b > 1)`,
//! `df.withColumn("x", -df.x).filter(df.x > 0)`, `df.drop("b").sort("b")`.
//!
//! As in Spark, such a column is the one of the nearest operator below that has it, as far as all operators on the way
//! keep the rows of their input, and has priority over a column of the enclosing query. The plan of each of them then
//! outputs it under its id, and only filters and sorts see it. What they may need is known before their input is resolved,
//! so that each relation is resolved once.

use crate::expr_scope::ExprScope;
use crate::scope::{FoundColumn, Lookup, Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver};
use std::rc::Rc;
use thalweg_common::Result;
use thalweg_sql::ir::{Child, Expr, ExprNode, Name, Relation};

/// A column that a filter or sort names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WantedColumn {
    pub name: Name,
    /// The client's relation that it belongs to.
    pub plan_id: Option<i64>,
}

/// A wanted column that an operator has left out and that its plan outputs all the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeftOutColumn {
    pub wanted: WantedColumn,
    pub column: ScopeColumn,
    /// The number of parts of the name that are its qualifier.
    pub qualifier_len: usize,
}

impl Resolver<'_> {
    /// Resolves the input of a filter or sort, with the columns that these expressions of it name.
    pub(crate) fn input_with<'e>(
        &self,
        input: &Relation,
        exprs: impl Iterator<Item = &'e Expr>,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        // Any other input outputs what it has.
        if input.node.row_preserving_input().is_none() {
            return self.relation(input, outer);
        }
        let mut wanted = self.wanted.borrow().to_vec();
        exprs.for_each(|e| add_columns(e, &mut wanted));
        let before = self.wanted.replace(wanted.into());
        let relation = self.relation(input, outer);
        self.wanted.replace(before);
        relation
    }

    /// Returns the wanted columns that the input of a relation can provide.
    pub(crate) fn wanted_through(&self, relation: &Relation) -> Rc<[WantedColumn]> {
        let wanted = self.wanted.borrow();
        match (relation.node.row_preserving_input(), relation.plan_id) {
            (None, _) => Rc::default(),
            (Some(_), Some(_)) => Rc::clone(&wanted),
            // Only relations of a client have ids: in SQL a name never means a column that is left out.
            (Some(_), None) => wanted.iter().filter(|w| w.plan_id.is_some()).cloned().collect(),
        }
    }

    /// Resolves something with columns of its own, such as a subquery, to which nothing is added.
    pub(crate) fn wanting_nothing<T>(&self, resolve: impl FnOnce() -> T) -> T {
        let before = self.wanted.take();
        let resolved = resolve();
        self.wanted.replace(before);
        resolved
    }

    /// Returns the wanted columns that an operator over `input` leaves out if it outputs `columns`.
    pub(crate) fn left_out(&self, input: &ResolvedRelation, columns: &[ScopeColumn]) -> Vec<LeftOutColumn> {
        let wanted = self.wanted.borrow();
        if wanted.is_empty() {
            return vec![];
        }
        let output = Scope::new(columns.to_vec());
        let in_plan = |c: &ScopeColumn| input.plan.schema().has_column_with_unqualified_name(&c.id);
        let lacked = wanted.iter().filter(|w| matches!(output.lookup_wanted(w), Lookup::None));
        let found = lacked.filter_map(|w| match input.scope.lookup_wanted(w) {
            Lookup::One(FoundColumn { column, qualifier_len }) => {
                Some(LeftOutColumn { wanted: w.clone(), column: column.clone(), qualifier_len })
            }
            Lookup::None => input.scope.left_out.iter().find(|l| l.wanted == *w).cloned(),
            Lookup::Many(_) => None,
        });
        found.filter(|l| in_plan(&l.column)).collect()
    }
}

impl Scope {
    fn lookup_wanted(&self, wanted: &WantedColumn) -> Lookup<'_> {
        match (wanted.plan_id, wanted.name.as_slice()) {
            (Some(id), [first, ..]) => self.lookup_plan(id, first),
            (_, name) => self.lookup(name),
        }
    }

    /// Looks up a column that the relation has left out.
    pub(crate) fn lookup_left_out(&self, name: &[String], plan_id: Option<i64>) -> Option<FoundColumn<'_>> {
        let found = self.left_out.iter().find(|l| l.wanted.name == name && l.wanted.plan_id == plan_id)?;
        Some(FoundColumn { column: &found.column, qualifier_len: found.qualifier_len })
    }
}

/// Adds the columns of an expression, each once, except those of its subqueries.
fn add_columns(expr: &Expr, wanted: &mut Vec<WantedColumn>) {
    if let ExprNode::Attribute { name, plan_id } = &expr.node {
        let named = WantedColumn { name: name.clone(), plan_id: *plan_id };
        if !wanted.contains(&named) {
            wanted.push(named);
        }
    }
    expr.for_each_child(&mut |child| {
        if let Child::Expr(inner) = child {
            add_columns(inner, wanted);
        }
    });
}
