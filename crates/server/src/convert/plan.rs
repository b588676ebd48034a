//! Converts the plan of a request.
//!
//! A plan is a relation, a command, or one of both in compressed form.

use super::{Converter, invalid, required};
use crate::wire::{self, Shape};
use prost::Message;
use spark_connect_proto as pb;
use spark_connect_proto::plan::compressed_operation::OpType as CompressedType;
use spark_connect_proto::plan::{CompressedOperation, OpType};
use spark_connect_proto::relation::RelType;
use std::io::Read;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;

/// The largest size of a plan after decompression, in bytes: a small message must not fill the memory.
const PLAN_BYTES_MAX: u64 = 1 << 30;

/// What a client asked the server to execute.
pub(crate) enum ClientRequest {
    /// A query or a command.
    Statement(Box<ir::Statement>),
    /// `spark.sql(…)`.
    Sql(Box<Sql>),
    /// `spark.catalog.…`.
    Catalog(pb::Catalog),
    /// A method of a running streaming query.
    StreamingQuery(pb::StreamingQueryCommand),
    /// A method of `spark.streams`.
    StreamingQueryManager(pb::StreamingQueryManagerCommand),
    /// `sparkContext.resources`: there are none.
    Resources,
}

impl ClientRequest {
    pub(super) fn command(command: ir::Command) -> Self {
        Self::Statement(Box::new(ir::Statement::Command(command)))
    }
}

/// The parsed text of `spark.sql(…)`.
pub(crate) enum Sql {
    /// A query: as the client sent it, which the response repeats, and as IR.
    Query { sent: pb::Relation, query: Box<ir::Relation> },
    /// A command, and its text.
    Command { command: ir::Command, text: String },
}

/// Converts a plan to a request.
pub(crate) fn request(converter: &Converter<'_>, plan: pb::Plan) -> Result<ClientRequest> {
    match operation(converter, plan)? {
        Operation::Relation(relation) => match *relation {
            // A catalog call arrives as a relation, since the client reads its result as rows.
            pb::Relation { common: _, rel_type: Some(RelType::Catalog(catalog)) } => {
                Ok(ClientRequest::Catalog(catalog))
            }
            relation => {
                let query = converter.relation(relation)?;
                Ok(ClientRequest::Statement(Box::new(ir::Statement::Query(query))))
            }
        },
        Operation::Command(command) => converter.command(*command),
    }
}

/// Converts a plan that must be a relation.
pub(crate) fn relation_of(converter: &Converter<'_>, plan: Option<pb::Plan>) -> Result<ir::Relation> {
    match operation(converter, required(plan, "plan")?)? {
        Operation::Relation(relation) => converter.relation(*relation),
        Operation::Command(_) => Err(invalid("A relation is needed where a command was sent.")),
    }
}

enum Operation {
    Relation(Box<pb::Relation>),
    Command(Box<pb::Command>),
}

fn operation(converter: &Converter<'_>, plan: pb::Plan) -> Result<Operation> {
    let pb::Plan { op_type } = plan;
    match required(op_type, "Plan.op_type")? {
        OpType::Root(relation) => Ok(Operation::Relation(Box::new(relation))),
        OpType::Command(command) => Ok(Operation::Command(Box::new(command))),
        OpType::CompressedOperation(compressed) => decompressed(converter, compressed),
    }
}

fn decompressed(converter: &Converter<'_>, proto: CompressedOperation) -> Result<Operation> {
    let CompressedOperation { data, op_type, compression_codec } = proto;
    // The protocol has one codec, and another one is a newer client.
    if pb::CompressionCodec::try_from(compression_codec) != Ok(pb::CompressionCodec::Zstd) {
        return Err(Error::unsupported("a plan compressed with anything but zstd"));
    }
    type Decode = fn(&[u8]) -> Result<Operation, prost::DecodeError>;
    let (shape, decode): (Shape, Decode) = match CompressedType::try_from(op_type) {
        Ok(CompressedType::Relation) => (Shape::Relation, |plain| {
            pb::Relation::decode(plain).map(|relation| Operation::Relation(Box::new(relation)))
        }),
        Ok(CompressedType::Command) => {
            (Shape::Command, |plain| pb::Command::decode(plain).map(|c| Operation::Command(Box::new(c))))
        }
        Ok(CompressedType::Unspecified) | Err(_) => {
            return Err(invalid("A compressed plan has neither a relation nor a command as its type."));
        }
    };
    let (shallow, pieces) = wire::split(unpacked(&data)?.into(), shape)?;
    converter.take_fragments(pieces)?;
    decode(&shallow).map_err(|e| wire::undecodable(&e))
}

fn unpacked(data: &[u8]) -> Result<Vec<u8>> {
    let mut plain = vec![];
    let read = zstd::stream::read::Decoder::new(data)
        // One byte beyond the limit tells a plan that is too large from one that just fits.
        .and_then(|decoder| decoder.take(PLAN_BYTES_MAX + 1).read_to_end(&mut plain))
        .map_err(|e| invalid(format!("The compressed plan cannot be unpacked: {e}.")))?;
    // A few kilobytes can unfold to gigabytes.
    if read as u64 > PLAN_BYTES_MAX {
        return Err(invalid(format!("The compressed plan unfolds to more than {PLAN_BYTES_MAX} bytes.")));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_compressed_plan_is_the_plan() {
        let range = pb::Range { start: Some(1), end: 4, step: 1, num_partitions: None };
        let relation = pb::Relation { common: None, rel_type: Some(RelType::Range(range)) };
        let compressed = CompressedOperation {
            data: zstd::bulk::compress(&relation.encode_to_vec(), 3).unwrap().into(),
            op_type: CompressedType::Relation.into(),
            compression_codec: pb::CompressionCodec::Zstd.into(),
        };
        let plan = |op_type| pb::Plan { op_type: Some(op_type) };
        let converter = Converter::new(&|_| None);
        let of = |plan| relation_of(&converter, Some(plan)).unwrap();
        let (packed, plain) =
            (of(plan(OpType::CompressedOperation(compressed))), of(plan(OpType::Root(relation))));
        assert_eq!(packed, plain);
        assert_eq!(plain.node, ir::RelationNode::Range { start: 1, end: 4, step: 1 });
    }
}
