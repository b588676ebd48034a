//! Helpers of the connectors' tests: rows from text, text from rows, and tables asked by SQL.
//!
//! ```
//! use thalweg_connector_testing::{batch, lines};
//!
//! let rows = batch("n int, s string", &[&["1", "a"], &["2", "NULL"]]);
//! assert_eq!(lines(&[rows]), ["1|a", "2|NULL"]);
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use thalweg_common::Result;
use thalweg_connectors::{
    Connector, OptionMap, OutputMode, ReadRequest, SinkRequest, WriteMode, WriteRequest,
};
use thalweg_values::errors::from_datafusion;

/// Options from pairs.
pub fn options(pairs: &[(&str, &str)]) -> OptionMap {
    OptionMap::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

/// A request to read `path` in UTC.
pub fn read(path: &Path, schema: Option<SchemaRef>, pairs: &[(&str, &str)]) -> ReadRequest {
    ReadRequest {
        paths: vec![path.to_string_lossy().into_owned()],
        schema,
        options: options(pairs),
        time_zone: "UTC".to_owned(),
        corrupt_column: "_corrupt_record".to_owned(),
    }
}

/// A request to write into `path` in UTC.
pub fn write_request(path: &Path, mode: WriteMode, by: &[&str], pairs: &[(&str, &str)]) -> WriteRequest {
    WriteRequest {
        path: path.to_string_lossy().into_owned(),
        mode,
        partition_by: by.iter().map(|name| (*name).to_owned()).collect(),
        replace: false,
        options: options(pairs),
        time_zone: "UTC".to_owned(),
    }
}

/// A request to open the sink of the query `q` in UTC.
pub fn sink_request(
    path: &Path,
    schema: &str,
    output_mode: OutputMode,
    pairs: &[(&str, &str)],
) -> SinkRequest {
    SinkRequest {
        path: Some(path.to_string_lossy().into_owned()),
        schema: ddl(schema),
        partition_by: vec![],
        options: options(pairs),
        time_zone: "UTC".to_owned(),
        query_id: "q".to_owned(),
        output_mode,
    }
}

/// Writes text cells, as [`batch`] takes them; returns the number of rows.
pub async fn write(
    connector: &dyn Connector,
    request: WriteRequest,
    (schema, cells): (&str, &[&[&str]]),
) -> Result<u64> {
    connector.write(request, stream_of(batch(schema, cells))).await.map(|report| report.rows)
}

/// The rows of batches as `1|a|NULL`.
pub fn lines(batches: &[RecordBatch]) -> Vec<String> {
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
pub async fn query(connector: &dyn Connector, request: ReadRequest, sql: &str) -> Result<Vec<RecordBatch>> {
    let table = connector.table(request).await?;
    let config = SessionConfig::new().with_target_partitions(2);
    let context = SessionContext::new_with_config(config);
    context.register_table("t", table).unwrap();
    let frame = context.sql(sql).await.unwrap();
    frame.collect().await.map_err(from_datafusion)
}

/// The rows of `SELECT * FROM t`, or the class of the error.
pub async fn rows(connector: &dyn Connector, request: ReadRequest) -> Vec<String> {
    match query(connector, request, "SELECT * FROM t").await {
        Ok(batches) => lines(&batches),
        Err(e) => vec![e.class().to_owned()],
    }
}

/// A schema from `name type` pairs of DDL, nested types too.
pub fn ddl(text: &str) -> SchemaRef {
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
pub fn batch(schema: &str, cells: &[&[&str]]) -> RecordBatch {
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
pub fn stream_of(batch: RecordBatch) -> SendableRecordBatchStream {
    let schema = batch.schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)])))
}

/// Cancels a write after its first row; the names of what it left in the folder of its target.
pub fn left_by_canceled_write(connector: &dyn Connector) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (stalled, seen) = tokio::sync::oneshot::channel();
        let (mut first, mut stalled) = (Some(batch("s string", &[&["new"]])), Some(stalled));
        let rows = futures::stream::poll_fn(move |_| match first.take() {
            Some(batch) => Poll::Ready(Some(Ok(batch))),
            None => {
                stalled.take().map(|s| s.send(()));
                Poll::Pending
            }
        });
        let rows = RecordBatchStreamAdapter::new(ddl("s string"), rows);
        let request = write_request(&path, WriteMode::Append, &[], &[]);
        tokio::select! {
            _ = connector.write(request, Box::pin(rows)) => panic!("it has no end"),
            _ = seen => {}
        }
    });
    // Waits for the thread that writes.
    drop(runtime);
    let entries = std::fs::read_dir(path).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
