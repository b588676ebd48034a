//! Prints values as Spark's CAST to STRING and the cells of `show()` do.
//!
//! Doubles are printed as by Java, timestamps in a zone without trailing zeros, arrays, maps and structs as `[1, 2]`,
//! `{a -> 1}`, `{1, x}`. Printing cannot fail: a type without a rule is printed by Arrow.

use crate::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use crate::shortest::{self, Digits};
use crate::types::kept_interval_fields;
use crate::zone::Zone;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Field, Fields, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Schema, TimeUnit, TimestampMicrosecondType,
};
use std::fmt::Write;
use std::sync::Arc;

/// The use of a text, on which the form of nulls and binaries depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `CAST(x AS STRING)`: nulls inside are `null`, binary is its UTF-8.
    Cast,
    /// A cell of `show()`: nulls are `NULL`, binary is `[41 42]`.
    Show,
}

/// Prints one cell as `show()` does; a null is `NULL`. `time_zone` is an IANA name; an unknown one is taken as UTC.
pub fn cell(array: &dyn Array, row: usize, time_zone: &str) -> String {
    Printer::new(Style::Show, time_zone).print(array, row)
}

/// Prints one value as CAST to STRING does; see [`cell`] for the zone.
pub fn format_value(array: &dyn Array, row: usize, time_zone: &str) -> String {
    Printer::new(Style::Cast, time_zone).print(array, row)
}

/// Prints many values in one style and zone.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    style: Style,
    zone: Zone,
}

impl Printer {
    /// Creates a printer. An unknown zone is taken as UTC.
    pub fn new(style: Style, time_zone: &str) -> Self {
        Self { style, zone: Zone::parse(time_zone).unwrap_or(Zone::UTC) }
    }
    /// Creates a printer for a zone.
    pub fn in_zone(style: Style, zone: Zone) -> Self {
        Self { style, zone }
    }
    /// Returns the text of one value.
    pub fn print(&self, array: &dyn Array, row: usize) -> String {
        let mut out = String::new();
        self.write(&mut out, array, row);
        out
    }
    /// Appends the text of one value.
    pub fn write(&self, out: &mut String, array: &dyn Array, row: usize) {
        // A row that does not exist prints as null: printing must not fail.
        if row >= array.len() || array.is_null(row) || array.data_type() == &DataType::Null {
            out.push_str(if self.style == Style::Show { "NULL" } else { "null" });
            return;
        }
        match array.data_type() {
            DataType::List(_) => self.write_list(out, array, row),
            DataType::Map(..) => self.write_map(out, array, row),
            DataType::Struct(_) => self.write_struct(out, array, row),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let local = if zone.is_some() { self.zone.to_local(micros) } else { micros };
                write_timestamp(out, local);
            }
            DataType::Binary => self.write_binary(out, array.as_binary::<i32>().value(row)),
            other => write_flat(out, other, array, row),
        }
    }

    fn write_binary(&self, out: &mut String, bytes: &[u8]) {
        if self.style == Style::Cast {
            // Spark keeps invalid bytes in a STRING; here they become U+FFFD.
            out.push_str(&String::from_utf8_lossy(bytes));
            return;
        }
        write_bytes(out, bytes);
    }

    fn write_list(&self, out: &mut String, array: &dyn Array, row: usize) {
        let values = array.as_list::<i32>().value(row);
        out.push('[');
        for i in 0..values.len() {
            out.push_str(if i == 0 { "" } else { ", " });
            self.write(out, values.as_ref(), i);
        }
        out.push(']');
    }

    fn write_map(&self, out: &mut String, array: &dyn Array, row: usize) {
        let entries = array.as_map().value(row);
        out.push('{');
        if let [keys, values, ..] = entries.columns() {
            for i in 0..entries.len() {
                out.push_str(if i == 0 { "" } else { ", " });
                self.write(out, keys.as_ref(), i);
                out.push_str(" -> ");
                self.write(out, values.as_ref(), i);
            }
        }
        out.push('}');
    }

    fn write_struct(&self, out: &mut String, array: &dyn Array, row: usize) {
        out.push('{');
        for (i, column) in array.as_struct().columns().iter().enumerate() {
            out.push_str(if i == 0 { "" } else { ", " });
            self.write(out, column.as_ref(), row);
        }
        out.push('}');
    }
}

/// Appends bytes as `[41 0A]`.
pub(crate) fn write_bytes(out: &mut String, bytes: &[u8]) {
    out.push('[');
    for (i, byte) in bytes.iter().enumerate() {
        let space = if i == 0 { "" } else { " " };
        let _ = write!(out, "{space}{byte:02X}");
    }
    out.push(']');
}

/// Appends a value of a type that is not nested.
pub(crate) fn write_flat(out: &mut String, data_type: &DataType, array: &dyn Array, row: usize) {
    let _ = match data_type {
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Int8 => write!(out, "{}", array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::Utf8 => {
            out.push_str(array.as_string::<i32>().value(row));
            Ok(())
        }
        DataType::Float32 => {
            write_float(out, f64::from(array.as_primitive::<Float32Type>().value(row)), Width::Single);
            Ok(())
        }
        DataType::Float64 => {
            write_float(out, array.as_primitive::<Float64Type>().value(row), Width::Double);
            Ok(())
        }
        DataType::Decimal128(_, scale) => {
            write_decimal(out, array.as_primitive::<Decimal128Type>().value(row), *scale);
            Ok(())
        }
        DataType::Date32 => {
            write_date(out, i64::from(array.as_primitive::<Date32Type>().value(row)));
            Ok(())
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            write_day_time(out, array.as_primitive::<DurationMicrosecondType>().value(row), (0, 3));
            Ok(())
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            write_year_month(out, array.as_primitive::<IntervalYearMonthType>().value(row), (0, 1));
            Ok(())
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let v = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            write_calendar(out, i64::from(v.months), i64::from(v.days), v.nanoseconds / 1000);
            Ok(())
        }
        _ => {
            // Types without a rule, such as those of a table that another program wrote.
            let text = arrow::util::display::array_value_to_string(array, row);
            out.push_str(&text.unwrap_or_default());
            Ok(())
        }
    };
}

/// The type for which the digits of a number are chosen: the shortest ones that identify a FLOAT or a DOUBLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// FLOAT.
    Single,
    /// DOUBLE.
    Double,
}

/// Appends a number as Java 17 prints it: plain from 1e-3 to 1e7, `d.dE±n` beyond.
pub fn write_float(out: &mut String, value: f64, width: Width) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if value == 0.0 {
        return out.push_str(if value.is_sign_negative() { "-0.0" } else { "0.0" });
    }
    if value < 0.0 {
        out.push('-');
    }
    let Digits { digits, exponent } = shortest::digits(value.abs(), width);
    let digits: String = digits.into_iter().map(|digit| char::from(b'0' + digit)).collect();
    let (whole, fraction) = match exponent {
        -2..=0 => ("0".to_owned(), "0".repeat(exponent.unsigned_abs() as usize) + &digits),
        1..=7 => {
            let padded = format!("{digits:0<width$}", width = exponent as usize);
            let (whole, fraction) = padded.split_at_checked(exponent as usize).unwrap_or((&padded, ""));
            (whole.to_owned(), fraction.to_owned())
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            (first.to_owned(), rest.to_owned())
        }
    };
    let fraction = if fraction.is_empty() { "0" } else { &fraction };
    let _ = write!(out, "{whole}.{fraction}");
    if !(-2..=7).contains(&exponent) {
        let _ = write!(out, "E{}", exponent - 1);
    }
}

/// Returns the digits `0.d1d2… × 10^exponent` with which Java prints a finite double greater than 0, and the exponent.
/// The first digit is not 0.
pub fn significant_digits(value: f64) -> (Vec<u8>, i32) {
    let Digits { digits, exponent } = shortest::digits(value, Width::Double);
    (digits, exponent)
}

/// Returns a double as Java prints it.
pub fn double(value: f64) -> String {
    let mut out = String::new();
    write_float(&mut out, value, Width::Double);
    out
}

/// Appends the digits of a decimal, never with an exponent.
pub fn write_decimal(out: &mut String, value: i128, scale: i8) {
    // Spark's decimals have no negative scale.
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = value.unsigned_abs().to_string();
    if value < 0 {
        out.push('-');
    }
    if scale == 0 {
        return out.push_str(&digits);
    }
    // At least one digit before the point: 5 at the scale 2 is 0.05.
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len() - scale).unwrap_or((&padded, ""));
    let _ = write!(out, "{whole}.{fraction}");
}

/// Appends a decimal as Java's `BigDecimal.toString` does: with an exponent if there are more than five zeros between
/// the point and the first digit.
pub fn write_decimal_with_exponent(out: &mut String, value: i128, scale: i8) {
    let digits = value.unsigned_abs().to_string();
    let places = usize::try_from(scale).unwrap_or(0);
    if places <= digits.len() + 5 {
        return write_decimal(out, value, scale);
    }
    let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let (sign, point) = (if value < 0 { "-" } else { "" }, if rest.is_empty() { "" } else { "." });
    let _ = write!(out, "{sign}{first}{point}{rest}E-{}", places + 1 - digits.len());
}

/// Appends a date as `2024-01-31`. Years with more than four digits have a sign.
pub fn write_date(out: &mut String, days: i64) {
    let c = calendar::from_days(days);
    write_year(out, c.year);
    let _ = write!(out, "-{:02}-{:02}", c.month, c.day);
}

/// Appends a year with four digits, or with a sign and more.
fn write_year(out: &mut String, year: i64) {
    let _ = match year {
        0..=9999 => write!(out, "{year:04}"),
        // ISO 8601 requires a sign for such years, and Java prints it.
        10_000.. => write!(out, "+{year}"),
        _ => write!(out, "-{:04}", -year),
    };
}

/// Appends a local time in microseconds as `2024-01-31 01:02:03.5`.
pub fn write_timestamp(out: &mut String, local: i64) {
    write_date(out, local.div_euclid(DAY));
    let time = local.rem_euclid(DAY);
    let (h, m, s) = (time / HOUR, time / MINUTE % 60, time / SECOND % 60);
    let _ = write!(out, " {h:02}:{m:02}:{s:02}");
    write_fraction(out, time % SECOND);
}

/// Appends a fraction of a second: `.5` for 500,000 microseconds, nothing for 0.
fn write_fraction(out: &mut String, micros: i64) {
    if micros != 0 {
        let digits = format!("{micros:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// Converts the intervals in the columns of a batch to texts, with the interval fields that are kept in the schema.
pub fn columns_with_interval_texts(columns: &[ArrayRef], schema: &Schema) -> Vec<ArrayRef> {
    let texts = |(column, field): (&ArrayRef, &Arc<Field>)| {
        let fields = kept_interval_fields(field);
        if fields.is_empty() {
            Arc::clone(column)
        } else {
            intervals_as_texts(column, &mut fields.into_iter())
        }
    };
    columns.iter().zip(schema.fields()).map(texts).collect()
}

/// Converts the intervals in a column, which may be nested, to texts. `fields` are those of its intervals in their
/// order.
pub fn intervals_as_texts(column: &ArrayRef, fields: &mut dyn Iterator<Item = (u8, u8)>) -> ArrayRef {
    match column.data_type() {
        DataType::Duration(TimeUnit::Microsecond) => {
            let fields = fields.next().unwrap_or((0, 3));
            let values = column.as_primitive::<DurationMicrosecondType>().iter();
            Arc::new(values.map(|v| v.map(|v| day_time(v, fields))).collect::<StringArray>())
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let fields = fields.next().unwrap_or((0, 1));
            let values = column.as_primitive::<IntervalYearMonthType>().iter();
            Arc::new(values.map(|v| v.map(|v| year_month(v, fields))).collect::<StringArray>())
        }
        DataType::List(field) => {
            let list = column.as_list::<i32>();
            let values = intervals_as_texts(list.values(), fields);
            let field = Arc::new(field.as_ref().clone().with_data_type(values.data_type().clone()));
            let made = ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned());
            // Offsets and nulls are unchanged, so this cannot fail. The column itself is the fallback.
            made.map_or_else(|_| Arc::clone(column), |made| Arc::new(made))
        }
        DataType::Struct(_) => Arc::new(struct_as_texts(column.as_struct(), fields)),
        DataType::Map(field, sorted) => {
            let map = column.as_map();
            let entries = struct_as_texts(map.entries(), fields);
            let field = Arc::new(field.as_ref().clone().with_data_type(entries.data_type().clone()));
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let made = MapArray::try_new(field, offsets, entries, nulls, *sorted);
            made.map_or_else(|_| Arc::clone(column), |made| Arc::new(made))
        }
        _ => Arc::clone(column),
    }
}

fn struct_as_texts(array: &StructArray, fields: &mut dyn Iterator<Item = (u8, u8)>) -> StructArray {
    let columns: Vec<_> = array.columns().iter().map(|c| intervals_as_texts(c, fields)).collect();
    let pairs = array.fields().iter().zip(&columns);
    let named: Fields =
        pairs.map(|(f, c)| f.as_ref().clone().with_data_type(c.data_type().clone())).collect();
    let made = StructArray::try_new_with_length(named, columns, array.nulls().cloned(), array.len());
    made.unwrap_or_else(|_| array.clone())
}

/// The fields of a day-time interval, with their names and microseconds.
const DAY_TIME: [(&str, i64); 4] = [("DAY", DAY), ("HOUR", HOUR), ("MINUTE", MINUTE), ("SECOND", SECOND)];

/// Returns a day-time interval as `INTERVAL '1 02:03:04.5' DAY TO SECOND`, from the first to the last of the fields.
pub fn day_time(micros: i64, fields: (u8, u8)) -> String {
    let mut out = String::new();
    write_day_time(&mut out, micros, fields);
    out
}

/// Appends a day-time interval. The first field may exceed its unit.
fn write_day_time(out: &mut String, micros: i64, (start, end): (u8, u8)) {
    // Unsigned, since the least number of microseconds has no negative.
    let mut rest = micros.unsigned_abs();
    out.push_str(if micros < 0 { "INTERVAL '-" } else { "INTERVAL '" });
    let fields = DAY_TIME.iter().enumerate().skip(usize::from(start));
    let count = usize::from(end.saturating_sub(start)) + 1;
    for (i, (_, unit)) in fields.take(count) {
        let value = rest / unit.unsigned_abs();
        rest %= unit.unsigned_abs();
        let separator = match i {
            _ if i == usize::from(start) => "",
            1 => " ",
            _ => ":",
        };
        // Days have no fixed width, all other fields two digits.
        let _ = if i == 0 { write!(out, "{value}") } else { write!(out, "{separator}{value:02}") };
    }
    if end == 3 {
        write_fraction(out, rest as i64);
    }
    let name = |field: u8| DAY_TIME.get(usize::from(field)).map_or("?", |(name, _)| name);
    write_fields(out, name(start), name(end));
}

/// Returns a year-month interval as `INTERVAL '1-2' YEAR TO MONTH`, or with one of the fields alone.
pub fn year_month(months: i32, fields: (u8, u8)) -> String {
    let mut out = String::new();
    write_year_month(&mut out, months, fields);
    out
}

fn write_year_month(out: &mut String, months: i32, (start, end): (u8, u8)) {
    out.push_str(if months < 0 { "INTERVAL '-" } else { "INTERVAL '" });
    let all = months.unsigned_abs();
    let _ = match (start, end) {
        (0, 0) => write!(out, "{}", all / 12),
        (1, 1) => write!(out, "{all}"),
        _ => write!(out, "{}-{}", all / 12, all % 12),
    };
    let name = |field: u8| if field == 0 { "YEAR" } else { "MONTH" };
    write_fields(out, name(start), name(end));
}

/// Appends the fields of an interval's type.
fn write_fields(out: &mut String, start: &str, end: &str) {
    let _ = if start == end { write!(out, "' {start}") } else { write!(out, "' {start} TO {end}") };
}

/// Returns an interval of months, days and microseconds as text: `1 years 2 months 3 seconds`.
pub fn calendar(months: i32, days: i32, micros: i64) -> String {
    let mut out = String::new();
    write_calendar(&mut out, i64::from(months), i64::from(days), micros);
    out
}

/// Appends a calendar interval as `1 years 2 months 3 days 4 hours 5 minutes 6.5 seconds`, without the parts that are
/// 0.
fn write_calendar(out: &mut String, months: i64, days: i64, micros: i64) {
    let mut parts = Vec::new();
    let units = [
        (months / 12, "years"),
        (months % 12, "months"),
        (days, "days"),
        (micros / HOUR, "hours"),
        (micros % HOUR / MINUTE, "minutes"),
    ];
    for (count, unit) in units {
        if count != 0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    let rest = micros % MINUTE;
    if rest != 0 {
        let mut seconds = if rest < 0 { "-".to_owned() } else { String::new() };
        let _ = write!(seconds, "{}", rest.abs() / SECOND);
        write_fraction(&mut seconds, rest.abs() % SECOND);
        parts.push(format!("{seconds} seconds"));
    }
    out.push_str(if parts.is_empty() { "0 seconds" } else { "" });
    out.push_str(&parts.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_and_decimals_print_as_in_java() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e7, "1.0E7"),
            (1.5e-4, "1.5E-4"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (123_456.789, "123456.789"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::from_bits(1), "4.9E-324"),
        ];
        for (value, wanted) in cases {
            assert_eq!(double(value), wanted);
        }
        let mut single = String::new();
        write_float(&mut single, f64::from(f32::from_bits(1)), Width::Single);
        assert_eq!(single, "1.4E-45");
        for (unscaled, scale, wanted) in [(125, 2, "1.25"), (-5, 2, "-0.05"), (7, 0, "7")] {
            let mut out = String::new();
            write_decimal(&mut out, unscaled, scale);
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn intervals_have_the_fields_of_their_types() {
        let cases = [
            (86_400_000_000, (0, 0), "INTERVAL '1' DAY"),
            (93_784_500_000, (0, 3), "INTERVAL '1 02:03:04.5' DAY TO SECOND"),
            (-7_200_000_000, (1, 1), "INTERVAL '-02' HOUR"),
            (361_800_000_000, (1, 2), "INTERVAL '100:30' HOUR TO MINUTE"),
            (5_250_000, (3, 3), "INTERVAL '05.25' SECOND"),
        ];
        for (micros, fields, expect) in cases {
            assert_eq!(day_time(micros, fields), expect);
        }
        assert_eq!(year_month(14, (0, 1)), "INTERVAL '1-2' YEAR TO MONTH");
        assert_eq!(year_month(-15, (1, 1)), "INTERVAL '-15' MONTH");
        assert_eq!(year_month(60, (0, 0)), "INTERVAL '5' YEAR");
        let column: ArrayRef =
            Arc::new(arrow::array::DurationMicrosecondArray::from(vec![Some(0), None, Some(3_600_000_000)]));
        let texts = intervals_as_texts(&column.slice(1, 2), &mut [(1, 1)].into_iter());
        assert_eq!(texts.as_string::<i32>().iter().collect::<Vec<_>>(), [None, Some("INTERVAL '01' HOUR")]);
    }
}
