//! Converts the metadata of a field from and to the protocol's form: the text of one JSON object.

use super::invalid;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thalweg_common::{Error, Result};

/// Parses the metadata of a field to JSON text by key.
pub(super) fn metadata(text: &str) -> Result<BTreeMap<String, String>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map.iter().map(|(k, v)| (k.clone(), v.to_string())).collect()),
        Ok(_) => Err(malformed("it is not an object")),
        Err(e) => Err(malformed(&e.to_string())),
    }
}

/// Writes metadata as one JSON object.
pub(super) fn metadata_text(metadata: &BTreeMap<String, String>) -> String {
    let value = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
    let map: Map<String, Value> = metadata.iter().map(|(k, v)| (k.clone(), value(v))).collect();
    Value::Object(map).to_string()
}

fn malformed(why: &str) -> Error {
    invalid(format!("A column's metadata cannot be read: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_json_text_by_key() {
        let read = metadata(r#"{"comment":"x","n":1}"#).unwrap_or_default();
        assert_eq!(read.get("comment").map(String::as_str), Some("\"x\""));
        assert_eq!(metadata_text(&read), r#"{"comment":"x","n":1}"#);
        for text in ["", "[]", "{"] {
            assert!(metadata(text).is_err(), "{text}");
        }
    }
}
