//! An answer as text that can be compared: sorted rows, or the class of an error.

use arrow::array::Array;
use futures::StreamExt;
use std::fmt;
use thalweg_common::Error;
use thalweg_engine::{Session, display};
use thalweg_sql::ir::{ExplainMode, Statement};

/// How many rows an answer shows in a failure.
const SHOWN_MAX: usize = 40;

/// What came back: rows in no order, or the class of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(Result<Vec<String>, String>);

impl Default for Answer {
    fn default() -> Self {
        Self(Ok(vec![]))
    }
}

impl Answer {
    pub(crate) fn is_error(&self) -> bool {
        self.0.is_err()
    }

    /// Whether it is an error that no query may end in.
    pub(crate) fn is_internal_error(&self) -> bool {
        self.0.as_ref().is_err_and(|error| error.contains("INTERNAL_ERROR"))
    }

    /// The rows of both; an error of either.
    pub(crate) fn and(self, other: Self) -> Self {
        let both = self.0.and_then(|mut rows| {
            rows.extend(other.0?);
            rows.sort();
            Ok(rows)
        });
        Self(both)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.0 {
            Err(error) => write!(f, "the error {error}"),
            Ok(rows) => {
                let shown: Vec<_> = rows.iter().take(SHOWN_MAX).map(String::as_str).collect();
                write!(f, "{} rows: {}", rows.len(), shown.join("; "))
            }
        }
    }
}

/// Runs one query.
pub(crate) async fn answer(session: &Session, text: &str, optimize: bool) -> Answer {
    let mut rows = collect(session, text, optimize).await.map_err(|e| match e.class() {
        // Internal errors differ in what is wrong, so they are compared by their text.
        "INTERNAL_ERROR" => e.to_string(),
        class => class.to_owned(),
    });
    if let Ok(rows) = &mut rows {
        rows.sort();
    }
    Answer(rows)
}

/// Returns the physical plan of a query as text.
pub(crate) async fn plan(session: &Session, text: String) -> String {
    let Ok(Statement::Query(relation)) = thalweg_sql::parse_statement(&text) else {
        panic!("not a query: {text}")
    };
    session.explain(&relation, ExplainMode::Simple).await.unwrap_or_else(|e| panic!("{text}: {e}"))
}

async fn collect(session: &Session, text: &str, optimize: bool) -> Result<Vec<String>, Error> {
    let Statement::Query(relation) = thalweg_sql::parse_statement(text)? else {
        panic!("not a query: {text}")
    };
    let mut output = session.query_with(&relation, Some(text.into()), optimize).await?;
    let mut rows = vec![];
    while let Some(batch) = output.rows.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|c| cell(c.as_ref(), row));
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    Ok(rows)
}

/// The text of a cell. The two zeros are equal, and `min` and `max` return the first one, which depends on the layout.
fn cell(array: &dyn Array, row: usize) -> String {
    let text = if array.is_null(row) { "NULL".to_owned() } else { display::cell(array, row, "UTC") };
    if text == "-0.0" { "0.0".to_owned() } else { text }
}
