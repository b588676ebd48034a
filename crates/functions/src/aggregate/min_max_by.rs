//! Computes `min_by(x, y)` and `max_by(x, y)`: the x of the row with the least or the greatest y; and `min` and `max` of
//! nested values, which are the x of their own keys.
//!
//! Rows whose y is null are skipped; of equal ys the last one wins, and the first one for `min` and `max`, as in Spark.
//! The state is the best x and its y.

use super::Aggregate;
use crate::binding::BoundAggregate;
use crate::errors::{external, unexpected_type};
use arrow::array::{Array, ArrayRef, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::cmp::Ordering;
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// The end of the order that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Extreme {
    Min,
    Max,
}

/// Which of equal ys wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ties {
    /// As in `min_by` and `max_by`.
    Last,
    /// As in `min` and `max`.
    First,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct By {
    which: Extreme,
    ties: Ties,
    value: DataType,
    key: DataType,
    signature: Signature,
}

/// Binds `min_by` or `max_by`.
pub(super) fn bind(a: Aggregate, which: Extreme) -> Result<BoundAggregate> {
    bound(a, which, Ties::Last)
}

/// Binds `min` or `max` of nested values.
pub(super) fn of_itself(mut a: Aggregate, which: Extreme) -> Result<BoundAggregate> {
    a.args.extend(a.args.first().cloned());
    bound(a, which, Ties::First)
}

fn bound(mut a: Aggregate, which: Extreme, ties: Ties) -> Result<BoundAggregate> {
    let (value, key) = (a.type_of(0), a.type_of(1));
    if matches!(key, DataType::Map(..)) {
        return Err(unexpected_type(a.name, 1, "ORDERED", &key));
    }
    // DISTINCT does not change the result.
    a.call.distinct = false;
    a.as_key(1);
    let signature = Signature::user_defined(Volatility::Immutable);
    let by = By { which, ties, value: value.clone(), key, signature };
    Ok(a.of(Arc::new(AggregateUDF::new_from_impl(by)), value, true))
}

impl AggregateUDFImpl for By {
    fn name(&self) -> &str {
        match (self.which, self.ties) {
            (Extreme::Min, Ties::Last) => "min_by",
            (Extreme::Max, Ties::Last) => "max_by",
            (Extreme::Min, Ties::First) => "min",
            (Extreme::Max, Ties::First) => "max",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(self.value.clone())
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }
    fn accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        let value = ScalarValue::try_new_null(&self.value)?;
        let key = ScalarValue::try_new_null(&self.key)?;
        Ok(Box::new(Best { which: self.which, ties: self.ties, value, key }))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new(format_state_name(args.name, "value"), self.value.clone(), true)),
            Arc::new(Field::new(format_state_name(args.name, "key"), self.key.clone(), true)),
        ])
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[derive(Debug)]
struct Best {
    which: Extreme,
    ties: Ties,
    value: ScalarValue,
    key: ScalarValue,
}

impl Best {
    /// Returns whether a key with this order to the best one replaces it.
    fn replaces(&self, order: Ordering) -> bool {
        match (self.which, self.ties) {
            (Extreme::Min, Ties::Last) => order.is_le(),
            (Extreme::Max, Ties::Last) => order.is_ge(),
            (Extreme::Min, Ties::First) => order.is_lt(),
            (Extreme::Max, Ties::First) => order.is_gt(),
        }
    }

    /// Keeps the best row of a batch of values and keys, which may be states of other partitions.
    fn update(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let [value, key, ..] = values else {
            return Err(external(Error::internal("min_by and max_by were called without a value or a key")));
        };
        // Logical nulls: a column of the type NULL has no mask of nulls.
        let nulls = key.logical_nulls();
        if nulls.as_ref().is_some_and(|n| n.null_count() == key.len()) {
            return Ok(());
        }
        // Rows are compared inside of the batch first, so that only the batch's best one becomes a scalar
        // value.
        let within = make_comparator(key, key, SortOptions::default())?;
        let mut best: Option<usize> = None;
        for row in (0..key.len()).filter(|r| nulls.as_ref().is_none_or(|n| n.is_valid(*r))) {
            if best.is_none_or(|b| self.replaces(within(row, b))) {
                best = Some(row);
            }
        }
        let Some(row) = best else { return Ok(()) };
        let held = self.key.to_array()?;
        let replaces =
            self.key.is_null() || self.replaces(make_comparator(key, &held, SortOptions::default())?(row, 0));
        if replaces {
            self.key = ScalarValue::try_from_array(key, row)?;
            self.value = ScalarValue::try_from_array(value, row)?;
        }
        Ok(())
    }
}

impl Accumulator for Best {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.update(values)
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update(states)
    }
    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), self.key.clone()])
    }
    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(self.value.clone())
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() + self.key.size()
    }
}
