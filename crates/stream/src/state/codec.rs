//! Encodes columns to one byte string per row and decodes them, in Arrow's row encoding.
//!
//! Arrow's converter does not support rows without columns, which a global aggregate has as keys; these are
//! encoded as empty strings.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_arrow;

/// Encodes rows of fixed column types.
#[derive(Debug)]
pub(crate) struct RowCodec {
    converter: RowConverter,
    width: usize,
}

/// Encoded rows.
#[derive(Debug)]
pub(crate) struct EncodedRows {
    /// `None` if rows have no columns; every row is then an empty byte string.
    rows: Option<Rows>,
    len: usize,
}

impl RowCodec {
    /// # Errors
    /// If Arrow cannot encode a type.
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
        Ok(Self { converter: RowConverter::new(fields).map_err(from_arrow)?, width: types.len() })
    }

    pub(crate) fn encode(&self, columns: &[ArrayRef], len: usize) -> Result<EncodedRows> {
        let rows = match self.width {
            0 => None,
            _ => Some(self.converter.convert_columns(columns).map_err(from_arrow)?),
        };
        // A row that is missing would be read as an empty one, and its group would be lost.
        if let Some(rows) = rows.as_ref().filter(|rows| rows.num_rows() != len) {
            return Err(Error::internal(format!("{} encoded rows of {len}", rows.num_rows())));
        }
        Ok(EncodedRows { rows, len })
    }

    /// Decodes rows that this codec encoded.
    pub(crate) fn decode<'a>(&self, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        if self.width == 0 {
            return Ok(Vec::new());
        }
        let parser = self.converter.parser();
        let rows: Vec<_> = rows.into_iter().map(|bytes| parser.parse(bytes)).collect();
        self.converter.convert_rows(rows).map_err(from_arrow)
    }
}

impl EncodedRows {
    /// Returns the bytes of row `index`.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        match &self.rows {
            Some(rows) if index < rows.num_rows() => rows.row(index).data(),
            _ => &[],
        }
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len).map(|i| self.get(i))
    }
}
