//! `thalweg demo`: processes real flights as a live stream with a server that is killed during the query.
//!
//! The flights of a file arrive in a folder, in the order of their departure. A server in a
//! separate process keeps the departure delay per carrier and 6-hour window in a Delta table. At a
//! moment chosen by the seed, when rows are staged and not yet committed, the server is killed with
//! SIGKILL (a binary without fault injection is killed at any point after an epoch chosen by the seed); a new
//! one resumes the query by itself. At the end the table must contain exactly the rows that
//! one batch query over the raw file returns. All files are in one folder, which is emptied first.

mod delta;
mod feeder;
mod flights;
mod job;
mod server;

use crate::fault;
use crate::report::failed;
use delta::Committed;
use feeder::Feeder;
use job::Job;
use server::{DemoFolders, Server};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::{Error, ErrorKind, Result};

/// The month of flights that comes with the sources.
const JANUARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/flights-2013-01.csv");
/// The kill happens at one of these hits of the fail point between stage and commit.
const HITS: std::ops::RangeInclusive<u64> = 4..=30;

/// The interval at which the table is read while the demo waits for an epoch.
const POLL: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  thalweg demo                                   January 2013, killed somewhere
  thalweg demo --seed 7                          killed somewhere else
  thalweg demo --input flights.csv               the whole year

The folder is left behind, so that the table can be queried afterwards.
";

/// Runs a live stream of real flights through a server that is killed, and proves that no row is lost
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// CSV file of nycflights13 flights; January 2013 by default
    #[arg(long, value_name = "FILE", default_value = JANUARY, hide_default_value = true)]
    input: PathBuf,
    /// Chooses the moment of the kill
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where everything is kept; emptied first
    #[arg(long, value_name = "DIR", default_value = ".thalweg/demo")]
    dir: PathBuf,
}

/// Runs the demo.
pub(crate) async fn run(args: DemoArgs) -> Result<()> {
    let flights = flights::read(&args.input)?;
    let folders = prepare(&args.dir)?;
    line("flights", &format!("{} rows of {}, by time of departure", flights.rows.len(), shown(&args.input)));
    // The same seed kills at the same hit, so that a failure can be repeated.
    let hit = fastrand::Rng::with_seed(args.seed).u64(HITS);
    let hold = fault::ENABLED.then(|| format!("hold@{}:{hit}", FailPoint::SinkCommit.name()));
    let mut first = Server::start(&folders, hold.as_deref()).await?;
    line("server", &format!("process {} at {}", first.pid(), first.url()));
    let job = Job::new(&folders, &args.input)?;
    job.submit(first.client()).await?;
    line("query", "carrier_delays: departure delay per carrier, 6-hour windows that start every hour");
    let feeder = Feeder::start(flights, folders.incoming.clone());
    let moment = match hold {
        Some(_) => {
            first.wait_until_it_holds().await?;
            "between stage and commit"
        }
        // Without fault injection the point within the epoch is unknown.
        None => {
            wait_for_epoch(&folders.table, hit).await?;
            "in the middle of its work"
        }
    };
    let before = delta::committed(&folders.table)?;
    let killed = first.kill().await?;
    line("killed", &format!("process {killed} with SIGKILL {moment}; {}", epochs(&before)));

    let mut second = Server::start(&folders, None).await?;
    line("server", &format!("process {} at {}, the query resumed by itself", second.pid(), second.url()));
    feeder.finished().await?;
    let id = job.id(second.client()).await?;
    job.drain(second.client(), &id).await?;
    let after = delta::committed(&folders.table)?;
    line("drained", &format!("job {id} took in the rest and closed its windows; {}", epochs(&after)));
    let dropped = job.dropped(second.client()).await?;
    line("watermark", &format!("one day; {dropped} rows dropped"));
    finish(&job, &mut second, &folders, dropped).await?;
    second.stop().await
}

/// Prints the comparison, the table, and the next commands to try.
async fn finish(job: &Job, server: &mut Server, folders: &DemoFolders, dropped: i64) -> Result<()> {
    line("table", &shown(&folders.table));
    let agreement = job.compare(server.client()).await?;
    line("agreement", &agreement);
    if dropped != 0 {
        return Err(wrong(format!("the watermark dropped {dropped} rows")));
    }
    write(&format!(
        "\nThe ten worst carrier-windows, in minutes of delay:\n{}",
        job.worst(server.client()).await?
    ));
    write(&format!(
        "\nThe same from PySpark (pip install pyspark-client==4.2.0), after\n  \
         thalweg serve --data-dir {}\n\n  \
         from pyspark.sql import SparkSession\n  \
         spark = SparkSession.builder.remote(\"sc://127.0.0.1:15002\").getOrCreate()\n  \
         spark.table(\"carrier_delays\").orderBy(\"delay_sum\", ascending=False).show(10)\n",
        shown(&folders.data)
    ));
    Ok(())
}

/// Empties the demo's folder. One that is not a demo's is refused.
fn prepare(dir: &Path) -> Result<DemoFolders> {
    let folders = DemoFolders::under(dir)?;
    // What is in the folder is removed below, so a wrong --dir must not cost a user's files.
    let foreign = dir.exists()
        && !folders.marker.exists()
        && std::fs::read_dir(dir).is_ok_and(|mut d| d.next().is_some());
    if foreign {
        return Err(wrong(format!("'{}' holds something that is not a demo's", dir.display()))
            .hint("Give an empty or new --dir."));
    }
    for old in [&folders.incoming, &folders.data, &folders.table] {
        match std::fs::remove_dir_all(old) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&format!("cannot remove {}", old.display()), e));
            }
            _ => {}
        }
    }
    let made = std::fs::create_dir_all(&folders.incoming)
        .and_then(|()| std::fs::write(&folders.marker, "thalweg demo\n"));
    made.map_err(|e| failed(&format!("cannot make {}", dir.display()), e))?;
    Ok(folders)
}

fn epochs(committed: &Committed) -> String {
    match committed.epoch {
        Some(epoch) => format!("the table holds epochs up to {epoch} (version {})", committed.version),
        None => "the table holds no epoch".to_owned(),
    }
}

/// Waits until the table has this epoch or a later one.
async fn wait_for_epoch(table: &Path, wanted: u64) -> Result<()> {
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let reached = async {
        // A table that does not exist yet has no epoch.
        while delta::committed(table).ok().and_then(|c| c.epoch).is_none_or(|epoch| epoch < wanted) {
            tokio::time::sleep(POLL).await;
        }
    };
    let in_time = tokio::time::timeout(server::PATIENCE, reached).await;
    in_time.map_err(|_| wrong(format!("the table did not hold epoch {wanted} within {:?}", server::PATIENCE)))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Runtime, "DEMO_FAILED", "58000", message)
}

/// Returns a path relative to the working directory, if it is inside.
fn shown(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let here = std::env::current_dir().and_then(|d| d.canonicalize()).unwrap_or_default();
    whole.strip_prefix(&here).unwrap_or(&whole).display().to_string()
}

fn line(name: &str, text: &str) {
    write(&format!("{name:<12} {text}\n"));
}

/// Writes to stdout. A closed stdout does not stop the demo.
fn write(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
