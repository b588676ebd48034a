//! Infers the type that holds JSON trees, by Spark's rules.
//!
//! Whole numbers are bigint, others double, text is string; fields are in the order of their names; types that do not
//! go together are string.
//!
//! ```
//! use arrow::datatypes::DataType;
//! use thalweg_values::json::{InferRules, InferredType, Lenience, parse};
//! let mut seen = InferredType::Nothing;
//! for text in ["1", "2.5"] {
//!     let Some(json) = parse(text, Lenience::SPARK) else { return };
//!     seen.widen(&json, InferRules::default());
//! }
//! assert_eq!(seen.data_type(InferRules::default()), Some(DataType::Float64));
//! ```

use super::{Json, Members};
use crate::cell::TextRules;
use crate::number;
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most digits that a decimal has.
const PRECISION_MAX: u8 = 38;
/// The digits of a bigint as a decimal.
const LONG_DIGITS: u8 = 20;

/// How types are inferred.
#[derive(Debug, Clone, Copy, Default)]
pub struct InferRules<'a> {
    /// Numbers and booleans are strings.
    pub primitives_as_string: bool,
    /// A number with a point is a decimal, also in text.
    pub prefers_decimal: bool,
    /// How texts are read that may be timestamps; none: they are strings.
    pub timestamps: Option<&'a TextRules>,
    /// What is null everywhere has no type.
    pub drop_if_all_null: bool,
}

/// The types of fields by their names.
pub type InferredFields = BTreeMap<String, InferredType>;

/// The narrowest type of all values seen.
#[derive(Debug, Clone, PartialEq)]
pub enum InferredType {
    /// Nothing but nulls.
    Nothing,
    /// Booleans.
    Bool,
    /// Whole numbers.
    Long,
    /// Decimals of this precision and scale.
    Decimal(u8, u8),
    /// Numbers.
    Double,
    /// Timestamps.
    Timestamp,
    /// Texts, and what does not go together.
    Text,
    /// Arrays of such values.
    List(Box<InferredType>),
    /// Objects with these fields.
    Object(InferredFields),
}

impl InferredType {
    /// Widens the type so that it holds a value.
    pub fn widen(&mut self, value: &Json<'_>, rules: InferRules<'_>) {
        widen(self, value, rules);
    }

    /// Spark's type; none for what has no columns: an object without fields, or nulls alone if those are dropped.
    pub fn data_type(&self, rules: InferRules<'_>) -> Option<DataType> {
        to_type(self, rules)
    }
}

/// Widens in place; a name is copied only the first time it is seen.
pub fn widen_members(fields: &mut InferredFields, members: &Members<'_>, rules: InferRules<'_>) {
    for (name, value) in members {
        match fields.get_mut(name.as_ref()) {
            Some(seen) => widen(seen, value, rules),
            None => {
                let mut seen = InferredType::Nothing;
                widen(&mut seen, value, rules);
                fields.insert(name.to_string(), seen);
            }
        }
    }
}

fn widen(seen: &mut InferredType, value: &Json<'_>, rules: InferRules<'_>) {
    match (&mut *seen, value) {
        (_, Json::Null) => {}
        (InferredType::Object(fields), Json::Object(members, _)) => widen_members(fields, members, rules),
        (InferredType::Nothing, Json::Object(members, _)) => {
            let mut fields = BTreeMap::new();
            widen_members(&mut fields, members, rules);
            *seen = InferredType::Object(fields);
        }
        (InferredType::List(inner), Json::Array(items, _)) => {
            items.iter().for_each(|item| widen(inner, item, rules))
        }
        (InferredType::Nothing, Json::Array(items, _)) => {
            let mut inner = InferredType::Nothing;
            items.iter().for_each(|item| widen(&mut inner, item, rules));
            *seen = InferredType::List(Box::new(inner));
        }
        (_, Json::Object(..) | Json::Array(..)) => *seen = InferredType::Text,
        _ => {
            let old = std::mem::replace(seen, InferredType::Nothing);
            *seen = merge(old, primitive(value, rules));
        }
    }
}

/// The type of a value without parts.
fn primitive(value: &Json<'_>, rules: InferRules<'_>) -> InferredType {
    match value {
        // Some writers of JSON write an empty text for a null, so Spark infers no type from it.
        Json::Text(text) if text.is_empty() => InferredType::Nothing,
        Json::Text(text) => of_text(text, rules),
        Json::Bool(_) | Json::Number(_) if rules.primitives_as_string => InferredType::Text,
        Json::Bool(_) => InferredType::Bool,
        Json::Number(text) if text.parse::<i64>().is_ok() => InferredType::Long,
        Json::Number(text) => {
            let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let size = number::decimal_size(text).filter(|_| is_whole || rules.prefers_decimal);
            size.and_then(decimal).unwrap_or(InferredType::Double)
        }
        _ => InferredType::Text,
    }
}

fn of_text(text: &str, rules: InferRules<'_>) -> InferredType {
    // Spark reads decimals in the format of the locale, which is that of the US: commas may be anywhere.
    let plain = if text.contains(',') { Cow::Owned(text.replace(',', "")) } else { Cow::Borrowed(text) };
    let size = if rules.prefers_decimal { number::decimal_size(&plain) } else { None };
    match size.and_then(decimal) {
        Some(decimal) => decimal,
        None if rules.timestamps.is_some_and(|rules| rules.read_timestamp(text).is_some()) => {
            InferredType::Timestamp
        }
        None => InferredType::Text,
    }
}

/// The type that holds the number with all its digits; none if it has too many.
fn decimal(size: number::Size) -> Option<InferredType> {
    let scale = u8::try_from(size.scale.max(0)).ok()?;
    let whole = i32::from(size.precision) - size.scale;
    of_digits(u8::try_from(whole.max(0)).ok()?, scale)
}

/// The decimal with that many digits before and after the point.
fn of_digits(whole: u8, scale: u8) -> Option<InferredType> {
    let precision = whole.checked_add(scale)?.max(1);
    (precision <= PRECISION_MAX).then_some(InferredType::Decimal(precision, scale))
}

fn merge(a: InferredType, b: InferredType) -> InferredType {
    use InferredType::{Decimal, Double, Long, Nothing, Text};
    match (a, b) {
        (Nothing, other) | (other, Nothing) => other,
        (Decimal(p, s), Decimal(q, t)) => of_digits((p - s).max(q - t), s.max(t)).unwrap_or(Double),
        (Long, Decimal(p, s)) | (Decimal(p, s), Long) => {
            // Where the digits of a decimal are not enough Spark takes a double.
            of_digits((p - s).max(LONG_DIGITS), s).unwrap_or(Double)
        }
        (Long | Decimal(..), Double) | (Double, Long | Decimal(..)) => Double,
        (a, b) if a == b => a,
        _ => Text,
    }
}

/// The fields that have a type.
pub fn to_fields(members: &InferredFields, rules: InferRules<'_>) -> Fields {
    let field = |(name, seen): (&String, &InferredType)| Some(Field::new(name, to_type(seen, rules)?, true));
    // Spark has no columns without a name.
    members.iter().filter(|(name, _)| !name.is_empty()).filter_map(field).collect()
}

/// None for what has no columns: an object without fields, or only nulls if those are dropped.
fn to_type(seen: &InferredType, rules: InferRules<'_>) -> Option<DataType> {
    Some(match seen {
        InferredType::Nothing if rules.drop_if_all_null => return None,
        InferredType::Nothing | InferredType::Text => DataType::Utf8,
        InferredType::Bool => DataType::Boolean,
        InferredType::Long => DataType::Int64,
        InferredType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        InferredType::Decimal(p, s) => DataType::Decimal128(*p, i8::try_from(*s).unwrap_or(0)),
        InferredType::Double => DataType::Float64,
        InferredType::List(inner) => {
            DataType::List(Arc::new(Field::new("element", to_type(inner, rules)?, true)))
        }
        InferredType::Object(members) => {
            let fields = to_fields(members, rules);
            if fields.is_empty() {
                return None;
            }
            DataType::Struct(fields)
        }
    })
}
