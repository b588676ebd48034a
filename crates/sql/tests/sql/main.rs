//! Parsing: text in, tree or error out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compact;
mod errors;
mod expressions;
mod queries;
mod statements;
mod tpch;
