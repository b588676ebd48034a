//! `SELECT`: its list, and the clauses from WHERE to QUALIFY.

use super::super::Parser;
use super::super::lexer::TokenKind;
use super::group::GroupByClause;
use crate::ir::{Aggregate, Expr, GroupKind, Relation, RelationNode};
use thalweg_common::{Error, ErrorKind, Result};

/// A hint: its name and its arguments.
type Hint = (String, Vec<Expr>);

impl Parser<'_> {
    /// A SELECT over `input`, which a FROM before it gave, or over its own FROM.
    pub(super) fn select(&mut self, input: Option<Relation>, start: usize) -> Result<Relation> {
        // Windows stay defined for the ORDER BY after the select; the next select replaces them.
        self.windows.clear();
        self.read_windows()?;
        self.select_body(input, start)
    }

    fn select_body(&mut self, input: Option<Relation>, start: usize) -> Result<Relation> {
        self.expect("SELECT")?;
        let hints = self.hints()?;
        // ALL may also be the first column.
        let is_column = self.is_symbol_at(self.pos + 1, ",") || self.is_word_at(self.pos + 1, "FROM");
        let distinct = !is_column && self.eat_any(&["DISTINCT", "ALL"]) == Some("DISTINCT");
        if self.is_script() {
            return Err(self.unsupported("TRANSFORM with a script"));
        }
        let list = self.list(Self::selected)?;
        // The list is read before its input, but belongs to a node above it: its height is put aside until then.
        let height = std::mem::take(&mut self.height);
        let mut relation = match input {
            // `FROM a SELECT b FROM c` would have two inputs.
            Some(input) if self.is_word("FROM") => {
                drop(input);
                return Err(self.error());
            }
            Some(input) => input,
            None if self.is_word("FROM") => self.tables_of_from()?,
            None => self.relation_at(RelationNode::OneRow, start),
        };
        relation = self.lateral_views(relation, start)?;
        if self.eat("WHERE") {
            let condition = self.expression()?;
            relation = self.on_top(RelationNode::Filter { input: Box::new(relation), condition }, start)?;
        }
        relation = self.grouped(relation, list, start)?;
        self.height = self.height.max(height);
        self.skip_windows()?;
        if self.eat("QUALIFY") {
            let condition = self.expression()?;
            relation = self.on_top(RelationNode::Qualify { input: Box::new(relation), condition }, start)?;
        }
        self.skip_windows()?;
        // DISTINCT applies to the rows that QUALIFY has kept.
        if distinct {
            let node = RelationNode::Deduplicate {
                input: Box::new(relation),
                columns: vec![],
                within_watermark: false,
            };
            relation = self.on_top(node, start)?;
        }
        for (name, args) in hints.into_iter().rev() {
            relation = self.on_top(RelationNode::Hint { input: Box::new(relation), name, args }, start)?;
        }
        Ok(relation)
    }

    /// An item of the select list. FROM in its place means that the comma before it is superfluous.
    fn selected(&mut self) -> Result<Expr> {
        let after_comma = self.pos > 0 && self.is_symbol_at(self.pos - 1, ",");
        // Before another comma FROM is a column of this name.
        if after_comma && self.is_word("FROM") && !self.is_symbol_at(self.pos + 1, ",") {
            let text =
                "Trailing comma detected in SELECT clause. Remove the trailing comma before the FROM clause.";
            let error = Error::new(ErrorKind::Parse, "TRAILING_COMMA_IN_SELECT", "42601", text.to_owned());
            return Err(error.at(self.position(self.pos, self.pos + 1)));
        }
        self.named_expression()
    }

    /// `TRANSFORM (…) [ROW FORMAT …] USING …`, not a call of the function transform.
    fn is_script(&self) -> bool {
        let after = self.after_bracket(self.pos + 1);
        self.is_word("TRANSFORM")
            && after.is_some_and(|at| ["USING", "ROW", "RECORDWRITER"].iter().any(|w| self.is_word_at(at, w)))
    }

    /// Creates a node whose input is what was read so far.
    pub(super) fn on_top(&mut self, node: RelationNode, start: usize) -> Result<Relation> {
        self.grow()?;
        Ok(self.relation_at(node, start))
    }

    /// The select list over its input, with GROUP BY and HAVING if there are any.
    fn grouped(&mut self, input: Relation, list: Vec<Expr>, start: usize) -> Result<Relation> {
        let grouping = if self.eat_words("GROUP BY") { Some(self.grouping()?) } else { None };
        let having = if self.eat("HAVING") { Some(self.expression()?) } else { None };
        let input = Box::new(input);
        let node = match (grouping, having.is_some()) {
            // A list may have aggregates without a GROUP BY. The parser knows no functions, so the resolver finds them.
            (None, false) => RelationNode::Project { input, exprs: list },
            // HAVING without GROUP BY is that of one group of all rows.
            (grouping, _) => {
                let GroupByClause { kind, keys } =
                    grouping.unwrap_or(GroupByClause { kind: GroupKind::GroupBy, keys: vec![] });
                RelationNode::Aggregate(Aggregate {
                    input,
                    kind,
                    grouping: keys,
                    aggregates: list,
                    output_grouping: false,
                })
            }
        };
        let relation = self.on_top(node, start)?;
        match having {
            Some(condition) => {
                self.on_top(RelationNode::Having { input: Box::new(relation), condition }, start)
            }
            None => Ok(relation),
        }
    }

    /// `/*+ NAME(args), NAME */`, any number of them.
    fn hints(&mut self) -> Result<Vec<Hint>> {
        let mut hints = vec![];
        while self.eat_symbol("/*+") {
            while !self.is_symbol("*/") {
                let name = self.identifier()?;
                let args = if self.is_symbol("(") { self.arguments()? } else { vec![] };
                hints.push((name, args));
                // The comma between hints is optional in Spark.
                self.eat_symbol(",");
            }
            self.expect_symbol("*/")?;
        }
        Ok(hints)
    }

    /// Reads the WINDOW clause of this SELECT before its list, which refers to its windows.
    fn read_windows(&mut self) -> Result<()> {
        let Some(clause) = self.find_windows() else { return Ok(()) };
        let start = std::mem::replace(&mut self.pos, clause);
        self.window_clause()?;
        self.pos = start;
        Ok(())
    }

    /// Returns the position of the word WINDOW of this SELECT: outside all brackets and before the next SELECT.
    fn find_windows(&self) -> Option<usize> {
        let mut at = self.pos + 1;
        loop {
            let token = self.token_at(at);
            match (&token.kind, self.text_of(token)) {
                (TokenKind::End, _) | (TokenKind::Symbol, ")") => return None,
                (TokenKind::Symbol, "(") => at = self.after_bracket(at)?,
                _ if self.is_word_at(at, "SELECT") => return None,
                _ if self.is_windows_at(at) => return Some(at),
                _ => at += 1,
            }
        }
    }

    /// Returns whether the WINDOW clause begins at the token `at`; a column may also be named window.
    pub(in crate::parser) fn is_windows_at(&self, at: usize) -> bool {
        let parenthesis_or_name = || {
            let token = self.token_at(at + 3);
            self.text_of(token) == "(" || matches!(token.kind, TokenKind::Word | TokenKind::Quoted(_))
        };
        self.is_word_at(at, "WINDOW") && self.is_word_at(at + 2, "AS") && parenthesis_or_name()
    }

    /// `WINDOW name AS (…), other AS name`: each may refer to one before it.
    fn window_clause(&mut self) -> Result<()> {
        self.expect("WINDOW")?;
        self.list(|p| {
            let name = p.identifier()?;
            p.expect("AS")?;
            let window = p.window_reference()?;
            p.windows.push((name, window));
            Ok(())
        })?;
        Ok(())
    }

    /// Moves past a WINDOW clause, which was read before the select list.
    pub(super) fn skip_windows(&mut self) -> Result<()> {
        // Reading the clause once more defines the same windows again and moves past it.
        if self.is_windows_at(self.pos) {
            self.window_clause()?;
        }
        Ok(())
    }
}
