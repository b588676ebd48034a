//! `from_json(text, schema [, options])`: JSON texts as typed values.
//!
//! The schema comes as the type of a null: only the caller can read Spark's types. A field that does not fit its
//! type is null and leaves its siblings alone; an array or a map with such an element is null as a whole. What is
//! no JSON is a row of nulls, or an error in the mode FAILFAST; a column of the root may take the text of a row that
//! is not whole. An option that is not known here is refused.

use super::tree::{Json, NON_NUMERIC};
use crate::binding::{Arg, Bound};
use crate::cast::parse_decimal;
use crate::coerce::constant_of;
use crate::errors::{corrupt_type, malformed_json, not_constant, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::params::InZone;
use crate::registry::{Call, DisplayForm, Entry, SpecialForm};
use crate::scalar::text::from_base64;
use crate::time::civil::{DAY, SECOND};
use crate::time::parse;
use crate::time::pattern::Pattern;
use crate::time::zone::Zone;
use crate::types::map_types;
use ::arrow::array::{
    ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, ListArray, MapArray, PrimitiveArray,
    StringArray, StructArray,
};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Fields, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use std::str::FromStr;
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["from_json"], 2, 3, from_json)
    .special(SpecialForm::FromJson)
    .shown(DisplayForm::FromJson)
    .doc(
        "text, schema[, options]",
        "Reads a JSON text as a value of a schema.",
        &["SELECT from_json('{\"a\":1,\"b\":\"x\"}', 'a INT, b STRING')"],
    )];

/// The field that takes the text of a row that is not whole, unless an option names another.
const CORRUPT: &str = "_corrupt_record";

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
    let (mut date, mut time, mut fail_fast) = (String::new(), String::new(), false);
    let (mut corrupt, mut non_numeric) = (CORRUPT.to_owned(), true);
    for (key, value) in options {
        match key.to_ascii_lowercase().as_str() {
            "mode" if value.eq_ignore_ascii_case("PERMISSIVE") => {}
            "mode" if value.eq_ignore_ascii_case("FAILFAST") => fail_fast = true,
            "dateformat" => date = value,
            "timestampformat" => time = value,
            "columnnameofcorruptrecord" => corrupt = value,
            "allownonnumericnumbers" if value.eq_ignore_ascii_case("true") => {}
            "allownonnumericnumbers" if value.eq_ignore_ascii_case("false") => non_numeric = false,
            _ => return Err(Error::unsupported(format!("the option {key}={value} of from_json"))),
        }
    }
    for pattern in [&date, &time] {
        Pattern::for_parsing(pattern)?;
    }
    check_corrupt(&returns, &corrupt)?;
    let reading = Reading { zone: InZone(zone.into()), date, time, corrupt, fail_fast, non_numeric };
    call.args.truncate(1);
    let kernel = Kernel::new("from_json", returns, read).params(reading).nulls(Nulls::Always);
    Ok(kernel.fallible(fail_fast).call(call.args))
}

/// The options of a call; a pattern that is empty is the default.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Reading {
    zone: InZone,
    date: String,
    time: String,
    /// The column for texts of rows that are not whole.
    corrupt: String,
    fail_fast: bool,
    /// Whether `NaN` and the like are numbers.
    non_numeric: bool,
}

fn check_corrupt(returns: &DataType, corrupt: &str) -> Result<()> {
    let DataType::Struct(fields) = returns else { return Ok(()) };
    match fields.iter().find(|f| f.name() == corrupt) {
        Some(field) if field.data_type() != &DataType::Utf8 => Err(corrupt_type(corrupt, field.data_type())),
        _ => Ok(()),
    }
}

/// The entries of a constant map of options.
pub(super) fn options_of(function: &str, arg: &Arg) -> Result<Vec<(String, String)>> {
    let refused = || not_constant(function, "options", "MAP<STRING, STRING>");
    let map = constant_of(arg).and_then(|v| v.to_array().ok()).ok_or_else(refused)?;
    let entries = map.as_map_opt().ok_or_else(refused)?.entries().clone();
    let text = |i: usize| entries.columns().get(i).and_then(|c| c.as_string_opt::<i32>());
    let (Some(keys), Some(values)) = (text(0), text(1)) else { return Err(refused()) };
    let owned = |v: Option<&str>| v.unwrap_or_default().to_owned();
    Ok(keys.iter().zip(values.iter()).map(|(k, v)| (owned(k), owned(v))).collect())
}

/// The type with nulls allowed everywhere, since any text may lack anything.
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

/// Refuses types that texts are not read as.
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
        DataType::Duration(_) | DataType::Interval(_) => {
            Err(Error::unsupported(format!("from_json to {}", crate::types::sql_name(t))))
        }
        _ => Ok(()),
    }
}

/// How dates and times are read.
struct Reader {
    zone: Zone,
    date: Option<Pattern>,
    time: Option<Pattern>,
    /// Whether `NaN` and the like are numbers.
    non_numeric: bool,
    /// The column for texts of rows that are not whole.
    corrupt: String,
}

impl Reader {
    fn of(reading: &Reading) -> Result<Self> {
        let Reading { zone, date, time, corrupt, non_numeric, fail_fast: _ } = reading;
        let pattern = |text: &str| if text.is_empty() { Ok(None) } else { Pattern::read(text).map(Some) };
        let (date, time) = (pattern(date)?, pattern(time)?);
        let (non_numeric, corrupt) = (*non_numeric, corrupt.clone());
        Ok(Self { zone: zone.zone()?, date, time, non_numeric, corrupt })
    }

    fn parse(&self, text: &str) -> Option<Json> {
        if self.non_numeric { Json::parse_with_non_numeric(text) } else { Json::parse(text) }
    }

    /// The columns of the root with the texts of the rows that are not whole in the one for them.
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

fn read(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let reading: &Reading = b.params()?;
    let (reader, fail_fast) = (Reader::of(reading)?, reading.fail_fast);
    let mut roots = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        let text = texts.get(row).filter(|t| !t.trim().is_empty());
        roots.push(text.map(|t| root(reader.parse(t), b.returns, &reader)));
    }
    let is_bad = |r: &Option<Root>| match r {
        None => false,
        Some(Root::Malformed) => true,
        Some(Root::Value(json)) => !reader.fits_whole(json, b.returns),
    };
    if fail_fast && let Some(row) = roots.iter().position(is_bad) {
        return Err(malformed_json(texts.get(row).unwrap_or_default()));
    }
    let empty = Json::Object(vec![]);
    let is_struct = matches!(b.returns, DataType::Struct(_));
    let rows: Vec<Option<&Json>> = roots
        .iter()
        .map(|r| match r {
            None => None,
            Some(Root::Value(json)) => Some(json),
            // A row of nulls is what Spark makes of a text that is no such value.
            Some(Root::Malformed) => is_struct.then_some(&empty),
        })
        .collect();
    let bad = roots.iter().enumerate().map(|(row, root)| texts.get(row).filter(|_| is_bad(root)));
    let bad: Vec<_> = bad.collect();
    reader.with_corrupt(reader.build(b.returns, &rows)?, &bad)
}

enum Root {
    Value(Json),
    Malformed,
}

fn root(json: Option<Json>, returns: &DataType, reader: &Reader) -> Root {
    let json = match (json, returns) {
        (Some(json @ Json::Object(_)), DataType::List(element))
            if matches!(element.data_type(), DataType::Struct(_)) =>
        {
            Json::List(vec![json])
        }
        (Some(json), _) => json,
        (None, _) => return Root::Malformed,
    };
    if json != Json::Null && reader.fits(&json, returns) { Root::Value(json) } else { Root::Malformed }
}

impl Reader {
    /// Whether a value has the type; a struct only needs to be an object.
    fn fits(&self, json: &Json, t: &DataType) -> bool {
        match (json, t) {
            (Json::Null, _) => true,
            (_, DataType::Utf8) => true,
            (Json::Object(_), DataType::Struct(_)) => true,
            (Json::List(values), DataType::List(f)) => values.iter().all(|v| self.fits(v, f.data_type())),
            (Json::Object(fields), DataType::Map(entries, _)) => {
                fields.iter().all(|(_, v)| self.fits(v, map_types(entries).1))
            }
            (Json::Bool(_), DataType::Boolean) => true,
            (_, DataType::Int8) => integer::<i8>(json).is_some(),
            (_, DataType::Int16) => integer::<i16>(json).is_some(),
            (_, DataType::Int32) => integer::<i32>(json).is_some(),
            (_, DataType::Int64) => integer::<i64>(json).is_some(),
            (_, DataType::Float32 | DataType::Float64) => double(json, self.non_numeric).is_some(),
            (_, DataType::Decimal128(p, s)) => decimal(json, *p, *s).is_some(),
            (_, DataType::Binary) => binary(json).is_some(),
            (_, DataType::Date32) => self.date(json).is_some(),
            (_, DataType::Timestamp(_, zone)) => self.time(json, zone.is_some()).is_some(),
            _ => false,
        }
    }

    /// Whether a value and all fields in it have their types.
    fn fits_whole(&self, json: &Json, t: &DataType) -> bool {
        match (json, t) {
            (Json::Object(_), DataType::Struct(fields)) => {
                let whole = |f: &FieldRef| members(json, f.name()).all(|j| self.fits_whole(j, f.data_type()));
                fields.iter().all(whole)
            }
            (Json::List(values), DataType::List(f)) => {
                values.iter().all(|v| self.fits_whole(v, f.data_type()))
            }
            (Json::Object(fields), DataType::Map(entries, _)) => {
                fields.iter().all(|(_, v)| self.fits_whole(v, map_types(entries).1))
            }
            _ => self.fits(json, t),
        }
    }

    /// The values of one type; one that does not fit, or is not there, is null.
    fn build(&self, t: &DataType, rows: &[Option<&Json>]) -> Result<ArrayRef> {
        let rows: Vec<Option<&Json>> =
            rows.iter().map(|r| r.filter(|j| **j != Json::Null && self.fits(j, t))).collect();
        let rows = rows.as_slice();
        Ok(match t {
            DataType::Struct(fields) => self.structs(fields, rows)?,
            DataType::List(field) => self.lists(field, rows)?,
            DataType::Map(field, _) => self.maps(field, rows)?,
            DataType::Utf8 => Arc::new(rows.iter().map(|r| r.map(text)).collect::<StringArray>()),
            DataType::Boolean => {
                Arc::new(rows.iter().map(|r| r.map(|j| *j == Json::Bool(true))).collect::<BooleanArray>())
            }
            DataType::Binary => {
                let values: Vec<_> = rows.iter().map(|r| r.and_then(binary)).collect();
                Arc::new(values.iter().map(|v| v.as_deref()).collect::<BinaryArray>())
            }
            DataType::Int8 => made::<Int8Type>(t, rows, integer),
            DataType::Int16 => made::<Int16Type>(t, rows, integer),
            DataType::Int32 => made::<Int32Type>(t, rows, integer),
            DataType::Int64 => made::<Int64Type>(t, rows, integer),
            DataType::Float32 => made::<Float32Type>(t, rows, |j| double(j, true).map(|v| v as f32)),
            DataType::Float64 => made::<Float64Type>(t, rows, |j| double(j, true)),
            DataType::Decimal128(p, s) => made::<Decimal128Type>(t, rows, |j| decimal(j, *p, *s)),
            DataType::Date32 => made::<Date32Type>(t, rows, |j| self.date(j)),
            DataType::Timestamp(_, zone) => {
                made::<TimestampMicrosecondType>(t, rows, |j| self.time(j, zone.is_some()))
            }
            other => ::arrow::array::new_null_array(other, rows.len()),
        })
    }

    fn structs(&self, fields: &Fields, rows: &[Option<&Json>]) -> Result<ArrayRef> {
        let column = |f: &FieldRef| {
            let fitting = |j| members(j, f.name()).rev().find(|v| self.fits(v, f.data_type()));
            let values: Vec<_> = rows.iter().map(|r| r.and_then(fitting)).collect();
            self.build(f.data_type(), &values)
        };
        let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
        let nulls = nulls_of(rows);
        Ok(Arc::new(arrow(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows.len()))?))
    }

    fn lists(&self, field: &FieldRef, rows: &[Option<&Json>]) -> Result<ArrayRef> {
        fn elements<'j>(row: &Option<&'j Json>) -> Vec<Option<&'j Json>> {
            match row {
                Some(Json::List(values)) => values.iter().map(Some).collect(),
                _ => Vec::new(),
            }
        }
        let rows_of: Vec<Vec<Option<&Json>>> = rows.iter().map(elements).collect();
        let offsets = OffsetBuffer::from_lengths(rows_of.iter().map(Vec::len));
        let values = self.build(field.data_type(), &rows_of.concat())?;
        Ok(Arc::new(arrow(ListArray::try_new(Arc::clone(field), offsets, values, nulls_of(rows)))?))
    }

    fn maps(&self, field: &FieldRef, rows: &[Option<&Json>]) -> Result<ArrayRef> {
        let DataType::Struct(fields) = field.data_type() else {
            return Err(Error::internal("a map has entries"));
        };
        let rows_of: Vec<Vec<(&str, &Json)>> =
            rows.iter().map(|r| r.map_or_else(Vec::new, entries)).collect();
        let offsets = OffsetBuffer::from_lengths(rows_of.iter().map(Vec::len));
        let all = rows_of.concat();
        let keys = StringArray::from_iter_values(all.iter().map(|(k, _)| *k));
        let values: Vec<_> = all.iter().map(|(_, v)| Some(*v)).collect();
        let values = self.build(map_types(field).1, &values)?;
        let entries = arrow(StructArray::try_new(fields.clone(), vec![Arc::new(keys), values], None))?;
        Ok(Arc::new(arrow(MapArray::try_new(Arc::clone(field), offsets, entries, nulls_of(rows), false))?))
    }

    fn date(&self, json: &Json) -> Option<i32> {
        let Json::Text(text) = json else { return None };
        let days = match &self.date {
            Some(pattern) => pattern.parse(text).ok()?.local.div_euclid(DAY),
            None => parse::date(text)?,
        };
        i32::try_from(days).ok()
    }

    /// A number counts seconds; a text without a zone is in the session's.
    fn time(&self, json: &Json, zoned: bool) -> Option<i64> {
        let text = match json {
            Json::Number(n) if zoned => return n.parse::<i64>().ok()?.checked_mul(SECOND),
            Json::Text(text) => text,
            _ => return None,
        };
        let read = match &self.time {
            Some(pattern) => pattern.parse(text).ok()?,
            None => parse::timestamp(text, None)?,
        };
        // A wall clock has no zone.
        if !zoned && read.zone.is_some() {
            return None;
        }
        Some(if zoned { read.zone.unwrap_or(self.zone).to_utc(read.local) } else { read.local })
    }
}

fn nulls_of(rows: &[Option<&Json>]) -> Option<NullBuffer> {
    let nulls: NullBuffer = rows.iter().map(Option::is_some).collect();
    (nulls.null_count() > 0).then_some(nulls)
}

fn made<T: ArrowPrimitiveType>(
    t: &DataType,
    rows: &[Option<&Json>],
    value: impl Fn(&Json) -> Option<T::Native>,
) -> ArrayRef {
    let values: PrimitiveArray<T> = rows.iter().map(|r| r.and_then(&value)).collect();
    Arc::new(values.with_data_type(t.clone()))
}

/// The fields of that name: the last that fits counts.
fn members<'j>(json: &'j Json, name: &str) -> impl DoubleEndedIterator<Item = &'j Json> {
    let fields = match json {
        Json::Object(fields) => fields.as_slice(),
        _ => &[],
    };
    fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value)
}

/// The fields of an object; a name that is there twice stays twice, as in Spark.
fn entries(json: &Json) -> Vec<(&str, &Json)> {
    let Json::Object(fields) = json else { return Vec::new() };
    fields.iter().map(|(key, value)| (key.as_str(), value)).collect()
}

fn text(json: &Json) -> String {
    match json {
        Json::Text(text) => text.clone(),
        other => other.text(),
    }
}

fn integer<T: FromStr>(json: &Json) -> Option<T> {
    match json {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    }
}

fn double(json: &Json, non_numeric: bool) -> Option<f64> {
    match json {
        Json::Number(text) => text.parse().ok(),
        Json::Text(text) if non_numeric => {
            let found = NON_NUMERIC.iter().find(|(word, _)| word == text);
            found.and_then(|(_, value)| value.parse().ok())
        }
        _ => None,
    }
}

fn decimal(json: &Json, p: u8, s: i8) -> Option<i128> {
    match json {
        Json::Number(text) => parse_decimal(text, p, s),
        Json::Text(text) => parse_decimal(&text.replace(',', ""), p, s),
        _ => None,
    }
}

fn binary(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::Text(text) => from_base64(text),
        _ => None,
    }
}
