//! `SET` and `RESET`.

use super::rows;
use crate::session::{Output, Session};
use thalweg_common::Result;

/// `SET key = value` sets and tells; `SET key` tells; `SET` lists.
pub fn set(session: &Session, key: Option<String>, value: Option<String>) -> Result<Output> {
    let config = session.config();
    let pairs = match (key, value) {
        (Some(key), Some(value)) => {
            config.set(&key, &value)?;
            vec![(key, value)]
        }
        (Some(key), None) => {
            let value = config.get_option(&key).unwrap_or_else(|| "<undefined>".to_owned());
            vec![(key, value)]
        }
        (None, _) => config.get_all(None).into_iter().collect(),
    };
    let (keys, values) = pairs.into_iter().map(|(k, v)| (Some(k), Some(v))).unzip();
    rows(vec![("key", keys), ("value", values)])
}

/// `RESET [key]`.
pub fn reset(session: &Session, key: Option<String>) -> Result<Output> {
    match key {
        Some(key) => session.config().unset(&key)?,
        None => {
            for key in session.config().get_all(None).into_keys() {
                session.config().unset(&key)?;
            }
        }
    }
    Ok(Output::nothing())
}
