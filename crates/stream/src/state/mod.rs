//! Stores the keyed state of operators: in memory, in the files of a checkpoint, and between the two.
//!
//! The state of an operator is a table of key columns and state columns. In memory both are Arrow rows
//! (bytes). Operators access it by one interface ([`access`]), which has three implementations: one state per key
//! ([`table`]), keys alone ([`expiry`]), and many rows per key ([`rows`]). In the checkpoint they are columns
//! ([`snapshot`]), sorted by key group ([`segments`]): a run of upserts and tombstones per epoch; runs are merged from
//! time to time ([`merge`]). What always holds: the delta of an epoch contains only what the epoch touched, so its cost
//! does not depend on the size of the state.

mod access;
mod codec;
mod delta;
mod expiry;
mod keys;
mod merge;
mod rows;
mod segments;
mod snapshot;
mod table;

pub(crate) use access::{KeyedState, NEVER, TimedKey};
pub(crate) use codec::{EncodedRows, RowCodec};
pub(crate) use delta::{GroupsOfKeys, StateFormat};
pub(crate) use expiry::ExpiringKeys;
pub(crate) use keys::{KEY_GROUPS, KEY_HASH, KeyRange, key_group, owner};
pub(crate) use merge::{merge, runs_to_merge};
pub(crate) use rows::{KeyedRow, KeyedRows, RowSlot};
pub(crate) use segments::{decode, encode};
pub(crate) use snapshot::StateLayout;
pub(crate) use table::{StateRow, StateTable};
