//! The streaming server as a process of its own: starts it, talks to it, kills it.

use super::wrong;
use crate::report::failed;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use thalweg_common::Result;
use thalweg_server::client::Client;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;

/// How long a server may take to start, or to reach the place where it is killed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folders of a demo.
#[derive(Debug)]
pub struct Place {
    /// Where files with flights arrive.
    pub incoming: PathBuf,
    /// The server's data directory.
    pub data: PathBuf,
    /// The Delta table.
    pub table: PathBuf,
    /// Says that the folder is a demo's.
    pub marker: PathBuf,
}

impl Place {
    /// The folders under `dir`, with their full paths: the server must not care where it was started.
    pub fn under(dir: &Path) -> Result<Self> {
        let dir =
            std::path::absolute(dir).map_err(|e| failed(&format!("'{}' is no path", dir.display()), e))?;
        Ok(Self {
            incoming: dir.join("incoming"),
            data: dir.join("data"),
            table: dir.join("carrier_delays"),
            marker: dir.join("demo.txt"),
        })
    }
}

/// A running server.
pub struct Server {
    child: Child,
    pid: u32,
    url: String,
    client: Client,
    holds: oneshot::Receiver<()>,
}

impl Server {
    /// Starts a server, waits until it takes connections, and connects. `fault` is what it does to itself.
    pub async fn start(place: &Place, fault: Option<&str>) -> Result<Self> {
        let program =
            std::env::current_exe().map_err(|e| failed("the program's own file is not known", e))?;
        let mut command = Command::new(program);
        command.args(["serve", "--port", "0", "--data-dir"]).arg(&place.data).env_remove("THALWEG_FAULT");
        if let Some(fault) = fault {
            command.env("THALWEG_FAULT", fault);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| failed("the server did not start", e))?;
        let (Some(pid), Some(stdout), Some(stderr)) = (child.id(), child.stdout.take(), child.stderr.take())
        else {
            return Err(wrong("the server ended at once".to_owned()));
        };
        let (tell, holds) = oneshot::channel();
        tokio::spawn(listen(BufReader::new(stderr).lines(), tell));
        let mut lines = BufReader::new(stdout).lines();
        let url = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let url = url.map_err(|_| wrong(format!("the server did not start within {PATIENCE:?}")))?;
        let url = url.map_err(|e| failed("the server's output", e))?;
        let url = url.ok_or_else(|| wrong("the server ended before it was ready".to_owned()))?;
        let client = Client::connect(&url).await?;
        Ok(Self { child, pid, url, client, holds })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Waits until the server says that it holds at the place where it shall be killed.
    pub async fn wait_until_it_holds(&mut self) -> Result<()> {
        match tokio::time::timeout(PATIENCE, &mut self.holds).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(wrong("the server ended before it could be killed".to_owned())),
            Err(_) => {
                Err(wrong(format!("the server did not come to the place of its kill within {PATIENCE:?}")))
            }
        }
    }

    /// SIGKILL; returns the process id that is no more.
    pub async fn kill(mut self) -> Result<u32> {
        self.child.kill().await.map_err(|e| failed("the server could not be killed", e))?;
        Ok(self.pid)
    }

    /// Ends a server that has nothing left to do.
    pub async fn stop(self) -> Result<()> {
        self.kill().await.map(|_| ())
    }
}

/// Passes the server's talk on, and tells when it holds.
async fn listen(mut lines: Lines<BufReader<ChildStderr>>, tell: oneshot::Sender<()>) {
    let mut tell = Some(tell);
    while let Ok(Some(line)) = lines.next_line().await {
        if line.starts_with("thalweg: holding at") {
            if let Some(tell) = tell.take() {
                // Nobody waits any more when the demo has failed elsewhere.
                let _ = tell.send(());
            }
        } else if !line.starts_with("thalweg: ") {
            let _ = writeln!(std::io::stderr(), "server: {line}");
        }
    }
}
