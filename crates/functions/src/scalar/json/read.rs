//! Parses JSON texts to typed values: `from_json(text, schema [, options])`.
//!
//! The resolver parses the schema and passes it as the type of a null. A field that does not fit its type is null and
//! does not affect its siblings; an array or a map with such an element is null as a whole. A text that is not JSON
//! gives a row of nulls, or an error in the mode FAILFAST. One column of the root may receive the text of a malformed
//! row. An option that is not supported is refused.

use crate::binding::{Arg, Bound};
use crate::coerce::constant_of;
use crate::errors::{corrupt_type, malformed_json, not_constant, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::params::InZone;
use crate::registry::{Call, DisplayForm, Entry, SpecialForm};
use crate::types::map_types;
use ::arrow::array::{ArrayRef, AsArray, StringArray, StructArray};
use ::arrow::datatypes::{DataType, Field, FieldRef};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::cell::TextRules;
use thalweg_values::json::{ColumnBuilder, Fit, Json, Lenience, Rules, parse};
use thalweg_values::pattern::Pattern;
use thalweg_values::types::sql_name;

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["from_json"], 2, 3, from_json)
    .special(SpecialForm::FromJson)
    .shown(DisplayForm::FromJson)
    .doc(
        "text, schema[, options]",
        "Reads a JSON text as a value of a schema.",
        &["SELECT from_json('{\"a\":1,\"b\":\"x\"}', 'a INT, b STRING')"],
    )];

/// The field that receives the text of a malformed row, unless an option names another one.
const CORRUPT: &str = "_corrupt_record";

/// Binds `from_json`, and checks the schema and the options.
fn from_json(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let returns = nullable(&call.type_of(1));
    if !matches!(returns, DataType::Struct(_) | DataType::List(_) | DataType::Map(..)) {
        return Err(unexpected_type("from_json", 1, "STRUCT, ARRAY or MAP", &returns));
    }
    check_type(&returns)?;
    let zone = call.ctx.time_zone.to_owned();
    let options = match call.args.get(2) {
        Some(arg) => options_of("from_json", arg)?,
        None => vec![],
    };
    let (mut patterns, mut corrupt) = ([String::new(), String::new(), String::new()], CORRUPT.to_owned());
    let (mut fail_fast, mut non_numeric) = (false, true);
    for (key, value) in options {
        match key.to_ascii_lowercase().as_str() {
            "mode" if value.eq_ignore_ascii_case("PERMISSIVE") => {}
            "mode" if value.eq_ignore_ascii_case("FAILFAST") => fail_fast = true,
            "dateformat" => patterns[0] = value,
            "timestampformat" => patterns[1] = value,
            "timestampntzformat" => patterns[2] = value,
            "columnnameofcorruptrecord" => corrupt = value,
            "allownonnumericnumbers" if value.eq_ignore_ascii_case("true") => {}
            "allownonnumericnumbers" if value.eq_ignore_ascii_case("false") => non_numeric = false,
            _ => return Err(Error::unsupported(format!("the option {key}={value} of from_json"))),
        }
    }
    check_corrupt(&returns, &corrupt)?;
    let reading = Reading { zone: InZone(zone.into()), patterns, corrupt, fail_fast, non_numeric };
    // Built here once for its errors: an invalid pattern must fail even if the query has no rows.
    Reader::of(&reading)?;
    call.args.truncate(1);
    let kernel = Kernel::new("from_json", returns, read).params(reading).nulls(Nulls::Always);
    Ok(kernel.fallible(fail_fast).call(call.args))
}

/// The options of a call. An empty pattern is the default.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Reading {
    zone: InZone,
    /// The patterns of dates, timestamps and timestamps without zone.
    patterns: [String; 3],
    /// The column for the texts of malformed rows.
    corrupt: String,
    fail_fast: bool,
    /// Whether `NaN`, `Infinity` and similar words are numbers.
    non_numeric: bool,
}

/// Checks that the column for malformed texts is a text.
fn check_corrupt(returns: &DataType, corrupt: &str) -> Result<()> {
    let DataType::Struct(fields) = returns else { return Ok(()) };
    match fields.iter().find(|f| f.name() == corrupt) {
        Some(field) if field.data_type() != &DataType::Utf8 => Err(corrupt_type(corrupt, field.data_type())),
        _ => Ok(()),
    }
}

/// Returns the entries of a constant map of options.
pub(in crate::scalar) fn options_of(function: &str, arg: &Arg) -> Result<Vec<(String, String)>> {
    let refused = || not_constant(function, "options", "MAP<STRING, STRING>");
    let map = constant_of(arg).and_then(|v| v.to_array().ok()).ok_or_else(refused)?;
    let entries = map.as_map_opt().ok_or_else(refused)?.entries().clone();
    let text = |i: usize| entries.columns().get(i).and_then(|c| c.as_string_opt::<i32>());
    let (Some(keys), Some(values)) = (text(0), text(1)) else { return Err(refused()) };
    let owned = |v: Option<&str>| v.unwrap_or_default().to_owned();
    Ok(keys.iter().zip(values.iter()).map(|(k, v)| (owned(k), owned(v))).collect())
}

/// Returns the type with nulls allowed everywhere, since a text may lack any field.
fn nullable(t: &DataType) -> DataType {
    let field = |f: &FieldRef| Field::new(f.name(), nullable(f.data_type()), true);
    match t {
        DataType::List(element) => DataType::List(Arc::new(field(element))),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| Arc::new(field(f))).collect()),
        DataType::Map(entries, _) => {
            let (key, value) = map_types(entries);
            crate::types::map_of(key.clone(), nullable(value))
        }
        other => other.clone(),
    }
}

/// Refuses types that cannot be parsed from JSON.
fn check_type(t: &DataType) -> Result<()> {
    match t {
        DataType::List(element) => check_type(element.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check_type(f.data_type())),
        DataType::Map(entries, _) => {
            let (key, value) = map_types(entries);
            if key != &DataType::Utf8 {
                return Err(unexpected_type("from_json", 1, "MAP with STRING keys", t));
            }
            check_type(value)
        }
        t if ColumnBuilder::new(t).is_none() => {
            Err(Error::unsupported(format!("from_json to {}", sql_name(t))))
        }
        _ => Ok(()),
    }
}

/// The options with parsed patterns.
struct Reader {
    text: TextRules,
    /// Whether `NaN`, `Infinity` and similar words are numbers.
    non_numeric: bool,
    /// The column for the texts of malformed rows.
    corrupt: String,
}

impl Reader {
    fn of(reading: &Reading) -> Result<Self> {
        let pattern = |text: &str| (!text.is_empty()).then(|| Pattern::for_parsing(text)).transpose();
        let [date, timestamp, timestamp_ntz] = &reading.patterns;
        let text = TextRules {
            date: pattern(date)?,
            timestamp: pattern(timestamp)?,
            timestamp_ntz: pattern(timestamp_ntz)?,
            ..TextRules::in_zone(reading.zone.zone()?)
        };
        Ok(Self { text, non_numeric: reading.non_numeric, corrupt: reading.corrupt.clone() })
    }

    fn parse<'t>(&self, text: &'t str) -> Option<Json<'t>> {
        parse(text, Lenience { non_numeric_numbers: self.non_numeric, ..Lenience::SPARK })
    }

    /// Appends the value of a text, and returns whether all parts of it fit their types.
    fn append(&self, text: &str, returns: &DataType, column: &mut ColumnBuilder) -> bool {
        let rules = Rules { text: &self.text, non_numeric: self.non_numeric, raw: false };
        // Spark reads a single object as an array of one, if the schema is an array of structs.
        let of_objects = matches!(returns, DataType::List(f) if matches!(f.data_type(), DataType::Struct(_)));
        let json = match self.parse(text) {
            Some(object @ Json::Object(..)) if of_objects => Some(Json::Array(vec![object], text)),
            other => other.filter(|json| *json != Json::Null),
        };
        match (json, returns) {
            (Some(json @ Json::Object(..)), _) => column.append(&json, rules) == Fit::Whole,
            // Spark returns a row of nulls for a text that is not an object.
            (_, DataType::Struct(_)) => {
                column.append(&Json::Object(vec![], ""), rules);
                false
            }
            (Some(json), _) => column.append(&json, rules) == Fit::Whole,
            (None, _) => {
                column.append_null();
                false
            }
        }
    }

    /// Fills the column for the texts of malformed rows, if the schema has it.
    fn with_corrupt(&self, made: ArrayRef, texts: &[Option<&str>]) -> Result<ArrayRef> {
        let Some(structs) = made.as_struct_opt() else { return Ok(made) };
        let Some(place) = structs.fields().iter().position(|f| *f.name() == self.corrupt) else {
            return Ok(made);
        };
        let (fields, mut columns, nulls) = structs.clone().into_parts();
        if let Some(column) = columns.get_mut(place) {
            *column = Arc::new(texts.iter().copied().collect::<StringArray>());
        }
        Ok(Arc::new(arrow(StructArray::try_new_with_length(fields, columns, nulls, texts.len()))?))
    }
}

/// Parses each text; null for a null or blank one.
fn read(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let reading: &Reading = b.params()?;
    let (reader, fail_fast) = (Reader::of(reading)?, reading.fail_fast);
    let unreadable = || {
        Error::internal(format!("from_json was bound to {}, which no JSON column holds", sql_name(b.returns)))
    };
    let mut column = ColumnBuilder::new(b.returns).ok_or_else(unreadable)?;
    let mut bad = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        // An empty text is null in Spark, not malformed.
        let Some(text) = texts.get(row).filter(|t| !t.trim().is_empty()) else {
            column.append_null();
            bad.push(None);
            continue;
        };
        let is_whole = reader.append(text, b.returns, &mut column);
        if fail_fast && !is_whole {
            return Err(malformed_json(text));
        }
        bad.push((!is_whole).then_some(text));
    }
    reader.with_corrupt(column.finish()?, &bad)
}
