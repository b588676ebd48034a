//! Runs the `thalweg` program: parses the command line, loads the configuration, runs one verb.
//!
//! Rows go to stdout, messages to stderr. Only this crate prints and only `main` determines the exit code:
//! 0 success, 1 a query or the program failed, 2 the command line or configuration is not valid, 130
//! interrupted, 141 stdout was closed.

mod config;
mod fault;
mod format;
mod registry;
mod report;
mod verbs;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use verbs::Verb;

// glibc gives threads arenas of their own and keeps in them what is freed, so the memory of a stream with many keys does
// not shrink when its windows close. jemalloc returns it; bench/README.md has the figures.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The stack of each thread in bytes: deep expressions are walked recursively.
const STACK_BYTES: usize = 16 << 20;
const USAGE: u8 = 2;
/// How long threads that write files may take to remove incomplete files at the end.
const TIDY_UP_MAX: std::time::Duration = std::time::Duration::from_millis(700);

const EXAMPLES: &str = "\
Examples:
  thalweg demo                     a live stream, killed and resumed, exactly once
  thalweg serve --data-dir lake    a Spark Connect server for PySpark
  thalweg sql -c \"SELECT count(*) FROM 'flights.csv'\"
  thalweg sql -f report.sql --format csv > report.csv

Exit codes: 0 done; 1 a query or the program failed; 2 the command line or configuration is wrong;
130 interrupted (Ctrl-C); 141 whoever read stdout has gone.
Settings: thalweg.toml, THALWEG_SECTION__KEY variables, flags; the last one wins (docs/configuration.md).
";

/// Batch and streams as the same query, for Spark SQL and PySpark, in one binary.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    /// Configuration file; thalweg.toml in the working directory by default, if it exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    // A fault is installed before the first fail point can be hit.
    let ready = fault::install_from_environment()
        .and_then(|()| config::load(cli.config.as_deref()))
        .and_then(|settings| cli.verb.prepare(settings));
    match ready {
        Ok(settings) => {
            start_log(settings.text("log.level"));
            run(cli.verb, settings)
        }
        Err(error) => {
            report::to_stderr(&error);
            ExitCode::from(USAGE)
        }
    }
}

fn run(verb: Verb, settings: thalweg_common::config::Configuration) -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(verb.run(settings));
            // What still runs has been cancelled and removes its incomplete files; a stuck thread must not keep the
            // process.
            runtime.shutdown_timeout(TIDY_UP_MAX);
            done
        }
        Err(e) => Err(report::failed("the runtime did not start", &e).into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start_log(level: &str) {
    // Its errors reach the user as errors of the query; `log.level` can turn its log on again.
    let directives = format!("buoyant_kernel=off,{level}");
    let filter = tracing_subscriber::EnvFilter::try_new(directives).unwrap_or_else(|_| {
        let _ = writeln!(std::io::stderr(), "log.level '{level}' is not a filter; logging warnings");
        tracing_subscriber::EnvFilter::new("warn")
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
