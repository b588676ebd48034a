//! Describes what the rows of a plan node mean, in terms of the sources: the text by which a checkpoint
//! recognises the state of a query.
//!
//! Ids of columns differ between two starts of one query, so each column is described by the expression over
//! the source's columns that computes it. What always holds: two nodes with equal meanings have the same rows
//! for the same input.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::Expr;
use std::collections::BTreeSet;
use thalweg_common::Result;
use thalweg_stream::StateMeaning;
use thalweg_values::errors::from_datafusion;

/// Longer texts are abbreviated: in a chain of projections they would grow without a bound.
const TEXT_MAX: usize = 1000;

/// What the rows of a node mean.
#[derive(Debug, Clone, Default)]
pub(super) struct RowMeaning {
    /// By the place of the column.
    columns: Vec<String>,
    sources: BTreeSet<String>,
    /// The conditions and generators that the rows have passed, and the watermarks, in the order of the plan.
    passed: Vec<String>,
}

impl RowMeaning {
    /// The rows of a source.
    pub(super) fn of_source(source: String, columns: impl Iterator<Item = String>) -> Self {
        Self { columns: columns.collect(), sources: BTreeSet::from([source]), passed: vec![] }
    }

    /// Describes an expression over rows with this meaning.
    pub(super) fn text(&self, expr: &Expr, input: &DFSchema) -> Result<String> {
        let mut parameters = vec![];
        let described = expr.clone().transform(|e| match e {
            Expr::Column(column) => {
                let place = input.index_of_column(&column)?;
                let text = self.columns.get(place).cloned().unwrap_or_default();
                Ok(Transformed::yes(Expr::Column(Column::new_unqualified(text))))
            }
            // The name of a column is an id of this start.
            Expr::Alias(alias) => Ok(Transformed::yes(*alias.expr)),
            Expr::ScalarFunction(call) => {
                // The number of digits of `round`, for one, is not among its arguments any more.
                parameters.extend(thalweg_functions::parameters(&call));
                Ok(Transformed::no(Expr::ScalarFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        });
        let described = described.data().map_err(from_datafusion)?;
        let data_type =
            datafusion::logical_expr::ExprSchemable::get_type(expr, input).map_err(from_datafusion)?;
        Ok(thalweg_stream::abbreviated(
            &[vec![format!("{described}: {data_type}")], parameters].concat().join(", "),
            TEXT_MAX,
        ))
    }

    /// Describes several expressions.
    pub(super) fn texts(&self, exprs: &[Expr], input: &DFSchema) -> Result<Vec<String>> {
        exprs.iter().map(|e| self.text(e, input)).collect()
    }

    /// Rows with other columns.
    pub(super) fn with_columns(self, columns: Vec<String>) -> Self {
        Self { columns, ..self }
    }

    /// Rows that have passed a step which drops, repeats or delays some of them.
    pub(super) fn passing(mut self, step: String) -> Self {
        self.passed.push(step);
        self
    }

    /// The description of one column.
    pub(super) fn column(&self, place: usize) -> &str {
        self.columns.get(place).map_or("", String::as_str)
    }

    /// Replaces the description of one column.
    pub(super) fn with_column(mut self, place: usize, describe: impl Fn(&str) -> String) -> Self {
        if let Some(column) = self.columns.get_mut(place) {
            *column = describe(column);
        }
        self
    }

    /// The rows of two nodes, column by column.
    pub(super) fn union(mut self, other: Self) -> Self {
        let both = |(mine, theirs): (&String, &String)| match mine == theirs {
            true => mine.clone(),
            false => thalweg_stream::abbreviated(&format!("({mine} or {theirs})"), TEXT_MAX),
        };
        self.columns = self.columns.iter().zip(&other.columns).map(both).collect();
        self.sources.extend(other.sources);
        self.passed =
            vec![format!("union of [{}] and [{}]", self.passed.join("; "), other.passed.join("; "))];
        self
    }

    /// The rows of a join: the columns of both sides.
    pub(super) fn joined(&self, right: &Self) -> Self {
        let side = |name: &'static str, rows: &Self| {
            let named = move |c: &String| thalweg_stream::abbreviated(&format!("{name} {c}"), TEXT_MAX);
            rows.columns.iter().map(named).collect::<Vec<_>>()
        };
        Self {
            // The sides may read the same source.
            columns: [side("left", self), side("right", right)].concat(),
            sources: self.sources.union(&right.sources).cloned().collect(),
            passed: vec![format!(
                "left [{}] and right [{}]",
                self.passed.join("; "),
                right.passed.join("; ")
            )],
        }
    }

    /// The columns of these rows, which have passed what `joined` has.
    pub(super) fn alone(self, joined: Self) -> Self {
        Self { columns: self.columns, ..joined }
    }

    /// The meaning of state that is computed from these rows.
    pub(super) fn of_state(&self, session: &StateMeaning) -> StateMeaning {
        let sources = self.sources.iter().cloned().collect::<Vec<_>>().join(", ");
        let passed = thalweg_stream::abbreviated(&self.passed.join("; "), TEXT_MAX);
        session.clone().with("the source", sources).with("what the rows pass", passed)
    }
}
