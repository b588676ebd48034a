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
    let objects: Vec<&Json<'_>> = match value {
        Some(Json::Array(items)) => items.iter().collect(),
        Some(other) => vec![other],
        None => return false,
    };
    let mut all = true;
    for object in objects {
        match seen(object, config) {
            Seen::Object(members) => merge_members(fields, members),
            _ => all = false,
        }
    }
    all
}

fn seen(value: &Json<'_>, config: &JsonConfig) -> Seen {
    match value {
        Json::Null => Seen::Nothing,
        Json::Text(text) if text.is_empty() => Seen::Nothing,
        Json::Text(_) => Seen::Text,
        Json::Bool(_) | Json::Number(_) if config.primitives_as_string => Seen::Text,
        Json::Bool(_) => Seen::Bool,
        Json::Number(text) if text.parse::<i64>().is_ok() => Seen::Long,
        Json::Number(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
            number::exact(text).map_or(Seen::Double, |e| Seen::Decimal(e.precision))
        }
        Json::Number(_) => Seen::Double,
        Json::Array(items) => {
            let inner = items.iter().fold(Seen::Nothing, |all, item| merge(all, seen(item, config)));
            Seen::List(Box::new(inner))
        }
        Json::Object(members) => {
            let mut fields = BTreeMap::new();
            for (name, value) in members {
                merge_members(&mut fields, BTreeMap::from([(name.to_string(), seen(value, config))]));
            }
            Seen::Object(fields)
        }
    }
}

fn merge_members(into: &mut BTreeMap<String, Seen>, from: BTreeMap<String, Seen>) {
    for (name, value) in from {
        let old = into.remove(&name).unwrap_or(Seen::Nothing);
        into.insert(name, merge(old, value));
    }
}

fn merge(a: Seen, b: Seen) -> Seen {
    use Seen::{Decimal, Double, List, Long, Nothing, Object, Text};
    match (a, b) {
        (Nothing, other) | (other, Nothing) => other,
        (Decimal(p), Decimal(q)) => Decimal(p.max(q)),
        // A bigint has up to 20 digits as a decimal.
        (Long, Decimal(p)) | (Decimal(p), Long) => Decimal(p.max(20)),
        (Long | Decimal(_), Double) | (Double, Long | Decimal(_)) => Double,
        (List(x), List(y)) => List(Box::new(merge(*x, *y))),
        (Object(mut x), Object(y)) => {
            merge_members(&mut x, y);
            Object(x)
        }
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
