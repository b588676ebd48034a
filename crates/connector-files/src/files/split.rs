//! Splits batches by the values of their partition columns, one batch per partition folder.
//!
//! The folder of a partition is `k=v` per partition column, with the value as text. Nulls and empty strings
//! share the folder of nulls, as in Spark. The order of rows within a partition is kept. Nothing is written
//! here.

use super::partition::{NULL_FOLDER, escape};
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::display::{Printer, Style};
use thalweg_values::names::same_name;
use thalweg_values::zone::Zone;

/// Splits batches of one schema by its partition columns.
#[derive(Debug, Clone)]
pub struct PartitionSplitter {
    names: Vec<String>,
    /// Positions of the partition columns in the schema, in the order of `names`.
    partition_columns: Vec<usize>,
    /// Positions of all other columns.
    data_columns: Vec<usize>,
    /// The data columns: Spark writes partition values into folder names only.
    pub file_schema: SchemaRef,
    zone: Zone,
}

/// The rows of one partition.
#[derive(Debug)]
pub struct PartitionBatch {
    /// The value of each partition column as text, `None` for a null or an empty string.
    pub values: Vec<Option<String>>,
    /// The data columns of the rows.
    pub rows: RecordBatch,
}

impl PartitionSplitter {
    /// Splits by the columns `by` of `schema`; timestamps are formatted in `zone`. Whoever chose the columns has checked
    /// that rows can be split by them.
    ///
    /// # Errors
    /// `UNSUPPORTED_FEATURE` for a column that the schema does not have.
    pub fn new(schema: &SchemaRef, by: &[String], zone: Zone) -> Result<Self> {
        let find = |name: &String| {
            let column = schema.fields().iter().position(|f| same_name(f.name(), name));
            let refused = format!("the partition column `{name}`, which is not a column of the rows");
            column.ok_or_else(|| Error::unsupported(refused))
        };
        let partition_columns = by.iter().map(find).collect::<Result<Vec<_>>>()?;
        let data_columns: Vec<usize> =
            (0..schema.fields().len()).filter(|i| !partition_columns.contains(i)).collect();
        let file_schema =
            schema.project(&data_columns).map_err(|e| Error::internal(format!("a projection: {e}")))?;
        let names = partition_columns
            .iter()
            .filter_map(|p| schema.fields().get(*p))
            .map(|f| f.name().clone())
            .collect();
        Ok(Self { names, partition_columns, data_columns, file_schema: Arc::new(file_schema), zone })
    }

    /// Returns the names of the partition columns, as the schema spells them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Splits a batch; partitions come in the order of their values.
    pub fn split(&self, rows: &RecordBatch) -> Result<Vec<PartitionBatch>> {
        let wrong = |e| Error::internal(format!("rows of a partition: {e}"));
        let inner = rows.project(&self.data_columns).map_err(wrong)?;
        if self.partition_columns.is_empty() {
            return Ok(vec![PartitionBatch { values: vec![], rows: inner }]);
        }
        let texts: Vec<StringArray> =
            self.partition_columns.iter().map(|p| texts(rows.column(*p), self.zone)).collect();
        // By the text and not the value: values of one text share a folder, and a map by texts needs no order of types.
        let mut groups: BTreeMap<Vec<Option<String>>, Vec<u32>> = BTreeMap::new();
        for (row, index) in (0..rows.num_rows()).zip(0u32..) {
            // An empty name of a folder cannot be told from no value, so Spark writes a null for it.
            let value = |t: &StringArray| {
                (t.is_valid(row) && !t.value(row).is_empty()).then(|| t.value(row).to_owned())
            };
            groups.entry(texts.iter().map(value).collect()).or_default().push(index);
        }
        let take = |(values, rows): (Vec<Option<String>>, Vec<u32>)| {
            let rows = take_record_batch(&inner, &UInt32Array::from(rows)).map_err(wrong)?;
            Ok(PartitionBatch { values, rows })
        };
        groups.into_iter().map(take).collect()
    }

    /// Returns the folder of a partition, relative to the table.
    pub fn folder(&self, values: &[Option<String>]) -> PathBuf {
        let name = |(name, value): (&String, &Option<String>)| {
            let value = value.as_deref().map_or(NULL_FOLDER.to_owned(), escape);
            format!("{}={value}", escape(name))
        };
        self.names.iter().zip(values).map(name).collect()
    }
}

/// Converts partition values to the text that Spark writes into folder names, which is that of a cast.
fn texts(column: &ArrayRef, zone: Zone) -> StringArray {
    let printer = Printer::in_zone(Style::Cast, zone);
    let text = |row| column.is_valid(row).then(|| printer.print(column, row));
    (0..column.len()).map(text).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{ddl, lines};
    use arrow::array::{Float64Array, Int32Array, TimestampMicrosecondArray};

    #[test]
    fn rows_are_split_by_their_partition_values() {
        let schema = ddl("v int, k string, t timestamp");
        let times =
            TimestampMicrosecondArray::from(vec![Some(0), Some(0), Some(500_000), None]).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![1, 2, 3, 4])),
            Arc::new(StringArray::from(vec![Some("a/b"), Some("a/b"), Some(""), None])),
            Arc::new(times),
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let splitter =
            PartitionSplitter::new(&schema, &["K".to_owned(), "t".to_owned()], Zone::Fixed(3600)).unwrap();
        let partitions = splitter.split(&rows).unwrap();
        let shown: Vec<_> = partitions
            .iter()
            .map(|d| {
                format!("{} {:?}", splitter.folder(&d.values).display(), lines(std::slice::from_ref(&d.rows)))
            })
            .collect();
        assert_eq!(
            shown,
            [
                format!("k={NULL_FOLDER}/t={NULL_FOLDER} [\"4\"]"),
                format!("k={NULL_FOLDER}/t=1970-01-01 01%3A00%3A00.5 [\"3\"]"),
                "k=a%2Fb/t=1970-01-01 01%3A00%3A00 [\"1\", \"2\"]".to_owned(),
            ]
        );
        let missing = PartitionSplitter::new(&schema, &["x".to_owned()], Zone::UTC).unwrap_err();
        assert_eq!(missing.class(), "UNSUPPORTED_FEATURE");
    }

    #[test]
    fn floats_in_folder_names_are_java_s() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(f64::NEG_INFINITY),
            Some(1e30),
            Some(f64::NAN),
            None,
            Some(1.0),
        ]));
        let found: Vec<_> = texts(&floats, Zone::UTC).iter().map(|t| t.map(str::to_owned)).collect();
        let wanted = [Some("-Infinity"), Some("1.0E30"), Some("NaN"), None, Some("1.0")];
        assert_eq!(found, wanted.map(|t| t.map(str::to_owned)));
    }
}
