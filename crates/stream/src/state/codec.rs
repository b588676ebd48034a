//! Columns as bytes per row and back, in Arrow's row encoding, also for rows of no columns.

use crate::error::from_arrow;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use thalweg_common::Result;

/// Encodes rows of fixed column types.
#[derive(Debug)]
pub(crate) struct Codec {
    converter: RowConverter,
    width: usize,
}

/// Encoded rows.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// None if rows have no columns: then every row is the empty string of bytes.
    rows: Option<Rows>,
    len: usize,
}

impl Codec {
    /// # Errors
    /// If a type can't be encoded.
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
        Ok(Self { converter: RowConverter::new(fields).map_err(from_arrow)?, width: types.len() })
    }

    pub(crate) fn encode(&self, columns: &[ArrayRef], len: usize) -> Result<Encoded> {
        let rows = match self.width {
            0 => None,
            _ => Some(self.converter.convert_columns(columns).map_err(from_arrow)?),
        };
        Ok(Encoded { rows, len })
    }

    /// The columns of rows that this codec encoded.
    pub(crate) fn decode<'a>(&self, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        if self.width == 0 {
            return Ok(Vec::new());
        }
        let parser = self.converter.parser();
        let rows: Vec<_> = rows.into_iter().map(|bytes| parser.parse(bytes)).collect();
        self.converter.convert_rows(rows).map_err(from_arrow)
    }
}

impl Encoded {
    /// The bytes of row `index`.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        match &self.rows {
            Some(rows) if index < rows.num_rows() => rows.row(index).data(),
            _ => &[],
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len).map(|i| self.get(i))
    }
}
