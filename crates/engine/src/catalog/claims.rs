//! Lets one statement at a time create, replace or drop the object of a name.
//!
//! Such a statement looks the name up, writes or removes files and only then changes the catalog. The files of a
//! managed table are in a folder that follows from its name, so that two such statements would mix their rows.

use super::name::TableName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use thalweg_common::lock::lock;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Lower-case database and table name.
type Key = (String, String);

/// The names that statements of all sessions are changing.
#[derive(Debug, Default)]
pub struct NameClaims(Mutex<HashMap<Key, Weak<AsyncMutex<()>>>>);

/// A name that one statement changes. Others wait for it until it is dropped.
#[derive(Debug)]
pub struct NameClaim(#[expect(dead_code, reason = "held until it is dropped")] OwnedMutexGuard<()>);

impl NameClaims {
    /// Waits until no other statement changes the name. A statement claims at most one name, so claims cannot wait for
    /// each other in a circle.
    pub async fn claim(&self, name: &TableName) -> NameClaim {
        let key = (name.database.to_lowercase(), name.table.to_lowercase());
        let mutex = {
            let mut names = lock(&self.0);
            // Names that nobody claims any more would otherwise stay until the process ends.
            names.retain(|_, mutex| mutex.strong_count() > 0);
            match names.get(&key).and_then(Weak::upgrade) {
                Some(mutex) => mutex,
                None => {
                    let mutex = Arc::default();
                    names.insert(key, Arc::downgrade(&mutex));
                    mutex
                }
            }
        };
        NameClaim(mutex.lock_owned().await)
    }
}
