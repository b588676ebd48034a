//! Commands: statements that change something or report on the catalog.

use super::{Expr, Name, Options, Relation};
use crate::types::StructType;

/// A statement that is not a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `CREATE VIEW`.
    CreateView(CreateView),
    /// `CREATE TABLE`, with or without `AS SELECT`.
    CreateTable(CreateTable),
    /// `CREATE STREAMING TABLE … AS SELECT … FROM STREAM …`: starts a query that resumes with the server.
    CreateStreamingTable(CreateTable),
    /// `STOP JOB 'id' [WITH DRAIN]` (Flink's words): a drained job first closes all its windows.
    StopJob {
        /// The id of the job, as `SHOW JOBS` lists it.
        id: String,
        /// Whether the job processes all available input and closes its windows first.
        drain: bool,
    },
    /// `START JOB 'id'`: starts the query of a streaming table again.
    StartJob {
        /// The id or the name of the job, or its table.
        id: String,
    },
    /// `SHOW JOBS`: lists the streaming queries.
    ShowJobs,
    /// `INSERT`.
    Insert(Insert),
    /// `DROP TABLE`.
    DropTable {
        /// The name of the table.
        name: Name,
        /// Whether a missing object is not an error (`IF EXISTS`).
        if_exists: bool,
    },
    /// `DROP VIEW`.
    DropView {
        /// The name of the view.
        name: Name,
        /// Whether a missing object is not an error (`IF EXISTS`).
        if_exists: bool,
    },
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// The name of the database.
        name: Name,
        /// Whether an existing object is kept and is not an error (`IF NOT EXISTS`).
        if_not_exists: bool,
    },
    /// `DROP DATABASE`.
    DropDatabase {
        /// The name of the database.
        name: Name,
        /// Whether a missing object is not an error (`IF EXISTS`).
        if_exists: bool,
        /// Whether its tables are dropped too (`CASCADE`); otherwise it must be empty.
        cascade: bool,
    },
    /// `USE`.
    UseDatabase {
        /// The name of the database that becomes the current one.
        name: Name,
    },
    /// `SHOW TABLES`.
    ShowTables {
        /// The database to list; none is the session's current one.
        database: Option<Name>,
        /// The pattern of the names to list, as in `LIKE`; none lists all.
        pattern: Option<String>,
    },
    /// `SHOW DATABASES`.
    ShowDatabases {
        /// The pattern of the names to list, as in `LIKE`; none lists all.
        pattern: Option<String>,
    },
    /// `SHOW VIEWS`.
    ShowViews {
        /// The database to list; none is the session's current one.
        database: Option<Name>,
        /// The pattern of the names to list, as in `LIKE`; none lists all.
        pattern: Option<String>,
    },
    /// `SHOW COLUMNS`.
    ShowColumns {
        /// The name of the table.
        table: Name,
    },
    /// `SHOW [USER | SYSTEM | ALL] FUNCTIONS`.
    ShowFunctions {
        /// The functions to list.
        scope: FunctionScope,
        /// The database, which must exist; the built-in functions are in all of them.
        database: Option<Name>,
        /// The pattern of the names to list, as in `LIKE`; none lists all.
        pattern: Option<String>,
    },
    /// `DESCRIBE TABLE`.
    DescribeTable {
        /// The name of the table or view.
        name: Name,
        /// Whether details of the table follow its columns (`EXTENDED`).
        extended: bool,
    },
    /// `DESCRIBE QUERY`.
    DescribeQuery {
        /// The query whose columns are described.
        query: Box<Relation>,
    },
    /// `EXPLAIN`.
    Explain {
        /// Which plans are shown.
        mode: ExplainMode,
        /// The query that is explained.
        query: Box<Relation>,
    },
    /// `SET key = value`; without a key it lists all settings, without a value it returns one.
    Set {
        /// The key of the setting.
        key: Option<String>,
        /// Its new value.
        value: Option<String>,
    },
    /// `SET -v`: lists all settings with their descriptions.
    ExplainSettings,
    /// `RESET`: sets one setting, or all without a key, to its default.
    Reset {
        /// The key of the setting.
        key: Option<String>,
    },
    /// `df.write…save()`, `saveAsTable` and `insertInto`.
    Write(Write),
    /// `df.writeStream…start()`.
    WriteStream(WriteStream),
}

/// Which functions SHOW FUNCTIONS lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionScope {
    /// Both kinds of functions.
    All,
    /// The built-in functions.
    System,
    /// The functions that users have created.
    User,
}

/// Which plans EXPLAIN shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    /// The physical plan.
    Simple,
    /// The logical plans and the physical plan.
    Extended,
    /// The generated code, in Spark.
    Codegen,
    /// The optimized plan with statistics.
    Cost,
    /// The physical plan as an outline with details per node.
    Formatted,
}

/// `CREATE [OR REPLACE] [GLOBAL] [TEMPORARY] VIEW`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    /// The name of the view.
    pub name: Name,
    /// New names of the query's columns; empty keeps those of the query.
    pub columns: Vec<String>,
    /// The query that defines the view.
    pub query: Box<Relation>,
    /// Whether the view ends with the session.
    pub temporary: bool,
    /// Whether the temporary view is visible to all sessions (`global_temp`).
    pub global: bool,
    /// `OR REPLACE`.
    pub replace: bool,
    /// Whether an existing object is kept and is not an error (`IF NOT EXISTS`).
    pub if_not_exists: bool,
    /// The text of the query, kept for a view that outlives the session.
    pub text: Option<String>,
}

/// A table to create.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// The name of the table.
    pub name: Name,
    /// The columns, if the statement lists them.
    pub schema: Option<StructType>,
    /// `USING csv`; none is the session's default (Delta).
    pub format: Option<String>,
    /// `OPTIONS (…)`.
    pub options: Options,
    /// `TBLPROPERTIES (…)`.
    pub properties: Options,
    /// `PARTITIONED BY (…)`.
    pub partition_by: Vec<String>,
    /// `LOCATION`; none is a folder that the engine chooses.
    pub location: Option<String>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// Whether an existing object is kept and is not an error (`IF NOT EXISTS`).
    pub if_not_exists: bool,
    /// `OR REPLACE`.
    pub replace: bool,
    /// `AS SELECT …`.
    pub query: Option<Box<Relation>>,
    /// The text of the query, from which a streaming table resumes.
    pub text: Option<String>,
}

/// `INSERT INTO` / `INSERT OVERWRITE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table that is written to.
    pub table: Name,
    /// The columns that get values, in the query's order; empty means all.
    pub columns: Vec<String>,
    /// The query that yields the rows.
    pub query: Box<Relation>,
    /// Whether the rows replace those of the table.
    pub overwrite: bool,
    /// `BY NAME`: columns are matched by name instead of by position.
    pub by_name: bool,
}

/// The destination of a batch write.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteTarget {
    /// Files under a path.
    Path(String),
    /// `saveAsTable`.
    Table(Name),
    /// `insertInto`.
    Insert(Name),
    /// `format("noop")` and sources that need no path.
    None,
}

/// Spark's save modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveMode {
    /// Adds the rows.
    Append,
    /// Replaces what exists.
    Overwrite,
    /// Fails if the destination exists.
    ErrorIfExists,
    /// Writes nothing if the destination exists.
    Ignore,
}

/// A batch write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The relation whose rows are read.
    pub input: Box<Relation>,
    /// `format(…)`; none is the session's default.
    pub format: Option<String>,
    /// The destination.
    pub target: WriteTarget,
    /// What happens to existing data.
    pub mode: SaveMode,
    /// `partitionBy(…)`.
    pub partition_by: Vec<String>,
    /// `sortBy(…)`.
    pub sort_by: Vec<String>,
    /// The options as given.
    pub options: Options,
}

/// Which rows of a streaming result reach the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutputMode {
    /// Rows that will not change any more.
    Append,
    /// Rows that changed in the epoch.
    Update,
    /// The whole result after each epoch.
    Complete,
}

/// When an epoch starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteTrigger {
    /// As soon as the last one ended, or every interval (interval text).
    ProcessingTime(Option<String>),
    /// All input that is available now, in as many epochs as the limits require, then the query ends.
    AvailableNow,
    /// All input that is available now in one epoch, then the query ends.
    Once,
    /// Continuous processing with a checkpoint interval.
    Continuous(String),
}

/// `df.writeStream…start()`.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteStream {
    /// The relation whose rows are read.
    pub input: Box<Relation>,
    /// `format(…)`; none is the session's default.
    pub format: Option<String>,
    /// The options as given.
    pub options: Options,
    /// None means append.
    pub output_mode: Option<WriteOutputMode>,
    /// When an epoch starts.
    pub trigger: WriteTrigger,
    /// `queryName(…)`.
    pub query_name: Option<String>,
    /// `partitionBy(…)`.
    pub partition_by: Vec<String>,
    /// The path of `start(path)`.
    pub path: Option<String>,
    /// The table of `toTable(name)`.
    pub table: Option<Name>,
    /// A `foreach`/`foreachBatch` function, which needs a Python worker.
    pub foreach: bool,
}

impl WriteStream {
    /// Returns the value of an option by its name, which is case-insensitive. The last one given wins.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A list of literal arguments for `?` and `:name` markers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    /// The values of `?` markers, in order.
    pub positional: Vec<Expr>,
    /// The values of `:name` markers by name.
    pub named: Vec<(String, Expr)>,
}
