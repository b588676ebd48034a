//! A random table as SQL literals, in blocks of rows: a block becomes a file where a layout has several.
//!
//! Values come from small domains, so that keys meet and groups have several rows. A column may hold only NULLs
//! in a block: that is where file statistics, bounds and missing columns go wrong.

use fastrand::Rng;

/// A column: its name, its type in SQL, and the literals that its values are drawn from.
pub(crate) struct Column {
    pub name: &'static str,
    pub sql_type: &'static str,
    domain: &'static [&'static str],
}

/// The columns that both tables have. Doubles are multiples of a quarter, so that their sums are exact in any
/// order; the long strings share a prefix that is longer than what Parquet's statistics keep.
pub(crate) const COLUMNS: &[Column] = &[
    Column {
        name: "a",
        sql_type: "BIGINT",
        domain: &["-3", "-1", "0", "1", "2", "3", "5", "7", "1000000000000"],
    },
    Column { name: "b", sql_type: "INT", domain: &["-2", "0", "1", "2", "3", "4", "2147483647"] },
    Column {
        name: "c",
        sql_type: "STRING",
        domain: &[
            "''",
            "'a'",
            "'b'",
            "'ab'",
            "'B'",
            "'é'",
            "'z'",
            "'10'",
            "concat(repeat('k', 80), 'x')",
            "concat(repeat('k', 80), 'y')",
        ],
    },
    Column {
        name: "d",
        sql_type: "DOUBLE",
        domain: &["0D", "-0.0D", "0.25D", "-1.5D", "3D", "100.75D", "double('NaN')", "double('Infinity')"],
    },
    Column {
        name: "e",
        sql_type: "DECIMAL(10,2)",
        domain: &["0.00BD", "1.25BD", "-1.25BD", "99999999.99BD", "3.00BD", "0.10BD"],
    },
    Column {
        name: "f",
        sql_type: "DATE",
        domain: &["DATE'1969-12-31'", "DATE'2024-02-29'", "DATE'2024-03-01'", "DATE'1582-10-15'"],
    },
    Column {
        name: "g",
        sql_type: "TIMESTAMP",
        domain: &[
            "TIMESTAMP'1969-12-31 23:59:59.5Z'",
            "TIMESTAMP'2024-03-10 10:00:00Z'",
            "TIMESTAMP'2024-03-10 10:00:00.001Z'",
            "TIMESTAMP'2024-03-01 00:00:00Z'",
        ],
    },
    Column { name: "h", sql_type: "BOOLEAN", domain: &["true", "false"] },
];

/// Rows that are stored together, each a list of literals.
pub(crate) struct Block {
    pub rows: Vec<Vec<&'static str>>,
    /// Whether the block holds only NULLs in the column of that index.
    pub nulls_only: Vec<bool>,
}

/// A table's rows.
pub(crate) struct Table {
    pub blocks: Vec<Block>,
}

impl Table {
    /// A table of up to six blocks of up to twelve rows; one block in eight is empty.
    pub(crate) fn random(random: &mut Rng) -> Self {
        let blocks = random.usize(1..=6);
        Self { blocks: (0..blocks).map(|_| block(random)).collect() }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Vec<&'static str>> {
        self.blocks.iter().flat_map(|b| &b.rows)
    }
}

fn block(random: &mut Rng) -> Block {
    let rows = if random.usize(0..8) == 0 { 0 } else { random.usize(1..=12) };
    let nulls_only: Vec<bool> = COLUMNS.iter().map(|_| random.usize(0..3) == 0).collect();
    let mut row = || {
        let value = |(column, nulls_only): (&Column, &bool)| {
            let null = *nulls_only || random.usize(0..6) == 0;
            if null { "NULL" } else { column.domain[random.usize(0..column.domain.len())] }
        };
        COLUMNS.iter().zip(&nulls_only).map(value).collect()
    };
    Block { rows: (0..rows).map(|_| row()).collect(), nulls_only }
}

/// Returns the definition of the columns that `keep` accepts, for CREATE TABLE.
pub(crate) fn definition(keep: impl Fn(usize) -> bool) -> String {
    let kept = COLUMNS.iter().enumerate().filter(|(i, _)| keep(*i));
    kept.map(|(_, c)| format!("{} {}", c.name, c.sql_type)).collect::<Vec<_>>().join(", ")
}

/// A query that yields these rows with the columns' types.
pub(crate) fn select<'r>(
    rows: impl Iterator<Item = &'r Vec<&'static str>>,
    keep: impl Fn(usize) -> bool,
) -> String {
    let indices: Vec<usize> = (0..COLUMNS.len()).filter(|i| keep(*i)).collect();
    let row = |r: &Vec<&'static str>| {
        let cells: Vec<&str> = indices.iter().map(|i| r[*i]).collect();
        format!("({})", cells.join(", "))
    };
    let rows: Vec<String> = rows.map(row).collect();
    let cast = |i: &usize| {
        let Column { name, sql_type, .. } = &COLUMNS[*i];
        format!("CAST({name} AS {sql_type}) AS {name}")
    };
    let casts: Vec<String> = indices.iter().map(cast).collect();
    let names: Vec<&str> = indices.iter().map(|i| COLUMNS[*i].name).collect();
    let (rows, only) = match rows.is_empty() {
        true => (format!("({})", vec!["NULL"; indices.len()].join(", ")), " WHERE false"),
        false => (rows.join(", "), ""),
    };
    format!("SELECT {} FROM VALUES {rows} AS v({}){only}", casts.join(", "), names.join(", "))
}
