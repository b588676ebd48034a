//! Holds the functions of dates and timestamps.
//!
//! A date counts days since 1970-01-01, a TIMESTAMP microseconds since then in UTC. Parts of a TIMESTAMP are those of
//! its local time in the session's zone; a TIMESTAMP_NTZ is a local time without a zone.

mod convert;
mod current;
mod make;
mod parts;
mod shift;

use crate::binding::Bound;
use crate::kernel::{Batch, Kernel, Prims, Run};
use crate::params::InZone;
use crate::registry::{Call, Entry};
use crate::types::timestamp;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use thalweg_common::Result;
use thalweg_values::zone::Zone;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] =
    &[convert::ENTRIES, make::ENTRIES, current::ENTRIES, parts::ENTRIES, shift::ENTRIES];

/// Casts argument `i` to TIMESTAMP, unless it is a TIMESTAMP_NTZ. Returns the zone that converts it to local time:
/// for a TIMESTAMP_NTZ this is UTC, which changes nothing.
fn to_time(call: &mut Call, i: usize) -> Result<String> {
    if matches!(call.type_of(i), DataType::Timestamp(_, None)) {
        return Ok("UTC".to_owned());
    }
    call.coerce(i, &timestamp())?;
    Ok(call.ctx.time_zone.to_owned())
}

/// Makes a kernel that computes with local times of a zone.
fn zoned(name: &'static str, returns: DataType, run: Run, zone: &str) -> Kernel {
    Kernel::new(name, returns, run).params(InZone(zone.into()))
}

fn zone_of(b: &Batch) -> Result<Zone> {
    b.params::<InZone>()?.zone()
}

fn times<'a>(b: &Batch<'a>, i: usize) -> Result<Prims<'a, TimestampMicrosecondType>> {
    b.prims::<TimestampMicrosecondType>(i)
}

/// Makes a bound constant.
fn constant(value: datafusion::common::ScalarValue, data_type: DataType) -> Bound {
    let expr = datafusion::logical_expr::Expr::Literal(value, None);
    Bound { expr, data_type, nullable: false, fallible: false }
}
