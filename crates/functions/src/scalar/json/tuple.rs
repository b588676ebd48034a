//! Implements `json_tuple(text, name, ...)`: the values of some fields of a JSON object, as the one row of a generator.
//!
//! What is not a JSON object has no fields. Of two values of one name the last counts, but nulls count never.

use super::extract::parse_text;
use super::path::HALF;
use crate::binding::{Arg, Bound};
use crate::errors::wrong_num_args;
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use ::arrow::array::{ArrayRef, ListArray, StringBuilder, StructArray};
use ::arrow::buffer::OffsetBuffer;
use ::arrow::datatypes::{DataType, Field, Fields};
use std::borrow::Cow;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::json::{Json, Members};

/// The list of one struct with the fields `c0`, `c1`, … for each row, which a generator expands.
///
/// # Errors
/// `WRONG_NUM_ARGS` for fewer than two arguments, `DATATYPE_MISMATCH.NON_STRING_TYPE` if one is not a text.
pub fn json_tuple(args: Vec<Arg>) -> Result<Bound> {
    if args.len() < 2 {
        return Err(wrong_num_args("json_tuple", "> 1", args.len()));
    }
    if args.iter().any(|arg| arg.data_type != DataType::Utf8) {
        return Err(not_texts());
    }
    let columns = (0..args.len() - 1).map(|i| Field::new(format!("c{i}"), DataType::Utf8, true));
    let row = Field::new("element", DataType::Struct(columns.collect()), false);
    Ok(Kernel::new("json_tuple", DataType::List(Arc::new(row)), run).nulls(Nulls::Never).call(args))
}

fn run(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let names = (1..b.len()).map(|i| b.strings(i)).collect::<Result<Vec<_>>>()?;
    let mut columns: Vec<_> = names.iter().map(|_| StringBuilder::new()).collect();
    for row in 0..b.rows {
        crate::kernel::still_wanted(row)?;
        let members = match texts.get(row).and_then(parse_text) {
            Some(Json::Object(members, _)) => members,
            _ => vec![],
        };
        for (name, column) in names.iter().zip(&mut columns) {
            column.append_option(name.get(row).and_then(|name| value_of(&members, name)));
        }
    }
    let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    let element = b.returned_element()?;
    let fields = match element.data_type() {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    };
    let rows = arrow(StructArray::try_new(fields, columns, None))?;
    // A generator would drop a row with an empty list, and `json_tuple` returns a row for each.
    let lengths = OffsetBuffer::from_lengths(std::iter::repeat_n(1, b.rows));
    Ok(Arc::new(arrow(ListArray::try_new(Arc::clone(element), lengths, Arc::new(rows), None))?))
}

fn value_of<'a>(members: &'a Members<'_>, name: &str) -> Option<Cow<'a, str>> {
    let (_, value) = members.iter().rev().find(|(key, value)| key == name && *value != Json::Null)?;
    let text = match value {
        Json::Text(text) => Cow::Borrowed(text.as_ref()),
        other => Cow::Owned(other.compact()),
    };
    // A text with half of a surrogate pair has no form in UTF-8.
    Some(text).filter(|text| !text.contains(HALF))
}

/// `[DATATYPE_MISMATCH.NON_STRING_TYPE]`.
fn not_texts() -> Error {
    let text = "Cannot resolve \"json_tuple\" due to data type mismatch: all arguments of the function `json_tuple` \
                must be strings.";
    Error::new(ErrorKind::Analysis, "DATATYPE_MISMATCH.NON_STRING_TYPE", "42K09", text.to_owned())
        .param("funcName", "`json_tuple`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        for (json, name, expect) in [
            (r#"{"a":1.50}"#, "a", Some("1.5")),
            (r#"{"a":"q\"r"}"#, "a", Some("q\"r")),
            (r#"{"a":1,"a":2}"#, "a", Some("2")),
            (r#"{"a":1,"a":null}"#, "a", Some("1")),
            (r#"{"a":null}"#, "a", None),
            (r#"{"a":{"b":[1, null]}}"#, "a", Some(r#"{"b":[1,null]}"#)),
            (r#"{"a":true}"#, "A", None),
            (r#"{"a":"\ud83d"}"#, "a", None),
        ] {
            let members = match parse_text(json) {
                Some(Json::Object(members, _)) => members,
                _ => vec![],
            };
            assert_eq!(value_of(&members, name).as_deref(), expect, "{json} {name}");
        }
    }
}
