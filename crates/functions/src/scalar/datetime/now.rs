//! What a session is: its time, zone, user and database. All are constants of a statement.

use super::constant;
use crate::binding::Bound;
use crate::registry::{Call, Entry};
use crate::time::civil::{DAY, SECOND};
use crate::time::zone::Zone;
use crate::types::{TIMESTAMP_NTZ, timestamp};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["current_timestamp", "now"], 0, 0, current_timestamp),
    Entry::bind(&["localtimestamp"], 0, 0, local_timestamp),
    Entry::bind(&["current_date", "curdate"], 0, 0, current_date),
    Entry::bind(&["current_timezone"], 0, 0, |c| Ok(text(c.ctx.time_zone))),
    Entry::bind(&["current_user", "user", "session_user"], 0, 0, |c| Ok(text(c.ctx.user))),
    Entry::bind(&["current_database", "current_schema"], 0, 0, |c| Ok(text(c.ctx.database))),
    Entry::bind(&["current_catalog"], 0, 0, |_| Ok(text("spark_catalog"))),
];

fn text(value: &str) -> Bound {
    constant(ScalarValue::Utf8(Some(value.to_owned())), DataType::Utf8)
}

fn current_timestamp(call: Call) -> Result<Bound> {
    let value = ScalarValue::TimestampMicrosecond(Some(call.ctx.now_micros), Some("UTC".into()));
    Ok(constant(value, timestamp()))
}

fn local(call: &Call) -> Result<i64> {
    Ok(Zone::named(call.ctx.time_zone)?.to_local(call.ctx.now_micros))
}

fn local_timestamp(call: Call) -> Result<Bound> {
    let value = ScalarValue::TimestampMicrosecond(Some(local(&call)?), None);
    Ok(constant(value, TIMESTAMP_NTZ))
}

fn current_date(call: Call) -> Result<Bound> {
    let days = local(&call)?.div_euclid(DAY);
    let days = i32::try_from(days).map_err(|_| Error::internal("the clock is beyond all dates"))?;
    Ok(constant(ScalarValue::Date32(Some(days)), DataType::Date32))
}

/// The statement's time in seconds.
pub(super) fn seconds(call: &Call) -> Bound {
    let value = ScalarValue::Int64(Some(call.ctx.now_micros.div_euclid(SECOND)));
    constant(value, DataType::Int64)
}
