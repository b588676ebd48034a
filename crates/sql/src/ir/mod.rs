//! The unresolved plan (IR) of a request, before names and types are resolved.
//!
//! Its shape is Spark Connect's `Relation` and `Expression` plus what SQL needs and the protocol
//! lacks. Operators of the language are calls of Spark's function names (`+`, `==`, `and`, `in`,
//! `when`, `isnull`, `like`, …), as the client sends them, so that one registry serves SQL and Spark Connect.
//! Every node has its place in the text, if it came from text; nothing here is resolved, checked or evaluated.

mod command;
mod expr;
mod literal;
mod relation;
mod rows;
mod tables;
mod visit;

pub use command::*;
pub use expr::*;
pub use literal::*;
pub use relation::*;
pub use visit::{Child, ChildMut};

/// The place of a node in a statement's text: characters from 0, `start..stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first character.
    pub start: u32,
    /// One past the last character.
    pub stop: u32,
}

/// The place of a node in the text; none if it did not come from text.
pub type Origin = Option<Span>;

/// A possibly qualified name: `["catalog", "schema", "table"]`, `["t", "x"]` or `["x"]`.
pub type Name = Vec<String>;

/// One statement of a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// A query.
    Query(Relation),
    /// A command.
    Command(Command),
}
