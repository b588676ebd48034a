//! Builds the state changes of an epoch in the layout of state files.

use super::codec::RowCodec;
use super::snapshot::StateLayout;
use arrow::record_batch::RecordBatch;
use thalweg_common::Result;

/// Returns the groups of encoded keys.
pub(crate) type GroupsOfKeys<'a> = &'a dyn Fn(&[&[u8]]) -> Result<Vec<u8>>;

/// Encodes and decodes a state: its keys, its values, and its files.
pub(crate) struct StateFormat<'a> {
    pub keys: &'a RowCodec,
    pub values: &'a RowCodec,
    pub layout: &'a StateLayout,
    pub groups: GroupsOfKeys<'a>,
}

impl StateFormat<'_> {
    /// Builds a batch of upserts (key and value) and a batch of tombstones, each sorted by key group.
    pub(crate) fn delta(&self, upserts: Vec<(&[u8], &[u8])>, gone: Vec<&[u8]>) -> Result<Vec<RecordBatch>> {
        let mut delta = Vec::new();
        if !upserts.is_empty() {
            let (groups, rows) = self.by_group(upserts, |(key, _)| *key)?;
            let keys = self.keys.decode(rows.iter().map(|(key, _)| *key))?;
            let values = self.values.decode(rows.iter().map(|(_, value)| *value))?;
            delta.push(self.layout.batch(groups, keys, Some(values))?);
        }
        if !gone.is_empty() {
            let (groups, rows) = self.by_group(gone, |key| *key)?;
            let keys = self.keys.decode(rows)?;
            delta.push(self.layout.batch(groups, keys, None)?);
        }
        Ok(delta)
    }

    /// Sorts rows by key group and key, so that a replayed epoch writes the same file.
    fn by_group<'k, R>(&self, rows: Vec<R>, key: impl Fn(&R) -> &'k [u8]) -> Result<(Vec<u8>, Vec<R>)> {
        let groups = (self.groups)(&rows.iter().map(&key).collect::<Vec<_>>())?;
        let mut rows: Vec<(u8, R)> = groups.into_iter().zip(rows).collect();
        rows.sort_unstable_by(|(a, x), (b, y)| (a, key(x)).cmp(&(b, key(y))));
        Ok(rows.into_iter().unzip())
    }
}
