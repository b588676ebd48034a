//! Unresolved relations.

use super::{Expr, Name, Origin, SortOrder};
use crate::types::StructType;

/// A relation, the client's id for it and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// What the relation is.
    pub node: RelationNode,
    /// The id that `df["x"]` references carry.
    pub plan_id: Option<i64>,
    /// Its place in the text.
    pub origin: Origin,
}

impl Relation {
    /// Creates a relation that has neither a place in a text nor an id.
    pub fn new(node: RelationNode) -> Self {
        Self { node, plan_id: None, origin: None }
    }
    /// Creates a relation with its place in the text.
    pub fn at(node: RelationNode, origin: Origin) -> Self {
        Self { node, plan_id: None, origin }
    }
}

/// Reading options in the order in which they were given; names are case-insensitive.
pub type Options = Vec<(String, String)>;

/// The kinds of relations.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationNode {
    /// A table, view, CTE or ``format.`path` `` by name; `streaming` is `STREAM t` / `readStream.table`.
    Table {
        /// The name.
        name: Name,
        /// `WITH (…)` or the reader's options.
        options: Options,
        /// Whether the table is read as a stream.
        streaming: bool,
    },
    /// A view as it was when a plan over it was stored. It sees no common table expression around it.
    View {
        /// The plan of the view.
        plan: Box<Relation>,
        /// New names of its columns; empty keeps those of the plan.
        columns: Vec<String>,
        /// The full name, which qualifies the columns.
        qualifier: Name,
    },
    /// `read.format(..).load(..)`, `FROM 'file.csv'`, `readStream`.
    DataSource(DataSource),
    /// `start <= id < end`, column `id` BIGINT.
    Range {
        /// The first id.
        start: i64,
        /// The bound, which is not an id.
        end: i64,
        /// The difference of two ids; it may be negative.
        step: i64,
    },
    /// Rows that the client sends, as one Arrow IPC stream.
    Local {
        /// The Arrow IPC stream; none means no rows.
        ipc: Option<Vec<u8>>,
        /// The schema that the client requests for them.
        schema: Option<StructType>,
    },
    /// `VALUES (..), (..)`; columns `col1`, `col2`, ….
    Values {
        /// The rows, each as long as the first.
        rows: Vec<Vec<Expr>>,
    },
    /// One row without columns: the input of a SELECT without FROM.
    OneRow,
    /// `SELECT`.
    Project {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The select list.
        exprs: Vec<Expr>,
    },
    /// `WHERE`.
    Filter {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The condition; rows for which it is not true are dropped.
        condition: Expr,
    },
    /// `GROUP BY`.
    Aggregate(Aggregate),
    /// `HAVING`: a filter that may call aggregates which the input does not output. The input is an `Aggregate`.
    Having {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The condition; rows for which it is not true are dropped.
        condition: Expr,
    },
    /// `QUALIFY`: a filter that may contain window calls.
    Qualify {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The condition; rows for which it is not true are dropped.
        condition: Expr,
    },
    /// `JOIN`.
    Join(Join),
    /// `UNION`, `INTERSECT` or `EXCEPT`.
    SetOperation(SetOperation),
    /// `ORDER BY` or `SORT BY`. Keys may name columns of the input's input, as in SQL.
    Sort {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The sort keys.
        order: Vec<SortOrder>,
        /// Whether all rows are sorted; otherwise those of each partition.
        global: bool,
    },
    /// `LIMIT`.
    Limit {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The maximum number of rows, a constant.
        limit: Expr,
    },
    /// `OFFSET`.
    Offset {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The number of rows to skip, a constant.
        offset: Expr,
    },
    /// `df.tail(n)`: the last rows.
    Tail {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The maximum number of rows.
        limit: usize,
    },
    /// `DISTINCT` (no columns) or `dropDuplicates(columns)`.
    Deduplicate {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The columns that must differ; empty means all.
        columns: Vec<String>,
        /// `dropDuplicatesWithinWatermark`.
        within_watermark: bool,
    },
    /// `AS alias (columns)`.
    Alias {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The new qualifier of the columns.
        alias: String,
        /// New names of the columns; empty keeps them.
        columns: Vec<String>,
    },
    /// `WITH`: each CTE sees those before it, and itself if recursive.
    With {
        /// The common table expressions, in order.
        ctes: Vec<Cte>,
        /// `RECURSIVE`.
        recursive: bool,
        /// The query that uses them.
        input: Box<Relation>,
    },
    /// Adds or replaces columns by name; each expression is an `Alias`.
    WithColumns {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The new columns.
        columns: Vec<Expr>,
    },
    /// `withColumnsRenamed`; names that do not exist are ignored.
    WithColumnsRenamed {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// Old and new names.
        renames: Vec<(String, String)>,
    },
    /// Drops columns by expression or by name; a name that does not exist is not an error.
    Drop {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// Columns by expression.
        columns: Vec<Expr>,
        /// Columns by name.
        names: Vec<String>,
    },
    /// `df.toDF(…)`: renames all columns.
    ToDf {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The new names, one for each column.
        names: Vec<String>,
    },
    /// `df.to(schema)`: reorders and casts the columns by name.
    ToSchema {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The schema.
        schema: StructType,
    },
    /// Changes the partitioning and never the rows.
    Repartition {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The number of partitions.
        partitions: Option<usize>,
        /// The keys of the partitioning.
        exprs: Vec<Expr>,
        /// Whether rows may move between partitions (`repartition`, not `coalesce`).
        shuffle: bool,
    },
    /// An optimizer hint.
    Hint {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The name of the hint.
        name: String,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// A random sample.
    Sample {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The lower bound of the sampled share, from 0 to 1.
        lower: f64,
        /// The upper bound of the sampled share, from 0 to 1.
        upper: f64,
        /// Whether a row may be drawn more than once.
        with_replacement: bool,
        /// The seed of the random numbers.
        seed: Option<i64>,
    },
    /// `withWatermark` or the `WATERMARK` clause: a row may arrive `delay` after its event time.
    WithWatermark {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The column of the event time.
        event_time: Expr,
        /// The delay as interval text.
        delay: String,
    },
    /// A table-valued function: `range(3)`, `explode(..)`, `window` functions.
    TableFunction {
        /// The name of the function.
        name: Name,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// `LATERAL VIEW [OUTER] generator(..) alias AS columns`.
    LateralView(LateralView),
    /// `na.fill`: one value for all columns, or one per column. Values are literals.
    FillNa {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The columns; empty means all.
        columns: Vec<Name>,
        /// The replacement values.
        values: Vec<Expr>,
    },
    /// `na.drop`: keeps rows with at least `min_non_nulls` non-null values (none: all).
    DropNa {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The columns that are counted; empty means all.
        columns: Vec<Name>,
        /// The least number of values that are not null.
        min_non_nulls: Option<usize>,
    },
    /// `na.replace`: replaces values.
    Replace {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The columns; empty means all.
        columns: Vec<Name>,
        /// Old and new values, which are literals.
        replacements: Vec<(Expr, Expr)>,
    },
    /// `describe` and `summary`: one row per statistic.
    Describe {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The columns; empty means all numeric and string columns.
        columns: Vec<Name>,
        /// The names of the statistics.
        statistics: Vec<String>,
    },
    /// `df.show()`: one row whose column `show_string` holds the table as text.
    ShowString {
        /// The relation whose rows are read.
        input: Box<Relation>,
        /// The maximum number of rows.
        rows: usize,
        /// The maximum width of a value in characters; 0 does not truncate.
        truncate: usize,
        /// Whether each value is on a line of its own.
        vertical: bool,
        /// Whether the table is HTML.
        html: bool,
    },
    /// The DataFrame API's subqueries: expressions in `root` refer to `references` by plan id.
    WithRelations {
        /// The query.
        root: Box<Relation>,
        /// The relations that its expressions refer to.
        references: Vec<Relation>,
    },
    /// `UNPIVOT`.
    Unpivot(Unpivot),
    /// `spark.sql(text, args)` as a relation: the parsed query and the arguments of its markers. The origins inside
    /// `query` are positions in `text`.
    SqlQuery {
        /// The text of the query.
        text: String,
        /// The parsed query.
        query: Box<Relation>,
        /// The values of `?` markers, in order.
        positional: Vec<Expr>,
        /// The values of `:name` markers by name.
        named: Vec<(String, Expr)>,
    },
}

/// An external source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataSource {
    /// `csv`, `json`, `parquet`, `delta`, …; none derives the format from the file extension (`FROM 'x.csv'`).
    pub format: Option<String>,
    /// The schema, if the user gives one.
    pub schema: Option<StructType>,
    /// The reader's options.
    pub options: Options,
    /// The files and folders to read.
    pub paths: Vec<String>,
    /// Whether the source is read as a stream.
    pub streaming: bool,
}

/// `GROUP BY` in all its forms. `aggregates` is the whole select list for SQL; for the DataFrame API
/// (`groupBy().agg()`), grouping columns come first in the output and `output_grouping` is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The relation whose rows are read.
    pub input: Box<Relation>,
    /// How the grouping keys are combined.
    pub kind: GroupKind,
    /// The grouping keys.
    pub grouping: Vec<Expr>,
    /// The output expressions.
    pub aggregates: Vec<Expr>,
    /// Whether the grouping keys precede `aggregates` in the output.
    pub output_grouping: bool,
}

/// How grouping keys are combined.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupKind {
    /// `GROUP BY a, b`.
    GroupBy,
    /// `GROUP BY ALL`.
    All,
    /// `ROLLUP (a, b)`.
    Rollup,
    /// `CUBE (a, b)`.
    Cube,
    /// Each set lists its expressions; `Aggregate::grouping` holds the distinct keys.
    Sets(Vec<Vec<Expr>>),
    /// `pivot(column, values)`; without values, those found in the data.
    Pivot {
        /// The column whose values become columns.
        column: Expr,
        /// The values.
        values: Vec<Expr>,
    },
}

/// A join of two relations.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// The left side.
    pub left: Box<Relation>,
    /// The right side.
    pub right: Box<Relation>,
    /// The type of the join.
    pub kind: JoinKind,
    /// `ON`.
    pub condition: Option<Expr>,
    /// `USING (…)`.
    pub using: Vec<String>,
    /// `NATURAL`.
    pub natural: bool,
    /// Whether the right side may use columns of the left.
    pub lateral: bool,
}

/// Spark's join types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// `INNER`.
    Inner,
    /// `CROSS`.
    Cross,
    /// `LEFT OUTER`.
    LeftOuter,
    /// `RIGHT OUTER`.
    RightOuter,
    /// `FULL OUTER`.
    FullOuter,
    /// `LEFT SEMI`: rows of the left side that have a match.
    LeftSemi,
    /// `LEFT ANTI`: rows of the left side that have no match.
    LeftAnti,
}

/// `UNION`, `INTERSECT`, `EXCEPT`.
#[derive(Debug, Clone, PartialEq)]
pub struct SetOperation {
    /// The left side.
    pub left: Box<Relation>,
    /// The right side.
    pub right: Box<Relation>,
    /// The operation.
    pub kind: SetKind,
    /// Whether duplicates stay (`ALL`).
    pub all: bool,
    /// Whether columns are matched by name (`unionByName`).
    pub by_name: bool,
    /// Whether a column that one side lacks is null there; requires `by_name`.
    pub allow_missing_columns: bool,
}

/// The kind of a set operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetKind {
    /// Rows of either side.
    Union,
    /// Rows of both sides.
    Intersect,
    /// Rows of the left side that the right side does not have.
    Except,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    /// The name.
    pub name: String,
    /// New names of its columns; empty keeps them.
    pub columns: Vec<String>,
    /// The query.
    pub query: Relation,
}

/// `LATERAL VIEW`: the columns of each input row beside the rows that a generator makes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LateralView {
    /// The relation whose rows are read.
    pub input: Box<Relation>,
    /// The call of the generator.
    pub generator: Expr,
    /// Whether an input row without generated rows stays, once, with nulls.
    pub outer: bool,
    /// The qualifier of the generated columns.
    pub alias: Option<String>,
    /// The names of the generated columns; empty keeps the generator's.
    pub columns: Vec<String>,
}

/// Turns columns into rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpivot {
    /// The relation whose rows are read.
    pub input: Box<Relation>,
    /// The columns that stay.
    pub ids: Vec<Expr>,
    /// The columns that become rows; none means all that are not ids.
    pub values: Option<Vec<Expr>>,
    /// The name of the output column that holds the names of the columns.
    pub variable_column: String,
    /// The name of the output column that holds the values.
    pub value_column: String,
}
