//! Unresolved relations: what yields rows.

use super::{Expr, Name, Origin, SortOrder};
use crate::types::StructType;

/// A relation, the client's id for it and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    pub node: RelationNode,
    /// The id that `df["x"]` references carry.
    pub plan_id: Option<i64>,
    pub origin: Origin,
}

impl Relation {
    /// A relation that came from no text and has no id.
    pub fn new(node: RelationNode) -> Self {
        Self { node, plan_id: None, origin: None }
    }
    /// A relation at a place of the text.
    pub fn at(node: RelationNode, origin: Origin) -> Self {
        Self { node, plan_id: None, origin }
    }
}

/// Reading options in the order in which they were given; names are case-insensitive.
pub type Options = Vec<(String, String)>;

/// What a relation is.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationNode {
    /// A table, view, CTE or ``format.`path` `` by name; `streaming` is `STREAM t` / `readStream.table`.
    Table {
        name: Name,
        options: Options,
        streaming: bool,
    },
    /// `read.format(..).load(..)`, `FROM 'file.csv'`, `readStream`.
    DataSource(DataSource),
    /// `start <= id < end`, column `id` BIGINT.
    Range {
        start: i64,
        end: i64,
        step: i64,
    },
    /// Rows from the client: one Arrow IPC stream, and the schema that the client wants for them.
    Local {
        ipc: Option<Vec<u8>>,
        schema: Option<StructType>,
    },
    /// `VALUES (..), (..)`; columns `col1`, `col2`, ….
    Values {
        rows: Vec<Vec<Expr>>,
    },
    /// One row without columns: SELECT without FROM.
    OneRow,
    Project {
        input: Box<Relation>,
        exprs: Vec<Expr>,
    },
    Filter {
        input: Box<Relation>,
        condition: Expr,
    },
    Aggregate(Aggregate),
    /// `HAVING`: a filter that may name aggregates which the input does not output. The input is an `Aggregate`.
    Having {
        input: Box<Relation>,
        condition: Expr,
    },
    /// `QUALIFY`: a filter that may hold window calls.
    Qualify {
        input: Box<Relation>,
        condition: Expr,
    },
    Join(Join),
    SetOperation(SetOperation),
    /// Keys may name columns of the input's input, as SQL's ORDER BY does. `global` false sorts within partitions.
    Sort {
        input: Box<Relation>,
        order: Vec<SortOrder>,
        global: bool,
    },
    Limit {
        input: Box<Relation>,
        limit: Expr,
    },
    Offset {
        input: Box<Relation>,
        offset: Expr,
    },
    Tail {
        input: Box<Relation>,
        limit: usize,
    },
    /// `DISTINCT` (no columns) or `dropDuplicates(columns)`.
    Deduplicate {
        input: Box<Relation>,
        columns: Vec<String>,
        within_watermark: bool,
    },
    Alias {
        input: Box<Relation>,
        alias: String,
        columns: Vec<String>,
    },
    /// `WITH`: each CTE sees those before it, and itself if recursive.
    With {
        ctes: Vec<Cte>,
        recursive: bool,
        input: Box<Relation>,
    },
    /// Adds or replaces columns by name; each expression is an `Alias`.
    WithColumns {
        input: Box<Relation>,
        columns: Vec<Expr>,
    },
    WithColumnsRenamed {
        input: Box<Relation>,
        renames: Vec<(String, String)>,
    },
    /// Drops columns by expression or by name; unknown names are no error.
    Drop {
        input: Box<Relation>,
        columns: Vec<Expr>,
        names: Vec<String>,
    },
    /// Names all columns anew.
    ToDf {
        input: Box<Relation>,
        names: Vec<String>,
    },
    /// Reconciles with a schema by name.
    ToSchema {
        input: Box<Relation>,
        schema: StructType,
    },
    /// Changes partitioning only; never the rows.
    Repartition {
        input: Box<Relation>,
        partitions: Option<usize>,
        exprs: Vec<Expr>,
        shuffle: bool,
    },
    Hint {
        input: Box<Relation>,
        name: String,
        args: Vec<Expr>,
    },
    Sample {
        input: Box<Relation>,
        lower: f64,
        upper: f64,
        with_replacement: bool,
        seed: Option<i64>,
    },
    /// `withWatermark` / `WATERMARK` clause: `event_time` may run late by `delay` (interval text).
    WithWatermark {
        input: Box<Relation>,
        event_time: Expr,
        delay: String,
    },
    /// A table-valued function: `range(3)`, `explode(..)`, `window` functions.
    TableFunction {
        name: Name,
        args: Vec<Expr>,
    },
    /// `LATERAL VIEW [OUTER] generator(..) alias AS columns`.
    LateralView(LateralView),
    /// `na.fill`: one value for all columns, or one per column. Values are literals.
    FillNa {
        input: Box<Relation>,
        columns: Vec<Name>,
        values: Vec<Expr>,
    },
    /// `na.drop`: keeps rows with at least `min_non_nulls` non-null values (none: all).
    DropNa {
        input: Box<Relation>,
        columns: Vec<Name>,
        min_non_nulls: Option<usize>,
    },
    /// `na.replace`: literals old → new.
    Replace {
        input: Box<Relation>,
        columns: Vec<Name>,
        replacements: Vec<(Expr, Expr)>,
    },
    Describe {
        input: Box<Relation>,
        columns: Vec<Name>,
        statistics: Vec<String>,
    },
    /// One row, one column `show_string`: the table drawn as text.
    ShowString {
        input: Box<Relation>,
        rows: usize,
        truncate: usize,
        vertical: bool,
        html: bool,
    },
    /// The DataFrame API's subqueries: expressions in `root` refer to `references` by plan id.
    WithRelations {
        root: Box<Relation>,
        references: Vec<Relation>,
    },
    Unpivot(Unpivot),
    /// `spark.sql(text, args)` as a relation: the query that the text was parsed to, with the arguments of its
    /// markers. The origins inside `query` are places in `text`.
    SqlQuery {
        text: String,
        query: Box<Relation>,
        positional: Vec<Expr>,
        named: Vec<(String, Expr)>,
    },
}

/// An external source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataSource {
    /// `csv`, `json`, `parquet`, `delta`, …; none lets the path's ending decide (`FROM 'x.csv'`).
    pub format: Option<String>,
    pub schema: Option<StructType>,
    pub options: Options,
    pub paths: Vec<String>,
    pub streaming: bool,
}

/// `GROUP BY` in all its forms. `aggregates` is the whole select list for SQL; for the DataFrame API
/// (`groupBy().agg()`), grouping columns come first in the output and `output_grouping` is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub input: Box<Relation>,
    pub kind: GroupKind,
    pub grouping: Vec<Expr>,
    pub aggregates: Vec<Expr>,
    pub output_grouping: bool,
}

/// How grouping keys combine.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupKind {
    GroupBy,
    /// `GROUP BY ALL`.
    All,
    Rollup,
    Cube,
    /// Each set lists its expressions; `Aggregate::grouping` holds the distinct keys.
    Sets(Vec<Vec<Expr>>),
    /// `pivot(column, values)`; no values means those found in the data.
    Pivot {
        column: Expr,
        values: Vec<Expr>,
    },
}

/// A join of two relations.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    pub left: Box<Relation>,
    pub right: Box<Relation>,
    pub kind: JoinKind,
    pub condition: Option<Expr>,
    pub using: Vec<String>,
    pub natural: bool,
    /// The right side may name columns of the left.
    pub lateral: bool,
}

/// Spark's join types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Cross,
    LeftOuter,
    RightOuter,
    FullOuter,
    LeftSemi,
    LeftAnti,
}

/// `UNION`, `INTERSECT`, `EXCEPT`.
#[derive(Debug, Clone, PartialEq)]
pub struct SetOperation {
    pub left: Box<Relation>,
    pub right: Box<Relation>,
    pub kind: SetKind,
    pub all: bool,
    pub by_name: bool,
    pub allow_missing_columns: bool,
}

/// Which set operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetKind {
    Union,
    Intersect,
    Except,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Relation,
}

/// The rows of a generator beside those of its input; an `outer` one keeps a row that it makes nothing of.
#[derive(Debug, Clone, PartialEq)]
pub struct LateralView {
    pub input: Box<Relation>,
    pub generator: Expr,
    pub outer: bool,
    pub alias: Option<String>,
    pub columns: Vec<String>,
}

/// Columns to rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpivot {
    pub input: Box<Relation>,
    pub ids: Vec<Expr>,
    /// None: all columns that are no ids.
    pub values: Option<Vec<Expr>>,
    pub variable_column: String,
    pub value_column: String,
}
