//! Computes `version`, `raise_error` and `assert_true`.

use crate::binding::Bound;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, DisplayForm, Entry};
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["version"], 0, 0, version).doc(
        "",
        "Returns the version of Spark whose behaviour the engine has.",
        &["SELECT version() LIKE '4.2%'"],
    ),
    Entry::bind(&["raise_error"], 1, 1, raise_error)
        .doc(
            "message",
            "Raises an error with this message.",
            &["SELECT if(true, 'fine', raise_error('not fine'))"],
        )
        .shown(DisplayForm::OfOne("raise_error(USER_RAISED_EXCEPTION, map(errorMessage, {}))")),
    Entry::bind(&["assert_true"], 1, 2, assert_true)
        .doc(
            "condition[, message]",
            "Raises an error unless a condition holds; returns null.",
            &["SELECT assert_true(1 < 2)"],
        )
        .shown(DisplayForm::OfOne("assert_true({}, '{}' is not true!)")),
];

fn version(_: Call) -> Result<Bound> {
    let text = format!("4.2.0 thalweg-{}", env!("CARGO_PKG_VERSION"));
    let expr = Expr::Literal(ScalarValue::Utf8(Some(text)), None);
    Ok(Bound { expr, data_type: DataType::Utf8, nullable: false, fallible: false })
}

fn raised(message: &str) -> Error {
    let kind = ErrorKind::Runtime;
    Error::new(kind, "USER_RAISED_EXCEPTION", "P0001", message).param("errorMessage", message)
}

fn raise_error(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let kernel = Kernel::new("raise_error", DataType::Null, |b| {
        let text = b.strings(0)?;
        Err(raised(text.get(0).unwrap_or("null")))
    });
    // In place: the call is made for its error, so it must not be evaluated while planning.
    Ok(kernel.fallible(true).nulls(Nulls::Always).in_place().call(call.args))
}

fn assert_true(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Boolean)?;
    call.coerce(1, &DataType::Utf8)?;
    let kernel = Kernel::new("assert_true", DataType::Null, asserted);
    Ok(kernel.fallible(true).nulls(Nulls::Always).call(call.args))
}

/// Raises the error of the first row whose condition is not true, and otherwise returns nulls.
fn asserted(b: &Batch) -> Result<ArrayRef> {
    let holds = b.bools(0)?;
    let message = if b.len() > 1 { Some(b.strings(1)?) } else { None };
    for row in 0..b.rows {
        // A null condition fails too.
        if holds.get(row) != Some(true) {
            let text = message.as_ref().and_then(|m| m.get(row)).unwrap_or("'expression' is not true!");
            return Err(raised(text));
        }
    }
    Ok(new_null_array(&DataType::Null, b.rows))
}
