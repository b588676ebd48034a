//! Derives the fields of intervals in results: `INTERVAL DAY` plus `INTERVAL HOUR` is `INTERVAL DAY TO HOUR`.
//!
//! Arrow has one type for all fields of an interval, so an expression also has Spark's type. This file derives it
//! for calls; otherwise an interval has all fields.

use crate::Resolver;
use crate::expr_scope::ResolvedExpr;
use arrow::datatypes::DataType as Arrow;
use thalweg_common::Result;
use thalweg_functions::Intervals;
use thalweg_sql::types::{DataType, StructField, StructType};
use thalweg_values::names::same_name;
use thalweg_values::types::{interval_fields, to_arrow, to_spark};

/// Returns whether a type contains an interval that has fields.
pub(crate) fn holds_fields(t: &DataType) -> bool {
    match t {
        DataType::DayTimeInterval { .. } | DataType::YearMonthInterval { .. } => true,
        DataType::Array { element, .. } => holds_fields(element),
        DataType::Map { key, value, .. } => holds_fields(key) || holds_fields(value),
        DataType::Struct(fields) => fields.fields.iter().any(|f| holds_fields(&f.data_type)),
        _ => false,
    }
}

/// Returns the first and the last field of an interval's type, unless it has all fields.
pub(crate) fn fields_of(t: Option<&DataType>) -> Option<(u8, u8)> {
    match t {
        Some(DataType::DayTimeInterval { start, end } | DataType::YearMonthInterval { start, end }) => {
            Some((*start, *end))
        }
        _ => None,
    }
}

/// Returns the type with the fields of both, where the two differ in fields only.
pub(crate) fn widest(a: &DataType, b: &DataType) -> DataType {
    use DataType::{Array, DayTimeInterval, Map, Struct, YearMonthInterval};
    match (a, b) {
        (DayTimeInterval { start: s, end: e }, DayTimeInterval { start, end }) => {
            DayTimeInterval { start: *s.min(start), end: *e.max(end) }
        }
        (YearMonthInterval { start: s, end: e }, YearMonthInterval { start, end }) => {
            YearMonthInterval { start: *s.min(start), end: *e.max(end) }
        }
        (Array { element, contains_null }, Array { element: other, contains_null: nulls }) => {
            Array { element: Box::new(widest(element, other)), contains_null: *contains_null || *nulls }
        }
        (
            Map { key, value, value_contains_null },
            Map { key: other_key, value: other, value_contains_null: nulls },
        ) => Map {
            key: Box::new(widest(key, other_key)),
            value: Box::new(widest(value, other)),
            value_contains_null: *value_contains_null || *nulls,
        },
        (Struct(fields), Struct(others)) => {
            let both = fields.fields.iter().zip(&others.fields);
            let field = |(a, b): (&StructField, &StructField)| StructField {
                data_type: widest(&a.data_type, &b.data_type),
                nullable: a.nullable || b.nullable,
                ..a.clone()
            };
            Struct(StructType { fields: both.map(field).collect() })
        }
        _ => a.clone(),
    }
}

/// The type of a call's result where it holds intervals whose fields the arguments tell.
pub(crate) fn of_call(fields: Intervals, result: &Arrow, args: &[ResolvedExpr]) -> Option<DataType> {
    // For any other result Arrow's type determines Spark's.
    let plain = to_spark(result).filter(holds_fields)?;
    let days = DataType::DayTimeInterval { start: 0, end: 0 };
    match fields {
        Intervals::AllFields => return None,
        // In Spark two dates differ by an INTERVAL DAY, and two timestamps by an interval of all fields.
        Intervals::Difference if args.iter().all(|a| !is_interval(&a.data_type)) => {
            let dates = args.iter().any(|a| a.data_type == Arrow::Date32)
                && args.iter().all(|a| matches!(a.data_type, Arrow::Date32 | Arrow::Utf8));
            return dates.then_some(days);
        }
        Intervals::First => return args.first()?.spark_type().ok(),
        Intervals::Map => return map_of(&plain, args),
        Intervals::Struct => return struct_of(&plain, args),
        Intervals::Widest
        | Intervals::Sum
        | Intervals::Difference
        | Intervals::Texts
        | Intervals::TextsOutsideArrays => {}
    }
    let known: Vec<DataType> = args.iter().filter_map(|a| a.spark_type().ok()).collect();
    let of_same = merged(known.iter().filter(|t| to_arrow_eq(t, result)).cloned());
    of_same.or_else(|| of_elements(&plain, result, &known)).or_else(|| of_containers(result, &known))
}

/// Returns the common type of these, if it contains intervals.
pub(crate) fn of_alternatives(common: &Arrow, all: &[&ResolvedExpr]) -> Option<DataType> {
    to_spark(common).filter(holds_fields)?;
    let known = all.iter().filter_map(|t| t.spark_type().ok());
    merged(known.filter(|t| to_arrow_eq(t, common)))
}

/// Returns the type of a struct's field, if it contains intervals.
pub(crate) fn of_field(of: &DataType, name: &str) -> Option<DataType> {
    let DataType::Struct(fields) = of else { return None };
    let field = fields.fields.iter().find(|f| same_name(&f.name, name))?;
    Some(field.data_type.clone()).filter(holds_fields)
}

fn is_interval(t: &Arrow) -> bool {
    matches!(t, Arrow::Duration(_) | Arrow::Interval(_))
}

/// Returns whether a type has the Arrow layout of the result, without regard to nullability.
fn to_arrow_eq(t: &DataType, result: &Arrow) -> bool {
    to_arrow(t).equals_datatype(result)
}

fn merged(mut types: impl Iterator<Item = DataType>) -> Option<DataType> {
    let first = types.next()?;
    Some(types.fold(first, |all, t| widest(&all, &t)))
}

/// The type of an array of the arguments, as for `array(a, b)`.
fn of_elements(plain: &DataType, result: &Arrow, known: &[DataType]) -> Option<DataType> {
    let (Arrow::List(field), DataType::Array { contains_null, .. }) = (result, plain) else { return None };
    let element = merged(known.iter().filter(|t| to_arrow_eq(t, field.data_type())).cloned())?;
    Some(DataType::Array { element: Box::new(element), contains_null: *contains_null })
}

/// The type of an element of an argument, as for `element_at(a, 1)`.
fn of_containers(result: &Arrow, known: &[DataType]) -> Option<DataType> {
    known.iter().find_map(|t| match t {
        DataType::Array { element, .. } if to_arrow_eq(element, result) => Some((**element).clone()),
        DataType::Map { value, .. } if to_arrow_eq(value, result) => Some((**value).clone()),
        _ => None,
    })
}

/// `map(key, value, ..)`.
fn map_of(plain: &DataType, args: &[ResolvedExpr]) -> Option<DataType> {
    let DataType::Map { value_contains_null, .. } = plain else { return None };
    let side = |skip: usize| merged(args.iter().skip(skip).step_by(2).filter_map(|a| a.spark_type().ok()));
    let value_contains_null = *value_contains_null;
    Some(DataType::Map { key: Box::new(side(0)?), value: Box::new(side(1)?), value_contains_null })
}

/// `named_struct(name, value, ..)`.
fn struct_of(plain: &DataType, args: &[ResolvedExpr]) -> Option<DataType> {
    let DataType::Struct(plain) = plain else { return None };
    let values = args.iter().skip(1).step_by(2);
    let field = |(field, value): (&StructField, &ResolvedExpr)| {
        Some(StructField { data_type: value.spark_type().ok()?, ..field.clone() })
    };
    let fields = plain.fields.iter().zip(values).map(field).collect::<Option<Vec<_>>>()?;
    Some(DataType::Struct(StructType { fields }))
}

fn is_integer(t: &DataType) -> bool {
    matches!(t, DataType::Byte | DataType::Short | DataType::Integer | DataType::Long)
}

impl Resolver<'_> {
    /// The arguments in the form that their fields ask for: intervals in texts as texts, and days that move a
    /// date as numbers; any other interval that moves a date makes it a timestamp.
    pub(crate) fn by_fields(
        &self,
        fields: Intervals,
        mut args: Vec<ResolvedExpr>,
    ) -> Result<Vec<ResolvedExpr>> {
        // Arrays are put together as they are.
        let arrays = fields == Intervals::TextsOutsideArrays;
        if arrays || fields == Intervals::Texts {
            for arg in args.iter_mut().filter(|a| !(arrays && matches!(a.data_type, Arrow::List(_)))) {
                *arg = self.with_texts(arg.clone());
            }
        }
        let [left, right] = args.as_slice() else { return Ok(args) };
        let (date, by) = match (fields, &left.data_type, &right.data_type) {
            (Intervals::Sum | Intervals::Difference, Arrow::Date32, Arrow::Duration(_)) => (0, 1),
            (Intervals::Sum, Arrow::Duration(_), Arrow::Date32) => (1, 0),
            _ => return Ok(args),
        };
        let is_days = |t: &ResolvedExpr| fields_of(t.spark.as_ref()) == Some((0, 0));
        let moved = args.get(by).is_some_and(is_days);
        let place = if moved { by } else { date };
        let Some(old) = args.get(place).cloned() else { return Ok(args) };
        let new = match moved {
            true => self.scalar("date_part", vec![crate::expr::text("DAY"), old])?,
            false => self.cast(old, &DataType::Timestamp, thalweg_sql::ir::EvalMode::Ansi)?,
        };
        if let Some(arg) = args.get_mut(place) {
            *arg = new;
        }
        Ok(args)
    }

    /// Converts the intervals in a value to strings.
    fn with_texts(&self, resolved: ResolvedExpr) -> ResolvedExpr {
        let Some(spark) = resolved.spark_type().ok().filter(holds_fields) else { return resolved };
        let bound = thalweg_functions::intervals_to_texts(resolved.arg(), &interval_fields(&spark));
        self.finished(bound, &[resolved])
    }

    /// A cast from or to an interval; none for any other.
    pub(crate) fn cast_interval(
        &self,
        resolved: &ResolvedExpr,
        to: &DataType,
        mode: thalweg_functions::CastMode,
    ) -> Result<Option<thalweg_functions::Bound>> {
        use thalweg_functions::{interval_cut, interval_from_long, interval_from_text, interval_to_long};
        let (from, arg) = (resolved.spark_type()?, resolved.arg());
        let layout = to_arrow(to);
        if *to == DataType::String && holds_fields(&from) {
            let texts = self.with_texts(resolved.clone());
            return thalweg_functions::cast(texts.arg(), &layout, mode, &self.binding()).map(Some);
        }
        Ok(Some(match (fields_of(Some(&from)), fields_of(Some(to))) {
            (Some(fields), None) if is_integer(to) => {
                let long = ResolvedExpr::of_bound(interval_to_long(arg, fields)?, &[]);
                thalweg_functions::cast(long.arg(), &layout, mode, &self.binding())?
            }
            (None, Some(fields)) if resolved.data_type == Arrow::Utf8 => {
                interval_from_text(arg, &layout, fields, mode)
            }
            (None, Some(fields)) if resolved.data_type != Arrow::Null => {
                interval_from_long(arg, &layout, fields)?
            }
            (Some(_), Some(fields)) if resolved.data_type == layout => interval_cut(arg, fields),
            _ => return Ok(None),
        }))
    }
}
