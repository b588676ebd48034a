//! Runs the demo's SQL: the streaming query, the same as a batch query over the raw file, and their comparison.

use super::server::DemoFolders;
use super::wrong;
use crate::format::Table;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use std::path::Path;
use thalweg_common::{Error, Result};
use thalweg_engine::display;
use thalweg_server::client::Client;

const COLUMNS: &str = "year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay INT, \
    arr_time INT, sched_arr_time INT, arr_delay INT, carrier STRING, flight INT, tailnum STRING, \
    origin STRING, dest STRING, air_time INT, distance INT, hour INT, minute INT, time_hour TIMESTAMP";
const CSV: &str = "USING csv OPTIONS (header 'true', nullValue 'NA'";
const DELAYS: &str = "SELECT window.start AS window_start, window.end AS window_end, carrier, \
    sum(dep_delay) AS delay_sum, count(dep_delay) AS delay_count";
const WINDOWS: &str = "GROUP BY carrier, window(event_time, '6 hours', '1 hour')";
const EVENT_TIME: &str = "time_hour + make_dt_interval(0, 0, minute)";

/// The statements of one demo.
pub(super) struct Job {
    create: [String; 3],
    /// The batch query over the raw file.
    batch: String,
}

impl Job {
    /// Creates the statements for the folders of a demo and the raw file `input`.
    pub(super) fn new(folders: &DemoFolders, input: &Path) -> Result<Self> {
        let input = std::path::absolute(input).map_err(|e| wrong(e.to_string()))?;
        let (incoming, table, input) = (quoted(&folders.incoming), quoted(&folders.table), quoted(&input));
        Ok(Self {
            // A flight arrives at its departure, and its event time is the scheduled one. The watermark's delay of a
            // day has to be longer than every delay of a flight: the demo fails if a row is dropped.
            create: [
                format!(
                    "CREATE TABLE flights_in ({COLUMNS}) {CSV}, maxFilesPerTrigger '1') LOCATION {incoming}"
                ),
                format!("CREATE TABLE flights_raw ({COLUMNS}) {CSV}) LOCATION {input}"),
                format!(
                    "CREATE STREAMING TABLE carrier_delays LOCATION {table} AS {DELAYS} \
                     FROM STREAM flights_in WATERMARK {EVENT_TIME} AS event_time DELAY OF INTERVAL 1 DAY {WINDOWS}"
                ),
            ],
            batch: format!("{DELAYS} FROM (SELECT *, {EVENT_TIME} AS event_time FROM flights_raw) {WINDOWS}"),
        })
    }

    /// Creates the tables and starts the query.
    pub(super) async fn submit(&self, client: &mut Client) -> Result<()> {
        for statement in &self.create {
            client.sql(statement).await?;
        }
        Ok(())
    }

    /// Returns the id of the running query.
    pub(super) async fn id(&self, client: &mut Client) -> Result<String> {
        self.shown(client, "id").await?.ok_or_else(|| wrong("the query did not resume".to_owned()))
    }

    /// Lets the query process the available input, close its windows, and end.
    pub(super) async fn drain(&self, client: &mut Client, id: &str) -> Result<()> {
        client.sql(&format!("STOP JOB '{id}' WITH DRAIN")).await.map(|_| ())
    }

    /// Returns the number of rows that arrived after the watermark, by the query's last progress report.
    pub(super) async fn dropped(&self, client: &mut Client) -> Result<i64> {
        let progress = self.shown(client, "progress").await?.unwrap_or_default();
        let progress: serde_json::Value = serde_json::from_str(&progress).unwrap_or_default();
        let operators = progress.get("stateOperators").and_then(|o| o.as_array());
        let of = |o: &serde_json::Value| o.get("numRowsDroppedByWatermark").and_then(|n| n.as_i64());
        let counts: Option<Vec<i64>> = operators.and_then(|all| all.iter().map(of).collect());
        counts.map(|c| c.iter().sum()).ok_or_else(|| wrong("the query reports no dropped rows".to_owned()))
    }

    /// Fails unless the Delta table and the batch query over the raw file hold the same rows.
    pub(super) async fn compare(&self, client: &mut Client) -> Result<String> {
        let order = "ORDER BY window_start, carrier";
        let table = rows(&client.sql(&format!("SELECT * FROM carrier_delays {order}")).await?);
        let batch = rows(&client.sql(&format!("SELECT * FROM ({}) {order}", self.batch)).await?);
        // Numbers of rows alone would not show that one row was lost and another one was counted twice.
        if let Some((left, right)) = table.iter().zip(&batch).find(|(l, r)| l != r) {
            return Err(wrong(format!("the table has {left:?} where the raw file has {right:?}")));
        }
        if table.len() != batch.len() || table.is_empty() {
            return Err(differ(table.len(), batch.len()));
        }
        Ok(format!("{} rows of the table are the {} rows that the raw file gives", table.len(), batch.len()))
    }

    /// Returns the ten pairs of carrier and window with the most delay as a table.
    pub(super) async fn worst(&self, client: &mut Client) -> Result<String> {
        let query = "SELECT window_start, carrier, delay_sum, delay_count, \
             round(delay_sum / delay_count, 1) AS minutes_per_flight FROM carrier_delays \
             ORDER BY delay_sum DESC NULLS LAST, window_start, carrier LIMIT 10";
        let types = [
            ("window_start", "timestamp"),
            ("carrier", "string"),
            ("delay_sum", "bigint"),
            ("delay_count", "bigint"),
            ("minutes_per_flight", "double"),
        ];
        let columns = types.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        let mut table = Table::new(columns, "UTC".to_owned(), 10);
        for batch in client.sql(query).await? {
            table.batch(&batch);
        }
        Ok(table.render())
    }

    /// Returns a column of `SHOW JOBS` for the demo's query.
    async fn shown(&self, client: &mut Client, column: &str) -> Result<Option<String>> {
        let batches = client.sql("SHOW JOBS").await?;
        let values = batches.iter().filter_map(|b| b.column_by_name(column)).map(|c| (c, c.len()));
        // SHOW JOBS lists the newest query last.
        let mut last = values.filter(|(_, n)| *n > 0).map(|(c, n)| text(c.as_ref(), n - 1));
        Ok(last.next_back().flatten())
    }
}

fn text(array: &dyn Array, row: usize) -> Option<String> {
    match array.data_type() {
        _ if array.is_null(row) => None,
        DataType::Utf8 => Some(array.as_string::<i32>().value(row).to_owned()),
        DataType::Int64 => Some(array.as_primitive::<Int64Type>().value(row).to_string()),
        _ => Some(display::cell(array, row, "UTC")),
    }
}

fn rows(batches: &[RecordBatch]) -> Vec<Vec<Option<String>>> {
    let row = |b: &RecordBatch, r: usize| b.columns().iter().map(|c| text(c.as_ref(), r)).collect();
    batches.iter().flat_map(|b| (0..b.num_rows()).map(move |r| row(b, r))).collect()
}

fn differ(table: usize, batch: usize) -> Error {
    wrong(format!("the table has {table} rows, the raw file gives {batch}"))
}

/// A path as an SQL string.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\\', "\\\\").replace('\'', "\\'"))
}
