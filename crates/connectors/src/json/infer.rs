//! The schema of JSON files, by Spark's rules.
//!
//! Whole numbers are bigint, others double, text is string; fields are in the order of their
//! names; types that do not go together are string. Records that are no JSON add the corrupt
//! column in PERMISSIVE mode.

use super::config::JsonConfig;
use super::parse::{Json, parse};
use super::source::Records;
use crate::files::{FileEntry, Split};
use crate::text::config::{Mode, is_sampled, malformed, unable_to_infer};
use crate::text::number;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;

/// The narrowest type of all values seen.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Nothing,
    Bool,
    Long,
    Decimal(u8),
    Double,
    Text,
    List(Box<Seen>),
    Object(BTreeMap<String, Seen>),
}

/// The schema of `files`; class `UNABLE_TO_INFER_SCHEMA` if there are none.
pub(super) fn schema(files: &[FileEntry], config: &JsonConfig) -> Result<SchemaRef> {
    if files.is_empty() {
        return Err(unable_to_infer("JSON"));
    }
    let (mut fields, mut number, mut corrupt) = (BTreeMap::new(), 0, false);
    for file in files {
        let mut records = Records::open(&Split::whole(Arc::new(file.clone())), config)?;
        while let Some(bytes) = records.next()? {
            let sampled = is_sampled(number, config.sampling_ratio);
            number += 1;
            if !sampled {
                continue;
            }
            let value = std::str::from_utf8(bytes).ok().and_then(|text| parse(text, config.lenience));
            if !take(&mut fields, value.as_ref(), config) {
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
    Ok(Arc::new(Schema::new(to_fields(&fields, config))))
}

/// Widens the fields by a record; false if it is none.
fn take(fields: &mut BTreeMap<String, Seen>, value: Option<&Json<'_>>, config: &JsonConfig) -> bool {
    match value {
        Some(Json::Object(members)) => {
            widen_members(fields, members, config);
            true
        }
        // Counts instead of stopping at the first, so that every element is looked at.
        Some(Json::Array(items)) => {
            items
                .iter()
                .filter(|item| matches!(item, Json::Object(_)) && take(fields, Some(item), config))
                .count()
                == items.len()
        }
        _ => false,
    }
}

/// Widens in place; a name is copied only the first time it is seen.
fn widen_members(
    fields: &mut BTreeMap<String, Seen>,
    members: &[(std::borrow::Cow<'_, str>, Json<'_>)],
    config: &JsonConfig,
) {
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
        (_, Json::Null) => {}
        (Seen::Object(fields), Json::Object(members)) => widen_members(fields, members, config),
        (Seen::Nothing, Json::Object(members)) => {
            let mut fields = BTreeMap::new();
            widen_members(&mut fields, members, config);
            *seen = Seen::Object(fields);
        }
        (Seen::List(inner), Json::Array(items)) => items.iter().for_each(|item| widen(inner, item, config)),
        (Seen::Nothing, Json::Array(items)) => {
            let mut inner = Seen::Nothing;
            items.iter().for_each(|item| widen(&mut inner, item, config));
            *seen = Seen::List(Box::new(inner));
        }
        (_, Json::Object(_) | Json::Array(_)) => *seen = Seen::Text,
        _ => {
            let old = std::mem::replace(seen, Seen::Nothing);
            *seen = merge(old, primitive(value, config));
        }
    }
}

/// The type of a value without parts.
fn primitive(value: &Json<'_>, config: &JsonConfig) -> Seen {
    match value {
        Json::Text(text) if text.is_empty() => Seen::Nothing,
        Json::Bool(_) | Json::Number(_) if config.primitives_as_string => Seen::Text,
        Json::Bool(_) => Seen::Bool,
        Json::Number(text) if text.parse::<i64>().is_ok() => Seen::Long,
        Json::Number(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
            number::exact(text).map_or(Seen::Double, |e| Seen::Decimal(e.precision))
        }
        Json::Number(_) => Seen::Double,
        _ => Seen::Text,
    }
}

fn merge(a: Seen, b: Seen) -> Seen {
    use Seen::{Decimal, Double, Long, Nothing, Text};
    match (a, b) {
        (Nothing, other) | (other, Nothing) => other,
        (Decimal(p), Decimal(q)) => Decimal(p.max(q)),
        // A bigint has up to 20 digits as a decimal.
        (Long, Decimal(p)) | (Decimal(p), Long) => Decimal(p.max(20)),
        (Long | Decimal(_), Double) | (Double, Long | Decimal(_)) => Double,
        (a, b) if a == b => a,
        _ => Text,
    }
}

fn to_fields(members: &BTreeMap<String, Seen>, config: &JsonConfig) -> Fields {
    let field = |(name, seen): (&String, &Seen)| Some(Field::new(name, to_type(seen, config)?, true));
    members.iter().filter_map(field).collect()
}

/// None for what has no columns: an object without fields, or only nulls if those are dropped.
fn to_type(seen: &Seen, config: &JsonConfig) -> Option<DataType> {
    Some(match seen {
        Seen::Nothing if config.drop_if_all_null => return None,
        Seen::Nothing | Seen::Text => DataType::Utf8,
        Seen::Bool => DataType::Boolean,
        Seen::Long => DataType::Int64,
        Seen::Decimal(p) => DataType::Decimal128(*p, 0),
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
