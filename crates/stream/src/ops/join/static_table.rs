//! Joins a stream with a bounded table, whose rows come with each epoch.
//!
//! Nothing is kept between epochs. A worker builds an index over the keys of the table when the first row of an
//! epoch arrives, so an epoch without rows costs nothing.

use super::{at_once, passes};
use crate::ops::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator};
use crate::ops::processing_time::EpochTimeExprs;
use crate::ops::stateless::{batch_of, evaluate};
use crate::spec::{OperatorId, StaticJoinSpec, StaticJoinType};
use crate::state::{EncodedRows, RowCodec};
use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, new_null_array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::HashMap;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::{from_arrow, from_datafusion};

/// A join of the rows of one worker.
pub(crate) struct StaticJoin {
    /// By which the rows of the table are found in the descriptor of an epoch.
    id: OperatorId,
    spec: StaticJoinSpec,
    codec: RowCodec,
    stream_keys: EpochTimeExprs,
    table_keys: EpochTimeExprs,
    filter: EpochTimeExprs,
    table: Option<RecordBatch>,
    index: Option<Arc<Index>>,
}

/// The rows of the table by key.
type Index = HashMap<Box<[u8]>, Vec<u64>>;

/// The keys of some rows, and which of them have a null, which equals nothing.
struct Keys {
    encoded: EncodedRows,
    has_null: Vec<bool>,
}

/// The rows of a batch that have matched so far.
struct Probe<'a> {
    rows: &'a RecordBatch,
    table: &'a RecordBatch,
    matched: Vec<bool>,
}

impl StaticJoin {
    /// # Errors
    /// If a type cannot be a key.
    pub(crate) fn new(id: OperatorId, spec: &StaticJoinSpec) -> Result<Self> {
        let types = spec.table_keys.iter().map(|key| key.data_type(&spec.table_schema));
        let types = types.collect::<Result<Vec<DataType>, _>>().map_err(from_datafusion)?;
        Ok(Self {
            id,
            codec: RowCodec::new(&types)?,
            stream_keys: EpochTimeExprs::new(spec.stream_keys.clone()),
            table_keys: EpochTimeExprs::new(spec.table_keys.clone()),
            filter: EpochTimeExprs::new(spec.filter.iter().cloned().collect()),
            spec: spec.clone(),
            table: None,
            index: None,
        })
    }

    fn keys(&self, exprs: &[Arc<dyn PhysicalExpr>], rows: &RecordBatch) -> Result<Keys> {
        let columns = exprs.iter().map(|e| evaluate(e, rows)).collect::<Result<Vec<_>>>()?;
        let has_null = (0..rows.num_rows()).map(|row| columns.iter().any(|c| c.is_null(row))).collect();
        Ok(Keys { encoded: self.codec.encode(&columns, rows.num_rows())?, has_null })
    }

    /// Returns the index over the table, which the first rows of an epoch build.
    fn index(&mut self, table: &RecordBatch) -> Result<Arc<Index>> {
        if let Some(index) = &self.index {
            return Ok(Arc::clone(index));
        }
        let keys = self.keys(self.table_keys.exprs(), table)?;
        let mut index = Index::new();
        for (row, key) in
            keys.encoded.iter().enumerate().filter(|(row, _)| keys.has_null.get(*row) == Some(&false))
        {
            match index.get_mut(key) {
                Some(rows) => rows.push(row as u64),
                None => {
                    index.insert(key.into(), vec![row as u64]);
                }
            }
        }
        Ok(Arc::clone(self.index.insert(Arc::new(index))))
    }

    /// Tests pairs of rows with equal keys, and emits them if the join emits pairs.
    fn join(
        &self,
        probe: &mut Probe<'_>,
        pairs: (Vec<u64>, Vec<u64>),
        output: &mut EmittedRows,
    ) -> Result<()> {
        let (of_stream, of_table) = (UInt64Array::from(pairs.0), UInt64Array::from(pairs.1));
        let columns = |batch: &RecordBatch, rows: &UInt64Array| {
            let columns = batch.columns().iter().map(|c| take(c, rows, None)).collect::<Result<Vec<_>, _>>();
            columns.map_err(from_arrow)
        };
        let stream = columns(probe.rows, &of_stream)?;
        let joined = self.side_by_side(stream, columns(probe.table, &of_table)?);
        let joined = batch_of(&self.spec.joined_schema, joined, of_stream.len())?;
        let passes = passes(&self.filter, &joined)?;
        for (pair, row) in of_stream.values().iter().enumerate() {
            if passes.value(pair)
                && let Some(matched) = probe.matched.get_mut(*row as usize)
            {
                *matched = true;
            }
        }
        if matches!(self.spec.join_type, StaticJoinType::Inner | StaticJoinType::Outer) {
            let joined = filter_record_batch(&joined, &passes).map_err(from_arrow)?;
            output.emit(batch_of(&self.spec.output_schema, joined.columns().to_vec(), joined.num_rows())?);
        }
        Ok(())
    }

    /// Emits the rows that the kind of the join wants besides the pairs.
    fn emit_rows(&self, probe: &Probe<'_>, output: &mut EmittedRows) -> Result<()> {
        let wanted = match self.spec.join_type {
            StaticJoinType::Inner => return Ok(()),
            StaticJoinType::Semi => true,
            StaticJoinType::Outer | StaticJoinType::Anti => false,
        };
        let keep: BooleanArray = probe.matched.iter().map(|matched| Some(*matched == wanted)).collect();
        let rows = filter_record_batch(probe.rows, &keep).map_err(from_arrow)?;
        let mut columns = rows.columns().to_vec();
        if self.spec.join_type == StaticJoinType::Outer {
            let nulls = self.spec.table_schema.fields().iter();
            let nulls = nulls.map(|f| new_null_array(f.data_type(), rows.num_rows())).collect();
            columns = self.side_by_side(columns, nulls);
        }
        output.emit(batch_of(&self.spec.output_schema, columns, rows.num_rows())?);
        Ok(())
    }

    fn side_by_side(&self, stream: Vec<ArrayRef>, table: Vec<ArrayRef>) -> Vec<ArrayRef> {
        if self.spec.stream_is_left { [stream, table].concat() } else { [table, stream].concat() }
    }
}

impl Operator for StaticJoin {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        // The rows of the table may have changed, so the index of the epoch before is of no use.
        self.table = epoch.tables.get(&self.id).cloned();
        self.index = None;
        let exprs = [&mut self.stream_keys, &mut self.table_keys, &mut self.filter];
        exprs.into_iter().try_for_each(|exprs| exprs.start_epoch(epoch.processing_time_us))
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        let lost = || Error::internal(format!("the epoch has no table for {}", self.id));
        let table = self.table.clone().ok_or_else(lost)?;
        let index = self.index(&table)?;
        let keys = self.keys(self.stream_keys.exprs(), &rows)?;
        let joinable = |row: usize| keys.has_null.get(row) == Some(&false);
        let found = |row: usize| index.get(keys.encoded.get(row)).filter(|_| joinable(row));
        let rows = at_once(&rows, (0..rows.num_rows()).map(|row| found(row).map_or(0, Vec::len)), output);
        let mut probe = Probe { matched: vec![false; rows.num_rows()], rows: &rows, table: &table };
        let (mut of_stream, mut of_table) = (Vec::new(), Vec::new());
        for row in 0..rows.num_rows() {
            for found in found(row).into_iter().flatten() {
                of_stream.push(row as u64);
                of_table.push(*found);
                // A key may have many rows in the table, and each pair is a row with the columns of both.
                if of_stream.len() == super::PAIRS_MAX {
                    let pairs = (std::mem::take(&mut of_stream), std::mem::take(&mut of_table));
                    self.join(&mut probe, pairs, output)?;
                }
            }
        }
        self.join(&mut probe, (of_stream, of_table), output)?;
        self.emit_rows(&probe, output)
    }

    fn close_epoch(&mut self, _output: &mut EmittedRows) -> Result<EpochReport> {
        Ok(EpochReport::default())
    }
}
