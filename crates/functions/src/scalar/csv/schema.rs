//! Implements `schema_of_csv(text [, options])`: the schema that `from_csv` would read a constant record by.

use super::options::CsvOptions;
use crate::binding::Bound;
use crate::coerce::constant_of;
use crate::errors::{not_constant, unexpected_null, unexpected_type};
use crate::registry::{Call, Display, Entry};
use crate::scalar::json::read::options_of;
use ::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use thalweg_common::{Error, Result};
use thalweg_values::csv::{CellType, Record};
use thalweg_values::types::sql_name;

pub(super) const ENTRIES: &[Entry] =
    &[Entry::bind(&["schema_of_csv"], 1, 2, schema_of_csv).display(Display::first_arguments(1)).doc(
        "text[, options]",
        "Returns the schema of a CSV record.",
        &["SELECT schema_of_csv('1,x,2024-01-02')"],
    )];

fn schema_of_csv(call: Call) -> Result<Bound> {
    let text = constant_text(&call)?;
    let given = match call.args.get(1) {
        Some(arg) => options_of("schema_of_csv", arg)?,
        None => vec![],
    };
    let options = CsvOptions::new("schema_of_csv", given, call.ctx.time_zone)?;
    // Spark fails in an assertion.
    if text.is_empty() {
        return Err(Error::unsupported("schema_of_csv of an empty text, which has no fields"));
    }
    Ok(schema_text(&schema(&text, &options)?))
}

fn schema(text: &str, options: &CsvOptions) -> Result<DataType> {
    let rules = options.rules()?;
    let mut record = Record::default();
    record.parse(text, &options.syntax());
    let field = |i: usize| {
        let value = record.cell(text, i).map(|cell| match cell.text {
            "" if cell.quoted => options.empty_value.as_str(),
            text => text,
        });
        let value = value.filter(|v| !v.is_empty() && *v != options.null_value);
        let of = |value| CellType::default().widened(value, &rules, options.prefer_date);
        // Spark gives these names to the columns of records without a header.
        Field::new(format!("_c{i}"), value.map_or(CellType::Nothing, of).data_type(), true)
    };
    Ok(DataType::Struct((0..record.len()).map(field).collect()))
}

/// The constant text that is the first argument.
pub(in crate::scalar) fn constant_text(call: &Call) -> Result<String> {
    // Spark names the parameter of `schema_of_json` json, and so on.
    let parameter = call.name.trim_start_matches("schema_of_");
    let refused = || not_constant(call.name, parameter, "STRING");
    match call.args.first().and_then(constant_of).ok_or_else(refused)? {
        ScalarValue::Null | ScalarValue::Utf8(None) => Err(unexpected_null(call.name, parameter)),
        ScalarValue::Utf8(Some(text)) => Ok(text),
        other => Err(unexpected_type(call.name, 0, "STRING", &other.data_type())),
    }
}

/// The name of a type as a constant text.
pub(in crate::scalar) fn schema_text(schema: &DataType) -> Bound {
    let expr = Expr::Literal(ScalarValue::Utf8(Some(sql_name(schema))), None);
    Bound { expr, data_type: DataType::Utf8, nullable: false, fallible: false }
}
