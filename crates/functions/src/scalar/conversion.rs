//! Type names as functions: `int(x)` is `CAST(x AS INT)`.

use crate::binding::{Bound, CastMode};
use crate::cast::cast;
use crate::registry::{Call, Entry};
use crate::types::timestamp;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["boolean"], 1, 1, |c| to(c, DataType::Boolean)),
    Entry::bind(&["tinyint"], 1, 1, |c| to(c, DataType::Int8)),
    Entry::bind(&["smallint"], 1, 1, |c| to(c, DataType::Int16)),
    Entry::bind(&["int"], 1, 1, |c| to(c, DataType::Int32)),
    Entry::bind(&["bigint"], 1, 1, |c| to(c, DataType::Int64)),
    Entry::bind(&["float"], 1, 1, |c| to(c, DataType::Float32)),
    Entry::bind(&["double"], 1, 1, |c| to(c, DataType::Float64)),
    Entry::bind(&["decimal"], 1, 1, |c| to(c, DataType::Decimal128(10, 0))),
    Entry::bind(&["string"], 1, 1, |c| to(c, DataType::Utf8)),
    Entry::bind(&["binary"], 1, 1, |c| to(c, DataType::Binary)),
    Entry::bind(&["date"], 1, 1, |c| to(c, DataType::Date32)),
    Entry::bind(&["timestamp"], 1, 1, |c| to(c, timestamp())),
    Entry::bind(&["typeof"], 1, 1, type_of),
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
