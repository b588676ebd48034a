//! `thalweg sql`: runs statements from the command line, a file or stdin and prints their rows.
//!
//! Statements run one after the other and the first error ends the run. A streaming statement
//! processes the available input, closes its windows and returns. Without a data directory everything
//! that is created is deleted at the end.

use super::engine_config;
use crate::format::{Format, RowPrinter};
use crate::registry::registry;
use crate::report::{Failure, failed, interrupted};
use futures::StreamExt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::Error;
use thalweg_common::cancel::Cancellation;
use thalweg_common::config::Configuration;

use thalweg_engine::{Engine, Output, ParsedStatement, Session};
use tokio::signal::unix::{SignalKind, signal};

/// How long an interrupted statement may take to end; after that the process exits without it.
const NOTICE_MAX: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  thalweg sql -c \"SELECT carrier, count(*) FROM 'flights.csv' GROUP BY carrier\"
  thalweg sql -f report.sql --format csv > report.csv
  echo 'SHOW TABLES' | thalweg sql --data-dir lake --format json

Without -c and -f statements come from stdin; a ';' ends each. Without --data-dir tables live in a
temporary directory that is gone at the end.
Exit codes: 0 done; 1 a statement failed; 2 the command line or configuration is wrong;
130 interrupted (Ctrl-C); 141 whoever read stdout has gone.
";

/// Runs Spark SQL statements and prints their rows
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SqlArgs {
    /// Statements to run
    #[arg(short = 'c', long, value_name = "SQL", conflicts_with = "file", allow_hyphen_values = true)]
    command: Option<String>,
    /// File with statements to run
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = Format::Box)]
    format: Format,
    /// Rows that the box format shows of each result
    #[arg(long, value_name = "N", default_value_t = 40)]
    max_rows: usize,
    /// Where tables, catalog and checkpoints live
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl SqlArgs {
    /// Returns the flags that are configuration keys.
    pub(crate) fn settings(&self) -> Vec<(&'static str, Option<String>)> {
        vec![("data.dir", self.data_dir.as_ref().map(|d| d.display().to_string()))]
    }

    fn text(&self) -> Result<String, Error> {
        let unreadable = |from: &Path, e| failed(&format!("cannot read {}", from.display()), e);
        match (&self.command, &self.file) {
            (Some(text), _) => Ok(text.clone()),
            (None, Some(file)) => std::fs::read_to_string(file).map_err(|e| unreadable(file, e)),
            (None, None) => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map(|_| text).map_err(|e| unreadable(Path::new("stdin"), e))
            }
        }
    }
}

/// Runs the statements.
pub(crate) async fn run(args: SqlArgs, settings: &Configuration) -> Result<(), Failure> {
    let text = args.text()?;
    let mut config = engine_config(settings);
    // The streaming tables of the directory continue when a server opens it, and not beside these statements.
    config.resume_jobs = false;
    // The folder is removed when this value is dropped, at the end of the run.
    let temporary = match settings.is_set("data.dir") {
        true => None,
        false => Some(tempfile::tempdir().map_err(|e| failed("no temporary directory", e))?),
    };
    if let Some(folder) = &temporary {
        config.data_dir = folder.path().to_path_buf();
    }
    // All statements are parsed before the first one runs, so a syntax error changes nothing.
    let statements = match thalweg_engine::parse(&text) {
        Ok(statements) => statements,
        // A script of comments only is valid.
        Err(error) if error.class() == "PARSE_EMPTY_STATEMENT" => return Ok(()),
        Err(error) => return Err(Failure { error, text, first_line: 1 }),
    };
    // From here on an interrupt is handled, also while the first statement prints without yielding.
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|e| failed("signals can't be received", e))?;
    let engine = Engine::open(config, registry()?).await?;
    // In a separate task, so that statements that compute without yielding do not delay the interrupt.
    let cancellation = Cancellation::default();
    let work = statement_by_statement(engine.clone(), statements, text, args);
    let mut work = tokio::spawn(cancellation.scope(work));
    let done = tokio::select! {
        done = &mut work => {
            done.unwrap_or_else(|e| Err(Error::internal(format!("the execution broke off: {e}")).into()))
        }
        _ = interrupt.recv() => {
            cancellation.cancel();
            work.abort();
            // It may be about to start a stream, which is stopped below.
            let _ = tokio::time::timeout(NOTICE_MAX, work).await;
            Err(interrupted().into())
        }
    };
    engine.shutdown().await;
    done
}

async fn statement_by_statement(
    engine: Arc<Engine>,
    statements: Vec<ParsedStatement>,
    text: String,
    args: SqlArgs,
) -> Result<(), Failure> {
    let session = engine.new_session("thalweg", "sql");
    let mut from = 0;
    for statement in statements {
        // The search begins after the statement before, so that equal statements get their own lines.
        let rest = text.get(from..).unwrap_or_default();
        let start = from + rest.find(&statement.text).unwrap_or(0);
        from = start + statement.text.len();
        let first_line = 1 + text.get(..start).unwrap_or_default().matches('\n').count();
        let place: Arc<str> = statement.text.as_str().into();
        let output = session.execute(statement.statement, Some(place)).await;
        let printed = match output {
            Ok(output) => print(&session, output, &args).await,
            Err(error) => Err(error),
        };
        printed.map_err(|error| Failure { error, text: statement.text, first_line })?;
    }
    Ok(())
}

async fn print(session: &Session, output: Output, args: &SqlArgs) -> Result<(), Error> {
    let columns = output.schema.fields.iter().map(|f| (f.name.clone(), f.data_type.to_string())).collect();
    let zone = session.config().time_zone();
    let mut printer = RowPrinter::new(args.format, columns, zone, args.max_rows);
    let mut rows = output.rows;
    while let Some(batch) = rows.next().await {
        printer.batch(&batch?)?;
    }
    printer.finish()
}
