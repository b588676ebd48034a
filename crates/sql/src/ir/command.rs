//! Commands: statements that change something or tell about the catalog.

use super::{Expr, Name, Options, Relation};
use crate::types::StructType;

/// A statement that is no query.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    CreateView(CreateView),
    /// `CREATE TABLE`, with or without `AS SELECT`.
    CreateTable(CreateTable),
    /// `CREATE STREAMING TABLE … AS SELECT … FROM STREAM …`: starts a query that resumes with the server.
    CreateStreamingTable(CreateTable),
    /// `STOP JOB 'id' [WITH DRAIN]` (Flink's words): a drained job first closes all its windows.
    StopJob {
        id: String,
        drain: bool,
    },
    ShowJobs,
    Insert(Insert),
    DropTable {
        name: Name,
        if_exists: bool,
    },
    DropView {
        name: Name,
        if_exists: bool,
    },
    CreateDatabase {
        name: Name,
        if_not_exists: bool,
    },
    DropDatabase {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    UseDatabase {
        name: Name,
    },
    ShowTables {
        database: Option<Name>,
        pattern: Option<String>,
    },
    ShowDatabases {
        pattern: Option<String>,
    },
    ShowViews {
        database: Option<Name>,
        pattern: Option<String>,
    },
    ShowColumns {
        table: Name,
    },
    ShowFunctions {
        pattern: Option<String>,
    },
    DescribeTable {
        name: Name,
        extended: bool,
    },
    DescribeQuery {
        query: Box<Relation>,
    },
    Explain {
        mode: ExplainMode,
        query: Box<Relation>,
    },
    /// `SET key = value`; no key lists all, no value tells one.
    Set {
        key: Option<String>,
        value: Option<String>,
    },
    /// `SET -v`: all settings and what they do.
    ExplainSettings,
    Reset {
        key: Option<String>,
    },
    /// `df.write…save()` and its kin.
    Write(Write),
    /// `df.writeStream…start()`.
    WriteStream(WriteStream),
}

/// How much EXPLAIN tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    Simple,
    Extended,
    Codegen,
    Cost,
    Formatted,
}

/// `CREATE [OR REPLACE] [GLOBAL] [TEMPORARY] VIEW`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    pub name: Name,
    pub columns: Vec<String>,
    pub query: Box<Relation>,
    pub temporary: bool,
    pub global: bool,
    pub replace: bool,
    pub if_not_exists: bool,
    /// The text of the query, kept for a view that outlives the session.
    pub text: Option<String>,
}

/// A table to make.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    pub name: Name,
    pub schema: Option<StructType>,
    /// `USING csv`; none is the session's default (Delta).
    pub format: Option<String>,
    pub options: Options,
    pub properties: Options,
    pub partition_by: Vec<String>,
    pub location: Option<String>,
    pub comment: Option<String>,
    pub if_not_exists: bool,
    pub replace: bool,
    pub query: Option<Box<Relation>>,
    /// The text of the query, from which a streaming table resumes.
    pub text: Option<String>,
}

/// `INSERT INTO` / `INSERT OVERWRITE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    pub table: Name,
    pub columns: Vec<String>,
    pub query: Box<Relation>,
    pub overwrite: bool,
    pub by_name: bool,
}

/// Where a batch write goes.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteTarget {
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
    Append,
    Overwrite,
    ErrorIfExists,
    Ignore,
}

/// A batch write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub input: Box<Relation>,
    pub format: Option<String>,
    pub target: WriteTarget,
    pub mode: SaveMode,
    pub partition_by: Vec<String>,
    pub sort_by: Vec<String>,
    pub options: Options,
}

/// Which rows of a streaming result reach the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    Append,
    Update,
    Complete,
}

/// When an epoch starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// As soon as the last one ended, or every interval (interval text).
    ProcessingTime(Option<String>),
    /// All that is there now, in as many epochs as the limits ask for, then stop.
    AvailableNow,
    /// All that is there now in one epoch.
    Once,
    /// Continuous processing with a checkpoint interval.
    Continuous(String),
}

/// `df.writeStream…start()`.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteStream {
    pub input: Box<Relation>,
    pub format: Option<String>,
    pub options: Options,
    /// None is append.
    pub output_mode: Option<OutputMode>,
    pub trigger: Trigger,
    pub query_name: Option<String>,
    pub partition_by: Vec<String>,
    /// The `path` of `start(path)` or the table of `toTable(name)`.
    pub path: Option<String>,
    pub table: Option<Name>,
    /// A `foreach`/`foreachBatch` function, which needs a Python worker.
    pub foreach: bool,
}

impl WriteStream {
    /// The value of an option, by its case-insensitive name.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A list of literal arguments for `?` and `:name` markers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments {
    pub positional: Vec<Expr>,
    pub named: Vec<(String, Expr)>,
}
