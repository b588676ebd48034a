//! What an expression may name and do where it stands, and what comes out of resolving it.

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
    /// Whether evaluating it on some row can raise.
    pub fallible: bool,
    /// Whether every evaluation of it may give something else, as of random numbers.
    pub volatile: bool,
    /// Spark's type where Arrow's does not tell it (interval fields).
    pub spark: Option<DataType>,
    /// The delay of the watermark in microseconds, if this is an event time or a window of one.
    pub event_delay: Option<i64>,
}

impl ResolvedExpr {
    pub fn new(expr: Expr, data_type: Arrow, nullable: bool) -> Self {
        Self { expr, data_type, nullable, fallible: false, volatile: false, spark: None, event_delay: None }
    }

    pub fn arg(&self) -> Arg {
        Arg { expr: self.expr.clone(), data_type: self.data_type.clone(), nullable: self.nullable }
    }

    /// What stands for all equal values: the form in which rows are grouped, joined, sorted and told apart.
    pub fn key(&self) -> Expr {
        thalweg_functions::key(self.arg()).expr
    }

    /// A function's result over these arguments: it raises where one of them does, and varies as they do.
    pub fn of_bound(bound: Bound, args: &[ResolvedExpr]) -> Self {
        let fallible = bound.fallible || args.iter().any(|a| a.fallible);
        let volatile = once::draws_itself(&bound.expr) || args.iter().any(|a| a.volatile);
        Self { fallible, volatile, ..Self::new(bound.expr, bound.data_type, bound.nullable) }
    }

    pub fn spark_type(&self) -> Result<DataType> {
        match &self.spark {
            Some(t) => Ok(t.clone()),
            None => to_spark(&self.data_type).ok_or_else(|| {
                let name = self.data_type.to_string();
                analysis("UNSUPPORTED_DATATYPE", "0A000", format!("Unsupported data type {name}."))
                    .param("typeName", name)
            }),
        }
    }

    /// The type as messages write it.
    pub fn type_name(&self) -> String {
        sql_name(&self.data_type)
    }
}

/// Outputs of a select list that later clauses may name: each column with its definition.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub scope: Scope,
    pub exprs: Vec<ResolvedExpr>,
}

impl Outputs {
    pub fn push(&mut self, column: ScopeColumn, typed: ResolvedExpr) {
        self.scope.columns.push(column);
        self.exprs.push(typed);
    }

    /// The ids of the outputs that vary, which others name by their columns.
    pub fn varying(&self) -> Vec<String> {
        let varying = self.scope.columns.iter().zip(&self.exprs).filter(|(_, typed)| typed.volatile);
        varying.map(|(c, _)| c.id.clone()).collect()
    }

    /// The definition of the output with that id.
    pub fn definition(&self, id: &str) -> Option<&ResolvedExpr> {
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

/// Calls that need an operator of their own below the expression.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub aggregates: Vec<AggregateFound>,
    pub windows: Vec<WindowFound>,
    /// What varies in window calls, by the id of the column that is computed below the windows.
    pub drawn: Vec<(String, Expr)>,
    pub groupings: Vec<GroupingFound>,
    /// Sliding event-time windows that an unnest must expand below the expression.
    pub unnests: Vec<UnnestFound>,
    /// Times that event-time windows are made of: rows without one are dropped.
    pub times: Vec<Expr>,
}

/// Lists to expand: `id` is the column that will hold one element per row.
#[derive(Debug, Clone)]
pub(crate) struct UnnestFound {
    pub id: String,
    pub list: Expr,
    pub event_delay: Option<i64>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct ExprScope<'e> {
    pub scope: &'e Scope,
    /// Select-list outputs that come before the scope (ORDER BY, HAVING).
    pub outputs: Option<&'e Outputs>,
    /// Select-list outputs that come after the scope (lateral aliases).
    pub lateral: Option<&'e Outputs>,
    /// The query around a subquery.
    pub outer: Option<&'e ExprScope<'e>>,
    /// Collects aggregate and window calls; none where they are not allowed.
    pub calls: Option<&'e RefCell<Calls>>,
    pub aggregates: bool,
    pub windows: bool,
    /// The clause, for messages.
    pub clause: &'static str,
}

impl<'e> ExprScope<'e> {
    /// An expression over `scope` alone, without aggregates and windows.
    pub fn new(scope: &'e Scope, outer: Option<&'e ExprScope<'e>>) -> Self {
        Self {
            scope,
            outputs: None,
            lateral: None,
            outer,
            calls: None,
            aggregates: false,
            windows: false,
            clause: "expression",
        }
    }

    /// The same place for the arguments of an aggregate call: no aggregates, windows or outputs.
    pub fn inside_aggregate(&self) -> Self {
        Self {
            aggregates: false,
            windows: false,
            outputs: None,
            clause: if self.aggregates { "aggregate" } else { self.clause },
            ..*self
        }
    }

    /// The same place for the parts of a window call: aggregates may be, windows not.
    pub fn inside_window(&self) -> Self {
        Self { windows: false, ..*self }
    }
}
