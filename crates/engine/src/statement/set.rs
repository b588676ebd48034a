//! `SET` and `RESET`. The warning of a setting is logged: an SQL result has no place for it.

use super::rows;
use crate::session::{Output, Session};
use thalweg_common::Result;

/// `SET key = value` sets and returns a value; `SET key` returns it; `SET` lists all.
pub(super) fn set(session: &Session, key: Option<String>, value: Option<String>) -> Result<Output> {
    let config = session.config();
    let pairs = match (key, value) {
        (Some(key), Some(value)) => {
            if let Some(warning) = config.set(&key, &value)? {
                tracing::warn!("{warning}");
            }
            vec![(key, value)]
        }
        (Some(key), None) => {
            // Spark shows a key without a value by this text, and does not fail.
            let value = config.get_option(&key).unwrap_or_else(|| "<undefined>".to_owned());
            vec![(key, value)]
        }
        (None, _) => config.get_all(None).into_iter().collect(),
    };
    let (keys, values) = pairs.into_iter().map(|(k, v)| (Some(k), Some(v))).unzip();
    rows(vec![("key", keys), ("value", values)])
}

/// `SET -v`: lists every setting with its value and description.
pub(super) fn explain(session: &Session) -> Result<Output> {
    let mut columns = [vec![], vec![], vec![]];
    for (key, value, meaning) in session.config().explained() {
        for (column, text) in columns.iter_mut().zip([key.to_owned(), value, meaning.to_owned()]) {
            column.push(Some(text));
        }
    }
    let [keys, values, meanings] = columns;
    rows(vec![("key", keys), ("value", values), ("meaning", meanings)])
}

/// `RESET [key]`.
pub(super) fn reset(session: &Session, key: Option<String>) -> Result<Output> {
    match key {
        Some(key) => session.config().unset(&key)?,
        None => session.config().reset(),
    }
    Ok(Output::nothing())
}
