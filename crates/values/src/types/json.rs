//! Converts types to and from Spark's JSON: `{"type":"struct","fields":[…]}`.

use super::{DataType, StructField, StructType};
use serde_json::{Map, Value, json};
use thalweg_common::{Error, ErrorKind, Result};

impl DataType {
    /// Returns the type as Spark's compact JSON.
    pub fn to_json(&self) -> String {
        self.json_value().to_string()
    }

    fn json_value(&self) -> Value {
        match self {
            Self::Array { element, contains_null } => {
                json!({"type": "array", "elementType": element.json_value(), "containsNull": contains_null})
            }
            Self::Map { key, value, value_contains_null } => json!({
                "type": "map",
                "keyType": key.json_value(),
                "valueType": value.json_value(),
                "valueContainsNull": value_contains_null,
            }),
            Self::Struct(s) => {
                let fields: Vec<Value> = s.fields.iter().map(StructField::json_value).collect();
                json!({"type": "struct", "fields": fields})
            }
            _ => Value::String(self.type_name()),
        }
    }
}

impl StructType {
    /// Returns the schema as Spark's compact JSON.
    pub fn to_json(&self) -> String {
        DataType::Struct(self.clone()).to_json()
    }
}

impl StructField {
    fn json_value(&self) -> Value {
        // Metadata that is not JSON is written as a string rather than lost.
        let value =
            |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        let metadata: Map<String, Value> = self.metadata.iter().map(|(k, v)| (k.clone(), value(v))).collect();
        json!({
            "name": self.name,
            "type": self.data_type.json_value(),
            "nullable": self.nullable,
            "metadata": metadata,
        })
    }
}

/// Parses a type from Spark's JSON.
///
/// # Errors
/// `INVALID_JSON_DATA_TYPE` (2203G).
pub fn data_type_from_json(text: &str) -> Result<DataType> {
    // serde_json bounds the nesting at 128 levels itself.
    let value: Value = serde_json::from_str(text).map_err(|e| invalid(text).caused_by(e))?;
    from_value(&value)
}

/// Parses a schema from Spark's JSON.
///
/// # Errors
/// As [`data_type_from_json`]; also if the type is not a struct.
pub fn schema_from_json(text: &str) -> Result<StructType> {
    match data_type_from_json(text)? {
        DataType::Struct(schema) => Ok(schema),
        other => Err(not_a_struct(&other)),
    }
}

/// Returns the error for a schema whose type is not a struct: `INVALID_SCHEMA.NON_STRUCT_TYPE`.
pub fn not_a_struct(found: &DataType) -> Error {
    Error::new(
        ErrorKind::Parse,
        "INVALID_SCHEMA.NON_STRUCT_TYPE",
        "42K07",
        format!(
            "The input schema is not a valid schema string. The input expression should be evaluated to struct type, but got \"{}\".",
            found.sql()
        ),
    )
    .param("dataType", format!("\"{}\"", found.sql()))
}

fn invalid(what: impl std::fmt::Display) -> Error {
    let what = what.to_string();
    Error::new(
        ErrorKind::Parse,
        "INVALID_JSON_DATA_TYPE",
        "2203G",
        format!("Failed to convert the JSON string '{what}' to a data type. Please enter a valid data type."),
    )
    .param("invalidType", what)
}

/// Parses a type from its JSON: a name or an object.
fn from_value(value: &Value) -> Result<DataType> {
    match value {
        Value::String(name) => named(name),
        Value::Object(object) => from_object(object, value),
        _ => Err(invalid(value)),
    }
}

fn named(name: &str) -> Result<DataType> {
    DataType::from_name(name).ok_or_else(|| invalid(name))
}

/// Parses an array, a map or a struct.
fn from_object(object: &Map<String, Value>, whole: &Value) -> Result<DataType> {
    let part = |key: &str| object.get(key).ok_or_else(|| invalid(whole));
    let flag = |key: &str| part(key)?.as_bool().ok_or_else(|| invalid(whole));
    match part("type")?.as_str() {
        Some("array") => Ok(DataType::Array {
            element: Box::new(from_value(part("elementType")?)?),
            contains_null: flag("containsNull")?,
        }),
        Some("map") => Ok(DataType::Map {
            key: Box::new(from_value(part("keyType")?)?),
            value: Box::new(from_value(part("valueType")?)?),
            value_contains_null: flag("valueContainsNull")?,
        }),
        Some("struct") => {
            let fields = part("fields")?.as_array().ok_or_else(|| invalid(whole))?;
            Ok(DataType::Struct(StructType { fields: fields.iter().map(field).collect::<Result<_>>()? }))
        }
        // Spark's JSON of a user-defined type has a Python class, which is not run here.
        Some("udt") => Err(Error::unsupported("user-defined types")),
        _ => Err(invalid(whole)),
    }
}

/// Parses a field of a struct.
fn field(value: &Value) -> Result<StructField> {
    let part = |key: &str| value.get(key).ok_or_else(|| invalid(value));
    let name = part("name")?.as_str().ok_or_else(|| invalid(value))?;
    let nullable = part("nullable")?.as_bool().ok_or_else(|| invalid(value))?;
    let mut field = StructField::new(name, from_value(part("type")?)?, nullable);
    if let Some(Value::Object(metadata)) = value.get("metadata") {
        field.metadata = metadata.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_schema_goes_through_json_unchanged() {
        let text = r#"{"fields":[{"metadata":{"comment":"c","x":1},"name":"a","nullable":false,"type":"integer"},{"metadata":{},"name":"m","nullable":true,"type":{"keyType":"string","type":"map","valueContainsNull":false,"valueType":{"containsNull":true,"elementType":"interval day to second","type":"array"}}}],"type":"struct"}"#;
        let schema = schema_from_json(text).unwrap();
        let again: Value = serde_json::from_str(&schema.to_json()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(schema.fields[0].comment().as_deref(), Some("c"));
    }

    #[test]
    fn json_that_is_no_type_is_refused() {
        for (text, class) in [
            ("{", "INVALID_JSON_DATA_TYPE"),
            (r#"{"type":"array"}"#, "INVALID_JSON_DATA_TYPE"),
            (r#""array<int>""#, "INVALID_JSON_DATA_TYPE"),
            (r#"{"type":"udt"}"#, "UNSUPPORTED_FEATURE"),
            (r#""integer""#, "INVALID_SCHEMA.NON_STRUCT_TYPE"),
        ] {
            assert_eq!(schema_from_json(text).unwrap_err().class(), class, "{text}");
        }
    }
}
