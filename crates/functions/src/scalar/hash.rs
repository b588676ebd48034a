//! Computes `hash` (Murmur3, 32 bits) and `xxhash64` (XXH64) of rows, bit for bit as Spark does.
//!
//! The seed of each argument is the hash of those before it; a null leaves the seed as it is. Numbers are hashed as 4
//! or 8 bytes, floating-point numbers as keys, arrays and structs as the sequence of their elements. Maps have no
//! order and therefore no hash.

use crate::binding::Bound;
use crate::errors::map_has_no_hash;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::operators::key::normal;
use crate::registry::{Call, Entry, MANY};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    TimestampMicrosecondType,
};
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["hash"], 1, MANY, |c| bind(c, "hash", DataType::Int32, murmur3)).doc(
        "value, ...",
        "Returns the Murmur3 hash of the values, 32 bits.",
        &["SELECT hash('a', 1)"],
    ),
    Entry::bind(&["xxhash64"], 1, MANY, |c| bind(c, "xxhash64", DataType::Int64, xxhash64)).doc(
        "value, ...",
        "Returns the xxHash of the values, 64 bits.",
        &["SELECT xxhash64('a', 1)"],
    ),
];

/// Spark's seed of the first argument.
const SEED: u64 = 42;
/// The greatest precision of a decimal that is hashed as a long, because Spark stores it as one.
const LONG_DIGITS: u8 = 18;

fn bind(call: Call, name: &'static str, returns: DataType, run: crate::kernel::Run) -> Result<Bound> {
    if call.args.iter().any(|a| holds_map(&a.data_type)) {
        return Err(map_has_no_hash(name));
    }
    Ok(Kernel::new(name, returns, run).nulls(Nulls::Never).call(call.args))
}

fn holds_map(t: &DataType) -> bool {
    match t {
        DataType::Map(..) => true,
        DataType::List(element) => holds_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| holds_map(f.data_type())),
        _ => false,
    }
}

fn murmur3(b: &Batch) -> Result<ArrayRef> {
    let of = Hasher { int: murmur::int, long: murmur::long, bytes: murmur::bytes };
    Ok(Arc::new(Int32Array::from_iter_values(of.rows(b)?.into_iter().map(|h| h as u32 as i32))))
}

fn xxhash64(b: &Batch) -> Result<ArrayRef> {
    let of = Hasher { int: xxh::int, long: xxh::long, bytes: xxh::bytes };
    Ok(Arc::new(Int64Array::from_iter_values(of.rows(b)?.into_iter().map(|h| h as i64))))
}

/// A hash function for each kind of input. The seed is the last argument.
struct Hasher {
    int: fn(i32, u64) -> u64,
    long: fn(i64, u64) -> u64,
    bytes: fn(&[u8], u64) -> u64,
}

impl Hasher {
    /// Computes the hash of each row over all arguments.
    fn rows(&self, b: &Batch) -> Result<Vec<u64>> {
        let mut hashes = vec![SEED; b.rows];
        for i in 0..b.len() {
            // Spark hashes both zeros alike, and all NaNs.
            let column = normal(&b.array(i)?)?;
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = self.value(&column, row, *hash)?;
            }
        }
        Ok(hashes)
    }

    /// Returns the hash of one value; for a null the seed.
    fn value(&self, array: &ArrayRef, row: usize, seed: u64) -> Result<u64> {
        if array.is_null(row) {
            return Ok(seed);
        }
        match array.data_type() {
            DataType::Null => Ok(seed),
            DataType::List(_) => {
                let values = array.as_list::<i32>().value(row);
                (0..values.len()).try_fold(seed, |hash, i| self.value(&values, i, hash))
            }
            DataType::Struct(_) => {
                array.as_struct().columns().iter().try_fold(seed, |hash, c| self.value(c, row, hash))
            }
            DataType::Utf8 => Ok((self.bytes)(array.as_string::<i32>().value(row).as_bytes(), seed)),
            DataType::Binary => Ok((self.bytes)(array.as_binary::<i32>().value(row), seed)),
            other => {
                self.number(array, row, seed).ok_or_else(|| Error::unsupported(format!("a hash of {other}")))
            }
        }
    }

    /// Returns the hash of a value that is not nested, or `None` for a type without a hash.
    fn number(&self, array: &ArrayRef, row: usize, seed: u64) -> Option<u64> {
        let int = |v: i32| (self.int)(v, seed);
        let long = |v: i64| (self.long)(v, seed);
        Some(match array.data_type() {
            DataType::Boolean => int(i32::from(array.as_boolean().value(row))),
            DataType::Int8 => int(array.as_primitive::<Int8Type>().value(row).into()),
            DataType::Int16 => int(array.as_primitive::<Int16Type>().value(row).into()),
            DataType::Int32 => int(array.as_primitive::<Int32Type>().value(row)),
            DataType::Date32 => int(array.as_primitive::<Date32Type>().value(row)),
            DataType::Int64 => long(array.as_primitive::<Int64Type>().value(row)),
            DataType::Float32 => int(array.as_primitive::<Float32Type>().value(row).to_bits() as i32),
            DataType::Float64 => long(array.as_primitive::<Float64Type>().value(row).to_bits() as i64),
            DataType::Timestamp(..) => long(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            DataType::Duration(_) => long(array.as_primitive::<DurationMicrosecondType>().value(row)),
            DataType::Interval(IntervalUnit::YearMonth) => {
                int(array.as_primitive::<IntervalYearMonthType>().value(row))
            }
            DataType::Interval(_) => {
                let v = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
                // Spark hashes microseconds, days and months in this order.
                let micros = (self.long)(v.nanoseconds / 1_000, seed);
                (self.int)(v.months, (self.int)(v.days, micros))
            }
            DataType::Decimal128(precision, _) => {
                self.decimal(array.as_primitive::<Decimal128Type>().value(row), *precision, seed)
            }
            _ => return None,
        })
    }

    /// Hashes a decimal. One that does not fit into a long is hashed as Java's `BigInteger.toByteArray`: the shortest
    /// two's complement, highest byte first.
    fn decimal(&self, value: i128, precision: u8, seed: u64) -> u64 {
        // 18 digits fit into 64 bits, so the cast loses nothing.
        if precision <= LONG_DIGITS {
            return (self.long)(value as i64, seed);
        }
        let bytes = value.to_be_bytes();
        let sign: u8 = if value < 0 { 0xff } else { 0 };
        // A first byte is redundant if it repeats the sign bit of the next one.
        let is_spare = |w: &[u8]| matches!(w, [first, next] if *first == sign && (next ^ sign) < 0x80);
        let spare = bytes.windows(2).take_while(|w| is_spare(w)).count();
        (self.bytes)(bytes.get(spare..).unwrap_or_default(), seed)
    }
}

/// MurmurHash3 with 32 bits, as in Spark's `Murmur3_x86_32`: unlike in the original, the last bytes of a text are
/// mixed in one by one, as signed numbers.
mod murmur {
    fn mixed(word: u32, hash: u32) -> u32 {
        let k = word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        (hash ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    }

    fn finished(hash: u32, length: u32) -> u64 {
        let mut h = hash ^ length;
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        u64::from(h ^ (h >> 16))
    }

    pub(super) fn int(v: i32, seed: u64) -> u64 {
        finished(mixed(v as u32, seed as u32), 4)
    }

    pub(super) fn long(v: i64, seed: u64) -> u64 {
        let low = mixed(v as u32, seed as u32);
        finished(mixed((v >> 32) as u32, low), 8)
    }

    pub(super) fn bytes(bytes: &[u8], seed: u64) -> u64 {
        let mut hash = seed as u32;
        let words = bytes.chunks_exact(4);
        let rest = words.remainder();
        for word in words {
            hash = mixed(word.iter().rev().fold(0, |w, b| w << 8 | u32::from(*b)), hash);
        }
        // Each of the last bytes is mixed in as a word of its own, sign-extended.
        for byte in rest {
            hash = mixed(i32::from(*byte as i8) as u32, hash);
        }
        finished(hash, bytes.len() as u32)
    }
}

/// XXH64. Numbers are hashed as their little-endian bytes.
mod xxh {
    const P1: u64 = 0x9e37_79b1_85eb_ca87;
    const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
    const P3: u64 = 0x1656_67b1_9e37_79f9;
    const P4: u64 = 0x85eb_ca77_c2b2_ae63;
    const P5: u64 = 0x27d4_eb2f_1656_67c5;
    /// The bytes that the four lanes consume together.
    const STRIPE: usize = 32;

    fn word(bytes: &[u8]) -> u64 {
        bytes.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b))
    }

    fn round(lane: u64, word: u64) -> u64 {
        lane.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
    }

    /// Mixes all whole stripes of 32 bytes into the seed.
    fn striped(bytes: &[u8], seed: u64) -> u64 {
        if bytes.len() < STRIPE {
            return seed.wrapping_add(P5);
        }
        let start = seed.wrapping_add(P1);
        let mut lanes = [start.wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)];
        for stripe in bytes.chunks_exact(STRIPE) {
            for (lane, part) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
                *lane = round(*lane, word(part));
            }
        }
        let turned = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, by)| lane.rotate_left(by));
        let hash = turned.fold(0u64, u64::wrapping_add);
        lanes.iter().fold(hash, |h, lane| (h ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4))
    }

    pub(super) fn bytes(bytes: &[u8], seed: u64) -> u64 {
        let mut hash = striped(bytes, seed).wrapping_add(bytes.len() as u64);
        let eights = bytes.chunks_exact(STRIPE).remainder().chunks_exact(8);
        let mut rest = eights.remainder();
        for eight in eights {
            hash = (hash ^ round(0, word(eight))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
        }
        if let Some((four, tail)) = rest.split_at_checked(4) {
            hash = (hash ^ word(four).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
            rest = tail;
        }
        for byte in rest {
            hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
        hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
        hash ^ (hash >> 32)
    }

    pub(super) fn int(v: i32, seed: u64) -> u64 {
        bytes(&v.to_le_bytes(), seed)
    }

    pub(super) fn long(v: i64, seed: u64) -> u64 {
        bytes(&v.to_le_bytes(), seed)
    }
}
