//! Builds the state changes of an epoch in the layout of state files.

use super::codec::RowCodec;
use super::keys::key_group;
use super::snapshot::StateLayout;
use arrow::record_batch::RecordBatch;
use thalweg_common::Result;

/// Encodes and decodes a state: its keys, its values, and its files.
#[derive(Debug)]
pub(crate) struct StateFormat<'a> {
    pub keys: &'a RowCodec,
    pub values: &'a RowCodec,
    pub layout: &'a StateLayout,
}

impl StateFormat<'_> {
    /// Builds a batch of upserts (key and value) and a batch of tombstones, each sorted by key group.
    pub(crate) fn delta(
        &self,
        mut upserts: Vec<(&[u8], &[u8])>,
        mut gone: Vec<&[u8]>,
    ) -> Result<Vec<RecordBatch>> {
        // Sorted by group, so that a file has the ranges of the workers one after another.
        upserts.sort_unstable_by_key(|(key, _)| (key_group(key), *key));
        gone.sort_unstable_by_key(|key| (key_group(key), *key));
        let mut delta = Vec::new();
        if !upserts.is_empty() {
            let groups = upserts.iter().map(|(key, _)| key_group(key)).collect();
            let keys = self.keys.decode(upserts.iter().map(|(key, _)| *key))?;
            let values = self.values.decode(upserts.iter().map(|(_, value)| *value))?;
            delta.push(self.layout.batch(groups, keys, Some(values))?);
        }
        if !gone.is_empty() {
            let groups = gone.iter().map(|key| key_group(key)).collect();
            let keys = self.keys.decode(gone)?;
            delta.push(self.layout.batch(groups, keys, None)?);
        }
        Ok(delta)
    }
}
