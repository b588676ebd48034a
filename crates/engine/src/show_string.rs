//! Formats a result as text for `df.show()`, exactly as Spark does.
//!
//! The layout follows Spark's `Dataset.showString`: columns at least three wide, right-aligned
//! when cut to a width, left-aligned otherwise.

use crate::session::{Output, Session};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use std::fmt::Write;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;
use thalweg_sql::types::{DataType, StructField, StructType};
use thalweg_values::display;

/// The smallest width of a column in characters.
const WIDTH_MIN: usize = 3;
/// The characters of a cell where cells are cut and nothing says where.
const CELL_MAX: usize = 20;
/// The largest number of rows of one text: Spark's limit too.
const ROWS_MAX: usize = i32::MAX as usize - 15;

/// The format of the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShowStyle {
    pub rows: usize,
    /// The largest number of characters per cell; 0 does not truncate.
    pub truncate: usize,
    pub vertical: bool,
    pub html: bool,
}

/// The texts of a table: the header and the rows that are shown.
struct Cells {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether there are more rows than shown.
    more: bool,
}

/// Returns the schema of the result: one string.
pub(crate) fn schema() -> StructType {
    StructType { fields: vec![StructField::new("show_string", DataType::String, false)] }
}

/// Runs the input as far as its text needs it.
pub(crate) async fn show(
    session: &Session,
    input: &ir::Relation,
    text: Option<Arc<str>>,
    style: ShowStyle,
) -> Result<Output> {
    let cells = fetch(session, input, text, style).await?;
    let drawn = match (style.html, style.vertical) {
        (true, _) => html(&cells),
        (false, true) => vertical(&cells),
        (false, false) => horizontal(&cells, style.truncate > 0),
    };
    Output::of_columns(schema(), vec![Arc::new(StringArray::from(vec![drawn]))])
}

/// Draws rows as `df.show()` does: how many at most, whether cells are cut at 20 characters, and the time zone of times.
///
/// ```
/// use arrow::array::{ArrayRef, Int32Array, RecordBatch};
/// use std::sync::Arc;
///
/// let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
/// let rows = RecordBatch::try_from_iter([("n", column)]).unwrap();
/// let drawn = thalweg_engine::draw(&rows, 1, true, "UTC").unwrap();
/// assert_eq!(drawn, "+---+\n|  n|\n+---+\n|  1|\n+---+\nonly showing top 1 row");
/// ```
///
/// # Errors
/// `INTERNAL_ERROR` if a column has no type of Spark.
pub fn draw(rows: &RecordBatch, rows_max: usize, truncate: bool, zone: &str) -> Result<String> {
    let fields = rows.schema();
    let schema = thalweg_values::types::schema_to_spark(fields.fields())
        .ok_or_else(|| Error::internal("rows of a type that Spark does not have"))?;
    let shown = rows.slice(0, rows_max.min(rows.num_rows()));
    let cells = Cells {
        header: fields.fields().iter().map(|f| escape(f.name())).collect(),
        rows: texts(&shown, &schema, zone, if truncate { CELL_MAX } else { 0 }),
        more: rows.num_rows() > rows_max,
    };
    Ok(horizontal(&cells, truncate))
}

fn texts(batch: &RecordBatch, schema: &StructType, zone: &str, truncate: usize) -> Vec<Vec<String>> {
    let columns = intervals_as_texts(batch, schema);
    let cell = |column: &ArrayRef, row| cut(escape(&display::cell(column.as_ref(), row, zone)), truncate);
    (0..batch.num_rows()).map(|row| columns.iter().map(|c| cell(c, row)).collect()).collect()
}

/// Returns the columns with intervals as texts, which depend on the fields of their types.
fn intervals_as_texts(batch: &RecordBatch, schema: &StructType) -> Vec<ArrayRef> {
    batch
        .columns()
        .iter()
        .zip(&schema.fields)
        .map(|(column, field)| {
            let fields = thalweg_values::types::interval_fields(&field.data_type);
            display::intervals_as_texts(column, &mut fields.into_iter())
        })
        .collect()
}

async fn fetch(
    session: &Session,
    input: &ir::Relation,
    text: Option<Arc<str>>,
    style: ShowStyle,
) -> Result<Cells> {
    let shown = style.rows.min(ROWS_MAX);
    // One row more tells whether there are more.
    let limit = i32::try_from(shown + 1).unwrap_or(i32::MAX);
    let limit = ir::Expr::new(ir::ExprNode::Literal(ir::Literal::Integer(limit)));
    let limited = ir::Relation::new(ir::RelationNode::Limit { input: Box::new(input.clone()), limit });
    let output = Box::pin(session.query(&limited, text)).await?;
    let header = output.schema.fields.iter().map(|f| escape(&f.name)).collect();
    let zone = session.config().time_zone();
    let output_schema = output.schema.clone();
    let mut rows = vec![];
    for batch in output.collect().await? {
        rows.extend(texts(&batch, &output_schema, &zone, style.truncate));
    }
    let more = rows.len() > shown;
    rows.truncate(shown);
    Ok(Cells { header, rows, more })
}

/// Escapes control characters as Spark does, so that a cell stays on its line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{7}' => out.push_str("\\a"),
            other => out.push(other),
        }
    }
    out
}

fn cut(text: String, truncate: usize) -> String {
    if truncate == 0 || text.chars().count() <= truncate {
        return text;
    }
    // Spark leaves out the dots where they would take all the room.
    if truncate < 4 {
        return text.chars().take(truncate).collect();
    }
    text.chars().take(truncate - 3).chain("...".chars()).collect()
}

fn horizontal(cells: &Cells, right: bool) -> String {
    let widths: Vec<usize> = cells
        .header
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let widest = cells.rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).max().unwrap_or(0);
            widest.max(width(name)).max(WIDTH_MIN)
        })
        .collect();
    let dashes: Vec<_> = widths.iter().map(|w| "-".repeat(*w)).collect();
    let rule = format!("+{}+\n", dashes.join("+"));
    let line = |row: &Vec<String>| {
        let padded: Vec<_> = row.iter().zip(&widths).map(|(cell, w)| pad(cell, *w, right)).collect();
        format!("|{}|\n", padded.join("|"))
    };
    let body: String = cells.rows.iter().map(line).collect();
    format!("{rule}{}{rule}{body}{rule}{}", line(&cells.header), footer(cells))
}

fn vertical(cells: &Cells) -> String {
    let names = cells.header.iter().map(|n| width(n)).max().unwrap_or(0).max(WIDTH_MIN);
    let values = cells.rows.iter().flatten().map(|c| width(c)).max().unwrap_or(0).max(WIDTH_MIN);
    let mut out = String::new();
    for (number, row) in cells.rows.iter().enumerate() {
        // The rule is as long as a line, which has five characters beside the name and the value.
        let head = format!("-RECORD {number}");
        let _ = writeln!(out, "{head:-<length$}", length = names + values + 5);
        for (name, cell) in cells.header.iter().zip(row) {
            let _ = writeln!(out, " {} | {} ", pad(name, names, false), pad(cell, values, false));
        }
    }
    if cells.rows.is_empty() {
        out.push_str("(0 rows)");
    }
    out + &footer(cells)
}

fn html(cells: &Cells) -> String {
    let escape =
        |t: &str| t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let row = |tag: &str, row: &Vec<String>| {
        let inner: Vec<_> = row.iter().map(|c| escape(c)).collect();
        format!("<tr><{tag}>{}</{tag}></tr>\n", inner.join(&format!("</{tag}><{tag}>")))
    };
    let body: String = cells.rows.iter().map(|r| row("td", r)).collect();
    let footer = if cells.more { footer(cells) + "\n" } else { String::new() };
    format!("<table border='1'>\n{}{body}</table>\n{footer}", row("th", &cells.header))
}

fn footer(cells: &Cells) -> String {
    match (cells.more, cells.rows.len()) {
        (false, _) => String::new(),
        (true, 1) => "only showing top 1 row".to_owned(),
        (true, n) => format!("only showing top {n} rows"),
    }
}

fn pad(text: &str, to: usize, right: bool) -> String {
    let spaces = " ".repeat(to.saturating_sub(width(text)));
    if right { spaces + text } else { text.to_owned() + &spaces }
}

/// Returns the width on a terminal as Spark counts it: UTF-16 units, and two for wide East Asian characters.
fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { c.len_utf16() }).sum()
}

fn is_wide(c: char) -> bool {
    // The ranges are those of Spark's `fullWidthRegex`, and not of a newer version of Unicode.
    matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(more: bool) -> Cells {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        Cells { header: row("id", "name"), rows: vec![row("1", "Alice"), row("23", "NULL")], more }
    }

    #[test]
    fn widths_count_utf16_units_and_wide_characters_twice() {
        for (text, expect) in [("ab", 2), ("日本", 4), ("😀é", 3), ("", 0)] {
            assert_eq!(width(text), expect, "{text}");
        }
    }

    #[test]
    fn intervals_are_drawn_with_their_fields() {
        let column: ArrayRef =
            Arc::new(arrow::array::DurationMicrosecondArray::from(vec![Some(86_400_000_000), None]));
        let batch = RecordBatch::try_from_iter([("d", column)]).ok();
        let day = DataType::DayTimeInterval { start: 0, end: 0 };
        let schema = StructType { fields: vec![StructField::new("d", day, true)] };
        let drawn = batch.map(|batch| texts(&batch, &schema, "UTC", 0));
        assert_eq!(drawn, Some(vec![vec!["INTERVAL '1' DAY".to_owned()], vec!["NULL".to_owned()]]));
    }

    #[test]
    fn a_table_without_columns_has_its_rows() {
        let cells = Cells { header: vec![], rows: vec![vec![], vec![]], more: false };
        assert_eq!(horizontal(&cells, true), "++\n||\n++\n||\n||\n++\n");
    }

    #[test]
    fn a_table_is_drawn_as_spark_draws_it() {
        let drawn = "+---+-----+\n| id| name|\n+---+-----+\n|  1|Alice|\n| 23| NULL|\n+---+-----+\nonly showing top 2 rows";
        assert_eq!(horizontal(&cells(true), true), drawn);
        let upright =
            "-RECORD 0----\n id   | 1     \n name | Alice \n-RECORD 1----\n id   | 23    \n name | NULL  \n";
        assert_eq!(vertical(&cells(false)), upright.replace("----\n", "-----\n"));
    }

    #[test]
    fn long_cells_are_cut_with_three_dots() {
        assert_eq!(cut("abcdefgh".into(), 6), "abc...");
        assert_eq!(cut("abcdefgh".into(), 3), "abc");
        assert_eq!(cut("abcdefgh".into(), 0), "abcdefgh");
    }
}
