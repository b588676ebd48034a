//! The unresolved plan: what a user asked for, before any name or type is known.
//!
//! Its shape is Spark Connect's `Relation` and `Expression` plus what SQL needs and the protocol
//! lacks. Operators of the language are calls of Spark's function names (`+`, `==`, `and`, `in`,
//! `when`, `isnull`, `like`, …), as the client sends them, so that one registry serves all doors.
//! Every node carries where it came from; nothing here is resolved, checked or evaluated.

mod command;
mod expr;
mod literal;
mod relation;
mod visit;

pub use command::*;
pub use expr::*;
pub use literal::*;
pub use relation::*;
pub use visit::{Child, ChildMut};

/// Where a node stood in a statement's text: characters from 0, `start..stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u32,
    pub stop: u32,
}

/// A node's place in the text, if it came from text.
pub type Origin = Option<Span>;

/// A possibly qualified name: `["catalog", "schema", "table"]`, `["t", "x"]` or `["x"]`.
pub type Name = Vec<String>;

/// One statement of a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Query(Relation),
    Command(Command),
}
