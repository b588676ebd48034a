//! Converts local relations: rows that the client sends.
//!
//! Small data is inside the plan; larger data was uploaded before, under the hash of its
//! content, whole or in chunks.

use super::{Converter, invalid};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use prost::Message;
use spark_connect_proto as pb;
use std::io::Cursor;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::RelationNode as Node;
use thalweg_sql::types::parse_ddl_schema;

impl Converter<'_> {
    /// Data inside the plan.
    pub(super) fn local(&self, proto: pb::LocalRelation) -> Result<Node> {
        let pb::LocalRelation { data, schema } = proto;
        let schema = schema.as_deref().filter(|text| !text.is_empty()).map(parse_ddl_schema).transpose()?;
        Ok(Node::Local { ipc: data.map(|bytes| bytes.to_vec()), schema })
    }

    /// An uploaded message that holds the data.
    pub(super) fn cached_local(&self, proto: pb::CachedLocalRelation) -> Result<Node> {
        let pb::CachedLocalRelation { hash } = proto;
        let message = pb::LocalRelation::decode(self.uploaded(&hash)?)
            // The hash says that it is what the client sent, but not that this was a relation.
            .map_err(|e| invalid(format!("The uploaded relation {hash} cannot be read: {e}.")))?;
        self.local(message)
    }

    /// Uploaded chunks of the data, each an Arrow stream, and the schema in text.
    pub(super) fn chunked_local(&self, proto: pb::ChunkedCachedLocalRelation) -> Result<Node> {
        let pb::ChunkedCachedLocalRelation { data_hashes, schema_hash } = proto;
        let chunks = data_hashes.iter().map(|hash| self.uploaded(hash)).collect::<Result<Vec<_>>>()?;
        let schema = schema_hash.map(|hash| self.uploaded(&hash)).transpose()?;
        let text = schema.map(|bytes| String::from_utf8(bytes.to_vec()));
        let text = text.transpose().map_err(|_| invalid("The uploaded schema is not UTF-8 text."))?;
        let schema = text.as_deref().filter(|text| !text.is_empty()).map(parse_ddl_schema).transpose()?;
        Ok(Node::Local { ipc: joined(chunks).map_err(unreadable)?, schema })
    }

    fn uploaded(&self, hash: &str) -> Result<Bytes> {
        (self.artifact)(hash).ok_or_else(|| {
            Error::new(
                thalweg_common::ErrorKind::InvalidHandle,
                "INVALID_HANDLE.ARTIFACT_NOT_FOUND",
                "HY000",
                format!("The handle {hash} is invalid. No data of that hash was uploaded."),
            )
            .param("handle", hash)
        })
    }
}

/// Joins Arrow streams to one with the batches of all of them.
fn joined(mut chunks: Vec<Bytes>) -> Result<Option<Vec<u8>>, arrow::error::ArrowError> {
    if chunks.len() < 2 {
        // One chunk is a stream already, and decoding it would take as long as reading it.
        return Ok(chunks.pop().map(|chunk| chunk.to_vec()));
    }
    // Each chunk is a whole stream with a schema and an end, so appending their bytes would make no stream.
    let mut writer: Option<StreamWriter<Vec<u8>>> = None;
    for chunk in chunks {
        let reader = StreamReader::try_new(Cursor::new(chunk), None)?;
        let mut open = match writer.take() {
            Some(open) => open,
            None => StreamWriter::try_new(vec![], &reader.schema())?,
        };
        for batch in reader {
            open.write(&batch?)?;
        }
        writer = Some(open);
    }
    writer.map(StreamWriter::into_inner).transpose()
}

fn unreadable(error: arrow::error::ArrowError) -> Error {
    invalid(format!("The uploaded data is not an Arrow stream: {error}."))
}
