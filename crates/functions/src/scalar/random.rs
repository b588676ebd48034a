//! Computes `rand`, `randn`, `uuid` and `monotonically_increasing_id`, which return another value for every row.
//!
//! With a seed the values are Spark's, row for row, if one partition computes them. Every call of one of these
//! functions has a generator of its own, from which all batches of the query draw. Such a call must not be folded,
//! repeated or moved: `Volatility::Volatile` declares this to the optimizer.

use crate::binding::{Arg, Bound};
use crate::errors::{external, seed_not_constant, unexpected_type};
use crate::registry::{Call, Display, Entry};
use crate::types::is_integral;
use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["rand", "random"], 0, 1, |c| seeded(c, RandomKind::Uniform))
        .display(Display::names(&[("random", "rand")]))
        .doc(
            "[seed]",
            "Returns a random number from 0 (inclusive) to 1 (exclusive) for each row.",
            &["SELECT rand() >= 0 AND rand() < 1"],
        ),
    Entry::bind(&["randn"], 0, 1, |c| seeded(c, RandomKind::Normal)).doc(
        "[seed]",
        "Returns a random number of the standard normal distribution for each row.",
        &["SELECT abs(randn()) < 100"],
    ),
    Entry::bind(&["uuid"], 0, 1, |c| seeded(c, RandomKind::Uuid)).doc(
        "[seed]",
        "Returns a random UUID for each row.",
        &["SELECT length(uuid())"],
    ),
    Entry::bind(&["monotonically_increasing_id"], 0, 0, |_| Ok(call(RandomKind::Number, 0))).doc(
        "",
        "Numbers the rows: unique and increasing within a partition, not dense.",
        &["SELECT monotonically_increasing_id() >= 0"],
    ),
];

/// The kind of value that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RandomKind {
    /// A double from 0 up to 1.
    Uniform,
    /// A double of the standard normal distribution.
    Normal,
    Uuid,
    /// 0, 1, 2, …: different in every row, and rising.
    Number,
    /// So many letters and digits.
    Text(usize),
}

impl RandomKind {
    fn name(self) -> &'static str {
        match self {
            Self::Uniform => "rand",
            Self::Normal => "randn",
            Self::Uuid => "uuid",
            Self::Number => "monotonically_increasing_id",
            Self::Text(_) => "randstr",
        }
    }

    fn returns(self) -> DataType {
        match self {
            Self::Uniform | Self::Normal => DataType::Float64,
            Self::Uuid | Self::Text(_) => DataType::Utf8,
            Self::Number => DataType::Int64,
        }
    }
}

/// Binds a function with an optional seed. A null seed is 0; without a seed the context provides one.
fn seeded(c: Call, kind: RandomKind) -> Result<Bound> {
    let seed = match c.args.first() {
        None => c.ctx.seed,
        Some(arg) => seed_of(kind.name(), arg)?,
    };
    Ok(call(kind, seed))
}

/// Returns the seed of a constant argument.
fn seed_of(name: &'static str, arg: &Arg) -> Result<i64> {
    if !is_integral(&arg.data_type) && arg.data_type != DataType::Null {
        return Err(unexpected_type(name, 0, "(\"INT\" or \"BIGINT\")", &arg.data_type));
    }
    // An expression of constants is accepted as well: `rand(1 + 2)`.
    let value = crate::coerce::constant_of(arg).ok_or_else(|| seed_not_constant(name))?;
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(seed)) => Ok(seed.unwrap_or(0)),
        _ => Err(seed_not_constant(name)),
    }
}

/// Makes a call with a generator of its own.
pub(super) fn call(kind: RandomKind, seed: i64) -> Bound {
    let source = match kind {
        RandomKind::Uniform | RandomKind::Normal | RandomKind::Text(_) => Source::Shift(XorShift::new(seed)),
        RandomKind::Uuid => Source::Twister(Box::new(Twister::new(seed))),
        RandomKind::Number => Source::Counter(0),
    };
    let signature = Signature::exact(vec![], Volatility::Volatile);
    let udf = ScalarUDF::new_from_impl(RandomFunction { kind, seed, source: Mutex::new(source), signature });
    let expr = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), vec![]));
    Bound { expr, data_type: kind.returns(), nullable: false, fallible: false }
}

/// The generator of the next value.
#[derive(Debug)]
enum Source {
    Shift(XorShift),
    Twister(Box<Twister>),
    Counter(i64),
}

/// One call of a function of this file.
#[derive(Debug)]
struct RandomFunction {
    kind: RandomKind,
    seed: i64,
    source: Mutex<Source>,
    signature: Signature,
}

impl PartialEq for RandomFunction {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.seed == other.seed
    }
}

impl Eq for RandomFunction {}

impl Hash for RandomFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.seed.hash(state);
    }
}

impl ScalarUDFImpl for RandomFunction {
    fn name(&self) -> &str {
        self.kind.name()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.kind.returns())
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.kind.name(), self.kind.returns(), false)))
    }
    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        Ok(crate::call_name::call_name(self, self.kind.name(), args))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // One lock for each batch: the rows of a batch get consecutive values even if partitions share the call.
        let mut source = lock(&self.source);
        let rows = 0..args.number_rows;
        let values: ArrayRef = match &mut *source {
            Source::Shift(of) if self.kind == RandomKind::Normal => {
                Arc::new(Float64Array::from_iter_values(rows.map(|_| of.normal())))
            }
            Source::Shift(of) => match self.kind {
                RandomKind::Text(length) => texts(of, length, args.number_rows).map_err(external)?,
                _ => Arc::new(Float64Array::from_iter_values(rows.map(|_| of.uniform()))),
            },
            Source::Twister(of) => Arc::new(StringArray::from_iter_values(rows.map(|_| of.uuid()))),
            Source::Counter(next) => Arc::new(Int64Array::from_iter_values(rows.map(|_| {
                *next += 1;
                *next - 1
            }))),
        };
        Ok(ColumnarValue::Array(values))
    }
}

/// The most bytes of the texts of a batch.
const TEXT_BYTES_MAX: usize = i32::MAX as usize;

fn texts(of: &mut XorShift, length: usize, rows: usize) -> Result<ArrayRef> {
    if length.saturating_mul(rows) > TEXT_BYTES_MAX {
        return Err(Error::unsupported(format!("randstr of {length} characters in {rows} rows at once")));
    }
    let mut texts = Vec::with_capacity(rows);
    for row in 0..rows {
        crate::kernel::still_wanted(row)?;
        texts.push(of.text(length));
    }
    Ok(Arc::new(StringArray::from_iter_values(texts)))
}

/// The seed with which Scala's `MurmurHash3` hashes arrays.
const ARRAY_SEED: u32 = 0x3c07_4a61;

/// Marsaglia's 64-bit xorshift with a hashed seed (Spark's `XORShiftRandom`), from which numbers are derived as
/// `java.util.Random` does.
#[derive(Debug)]
struct XorShift {
    state: i64,
    /// The second one of a pair of normal values.
    spare: Option<f64>,
}

impl XorShift {
    fn new(seed: i64) -> Self {
        // Spark hashes the seed, so that small seeds do not begin with similar values.
        let low = murmur3(&seed.to_be_bytes(), ARRAY_SEED);
        let high = murmur3(&seed.to_be_bytes(), low);
        Self { state: (i64::from(high) << 32) | i64::from(low), spare: None }
    }

    /// Draws a number of at most 32 bits, as Java's `Random.next` does.
    fn bits(&mut self, count: u32) -> i64 {
        let mut next = self.state ^ (self.state << 21);
        next ^= ((next as u64) >> 35) as i64;
        next ^= next << 4;
        self.state = next;
        // Java's `next` returns an `int`; up to 27 bits never reach its sign.
        i64::from((next & ((1 << count) - 1)) as i32)
    }

    /// Draws a double from 0 up to 1, with 53 random bits.
    fn uniform(&mut self) -> f64 {
        // 26 and 27 bits make the 53 bits of a double's mantissa, as in Java's `nextDouble`.
        let high = self.bits(26) << 27;
        (high + self.bits(27)) as f64 * (1.0 / (1_i64 << 53) as f64)
    }

    /// Letters and digits, each as likely as the others.
    fn text(&mut self, length: usize) -> String {
        const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut one = || (self.bits(32) % 62).unsigned_abs() as usize;
        (0..length).filter_map(|_| DIGITS.get(one()).map(|digit| char::from(*digit))).collect()
    }

    /// Draws a normal value by Marsaglia's polar method: a point in the unit circle gives two values. π/4 of the
    /// points are in it, so the loop ends.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * factor);
                return x * factor;
            }
        }
    }
}

/// Computes Scala's `MurmurHash3` of the eight bytes of a seed, which are two whole words.
fn murmur3(bytes: &[u8; 8], seed: u32) -> u32 {
    let mut hash = seed;
    for word in bytes.chunks_exact(4) {
        let k = word.iter().rev().fold(0u32, |w, b| w << 8 | u32::from(*b));
        let k = k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = (hash ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= 8;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// The number of words in the state of MT19937.
const WORDS: usize = 624;
/// The distance of the two words that are mixed.
const STEP: usize = 397;

/// The Mersenne twister MT19937 of Matsumoto and Nishimura, seeded with the two halves of a long as in Apache Commons
/// Math, which Spark uses for `uuid`.
#[derive(Debug)]
struct Twister {
    words: [u32; WORDS],
    next: usize,
}

impl Twister {
    fn new(seed: i64) -> Self {
        let key = [(seed >> 32) as u32, seed as u32];
        let mut words = [0u32; WORDS];
        let mut last = 19_650_218u32;
        for (i, word) in (0u32..).zip(&mut words) {
            if i > 0 {
                last = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i);
            }
            *word = last;
        }
        let mut at = 1;
        for round in 0..WORDS {
            let j = round % key.len();
            let k = key.get(j).copied().unwrap_or(0);
            mix_seed(&mut words, &mut at, 1_664_525, |w| w.wrapping_add(k).wrapping_add(j as u32));
        }
        for _ in 1..WORDS {
            let i = at as u32;
            mix_seed(&mut words, &mut at, 1_566_083_941, |w| w.wrapping_sub(i));
        }
        if let Some(first) = words.first_mut() {
            *first = 0x8000_0000;
        }
        Self { words, next: WORDS }
    }

    /// Draws 32 bits.
    fn word(&mut self) -> u32 {
        if self.next >= WORDS {
            self.generate();
        }
        let mut y = self.words.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Generates the next 624 words.
    fn generate(&mut self) {
        let word = |words: &[u32; WORDS], i: usize| words.get(i % WORDS).copied().unwrap_or(0);
        for i in 0..WORDS {
            let y = (word(&self.words, i) & 0x8000_0000) | (word(&self.words, i + 1) & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            let made = word(&self.words, i + STEP) ^ (y >> 1) ^ odd;
            if let Some(to) = self.words.get_mut(i) {
                *to = made;
            }
        }
        self.next = 0;
    }

    fn long(&mut self) -> u64 {
        let high = u64::from(self.word());
        high << 32 | u64::from(self.word())
    }

    /// A UUID of version 4.
    fn uuid(&mut self) -> String {
        // The fixed bits of version 4, variant 1.
        let most = (self.long() & 0xffff_ffff_ffff_0fff) | 0x4000;
        let least = (self.long() | 0x8000_0000_0000_0000) & 0xbfff_ffff_ffff_ffff;
        let (a, b, c) = (most >> 32, (most >> 16) & 0xffff, most & 0xffff);
        format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", least >> 48, least & 0xffff_ffff_ffff)
    }
}

/// Does one step of the seeding: mixes a word with the previous one and advances. After the last word it wraps around
/// to the second one.
fn mix_seed(words: &mut [u32; WORDS], at: &mut usize, factor: u32, finish: impl Fn(u32) -> u32) {
    let before = words.get(*at - 1).copied().unwrap_or(0);
    if let Some(word) = words.get_mut(*at) {
        *word = finish(*word ^ (before ^ (before >> 30)).wrapping_mul(factor));
    }
    *at += 1;
    if *at >= WORDS {
        let last = words.last().copied().unwrap_or(0);
        if let Some(first) = words.first_mut() {
            *first = last;
        }
        *at = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_generators_are_sparks() {
        let mut of = XorShift::new(7);
        let got = [of.uniform(), of.uniform(), of.uniform()];
        assert_eq!(got, [0.281_881_214_848_858_75, 0.459_988_190_350_563_26, 0.769_097_166_603_195_5]);
        let mut of = XorShift::new(7);
        let got = [of.normal(), of.normal(), of.normal()];
        assert_eq!(got, [-1.773_755_556_110_447, -0.325_378_529_990_178_97, 1.163_757_132_592_441_4]);
        let mut of = XorShift::new(0);
        assert_eq!([of.text(5), of.text(5)], ["ceV0P", "XaR2I"]);
        assert_eq!(Twister::new(0).uuid(), "269567e9-5d09-4af5-b20f-16851fc4a81a");
    }

    #[test]
    fn calls_without_a_seed_differ_and_those_with_one_are_equal() {
        assert_eq!(call(RandomKind::Uniform, 3), call(RandomKind::Uniform, 3));
        assert_ne!(call(RandomKind::Uniform, 3), call(RandomKind::Normal, 3));
    }
}
