//! Computes on the bits of integers: `& | ^ ~`, shifts, `bit_count`, `bit_get`.

use crate::binding::Bound;
use crate::coerce::coerce_both;
use crate::errors::{bad_value_of, unexpected_type};
use crate::kernel::{Batch, Kernel};
use crate::registry::{Call, Display, DisplayForm, Entry};
use crate::types::is_integral;
use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use std::sync::Arc;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["&"], 2, 2, |c| binary(c, Operator::BitwiseAnd)).shown(DisplayForm::Infix("&")).doc(
        "left, right",
        "Returns the bits that both integers have.",
        &["SELECT 12 & 10"],
    ),
    Entry::bind(&["|"], 2, 2, |c| binary(c, Operator::BitwiseOr)).shown(DisplayForm::Infix("|")).doc(
        "left, right",
        "Returns the bits that one of the integers has.",
        &["SELECT 12 | 10"],
    ),
    Entry::bind(&["^"], 2, 2, |c| binary(c, Operator::BitwiseXor)).shown(DisplayForm::Infix("^")).doc(
        "left, right",
        "Returns the bits that exactly one of the integers has.",
        &["SELECT 12 ^ 10"],
    ),
    Entry::bind(&["~"], 1, 1, not).shown(DisplayForm::BarePrefix("~")).doc(
        "number",
        "Inverts all bits of an integer.",
        &["SELECT ~5"],
    ),
    Entry::bind(&["<<", "shiftleft"], 2, 2, |c| shift(c, "shiftleft", left))
        .display(Display::form_of(DisplayForm::Infix("<<"), &["<<"]))
        .doc("number, bits", "Moves bits to the left.", &["SELECT 1 << 4, shiftleft(3, 1)"]),
    Entry::bind(&[">>", "shiftright"], 2, 2, |c| shift(c, "shiftright", right))
        .display(Display::form_of(DisplayForm::Infix(">>"), &[">>"]))
        .doc("number, bits", "Moves bits to the right and keeps the sign.", &["SELECT -16 >> 2"]),
    Entry::bind(&[">>>", "shiftrightunsigned"], 2, 2, |c| shift(c, "shiftrightunsigned", right_unsigned))
        .display(Display::form_of(DisplayForm::Infix(">>>"), &[">>>"]))
        .doc("number, bits", "Moves bits to the right and fills with zeros.", &["SELECT -1 >>> 28"]),
    Entry::bind(&["bit_count"], 1, 1, bit_count).doc(
        "number",
        "Counts the bits that are set.",
        &["SELECT bit_count(7)"],
    ),
    Entry::bind(&["bit_get", "getbit"], 2, 2, bit_get).doc(
        "number, position",
        "Returns the bit at a position, counted from 0 at the right.",
        &["SELECT bit_get(5, 0), bit_get(5, 1)"],
    ),
];

fn require_integral(name: &str, i: usize, t: &DataType) -> Result<()> {
    if is_integral(t) { Ok(()) } else { Err(unexpected_type(name, i, "INTEGRAL", t)) }
}

/// Binds `&`, `|` and `^` of two integers of their common type.
fn binary(call: Call, operator: Operator) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let nullable = call.nullable(0) || call.nullable(1);
    let [left, right] = call.take()?;
    let ([left, right], common) = coerce_both(name, [left, right], ctx)?;
    require_integral(name, 0, &common)?;
    // Bits of integers need no kernel: DataFusion's operators cannot fail.
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
    Ok(Bound { expr, data_type: common, nullable, fallible: false })
}

fn not(call: Call) -> Result<Bound> {
    require_integral("~", 0, &call.type_of(0))?;
    Ok(Kernel::new("bitwise_not", call.type_of(0), bitwise_not).call(call.args))
}

fn bitwise_not(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    Ok(match array.data_type() {
        DataType::Int8 => Arc::new(array.as_primitive::<Int8Type>().unary::<_, Int8Type>(|v| !v)),
        DataType::Int16 => Arc::new(array.as_primitive::<Int16Type>().unary::<_, Int16Type>(|v| !v)),
        DataType::Int32 => Arc::new(array.as_primitive::<Int32Type>().unary::<_, Int32Type>(|v| !v)),
        _ => Arc::new(array.as_primitive::<Int64Type>().unary::<_, Int64Type>(|v| !v)),
    })
}

/// Binds a shift of an INT or BIGINT.
fn shift(mut call: Call, name: &'static str, run: crate::kernel::Run) -> Result<Bound> {
    // As in Java, only INT and BIGINT are shifted; smaller integers are widened to INT.
    if call.type_of(0) != DataType::Int64 {
        call.coerce(0, &DataType::Int32)?;
    }
    call.coerce(1, &DataType::Int32)?;
    Ok(Kernel::new(name, call.type_of(0), run).call(call.args))
}

/// Shifts each row. As in Java, only the low 5 bits of the distance count for an INT and the low 6 for a BIGINT, so
/// that no shift can overflow.
fn shifted(b: &Batch, narrow: fn(i32, u32) -> i32, wide: fn(i64, u32) -> i64) -> Result<ArrayRef> {
    let by = b.prims::<Int32Type>(1)?;
    if b.type_of(0)? == DataType::Int64 {
        let value = b.prims::<Int64Type>(0)?;
        return b
            .build::<Int64Type>(|i| Ok(value.get(i).zip(by.get(i)).map(|(v, n)| wide(v, n as u32 & 63))));
    }
    let value = b.prims::<Int32Type>(0)?;
    b.build::<Int32Type>(|i| Ok(value.get(i).zip(by.get(i)).map(|(v, n)| narrow(v, n as u32 & 31))))
}

fn left(b: &Batch) -> Result<ArrayRef> {
    shifted(b, |v, n| v << n, |v, n| v << n)
}

fn right(b: &Batch) -> Result<ArrayRef> {
    shifted(b, |v, n| v >> n, |v, n| v >> n)
}

fn right_unsigned(b: &Batch) -> Result<ArrayRef> {
    shifted(b, |v, n| ((v as u32) >> n) as i32, |v, n| ((v as u64) >> n) as i64)
}

/// Binds `bit_count`, the number of bits that are set, for integers and booleans.
fn bit_count(mut call: Call) -> Result<Bound> {
    // Spark also counts the bit of a BOOLEAN.
    if call.type_of(0) != DataType::Boolean {
        require_integral("bit_count", 0, &call.type_of(0))?;
    } else {
        call.args = vec![crate::coerce::to_type(call.args.remove(0), &DataType::Int32, call.ctx)?];
    }
    // Widening keeps the sign: a negative INT has the 32 upper bits set too, and Spark counts all 64.
    call.coerce(0, &DataType::Int64)?;
    Ok(Kernel::new("bit_count", DataType::Int32, count).call(call.args))
}

fn count(b: &Batch) -> Result<ArrayRef> {
    let value = b.prims::<Int64Type>(0)?;
    b.build::<Int32Type>(|i| Ok(value.get(i).map(|v| v.count_ones() as i32)))
}

fn bit_get(mut call: Call) -> Result<Bound> {
    let bits = match call.type_of(0) {
        DataType::Int8 => 8,
        DataType::Int16 => 16,
        DataType::Int32 => 32,
        DataType::Int64 => 64,
        other => return Err(unexpected_type("bit_get", 0, "INTEGRAL", &other)),
    };
    call.coerce(0, &DataType::Int64)?;
    call.coerce(1, &DataType::Int32)?;
    Ok(Kernel::new("bit_get", DataType::Int8, get).fallible(true).params(Width(bits)).call(call.args))
}

/// The number of bits of the argument's type: the kernel sees a BIGINT.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Width(i64);

/// Returns the bit at each position; an error if the type does not have the position.
fn get(b: &Batch) -> Result<ArrayRef> {
    let (value, at) = (b.prims::<Int64Type>(0)?, b.prims::<Int32Type>(1)?);
    let Width(bits) = *b.params()?;
    b.build::<Int8Type>(|i| {
        let Some((v, n)) = value.get(i).zip(at.get(i)) else { return Ok(None) };
        if n < 0 || i64::from(n) >= bits {
            // The range is that of the argument's type before it was widened.
            let class = "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE";
            let expected = format!("an integer value in [0, {bits})");
            return Err(bad_value_of(class, ["bit_get", "pos"], &expected, &n.to_string()));
        }
        Ok(Some(((v >> n) & 1) as <Int8Type as ArrowPrimitiveType>::Native))
    })
}
