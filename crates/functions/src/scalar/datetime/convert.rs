//! Converts texts to dates and timestamps and back by Spark's patterns: `to_date`, `date_format`, `unix_timestamp`
//! and others.

use super::{current, times, zone_of, zoned};
use crate::binding::{Arg, Bound, CastMode};
use crate::cast::cast;
use crate::errors::{cannot_parse_timestamp, datetime_overflow, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, Run, Strings};
use crate::registry::{Call, Defaults, Entry};
use crate::types::{TIMESTAMP_NTZ, is_datetime, is_string, timestamp};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use thalweg_common::Result;
use thalweg_values::calendar::{DAY, SECOND};
use thalweg_values::datetime::Timestamp;
use thalweg_values::pattern::Pattern;
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["to_date"], 1, 2, |c| to_date(c, false)).doc(
        "value[, format]",
        "Converts a value to a date, a text by a pattern.",
        &["SELECT to_date('29/02/2024', 'dd/MM/yyyy')"],
    ),
    Entry::bind(&["try_to_date"], 1, 2, |c| to_date(c, true)).doc(
        "value[, format]",
        "Works like `to_date`, but returns null for a text that is not a date.",
        &["SELECT try_to_date('not a date')"],
    ),
    Entry::bind(&["to_timestamp", "to_timestamp_ltz"], 1, 2, |c| to_timestamp(c, timestamp(), false)).doc(
        "value[, format]",
        "Converts a value to a timestamp, a text by a pattern.",
        &["SELECT to_timestamp('29.02.2024 12:30', 'dd.MM.yyyy HH:mm')"],
    ),
    Entry::bind(&["to_timestamp_ntz"], 1, 2, |c| to_timestamp(c, TIMESTAMP_NTZ, false)).doc(
        "value[, format]",
        "Converts a value to a timestamp without time zone, a text by a pattern.",
        &["SELECT to_timestamp_ntz('2024-02-29 12:30:00')"],
    ),
    Entry::bind(&["try_to_timestamp"], 1, 2, |c| to_timestamp(c, timestamp(), true)).doc(
        "value[, format]",
        "Works like `to_timestamp`, but returns null for a text that is not a timestamp.",
        &["SELECT try_to_timestamp('not a time')"],
    ),
    Entry::bind(&["unix_timestamp", "to_unix_timestamp"], 0, 2, unix_timestamp)
        .defaults(&[
            Defaults { given: 0, shown: &["current_timestamp()", "yyyy-MM-dd HH:mm:ss"] },
            Defaults { given: 1, shown: &["yyyy-MM-dd HH:mm:ss"] },
        ])
        .doc(
            "[value[, format]]",
            "Returns the seconds since 1970, of now or of a date, a time or a text with a pattern.",
            &["SELECT unix_timestamp('2024-02-29', 'yyyy-MM-dd')"],
        ),
    Entry::bind(&["from_unixtime"], 1, 2, from_unixtime)
        .defaults(&[Defaults { given: 1, shown: &["yyyy-MM-dd HH:mm:ss"] }])
        .doc(
            "seconds[, format]",
            "Formats seconds since 1970 as a time.",
            &["SELECT from_unixtime(0, 'yyyy-MM-dd HH:mm')"],
        ),
    Entry::bind(&["date_format"], 2, 2, date_format).doc(
        "time, format",
        "Formats a date or a time by a pattern.",
        &["SELECT date_format(DATE '2024-02-29', 'd MMMM yyyy')"],
    ),
];

/// The pattern that Spark uses where none is given.
const DEFAULT: &str = "yyyy-MM-dd HH:mm:ss";

/// The pattern of each row, parsed once for each run of equal ones, and so once if it is constant.
struct Patterns<'a> {
    texts: Strings<'a>,
    read: fn(&str) -> Result<Pattern>,
    last: Option<(String, Pattern)>,
}

impl<'a> Patterns<'a> {
    fn new(b: &Batch<'a>, i: usize, read: fn(&str) -> Result<Pattern>) -> Result<Self> {
        Ok(Self { texts: b.strings(i)?, read, last: None })
    }
    fn get(&mut self, row: usize) -> Result<Option<&Pattern>> {
        let Some(text) = self.texts.get(row) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            self.last = Some((text.to_owned(), (self.read)(text)?));
        }
        Ok(self.last.as_ref().map(|(_, pattern)| pattern))
    }
}

/// Checks a constant pattern while binding, so that an invalid one is an error even if the query has no rows.
fn check_pattern(arg: Option<&Arg>, read: fn(&str) -> Result<Pattern>) -> Result<()> {
    match arg.and_then(|a| a.literal()) {
        Some(ScalarValue::Utf8(Some(text))) => read(text).map(|_| ()),
        _ => Ok(()),
    }
}

/// Binds `to_date` and `try_to_date`. Without a pattern, and for other types than texts, this is a cast.
fn to_date(mut call: Call, tries: bool) -> Result<Bound> {
    let (ctx, mode) = (call.ctx, if tries { CastMode::Try } else { CastMode::Ansi });
    // Spark ignores the pattern for an argument that is not a text.
    if call.args.len() == 1 || is_datetime(&call.type_of(0)) {
        return cast(call.args.remove(0), &DataType::Date32, mode, ctx);
    }
    check_pattern(call.args.get(1), Pattern::for_parsing)?;
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &DataType::Utf8)?;
    // Kernels are function pointers and capture nothing, so each mode has its own.
    let run: Run = if tries { |b| dates(b, true) } else { |b| dates(b, false) };
    Ok(parsing(
        zoned(if tries { "try_to_date" } else { "to_date" }, DataType::Date32, run, ctx.time_zone),
        tries,
        call.args,
    ))
}

fn parsing(kernel: Kernel, tries: bool, args: Vec<Arg>) -> Bound {
    let nulls = if tries { Nulls::Always } else { Nulls::Args };
    kernel.fallible(true).nulls(nulls).call(args)
}

/// Parses the text of each row and calls `take` with its local time and zone. A text that does not match the pattern
/// is an error, or null if the function tries.
fn each(b: &Batch, tries: bool, mut take: impl FnMut(Option<Timestamp>) -> Result<()>) -> Result<()> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, Pattern::for_parsing)?);
    for i in 0..b.rows {
        let read = match (text.get(i), patterns.get(i)?) {
            (Some(s), Some(pattern)) => match pattern.parse(s) {
                Ok(read) => Some(read),
                Err(_) if tries => None,
                Err(misfit) => {
                    let message = format!("Text '{s}' {misfit}");
                    return Err(cannot_parse_timestamp(&message, "try_to_timestamp"));
                }
            },
            _ => None,
        };
        take(read)?;
    }
    Ok(())
}

fn dates(b: &Batch, tries: bool) -> Result<ArrayRef> {
    let zone = zone_of(b)?;
    let mut out = Vec::with_capacity(b.rows);
    each(b, tries, |read| {
        // A text may name a zone of its own. The date is that of the instant in the session's zone, as in
        // Spark.
        let instant = read.map(|r| instant(r, zone)).transpose()?;
        out.push(instant.map(|t| zone.to_local(t).div_euclid(DAY)));
        Ok(())
    })?;
    b.build::<Date32Type>(|i| {
        let days = out.get(i).copied().flatten();
        days.map(|d| i32::try_from(d).map_err(|_| datetime_overflow("parse a date"))).transpose()
    })
}

fn instant(read: Timestamp, session: Zone) -> Result<i64> {
    read.instant(session).ok_or_else(|| datetime_overflow("parse a timestamp"))
}

/// Binds `to_timestamp` and its variants. Without a pattern, and for other types than texts, this is a cast.
fn to_timestamp(mut call: Call, returns: DataType, tries: bool) -> Result<Bound> {
    let (ctx, mode) = (call.ctx, if tries { CastMode::Try } else { CastMode::Ansi });
    if call.args.len() == 1 || is_datetime(&call.type_of(0)) {
        return cast(call.args.remove(0), &returns, mode, ctx);
    }
    check_pattern(call.args.get(1), Pattern::for_parsing)?;
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &DataType::Utf8)?;
    let ntz = returns == TIMESTAMP_NTZ;
    let (name, run): (_, Run) = match (ntz, tries) {
        (true, _) => ("to_timestamp_ntz", |b| timestamps(b, false, true)),
        (false, true) => ("try_to_timestamp", |b| timestamps(b, true, false)),
        (false, false) => ("to_timestamp", |b| timestamps(b, false, false)),
    };
    Ok(parsing(zoned(name, returns, run, ctx.time_zone), tries, call.args))
}

fn timestamps(b: &Batch, tries: bool, wall_clock: bool) -> Result<ArrayRef> {
    let zone = zone_of(b)?;
    let mut out = Vec::with_capacity(b.rows);
    each(b, tries, |read| {
        // A TIMESTAMP_NTZ ignores a zone in the text.
        let value = |r: Timestamp| if wall_clock { Ok(r.local) } else { instant(r, zone) };
        out.push(read.map(value).transpose()?);
        Ok(())
    })?;
    b.build::<TimestampMicrosecondType>(|i| Ok(out.get(i).copied().flatten()))
}

fn default_pattern() -> Arg {
    let expr = Expr::Literal(ScalarValue::Utf8(Some(DEFAULT.to_owned())), None);
    Arg { expr, data_type: DataType::Utf8, nullable: false }
}

/// Binds `unix_timestamp`: the seconds of the statement's time, of a date or timestamp, or of a text by a pattern.
fn unix_timestamp(mut call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    if call.args.is_empty() {
        return Ok(current::seconds(&call));
    }
    let t = call.type_of(0);
    if is_datetime(&t) {
        let time = crate::coerce::to_type(call.args.remove(0), &timestamp(), ctx)?;
        return Ok(Kernel::new("unix_timestamp", DataType::Int64, seconds).call(vec![time]));
    }
    if !is_string(&t) && t != DataType::Null {
        return Err(unexpected_type(call.name, 0, "(STRING or DATE or TIMESTAMP)", &t));
    }
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &DataType::Utf8)?;
    check_pattern(call.args.get(1), Pattern::for_parsing)?;
    if call.args.len() == 1 {
        call.args.push(default_pattern());
    }
    let run: Run = |b| {
        let zone = zone_of(b)?;
        let mut out = Vec::with_capacity(b.rows);
        each(b, false, |read| {
            out.push(read.map(|r| instant(r, zone)).transpose()?.map(|t| t / SECOND));
            Ok(())
        })?;
        b.build::<Int64Type>(|i| Ok(out.get(i).copied().flatten()))
    };
    Ok(parsing(zoned("unix_timestamp_text", DataType::Int64, run, ctx.time_zone), false, call.args))
}

/// Computes whole seconds, truncated toward 1970 as in Spark; `unix_seconds` takes the floor.
fn seconds(b: &Batch) -> Result<ArrayRef> {
    let t = times(b, 0)?;
    b.build::<Int64Type>(|i| Ok(t.get(i).map(|t| t / SECOND)))
}

/// Binds `from_unixtime`: formats seconds since 1970-01-01 UTC in the session's zone.
fn from_unixtime(mut call: Call) -> Result<Bound> {
    let zone = call.ctx.time_zone;
    call.coerce(0, &DataType::Int64)?;
    call.coerce(1, &DataType::Utf8)?;
    check_pattern(call.args.get(1), Pattern::for_formatting)?;
    if call.args.len() == 1 {
        call.args.push(default_pattern());
    }
    Ok(zoned("from_unixtime", DataType::Utf8, seconds_formatted, zone).fallible(true).call(call.args))
}

fn seconds_formatted(b: &Batch) -> Result<ArrayRef> {
    let (n, mut patterns, zone) =
        (b.prims::<Int64Type>(0)?, Patterns::new(b, 1, Pattern::for_formatting)?, zone_of(b)?);
    b.build_text(|i| {
        let Some(n) = n.get(i) else { return Ok(None) };
        // 64-bit seconds may exceed 64-bit microseconds.
        let t = n.checked_mul(SECOND).ok_or_else(|| datetime_overflow("format seconds"))?;
        let Some(pattern) = patterns.get(i)? else { return Ok(None) };
        Ok(Some(formatted_in(pattern, t, zone)))
    })
}

/// Binds `date_format`.
fn date_format(mut call: Call) -> Result<Bound> {
    let zone = call.ctx.time_zone;
    check_pattern(call.args.get(1), Pattern::for_formatting)?;
    call.coerce(0, &timestamp())?;
    call.coerce(1, &DataType::Utf8)?;
    Ok(zoned("date_format", DataType::Utf8, formatted, zone).fallible(true).call(call.args))
}

fn formatted(b: &Batch) -> Result<ArrayRef> {
    let (time, mut patterns, zone) =
        (times(b, 0)?, Patterns::new(b, 1, Pattern::for_formatting)?, zone_of(b)?);
    b.build_text(|i| {
        let Some(t) = time.get(i) else { return Ok(None) };
        let Some(pattern) = patterns.get(i)? else { return Ok(None) };
        Ok(Some(formatted_in(pattern, t, zone)))
    })
}

/// Formats an instant in a zone.
fn formatted_in(pattern: &Pattern, instant: i64, zone: Zone) -> String {
    let mut text = String::new();
    pattern.format(zone.to_local(instant), instant, zone, &mut text);
    text
}
