//! Starts, watches and kills the streaming server, which is a separate process.

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

/// How long a server may take to start, or to reach the fail point where it is killed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The folders of a demo.
#[derive(Debug)]
pub(super) struct DemoFolders {
    /// Where files with flights arrive.
    pub incoming: PathBuf,
    /// The server's data directory.
    pub data: PathBuf,
    /// The Delta table.
    pub table: PathBuf,
    /// The file that marks the folder as a demo's.
    pub marker: PathBuf,
}

impl DemoFolders {
    /// Returns the folders under `dir` with absolute paths, so that the server's working directory does not matter.
    pub(super) fn under(dir: &Path) -> Result<Self> {
        let dir =
            std::path::absolute(dir).map_err(|e| failed(&format!("'{}' is not a path", dir.display()), e))?;
        Ok(Self {
            incoming: dir.join("incoming"),
            data: dir.join("data"),
            table: dir.join("carrier_delays"),
            marker: dir.join("demo.txt"),
        })
    }
}

/// A running server.
pub(super) struct Server {
    child: Child,
    pid: u32,
    url: String,
    client: Client,
    holds: oneshot::Receiver<()>,
}

impl Server {
    /// Starts a server, waits until it accepts connections, and connects. `fault` is the fault that it injects.
    pub(super) async fn start(folders: &DemoFolders, fault: Option<&str>) -> Result<Self> {
        let program =
            std::env::current_exe().map_err(|e| failed("the program's own file is not known", e))?;
        let mut command = Command::new(program);
        // A fault that is requested of this process is not meant for its server.
        command.args(["serve", "--port", "0", "--data-dir"]).arg(&folders.data).env_remove("THALWEG_FAULT");
        if let Some(fault) = fault {
            command.env("THALWEG_FAULT", fault);
        }
        // A demo that fails must not leave a server behind.
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

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Waits until the server reports that it is blocked at the fail point where it is to be killed.
    pub(super) async fn wait_until_it_holds(&mut self) -> Result<()> {
        match tokio::time::timeout(PATIENCE, &mut self.holds).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(wrong("the server ended before it could be killed".to_owned())),
            Err(_) => {
                Err(wrong(format!("the server did not reach the fail point of its kill within {PATIENCE:?}")))
            }
        }
    }

    /// Kills the server with SIGKILL; returns its process id.
    pub(super) async fn kill(mut self) -> Result<u32> {
        self.child.kill().await.map_err(|e| failed("the server could not be killed", e))?;
        Ok(self.pid)
    }

    /// Stops the server.
    pub(super) async fn stop(self) -> Result<()> {
        // The query has ended and its table is complete, so a kill loses nothing.
        self.kill().await.map(|_| ())
    }
}

/// Copies the server's messages to stderr, and signals when it is blocked.
async fn listen(mut lines: Lines<BufReader<ChildStderr>>, tell: oneshot::Sender<()>) {
    let mut tell = Some(tell);
    // Every line is read: a full pipe would block the server.
    while let Ok(Some(line)) = lines.next_line().await {
        if line.starts_with("thalweg: holding at") {
            if let Some(tell) = tell.take() {
                // The receiver is dropped when the demo has failed elsewhere.
                let _ = tell.send(());
            }
        } else if !line.starts_with("thalweg: ") {
            let _ = writeln!(std::io::stderr(), "server: {line}");
        }
    }
}
