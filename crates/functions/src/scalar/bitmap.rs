//! Implements `bitmap_bit_position`, `bitmap_bucket_number` and `bitmap_count`: numbers as bits of the bitmaps by which
//! Spark counts distinct values, each of 4,096 bytes.

use crate::aggregate::BITMAP_BYTES;
use crate::binding::Bound;
use crate::errors::unexpected_type;
use crate::kernel::{Batch, Kernel};
use crate::registry::{Call, Entry, Ty};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int64Type};
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["bitmap_bit_position"], &[Ty::Long], Ty::Long, |b| each(b, bit_position)).doc(
        "number",
        "Returns the position of a number's bit in the bitmap of its bucket.",
        &["SELECT bitmap_bit_position(32769), bitmap_bit_position(-3)"],
    ),
    Entry::plain(&["bitmap_bucket_number"], &[Ty::Long], Ty::Long, |b| each(b, bucket_number)).doc(
        "number",
        "Returns the number of the bucket whose bitmap has a number's bit.",
        &["SELECT bitmap_bucket_number(32769), bitmap_bucket_number(-3)"],
    ),
    Entry::bind(&["bitmap_count"], 1, 1, count).doc(
        "bitmap",
        "Returns the number of bits of a bitmap that are set.",
        &["SELECT bitmap_count(X'0107')"],
    ),
];

/// The bits of a bitmap.
const BITS: i64 = 8 * BITMAP_BYTES as i64;

/// Numbers that are not positive count down from 0; the least of them is its own negative, as in Java.
fn bit_position(n: i64) -> i64 {
    if n > 0 { (n - 1) % BITS } else { n.wrapping_neg() % BITS }
}

fn bucket_number(n: i64) -> i64 {
    // The division rounds toward zero, as Java's does, so 0 and the negative numbers after it share a bucket.
    if n > 0 { 1 + (n - 1) / BITS } else { n / BITS }
}

fn each(b: &Batch, of: fn(i64) -> i64) -> Result<ArrayRef> {
    let numbers = b.prims::<Int64Type>(0)?;
    b.build::<Int64Type>(|row| Ok(numbers.get(row).map(of)))
}

fn count(call: Call) -> Result<Bound> {
    match call.type_of(0) {
        DataType::Binary => Ok(Kernel::new("bitmap_count", DataType::Int64, run_count).call(call.args)),
        other => Err(unexpected_type(call.name, 0, "BINARY", &other)),
    }
}

fn run_count(b: &Batch) -> Result<ArrayRef> {
    let bitmaps = b.bytes(0)?;
    let ones = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(byte.count_ones())).sum();
    b.build::<Int64Type>(|row| Ok(bitmaps.get(row).map(ones)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_buckets_and_bits() {
        let cases = [
            (1, 0, 1),
            (32768, 32767, 1),
            (32769, 0, 2),
            (0, 0, 0),
            (-1, 1, 0),
            (-32768, 0, -1),
            (-32769, 1, -1),
            (i64::MAX, 32766, 281_474_976_710_656),
            (i64::MIN, 0, -281_474_976_710_656),
        ];
        for (n, bit, bucket) in cases {
            assert_eq!((bit_position(n), bucket_number(n)), (bit, bucket), "{n}");
        }
    }
}
