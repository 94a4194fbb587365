//! The profile as a service: the core's decisions on the database, one answer per request.
//!
//! Holds which keys are being worked on, and tells listeners how far the log has come. Knows nothing
//! of HTTP connections.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

use super::database::Database;
use super::sources::Sources;
use crate::core::{answer, refuse, Circumstances, Command, CoreRequest, CoreResponse, Problem, Rules};

/// A running service; requests may come in parallel.
#[derive(Debug)]
pub struct Service {
    database: Database,
    rules: Rules,
    sources: Sources,
    running: Mutex<BTreeSet<String>>,
    head: watch::Sender<u64>,
}

impl Service {
    /// Opens the database, in memory without a file.
    pub async fn open(file: Option<&Path>, rules: Rules, sources: Sources) -> Result<Self, sqlx::Error> {
        let database = Database::open(file, &(sources.id)()).await?;
        let head = watch::Sender::new(database.head().await?);
        Ok(Self { database, rules, sources, running: Mutex::default(), head })
    }

    /// Answers one request. `pause` passes while the request already counts as running.
    pub async fn handle(&self, request: &CoreRequest, pause: Duration) -> CoreResponse {
        let now = (self.sources.now)();
        let command = match Command::parse(request, &self.rules) {
            Ok(command) => command,
            Err(problem) => return refuse(request, problem, now),
        };
        let (_running, busy) = self.claim(command.keys());
        let command = match command.without(&busy) {
            Ok(command) => command,
            Err(problem) => return refuse(request, problem, now),
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let done = self.execute(request, &command).await;
        done.unwrap_or_else(|error| refuse(request, failure(&error), (self.sources.now)()))
    }

    async fn execute(&self, request: &CoreRequest, command: &Command) -> Result<CoreResponse, sqlx::Error> {
        let fresh_ids: Vec<String> = (0..command.ids_wanted()).map(|_| (self.sources.id)()).collect();
        let decide = |rows: &_| {
            let now = (self.sources.now)();
            let at = Circumstances { rules: &self.rules, now, fresh_ids: &fresh_ids };
            answer(request, command, rows, at)
        };
        let (response, head) = self.database.transact(command, decide).await?;
        self.head.send_if_modified(|known| {
            let moved = command.writes() && head > *known;
            *known = if moved { head } else { *known };
            moved
        });
        Ok(response)
    }

    /// Largest request body it reads.
    pub fn body_limit(&self) -> usize {
        self.rules.body_limit
    }

    /// Milliseconds since 1970, by the service's clock.
    pub fn now(&self) -> u64 {
        (self.sources.now)()
    }

    /// How far the log has come, as it goes.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Collections changed after that position, each with the position of its last change.
    pub async fn changed_after(&self, position: u64) -> Result<Vec<(String, u64)>, sqlx::Error> {
        self.database.changed_after(position).await
    }

    /// Forgets everything; the new history has that name, or a fresh one.
    pub async fn reset(&self, epoch: Option<String>) -> Result<(), sqlx::Error> {
        let epoch = epoch.unwrap_or_else(|| (self.sources.id)());
        self.database.reset(&epoch).await?;
        self.head.send_replace(0);
        Ok(())
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Marks keys as running until the claim is dropped; says also which run already.
    fn claim<'a>(&self, keys: impl Iterator<Item = &'a str>) -> (Claim<'_>, BTreeSet<String>) {
        let keys: BTreeSet<String> = keys.map(str::to_owned).collect();
        let mut running = self.running();
        let (busy, free) = keys.into_iter().partition(|key| running.contains(key));
        running.extend(BTreeSet::clone(&free));
        (Claim { service: self, keys: free }, busy)
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[must_use = "dropping it releases the key"]
struct Claim<'a> {
    service: &'a Service,
    keys: BTreeSet<String>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.service.running().retain(|key| !self.keys.contains(key));
    }
}

fn failure(error: &sqlx::Error) -> Problem {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        // SQLITE_BUSY, SQLITE_LOCKED: another process holds the file.
        Some("5" | "6") => {
            let detail = "The database is in use by another process.";
            Problem::new(503, "database-busy", detail).header("retry-after", "1")
        }
        // SQLITE_FULL
        Some("13") => Problem::new(507, "database-full", "The server has no room left."),
        _ => Problem::new(500, "database-failure", "The database could not do this."),
    }
}
