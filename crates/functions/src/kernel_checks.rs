//! Checks in debug builds what the optimizer relies on and no type enforces: a kernel that raises errors is marked as
//! fallible, reads each of its arguments, and equals only kernels that run the same code.
//!
//! The checks do nothing in release builds. They are assertions: a kernel that breaks one is a mistake of ours, which
//! could otherwise be seen only as a wrong answer to some query.

use crate::binding::Arg;
use crate::kernel::Kernel;
use arrow::datatypes::DataType;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use thalweg_common::Error;
use thalweg_common::lock::lock;

/// The number of kernels that are remembered, which bounds the memory of a process that runs for long.
const KERNELS_MAX: usize = 10_000;

/// The arguments that a kernel has read in one call, as bits; those after the 64th are not followed.
#[derive(Default)]
pub(crate) struct ArgumentsRead(Cell<u64>);

impl ArgumentsRead {
    /// Notes that argument `i` is read.
    pub(crate) fn note(&self, i: usize) {
        if cfg!(debug_assertions) {
            self.0.set(self.0.get() | bit(i));
        }
    }

    /// Asserts that a kernel which returned a result has read all of its `len` arguments: an argument that is bound
    /// and not read would be ignored.
    pub(crate) fn check(&self, kernel: &Kernel, len: usize) {
        if cfg!(debug_assertions) {
            let unread = (0..len.min(64)).find(|i| self.0.get() & bit(*i) == 0);
            assert!(unread.is_none(), "{kernel:?} does not read its argument {unread:?}");
        }
    }
}

fn bit(i: usize) -> u64 {
    u32::try_from(i).ok().and_then(|i| 1_u64.checked_shl(i)).unwrap_or(0)
}

/// Asserts that a kernel which raises an error is marked as fallible: others are evaluated on rows that an earlier
/// condition excludes.
pub(crate) fn check_error(kernel: &Kernel, error: &Error) {
    // A cancelled query ends in any kernel, and an internal error has a text of its own.
    let expected = kernel.fallible || ["OPERATION_CANCELED", "INTERNAL_ERROR"].contains(&error.class());
    debug_assert!(expected, "{kernel:?} is not marked as fallible, but raised {error}");
}

/// Asserts that kernels that compare as equal run the same code: common subexpression elimination computes only one
/// of them.
pub(crate) fn check_identity(kernel: &Kernel, args: &[Arg]) {
    if !cfg!(debug_assertions) {
        return;
    }
    type Calls = HashMap<(Kernel, Vec<DataType>), ()>;
    static KNOWN: LazyLock<Mutex<Calls>> = LazyLock::new(Mutex::default);
    let types = args.iter().map(|a| a.data_type.clone()).collect();
    let call = (kernel.clone(), types);
    let mut known = lock(&KNOWN);
    if let Some(((first, _), ())) = known.get_key_value(&call) {
        let same = std::ptr::fn_addr_eq(first.run, kernel.run);
        assert!(same, "{kernel:?} of {:?} equals a kernel that runs other code", call.1);
    } else if known.len() < KERNELS_MAX {
        known.insert(call, ());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::{Batch, Run};
    use crate::{BindContext, bind_scalar};
    use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
    use arrow::datatypes::Schema;
    use datafusion::common::{DFSchema, ScalarValue};
    use datafusion::logical_expr::{Expr, lit};
    use datafusion::prelude::SessionContext;
    use std::sync::Arc;
    use thalweg_common::Result;
    use thalweg_logical::makes_large_lists;

    fn yes(b: &Batch) -> Result<ArrayRef> {
        Ok(Arc::new(BooleanArray::from(vec![true; b.rows])))
    }

    fn read(b: &Batch) -> Result<ArrayRef> {
        b.array(0)
    }

    fn raise(b: &Batch) -> Result<ArrayRef> {
        b.array(0)?;
        Err(Error::unsupported("a test"))
    }

    /// Binds a kernel over a constant and evaluates it on one row.
    fn evaluate(kernel: Kernel) -> std::result::Result<(), String> {
        let arg = Arg { expr: lit(true), data_type: DataType::Boolean, nullable: false };
        let expr = kernel.call(vec![arg]).expr;
        let schema = DFSchema::empty();
        let physical = SessionContext::new().create_physical_expr(expr, &schema).unwrap();
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        physical.evaluate(&row).map(|_| ()).map_err(|e| e.to_string())
    }

    fn kernel(name: &'static str, run: Run) -> Kernel {
        Kernel::new(name, DataType::Boolean, run)
    }

    #[test]
    fn a_kernel_that_keeps_the_rules_passes() {
        evaluate(kernel("test_read", read)).unwrap();
        evaluate(kernel("test_read", read)).unwrap();
        let raised = evaluate(kernel("test_raise", raise).fallible(true)).unwrap_err();
        assert!(raised.contains("a test"), "{raised}");
    }

    #[test]
    #[should_panic(expected = "is not marked as fallible")]
    fn an_error_of_an_infallible_kernel_is_a_mistake() {
        let _ = evaluate(kernel("test_infallible", raise));
    }

    #[test]
    #[should_panic(expected = "does not read its argument Some(0)")]
    fn an_argument_that_is_not_read_is_a_mistake() {
        let _ = evaluate(kernel("test_unread", yes));
    }

    #[test]
    #[should_panic(expected = "equals a kernel that runs other code")]
    fn two_kernels_of_one_name_are_a_mistake() {
        let _ = evaluate(kernel("test_twice", read));
        let _ = evaluate(kernel("test_twice", yes));
    }

    #[test]
    fn a_plan_sees_which_functions_make_large_lists() {
        let ctx = BindContext { time_zone: "UTC", now_micros: Some(0), user: "", database: "", seed: 0 };
        let one = || Arg {
            expr: Expr::Literal(ScalarValue::Int32(Some(1)), None),
            data_type: DataType::Int32,
            nullable: false,
        };
        let marked = |name| match bind_scalar(name, vec![one(), one()], &ctx).unwrap().expr {
            Expr::ScalarFunction(call) => makes_large_lists(&call.func),
            _ => false,
        };
        assert!(marked("sequence"));
        assert!(!marked("array"));
    }
}
