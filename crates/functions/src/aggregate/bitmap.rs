//! Computes `bitmap_construct_agg`, `bitmap_or_agg` and `bitmap_and_agg`: the bitmaps by which Spark counts distinct
//! values, each of 4,096 bytes.
//!
//! The state of a group is its bitmap. A shorter bitmap in the input is filled up with zeros, and what is beyond 4,096
//! bytes is ignored, as in Spark.

use super::Aggregate;
use crate::binding::BoundAggregate;
use crate::errors::{bitmap_position, external, unexpected_type};
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::sync::Arc;
use thalweg_common::Result;

/// The bytes of a bitmap.
pub(crate) const BYTES: usize = 4096;
/// The bits of a byte.
const BYTE_BITS: usize = 8;

/// What becomes of the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bits {
    /// The bits at these positions are set.
    Positions,
    /// The bits that some bitmap has.
    Or,
    /// The bits that all bitmaps have.
    And,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bitmap {
    name: &'static str,
    bits: Bits,
    signature: Signature,
}

/// Binds `bitmap_construct_agg`: positions are cast to BIGINT.
pub(super) fn construct(mut a: Aggregate) -> Result<BoundAggregate> {
    a.coerce(0, &DataType::Int64)?;
    Ok(bound(a, Bits::Positions))
}

/// Binds `bitmap_or_agg` or `bitmap_and_agg`.
pub(super) fn merged(a: Aggregate, bits: Bits) -> Result<BoundAggregate> {
    match a.type_of(0) {
        DataType::Binary => Ok(bound(a, bits)),
        other => Err(unexpected_type(a.name, 0, "BINARY", &other)),
    }
}

fn bound(mut a: Aggregate, bits: Bits) -> BoundAggregate {
    // DISTINCT does not change the result.
    a.call.distinct = false;
    let signature = Signature::user_defined(Volatility::Immutable);
    let bitmap = Bitmap { name: a.name, bits, signature };
    a.of(Arc::new(AggregateUDF::new_from_impl(bitmap)), DataType::Binary, false)
}

impl AggregateUDFImpl for Bitmap {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Binary)
    }
    fn is_nullable(&self) -> bool {
        false
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }
    fn accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        Ok(Box::new(Held::new(self.bits)))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "bitmap"), DataType::Binary, true))])
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
    fn default_value(&self, _data_type: &DataType) -> DfResult<ScalarValue> {
        Held::new(self.bits).evaluate()
    }
}

/// The bitmap of a group.
#[derive(Debug)]
struct Held {
    bits: Bits,
    bytes: Vec<u8>,
}

impl Held {
    fn new(bits: Bits) -> Self {
        let empty = match bits {
            Bits::Positions | Bits::Or => 0,
            // Without a bitmap all have every bit.
            Bits::And => u8::MAX,
        };
        Self { bits, bytes: vec![empty; BYTES] }
    }

    fn set(&mut self, positions: &ArrayRef) -> Result<()> {
        for position in positions.as_primitive::<Int64Type>().iter().flatten() {
            let at = usize::try_from(position).ok();
            let byte = at.and_then(|at| self.bytes.get_mut(at / BYTE_BITS));
            let (Some(at), Some(byte)) = (at, byte) else { return Err(bitmap_position(position, BYTES)) };
            *byte |= 1 << (at % BYTE_BITS);
        }
        Ok(())
    }

    fn merge(&mut self, bitmaps: &ArrayRef) {
        for other in bitmaps.as_binary::<i32>().iter().flatten() {
            let others = other.iter().copied().chain(std::iter::repeat(0));
            let pairs = self.bytes.iter_mut().zip(others);
            match self.bits {
                Bits::Positions | Bits::Or => pairs.for_each(|(byte, other)| *byte |= other),
                Bits::And => pairs.for_each(|(byte, other)| *byte &= other),
            }
        }
    }
}

impl Accumulator for Held {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first() else { return Ok(()) };
        match self.bits {
            Bits::Positions => self.set(values).map_err(external)?,
            Bits::Or | Bits::And => self.merge(values),
        }
        Ok(())
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        states.first().into_iter().for_each(|bitmaps| self.merge(bitmaps));
        Ok(())
    }
    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }
    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.bytes.clone())))
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use arrow::array::{BinaryArray, Int64Array};

    fn first_bytes(held: &mut Held) -> Vec<u8> {
        match held.evaluate().unwrap() {
            ScalarValue::Binary(Some(bytes)) => {
                assert_eq!(bytes.len(), BYTES);
                bytes.into_iter().take(3).collect()
            }
            other => vec![other.is_null().into()],
        }
    }

    #[test]
    fn bitmaps_are_filled_up_and_cut() {
        let bitmaps: ArrayRef =
            Arc::new(BinaryArray::from(vec![Some(&[0x0f, 0xf0][..]), None, Some(&[0x3c; BYTES + 1])]));
        for (bits, wanted) in [(Bits::Or, [0x3f, 0xfc, 0x3c]), (Bits::And, [0x0c, 0x30, 0])] {
            let mut held = Held::new(bits);
            held.update_batch(&[bitmaps.slice(0, 1)]).unwrap();
            let mut other = Held::new(bits);
            other.update_batch(&[bitmaps.slice(1, 2)]).unwrap();
            held.merge_batch(&[other.evaluate().unwrap().to_array().unwrap()]).unwrap();
            assert_eq!(first_bytes(&mut held), wanted);
        }
        assert_eq!(first_bytes(&mut Held::new(Bits::And)), [0xff; 3]);
    }

    #[test]
    fn positions_are_bits() {
        let mut held = Held::new(Bits::Positions);
        let positions: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), None, Some(9), Some(9)]));
        held.update_batch(&[positions]).unwrap();
        assert_eq!(first_bytes(&mut held), [1, 2, 0]);
        for position in [-1, 32_768, i64::MIN] {
            let outside: ArrayRef = Arc::new(Int64Array::from(vec![position]));
            assert!(held.update_batch(&[outside]).is_err(), "{position}");
        }
    }
}
