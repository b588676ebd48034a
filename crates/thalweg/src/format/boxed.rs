//! Draws a table in a box: names, types, the first rows, and the number of rows.
//!
//! Keeps at most `max_rows` rows and cells of [`CELL_WIDTH_MAX`] columns, whatever the result's size.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use thalweg_engine::display;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The largest width of a cell in terminal columns; longer text is truncated.
const CELL_WIDTH_MAX: usize = 60;

/// Collects rows and draws them.
pub(crate) struct Table {
    /// Name and type.
    columns: Vec<(String, String)>,
    time_zone: String,
    max_rows: usize,
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
    count: usize,
}

impl Table {
    pub(crate) fn new(columns: Vec<(String, String)>, time_zone: String, max_rows: usize) -> Self {
        let right = vec![false; columns.len()];
        Self { columns, time_zone, max_rows, rows: vec![], right, count: 0 }
    }

    /// Adds rows: the first ones are kept as text, the others are counted.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) {
        let wanted = self.max_rows.saturating_sub(self.rows.len()).min(batch.num_rows());
        for row in 0..wanted {
            let cells = batch.columns().iter();
            self.rows.push(cells.map(|c| cut(&display::cell(c.as_ref(), row, &self.time_zone))).collect());
        }
        // The columns of the constructor have their types as texts alone, so the rows tell which are numbers.
        self.right = batch.schema().fields().iter().map(|f| is_number(f.data_type())).collect();
        self.count += batch.num_rows();
    }

    /// Returns the drawn table, which is empty if there are no columns.
    pub(crate) fn render(&self) -> String {
        if self.columns.is_empty() {
            return String::new();
        }
        let names: Vec<String> = self.columns.iter().map(|(n, _)| cut(n)).collect();
        let types: Vec<String> = self.columns.iter().map(|(_, t)| cut(t)).collect();
        let width = |i: usize| {
            let cells = self.rows.iter().filter_map(|r| r.get(i));
            cells.chain(names.get(i)).chain(types.get(i)).map(|c| c.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut out = rule('┌', '┬', '┐', &widths);
        out.push_str(&self.line(&names, &widths));
        out.push_str(&self.line(&types, &widths));
        out.push_str(&rule('├', '┼', '┤', &widths));
        for row in &self.rows {
            out.push_str(&self.line(row, &widths));
        }
        out.push_str(&rule('└', '┴', '┘', &widths));
        out.push_str(&self.total());
        out
    }

    fn total(&self) -> String {
        let noun = if self.count == 1 { "row" } else { "rows" };
        if self.count > self.rows.len() {
            return format!("{} {noun}, the first {} shown\n", self.count, self.rows.len());
        }
        format!("{} {noun}\n", self.count)
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut out = String::new();
        for ((cell, width), right) in cells.iter().zip(widths).zip(&self.right) {
            // Widths are columns of the terminal and not characters: East Asian characters take two.
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = if *right { (pad.as_str(), "") } else { ("", pad.as_str()) };
            out.push_str(&format!("│ {before}{cell}{after} "));
        }
        out.push_str("│\n");
        out
    }
}

fn rule(left: char, middle: char, right: char, widths: &[usize]) -> String {
    let parts: Vec<String> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
    format!("{left}{}{right}\n", parts.join(&middle.to_string()))
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Truncates a text to one line of at most [`CELL_WIDTH_MAX`] columns.
fn cut(text: &str) -> String {
    // A line break or a tab inside a cell would break the box.
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.width() <= CELL_WIDTH_MAX {
        return flat;
    }
    let mut width = 0;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        // One column is left for the ellipsis.
        width < CELL_WIDTH_MAX
    };
    let kept: String = flat.chars().take_while(fits).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use std::sync::Arc;

    fn table(max_rows: usize) -> Table {
        let columns =
            vec![("carrier".to_owned(), "string".to_owned()), ("n".to_owned(), "bigint".to_owned())];
        let mut table = Table::new(columns, "UTC".to_owned(), max_rows);
        let carriers: ArrayRef = Arc::new(StringArray::from(vec![Some("UA"), None]));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![4637, 3]));
        table.batch(&RecordBatch::try_from_iter([("carrier", carriers), ("n", counts)]).unwrap());
        table
    }

    #[test]
    fn a_table_has_names_types_rows_and_their_number() {
        let expected = "\
┌─────────┬────────┐
│ carrier │      n │
│ string  │ bigint │
├─────────┼────────┤
│ UA      │   4637 │
│ NULL    │      3 │
└─────────┴────────┘
2 rows
";
        assert_eq!(table(40).render(), expected);
        assert!(table(1).render().ends_with("2 rows, the first 1 shown\n"));
    }

    #[test]
    fn long_cells_are_cut_to_the_width() {
        assert_eq!(cut(&"x".repeat(100)).width(), CELL_WIDTH_MAX);
        assert!(cut(&"長".repeat(100)).width() <= CELL_WIDTH_MAX);
        assert_eq!(cut("a\nb"), "a b");
    }
}
