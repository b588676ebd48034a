//! Binds the functions of the session: its time, zone, user and database.
//!
//! All are constants of a statement, except for the time in a streaming query, which is a constant of an epoch.

use super::{constant, times, zone_of, zoned};
use crate::binding::{Arg, Bound, CastMode};
use crate::cast::cast;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, Display, Entry};
use crate::types::{TIMESTAMP_NTZ, timestamp};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use thalweg_common::clock::PROCESSING_TIME;
use thalweg_common::{Error, Result};
use thalweg_values::calendar::{DAY, SECOND};
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["current_timestamp", "now"], 0, 0, current_timestamp).bare(&["current_timestamp"]).doc(
        "",
        "Returns the time of the statement.",
        &["SELECT current_timestamp() = now()"],
    ),
    Entry::bind(&["localtimestamp"], 0, 0, local_timestamp).doc(
        "",
        "Returns the time of the statement without a time zone.",
        &["SELECT localtimestamp() = CAST(now() AS TIMESTAMP_NTZ)"],
    ),
    Entry::bind(&["current_date", "curdate"], 0, 0, current_date)
        .doc("", "Returns the date of the statement.", &["SELECT current_date() = curdate()"])
        .bare(&["current_date"])
        .display(Display::names(&[("curdate", "current_date")])),
    Entry::bind(&["current_timezone"], 0, 0, |c| Ok(text(c.ctx.time_zone))).doc(
        "",
        "Returns the session's time zone.",
        &["SELECT current_timezone()"],
    ),
    Entry::bind(&["current_user", "user", "session_user"], 0, 0, |c| Ok(text(c.ctx.user)))
        .bare(&["current_user", "user", "session_user"])
        .display(Display::names(&[("user", "current_user"), ("session_user", "current_user")]))
        .doc("", "Returns the user.", &["SELECT length(current_user()) > 0"]),
    Entry::bind(&["current_database", "current_schema"], 0, 0, |c| Ok(text(c.ctx.database)))
        .display(Display::names(&[("current_database", "current_schema")]))
        .doc("", "Returns the current database.", &["SELECT current_database()"]),
    Entry::bind(&["current_catalog"], 0, 0, |_| Ok(text("spark_catalog"))).doc(
        "",
        "Returns the current catalog.",
        &["SELECT current_catalog()"],
    ),
];

fn text(value: &str) -> Bound {
    constant(ScalarValue::Utf8(Some(value.to_owned())), DataType::Utf8)
}

/// Returns the time of the statement. In a streaming query this is a call of a function that the runtime replaces by
/// the time of each epoch.
fn now(call: &Call) -> Bound {
    match call.ctx.now_micros {
        Some(us) => constant(ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())), timestamp()),
        None => {
            let unbound = |_: &Batch| {
                Err(Error::internal("the time of an epoch was read outside of a streaming query"))
            };
            // In place, so that no optimizer rule evaluates the call before an epoch does.
            Kernel::new(PROCESSING_TIME, timestamp(), unbound).nulls(Nulls::Never).in_place().call(vec![])
        }
    }
}

fn now_arg(call: &Call) -> Arg {
    let Bound { expr, data_type, nullable, .. } = now(call);
    Arg { expr, data_type, nullable }
}

fn current_timestamp(call: Call) -> Result<Bound> {
    Ok(now(&call))
}

fn local_timestamp(call: Call) -> Result<Bound> {
    let Some(us) = call.ctx.now_micros else {
        let local = |b: &Batch| {
            let (time, zone) = (times(b, 0)?, zone_of(b)?);
            b.build::<TimestampMicrosecondType>(|i| Ok(time.get(i).map(|t| zone.to_local(t))))
        };
        return Ok(
            zoned("localtimestamp", TIMESTAMP_NTZ, local, call.ctx.time_zone).call(vec![now_arg(&call)])
        );
    };
    let local = Zone::named(call.ctx.time_zone)?.to_local(us);
    Ok(constant(ScalarValue::TimestampMicrosecond(Some(local), None), TIMESTAMP_NTZ))
}

fn current_date(call: Call) -> Result<Bound> {
    let Some(us) = call.ctx.now_micros else {
        return cast(now_arg(&call), &DataType::Date32, CastMode::Ansi, call.ctx);
    };
    let days = Zone::named(call.ctx.time_zone)?.to_local(us).div_euclid(DAY);
    let days =
        i32::try_from(days).map_err(|_| Error::internal("the clock shows a day that no DATE holds"))?;
    Ok(constant(ScalarValue::Date32(Some(days)), DataType::Date32))
}

/// Returns the statement's time in seconds since 1970.
pub(super) fn seconds(call: &Call) -> Bound {
    let Some(us) = call.ctx.now_micros else {
        let seconds = |b: &Batch| {
            let time = times(b, 0)?;
            b.build::<Int64Type>(|i| Ok(time.get(i).map(|t| t.div_euclid(SECOND))))
        };
        return Kernel::new("now_seconds", DataType::Int64, seconds).call(vec![now_arg(call)]);
    };
    constant(ScalarValue::Int64(Some(us.div_euclid(SECOND))), DataType::Int64)
}
