//! Infers the schema of JSON files, by Spark's rules.
//!
//! Whole numbers are bigint, others double, text is string; fields are in the order of their names; types without a
//! common one are string. Records that are not JSON add the corrupt column in PERMISSIVE mode.

use super::config::JsonConfig;
use super::source::RawRecords;
use crate::files::{FileEntry, Split};
use crate::text::config::{Mode, is_sampled, malformed, unable_to_infer};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::json::{Json, Members, is_blank, parse};
use thalweg_values::number;

/// The most digits that a decimal has.
const PRECISION_MAX: u8 = 38;
/// The digits of a bigint as a decimal.
const LONG_DIGITS: u8 = 20;

/// The narrowest type of all values seen.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Nothing,
    Bool,
    Long,
    /// Precision and scale.
    Decimal(u8, u8),
    Double,
    Timestamp,
    Text,
    List(Box<Seen>),
    Object(BTreeMap<String, Seen>),
}

/// Infers the schema of `files`; class `UNABLE_TO_INFER_SCHEMA` if there are none.
pub(super) fn schema(files: &[FileEntry], config: &JsonConfig) -> Result<SchemaRef> {
    if files.is_empty() {
        return Err(unable_to_infer("JSON"));
    }
    if config.infer_timestamp {
        config.unreadable.check_inference()?;
    }
    let (mut fields, mut number, mut corrupt) = (BTreeMap::new(), 0, false);
    for file in files {
        let mut records = RawRecords::open(&Split::whole(Arc::new(file.clone())), config)?;
        while let Some(bytes) = records.next()? {
            let sampled = is_sampled(number, config.sampling_ratio);
            number += 1;
            if !sampled {
                continue;
            }
            let value = std::str::from_utf8(bytes).ok().and_then(|text| parse(text, config.lenience));
            let is_blank = || std::str::from_utf8(bytes).is_ok_and(|text| is_blank(text, config.lenience));
            if !take(&mut fields, value.as_ref(), config) && !is_blank() {
                if config.mode == Mode::FailFast {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    return Err(malformed(&text, &records.place()));
                }
                corrupt |= config.mode == Mode::Permissive;
            }
        }
    }
    if corrupt {
        fields.entry(config.corrupt_column.clone()).or_insert(Seen::Text);
    }
    check_names(&fields)?;
    Ok(Arc::new(Schema::new(to_fields(&fields, config))))
}

/// Refuses names that differ by case only, which a query cannot distinguish.
fn check_names(fields: &BTreeMap<String, Seen>) -> Result<()> {
    let mut lower = BTreeSet::new();
    match fields.keys().find(|name| !lower.insert(name.to_lowercase())) {
        None => Ok(()),
        Some(name) => Err(Error::new(
            ErrorKind::Analysis,
            "COLUMN_ALREADY_EXISTS",
            "42711",
            format!("The column `{name}` already exists in another case. Choose another name or rename the existing column."),
        )
        .param("columnName", format!("`{name}`"))
        .hint("Give the table a schema with the one that you want.")),
    }
}

/// Widens the fields by those of a record; returns false if the value is not a record.
fn take(fields: &mut BTreeMap<String, Seen>, value: Option<&Json<'_>>, config: &JsonConfig) -> bool {
    match value {
        Some(Json::Object(members, _)) => {
            widen_members(fields, members, config);
            true
        }
        Some(Json::Array(items, _)) => {
            let are_objects = items.iter().all(|item| matches!(item, Json::Object(..)));
            are_objects && items.iter().all(|item| take(fields, Some(item), config))
        }
        _ => false,
    }
}

/// Widens the fields in place. A name is copied only the first time it is seen.
fn widen_members(fields: &mut BTreeMap<String, Seen>, members: &Members<'_>, config: &JsonConfig) {
    for (name, value) in members {
        match fields.get_mut(name.as_ref()) {
            Some(seen) => widen(seen, value, config),
            None => {
                let mut seen = Seen::Nothing;
                widen(&mut seen, value, config);
                fields.insert(name.to_string(), seen);
            }
        }
    }
}

fn widen(seen: &mut Seen, value: &Json<'_>, config: &JsonConfig) {
    match (&mut *seen, value) {
        // A null fits every type.
        (_, Json::Null) => {}
        (Seen::Object(fields), Json::Object(members, _)) => widen_members(fields, members, config),
        (Seen::Nothing, Json::Object(members, _)) => {
            let mut fields = BTreeMap::new();
            widen_members(&mut fields, members, config);
            *seen = Seen::Object(fields);
        }
        (Seen::List(inner), Json::Array(items, _)) => {
            items.iter().for_each(|item| widen(inner, item, config))
        }
        (Seen::Nothing, Json::Array(items, _)) => {
            let mut inner = Seen::Nothing;
            items.iter().for_each(|item| widen(&mut inner, item, config));
            *seen = Seen::List(Box::new(inner));
        }
        // Both an object and a value without parts: the text of either is kept.
        (_, Json::Object(..) | Json::Array(..)) => *seen = Seen::Text,
        _ => {
            let old = std::mem::replace(seen, Seen::Nothing);
            *seen = merge(old, primitive(value, config));
        }
    }
}

/// Returns the type of a value without parts.
fn primitive(value: &Json<'_>, config: &JsonConfig) -> Seen {
    match value {
        // Spark takes an empty text for a null here, since some writers do not distinguish the two.
        Json::Text(text) if text.is_empty() => Seen::Nothing,
        Json::Text(text) => of_text(text, config),
        Json::Bool(_) | Json::Number(_) if config.primitives_as_string => Seen::Text,
        Json::Bool(_) => Seen::Bool,
        Json::Number(text) if text.parse::<i64>().is_ok() => Seen::Long,
        Json::Number(text) => {
            let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let size = number::decimal_size(text).filter(|_| is_whole || config.prefers_decimal);
            size.and_then(decimal).unwrap_or(Seen::Double)
        }
        _ => Seen::Text,
    }
}

fn of_text(text: &str, config: &JsonConfig) -> Seen {
    // Spark takes the commas out before it looks for a decimal.
    let plain = if text.contains(',') { Cow::Owned(text.replace(',', "")) } else { Cow::Borrowed(text) };
    let size = if config.prefers_decimal { number::decimal_size(&plain) } else { None };
    match size.and_then(decimal) {
        Some(decimal) => decimal,
        None if config.infer_timestamp && config.rules.read_timestamp(text).is_some() => Seen::Timestamp,
        None => Seen::Text,
    }
}

/// Returns the decimal that holds a number with all its digits; none if there are too many.
fn decimal(size: number::Size) -> Option<Seen> {
    let scale = u8::try_from(size.scale.max(0)).ok()?;
    let whole = i32::from(size.precision) - size.scale;
    of_digits(u8::try_from(whole.max(0)).ok()?, scale)
}

/// Returns the decimal with that many digits before and after the point.
fn of_digits(whole: u8, scale: u8) -> Option<Seen> {
    let precision = whole.checked_add(scale)?.max(1);
    (precision <= PRECISION_MAX).then_some(Seen::Decimal(precision, scale))
}

fn merge(a: Seen, b: Seen) -> Seen {
    use Seen::{Decimal, Double, Long, Nothing, Text};
    match (a, b) {
        (Nothing, other) | (other, Nothing) => other,
        (Decimal(p, s), Decimal(q, t)) => of_digits((p - s).max(q - t), s.max(t)).unwrap_or(Double),
        (Long, Decimal(p, s)) | (Decimal(p, s), Long) => {
            of_digits((p - s).max(LONG_DIGITS), s).unwrap_or(Double)
        }
        (Long | Decimal(..), Double) | (Double, Long | Decimal(..)) => Double,
        (a, b) if a == b => a,
        _ => Text,
    }
}

fn to_fields(members: &BTreeMap<String, Seen>, config: &JsonConfig) -> Fields {
    let field = |(name, seen): (&String, &Seen)| Some(Field::new(name, to_type(seen, config)?, true));
    members.iter().filter_map(field).collect()
}

/// Returns the type of a column; none for an object without fields, and for nulls alone if those are dropped.
fn to_type(seen: &Seen, config: &JsonConfig) -> Option<DataType> {
    Some(match seen {
        Seen::Nothing if config.drop_if_all_null => return None,
        Seen::Nothing | Seen::Text => DataType::Utf8,
        Seen::Bool => DataType::Boolean,
        Seen::Long => DataType::Int64,
        Seen::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Seen::Decimal(p, s) => DataType::Decimal128(*p, i8::try_from(*s).unwrap_or(0)),
        Seen::Double => DataType::Float64,
        Seen::List(inner) => DataType::List(Arc::new(Field::new("element", to_type(inner, config)?, true))),
        Seen::Object(members) => {
            let fields = to_fields(members, config);
            if fields.is_empty() {
                return None;
            }
            DataType::Struct(fields)
        }
    })
}
