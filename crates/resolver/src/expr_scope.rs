//! Defines the scope of an expression, and the result of resolving it.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::scope::{Scope, ScopeColumn};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::Expr;
use std::cell::RefCell;
use thalweg_common::Result;
use thalweg_functions::once;
use thalweg_functions::{Arg, Bound};
use thalweg_sql::types::DataType;
use thalweg_values::types::{sql_name, to_spark};

/// A resolved expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResolvedExpr {
    pub expr: Expr,
    pub data_type: Arrow,
    pub nullable: bool,
    /// Whether evaluating it can raise on some row.
    pub fallible: bool,
    /// Whether evaluations may return different values, as for random numbers.
    pub volatile: bool,
    /// Spark's type if Arrow's does not determine it (interval fields).
    pub spark: Option<DataType>,
    /// The delay of the watermark in microseconds, if this is an event time or a window of one.
    pub event_delay: Option<i64>,
}

impl ResolvedExpr {
    pub(crate) fn new(expr: Expr, data_type: Arrow, nullable: bool) -> Self {
        Self { expr, data_type, nullable, fallible: false, volatile: false, spark: None, event_delay: None }
    }

    pub(crate) fn arg(&self) -> Arg {
        Arg { expr: self.expr.clone(), data_type: self.data_type.clone(), nullable: self.nullable }
    }

    /// Returns the canonical form of equal values, by which rows are grouped, joined, sorted and deduplicated.
    pub(crate) fn key(&self) -> Expr {
        thalweg_functions::key(self.arg()).expr
    }

    /// Creates a function's result over these arguments: it is fallible and volatile if one of them is.
    pub(crate) fn of_bound(bound: Bound, args: &[ResolvedExpr]) -> Self {
        let fallible = bound.fallible || args.iter().any(|a| a.fallible);
        // DataFusion's volatility alone does not tell: some functions, such as raise_error(), are marked as volatile
        // only so that no rule moves them.
        let volatile = once::draws_itself(&bound.expr) || args.iter().any(|a| a.volatile);
        Self { fallible, volatile, ..Self::new(bound.expr, bound.data_type, bound.nullable) }
    }

    pub(crate) fn spark_type(&self) -> Result<DataType> {
        match &self.spark {
            Some(t) => Ok(t.clone()),
            None => to_spark(&self.data_type).ok_or_else(|| {
                let name = self.data_type.to_string();
                analysis("UNSUPPORTED_DATATYPE", "0A000", format!("Unsupported data type {name}."))
                    .param("typeName", name)
            }),
        }
    }

    /// Returns the type as in messages.
    pub(crate) fn type_name(&self) -> String {
        sql_name(&self.data_type)
    }
}

/// The outputs of a select list that later clauses may use: each column with its definition.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub scope: Scope,
    pub exprs: Vec<ResolvedExpr>,
}

impl Outputs {
    pub(crate) fn push(&mut self, column: ScopeColumn, resolved: ResolvedExpr) {
        self.scope.columns.push(column);
        self.exprs.push(resolved);
    }

    /// Returns the ids of the volatile outputs, which others use as columns.
    pub(crate) fn varying(&self) -> Vec<String> {
        let varying = self.scope.columns.iter().zip(&self.exprs).filter(|(_, resolved)| resolved.volatile);
        varying.map(|(c, _)| c.id.clone()).collect()
    }

    /// Returns the definition of the output with this id.
    pub(crate) fn definition(&self, id: &str) -> Option<&ResolvedExpr> {
        self.scope.columns.iter().zip(&self.exprs).find(|(c, _)| c.id == id).map(|(_, e)| e)
    }
}

/// An aggregate call found in a select list; `id` is the column that will hold its finished result.
#[derive(Debug, Clone)]
pub(crate) struct AggregateFound {
    pub id: String,
    pub aggregate: Expr,
    /// Type of the finished result.
    pub data_type: Arrow,
    pub finish: Option<fn(Expr) -> Expr>,
}

/// A window call found in a select list; `id` is the column that will hold its finished result.
#[derive(Debug, Clone)]
pub(crate) struct WindowFound {
    pub id: String,
    pub window: Expr,
    /// Type of the finished result.
    pub data_type: Arrow,
    pub finish: Option<fn(Expr) -> Expr>,
}

/// `grouping(key)`: 1 where a grouping set left the key out.
#[derive(Debug, Clone)]
pub(crate) struct GroupingFound {
    pub id: String,
    /// The key, or none for `grouping_id()` over all keys.
    pub keys: Option<Vec<Expr>>,
    /// Whether the result is `grouping` (tinyint) instead of `grouping_id` (bigint).
    pub single: bool,
}

/// Calls that need an operator below the expression.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub aggregates: Vec<AggregateFound>,
    pub windows: Vec<WindowFound>,
    /// Volatile parts of window calls, by the id of the column that is computed below the windows.
    pub drawn: Vec<(String, Expr)>,
    pub groupings: Vec<GroupingFound>,
    /// Sliding event-time windows that an unnest must expand below the expression.
    pub unnests: Vec<UnnestFound>,
    /// The times of event-time windows: rows without one are dropped.
    pub times: Vec<Expr>,
}

/// Lists to expand: `id` is the column that will hold one element per row.
#[derive(Debug, Clone)]
pub(crate) struct UnnestFound {
    pub id: String,
    pub list: Expr,
    pub event_delay: Option<i64>,
}

/// The context of an expression.
#[derive(Clone, Copy)]
pub(crate) struct ExprScope<'e> {
    pub scope: &'e Scope,
    /// Select-list outputs that come before the scope (ORDER BY, HAVING).
    pub outputs: Option<&'e Outputs>,
    /// Select-list outputs that come after the scope (lateral aliases).
    pub lateral: Option<&'e Outputs>,
    /// The enclosing query of a subquery.
    pub outer: Option<&'e ExprScope<'e>>,
    /// Collects aggregate and window calls; none if they are not allowed.
    pub calls: Option<&'e RefCell<Calls>>,
    pub aggregates: bool,
    pub windows: bool,
    pub clause: Clause,
}

impl<'e> ExprScope<'e> {
    /// Creates the context of an expression over `scope` alone, without aggregates and windows.
    pub(crate) fn new(scope: &'e Scope, outer: Option<&'e ExprScope<'e>>) -> Self {
        Self {
            scope,
            outputs: None,
            lateral: None,
            outer,
            calls: None,
            aggregates: false,
            windows: false,
            clause: Clause::Expression,
        }
    }

    /// Returns the context of the arguments of an aggregate call: no aggregates, windows or outputs.
    pub(crate) fn inside_aggregate(&self) -> Self {
        Self {
            aggregates: false,
            windows: false,
            outputs: None,
            // Where aggregates were not allowed before, the error names that clause and not the nesting.
            clause: if self.aggregates { Clause::Aggregate } else { self.clause },
            ..*self
        }
    }

    /// Returns the context of the parts of a window call: aggregates are allowed, windows are not.
    pub(crate) fn inside_window(&self) -> Self {
        Self { windows: false, ..*self }
    }
}
