//! Makes dates, timestamps and intervals from numbers: `make_date`, `timestamp_seconds` and others.

use super::{times, zone_of, zoned};
use crate::binding::{Arg, Bound};
use crate::coerce::coerce_argument;
use crate::errors::{datetime_overflow, interval_parts_overflow, overflow};
use crate::kernel::{Batch, Kernel, Nulls, Run};
use crate::registry::{Call, Defaults, Entry, Intervals, Ty};
use crate::types::{
    CALENDAR, DAY_TIME, TIMESTAMP_NTZ, YEAR_MONTH, is_decimal, is_float, is_integral, timestamp,
};
use arrow::array::ArrayRef;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalYearMonthType, TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::calendar::{DAY, HOUR, MINUTE, SECOND, checked_days};
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["make_date"], &[Ty::Int, Ty::Int, Ty::Int], Ty::Date, make_date).fallible().doc(
        "year, month, day",
        "Makes a date.",
        &["SELECT make_date(2024, 2, 29)"],
    ),
    Entry::bind(&["make_timestamp", "make_timestamp_ltz"], 6, 7, |c| make_time(c, timestamp(), false)).doc(
        "year, month, day, hour, minute, second[, zone]",
        "Makes a timestamp, in the session's time zone or another.",
        &["SELECT make_timestamp(2024, 2, 29, 12, 30, 45.5)"],
    ),
    Entry::bind(&["make_timestamp_ntz"], 6, 6, |c| make_time(c, TIMESTAMP_NTZ, false)).doc(
        "year, month, day, hour, minute, second",
        "Makes a timestamp without time zone.",
        &["SELECT make_timestamp_ntz(2024, 2, 29, 12, 30, 45.5)"],
    ),
    Entry::bind(&["try_make_timestamp", "try_make_timestamp_ltz"], 6, 7, |c| make_time(c, timestamp(), true))
        .doc(
            "year, month, day, hour, minute, second[, zone]",
            "Makes a timestamp, or null for fields that are not valid.",
            &["SELECT try_make_timestamp(2024, 13, 1, 0, 0, 0)"],
        ),
    Entry::bind(&["try_make_timestamp_ntz"], 6, 6, |c| make_time(c, TIMESTAMP_NTZ, true)).doc(
        "year, month, day, hour, minute, second",
        "Makes a timestamp without time zone, or null for fields that are not valid.",
        &["SELECT try_make_timestamp_ntz(2024, 2, 30, 0, 0, 0)"],
    ),
    Entry::bind(&["make_dt_interval"], 0, 4, make_dt_interval).intervals(Intervals::AllFields).doc(
        "[days[, hours[, minutes[, seconds]]]]",
        "Makes an interval of days and times.",
        &["SELECT make_dt_interval(1, 2, 3, 4.5)"],
    ),
    Entry::bind(&["make_ym_interval"], 0, 2, make_ym_interval).intervals(Intervals::AllFields).doc(
        "[years[, months]]",
        "Makes an interval of years and months.",
        &["SELECT make_ym_interval(1, 2)"],
    ),
    Entry::bind(&["make_interval"], 0, 7, make_interval)
        .doc(
            "[years[, months[, weeks[, days[, hours[, minutes[, seconds]]]]]]]",
            "Makes a calendar interval.",
            &["SELECT make_interval(1, 2, 0, 3)"],
        )
        .defaults(&[
            Defaults { given: 0, shown: &["0", "0", "0", "0", "0", "0", "0.000000"] },
            Defaults { given: 1, shown: &["0", "0", "0", "0", "0", "0.000000"] },
            Defaults { given: 2, shown: &["0", "0", "0", "0", "0.000000"] },
            Defaults { given: 3, shown: &["0", "0", "0", "0.000000"] },
            Defaults { given: 4, shown: &["0", "0", "0.000000"] },
            Defaults { given: 5, shown: &["0", "0.000000"] },
            Defaults { given: 6, shown: &["0.000000"] },
        ]),
    Entry::bind(&["timestamp_seconds"], 1, 1, timestamp_seconds).doc(
        "seconds",
        "Makes a timestamp of seconds since 1970.",
        &["SELECT timestamp_seconds(1709210645)"],
    ),
    Entry::plain(&["timestamp_millis"], &[Ty::Long], Ty::Time, |b| from_unit(b, 1000)).fallible().doc(
        "millis",
        "Makes a timestamp of milliseconds since 1970.",
        &["SELECT timestamp_millis(1709210645500)"],
    ),
    Entry::plain(&["timestamp_micros"], &[Ty::Long], Ty::Time, |b| from_unit(b, 1)).doc(
        "micros",
        "Makes a timestamp of microseconds since 1970.",
        &["SELECT timestamp_micros(1709210645500000)"],
    ),
    Entry::plain(&["unix_seconds"], &[Ty::Time], Ty::Long, |b| to_unit(b, SECOND)).doc(
        "time",
        "Returns the seconds since 1970.",
        &["SELECT unix_seconds(TIMESTAMP '2024-02-29 12:44:05Z')"],
    ),
    Entry::plain(&["unix_millis"], &[Ty::Time], Ty::Long, |b| to_unit(b, 1000)).doc(
        "time",
        "Returns the milliseconds since 1970.",
        &["SELECT unix_millis(TIMESTAMP '2024-02-29 12:44:05Z')"],
    ),
    Entry::plain(&["unix_micros"], &[Ty::Time], Ty::Long, |b| to_unit(b, 1)).doc(
        "time",
        "Returns the microseconds since 1970.",
        &["SELECT unix_micros(TIMESTAMP '2024-02-29 12:44:05Z')"],
    ),
];

/// Returns Spark's error for a field that is out of range, with Java's message.
fn out_of_range(message: &str) -> Error {
    let text =
        format!("{message}. If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error.");
    Error::new(ErrorKind::DateTime, "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION", "22023", text)
        .param("rangeMessage", message)
}

fn make_date(b: &Batch) -> Result<ArrayRef> {
    let (y, m, d) = (b.prims::<Int32Type>(0)?, b.prims::<Int32Type>(1)?, b.prims::<Int32Type>(2)?);
    b.build::<Date32Type>(|i| {
        let (Some(y), Some(m), Some(d)) = (y.get(i), m.get(i), d.get(i)) else { return Ok(None) };
        day_of(y, m, d)?.try_into().map(Some).map_err(|_| datetime_overflow("make a date"))
    })
}

/// Returns the day number of a year, month and day, or the error for the first of them that is out of range.
fn day_of(y: i32, m: i32, d: i32) -> Result<i64> {
    let month = u32::try_from(m).ok().filter(|m| (1..=12).contains(m));
    let month = month
        .ok_or_else(|| out_of_range(&format!("Invalid value for MonthOfYear (valid values 1 - 12): {m}")))?;
    // Java checks the range of the day before it checks the month's length, with different messages.
    let day = u32::try_from(d).ok().filter(|d| (1..=31).contains(d));
    let day = day.ok_or_else(|| {
        out_of_range(&format!("Invalid value for DayOfMonth (valid values 1 - 28/31): {d}"))
    })?;
    checked_days(i64::from(y), month, day).ok_or_else(|| out_of_range(&format!("Invalid date '{y}-{m}-{d}'")))
}

/// Binds `make_timestamp(year, month, day, hour, minute, second [, zone])`. As in Spark, 60 seconds are the next
/// minute.
fn make_time(mut call: Call, returns: DataType, tries: bool) -> Result<Bound> {
    for i in 0..5 {
        call.coerce(i, &DataType::Int32)?;
    }
    // Seconds as a decimal, so that microseconds are exact.
    call.coerce(5, &DataType::Decimal128(16, 6))?;
    call.coerce(6, &DataType::Utf8)?;
    let zone = if returns == TIMESTAMP_NTZ { "UTC" } else { call.ctx.time_zone };
    let run: Run = if tries { |b| time_made(b, true) } else { |b| time_made(b, false) };
    let name = if tries { "try_make_timestamp" } else { "make_timestamp" };
    // A function that tries raises too, for a timestamp beyond 64 bits.
    let kernel = zoned(name, returns, run, zone).fallible(true);
    Ok(kernel.nulls(if tries { Nulls::Always } else { Nulls::Args }).call(call.args))
}

/// Computes `make_timestamp`; a field out of range is an error, or null for functions that try.
fn time_made(b: &Batch, tries: bool) -> Result<ArrayRef> {
    let ints = |i| b.prims::<Int32Type>(i);
    let (years, months, days, hours, minutes) = (ints(0)?, ints(1)?, ints(2)?, ints(3)?, ints(4)?);
    let second = b.prims::<Decimal128Type>(5)?;
    let zones = if b.len() > 6 { Some(b.strings(6)?) } else { None };
    let session = zone_of(b)?;
    b.build::<TimestampMicrosecondType>(|i| {
        let day = years.get(i).zip(months.get(i)).zip(days.get(i));
        let time = hours.get(i).zip(minutes.get(i)).zip(second.get(i));
        let (Some(day), Some(time)) = (day, time) else { return Ok(None) };
        let zone = match &zones {
            None => session,
            Some(zones) => match zones.get(i) {
                None => return Ok(None),
                Some(name) => Zone::named(name)?,
            },
        };
        match local_of(day, time) {
            // Raised by the functions that try, too, as in Spark. A day is left for the offset of the zone.
            Ok(local) if !(i64::MIN + DAY..=i64::MAX - DAY).contains(&local) => {
                Err(overflow("long overflow", None))
            }
            Ok(local) => Ok(Some(zone.to_utc(local))),
            Err(_) if tries => Ok(None),
            Err(error) => Err(error),
        }
    })
}

/// 60 seconds are the next minute, but nothing may follow them.
fn fraction_of_second(micros: i64) -> Error {
    let fraction = format!("{:06}", micros % SECOND);
    let value = format!("{}.{}", micros / SECOND, fraction.trim_end_matches('0'));
    let text = format!(
        "Valid range for seconds is [0, 60] (inclusive), but the provided value is {value}. To avoid this error, use \
         `try_make_timestamp`, which returns NULL on error.\nIf you do not want to use the session default timestamp \
         version of this function, use `try_make_timestamp_ntz` or `try_make_timestamp_ltz`."
    );
    Error::new(ErrorKind::DateTime, "INVALID_FRACTION_OF_SECOND", "22023", text).param("secAndMicros", value)
}

fn local_of(((y, m), d): ((i32, i32), i32), ((hour, minute), second): ((i32, i32), i128)) -> Result<i64> {
    let bad = |what: &str, last: i32, v: String| {
        Err(out_of_range(&format!("Invalid value for {what} (valid values 0 - {last}): {v}")))
    };
    if !(0..24).contains(&hour) {
        return bad("HourOfDay", 23, hour.to_string());
    }
    if !(0..60).contains(&minute) {
        return bad("MinuteOfHour", 59, minute.to_string());
    }
    // The scale is 6, so the unscaled seconds are microseconds.
    let micros = i64::try_from(second).unwrap_or(i64::MAX);
    if (MINUTE + 1..MINUTE + SECOND).contains(&micros) {
        return Err(fraction_of_second(micros));
    }
    if !(0..=MINUTE).contains(&micros) {
        return bad("SecondOfMinute", 59, (micros / SECOND).to_string());
    }
    let days = day_of(y, m, d)?;
    let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + micros;
    // Out of range rather than wrapped; the caller raises the overflow.
    Ok(days.saturating_mul(DAY).saturating_add(time))
}

fn zero(data_type: &DataType) -> Arg {
    let value = match data_type {
        DataType::Decimal128(p, s) => ScalarValue::Decimal128(Some(0), *p, *s),
        _ => ScalarValue::Int32(Some(0)),
    };
    Arg { expr: Expr::Literal(value, None), data_type: data_type.clone(), nullable: false }
}

/// Casts the given arguments to `types` and fills the missing ones with 0.
fn filled(call: Call, types: &[DataType]) -> Result<Vec<Arg>> {
    let (name, ctx) = (call.name, call.ctx);
    let mut given = call.args.into_iter();
    types
        .iter()
        .enumerate()
        .map(|(i, t)| match given.next() {
            Some(arg) => coerce_argument(name, i, arg, t, ctx),
            None => Ok(zero(t)),
        })
        .collect()
}

const SECONDS: DataType = DataType::Decimal128(18, 6);

/// Binds `make_dt_interval(days, hours, minutes, seconds)`, whose arguments default to 0.
fn make_dt_interval(call: Call) -> Result<Bound> {
    let int = DataType::Int32;
    let args = filled(call, &[int.clone(), int.clone(), int, SECONDS])?;
    Ok(Kernel::new("make_dt_interval", DAY_TIME, |b| {
        let ints = (0..3).map(|i| b.prims::<Int32Type>(i)).collect::<Result<Vec<_>>>()?;
        let second = b.prims::<Decimal128Type>(3)?;
        b.build::<DurationMicrosecondType>(|i| {
            let fields: Option<Vec<i32>> = ints.iter().map(|p| p.get(i)).collect();
            let (Some(fields), Some(second)) = (fields, second.get(i)) else { return Ok(None) };
            let units = [DAY, HOUR, MINUTE];
            // 128 bits: three products of 32-bit numbers cannot overflow them before the final check.
            let sum =
                fields.iter().zip(units).map(|(n, u)| i128::from(*n) * i128::from(u)).sum::<i128>() + second;
            i64::try_from(sum).map(Some).map_err(|_| interval_parts_overflow())
        })
    })
    .fallible(true)
    .call(args))
}

/// Binds `make_ym_interval(years, months)`, whose arguments default to 0.
fn make_ym_interval(call: Call) -> Result<Bound> {
    let args = filled(call, &[DataType::Int32, DataType::Int32])?;
    Ok(Kernel::new("make_ym_interval", YEAR_MONTH, |b| {
        let (y, m) = (b.prims::<Int32Type>(0)?, b.prims::<Int32Type>(1)?);
        b.build::<IntervalYearMonthType>(|i| {
            let Some((y, m)) = y.get(i).zip(m.get(i)) else { return Ok(None) };
            let months = y.checked_mul(12).and_then(|y| y.checked_add(m));
            months.map(Some).ok_or_else(interval_parts_overflow)
        })
    })
    .fallible(true)
    .call(args))
}

/// Binds `make_interval(years, months, weeks, days, hours, minutes, seconds)`.
fn make_interval(call: Call) -> Result<Bound> {
    let int = || DataType::Int32;
    let args = filled(call, &[int(), int(), int(), int(), int(), int(), SECONDS])?;
    Ok(Kernel::new("make_interval", CALENDAR, |b| {
        let ints = |i| b.prims::<Int32Type>(i);
        let (years, months, weeks) = (ints(0)?, ints(1)?, ints(2)?);
        let (days, hours, minutes) = (ints(3)?, ints(4)?, ints(5)?);
        let second = b.prims::<Decimal128Type>(6)?;
        b.build::<IntervalMonthDayNanoType>(|i| {
            let dated = years.get(i).zip(months.get(i)).zip(weeks.get(i)).zip(days.get(i));
            let timed = hours.get(i).zip(minutes.get(i)).zip(second.get(i));
            let (Some((((y, m), w), d)), Some(((h, min), second))) = (dated, timed) else { return Ok(None) };
            let [y, m, w, d, h, min] = [y, m, w, d, h, min].map(i64::from);
            // Arrow's calendar interval counts nanoseconds, Spark's microseconds. 32-bit hours in microseconds fit
            // into 64 bits.
            let nanos = (i128::from(h * HOUR + min * MINUTE) + second) * 1000;
            let made = (i32::try_from(y * 12 + m), i32::try_from(w * 7 + d), i64::try_from(nanos));
            match made {
                (Ok(months), Ok(days), Ok(nanos)) => Ok(Some(IntervalMonthDayNano::new(months, days, nanos))),
                _ => Err(overflow("integer overflow", None)),
            }
        })
    })
    .fallible(true)
    .call(args))
}

/// Binds `timestamp_seconds` of an integer, a floating-point number or a decimal.
fn timestamp_seconds(mut call: Call) -> Result<Bound> {
    let t = call.type_of(0);
    let (name, run): (_, Run) = if is_integral(&t) {
        call.coerce(0, &DataType::Int64)?;
        ("timestamp_seconds", |b| from_unit(b, SECOND))
    } else if is_float(&t) {
        call.coerce(0, &DataType::Float64)?;
        ("timestamp_seconds_double", |b| {
            let s = b.prims::<Float64Type>(0)?;
            b.build::<TimestampMicrosecondType>(|i| {
                // Spark returns null for NaN and infinity, and Java's cast to `long` saturates, as Rust's
                // does.
                Ok(s.get(i).filter(|s| s.is_finite()).map(|s| (s * SECOND as f64) as i64))
            })
        })
    } else if is_decimal(&t) {
        ("timestamp_seconds_decimal", of_decimal_seconds)
    } else {
        return crate::cast::cast(call.args.remove(0), &timestamp(), crate::CastMode::Ansi, call.ctx);
    };
    let nulls = if is_float(&t) { Nulls::Always } else { Nulls::Args };
    let kernel = Kernel::new(name, timestamp(), run).fallible(true).nulls(nulls);
    Ok(kernel.call(call.args))
}

/// Converts decimals of seconds to timestamps. Unlike a cast, it raises for digits beyond microseconds, as Java's
/// `BigDecimal.longValueExact` does.
fn of_decimal_seconds(b: &Batch) -> Result<ArrayRef> {
    let scale = match b.type_of(0)? {
        DataType::Decimal128(_, scale) => scale,
        _ => 0,
    };
    let (unit, exceeding) = (crate::cast::pow10((6 - scale).max(0)), crate::cast::pow10((scale - 6).max(0)));
    let seconds = b.prims::<Decimal128Type>(0)?;
    b.build::<TimestampMicrosecondType>(|i| {
        let Some(v) = seconds.get(i) else { return Ok(None) };
        if v % exceeding != 0 {
            return Err(overflow("Rounding necessary", None));
        }
        let micros = (v / exceeding).checked_mul(unit).and_then(|micros| i64::try_from(micros).ok());
        micros.map(Some).ok_or_else(|| overflow("Overflow", None))
    })
}

/// Converts multiples of a unit of microseconds to timestamps; an overflow is an error.
fn from_unit(b: &Batch, unit: i64) -> Result<ArrayRef> {
    let n = b.prims::<Int64Type>(0)?;
    b.build::<TimestampMicrosecondType>(|i| {
        let Some(n) = n.get(i) else { return Ok(None) };
        n.checked_mul(unit).map(Some).ok_or_else(|| overflow("long overflow", None))
    })
}

/// Converts timestamps to multiples of a unit of microseconds.
fn to_unit(b: &Batch, unit: i64) -> Result<ArrayRef> {
    let t = times(b, 0)?;
    // Spark takes the floor, also before 1970.
    b.build::<Int64Type>(|i| Ok(t.get(i).map(|t| t.div_euclid(unit))))
}
