//! Parses Spark SQL text into the unresolved plan (IR), and defines the IR and Spark's types.
//!
//! SQL text is parsed into the IR here; the server converts a client's protobuf into it.
//! Names no session, no DataFusion, no Arrow and no protobuf. What the IR can't carry is refused by
//! name; a text that nests too deep is an error, never a crash.
//!
//! ```
//! use thalweg_sql::ir::{Command, RelationNode, Statement};
//!
//! let statements = thalweg_sql::parse("SELECT a + 1 AS b FROM t; SHOW JOBS")?;
//! let Statement::Query(query) = &statements[0].statement else { panic!("not a query") };
//! let RelationNode::Project { input, exprs } = &query.node else { panic!("not a projection") };
//! assert!(matches!(input.node, RelationNode::Table { .. }));
//! assert_eq!(exprs.len(), 1);
//! assert_eq!(statements[1].statement, Statement::Command(Command::ShowJobs));
//!
//! let error = thalweg_sql::parse("SELEC 1").unwrap_err();
//! assert_eq!(error.class(), "PARSE_SYNTAX_ERROR");
//! # Ok::<(), thalweg_common::Error>(())
//! ```

pub mod ir;
mod parser;
pub mod types;

use ir::{Arguments, Expr, Name, Relation, Statement};
use parser::{Parser, Source};
use thalweg_common::Result;

/// A statement and the text that it was parsed from.
///
/// The origins in `statement` count characters of `text`.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedStatement {
    /// The statement.
    pub statement: Statement,
    /// Its part of the parsed text.
    pub text: String,
}

/// Parses one or more statements with `;` between them.
///
/// # Errors
/// `PARSE_SYNTAX_ERROR` (42601) and similar classes, with the place in `text`; `PARSE_EMPTY_STATEMENT` (42617)
/// if there is no statement; `UNSUPPORTED_FEATURE` (0A000) for what Spark supports and Thalweg does not.
pub fn parse(text: &str) -> Result<Vec<ParsedStatement>> {
    let source = Source::new(text);
    let ranges = source.statements();
    if ranges.is_empty() {
        return Err(parser::empty_statement());
    }
    let only = ranges.len() == 1;
    let parse_one = |range: std::ops::Range<usize>| {
        // A lone statement keeps the blanks and comments before it, so that its places are those of the whole text.
        let (from, base) = if only { (0, 0) } else { source.place(range.start) };
        let (to, _) = source.place(range.end);
        let mut parser = Parser::over(&source, range, base);
        let statement = parser.statement()?;
        let text = text.get(from..to).unwrap_or_default().trim_end().to_owned();
        Ok(ParsedStatement { statement, text })
    };
    ranges.into_iter().map(parse_one).collect()
}

/// Parses exactly one statement; a `;` may end it.
///
/// # Errors
/// As [`parse`]; `PARSE_SYNTAX_ERROR` if more follows.
pub fn parse_statement(text: &str) -> Result<Statement> {
    parse_statement_with(text, &Arguments::default())
}

/// Parses exactly one statement whose markers have these arguments. They stay markers, except in `IDENTIFIER(…)`, where
/// an argument is a name.
///
/// # Errors
/// As [`parse_statement`].
///
/// ```
/// use thalweg_sql::ir::{Arguments, Expr, ExprNode, Literal};
///
/// let table = Expr::new(ExprNode::Literal(Literal::String("flights".to_owned())));
/// let arguments = Arguments { positional: vec![table], named: vec![] };
/// let parsed = thalweg_sql::parse_statement_with("SELECT * FROM IDENTIFIER(?)", &arguments)?;
/// let named = thalweg_sql::parse_statement("SELECT * FROM IDENTIFIER('flights')")?;
/// assert!(format!("{parsed:?}").contains("flights") && format!("{named:?}").contains("flights"));
/// # Ok::<(), thalweg_common::Error>(())
/// ```
pub fn parse_statement_with(text: &str, arguments: &Arguments) -> Result<Statement> {
    let source = Source::new(text).with_arguments(arguments);
    let mut ranges = source.statements().into_iter();
    let first = ranges.next().ok_or_else(parser::empty_statement)?;
    let statement = Parser::over(&source, first, 0).statement()?;
    match ranges.next() {
        Some(second) => Err(Parser::over(&source, second, 0).error()),
        None => Ok(statement),
    }
}

/// Parses a query.
///
/// # Errors
/// As [`parse`].
pub fn parse_query(text: &str) -> Result<Relation> {
    parse_query_with(text, &Arguments::default())
}

/// Parses a query whose markers have these arguments, as [`parse_statement_with`].
///
/// # Errors
/// As [`parse`].
pub fn parse_query_with(text: &str, arguments: &Arguments) -> Result<Relation> {
    phrase(text, arguments, |p| p.query())
}

/// Parses an expression and its alias, if there is one, such as `a + 1 AS b`.
///
/// # Errors
/// As [`parse`].
pub fn parse_expression(text: &str) -> Result<Expr> {
    phrase(text, &Arguments::default(), |p| p.named_expression())
}

/// Parses a multi-part name such as `` db.`my table` ``.
///
/// # Errors
/// As [`parse`].
pub fn parse_name(text: &str) -> Result<Name> {
    parser::parse_name(text)
}

fn phrase<T>(
    text: &str,
    arguments: &Arguments,
    read: impl FnOnce(&mut Parser<'_>) -> Result<T>,
) -> Result<T> {
    let source = Source::new(text).with_arguments(arguments);
    let mut ranges = source.statements();
    let range = if ranges.is_empty() { return Err(parser::empty_statement()) } else { ranges.remove(0) };
    if let Some(more) = ranges.into_iter().next() {
        return Err(Parser::over(&source, more, 0).error());
    }
    let mut parser = Parser::over(&source, range, 0);
    let found = read(&mut parser)?;
    parser.finish()?;
    Ok(found)
}
