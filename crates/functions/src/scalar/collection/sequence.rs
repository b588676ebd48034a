//! Computes `sequence(start, stop [, step])` of integers, dates and timestamps.
//!
//! Both ends are included. Without a step it counts by 1 or by one day, up or down.

use crate::binding::Bound;
use crate::coerce::{common_type, to_type};
use crate::errors::{bad_value, data_diff_types, unexpected_type};
use crate::kernel::{Batch, Kernel, arrow};
use crate::operators::temporal::moved;
use crate::params::InZone;
use crate::registry::{Call, Entry};
use crate::types::{DAY_TIME, YEAR_MONTH, array_with, is_datetime, is_integral};
use ::arrow::array::{ArrayRef, Int64Array, ListArray};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Int64Type, IntervalYearMonthType, TimestampMicrosecondType,
};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result, cancel};
use thalweg_values::calendar::DAY;
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["sequence"], 2, 3, sequence).doc(
    "start, stop[, step]",
    "Makes an array of numbers, dates or times from a start to a stop.",
    &["SELECT sequence(1, 5), sequence(DATE '2024-01-31', DATE '2024-03-31', INTERVAL '1' MONTH)"],
)];

/// The bound on the elements of all sequences of one batch of rows: 1 GiB of 64-bit values.
const ELEMENTS_MAX: usize = 1 << 27;

fn sequence(call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    let types = [call.type_of(0), call.type_of(1)];
    let common = common_type(&types).ok_or_else(|| data_diff_types("sequence", &types))?;
    let mut args = call.args.into_iter();
    let mut taken = Vec::new();
    let zone = if matches!(common, DataType::Timestamp(_, Some(_))) { ctx.time_zone } else { "UTC" };
    if is_integral(&common) {
        for arg in args {
            let element = to_type(arg, &common, ctx)?;
            taken.push(to_type(element, &DataType::Int64, ctx)?);
        }
    } else if is_datetime(&common) {
        for arg in args.by_ref().take(2) {
            taken.push(to_type(arg, &common, ctx)?);
        }
        if let Some(step) = args.next() {
            if step.data_type != DAY_TIME && step.data_type != YEAR_MONTH {
                return Err(unexpected_type("sequence", 2, "INTERVAL", &step.data_type));
            }
            taken.push(step);
        }
    } else {
        return Err(unexpected_type("sequence", 0, "INTEGRAL, DATE or TIMESTAMP", &common));
    }
    let kernel = Kernel::new("sequence", array_with(common, false), run).fallible(true);
    Ok(kernel.large_lists().params(InZone(zone.into())).call(taken))
}

/// The length of a step: microseconds, or units of integers, and months.
#[derive(Clone, Copy)]
struct Step {
    units: i64,
    months: i64,
}

/// Computes the sequences of a batch as 64-bit values, and converts them to the element type.
fn run(b: &Batch) -> Result<ArrayRef> {
    let element = super::element_of(b.returns)?;
    let zone = b.params::<InZone>()?.zone()?;
    let dates = element.data_type() == &DataType::Date32;
    let timed = matches!(element.data_type(), DataType::Timestamp(..));
    let read = |i: usize| -> Result<Vec<Option<i64>>> {
        // Dates are computed as microseconds at midnight, so that one loop serves dates and timestamps.
        Ok(if dates {
            let p = b.prims::<Date32Type>(i)?;
            (0..b.rows).map(|r| p.get(r).map(|d| i64::from(d) * DAY)).collect()
        } else if timed {
            let p = b.prims::<TimestampMicrosecondType>(i)?;
            (0..b.rows).map(|r| p.get(r)).collect()
        } else {
            let p = b.prims::<Int64Type>(i)?;
            (0..b.rows).map(|r| p.get(r)).collect()
        })
    };
    let (starts, stops, steps) = (read(0)?, read(1)?, steps(b)?);
    let unit = if dates || timed { DAY } else { 1 };
    let (mut values, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..b.rows {
        let ends = starts.get(row).copied().flatten().zip(stops.get(row).copied().flatten());
        let before = values.len();
        let step = match &steps {
            None => ends.map(|(a, z)| Step { units: if a <= z { unit } else { -unit }, months: 0 }),
            Some(steps) => steps.get(row).copied().flatten(),
        };
        let known = ends.zip(step);
        if let Some(((start, stop), step)) = known {
            // A single row may have many million elements.
            cancel::check()?;
            fill(&mut values, start, stop, step, if dates || timed { Some(zone) } else { None })?;
        }
        lengths.push(values.len() - before);
        valid.push(known.is_some());
    }
    if dates {
        values.iter_mut().for_each(|v| *v = v.div_euclid(DAY));
    }
    finish(b, values, lengths, valid)
}

fn finish(b: &Batch, values: Vec<i64>, lengths: Vec<usize>, valid: Vec<bool>) -> Result<ArrayRef> {
    let element = super::element_of(b.returns)?;
    let wide: ArrayRef = Arc::new(Int64Array::from(values));
    // A DATE has 32 bits: the days are narrowed to INT first.
    let wide = match element.data_type() {
        DataType::Date32 => arrow(::arrow::compute::cast(&wide, &DataType::Int32))?,
        _ => wide,
    };
    let values = arrow(::arrow::compute::cast(&wide, element.data_type()))?;
    let nulls = NullBuffer::from(valid);
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(arrow(ListArray::try_new(Arc::clone(element), offsets, values, nulls))?))
}

/// Reads the step argument, if there is one.
fn steps(b: &Batch) -> Result<Option<Vec<Option<Step>>>> {
    if b.len() < 3 {
        return Ok(None);
    }
    let all = 0..b.rows;
    let units = |units: i64| Step { units, months: 0 };
    Ok(Some(match b.type_of(2)? {
        t if t == DAY_TIME => {
            let p = b.prims::<DurationMicrosecondType>(2)?;
            all.map(|r| p.get(r).map(units)).collect()
        }
        t if t == YEAR_MONTH => {
            let p = b.prims::<IntervalYearMonthType>(2)?;
            all.map(|r| p.get(r).map(|m| Step { units: 0, months: i64::from(m) })).collect()
        }
        _ => {
            let p = b.prims::<Int64Type>(2)?;
            all.map(|r| p.get(r).map(units)).collect()
        }
    }))
}

/// Appends `start`, `start + step`, … up to `stop`. The loop ends, since each step approaches `stop` and the number
/// of elements is bounded.
fn fill(values: &mut Vec<i64>, start: i64, stop: i64, step: Step, zone: Option<Zone>) -> Result<()> {
    // One of the two is 0.
    let direction = step.units.signum() + step.months.signum();
    let fits = if start == stop { true } else { direction == (stop - start).signum() };
    if !fits {
        let text = format!("({start} to {stop} by {})", step.units + step.months);
        return Err(bad_value(
            "sequence",
            "step",
            "boundaries that the step leads from one to the other",
            &text,
        ));
    }
    if start == stop {
        values.push(start);
        return Ok(());
    }
    for i in 0.. {
        let next = match zone {
            None => step.units.checked_mul(i).and_then(|d| start.checked_add(d)),
            Some(zone) => {
                // From the start each time and not from the previous element, so that months of different
                // lengths do not add up: January 31, February 29, March 31.
                let (days, micros) = ((step.units / DAY).checked_mul(i), (step.units % DAY).checked_mul(i));
                let both = days.zip(micros);
                both.map(|(d, m)| moved(start, step.months * i, d, m, zone)).transpose()?
            }
        };
        match next {
            Some(v) if (direction > 0 && v <= stop) || (direction < 0 && v >= stop) => values.push(v),
            // Beyond the stop, or beyond 64 bits.
            _ => break,
        }
        if values.len() > ELEMENTS_MAX {
            return Err(too_many_elements());
        }
    }
    Ok(())
}

fn too_many_elements() -> Error {
    let text = format!(
        "Can't create arrays with more than {ELEMENTS_MAX} elements in one batch of rows, which is the array size \
         limit, cannot initialize an array with specified parameters."
    );
    Error::new(ErrorKind::Runtime, "COLLECTION_SIZE_LIMIT_EXCEEDED.INITIALIZE", "54000", text)
        .param("maxRoundedArrayLength", ELEMENTS_MAX.to_string())
        .hint("Make shorter sequences, or join with range().")
}
