//! Binds the functions that are named after types, such as `int(x)` for `CAST(x AS INT)`, and `typeof`.

use crate::binding::{Bound, CastMode};
use crate::cast::cast;
use crate::registry::{Call, DisplayForm, Entry, Intervals, SpecialForm};
use crate::types::timestamp;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] =
    &[
        Entry::bind(&["boolean"], 1, 1, |c| to(c, DataType::Boolean)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to BOOLEAN.",
            &["SELECT boolean('yes')"],
        ),
        Entry::bind(&["tinyint"], 1, 1, |c| to(c, DataType::Int8)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to TINYINT.",
            &["SELECT tinyint('12')"],
        ),
        Entry::bind(&["smallint"], 1, 1, |c| to(c, DataType::Int16)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to SMALLINT.",
            &["SELECT smallint('1200')"],
        ),
        Entry::bind(&["int"], 1, 1, |c| to(c, DataType::Int32)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to INT.",
            &["SELECT int('120000')"],
        ),
        Entry::bind(&["bigint"], 1, 1, |c| to(c, DataType::Int64)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to BIGINT.",
            &["SELECT bigint('12000000000')"],
        ),
        Entry::bind(&["float"], 1, 1, |c| to(c, DataType::Float32)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to FLOAT.",
            &["SELECT float('1.5')"],
        ),
        Entry::bind(&["double"], 1, 1, |c| to(c, DataType::Float64)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to DOUBLE.",
            &["SELECT double('1e3')"],
        ),
        // Spark's DECIMAL without digits is DECIMAL(10, 0).
        Entry::bind(&["decimal"], 1, 1, |c| to(c, DataType::Decimal128(10, 0)))
            .shown(DisplayForm::Argument)
            .doc("value", "Casts a value to DECIMAL(10, 0).", &["SELECT decimal('12.6')"]),
        Entry::bind(&["string"], 1, 1, |c| to(c, DataType::Utf8))
            .shown(DisplayForm::Argument)
            .intervals(Intervals::Texts)
            .doc("value", "Casts a value to STRING.", &["SELECT string(DATE '2024-02-29')"]),
        Entry::bind(&["binary"], 1, 1, |c| to(c, DataType::Binary)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a text to its UTF-8 bytes.",
            &["SELECT binary('abc')"],
        ),
        Entry::bind(&["date"], 1, 1, |c| to(c, DataType::Date32)).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to DATE.",
            &["SELECT date('2024-02-29')"],
        ),
        Entry::bind(&["timestamp"], 1, 1, |c| to(c, timestamp())).shown(DisplayForm::Argument).doc(
            "value",
            "Casts a value to TIMESTAMP.",
            &["SELECT timestamp('2024-02-29 12:30:00')"],
        ),
        Entry::syntax(&["cast"], 1, 1, SpecialForm::Cast).doc(
            "value",
            "Converts a value to a type: `CAST(value AS type)`.",
            &["SELECT CAST('12' AS INT)"],
        ),
        Entry::bind(&["typeof"], 1, 1, type_of).special(SpecialForm::TypeOf).doc(
            "value",
            "Returns the name of a value's type.",
            &["SELECT typeof(array(1, 2))"],
        ),
    ];

fn to(call: Call, data_type: DataType) -> Result<Bound> {
    let ctx = call.ctx;
    let [arg] = call.take()?;
    cast(arg, &data_type, CastMode::Ansi, ctx)
}

fn type_of(call: Call) -> Result<Bound> {
    let name = thalweg_values::types::simple_name(&call.type_of(0));
    let expr = Expr::Literal(ScalarValue::Utf8(Some(name)), None);
    Ok(Bound { expr, data_type: DataType::Utf8, nullable: false, fallible: false })
}
