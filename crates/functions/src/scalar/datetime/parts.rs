//! Extracts parts of dates, timestamps and intervals: `year`, `hour`, `extract`, `dayname` and others.

use super::{times, to_time, zone_of, zoned};
use crate::binding::Bound;
use crate::errors::{no_such_field, not_constant};
use crate::kernel::{Batch, Kernel, Run};
use crate::registry::{Call, Display, DisplayForm, Entry};
use crate::types::{DAY_TIME, YEAR_MONTH, is_interval};
use arrow::array::ArrayRef;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Int8Type, Int32Type, IntervalYearMonthType,
};
use datafusion::common::ScalarValue;
use thalweg_common::{Error, Result};
use thalweg_values::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use thalweg_values::pattern::{day_name, month_name, short};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["year"], 1, 1, |c| of_date(c, "year", year)).doc(
        "date",
        "Returns the year.",
        &["SELECT year(DATE '2024-02-29')"],
    ),
    Entry::bind(&["quarter"], 1, 1, |c| of_date(c, "quarter", quarter)).doc(
        "date",
        "Returns the quarter, from 1 to 4.",
        &["SELECT quarter(DATE '2024-05-01')"],
    ),
    Entry::bind(&["month"], 1, 1, |c| of_date(c, "month", month)).doc(
        "date",
        "Returns the month, from 1 to 12.",
        &["SELECT month(DATE '2024-02-29')"],
    ),
    Entry::bind(&["day", "dayofmonth"], 1, 1, |c| of_date(c, "day", day)).doc(
        "date",
        "Returns the day of the month.",
        &["SELECT day(DATE '2024-02-29')"],
    ),
    Entry::bind(&["dayofweek"], 1, 1, |c| of_date(c, "dayofweek", day_of_week)).doc(
        "date",
        "Returns the day of the week, from 1 for Sunday to 7 for Saturday.",
        &["SELECT dayofweek(DATE '2024-02-29')"],
    ),
    Entry::bind(&["weekday"], 1, 1, |c| of_date(c, "weekday", weekday)).doc(
        "date",
        "Returns the day of the week, from 0 for Monday to 6 for Sunday.",
        &["SELECT weekday(DATE '2024-02-29')"],
    ),
    Entry::bind(&["dayofyear"], 1, 1, |c| of_date(c, "dayofyear", day_of_year)).doc(
        "date",
        "Returns the day of the year, from 1.",
        &["SELECT dayofyear(DATE '2024-02-29')"],
    ),
    Entry::bind(&["weekofyear"], 1, 1, |c| of_date(c, "weekofyear", week)).doc(
        "date",
        "Returns the ISO week of the year.",
        &["SELECT weekofyear(DATE '2024-02-29')"],
    ),
    Entry::bind(&["monthname"], 1, 1, |c| {
        name(c, "monthname", |b| names(b, |d| month_name(calendar::from_days(d).month)))
    })
    .doc(
        "date",
        "Returns the short English name of the month.",
        &["SELECT monthname(DATE '2024-02-29')"],
    ),
    Entry::bind(&["dayname"], 1, 1, |c| name(c, "dayname", |b| names(b, |d| day_name(calendar::weekday(d)))))
        .doc(
            "date",
            "Returns the short English name of the day of the week.",
            &["SELECT dayname(DATE '2024-02-29')"],
        ),
    Entry::bind(&["hour"], 1, 1, |c| of_time(c, "hour", hour)).doc(
        "time",
        "Returns the hour, from 0 to 23.",
        &["SELECT hour(TIMESTAMP '2024-02-29 12:30:45')"],
    ),
    Entry::bind(&["minute"], 1, 1, |c| of_time(c, "minute", minute)).doc(
        "time",
        "Returns the minute, from 0 to 59.",
        &["SELECT minute(TIMESTAMP '2024-02-29 12:30:45')"],
    ),
    Entry::bind(&["second"], 1, 1, |c| of_time(c, "second", second)).doc(
        "time",
        "Returns the second, from 0 to 59.",
        &["SELECT second(TIMESTAMP '2024-02-29 12:30:45')"],
    ),
    Entry::bind(&["extract", "date_part", "datepart"], 2, 2, extract)
        .display(Display::form_of(DisplayForm::From, &["extract", "datepart"]))
        .doc(
            "field, source",
            "Returns a field of a date, time or interval.",
            &["SELECT extract(YEAR FROM DATE '2024-02-29'), date_part('DAY', INTERVAL '3 04' DAY TO HOUR)"],
        ),
];

fn of_date(mut call: Call, name: &'static str, run: Run) -> Result<Bound> {
    call.coerce(0, &DataType::Date32)?;
    Ok(Kernel::new(name, DataType::Int32, run).call(call.args))
}

fn of_time(mut call: Call, name: &'static str, run: Run) -> Result<Bound> {
    let zone = to_time(&mut call, 0)?;
    Ok(zoned(name, DataType::Int32, run, &zone).call(call.args))
}

fn name(mut call: Call, name: &'static str, run: Run) -> Result<Bound> {
    call.coerce(0, &DataType::Date32)?;
    Ok(Kernel::new(name, DataType::Utf8, run).call(call.args))
}

fn names(b: &Batch, f: fn(i64) -> &'static str) -> Result<ArrayRef> {
    let date = b.prims::<Date32Type>(0)?;
    b.build_text(|i| Ok(date.get(i).map(|d| short(f(i64::from(d))))))
}

fn part(b: &Batch, f: fn(i64) -> i64) -> Result<ArrayRef> {
    let date = b.prims::<Date32Type>(0)?;
    // The years of a DATE have at most seven digits, so the cast is exact.
    b.build::<Int32Type>(|i| Ok(date.get(i).map(|d| f(i64::from(d)) as i32)))
}

fn year(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| calendar::from_days(d).year)
}
fn quarter(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| i64::from((calendar::from_days(d).month - 1) / 3 + 1))
}
fn month(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| i64::from(calendar::from_days(d).month))
}
fn day(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| i64::from(calendar::from_days(d).day))
}
/// Computes the day of the week, from 1 for Sunday to 7 for Saturday.
fn day_of_week(b: &Batch) -> Result<ArrayRef> {
    // `calendar::weekday` counts from 0 for Monday.
    part(b, |d| (calendar::weekday(d) + 1) % 7 + 1)
}
fn weekday(b: &Batch) -> Result<ArrayRef> {
    part(b, calendar::weekday)
}
fn day_of_year(b: &Batch) -> Result<ArrayRef> {
    part(b, calendar::day_of_year)
}
fn week(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| calendar::iso_week(d).1)
}
fn week_year(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| calendar::iso_week(d).0)
}
/// Computes the ISO day of the week, from 1 for Monday to 7 for Sunday.
fn day_of_week_iso(b: &Batch) -> Result<ArrayRef> {
    part(b, |d| calendar::weekday(d) + 1)
}

/// Computes a part of the local time of day. The remainder is never negative, for instants before 1970 too.
fn clock(b: &Batch, f: fn(i64) -> i64) -> Result<ArrayRef> {
    let (time, zone) = (times(b, 0)?, zone_of(b)?);
    b.build::<Int32Type>(|i| Ok(time.get(i).map(|t| f(zone.to_local(t).rem_euclid(DAY)) as i32)))
}

fn hour(b: &Batch) -> Result<ArrayRef> {
    clock(b, |t| t / HOUR)
}
fn minute(b: &Batch) -> Result<ArrayRef> {
    clock(b, |t| t / MINUTE % 60)
}
fn second(b: &Batch) -> Result<ArrayRef> {
    clock(b, |t| t / SECOND % 60)
}

fn precise_second(b: &Batch) -> Result<ArrayRef> {
    let (time, zone) = (times(b, 0)?, zone_of(b)?);
    // Microseconds of the minute are the unscaled value at the scale 6.
    b.build::<Decimal128Type>(|i| Ok(time.get(i).map(|t| i128::from(zone.to_local(t).rem_euclid(MINUTE)))))
}

/// Binds `extract(field, source)`. The field is a constant, with any of the names that Spark knows.
fn extract(call: Call) -> Result<Bound> {
    let (function, ctx) = (call.name, call.ctx);
    let [field, source] = call.take()?;
    let Some(ScalarValue::Utf8(Some(field))) = field.literal().cloned() else {
        return Err(not_constant(function, "field", "STRING"));
    };
    // Spark compares field names without case; the error shows the name as it was written.
    let upper = field.to_ascii_uppercase();
    let interval = is_interval(&source.data_type);
    let call = Call { name: function, args: vec![source], ctx };
    if interval {
        return of_interval(call, &upper);
    }
    match upper.as_str() {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => of_date(call, "year", year),
        "YEAROFWEEK" => of_date(call, "yearofweek", week_year),
        "QUARTER" | "QTR" => of_date(call, "quarter", quarter),
        "MONTH" | "MON" | "MONS" | "MONTHS" => of_date(call, "month", month),
        "WEEK" | "W" | "WEEKS" => of_date(call, "weekofyear", week),
        "DAY" | "D" | "DAYS" => of_date(call, "day", day),
        "DAYOFWEEK" | "DOW" => of_date(call, "dayofweek", day_of_week),
        "DAYOFWEEK_ISO" | "DOW_ISO" => of_date(call, "dayofweek_iso", day_of_week_iso),
        "DOY" => of_date(call, "dayofyear", day_of_year),
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" => of_time(call, "hour", hour),
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => of_time(call, "minute", minute),
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" => {
            // With the fraction: `extract(SECOND …)` is DECIMAL(8, 6), unlike `second()`.
            let mut call = call;
            let zone = to_time(&mut call, 0)?;
            Ok(zoned("precise_second", DataType::Decimal128(8, 6), precise_second, &zone).call(call.args))
        }
        _ => Err(no_such_field(&field, &call.type_of(0))),
    }
}

fn of_interval(call: Call, field: &str) -> Result<Bound> {
    let t = call.type_of(0);
    let months = t == YEAR_MONTH;
    let (name, returns, run): (_, _, Run) = match field {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" if months => ("interval_years", DataType::Int32, years_of),
        "MONTH" | "MON" | "MONS" | "MONTHS" if months => ("interval_months", DataType::Int8, months_of),
        "DAY" | "D" | "DAYS" if t == DAY_TIME => ("interval_days", DataType::Int32, days_of),
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" if t == DAY_TIME => {
            ("interval_hours", DataType::Int8, hours_of)
        }
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" if t == DAY_TIME => {
            ("interval_minutes", DataType::Int8, minutes_of)
        }
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" if t == DAY_TIME => {
            ("interval_seconds", DataType::Decimal128(8, 6), seconds_of)
        }
        _ => {
            return Err(Error::unsupported(format!(
                "extract of {field} from {}",
                thalweg_values::types::sql_name(&t)
            )));
        }
    };
    Ok(Kernel::new(name, returns, run).call(call.args))
}

// The parts of an interval have its sign, which is what Rust's truncating division gives.
fn years_of(b: &Batch) -> Result<ArrayRef> {
    let v = b.prims::<IntervalYearMonthType>(0)?;
    b.build::<Int32Type>(|i| Ok(v.get(i).map(|m| m / 12)))
}
fn months_of(b: &Batch) -> Result<ArrayRef> {
    let v = b.prims::<IntervalYearMonthType>(0)?;
    b.build::<Int8Type>(|i| Ok(v.get(i).map(|m| (m % 12) as i8)))
}
fn days_of(b: &Batch) -> Result<ArrayRef> {
    let v = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<Int32Type>(|i| Ok(v.get(i).map(|t| (t / DAY) as i32)))
}
fn hours_of(b: &Batch) -> Result<ArrayRef> {
    let v = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<Int8Type>(|i| Ok(v.get(i).map(|t| (t % DAY / HOUR) as i8)))
}
fn minutes_of(b: &Batch) -> Result<ArrayRef> {
    let v = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<Int8Type>(|i| Ok(v.get(i).map(|t| (t % HOUR / MINUTE) as i8)))
}
fn seconds_of(b: &Batch) -> Result<ArrayRef> {
    let v = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<Decimal128Type>(|i| Ok(v.get(i).map(|t| i128::from(t % MINUTE))))
}
