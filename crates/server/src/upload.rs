//! Keeps the data that a client has uploaded.
//!
//! Only data for `createDataFrame` under `cache/<hash>` is accepted; Python files, jars and archives
//! need a Python worker or a JVM and are refused by name. A chunk with a wrong checksum is reported and not kept.

use crate::convert::invalid;
use bytes::{Bytes, BytesMut};
use spark_connect_proto::add_artifacts_request::{
    ArtifactChunk, BeginChunkedArtifact, Payload, SingleChunkArtifact,
};
use spark_connect_proto::add_artifacts_response::ArtifactSummary;
use std::collections::HashMap;
use thalweg_common::{Error, ErrorKind, Result};

/// The largest size of one session's uploads in bytes.
pub(crate) const UPLOAD_BYTES_MAX: usize = 3 << 30;

/// Uploaded data by hash.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    data: HashMap<String, Bytes>,
    bytes: usize,
}

impl Uploads {
    /// Returns the data with this hash.
    pub(crate) fn get(&self, hash: &str) -> Option<Bytes> {
        self.data.get(hash).cloned()
    }

    /// Returns whether there is an artifact with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        name.strip_prefix("cache/").is_some_and(|hash| self.data.contains_key(hash))
    }

    /// Stores data under its hash.
    pub(crate) fn put(&mut self, hash: String, data: Bytes) -> Result<()> {
        // A client asks before it sends, but two of them may send the same at once.
        if self.data.contains_key(&hash) {
            return Ok(());
        }
        if self.bytes + data.len() > UPLOAD_BYTES_MAX {
            return Err(too_large());
        }
        self.bytes += data.len();
        self.data.insert(hash, data);
        Ok(())
    }
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::Runtime,
        "LOCAL_RELATION_SIZE_LIMIT_EXCEEDED",
        "54000",
        format!("The session's uploaded data is larger than {UPLOAD_BYTES_MAX} bytes."),
    )
    .hint("Write the data to files and read them, or end the session.")
}

/// An upload in progress: the messages of one call, in order.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    open: Option<Open>,
    pub complete: Vec<(String, Bytes)>,
    pub summaries: Vec<ArtifactSummary>,
}

#[derive(Debug)]
struct Open {
    name: String,
    chunks_left: i64,
    bytes: BytesMut,
    intact: bool,
}

impl Receiver {
    /// Takes the next message.
    pub(crate) fn take(&mut self, payload: Payload) -> Result<()> {
        match payload {
            Payload::Batch(batch) => {
                batch.artifacts.into_iter().try_for_each(|artifact| self.single(artifact))
            }
            Payload::BeginChunk(begin) => self.begin(begin),
            Payload::Chunk(chunk) => self.chunk(chunk),
        }
    }

    fn single(&mut self, artifact: SingleChunkArtifact) -> Result<()> {
        let SingleChunkArtifact { name, data } = artifact;
        let chunk = data.ok_or_else(|| invalid(format!("The artifact {name} has no data.")))?;
        let intact = is_intact(&chunk);
        self.done(name, chunk.data, intact)
    }

    fn begin(&mut self, begin: BeginChunkedArtifact) -> Result<()> {
        let BeginChunkedArtifact { name, total_bytes, num_chunks, initial_chunk } = begin;
        if self.open.is_some() {
            return Err(invalid("An artifact begins before the one before it has ended."));
        }
        // Refused before the data arrive, and again while they do: the number is only what the client says.
        if usize::try_from(total_bytes).map_or(true, |total| total > UPLOAD_BYTES_MAX) {
            return Err(too_large());
        }
        // A number of chunks below one ends the artifact with its first chunk, so a wrong number cannot keep it open.
        self.open = Some(Open { name, chunks_left: num_chunks, bytes: BytesMut::new(), intact: true });
        let chunk = initial_chunk.ok_or_else(|| invalid("An artifact begins without a chunk."))?;
        self.chunk(chunk)
    }

    fn chunk(&mut self, chunk: ArtifactChunk) -> Result<()> {
        let mut open = self.open.take().ok_or_else(|| invalid("A chunk belongs to no artifact."))?;
        // A chunk that is wrong spoils the artifact; the rest is still read, since the client sends it anyway.
        open.intact &= is_intact(&chunk);
        if open.bytes.len() + chunk.data.len() > UPLOAD_BYTES_MAX {
            return Err(too_large());
        }
        open.bytes.extend_from_slice(&chunk.data);
        open.chunks_left -= 1;
        if open.chunks_left > 0 {
            self.open = Some(open);
            return Ok(());
        }
        self.done(open.name, open.bytes.freeze(), open.intact)
    }

    fn done(&mut self, name: String, data: Bytes, intact: bool) -> Result<()> {
        let hash = name.strip_prefix("cache/").ok_or_else(|| refused(&name))?.to_owned();
        if intact {
            // Not stored yet: a later artifact of the same call may be refused.
            self.complete.push((hash, data));
        }
        self.summaries.push(ArtifactSummary { name, is_crc_successful: intact });
        Ok(())
    }
}

fn refused(name: &str) -> Error {
    let kind = name.split('/').next().unwrap_or_default();
    Error::unsupported(format!("uploading {name} (spark.addArtifacts of {kind})"))
}

fn is_intact(chunk: &ArtifactChunk) -> bool {
    i64::from(crc32fast::hash(&chunk.data)) == chunk.crc
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use spark_connect_proto::add_artifacts_request::Batch;

    fn chunk(text: &'static str) -> ArtifactChunk {
        ArtifactChunk {
            data: Bytes::from_static(text.as_bytes()),
            crc: i64::from(crc32fast::hash(text.as_bytes())),
        }
    }

    fn single(name: &str, data: ArtifactChunk) -> Payload {
        Payload::Batch(Batch { artifacts: vec![SingleChunkArtifact { name: name.into(), data: Some(data) }] })
    }

    #[test]
    fn chunks_are_put_together_in_order() {
        let mut receiver = Receiver::default();
        let begin = BeginChunkedArtifact {
            name: "cache/h".into(),
            total_bytes: 5,
            num_chunks: 2,
            initial_chunk: Some(chunk("ab")),
        };
        receiver.take(Payload::BeginChunk(begin)).unwrap();
        assert!(receiver.complete.is_empty());
        receiver.take(Payload::Chunk(chunk("cde"))).unwrap();
        assert_eq!(receiver.complete, [("h".to_owned(), Bytes::from_static(b"abcde"))]);
    }

    #[test]
    fn a_damaged_chunk_is_reported_and_not_kept() {
        let mut receiver = Receiver::default();
        receiver.take(single("cache/h", ArtifactChunk { crc: 1, ..chunk("ab") })).unwrap();
        assert!(receiver.complete.is_empty());
        assert!(!receiver.summaries[0].is_crc_successful);
    }

    #[test]
    fn a_python_file_is_refused_by_name() {
        let error = Receiver::default().take(single("pyfiles/x.py", chunk("ab"))).unwrap_err();
        assert!(error.message().contains("pyfiles/x.py"));
    }
}
