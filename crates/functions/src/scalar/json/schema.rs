//! Implements `schema_of_json(text [, options])`: the schema that `from_json` would read a constant text by.

use super::read::options_of;
use crate::binding::Bound;
use crate::registry::{Call, Display, Entry};
use crate::scalar::csv::schema::{constant_text, schema_text};
use ::arrow::datatypes::{DataType, Field, Fields};
use std::collections::BTreeSet;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::cell::TextRules;
use thalweg_values::json::{InferRules, InferredType, Json, Lenience, is_blank, parse};
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] =
    &[Entry::bind(&["schema_of_json"], 1, 2, schema_of_json).display(Display::first_arguments(1)).doc(
        "text[, options]",
        "Returns the schema of a JSON text.",
        &["SELECT schema_of_json('[{\"a\":1,\"b\":[1.5]}]')"],
    )];

/// What the options say.
struct Options {
    lenience: Lenience,
    primitives_as_string: bool,
    prefers_decimal: bool,
    infer_timestamp: bool,
    drop_if_all_null: bool,
}

fn schema_of_json(call: Call) -> Result<Bound> {
    let text = constant_text(&call)?;
    let options = match call.args.get(1) {
        Some(arg) => options(options_of("schema_of_json", arg)?)?,
        None => options(vec![])?,
    };
    let zone = TextRules::in_zone(Zone::named(call.ctx.time_zone)?);
    let rules = InferRules {
        primitives_as_string: options.primitives_as_string,
        prefers_decimal: options.prefers_decimal,
        timestamps: options.infer_timestamp.then_some(&zone),
        drop_if_all_null: options.drop_if_all_null,
    };
    Ok(schema_text(&schema(&text, rules, options.lenience)?))
}

fn schema(text: &str, rules: InferRules<'_>, lenience: Lenience) -> Result<DataType> {
    let mut seen = InferredType::Nothing;
    match parse(text, lenience) {
        Some(json) => {
            check_names(&json)?;
            seen.widen(&json, rules);
        }
        None if is_blank(text, lenience) => {}
        None => return Err(not_json(text)),
    }
    let empty = DataType::Struct(Fields::empty());
    Ok(match (seen.data_type(rules), &seen) {
        (Some(found), _) => found,
        (None, InferredType::Object(_)) => empty,
        // At the top an object without fields and a list of such have types of their own; inside of an object such a
        // field is left out.
        (None, InferredType::List(of)) if matches!(**of, InferredType::Object(_)) => {
            DataType::List(Arc::new(Field::new("element", empty, true)))
        }
        (None, _) => DataType::Utf8,
    })
}

/// Refuses an object that has a name twice, of which Spark makes two fields.
fn check_names(json: &Json<'_>) -> Result<()> {
    match json {
        Json::Array(values, _) => values.iter().try_for_each(check_names),
        Json::Object(members, _) => {
            let mut names = BTreeSet::new();
            match members.iter().find(|(name, _)| !names.insert(name.as_ref())) {
                Some((name, _)) => {
                    Err(Error::unsupported(format!("schema_of_json of an object with two fields '{name}'")))
                }
                None => members.iter().try_for_each(|(_, value)| check_names(value)),
            }
        }
        _ => Ok(()),
    }
}

fn options(given: Vec<(String, String)>) -> Result<Options> {
    let mut all = Options {
        lenience: Lenience::SPARK,
        primitives_as_string: false,
        prefers_decimal: false,
        infer_timestamp: false,
        drop_if_all_null: false,
    };
    for (key, value) in given {
        let unknown = || Error::unsupported(format!("the option {key}={value} of schema_of_json"));
        let key = key.to_ascii_lowercase();
        if key == "mode" {
            match value.to_ascii_uppercase().as_str() {
                // The only text has a schema or none.
                "PERMISSIVE" | "FAILFAST" | "DROPMALFORMED" => continue,
                _ => return Err(unknown()),
            }
        }
        let flag = match key.as_str() {
            "primitivesasstring" => &mut all.primitives_as_string,
            "prefersdecimal" => &mut all.prefers_decimal,
            "infertimestamp" => &mut all.infer_timestamp,
            "dropfieldifallnull" => &mut all.drop_if_all_null,
            "allowcomments" => &mut all.lenience.comments,
            "allowunquotedfieldnames" => &mut all.lenience.bare_names,
            "allowsinglequotes" => &mut all.lenience.single_quotes,
            "allownumericleadingzeros" => &mut all.lenience.leading_zeros,
            "allownonnumericnumbers" => &mut all.lenience.non_numeric_numbers,
            "allowbackslashescapinganycharacter" => &mut all.lenience.any_escape,
            "allowunquotedcontrolchars" => &mut all.lenience.control_characters,
            _ => return Err(unknown()),
        };
        *flag = value.to_ascii_lowercase().parse().map_err(|_| unknown())?;
    }
    Ok(all)
}

/// Spark hands on the error of its parser, which has no class.
fn not_json(text: &str) -> Error {
    let message = format!(
        "Malformed records are detected in record parsing: {text}. A text that is not JSON has no schema."
    );
    Error::new(ErrorKind::Runtime, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023", message)
        .param("badRecord", text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use thalweg_values::types::sql_name;

    #[test]
    fn schemas_are_sparks() {
        for (text, expect) in [
            (
                r#"{"a": [1, 2.5, null], "b": {}, "c": [], "d": 1}"#,
                "STRUCT<a: ARRAY<DOUBLE>, c: ARRAY<STRING>, d: BIGINT>",
            ),
            (r#"[{"a":1},{"b":"x"}]"#, "ARRAY<STRUCT<a: BIGINT, b: STRING>>"),
            ("1", "BIGINT"),
            ("null", "STRING"),
            ("", "STRING"),
            ("[]", "ARRAY<STRING>"),
            ("{}", "STRUCT<>"),
            ("[{}]", "ARRAY<STRUCT<>>"),
            ("[[{}]]", "STRING"),
            (r#"{"a":[{}]}"#, "STRUCT<>"),
            (r#"{"":1, "a b":2, "x`y":3, "1a":4}"#, "STRUCT<`1a`: BIGINT, `a b`: BIGINT, `x``y`: BIGINT>"),
            (r#"{"a":123456789012345678901234567890}"#, "STRUCT<a: DECIMAL(30,0)>"),
        ] {
            let found = schema(text, InferRules::default(), Lenience::SPARK).unwrap();
            assert_eq!(sql_name(&found), expect, "{text}");
        }
        for bad in ["bad", "{\"a\":", "{\"a\":1,\"a\":2}"] {
            assert!(schema(bad, InferRules::default(), Lenience::SPARK).is_err(), "{bad}");
        }
    }
}
