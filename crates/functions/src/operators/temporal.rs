//! Computes arithmetic of dates, timestamps and intervals.
//!
//! Days and months are added to the local date in the session's time zone, microseconds to the instant. A day-time
//! interval that is a literal of whole days keeps a DATE a DATE; any other one makes it a TIMESTAMP.

use crate::binding::{Arg, BindContext, Bound, CastMode};
use crate::cast::cast;
use crate::coerce::{as_arg, to_type};
use crate::errors::{datetime_overflow, different_types, interval_divided_by_zero, overflow};
use crate::kernel::{Batch, Kernel, Nulls, Run};
use crate::params::InZone;
use crate::types::{
    CALENDAR, DAY_TIME, YEAR_MONTH, is_decimal, is_integral, is_interval, is_numeric, is_string, timestamp,
};
use arrow::array::ArrayRef;
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Float64Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalYearMonthType, TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use thalweg_common::{Error, Result};
use thalweg_values::calendar::{self, DAY};
use thalweg_values::zone::Zone;

/// Binds an operator with at least one operand that is a date, a timestamp or an interval.
pub(super) fn bind(
    symbol: &'static str,
    tries: bool,
    left: Arg,
    right: Arg,
    ctx: &BindContext,
) -> Result<Bound> {
    let (left, right) = untyped(symbol, left, right, ctx)?;
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    let refused = || different_types(symbol, &l, &r);
    // The `try_` functions of dates and intervals are not supported.
    if tries {
        return Err(refused());
    }
    match symbol {
        "+" if is_string(&l) && has_time(&r) => text_moved(left, right, 1, ctx),
        "+" if is_string(&r) && has_time(&l) => text_moved(right, left, 1, ctx),
        "-" if is_string(&l) && has_time(&r) => text_moved(left, right, -1, ctx),
        "+" if !is_point(&l) && is_point(&r) => add(right, left, 1, ctx).ok_or_else(refused)?,
        "+" => add(left, right, 1, ctx).ok_or_else(refused)?,
        "-" if is_point(&l) && is_point(&r) => difference(left, right, ctx),
        "-" => add(left, right, -1, ctx).ok_or_else(refused)?,
        "*" if is_numeric(&l) => scale(right, left, false, ctx).ok_or_else(refused)?,
        "*" => scale(left, right, false, ctx).ok_or_else(refused)?,
        "/" => scale(left, right, true, ctx).ok_or_else(refused)?,
        _ => Err(refused()),
    }
}

/// Casts an operand without a suitable type as Spark does: a NULL beside an interval to its type, a text beside a
/// date or timestamp in a subtraction to that type, and a factor or divisor of an interval to DOUBLE.
fn untyped(symbol: &str, left: Arg, right: Arg, ctx: &BindContext) -> Result<(Arg, Arg)> {
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    let null = |t: &DataType| *t == DataType::Null;
    let sum = matches!(symbol, "+" | "-");
    let number = DataType::Float64;
    Ok(match (symbol, &l, &r) {
        (_, l, r) if sum && null(r) && is_interval(l) => (left, to_type(right, l, ctx)?),
        (_, l, r) if sum && null(l) && is_interval(r) => (to_type(left, r, ctx)?, right),
        ("-", l, r) if is_string(r) && is_point(l) => (left, to_type(right, l, ctx)?),
        ("-", l, r) if is_string(l) && is_point(r) => (to_type(left, r, ctx)?, right),
        ("*" | "/", l, r) if is_interval(l) && (is_string(r) || null(r)) => {
            (left, to_type(right, &number, ctx)?)
        }
        ("*", l, r) if is_interval(r) && (is_string(l) || null(l)) => (to_type(left, &number, ctx)?, right),
        _ => (left, right),
    })
}

/// Returns whether an interval has a time of day: Spark adds only such an interval to a text.
fn has_time(t: &DataType) -> bool {
    *t == DAY_TIME || *t == CALENDAR
}

/// Adds an interval to a text: Spark reads it as a TIMESTAMP and returns a text again.
fn text_moved(text: Arg, by: Arg, sign: i64, ctx: &BindContext) -> Result<Bound> {
    let time = to_type(text, &timestamp(), ctx)?;
    let moved = add(time, by, sign, ctx).ok_or_else(|| {
        Error::internal("a timestamp was not moved by an interval, although both types were checked")
    })??;
    let fallible = moved.fallible;
    let text = cast(as_arg(moved), &DataType::Utf8, CastMode::Ansi, ctx)?;
    Ok(Bound { fallible: fallible || text.fallible, ..text })
}

fn is_point(t: &DataType) -> bool {
    matches!(t, DataType::Date32 | DataType::Timestamp(..))
}

/// The sign of an interval, and the time zone that decides how long a day is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Signed {
    sign: i64,
    zone: InZone,
}

/// Makes a kernel with a zone and a sign.
fn signed(name: &'static str, returns: DataType, run: Run, sign: i64, zone: &str) -> Kernel {
    let zone = InZone(zone.into());
    Kernel::new(name, returns, run).fallible(true).params(Signed { sign, zone })
}

/// Binds the addition or subtraction of an interval or of days; `None` if Spark has no such operator.
fn add(left: Arg, right: Arg, sign: i64, ctx: &BindContext) -> Option<Result<Bound>> {
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    // A TIMESTAMP_NTZ counts like an instant in UTC, where all days have 24 hours.
    let zone = if matches!(l, DataType::Timestamp(_, Some(_))) { ctx.time_zone } else { "UTC" };
    let kernel = match (&l, &r) {
        // Spark does not add a BIGINT to a date.
        (DataType::Date32, r) if is_integral(r) && r != &DataType::Int64 => {
            return Some(to_type(right, &DataType::Int32, ctx).map(|days| add_days(left, days, sign)));
        }
        (DataType::Date32, r) if *r == YEAR_MONTH => {
            signed("date_add_months", l, date_add_months, sign, zone)
        }
        (DataType::Date32, r) if *r == DAY_TIME && whole_days(&right) => {
            signed("date_add_interval_days", l, date_add_interval_days, sign, zone)
        }
        (DataType::Date32, r) if *r == CALENDAR => {
            signed("date_add_calendar", l, date_add_calendar, sign, zone)
        }
        (DataType::Date32, r) if *r == DAY_TIME => {
            return match to_type(left, &timestamp(), ctx) {
                Ok(time) => add(time, right, sign, ctx),
                Err(error) => Some(Err(error)),
            };
        }
        (DataType::Timestamp(..), r) if *r == DAY_TIME => {
            signed("time_add_micros", l, time_add_micros, sign, zone)
        }
        (DataType::Timestamp(..), r) if *r == YEAR_MONTH => {
            signed("time_add_months", l, time_add_months, sign, zone)
        }
        (DataType::Timestamp(..), r) if *r == CALENDAR => {
            signed("time_add_calendar", l, time_add_calendar, sign, zone)
        }
        (l, r) if l == r && *l == DAY_TIME => signed("interval_add", DAY_TIME, interval_add, sign, zone),
        (l, r) if l == r && *l == YEAR_MONTH => {
            signed("interval_add_months", YEAR_MONTH, months_add, sign, zone)
        }
        _ => return None,
    };
    Some(Ok(kernel.call(vec![left, right])))
}

/// Computes `date ± days`, also for `date_add` and `date_sub`.
pub(crate) fn add_days(date: Arg, days: Arg, sign: i64) -> Bound {
    signed("date_add_days", DataType::Date32, date_add_days, sign, "UTC").call(vec![date, days])
}

fn whole_days(arg: &Arg) -> bool {
    matches!(arg.literal(), Some(ScalarValue::DurationMicrosecond(Some(v))) if v % DAY == 0)
}

/// Binds the difference of two dates or timestamps, which is a day-time interval.
fn difference(left: Arg, right: Arg, ctx: &BindContext) -> Result<Bound> {
    if left.data_type == DataType::Date32 && right.data_type == DataType::Date32 {
        return Ok(Kernel::new("date_difference", DAY_TIME, date_difference).call(vec![left, right]));
    }
    // A difference of two TIMESTAMP_NTZ needs no zone; with one TIMESTAMP both become one.
    let zoned = |t: &DataType| *t == timestamp();
    let common = if zoned(&left.data_type) || zoned(&right.data_type) {
        timestamp()
    } else {
        crate::types::TIMESTAMP_NTZ
    };
    let zone = if zoned(&common) { ctx.time_zone } else { "UTC" };
    let args = vec![to_type(left, &common, ctx)?, to_type(right, &common, ctx)?];
    Ok(Kernel::new("time_difference", DAY_TIME, time_difference).params(InZone(zone.into())).call(args))
}

/// Binds the product or the quotient of an interval and a number; `None` if it is not supported.
fn scale(interval: Arg, by: Arg, divides: bool, ctx: &BindContext) -> Option<Result<Bound>> {
    let t = interval.data_type.clone();
    if (t != DAY_TIME && t != YEAR_MONTH) || !(is_numeric(&by.data_type)) {
        return None;
    }
    let exact = is_integral(&by.data_type) && !divides;
    let (wanted, name, run): (_, _, Run) = match (exact, divides) {
        (true, _) => (DataType::Int64, "interval_multiply", scale_exactly),
        (_, false) => (DataType::Float64, "interval_multiply_fraction", |b| scale_rounded(b, false)),
        (_, true) => (DataType::Float64, "interval_divide", |b| scale_rounded(b, true)),
    };
    // Spark multiplies by a decimal exactly. A double holds 15 digits; with more of them the result could differ, so
    // this is refused.
    if is_decimal(&by.data_type) && matches!(by.data_type, DataType::Decimal128(p, _) if p > 15) {
        return None;
    }
    // Spark declares divisions nullable.
    let nulls = if divides { Nulls::Always } else { Nulls::Args };
    let by = match to_type(by, &wanted, ctx) {
        Ok(by) => by,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(Kernel::new(name, t, run).fallible(true).nulls(nulls).call(vec![interval, by])))
}

fn day(value: i64) -> Result<i32> {
    i32::try_from(value).map_err(|_| datetime_overflow("add to a date"))
}

fn date_add_days(b: &Batch) -> Result<ArrayRef> {
    let (date, days) = (b.prims::<Date32Type>(0)?, b.prims::<Int32Type>(1)?);
    let sign = b.params::<Signed>()?.sign;
    b.build::<Date32Type>(|i| {
        let both = date.get(i).zip(days.get(i));
        // Sums of two 32-bit numbers fit into 64 bits; `day` checks the result.
        both.map(|(d, n)| day(i64::from(d) + sign * i64::from(n))).transpose()
    })
}

fn date_add_interval_days(b: &Batch) -> Result<ArrayRef> {
    let (date, by) = (b.prims::<Date32Type>(0)?, b.prims::<DurationMicrosecondType>(1)?);
    let sign = b.params::<Signed>()?.sign;
    b.build::<Date32Type>(|i| {
        let both = date.get(i).zip(by.get(i));
        both.map(|(d, v)| day(i64::from(d) + sign * (v / DAY))).transpose()
    })
}

fn date_add_months(b: &Batch) -> Result<ArrayRef> {
    let (date, months) = (b.prims::<Date32Type>(0)?, b.prims::<IntervalYearMonthType>(1)?);
    let sign = b.params::<Signed>()?.sign;
    b.build::<Date32Type>(|i| {
        let both = date.get(i).zip(months.get(i));
        let moved = |(d, m)| calendar::add_months(i64::from(d), sign * i64::from(m)).try_into();
        both.map(moved).transpose().map_err(|_| overflow("overflow", None))
    })
}

fn date_add_calendar(b: &Batch) -> Result<ArrayRef> {
    let (date, by) = (b.prims::<Date32Type>(0)?, b.prims::<IntervalMonthDayNanoType>(1)?);
    let sign = b.params::<Signed>()?.sign;
    b.build::<Date32Type>(|i| {
        let Some((d, v)) = date.get(i).zip(by.get(i)) else { return Ok(None) };
        // Spark refuses to add a time of day to a DATE instead of dropping it.
        if v.nanoseconds != 0 {
            let text = "Cannot add hours, minutes or seconds, milliseconds, microseconds to a date";
            let kind = thalweg_common::ErrorKind::IllegalArgument;
            return Err(Error::new(kind, "INVALID_PARAMETER_VALUE", "22023", text));
        }
        let moved = calendar::add_months(i64::from(d), sign * i64::from(v.months));
        day(moved + sign * i64::from(v.days)).map(Some)
    })
}

/// Adds months, then days, then microseconds to an instant, in Spark's order. Months and days change the local date
/// in a zone and keep the time of day; a day of a month that has no such day becomes its last one.
pub(crate) fn moved(time: i64, months: i64, days: i64, micros: i64, zone: Zone) -> Result<i64> {
    let mut time = time;
    // Without months and days the zone is not used: a round trip through local time would not be exact where
    // a zone repeats an hour.
    if months != 0 || days != 0 {
        let local = zone.to_local(time);
        let (day, rest) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let shifted =
            (calendar::add_months(day, months) + days).checked_mul(DAY).and_then(|d| d.checked_add(rest));
        time = zone.to_utc(shifted.ok_or_else(|| datetime_overflow("add to a timestamp"))?);
    }
    time.checked_add(micros).ok_or_else(|| datetime_overflow("add to a timestamp"))
}

fn time_add_micros(b: &Batch) -> Result<ArrayRef> {
    let (time, by) = (b.prims::<TimestampMicrosecondType>(0)?, b.prims::<DurationMicrosecondType>(1)?);
    let (sign, zone) = (b.params::<Signed>()?.sign, b.params::<Signed>()?.zone.zone()?);
    b.build::<TimestampMicrosecondType>(|i| {
        let both = time.get(i).zip(by.get(i));
        // Spark adds the whole days of the interval on the calendar, so `INTERVAL '1' DAY` keeps the time of
        // day over a change of the clock. Both parts have the sign of the interval.
        both.map(|(t, v)| moved(t, 0, sign * (v / DAY), sign * (v % DAY), zone)).transpose()
    })
}

fn time_add_months(b: &Batch) -> Result<ArrayRef> {
    let (time, by) = (b.prims::<TimestampMicrosecondType>(0)?, b.prims::<IntervalYearMonthType>(1)?);
    let (sign, zone) = (b.params::<Signed>()?.sign, b.params::<Signed>()?.zone.zone()?);
    b.build::<TimestampMicrosecondType>(|i| {
        let both = time.get(i).zip(by.get(i));
        both.map(|(t, m)| moved(t, sign * i64::from(m), 0, 0, zone)).transpose()
    })
}

fn time_add_calendar(b: &Batch) -> Result<ArrayRef> {
    let (time, by) = (b.prims::<TimestampMicrosecondType>(0)?, b.prims::<IntervalMonthDayNanoType>(1)?);
    let (sign, zone) = (b.params::<Signed>()?.sign, b.params::<Signed>()?.zone.zone()?);
    b.build::<TimestampMicrosecondType>(|i| {
        let Some((t, v)) = time.get(i).zip(by.get(i)) else { return Ok(None) };
        let (months, days) = (sign * i64::from(v.months), sign * i64::from(v.days));
        moved(t, months, days, sign * (v.nanoseconds / 1000), zone).map(Some)
    })
}

fn interval_add(b: &Batch) -> Result<ArrayRef> {
    let (l, r) = (b.prims::<DurationMicrosecondType>(0)?, b.prims::<DurationMicrosecondType>(1)?);
    let sign = b.params::<Signed>()?.sign;
    b.build::<DurationMicrosecondType>(|i| {
        let Some((l, r)) = l.get(i).zip(r.get(i)) else { return Ok(None) };
        let sum = if sign > 0 { l.checked_add(r) } else { l.checked_sub(r) };
        sum.map(Some).ok_or_else(|| overflow("long overflow", None))
    })
}

fn months_add(b: &Batch) -> Result<ArrayRef> {
    let (l, r) = (b.prims::<IntervalYearMonthType>(0)?, b.prims::<IntervalYearMonthType>(1)?);
    let sign = b.params::<Signed>()?.sign;
    b.build::<IntervalYearMonthType>(|i| {
        let Some((l, r)) = l.get(i).zip(r.get(i)) else { return Ok(None) };
        let sum = if sign > 0 { l.checked_add(r) } else { l.checked_sub(r) };
        sum.map(Some).ok_or_else(|| overflow("integer overflow", None))
    })
}

fn date_difference(b: &Batch) -> Result<ArrayRef> {
    let (l, r) = (b.prims::<Date32Type>(0)?, b.prims::<Date32Type>(1)?);
    b.build::<DurationMicrosecondType>(|i| {
        Ok(l.get(i).zip(r.get(i)).map(|(l, r)| (i64::from(l) - i64::from(r)).saturating_mul(DAY)))
    })
}

fn time_difference(b: &Batch) -> Result<ArrayRef> {
    let (l, r) = (b.prims::<TimestampMicrosecondType>(0)?, b.prims::<TimestampMicrosecondType>(1)?);
    let zone = b.params::<InZone>()?.zone()?;
    b.build::<DurationMicrosecondType>(|i| {
        // Between local times, as in Spark: the same time on two days is whole days apart, whatever the clock did.
        Ok(l.get(i).zip(r.get(i)).map(|(l, r)| zone.to_local(l).saturating_sub(zone.to_local(r))))
    })
}

fn scale_exactly(b: &Batch) -> Result<ArrayRef> {
    let by = b.prims::<Int64Type>(1)?;
    if b.type_of(0)? == YEAR_MONTH {
        let value = b.prims::<IntervalYearMonthType>(0)?;
        return b.build::<IntervalYearMonthType>(|i| {
            let Some((v, n)) = value.get(i).zip(by.get(i)) else { return Ok(None) };
            let product = i64::from(v).checked_mul(n).and_then(|p| i32::try_from(p).ok());
            product.map(Some).ok_or_else(|| overflow("integer overflow", None))
        });
    }
    let value = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<DurationMicrosecondType>(|i| {
        let Some((v, n)) = value.get(i).zip(by.get(i)) else { return Ok(None) };
        v.checked_mul(n).map(Some).ok_or_else(|| overflow("long overflow", None))
    })
}

fn scale_rounded(b: &Batch, divides: bool) -> Result<ArrayRef> {
    let by = b.prims::<Float64Type>(1)?;
    let scaled = |v: f64, n: f64| -> Result<f64> {
        if divides && n == 0.0 {
            return Err(interval_divided_by_zero());
        }
        // `f64::round` rounds half away from zero, which is Spark's HALF_UP.
        Ok(if divides { v / n } else { v * n }.round())
    };
    if b.type_of(0)? == YEAR_MONTH {
        let value = b.prims::<IntervalYearMonthType>(0)?;
        return b.build::<IntervalYearMonthType>(|i| {
            let Some((v, n)) = value.get(i).zip(by.get(i)) else { return Ok(None) };
            let made = scaled(f64::from(v), n)?;
            // NaN and infinity fail the comparison too, and raise.
            let fits = made.abs() < f64::from(i32::MAX);
            if fits { Ok(Some(made as i32)) } else { Err(overflow("integer overflow", None)) }
        });
    }
    let value = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<DurationMicrosecondType>(|i| {
        let Some((v, n)) = value.get(i).zip(by.get(i)) else { return Ok(None) };
        let made = scaled(v as f64, n)?;
        if made.abs() < i64::MAX as f64 {
            Ok(Some(made as i64))
        } else {
            Err(overflow("long overflow", None))
        }
    })
}
