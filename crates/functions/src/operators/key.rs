//! Normalizes floating-point numbers to keys: one zero and one NaN, also inside of arrays, maps and structs.
//!
//! DataFusion groups, joins, sorts and compares by bits and by Arrow's total order, where -0.0 comes before 0.0, a
//! negative NaN before everything, and NaNs of different bits differ. Spark has one zero, and one NaN that is greater
//! than every number. Whatever is grouped, joined, sorted or compared therefore goes through [`key`], which leaves
//! values without floating-point numbers as they are.

use crate::binding::Arg;
use crate::kernel::{Kernel, arrow};
use crate::types::map_types;
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use ::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::ScalarValue;
use std::sync::Arc;
use thalweg_common::Result;

/// Returns the representative of all values that equal this one, for rows that are grouped, joined, sorted or
/// compared.
pub fn key(arg: Arg) -> Arg {
    if !holds_float(&arg.data_type) || arg.literal().is_some_and(is_normal) {
        return arg;
    }
    let (data_type, nullable) = (arg.data_type.clone(), arg.nullable);
    let bound = Kernel::new("float_key", data_type.clone(), |b| normal(&b.array(0)?)).call(vec![arg]);
    Arg { expr: bound.expr, data_type, nullable }
}

/// Returns whether values of a type are or contain floating-point numbers.
pub(crate) fn holds_float(t: &DataType) -> bool {
    match t {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(element) => holds_float(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| holds_float(f.data_type())),
        DataType::Map(entries, _) => {
            let (key, value) = map_types(entries);
            holds_float(key) || holds_float(value)
        }
        _ => false,
    }
}

/// Returns whether a constant is its own key. Then it stays a literal, which scans can prune by.
fn is_normal(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float64(Some(v)) => v.to_bits() == normal_double(*v).to_bits(),
        ScalarValue::Float32(Some(v)) => v.to_bits() == normal_float(*v).to_bits(),
        other => other.is_null(),
    }
}

/// Returns the key of a number. Adding zero removes the sign of -0.0 and changes nothing else.
fn normal_double(v: f64) -> f64 {
    if v.is_nan() { f64::NAN } else { v + 0.0 }
}

fn normal_float(v: f32) -> f32 {
    if v.is_nan() { f32::NAN } else { v + 0.0 }
}

/// Returns the array with one zero and one NaN.
pub(crate) fn normal(array: &ArrayRef) -> Result<ArrayRef> {
    if !holds_float(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    Ok(match array.data_type() {
        DataType::Float32 => {
            Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(normal_float))
        }
        DataType::Float64 => {
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(normal_double))
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            // All values of the child array, those outside of a slice too: this cannot fail, so it is simpler
            // than slicing.
            let values = normal(list.values())?;
            let nulls = list.nulls().cloned();
            Arc::new(arrow(ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, nulls))?)
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries = normal_struct(map.entries())?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(arrow(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted))?)
        }
        _ => Arc::new(normal_struct(array.as_struct())?),
    })
}

// All children are normalized, those under null structs too: their values are never seen.
fn normal_struct(array: &StructArray) -> Result<StructArray> {
    let columns = array.columns().iter().map(normal).collect::<Result<Vec<_>>>()?;
    arrow(StructArray::try_new(array.fields().clone(), columns, array.nulls().cloned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use ::arrow::array::{Float32Array, Float64Array, Float64Builder, StructArray};
    use ::arrow::array::{Int32Array, Int64Builder, ListBuilder};
    use ::arrow::datatypes::Field;

    const NEGATIVE_NAN: f64 = f64::from_bits(0xfff8_0000_0000_0001);

    fn bits(array: &ArrayRef) -> Vec<Option<u64>> {
        array.as_primitive::<Float64Type>().iter().map(|v| v.map(f64::to_bits)).collect()
    }

    fn doubles() -> ArrayRef {
        Arc::new(Float64Array::from(vec![Some(-0.0), Some(NEGATIVE_NAN), None, Some(-1.5), Some(f64::NAN)]))
    }

    fn expected() -> Vec<Option<u64>> {
        [Some(0.0), Some(f64::NAN), None, Some(-1.5), Some(f64::NAN)].map(|v| v.map(f64::to_bits)).to_vec()
    }

    #[test]
    fn there_is_one_zero_and_one_nan() {
        assert_eq!(bits(&normal(&doubles()).unwrap()), expected());
        assert_eq!(bits(&normal(&doubles().slice(1, 3)).unwrap()), expected()[1..4]);
        let floats: ArrayRef = Arc::new(Float32Array::from(vec![-0.0, -f32::NAN]));
        let made = normal(&floats).unwrap();
        let made: Vec<u32> =
            made.as_primitive::<Float32Type>().values().iter().map(|v| v.to_bits()).collect();
        assert_eq!(made, [0.0, f32::NAN].map(f32::to_bits));
    }

    #[test]
    fn also_inside_of_arrays_and_structs() {
        let mut lists = ListBuilder::new(Float64Builder::new());
        lists.append_value([Some(-0.0), Some(NEGATIVE_NAN)]);
        lists.append_null();
        lists.append_value([Some(-1.5), Some(f64::NAN)]);
        let lists: ArrayRef = Arc::new(lists.finish());
        let fields = vec![Field::new("a", lists.data_type().clone(), true)];
        let rows: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![lists], None));
        let made = normal(&rows).unwrap();
        let inner = made.as_struct().column(0).as_list::<i32>();
        assert_eq!(bits(inner.values()), [0.0, f64::NAN, -1.5, f64::NAN].map(|v| Some(v.to_bits())));
        assert!(inner.is_null(1));
    }

    #[test]
    fn what_holds_no_float_is_left_alone() {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        assert!(Arc::ptr_eq(&normal(&ints).unwrap(), &ints));
        let mut lists = ListBuilder::new(Int64Builder::new());
        lists.append_value([Some(1)]);
        assert!(!holds_float(lists.finish().data_type()));
        let literal = |v: f64| Arg {
            expr: datafusion::logical_expr::lit(v),
            data_type: DataType::Float64,
            nullable: false,
        };
        assert_eq!(key(literal(1.5)), literal(1.5));
        assert_ne!(key(literal(-0.0)), literal(-0.0));
    }
}
