//! Implements the Spark Connect server, which serves unmodified PySpark clients.
//!
//! The server converts a client's protobuf to IR ([`convert`]), runs it with the engine, and returns rows as
//! Arrow and errors with Spark's classes. An execution runs in a task of its own and survives broken
//! connections ([`operation`]). The server knows no plan and no connector.
//!
//! # Example
//! ```no_run
//! # async fn run() -> thalweg_common::Result<()> {
//! use thalweg_connectors_all::standard_registry;
//! use thalweg_engine::{Engine, EngineConfig};
//!
//! let engine = Engine::open(EngineConfig::new("data"), standard_registry()?).await?;
//! let listener = thalweg_server::bind(([127, 0, 0, 1], 15002).into()).await?;
//! thalweg_server::serve(engine, listener, std::future::pending()).await
//! # }
//! ```

mod catalog;
pub mod client;
mod convert;
mod error;
mod execute;
mod executor;
mod operation;
mod rows;
mod service;
mod session;
mod streaming;
mod upload;
mod wire;

/// The service's trait and router, made by the build script.
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod rpc {
    include!(concat!(env!("OUT_DIR"), "/spark.connect.SparkConnectService.rs"));
}

use executor::Executor;
use futures::{FutureExt, StreamExt};
use service::SparkConnectService;
use session::Sessions;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_engine::Engine;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;

/// The largest size of a message in either direction, in bytes; PySpark's client has the same limit.
pub const MESSAGE_BYTES_MAX: usize = 128 << 20;
/// The interval of the search for unused sessions and operations.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// Listens on an address. Port 0 selects a free port, which the listener's address has.
///
/// # Errors
/// `ADDRESS_UNUSABLE` if the port is in use or the address does not belong to this machine.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        Error::new(
            ErrorKind::Runtime,
            "ADDRESS_UNUSABLE",
            "08001",
            format!("The server cannot listen on {address}: {e}."),
        )
        .hint("Give another --port, or stop the process that listens there.")
    })
}

/// Serves clients until `shutdown` is ready. Running calls end then, and streaming queries after their running epoch.
///
/// # Errors
/// `SERVER_FAILED` if the listener breaks.
pub async fn serve(
    engine: Arc<Engine>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let sessions = Arc::new(Sessions::new(engine.clone()));
    let executor = Arc::new(Executor::start()?);
    let service = SparkConnectService::new(sessions.clone(), executor.clone());
    let service = rpc::spark_connect_service_server::SparkConnectServiceServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let server = tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpListenerStream::new(listener).inspect(send_at_once));
    // Clients keep their connections open, so a server that waits for them would not end.
    let ended = futures::select! {
        served = server.fuse() => served.map_err(|e| {
            Error::new(ErrorKind::Runtime, "SERVER_FAILED", "08006", format!("The server failed: {e}."))
        }),
        () = sweep(sessions.clone()).fuse() => Ok(()),
        () = Box::pin(shutdown).fuse() => Ok(()),
    };
    sessions.cancel_all();
    // Streaming queries may have tasks on the executor's threads, so they end first.
    engine.shutdown().await;
    drop(executor);
    ended
}

/// Sets TCP_NODELAY: responses are short, and would each wait about 40 ms for the client's acknowledgement.
/// A connection that does not allow it is only slower. The builder's setting does not apply to a given listener.
fn send_at_once(accepted: &std::io::Result<TcpStream>) {
    if let Ok(connection) = accepted
        && let Err(e) = connection.set_nodelay(true)
    {
        tracing::debug!("cannot send at once: {e}");
    }
}

async fn sweep(sessions: Arc<Sessions>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        let now = ticks.tick().await;
        sessions.sweep(now);
    }
}
