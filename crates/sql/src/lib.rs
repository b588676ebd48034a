//! The language: Spark's types, the unresolved plan (IR), and Spark SQL text → IR.
//!
//! Every door ends here: SQL text is parsed into the IR, a client's protobuf is converted into it.
//! Knows no session, no DataFusion, no Arrow and no protobuf.

pub mod ir;
pub mod types;
