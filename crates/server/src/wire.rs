//! Decodes requests whose plans nest deeper than prost decodes.
//!
//! prost decodes a hundred nested messages, and a DataFrame nests two for every call. So the relations inside
//! relations are split off a request first, by the protocol's field numbers and without recursion: each becomes a
//! fragment, which is decoded separately, and is replaced by a placeholder. A child's number is larger than its
//! parent's. This module knows only the shape of plans; the converter interprets the fragments.

use crate::error::status;
use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{decode_varint, encode_varint};
use spark_connect_proto as pb;
use std::marker::PhantomData;
use thalweg_common::{Error, ErrorKind};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// The deepest nesting of relations: the default limit of Spark's server (1,024 messages, two for each).
pub(crate) const RELATIONS_DEEP_MAX: usize = 512;

/// A message, and the relations that were split off it.
#[derive(Debug)]
pub(crate) struct Deep<T> {
    pub message: T,
    pub fragments: Vec<Bytes>,
}

/// The type of a message, as far as it can contain relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    ExecuteRequest,
    AnalyzeRequest,
    /// A message whose fields 1 and 2 are plans.
    HasPlans,
    /// A message whose field 1 is a relation.
    HasRelation,
    Plan,
    Command,
    Relation,
    /// The payload of a relation, by its field number.
    Payload(u32),
}

/// Payloads whose only relation is in field 1.
const ONE_INPUT: &[std::ops::RangeInclusive<u32>] =
    &[3..=4, 7..=9, 12..=14, 16..=30, 33..=35, 42..=42, 90..=92, 100..=107];
/// Payloads with relations in other fields: joins, set operations, WithRelations, and functions of two inputs.
const MORE_INPUTS: &[(u32, &[u32])] = &[
    (5, &[1, 2]),
    (6, &[1, 2]),
    (31, &[1, 5]),
    (32, &[1, 3]),
    (39, &[1, 2]),
    (41, &[1, 2]),
    (44, &[1, 2]),
    (47, &[1, 2]),
    (48, &[1, 2]),
];

impl Shape {
    /// Returns the type of the field `field`, if it can contain relations.
    fn field(self, field: u32) -> Option<Shape> {
        match (self, field) {
            (Shape::ExecuteRequest, 3) => Some(Shape::Plan),
            (Shape::AnalyzeRequest, 4..=9 | 12 | 13) => Some(Shape::HasPlans),
            (Shape::AnalyzeRequest, 14..=16) => Some(Shape::HasRelation),
            (Shape::HasPlans, 1 | 2) => Some(Shape::Plan),
            (Shape::HasRelation, 1) => Some(Shape::Relation),
            (Shape::Plan, 1) => Some(Shape::Relation),
            (Shape::Plan, 2) => Some(Shape::Command),
            // The relation of `spark.sql(..)` is returned to the client, so it stays whole.
            (Shape::Command, 2 | 3 | 4 | 6) => Some(Shape::HasRelation),
            (Shape::Relation, payload) => Some(Shape::Payload(payload)),
            (Shape::Payload(payload), field) => has_input(payload, field).then_some(Shape::Relation),
            _ => None,
        }
    }
}

fn has_input(payload: u32, field: u32) -> bool {
    let others = MORE_INPUTS.iter().find(|(known, _)| *known == payload);
    match others {
        Some((_, fields)) => fields.contains(&field),
        None => field == 1 && ONE_INPUT.iter().any(|range| range.contains(&payload)),
    }
}

/// Splits a message into its bytes without the relations inside its relations, and these, each without its own.
///
/// # Errors
/// `CONNECT_INVALID_PLAN` if the bytes are not a message; `PLAN_TOO_DEEP` beyond [`RELATIONS_DEEP_MAX`].
pub(crate) fn split(message: Bytes, shape: Shape) -> Result<(Vec<u8>, Vec<Bytes>), Error> {
    let mut splitter = PlanSplitter { fragments: vec![], depths: vec![], depth: 0 };
    let shallow = splitter.without_inputs(message, shape)?;
    let mut next = 0;
    while let (Some(fragment), Some(depth)) =
        (splitter.fragments.get(next).cloned(), splitter.depths.get(next))
    {
        splitter.depth = *depth;
        // Fragments are split in turn and not within one another, so the depth of a plan is not that of the stack.
        let shallow = Bytes::from(splitter.without_inputs(fragment, Shape::Relation)?);
        if let Some(place) = splitter.fragments.get_mut(next) {
            *place = shallow;
        }
        next += 1;
    }
    Ok((shallow, splitter.fragments))
}

struct PlanSplitter {
    fragments: Vec<Bytes>,
    /// The depth of each fragment.
    depths: Vec<usize>,
    /// The depth of the message that is being split.
    depth: usize,
}

impl PlanSplitter {
    /// Calls itself once per message around the first relation: six times at most.
    fn without_inputs(&mut self, mut message: Bytes, shape: Shape) -> Result<Vec<u8>, Error> {
        // Most of the bytes of a deep plan are inputs, which do not stay in the message.
        let mut shallow = Vec::with_capacity(message.len().min(1 << 10));
        while message.has_remaining() {
            let key = varint(&mut message)?;
            encode_varint(key, &mut shallow);
            let field = u32::try_from(key >> 3).map_err(|_| broken())?;
            match key & 7 {
                0 => encode_varint(varint(&mut message)?, &mut shallow),
                1 => shallow.extend_from_slice(&taken(&mut message, 8)?),
                5 => shallow.extend_from_slice(&taken(&mut message, 4)?),
                2 => {
                    let length = usize::try_from(varint(&mut message)?).map_err(|_| broken())?;
                    let content = taken(&mut message, length)?;
                    self.field(content, shape, field, &mut shallow)?;
                }
                // Groups (3 and 4) do not exist in proto3, and other wire types do not exist at all.
                _ => return Err(broken()),
            }
        }
        Ok(shallow)
    }

    fn field(
        &mut self,
        content: Bytes,
        shape: Shape,
        field: u32,
        shallow: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let kept = match shape.field(field) {
            None => content,
            // The root of a plan stays in its message, so a plan of one relation has no fragments.
            Some(Shape::Relation) if matches!(shape, Shape::Payload(_)) => self.fragment(content)?,
            Some(inner) => Bytes::from(self.without_inputs(content, inner)?),
        };
        encode_varint(kept.len() as u64, shallow);
        shallow.extend_from_slice(&kept);
        Ok(())
    }

    /// Keeps a relation as a fragment and returns its placeholder.
    fn fragment(&mut self, relation: Bytes) -> Result<Bytes, Error> {
        if self.depth + 1 >= RELATIONS_DEEP_MAX {
            return Err(too_deep());
        }
        let placeholder = placeholder(self.fragments.len());
        self.fragments.push(relation);
        self.depths.push(self.depth + 1);
        Ok(Bytes::from(placeholder.encode_to_vec()))
    }
}

/// Creates a relation without content whose plan id is the number of a fragment.
fn placeholder(fragment: usize) -> pb::Relation {
    let plan_id = i64::try_from(fragment).ok();
    let common = pb::RelationCommon { plan_id, ..Default::default() };
    pb::Relation { common: Some(common), rel_type: None }
}

/// Returns the number of the fragment that a relation represents, if it is a placeholder.
pub(crate) fn fragment_of(relation: &pb::Relation) -> Option<usize> {
    let common = relation.common.as_ref().filter(|_| relation.rel_type.is_none())?;
    common.plan_id.and_then(|id| usize::try_from(id).ok())
}

fn varint(message: &mut Bytes) -> Result<u64, Error> {
    decode_varint(message).map_err(|_| broken())
}

fn taken(message: &mut Bytes, length: usize) -> Result<Bytes, Error> {
    if length > message.len() {
        return Err(broken());
    }
    Ok(message.split_to(length))
}

fn broken() -> Error {
    crate::convert::invalid("The request is not a message of Spark Connect.")
}

fn too_deep() -> Error {
    let text = format!("The plan nests more than {RELATIONS_DEEP_MAX} relations.");
    Error::new(ErrorKind::Analysis, "PLAN_TOO_DEEP", "54001", text)
        .hint("Add columns together (withColumns, select), or write the result in between and read it again.")
}

/// Creates the error for a message that prost does not decode.
pub(crate) fn undecodable(error: &prost::DecodeError) -> Error {
    let error = error.to_string();
    // The kind of prost's error is private. Relations were split off before, so an expression is what nests.
    if error.contains("recursion limit") {
        let text = "An expression of the plan nests more than 100 messages.";
        return Error::new(ErrorKind::Analysis, "PLAN_TOO_DEEP", "54001", text)
            .hint("Give the expression in SQL (F.expr), or in steps (withColumn).");
    }
    crate::convert::invalid(format!("The request cannot be decoded: {error}."))
}

/// A request whose plan is split into fragments.
pub(crate) trait HasPlan: Message + Default + 'static {
    const SHAPE: Shape;
}

impl HasPlan for pb::ExecutePlanRequest {
    const SHAPE: Shape = Shape::ExecuteRequest;
}

impl HasPlan for pb::AnalyzePlanRequest {
    const SHAPE: Shape = Shape::AnalyzeRequest;
}

/// The codec of methods that take plans.
#[derive(Debug)]
pub(crate) struct DeepCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for DeepCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + Send + 'static, U: HasPlan + Send> Codec for DeepCodec<T, Deep<U>> {
    type Encode = T;
    type Decode = Deep<U>;
    type Encoder = ProstEncoder<T>;
    type Decoder = DeepDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        DeepDecoder(PhantomData)
    }
}

/// Decodes a request after its relations are split off.
#[derive(Debug)]
pub(crate) struct DeepDecoder<U>(PhantomData<U>);

impl<U: HasPlan> Decoder for DeepDecoder<U> {
    type Item = Deep<U>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Deep<U>>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        // The session is not known before the request is decoded, so no session can keep the error for its details.
        deep(bytes).map(Some).map_err(|e| status(&e, ""))
    }
}

fn deep<U: HasPlan>(bytes: Bytes) -> Result<Deep<U>, Error> {
    let (shallow, fragments) = split(bytes, U::SHAPE)?;
    let message = U::decode(shallow.as_slice()).map_err(|e| undecodable(&e))?;
    Ok(Deep { message, fragments })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::convert::{self, Converter};
    use spark_connect_proto::relation::RelType;

    fn relation(rel_type: RelType) -> pb::Relation {
        pb::Relation { common: None, rel_type: Some(rel_type) }
    }

    fn range(end: i64) -> pb::Relation {
        relation(RelType::Range(pb::Range { start: None, end, step: 1, num_partitions: None }))
    }

    fn limited(input: pb::Relation) -> pb::Relation {
        relation(RelType::Limit(Box::new(pb::Limit { input: Some(Box::new(input)), limit: 1 })))
    }

    fn nested(depth: usize) -> pb::Relation {
        (1..depth).fold(range(7), |input, _| limited(input))
    }

    fn request(root: pb::Relation) -> Bytes {
        let plan = pb::Plan { op_type: Some(pb::plan::OpType::Root(root)) };
        let session_id = "s".to_owned();
        let request = pb::ExecutePlanRequest { session_id, plan: Some(plan), ..Default::default() };
        Bytes::from(request.encode_to_vec())
    }

    /// Decodes in fragments and converts, as the service does.
    fn depth_of(bytes: Bytes) -> Result<usize, String> {
        let class = |e: Error| e.class().to_owned();
        let Deep { message, fragments } = deep::<pb::ExecutePlanRequest>(bytes).map_err(class)?;
        assert_eq!(message.session_id, "s");
        let converter = Converter::new(&|_| None);
        converter.take_fragments(fragments).map_err(class)?;
        let mut relation = convert::relation_of(&converter, message.plan).map_err(class)?;
        let mut depth = 1;
        while let thalweg_sql::ir::RelationNode::Limit { input, .. } = relation.node {
            (relation, depth) = (*input, depth + 1);
        }
        Ok(depth)
    }

    #[test]
    fn a_plan_is_decoded_down_to_the_limit_and_refused_below() {
        for depth in [1, 2, 3, 49, 50, 51, 400, RELATIONS_DEEP_MAX] {
            assert_eq!(depth_of(request(nested(depth))), Ok(depth));
        }
        assert_eq!(depth_of(request(nested(RELATIONS_DEEP_MAX + 1))), Err("PLAN_TOO_DEEP".to_owned()));
    }

    #[test]
    fn both_sides_of_a_set_operation_come_back_in_their_places() {
        let union = pb::SetOperation {
            left_input: Some(Box::new(limited(range(1)))),
            right_input: Some(Box::new(limited(limited(range(2))))),
            set_op_type: pb::set_operation::SetOpType::Union.into(),
            ..Default::default()
        };
        let root = relation(RelType::SetOp(Box::new(union)));
        let plan = |root| pb::Plan { op_type: Some(pb::plan::OpType::Root(root)) };
        let whole = convert::relation_of(&Converter::new(&|_| None), Some(plan(root.clone()))).unwrap();
        let Deep { message, fragments } = deep::<pb::ExecutePlanRequest>(request(root)).unwrap();
        assert_eq!(fragments.len(), 5);
        let converter = Converter::new(&|_| None);
        converter.take_fragments(fragments).unwrap();
        assert_eq!(convert::relation_of(&converter, message.plan).unwrap(), whole);
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        for bytes in
            [&b"\x1a\x05\x0a"[..], b"\x1b", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0d\x01"]
        {
            let error = split(Bytes::from_static(bytes), Shape::ExecuteRequest).unwrap_err();
            assert_eq!(error.class(), "CONNECT_INVALID_PLAN");
        }
    }
}
