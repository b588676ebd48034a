//! Shifts, truncates and compares dates and timestamps: `date_add`, `datediff`, `add_months`, `trunc`,
//! `months_between` and others.

use super::{times, to_time, zone_of, zoned};
use crate::binding::Bound;
use crate::errors::{bad_value, datetime_overflow, not_constant, overflow, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls};
use crate::operators::temporal::{add_days, moved};
use crate::params::InZone;
use crate::registry::{Call, Defaults, Display, Entry, Ty};
use crate::types::is_integral;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use thalweg_common::Result;
use thalweg_values::calendar::{self, Civil, DAY, HOUR, MINUTE, SECOND};
use thalweg_values::zone::Zone;

/// The example of `datediff`, which is too long for the table.
const DATEDIFF_EXAMPLE: &str = "SELECT datediff(DATE '2024-03-01', DATE '2024-02-01'), datediff(HOUR, TIMESTAMP \
    '2024-01-01 00:00:00', TIMESTAMP '2024-01-02 01:59:00')";

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["date_add"], 2, 3, |c| add(c, 1)).doc(
        "date, days",
        "Moves a date by days.",
        &["SELECT date_add(DATE '2024-02-28', 2)"],
    ),
    Entry::bind(&["date_sub"], 2, 2, |c| add(c, -1)).doc(
        "date, days",
        "Moves a date back by days.",
        &["SELECT date_sub(DATE '2024-03-01', 1)"],
    ),
    Entry::bind(&["dateadd", "timestampadd"], 2, 3, |c| add(c, 1))
        .display(Display::names(&[("dateadd", "date_add")]))
        .unlisted(&["timestampadd"])
        .doc(
            "[unit, ]number, date",
            "Moves a date by days, or a time by a number of units.",
            &["SELECT dateadd(MONTH, 1, TIMESTAMP '2024-01-31 12:00:00')"],
        ),
    Entry::bind(&["datediff", "date_diff", "timestampdiff"], 2, 3, difference)
        .unlisted(&["timestampdiff"])
        .doc(
            "[unit, ]end, start",
            "Returns the days, or the whole units, between two dates or times.",
            &[DATEDIFF_EXAMPLE],
        ),
    Entry::plain(&["add_months"], &[Ty::Date, Ty::Int], Ty::Date, add_months).fallible().doc(
        "date, months",
        "Moves a date by months; the day is at most the month's last.",
        &["SELECT add_months(DATE '2024-01-31', 1)"],
    ),
    Entry::bind(&["months_between"], 2, 3, months_between)
        .defaults(&[Defaults { given: 2, shown: &["true"] }])
        .doc(
            "end, start[, round]",
            "Returns the months between two times, with a fraction.",
            &["SELECT months_between('2024-03-15', '2024-01-01')"],
        ),
    Entry::plain(&["last_day"], &[Ty::Date], Ty::Date, last_day).fallible().doc(
        "date",
        "Returns the last day of the month.",
        &["SELECT last_day(DATE '2024-02-01')"],
    ),
    Entry::plain(&["next_day"], &[Ty::Date, Ty::Text], Ty::Date, next_day).fallible().doc(
        "date, weekday",
        "Returns the next date of a weekday.",
        &["SELECT next_day(DATE '2024-02-29', 'Monday')"],
    ),
    Entry::plain(&["trunc"], &[Ty::Date, Ty::Text], Ty::Date, trunc).nullable().doc(
        "date, unit",
        "Returns the first day of a date's year, quarter, month or week.",
        &["SELECT trunc(DATE '2024-05-17', 'QUARTER')"],
    ),
    Entry::bind(&["date_trunc"], 2, 2, date_trunc).doc(
        "unit, time",
        "Returns the start of a unit that a time lies in.",
        &["SELECT date_trunc('HOUR', TIMESTAMP '2024-02-29 12:30:45')"],
    ),
    Entry::bind(&["from_utc_timestamp"], 2, 2, |c| {
        between_zones(c, "from_utc_timestamp", |b| rezone(b, false))
    })
    .doc(
        "time, zone",
        "Converts a wall clock's time in UTC to one in a zone.",
        &["SELECT from_utc_timestamp('2024-02-29 12:00:00', 'Asia/Tokyo')"],
    ),
    Entry::bind(&["to_utc_timestamp"], 2, 2, |c| between_zones(c, "to_utc_timestamp", |b| rezone(b, true)))
        .doc(
            "time, zone",
            "Converts a wall clock's time in a zone to one in UTC.",
            &["SELECT to_utc_timestamp('2024-02-29 12:00:00', 'Asia/Tokyo')"],
        ),
    Entry::bind(&["convert_timezone"], 2, 3, convert_timezone).doc(
        "[from, ]to, time",
        "Converts a timestamp without time zone from one zone to another.",
        &["SELECT convert_timezone('UTC', 'Asia/Tokyo', TIMESTAMP_NTZ '2024-02-29 12:00:00')"],
    ),
    Entry::plain(&["unix_date"], &[Ty::Date], Ty::Int, |b| {
        let d = b.prims::<Date32Type>(0)?;
        b.build::<Int32Type>(|i| Ok(d.get(i)))
    })
    .doc("date", "Returns the days since 1970-01-01.", &["SELECT unix_date(DATE '1970-02-01')"]),
    Entry::plain(&["date_from_unix_date"], &[Ty::Int], Ty::Date, |b| {
        let d = b.prims::<Int32Type>(0)?;
        b.build::<Date32Type>(|i| Ok(d.get(i)))
    })
    .doc("days", "Makes a date of days since 1970-01-01.", &["SELECT date_from_unix_date(31)"]),
];

/// Binds `date_add` and `date_sub` of days, or `dateadd(unit, n, time)`.
fn add(mut call: Call, sign: i64) -> Result<Bound> {
    if call.args.len() == 3 {
        return add_units(call);
    }
    call.coerce(0, &DataType::Date32)?;
    let t = call.type_of(1);
    // A text is cast to INT. A decimal is refused, as in Spark.
    if !is_integral(&t) && t != DataType::Null && t != DataType::Utf8 {
        return Err(unexpected_type(call.name, 1, "INT or SMALLINT or TINYINT", &t));
    }
    call.coerce(1, &DataType::Int32)?;
    let [date, days] = call.take()?;
    Ok(add_days(date, days, sign))
}

/// Returns a unit of `dateadd(unit, n, time)` as months, days and microseconds, of which two are 0.
fn unit_of(name: &str) -> Option<(i64, i64, i64)> {
    Some(match name.to_ascii_uppercase().as_str() {
        "MICROSECOND" => (0, 0, 1),
        "MILLISECOND" => (0, 0, 1000),
        "SECOND" => (0, 0, SECOND),
        "MINUTE" => (0, 0, MINUTE),
        "HOUR" => (0, 0, HOUR),
        "DAY" | "DAYOFYEAR" => (0, 1, 0),
        "WEEK" => (0, 7, 0),
        "MONTH" => (1, 0, 0),
        "QUARTER" => (3, 0, 0),
        "YEAR" => (12, 0, 0),
        _ => return None,
    })
}

fn unit_argument(call: &mut Call) -> Result<(i64, i64, i64)> {
    let name = call.name;
    let unit = call.args.remove(0);
    match unit.literal() {
        Some(ScalarValue::Utf8(Some(text))) => {
            const UNITS: &str = "one of the units without quotes YEAR, QUARTER, MONTH, WEEK, DAY, DAYOFYEAR, HOUR, \
                                 MINUTE, SECOND, MILLISECOND, MICROSECOND";
            unit_of(text).ok_or_else(|| bad_value(name, "unit", UNITS, text))
        }
        _ => Err(not_constant(name, "unit", "STRING")),
    }
}

/// A unit of time, and the time zone that decides how long a day is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Units {
    /// Months, days and microseconds.
    unit: (i64, i64, i64),
    zone: InZone,
}

/// Binds `dateadd(unit, n, time)`. The result has the type of the time.
fn add_units(mut call: Call) -> Result<Bound> {
    let unit = unit_argument(&mut call)?;
    call.coerce(0, &DataType::Int64)?;
    let zone = to_time(&mut call, 1)?;
    let returns = call.type_of(1);
    let units = Units { unit, zone: InZone(zone.into()) };
    let kernel = Kernel::new("timestampadd", returns, units_added).fallible(true).params(units);
    Ok(kernel.call(call.args))
}

fn units_added(b: &Batch) -> Result<ArrayRef> {
    let Units { unit: (months, days, micros), zone } = b.params()?;
    let (n, time, zone) = (b.prims::<Int64Type>(0)?, times(b, 1)?, zone.zone()?);
    b.build::<TimestampMicrosecondType>(|i| {
        let Some((n, t)) = n.get(i).zip(time.get(i)) else { return Ok(None) };
        let by = |unit: &i64| unit.checked_mul(n).ok_or_else(|| datetime_overflow("add to a timestamp"));
        let (m, d) = (by(months)?, by(days)?);
        // Beyond every timestamp: 64-bit microseconds reach less than 300,000 years. Checked first, so that
        // the calendar's arithmetic cannot overflow.
        if m.abs() > 12 * 1_000_000 || d.abs() > 400_000_000 {
            return Err(datetime_overflow("add to a timestamp"));
        }
        moved(t, m, d, by(micros)?, zone).map(Some)
    })
}

/// Binds `datediff(end, start)` in days, or `datediff(unit, start, end)`.
fn difference(mut call: Call) -> Result<Bound> {
    if call.args.len() == 3 {
        let unit = unit_argument(&mut call)?;
        let zone = to_time(&mut call, 0)?;
        let to = call.type_of(0);
        call.coerce(1, &to)?;
        let units = Units { unit, zone: InZone(zone.into()) };
        let kernel = Kernel::new("timestampdiff", DataType::Int64, units_between).params(units);
        return Ok(kernel.call(call.args));
    }
    call.coerce(0, &DataType::Date32)?;
    call.coerce(1, &DataType::Date32)?;
    let kernel = Kernel::new("datediff", DataType::Int32, |b| {
        let (end, start) = (b.prims::<Date32Type>(0)?, b.prims::<Date32Type>(1)?);
        // Java's subtraction wraps around too.
        b.build::<Int32Type>(|i| Ok(end.get(i).zip(start.get(i)).map(|(e, s)| e.wrapping_sub(s))))
    });
    Ok(kernel.call(call.args))
}

/// Computes the whole units from start to end, truncated toward zero, between local times: a day has 24 hours even
/// where the clock changed, as in Spark.
fn units_between(b: &Batch) -> Result<ArrayRef> {
    let Units { unit: (months, days, micros), zone } = b.params()?;
    let (start, end, zone, months, days, micros) =
        (times(b, 0)?, times(b, 1)?, zone.zone()?, *months, *days, *micros);
    b.build::<Int64Type>(|i| {
        let Some((s, e)) = start.get(i).zip(end.get(i)) else { return Ok(None) };
        let (s, e) = (zone.to_local(s), zone.to_local(e));
        Ok(Some(match months {
            // One of the two units is 0, and Rust's division truncates toward zero.
            0 => e.saturating_sub(s) / (days * DAY + micros),
            _ => whole_months(s, e) / months,
        }))
    })
}

/// Computes the whole months between two local times: the difference of the months, minus one if the last month is
/// not complete. Nothing is clamped: from January 31 to February 29 it is 0 months.
fn whole_months(start: i64, end: i64) -> i64 {
    let index = |t: i64| {
        let c = calendar::from_days(t.div_euclid(DAY));
        (c.year * 12 + i64::from(c.month), i64::from(c.day) * DAY + t.rem_euclid(DAY))
    };
    let ((sm, sr), (em, er)) = (index(start), index(end));
    let months = em - sm;
    if months > 0 && er < sr {
        months - 1
    } else if months < 0 && er > sr {
        months + 1
    } else {
        months
    }
}

fn date(days: i64) -> Result<i32> {
    i32::try_from(days).map_err(|_| datetime_overflow("add to a date"))
}

fn add_months(b: &Batch) -> Result<ArrayRef> {
    let (d, n) = (b.prims::<Date32Type>(0)?, b.prims::<Int32Type>(1)?);
    b.build::<Date32Type>(|i| {
        let both = d.get(i).zip(n.get(i));
        let moved = |(d, n)| calendar::add_months(i64::from(d), i64::from(n)).try_into();
        both.map(moved).transpose().map_err(|_| overflow("overflow", None))
    })
}

/// Binds `months_between(end, start [, roundOff])`.
fn months_between(mut call: Call) -> Result<Bound> {
    let zone = call.ctx.time_zone.to_owned();
    call.coerce(0, &crate::types::timestamp())?;
    call.coerce(1, &crate::types::timestamp())?;
    call.coerce(2, &DataType::Boolean)?;
    Ok(zoned("months_between", DataType::Float64, months_between_times, &zone).call(call.args))
}

fn months_between_times(b: &Batch) -> Result<ArrayRef> {
    let (left, right, zone) = (times(b, 0)?, times(b, 1)?, zone_of(b)?);
    let off = if b.len() > 2 { b.bools(2)? } else { crate::kernel::Bools::Constant(Some(true)) };
    b.build::<Float64Type>(|i| {
        let (Some(l), Some(r), Some(off)) = (left.get(i), right.get(i), off.get(i)) else { return Ok(None) };
        Ok(Some(months_with_fraction(zone.to_local(l), zone.to_local(r), off)))
    })
}

/// Computes Spark's `months_between`: whole months if both have the same day of the month or are the last day of
/// their months, whatever the time of day; otherwise with a fraction in which a month has 31 days.
fn months_with_fraction(l: i64, r: i64, off: bool) -> f64 {
    let (ld, rd) = (calendar::from_days(l.div_euclid(DAY)), calendar::from_days(r.div_euclid(DAY)));
    let months = (ld.year - rd.year) * 12 + i64::from(ld.month) - i64::from(rd.month);
    let last = |c: Civil| c.day == calendar::days_in_month(c.year, c.month);
    if ld.day == rd.day || (last(ld) && last(rd)) {
        return months as f64;
    }
    // Spark drops the fraction of seconds here.
    let seconds = |t: i64| t.rem_euclid(DAY) / SECOND;
    let rest = (i64::from(ld.day) - i64::from(rd.day)) * 86_400 + seconds(l) - seconds(r);
    let diff = months as f64 + rest as f64 / (31.0 * 86_400.0);
    if off { (diff * 1e8).round() / 1e8 } else { diff }
}

fn last_day(b: &Batch) -> Result<ArrayRef> {
    let d = b.prims::<Date32Type>(0)?;
    b.build::<Date32Type>(|i| {
        let last = |d: i32| {
            let c = calendar::from_days(i64::from(d));
            date(calendar::to_days(Civil { day: calendar::days_in_month(c.year, c.month), ..c }))
        };
        d.get(i).map(last).transpose()
    })
}

fn next_day(b: &Batch) -> Result<ArrayRef> {
    let (d, name) = (b.prims::<Date32Type>(0)?, b.strings(1)?);
    b.build::<Date32Type>(|i| {
        let Some((d, name)) = d.get(i).zip(name.get(i)) else { return Ok(None) };
        let weekday = match name.trim().to_ascii_uppercase().as_str() {
            "MO" | "MON" | "MONDAY" => 0,
            "TU" | "TUE" | "TUESDAY" => 1,
            "WE" | "WED" | "WEDNESDAY" => 2,
            "TH" | "THU" | "THURSDAY" => 3,
            "FR" | "FRI" | "FRIDAY" => 4,
            "SA" | "SAT" | "SATURDAY" => 5,
            "SU" | "SUN" | "SUNDAY" => 6,
            _ => return Err(bad_weekday(name)),
        };
        // 1 to 7 days: a Monday's next Monday is a week later.
        let ahead = (weekday - calendar::weekday(i64::from(d)) - 1).rem_euclid(7) + 1;
        date(i64::from(d) + ahead).map(Some)
    })
}

fn bad_weekday(name: &str) -> thalweg_common::Error {
    let text = format!("Illegal input for day of week: {name}.");
    thalweg_common::Error::new(
        thalweg_common::ErrorKind::IllegalArgument,
        "ILLEGAL_DAY_OF_WEEK",
        "22009",
        text,
    )
    .param("string", name)
}

/// Returns the first day of the unit that contains a day, or `None` for an unknown unit, which Spark's `trunc` makes
/// null.
fn truncated(days: i64, unit: &str) -> Option<i64> {
    let c = calendar::from_days(days);
    let first = |month: u32| calendar::to_days(Civil { year: c.year, month, day: 1 });
    match unit.to_ascii_uppercase().as_str() {
        "YEAR" | "YYYY" | "YY" => Some(first(1)),
        "QUARTER" => Some(first((c.month - 1) / 3 * 3 + 1)),
        "MONTH" | "MM" | "MON" => Some(first(c.month)),
        "WEEK" => Some(days - calendar::weekday(days)),
        _ => None,
    }
}

fn trunc(b: &Batch) -> Result<ArrayRef> {
    let (d, unit) = (b.prims::<Date32Type>(0)?, b.strings(1)?);
    b.build::<Date32Type>(|i| {
        let Some((d, unit)) = d.get(i).zip(unit.get(i)) else { return Ok(None) };
        truncated(i64::from(d), unit).map(date).transpose()
    })
}

/// Binds `date_trunc(unit, time)`; an unknown unit gives null.
fn date_trunc(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &crate::types::timestamp())?;
    let zone = call.ctx.time_zone.to_owned();
    Ok(zoned("date_trunc", crate::types::timestamp(), time_truncated, &zone)
        .nulls(Nulls::Always)
        .call(call.args))
}

fn time_truncated(b: &Batch) -> Result<ArrayRef> {
    let (unit, time, zone) = (b.strings(0)?, times(b, 1)?, zone_of(b)?);
    b.build::<TimestampMicrosecondType>(|i| {
        let Some((unit, t)) = unit.get(i).zip(time.get(i)) else { return Ok(None) };
        Ok(start_of(t, unit, zone))
    })
}

/// Returns the start of the unit that contains an instant, on the local calendar of a zone.
fn start_of(t: i64, unit: &str, zone: Zone) -> Option<i64> {
    // No zone has an offset with a fraction of a second, so these need no zone.
    let small = match unit.to_ascii_uppercase().as_str() {
        "MICROSECOND" => Some(1),
        "MILLISECOND" => Some(1000),
        "SECOND" => Some(SECOND),
        _ => None,
    };
    if let Some(size) = small {
        return Some(t - t.rem_euclid(size));
    }
    let local = zone.to_local(t);
    match unit.to_ascii_uppercase().as_str() {
        // The distance in local time is subtracted from the instant. Converting the truncated local time back would
        // choose the first one of an hour that the zone repeats.
        "MINUTE" => Some(t - local.rem_euclid(MINUTE)),
        "HOUR" => Some(t - local.rem_euclid(HOUR)),
        "DAY" | "DD" => Some(zone.to_utc(local - local.rem_euclid(DAY))),
        _ => truncated(local.div_euclid(DAY), unit).map(|d| zone.to_utc(d * DAY)),
    }
}

/// Binds `convert_timezone([from,] to, time)`: the local time of one zone as that of another one.
fn convert_timezone(mut call: Call) -> Result<Bound> {
    if call.args.len() == 2 {
        // Without a source zone the time is one of the session's zone.
        let here = ScalarValue::Utf8(Some(call.ctx.time_zone.to_owned()));
        let bound = super::constant(here, DataType::Utf8);
        call.args.insert(0, crate::coerce::as_arg(bound));
    }
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &DataType::Utf8)?;
    call.coerce(2, &crate::types::TIMESTAMP_NTZ)?;
    let kernel = Kernel::new("convert_timezone", crate::types::TIMESTAMP_NTZ, converted);
    Ok(kernel.fallible(true).call(call.args))
}

fn converted(b: &Batch) -> Result<ArrayRef> {
    let (from, to, time) = (b.strings(0)?, b.strings(1)?, times(b, 2)?);
    b.build::<TimestampMicrosecondType>(|i| {
        let (Some(from), Some(to), Some(t)) = (from.get(i), to.get(i), time.get(i)) else { return Ok(None) };
        Ok(Some(Zone::named(to)?.to_local(Zone::named(from)?.to_utc(t))))
    })
}

/// Binds `from_utc_timestamp` and `to_utc_timestamp`.
fn between_zones(mut call: Call, name: &'static str, run: crate::kernel::Run) -> Result<Bound> {
    call.coerce(0, &crate::types::timestamp())?;
    call.coerce(1, &DataType::Utf8)?;
    Ok(Kernel::new(name, crate::types::timestamp(), run).fallible(true).call(call.args))
}

/// Shifts a timestamp by the offset of a zone, forward from UTC or back to it: Spark treats the instant as a local
/// time.
fn rezone(b: &Batch, to_utc: bool) -> Result<ArrayRef> {
    let (time, zone) = (times(b, 0)?, b.strings(1)?);
    // A constant zone is looked up once for the batch.
    let constant = zone.constant().map(Zone::named).transpose()?;
    b.build::<TimestampMicrosecondType>(|i| {
        let Some((t, name)) = time.get(i).zip(zone.get(i)) else { return Ok(None) };
        let zone = match constant {
            Some(zone) => zone,
            None => Zone::named(name)?,
        };
        Ok(Some(if to_utc { zone.to_utc(t) } else { zone.to_local(t) }))
    })
}
