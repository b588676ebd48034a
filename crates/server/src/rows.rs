//! Sends rows to clients.
//!
//! Rows are Arrow IPC streams of one batch each, with the users' column names, Spark's Arrow types
//! and the session's time zone on timestamps. Small batches are joined and large ones cut, so that a
//! message holds about [`MESSAGE_BYTES`]. An empty result is one empty batch.

use crate::convert::types::schema_to_proto;
use crate::operation::ExecuteOperation;
use arrow::array::{Array, ArrayData, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use futures::StreamExt;
use spark_connect_proto::ExecutePlanResponse;
use spark_connect_proto::execute_plan_response::{ArrowBatch, ResponseType};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_engine::{Output, SessionConfig};
use thalweg_sql::types::StructType;
use thalweg_values::types::struct_fields_in;

/// The target size of messages of rows in bytes.
pub(crate) const MESSAGE_BYTES: usize = 2 << 20;

/// The session settings that determine the messages of rows.
#[derive(Debug, Clone)]
pub(crate) struct RowFormat {
    pub time_zone: String,
    /// The largest number of rows of a message; none for as many as fit.
    pub rows_max: Option<usize>,
}

impl RowFormat {
    /// Reads the session's settings.
    pub(crate) fn of(config: &SessionConfig) -> Self {
        Self { time_zone: config.time_zone(), rows_max: config.batch_rows() }
    }
}

/// Sends all rows of a query, the schema with the first.
pub(crate) async fn send(operation: &ExecuteOperation, output: Output, format: &RowFormat) -> Result<()> {
    let Output { schema, mut rows, query: _ } = output;
    let mut sender = Sender::new(operation, &schema, format);
    while let Some(batch) = rows.next().await {
        sender.add(batch?).await?;
    }
    sender.finish().await
}

/// Gathers batches into messages.
struct Sender<'a> {
    operation: &'a ExecuteOperation,
    schema: Option<spark_connect_proto::DataType>,
    arrow: SchemaRef,
    gathered: Vec<RecordBatch>,
    bytes: usize,
    rows: usize,
    rows_max: usize,
    offset: i64,
}

impl<'a> Sender<'a> {
    fn new(operation: &'a ExecuteOperation, schema: &StructType, format: &RowFormat) -> Self {
        let arrow = arrow_schema(schema, &format.time_zone);
        Self {
            operation,
            schema: Some(schema_to_proto(schema)),
            arrow,
            gathered: vec![],
            bytes: 0,
            rows: 0,
            rows_max: format.rows_max.unwrap_or(usize::MAX),
            offset: 0,
        }
    }

    async fn add(&mut self, batch: RecordBatch) -> Result<()> {
        // Empty batches are frequent above filters, and a message for each would only cost time.
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = labelled(&batch, &self.arrow)?;
        let (bytes, rows) = (batch_bytes(&batch), batch.num_rows());
        if self.bytes + bytes > MESSAGE_BYTES || self.rows + rows > self.rows_max {
            self.flush().await?;
        }
        // A batch is cut by rows of equal number: their sizes are not known one by one.
        let chunks = bytes.div_ceil(MESSAGE_BYTES).max(1);
        if chunks == 1 && rows <= self.rows_max {
            self.bytes += bytes;
            self.rows += rows;
            self.gathered.push(batch);
            return Ok(());
        }
        let rows = rows.div_ceil(chunks).min(self.rows_max);
        for start in (0..batch.num_rows()).step_by(rows) {
            self.gathered.push(batch.slice(start, rows.min(batch.num_rows() - start)));
            self.flush().await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        // The client needs a batch for the types of a result without rows.
        if self.schema.is_some() && self.gathered.is_empty() {
            self.gathered.push(RecordBatch::new_empty(self.arrow.clone()));
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let batch = concat_batches(&self.arrow, &self.gathered).map_err(unencodable)?;
        self.gathered.clear();
        (self.bytes, self.rows) = (0, 0);
        let data = Bytes::from(ipc(&batch).map_err(unencodable)?);
        let row_count = i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
        for arrow_batch in self.chunks(data, row_count) {
            // The schema has no message of its own, since PySpark releases each message by a separate call.
            // The client needs it once, before the first rows.
            let schema = self.schema.take();
            let response_type = Some(ResponseType::ArrowBatch(arrow_batch));
            self.operation.push(ExecutePlanResponse { schema, response_type, ..Default::default() }).await;
        }
        self.offset += row_count;
        Ok(())
    }

    /// One message, or several if the client takes batches in chunks and this one is large.
    fn chunks(&self, data: Bytes, row_count: i64) -> Vec<ArrowBatch> {
        // PySpark compares `start_offset` with the rows so far, and the rows of the joined chunks with `row_count`.
        // Without the numbers of chunks it takes a message as a whole batch.
        let size = self.operation.options.chunk_bytes.unwrap_or(usize::MAX).max(1);
        let count = data.len().div_ceil(size).max(1);
        let chunk = |n: usize| {
            let (from, to) = (n * size, data.len().min((n + 1).saturating_mul(size)));
            let number = |n: usize| (count > 1).then(|| i64::try_from(n).unwrap_or(i64::MAX));
            ArrowBatch {
                row_count,
                data: data.slice(from..to),
                start_offset: Some(self.offset),
                chunk_index: number(n),
                num_chunks_in_batch: number(count),
            }
        };
        (0..count).map(chunk).collect()
    }
}

fn batch_bytes(batch: &RecordBatch) -> usize {
    // A slice counts as its own rows, not as the buffers that it shares with other slices.
    batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// Encodes a batch as an Arrow IPC stream.
pub(crate) fn ipc(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    // PySpark opens the data of each batch as a stream of its own, so each has a schema.
    let mut writer = StreamWriter::try_new(vec![], &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Collects all rows of a small result into one batch.
pub(crate) async fn collect(output: Output, time_zone: &str) -> Result<RecordBatch> {
    let arrow = arrow_schema(&output.schema, time_zone);
    let batches = output.collect().await?;
    let batches = batches.iter().map(|batch| labelled(batch, &arrow)).collect::<Result<Vec<_>>>()?;
    concat_batches(&arrow, &batches).map_err(unencodable)
}

pub(crate) fn unencodable(error: ArrowError) -> Error {
    Error::internal(format!("rows cannot be encoded for the client: {error}"))
}

/// Returns the Arrow schema that the client gets for a schema.
pub(crate) fn arrow_schema(schema: &StructType, time_zone: &str) -> SchemaRef {
    Arc::new(Schema::new(struct_fields_in(schema, time_zone)))
}

/// Returns the same values with other names, nullability and time zones.
pub(crate) fn labelled(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        // The rows of an answer have its schema, so another number is a bug of the operator that made them.
        let (have, want) = (batch.num_columns(), schema.fields().len());
        return Err(Error::internal(format!("a batch has {have} columns where the schema has {want}")));
    }
    let column = |(array, field): (&ArrayRef, &Arc<Field>)| {
        relabel(array.to_data(), field.data_type()).map(make_array)
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(column).collect::<Result<Vec<_>>>()?;
    // A batch without columns still has rows.
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(unencodable)
}

fn relabel(data: ArrayData, to: &ArrowType) -> Result<ArrayData> {
    // Most columns are as they should be, and rebuilding one validates it again.
    if data.data_type() == to {
        return Ok(data);
    }
    let children: Vec<&ArrowType> = match (data.data_type(), to) {
        (ArrowType::Timestamp(from, _), ArrowType::Timestamp(unit, _)) if from == unit => vec![],
        (ArrowType::List(_), ArrowType::List(element)) => vec![element.data_type()],
        (ArrowType::Map(_, _), ArrowType::Map(entries, _)) => vec![entries.data_type()],
        (ArrowType::Struct(from), ArrowType::Struct(fields)) if from.len() == fields.len() => {
            fields.iter().map(|f| f.data_type()).collect()
        }
        // One layout per Spark type holds in all plans, so another one is a bug of the expression that made the column.
        (from, to) => {
            return Err(Error::internal(format!("a column of type {from}, and its schema has {to}")));
        }
    };
    let inner = data.child_data().iter().cloned().zip(children);
    let child_data = inner.map(|(child, to)| relabel(child, to)).collect::<Result<Vec<_>>>()?;
    data.into_builder().data_type(to.clone()).child_data(child_data).build().map_err(unencodable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::operation::{ExecuteOptions, Identity};
    use arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};
    use arrow::ipc::reader::StreamReader;
    use thalweg_sql::types::{DataType, StructField};

    fn operation(chunk_bytes: Option<usize>) -> Arc<ExecuteOperation> {
        let id = || "x".to_owned();
        let identity = Identity { session_id: id(), server_side_session_id: id(), operation_id: id() };
        ExecuteOperation::new(identity, ExecuteOptions { chunk_bytes, ..ExecuteOptions::default() })
    }

    fn output(schema: StructType, batches: Vec<RecordBatch>) -> Output {
        let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
        Output { schema, rows, query: None }
    }

    async fn sent(operation: &Arc<ExecuteOperation>, output: Output) -> Vec<ExecutePlanResponse> {
        sent_in(operation, output, None).await
    }

    async fn sent_in(
        operation: &Arc<ExecuteOperation>,
        output: Output,
        rows_max: Option<usize>,
    ) -> Vec<ExecutePlanResponse> {
        send(operation, output, &RowFormat { time_zone: "Europe/Paris".into(), rows_max }).await.unwrap();
        operation.finish(Ok(()));
        operation.stream(None, None).unwrap().map(Result::unwrap).collect().await
    }

    fn arrow_batch(response: &ExecutePlanResponse) -> &ArrowBatch {
        match response.response_type.as_ref().unwrap() {
            ResponseType::ArrowBatch(batch) => batch,
            other => unreachable!("{other:?}"),
        }
    }

    fn longs(values: std::ops::Range<i64>) -> RecordBatch {
        let array: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        RecordBatch::try_from_iter([("#1", array)]).unwrap()
    }

    fn one(name: &str, data_type: DataType) -> StructType {
        StructType { fields: vec![StructField::new(name, data_type, true)] }
    }

    #[tokio::test]
    async fn an_empty_result_sends_its_schema_and_one_batch_without_rows() {
        let responses = sent(&operation(None), output(one("a", DataType::Long), vec![])).await;
        assert_eq!(responses.len(), 1);
        assert!(responses[0].schema.is_some());
        assert_eq!(arrow_batch(&responses[0]).row_count, 0);
    }

    #[tokio::test]
    async fn small_batches_are_joined_and_large_ones_cut_and_no_row_is_lost() {
        for (batches, messages) in [
            (vec![longs(0..3), longs(3..5)], 1),
            (vec![longs(0..1_000_000)], 4),
            (vec![longs(0..9), longs(9..700_000)], 4),
            (vec![longs(0..200_000), longs(200_000..400_000)], 2),
        ] {
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let operation = operation(None);
            let responses = sent(&operation, output(one("a", DataType::Long), batches)).await;
            assert_eq!(responses.len(), messages);
            let mut expect = 0;
            for response in &responses {
                let batch = arrow_batch(response);
                assert_eq!(batch.start_offset, Some(expect));
                let mut reader =
                    StreamReader::try_new(std::io::Cursor::new(batch.data.clone()), None).unwrap();
                let read = reader.next().unwrap().unwrap();
                assert_eq!(i64::try_from(read.num_rows()).unwrap(), batch.row_count);
                let column = read.column(0).as_any().downcast_ref::<Int64Array>().unwrap().clone();
                assert!(column.values().iter().copied().eq(expect..expect + batch.row_count));
                expect += batch.row_count;
            }
            assert_eq!(expect, i64::try_from(rows).unwrap());
        }
    }

    #[tokio::test]
    async fn no_message_has_more_rows_than_the_session_wants() {
        for (batches, max, expect) in [
            (vec![longs(0..5)], 2, vec![2, 2, 1]),
            (vec![longs(0..2), longs(2..3), longs(3..5)], 3, vec![3, 2]),
            (vec![longs(0..2), longs(2..4)], 10, vec![4]),
        ] {
            let output = output(one("a", DataType::Long), batches);
            let responses = sent_in(&operation(None), output, Some(max)).await;
            let rows: Vec<i64> = responses.iter().map(|r| arrow_batch(r).row_count).collect();
            assert_eq!(rows, expect);
        }
    }

    #[tokio::test]
    async fn a_batch_in_pieces_is_whole_when_put_together() {
        let responses =
            sent(&operation(Some(100)), output(one("a", DataType::Long), vec![longs(0..50)])).await;
        assert!(responses.len() > 1);
        let chunks: Vec<u8> = responses.iter().flat_map(|r| arrow_batch(r).data.to_vec()).collect();
        let count = Some(i64::try_from(responses.len()).unwrap());
        assert!(responses.iter().all(|r| arrow_batch(r).num_chunks_in_batch == count));
        let read =
            StreamReader::try_new(std::io::Cursor::new(chunks), None).unwrap().next().unwrap().unwrap();
        assert_eq!(read.num_rows(), 50);
    }

    #[tokio::test]
    async fn timestamps_carry_the_session_time_zone_and_columns_their_names() {
        let time = TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
        let text = StringArray::from(vec!["x"]);
        let inner = arrow::array::StructArray::try_from(vec![
            ("t", Arc::new(time) as ArrayRef),
            ("s", Arc::new(text) as ArrayRef),
        ]);
        let batch = RecordBatch::try_from_iter([("#7", Arc::new(inner.unwrap()) as ArrayRef)]).unwrap();
        let fields = vec![
            StructField::new("t", DataType::Timestamp, true),
            StructField::new("s", DataType::String, true),
        ];
        let schema = one("when", DataType::Struct(StructType { fields }));
        let collected = collect(output(schema, vec![batch]), "Europe/Paris").await.unwrap();
        assert_eq!(collected.schema().field(0).name(), "when");
        assert!(format!("{}", collected.column(0).data_type()).contains("Europe/Paris"));
    }

    #[test]
    fn a_column_of_another_type_is_a_fault() {
        let error = labelled(&longs(0..1), &arrow_schema(&one("a", DataType::String), "UTC")).unwrap_err();
        assert_eq!(error.class(), "INTERNAL_ERROR");
    }
}
