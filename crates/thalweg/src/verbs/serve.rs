//! `thalweg serve`: runs the Spark Connect server until a signal ends it.
//!
//! The address is the first line on stdout, written when clients can connect; the epochs of console sinks follow.
//! Streaming tables resume before that. SIGINT and SIGTERM let running epochs end; a second one does not wait.

use super::engine_config;
use crate::registry::registry;
use crate::report::failed;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use thalweg_common::Result;
use thalweg_common::config::Configuration;

use thalweg_engine::Engine;
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  thalweg serve                          on sc://127.0.0.1:15002, everything in ./.thalweg
  thalweg serve --port 0 --data-dir lake any free port, printed on stdout
  SPARK_REMOTE=sc://127.0.0.1:15002 python job.py

It listens on the loopback interface unless told otherwise, and asks nobody for a password.
";

/// Starts a Spark Connect server for PySpark and prints its URL
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Port of the Spark Connect service, 15002 by default; 0 selects a free one
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on, 127.0.0.1 by default
    #[arg(long)]
    host: Option<String>,
    /// Where tables, catalog and checkpoints live, ./.thalweg by default
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl ServeArgs {
    /// Returns the flags that are configuration keys.
    pub(crate) fn settings(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("server.port", self.port.map(|p| p.to_string())),
            ("server.host", self.host.clone()),
            ("data.dir", self.data_dir.as_ref().map(|d| d.display().to_string())),
        ]
    }
}

/// Serves until a signal.
pub(crate) async fn run(settings: &Configuration) -> Result<()> {
    // A signal that arrives while the engine opens is kept until the server looks for one.
    let mut stop = Stop::new()?;
    // The port is bound first: a process that cannot serve must not resume streaming tables.
    let listener = thalweg_server::bind(address(settings).await?).await?;
    let local = listener.local_addr().map_err(|e| failed("the listener has no address", e))?;
    let engine = Engine::open(engine_config(settings), registry()?).await?;
    message(&format!("data in {}; stop with Ctrl-C", settings.text("data.dir")));
    announce(local)?;
    thalweg_server::serve(engine.clone(), listener, stop.asked()).await?;
    message("stopping: running epochs end first");
    tokio::select! {
        () = engine.shutdown() => {}
        () = stop.asked() => message("stopped immediately; the next start resumes after the last committed epoch"),
    }
    Ok(())
}

async fn address(settings: &Configuration) -> Result<SocketAddr> {
    let host = settings.text("server.host");
    let mut found = tokio::net::lookup_host((host, settings.port("server.port")))
        .await
        .map_err(|e| failed(&format!("server.host '{host}'"), e))?;
    found.next().ok_or_else(|| failed(&format!("server.host '{host}'"), "has no address"))
}

/// Prints the URL. The server also runs if stdout is closed.
fn announce(local: SocketAddr) -> Result<()> {
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "sc://{local}");
    let _ = stdout.flush();
    Ok(())
}

fn message(text: &str) {
    let _ = writeln!(std::io::stderr(), "thalweg: {text}");
}

/// The signals that stop the server.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(|e| failed("signals can't be received", e));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
