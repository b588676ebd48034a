//! Helpers of this crate's tests: files in, rows out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::connector::{Connector, ReadRequest};
use crate::{OptionMap, standard_registry};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::types::simple_name;

/// Options from pairs.
pub(crate) fn options(pairs: &[(&str, &str)]) -> OptionMap {
    OptionMap::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

/// A request to read `path` in UTC.
pub(crate) fn read(path: &Path, schema: Option<SchemaRef>, pairs: &[(&str, &str)]) -> ReadRequest {
    ReadRequest {
        paths: vec![path.to_string_lossy().into_owned()],
        schema,
        options: options(pairs),
        time_zone: "UTC".to_owned(),
        corrupt_column: "_corrupt_record".to_owned(),
    }
}

/// The connector of that name.
pub(crate) fn connector(format: &str) -> Arc<dyn Connector> {
    standard_registry().get(format).unwrap()
}

/// Names and types, such as `a int, b string`.
pub(crate) fn types(schema: &SchemaRef) -> String {
    let one = |f: &Arc<arrow::datatypes::Field>| format!("{} {}", f.name(), simple_name(f.data_type()));
    schema.fields().iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The rows of batches as `1|a|NULL`.
pub(crate) fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let format = FormatOptions::default().with_null("NULL");
    let mut out = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &format).unwrap()).collect();
        for row in 0..batch.num_rows() {
            out.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    out
}

/// Runs SQL over the table that the request reads, named `t`.
pub(crate) async fn query(format: &str, request: ReadRequest, sql: &str) -> Result<Vec<RecordBatch>> {
    let table = connector(format).table(request).await?;
    let config = SessionConfig::new().with_target_partitions(2);
    let context = SessionContext::new_with_config(config);
    context.register_table("t", table).unwrap();
    let frame = context.sql(sql).await.unwrap();
    frame.collect().await.map_err(dig)
}

/// Our error out of DataFusion's.
pub(crate) fn dig(error: datafusion::error::DataFusionError) -> Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return ours.clone();
        }
        source = inner.source();
    }
    Error::internal(error.to_string())
}

/// The rows of `SELECT * FROM t`, or the class of the error.
pub(crate) async fn rows(format: &str, request: ReadRequest) -> Vec<String> {
    match query(format, request, "SELECT * FROM t").await {
        Ok(batches) => lines(&batches),
        Err(e) => vec![e.class().to_owned()],
    }
}

/// Inferred names and types, or the class of the error.
pub(crate) async fn inferred(format: &str, request: ReadRequest) -> String {
    match connector(format).table(request).await {
        Ok(table) => types(&table.schema()),
        Err(e) => e.class().to_owned(),
    }
}

/// A schema from `name type` pairs of DDL, nested types too.
pub(crate) fn ddl(text: &str) -> SchemaRef {
    use arrow::datatypes::{Field, Schema};
    let field = |part: &str| {
        let (name, t) = part.trim().split_once(' ').unwrap();
        Field::new(name, ddl_type(t), true)
    };
    Arc::new(Schema::new(parts(text).into_iter().map(field).collect::<Vec<_>>()))
}

/// Cuts at the commas that stand in no brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

fn ddl_type(text: &str) -> DataType {
    use arrow::datatypes::{Field, TimeUnit};
    let inner = text.find(['<', '(']).map(|at| &text[at + 1..text.len() - 1]);
    let list = |t: DataType| DataType::List(Arc::new(Field::new("element", t, true)));
    match text.split(['<', '(']).next().unwrap() {
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "double" => DataType::Float64,
        "float" => DataType::Float32,
        "boolean" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "decimal" => {
            let (p, s) = inner.unwrap_or("10,2").split_once(',').unwrap();
            DataType::Decimal128(p.parse().unwrap(), s.parse().unwrap())
        }
        "binary" => DataType::Binary,
        "interval day" => DataType::Duration(TimeUnit::Microsecond),
        "array" => list(ddl_type(inner.unwrap())),
        "struct" => {
            let field = |part: &str| {
                let (name, t) = part.split_once(':').unwrap();
                Field::new(name, ddl_type(t), true)
            };
            DataType::Struct(parts(inner.unwrap()).into_iter().map(field).collect())
        }
        "map" => {
            let pair = parts(inner.unwrap());
            let key = Field::new("key", ddl_type(pair[0]), false);
            let value = Field::new("value", ddl_type(pair[1]), true);
            let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
            DataType::Map(Arc::new(entries), false)
        }
        _ => DataType::Utf8,
    }
}

/// A batch of text cells cast to the schema; `NULL` is a null.
pub(crate) fn batch(schema: &str, cells: &[&[&str]]) -> RecordBatch {
    use arrow::array::{ArrayRef, StringArray};
    let schema = ddl(schema);
    let column = |index: usize| {
        let texts = cells.iter().map(|row| Some(row[index]).filter(|t| *t != "NULL"));
        let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
        arrow::compute::cast(&texts, schema.field(index).data_type()).unwrap()
    };
    let columns = (0..schema.fields().len()).map(column).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// A stream of one batch.
pub(crate) fn stream_of(batch: RecordBatch) -> datafusion::execution::SendableRecordBatchStream {
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    let schema = batch.schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)])))
}
