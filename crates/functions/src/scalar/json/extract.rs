//! Computes `get_json_object`, `json_array_length` and `json_object_keys`.
//!
//! Each row parses its text to a tree; nothing is kept between rows.

use super::path::{HALF, Path};
use crate::binding::Bound;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, Entry, Ty};
use crate::types::array_of;
use ::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use ::arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::json::{Json, Lenience, parse};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["get_json_object"], &[Ty::Text, Ty::Text], Ty::Text, get).nullable().doc(
        "text, path",
        "Returns the value at a path such as `$.a[0]` in a JSON text.",
        &["SELECT get_json_object('{\"a\":[1,2]}', '$.a[1]')"],
    ),
    Entry::plain(&["json_array_length"], &[Ty::Text], Ty::Int, length).nullable().doc(
        "text",
        "Returns the number of elements of a JSON array.",
        &["SELECT json_array_length('[1,2,3]')"],
    ),
    Entry::bind(&["json_object_keys"], 1, 1, object_keys).doc(
        "text",
        "Returns the keys of a JSON object.",
        &["SELECT json_object_keys('{\"a\":1,\"b\":2}')"],
    ),
];

/// Parses a text. Unlike `from_json`, these functions do not accept `NaN` and similar words as numbers.
pub(super) fn parse_text(text: &str) -> Option<Json<'_>> {
    parse(text, Lenience { non_numeric_numbers: false, half_character: HALF, ..Lenience::SPARK })
}

fn get(b: &Batch) -> Result<ArrayRef> {
    let (texts, paths) = (b.strings(0)?, b.strings(1)?);
    let constant = paths.constant().map(Path::parse);
    b.build_text(|row| {
        let (Some(text), Some(path)) = (texts.get(row), paths.get(row)) else { return Ok(None) };
        // A constant path is parsed once for the batch.
        let own = if constant.is_none() { Path::parse(path) } else { None };
        let path = constant.as_ref().unwrap_or(&own);
        let (Some(path), Some(json)) = (path, parse_text(text)) else { return Ok(None) };
        Ok(path.find(&json))
    })
}

fn length(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    b.build::<Int32Type>(|row| {
        Ok(match texts.get(row).and_then(parse_text) {
            Some(Json::Array(values, _)) => i32::try_from(values.len()).ok(),
            _ => None,
        })
    })
}

fn object_keys(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let kernel = Kernel::new("json_object_keys", array_of(DataType::Utf8), keys);
    Ok(kernel.nulls(Nulls::Always).call(call.args))
}

fn keys(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let field = super::super::collection::element_of(b.returns)?;
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(field));
    for row in 0..b.rows {
        match texts.get(row).and_then(parse_text) {
            // Names that occur twice are listed twice, as in Spark.
            Some(Json::Object(fields, _)) => {
                fields.iter().for_each(|(key, _)| builder.values().append_value(key));
                builder.append(true);
            }
            _ => builder.append(false),
        }
    }
    Ok(Arc::new(builder.finish()))
}
