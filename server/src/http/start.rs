//! Runs a server: opens, listens, accepts, and stops without losing an answer.
//!
//! The accept loop is our own because faults have to close connections without a response, which no
//! router can. Stopping ends event streams at once and waits a moment for everything else.

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::app::{router, App};
use super::faults::{Dropped, FaultPlan};
use super::options::Options;
use super::service::Service;
use super::sources::Sources;

const LAST_WAIT: Duration = Duration::from_secs(3);
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The options contradict the machine.
    Options(String),
    /// The database could not be opened.
    Database(sqlx::Error),
    /// The address could not be listened on.
    Listen(io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Options(message) => f.write_str(message),
            Self::Database(error) => write!(f, "--db: {error}"),
            Self::Listen(error) => write!(f, "--host, --port: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A server that is listening. Dropping it lets it run on; `stop` ends it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts a server; when this returns it is listening.
pub async fn start(options: &Options, sources: Sources) -> Result<Running, StartError> {
    check(options)?;
    let rules = options.rules().map_err(StartError::Options)?;
    let service = Service::open(options.db.as_deref(), rules, sources).await;
    let service = Arc::new(service.map_err(StartError::Database)?);
    let listener = TcpListener::bind((options.host, options.port)).await;
    let listener = listener.map_err(StartError::Listen)?;
    let address = listener.local_addr().map_err(StartError::Listen)?;
    let stopping = watch::Sender::new(false);
    let app = Arc::new(App {
        service: Arc::clone(&service),
        faults: options.faults.then(Arc::<FaultPlan>::default),
        stopping: stopping.subscribe(),
    });
    let router = router(app, &options.api_base, options.www.as_deref(), &options.cors);
    let task = tokio::spawn(run(listener, router, service, stopping.subscribe()));
    Ok(Running { address, stopping, task })
}

fn check(options: &Options) -> Result<(), StartError> {
    let refuse = |message: &str| Err(StartError::Options(message.to_owned()));
    match &options.www {
        Some(www) if !www.is_dir() => refuse("--www: no such folder"),
        Some(_) if options.api_base.is_empty() => refuse("--www needs an --api-base other than `/`"),
        _ => Ok(()),
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: no new connections, open requests get a moment, the database is closed.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        // Fails only if the task panicked; then there is nothing left to wait for.
        let _ = self.task.await;
    }
}

async fn run(listener: TcpListener, router: Router, service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connect(stream, router.clone(), &connections),
                Err(_) => tokio::time::sleep(AFTER_ACCEPT_ERROR).await,
            },
        }
    }
    drop(listener);
    // When the wait is over, what is still open ends with the process.
    let _ = tokio::time::timeout(LAST_WAIT, connections.shutdown()).await;
    let _ = tokio::time::timeout(LAST_WAIT, service.close()).await;
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an end as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn connect(stream: TcpStream, router: Router, connections: &GracefulShutdown) {
    // Only a hint: without it answers wait for each other a little.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let router = router.clone();
        async move {
            let response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            match response.extensions().get::<Dropped>() {
                Some(Dropped) => Err(io::Error::other("dropped as ordered")),
                None => Ok(response),
            }
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let watched = connections.watch(connection);
    // A connection that breaks is the client's to notice.
    tokio::spawn(async move { drop(watched.await) });
}
