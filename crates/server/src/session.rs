//! Keeps the state that a client's calls share: its session, uploads, operations and errors.
//!
//! Sessions are found by user and id. A session
//! that has not been used for [`SESSION_TTL`] is closed; an operation that has not been read for
//! [`DETACHED_TTL`] is abandoned. Streaming queries belong to the engine and outlive both.

use crate::error::invalid_handle;
use crate::operation::{ExecuteOperation, ExecuteOptions, Identity};
use crate::upload::Uploads;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use thalweg_engine::Engine;
use tokio::time::Instant;
use uuid::Uuid;

/// How long an unused session is kept.
pub(crate) const SESSION_TTL: Duration = Duration::from_secs(3_600);
/// How long an operation continues that no client reads.
pub(crate) const DETACHED_TTL: Duration = Duration::from_secs(300);
/// The number of latest errors of a session whose details can be fetched.
// Clients fetch the details directly after a failure, so only the latest errors are needed.
const ERRORS_MAX: usize = 100;
/// The number of closed sessions and ended operations that are remembered, to distinguish them from unknown ones.
const TOMBSTONES_MAX: usize = 1_000;
/// The largest number of operations of a session at one time.
// An operation that the client never releases keeps its unreleased responses in memory.
const OPERATIONS_MAX: usize = 1_000;

/// User and session id, as the client sent them.
type Key = (String, String);

/// The newest ids of what has been closed or ended.
#[derive(Debug)]
struct Tombstones<T>(VecDeque<T>);

impl<T> Default for Tombstones<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: PartialEq> Tombstones<T> {
    fn add(&mut self, gone: T) {
        if self.0.len() >= TOMBSTONES_MAX {
            // The oldest are forgotten: clients ask for what has just ended.
            self.0.pop_front();
        }
        self.0.push_back(gone);
    }
}

/// One client's session.
pub(crate) struct ClientSession {
    pub user: String,
    pub id: String,
    /// Never changes: the client interprets a change as a restart of the server.
    pub server_side_id: String,
    pub engine: Arc<thalweg_engine::Session>,
    pub uploads: Mutex<Uploads>,
    operations: Mutex<HashMap<String, Arc<ExecuteOperation>>>,
    ended: Mutex<Tombstones<String>>,
    errors: Mutex<VecDeque<(String, Error)>>,
    used: Mutex<Instant>,
}

impl ClientSession {
    /// Stores an error so that the client can fetch its details; returns its id.
    pub(crate) fn keep_error(&self, error: &Error) -> String {
        let id = Uuid::new_v4().to_string();
        let mut errors = lock(&self.errors);
        if errors.len() >= ERRORS_MAX {
            errors.pop_front();
        }
        errors.push_back((id.clone(), error.clone()));
        id
    }

    /// Returns the error with this id.
    pub(crate) fn error(&self, id: &str) -> Option<Error> {
        lock(&self.errors).iter().find(|(known, _)| known == id).map(|(_, error)| error.clone())
    }

    /// Adds an operation; its id must be new.
    pub(crate) fn add_operation(
        &self,
        id: Option<String>,
        options: ExecuteOptions,
    ) -> Result<Arc<ExecuteOperation>> {
        let id = match id {
            Some(id) => checked_uuid(id)?,
            None => Uuid::new_v4().to_string(),
        };
        let mut operations = lock(&self.operations);
        // A client that repeats a request after a lost connection must not run it twice.
        if operations.contains_key(&id) {
            return Err(invalid_handle("OPERATION_ALREADY_EXISTS", &id, "Operation already exists."));
        }
        if operations.len() >= OPERATIONS_MAX {
            let why = format!("The session has {OPERATIONS_MAX} operations already.");
            return Err(invalid_handle("TOO_MANY_OPERATIONS", &id, &why));
        }
        let identity = Identity {
            session_id: self.id.clone(),
            server_side_session_id: self.server_side_id.clone(),
            operation_id: id.clone(),
        };
        let operation = ExecuteOperation::new(identity, options);
        operations.insert(id, operation.clone());
        Ok(operation)
    }

    /// Returns the operation with this id.
    pub(crate) fn operation(&self, id: &str) -> Result<Arc<ExecuteOperation>> {
        if let Some(operation) = lock(&self.operations).get(id) {
            return Ok(operation.clone());
        }
        // An id that was there gives another error: the client may run the query again.
        if lock(&self.ended).0.iter().any(|ended| ended == id) {
            let why = "Operation was considered abandoned because of inactivity and removed.";
            return Err(invalid_handle("OPERATION_ABANDONED", id, why));
        }
        Err(invalid_handle("OPERATION_NOT_FOUND", id, "Operation not found."))
    }

    /// Returns all operations.
    pub(crate) fn operations(&self) -> Vec<Arc<ExecuteOperation>> {
        lock(&self.operations).values().cloned().collect()
    }

    /// Ends an operation, if it still runs, and removes it.
    pub(crate) fn remove_operation(&self, id: &str) {
        if let Some(operation) = lock(&self.operations).remove(id) {
            operation.cancel();
            lock(&self.ended).add(id.to_owned());
        }
    }

    fn abandon_unread(&self, now: Instant) {
        for operation in self.operations() {
            let unread = operation.detached_since().map(|since| now.saturating_duration_since(since));
            // A client that is gone never releases its responses, and its query would run on for nobody.
            if unread.is_some_and(|unread| unread > DETACHED_TTL) {
                self.remove_operation(&operation.identity.operation_id);
            }
        }
    }

    fn is_unused(&self, now: Instant) -> bool {
        now.saturating_duration_since(*lock(&self.used)) > SESSION_TTL
            // A long query is use of the session even if its client makes no calls meanwhile.
            && lock(&self.operations).is_empty()
    }

    fn close(&self) {
        for operation in self.operations() {
            self.remove_operation(&operation.identity.operation_id);
        }
    }
}

fn checked_uuid(id: String) -> Result<String> {
    match Uuid::parse_str(&id) {
        Ok(_) => Ok(id),
        Err(_) => Err(invalid_handle(
            "FORMAT",
            &id,
            "Handle must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'.",
        )),
    }
}

/// All sessions of the server.
pub(crate) struct Sessions {
    engine: Arc<Engine>,
    all: Mutex<HashMap<Key, Arc<ClientSession>>>,
    closed: Mutex<Tombstones<Key>>,
}

impl Sessions {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, all: Mutex::default(), closed: Mutex::default() }
    }

    /// Returns the engine that all sessions share.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Returns the session of a call, which the first call creates. `observed` is the server-side id of the session
    /// as the client knows it.
    pub(crate) fn get_or_create(
        &self,
        user: &str,
        id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<ClientSession>> {
        let key = (user.to_owned(), checked_uuid(id.to_owned())?);
        let known = lock(&self.all).get(&key).cloned();
        let session = match known {
            Some(session) => session,
            None => self.create(key, observed)?,
        };
        // A new session has none of the views and settings that the client has made, so its calls must not succeed
        // silently.
        if observed.is_some_and(|observed| !observed.is_empty() && observed != session.server_side_id) {
            let why = "The existing Spark server driver instance has restarted. Please reconnect.";
            return Err(invalid_handle("SESSION_CHANGED", id, why));
        }
        *lock(&session.used) = Instant::now();
        Ok(session)
    }

    fn create(&self, key: Key, observed: Option<&str>) -> Result<Arc<ClientSession>> {
        if lock(&self.closed).0.contains(&key) {
            return Err(invalid_handle("SESSION_CLOSED", &key.1, "ClientSession was closed."));
        }
        if observed.is_some_and(|observed| !observed.is_empty()) {
            let why = "The existing Spark server driver instance has restarted. Please reconnect.";
            return Err(invalid_handle("SESSION_CHANGED", &key.1, why));
        }
        // Called under the lock: two first calls of a client at once get one session.
        let make = || {
            Arc::new(ClientSession {
                user: key.0.clone(),
                id: key.1.clone(),
                server_side_id: Uuid::new_v4().to_string(),
                engine: self.engine.new_session(&key.0, &key.1),
                uploads: Mutex::default(),
                operations: Mutex::default(),
                ended: Mutex::default(),
                errors: Mutex::default(),
                used: Mutex::new(Instant::now()),
            })
        };
        Ok(lock(&self.all).entry(key.clone()).or_insert_with(make).clone())
    }

    /// Returns the session of a call that must not create one.
    pub(crate) fn get(&self, user: &str, id: &str) -> Result<Arc<ClientSession>> {
        // Such a call does not count as use of the session, which stays as long as it has operations.
        let key = (user.to_owned(), id.to_owned());
        if let Some(session) = lock(&self.all).get(&key) {
            return Ok(session.clone());
        }
        if lock(&self.closed).0.contains(&key) {
            return Err(invalid_handle("SESSION_CLOSED", id, "ClientSession was closed."));
        }
        Err(invalid_handle("SESSION_NOT_FOUND", id, "ClientSession not found."))
    }

    /// Ends a session with all its operations. A new one may have the same id only if `reconnect`.
    pub(crate) fn release(&self, user: &str, id: &str, reconnect: bool) {
        let key = (user.to_owned(), id.to_owned());
        let removed = lock(&self.all).remove(&key);
        if let Some(session) = removed {
            session.close();
        }
        // Without the note the next call would silently create an empty session.
        if !reconnect {
            lock(&self.closed).add(key);
        }
    }

    /// Ends all operations.
    pub(crate) fn cancel_all(&self) {
        lock(&self.all).values().for_each(|session| session.close());
    }

    /// Closes the sessions and operations that have not been used for long.
    pub(crate) fn sweep(&self, now: Instant) {
        // Copied, since closing an operation takes the locks of its session.
        let all: Vec<_> = lock(&self.all).values().cloned().collect();
        for session in all {
            session.abandon_unread(now);
            if session.is_unused(now) {
                self.release(&session.user, &session.id, false);
            }
        }
    }
}
