//! Keyed state: how a worker holds it, how it is cut into files, and how it comes back.
//!
//! A logical table per operator: key columns, then state columns. In memory both are Arrow rows
//! (bytes) in one hash table per event-time pane ([`table`]); in the checkpoint they are columns
//! ([`snapshot`]), upserts and tombstones per epoch, merged into a base from time to time
//! ([`compact`]). What always holds: a file holds only what its epoch touched, so the cost of an
//! epoch follows what it touched, not what there is.

mod codec;
mod compact;
mod keys;
mod snapshot;
mod table;

pub(crate) use codec::{Codec, Encoded};
pub(crate) use compact::{compact, wants_compaction};
pub(crate) use keys::{KEY_GROUPS, KEY_HASH, key_group, owner};
pub(crate) use snapshot::{Layout, decode, encode};
pub(crate) use table::{NEVER, Row, Table};
