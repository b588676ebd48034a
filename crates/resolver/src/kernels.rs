//! The one kernel that the resolver itself needs: list elements with their positions, for `posexplode`.

use arrow::array::{Array, ArrayRef, Int32Array, ListArray, StructArray};
use arrow::datatypes::{DataType as Arrow, Field, Fields};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

static POSITIONS: LazyLock<ScalarUDF> = LazyLock::new(|| ScalarUDF::from(Positions::new()));

/// The list of `struct<pos: int, col: element>` of a list, and its type.
pub(crate) fn with_positions(list: Expr, data_type: &Arrow) -> Result<(Expr, Arrow)> {
    let result = positioned_type(data_type).map_err(from_datafusion)?;
    Ok((POSITIONS.call(vec![list]), result))
}

fn positioned_type(data_type: &Arrow) -> datafusion::error::Result<Arrow> {
    let Arrow::List(field) = data_type else {
        return Err(DataFusionError::Internal("positions of a value that is no list".into()));
    };
    let fields = pair_fields(field);
    Ok(Arrow::List(Arc::new(Field::new("element", Arrow::Struct(fields), false))))
}

fn pair_fields(element: &Field) -> Fields {
    let pos = Field::new("pos", Arrow::Int32, false);
    let col = Field::new("col", element.data_type().clone(), element.is_nullable());
    vec![pos, col].into()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Positions {
    signature: Signature,
}

impl Positions {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Positions {
    fn name(&self) -> &str {
        "with_positions"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, args: &[Arrow]) -> datafusion::error::Result<Arrow> {
        positioned_type(args.first().unwrap_or(&Arrow::Null))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let list = arrays.first().and_then(|a| a.as_any().downcast_ref::<ListArray>());
        let list =
            list.ok_or_else(|| DataFusionError::Internal("positions of a value that is no list".into()))?;
        Ok(ColumnarValue::Array(number(list)?))
    }
}

fn number(list: &ListArray) -> datafusion::error::Result<ArrayRef> {
    let Arrow::List(element) = list.data_type() else {
        return Err(DataFusionError::Internal("a list without a list type".into()));
    };
    let (offsets, values) = (list.offsets(), list.values());
    let first = offsets.first().copied().unwrap_or(0);
    let last = offsets.last().copied().unwrap_or(0);
    let length = usize::try_from(last - first).unwrap_or(0);
    let values = values.slice(usize::try_from(first).unwrap_or(0), length);
    let positions = offsets.windows(2).flat_map(|w| match w {
        [from, to] => 0..(to - from),
        _ => 0..0,
    });
    let positions: ArrayRef = Arc::new(Int32Array::from_iter_values(positions));
    let fields = pair_fields(element);
    let pairs = StructArray::try_new(fields.clone(), vec![positions, values], None)?;
    let field = Arc::new(Field::new("element", Arrow::Struct(fields), false));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(
        offsets.windows(2).map(|w| w.last().zip(w.first()).map_or(0, |(to, from)| (to - from) as usize)),
    );
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(pairs), list.nulls().cloned())?))
}
