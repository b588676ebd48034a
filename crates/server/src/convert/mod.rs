//! Converts a client's protobuf messages to IR.
//!
//! Every message is destructured field by field, so that a field of a later protocol version breaks
//! the build here instead of being overlooked. What is not supported is refused by name. Nothing is
//! resolved or run; the only thing looked up is data that the client uploaded before.

mod command;
mod expression;
mod function;
mod literal;
mod local;
mod metadata;
mod name;
mod plan;
mod relation;
mod sort;
pub(crate) mod types;
mod write;

pub(crate) use name::identifier;
pub(crate) use plan::{ClientRequest, Sql, relation_of, request};

use crate::wire;
use bytes::Bytes;
use prost::Message;
use spark_connect_proto as pb;
use std::cell::RefCell;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir;

/// Finds the data that the client uploaded, by its hash.
type Artifacts<'a> = &'a (dyn Fn(&str) -> Option<Bytes> + Send + Sync);

/// Converts the messages of one request. It looks up uploaded data, and the relations that were split off the request.
pub(crate) struct Converter<'a> {
    artifact: Artifacts<'a>,
    fragments: RefCell<Vec<Option<ir::Relation>>>,
}

impl<'a> Converter<'a> {
    /// Creates a converter of one request.
    pub(crate) fn new(artifact: Artifacts<'a>) -> Self {
        Self { artifact, fragments: RefCell::default() }
    }

    /// Converts the relations that were split off the request. The inputs of each come after it.
    pub(crate) fn take_fragments(&self, fragments: Vec<Bytes>) -> Result<()> {
        *self.fragments.borrow_mut() = vec![None; fragments.len()];
        // From the last to the first: an input has a larger number than its relation, and is needed by it.
        for (number, fragment) in fragments.into_iter().enumerate().rev() {
            let proto = pb::Relation::decode(fragment).map_err(|e| wire::undecodable(&e))?;
            let relation = self.relation(proto)?;
            if let Some(place) = self.fragments.borrow_mut().get_mut(number) {
                *place = Some(relation);
            }
        }
        Ok(())
    }

    /// Returns the relation of a placeholder.
    fn fragment(&self, proto: &pb::Relation) -> Option<ir::Relation> {
        let number = wire::fragment_of(proto)?;
        // Each fragment has one placeholder, so its relation is moved and not copied.
        self.fragments.borrow_mut().get_mut(number)?.take()
    }
}

/// Creates the error for a message that lacks `field`.
pub(crate) fn missing(field: &str) -> Error {
    let text = format!("The plan is invalid: the field `{field}` is not set.");
    invalid(text).param("field", field)
}

/// Creates the error for a plan that no client of this protocol sends.
pub(crate) fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::IllegalArgument, "CONNECT_INVALID_PLAN", "42601", text)
}

/// Returns the value of a field that the protocol requires.
pub(crate) fn required<T>(value: Option<T>, field: &str) -> Result<T> {
    value.ok_or_else(|| missing(field))
}

/// Refuses `what` if it is present.
pub(crate) fn refuse_if(present: bool, what: &str) -> Result<()> {
    if present { Err(Error::unsupported(what)) } else { Ok(()) }
}

/// Converts a count that the protocol sends as a signed number.
pub(crate) fn count(value: i32, field: &str) -> Result<usize> {
    usize::try_from(value)
        .map_err(|_| invalid(format!("The plan is invalid: `{field}` is negative: {value}.")))
}

/// Sorts options by name, so that their order does not depend on the hash map.
pub(crate) fn options(map: std::collections::HashMap<String, String>) -> ir::Options {
    let mut options: ir::Options = map.into_iter().collect();
    options.sort();
    options
}
