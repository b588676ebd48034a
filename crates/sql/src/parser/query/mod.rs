//! Queries: `WITH`, set operations, and the ordering and limits around them.

mod from;
mod group;
mod join;
mod select;
mod table;
mod unpivot;

use super::Parser;
use super::lexer::TokenKind;
use crate::ir::{Cte, Relation, RelationNode, SetKind, SetOperation};
use thalweg_common::{Error, ErrorKind, Result};

/// Words after a parenthesized query that make the parentheses around both a query too.
const CONTINUES_QUERY: [&str; 10] =
    ["UNION", "INTERSECT", "EXCEPT", "MINUS", "SETMINUS", "ORDER", "SORT", "CLUSTER", "DISTRIBUTE", "LIMIT"];

impl Parser<'_> {
    /// A whole query.
    pub(crate) fn query(&mut self) -> Result<Relation> {
        self.deeper(Self::with_query)
    }

    /// `( query )`.
    pub(crate) fn parenthesized_query(&mut self) -> Result<Relation> {
        self.expect_symbol("(")?;
        // A subquery does not see the named windows of the select around it, which go on behind it.
        let outer = std::mem::take(&mut self.windows);
        let query = self.query();
        self.windows = outer;
        let query = query?;
        self.expect_symbol(")")?;
        Ok(query)
    }

    /// Returns whether a query begins at the token `at`.
    pub(crate) fn starts_query(&self, at: usize) -> bool {
        let next = self.token_at(at + 1);
        let named = matches!(next.kind, TokenKind::Word | TokenKind::Quoted(_));
        let literal = matches!(next.kind, TokenKind::Number | TokenKind::Text(_));
        // None of these words is reserved, and each may be a column or a table: what follows decides.
        let text = self.text_of(next);
        self.is_word_at(at, "SELECT") && !matches!(text, ")" | ",")
            || (self.is_word_at(at, "WITH") && named)
            || (self.is_word_at(at, "FROM") && (named || literal || text == "("))
            || (self.is_word_at(at, "VALUES") && (named || literal || matches!(text, "(" | "-" | "+")))
            || (self.is_word_at(at, "TABLE") && named)
    }

    /// Returns whether the parentheses at `at` contain a query: one begins inside, possibly after further parentheses
    /// that each contain only a query or a set operation.
    pub(crate) fn is_query_in_parentheses(&self, at: usize) -> bool {
        let mut inner = at;
        // More parentheses are refused when they are read, so no more are looked at.
        while self.is_symbol_at(inner, "(") && inner - at <= super::NESTING_MAX {
            inner += 1;
        }
        if inner == at || !self.starts_query(inner) {
            return false;
        }
        // `((SELECT 1) + 1)` begins like a query in parentheses, but is an expression over one.
        (at + 1..inner).all(|open| match self.after_bracket(open) {
            Some(after) => {
                self.is_symbol_at(after, ")") || CONTINUES_QUERY.iter().any(|w| self.is_word_at(after, w))
            }
            None => false,
        })
    }

    fn with_query(&mut self) -> Result<Relation> {
        let start = self.pos;
        if !self.is_word("WITH") {
            return self.organized();
        }
        let (ctes, recursive) = self.ctes()?;
        let input = Box::new(self.organized()?);
        self.grow()?;
        Ok(self.relation_at(RelationNode::With { ctes, recursive, input }, start))
    }

    /// `WITH [RECURSIVE] name [(columns)] [AS] (query), …`.
    pub(crate) fn ctes(&mut self) -> Result<(Vec<Cte>, bool)> {
        self.expect("WITH")?;
        // A common table expression may have this word for its name.
        let recursive = self.is_word("RECURSIVE") && !self.is_word_at(self.pos + 1, "AS");
        if recursive {
            self.advance();
        }
        let mut ctes: Vec<Cte> = vec![];
        loop {
            let at = self.pos;
            let cte = self.cte()?;
            if ctes.iter().any(|c| c.name.eq_ignore_ascii_case(&cte.name)) {
                return Err(self.duplicate_cte(&cte.name, at));
            }
            ctes.push(cte);
            if !self.eat_symbol(",") {
                return Ok((ctes, recursive));
            }
        }
    }

    fn duplicate_cte(&self, name: &str, at: usize) -> Error {
        Error::new(
            ErrorKind::Parse,
            "DUPLICATED_CTE_NAMES",
            "42602",
            format!("CTE definition can't have duplicate names: `{name}`."),
        )
        .param("duplicateNames", format!("`{name}`"))
        .at(self.position(at, at + 1))
    }

    fn cte(&mut self) -> Result<Cte> {
        let name = self.identifier()?;
        // AS is optional, so a parenthesis may begin the columns or already the query.
        let is_query = self.is_query_in_parentheses(self.pos);
        let columns =
            if self.is_symbol("(") && !is_query { self.parenthesized(Self::identifier)? } else { vec![] };
        if self.is_words("MAX RECURSION LEVEL") {
            return Err(self.unsupported("MAX RECURSION LEVEL"));
        }
        self.eat("AS");
        let query = self.parenthesized_query()?;
        Ok(Cte { name, columns, query })
    }

    /// Set operations, then ORDER BY and similar clauses, LIMIT and OFFSET.
    fn organized(&mut self) -> Result<Relation> {
        let start = self.pos;
        let relation = self.set_operations()?;
        let relation = self.ordered(relation, start)?;
        // Spark's grammar has WINDOW after ORDER BY as well as after HAVING.
        self.skip_windows()?;
        self.limited(relation, start)
    }

    fn set_operations(&mut self) -> Result<Relation> {
        let start = self.pos;
        // INTERSECT binds more closely than UNION and EXCEPT, and all of them associate to the left.
        let mut left = self.intersections()?;
        while let Some(word) = self.eat_any(&["UNION", "EXCEPT", "MINUS", "SETMINUS"]) {
            let kind = if word == "UNION" { SetKind::Union } else { SetKind::Except };
            left = self.set_operation(kind, left, start, Self::intersections)?;
        }
        Ok(left)
    }

    fn intersections(&mut self) -> Result<Relation> {
        let start = self.pos;
        let mut left = self.query_primary()?;
        while self.eat("INTERSECT") {
            left = self.set_operation(SetKind::Intersect, left, start, Self::query_primary)?;
        }
        Ok(left)
    }

    fn set_operation(
        &mut self,
        kind: SetKind,
        left: Relation,
        start: usize,
        operand: fn(&mut Self) -> Result<Relation>,
    ) -> Result<Relation> {
        let all = self.eat_any(&["ALL", "DISTINCT"]) == Some("ALL");
        let by_name = kind == SetKind::Union && self.eat_words("BY NAME");
        // Both operands are children of one node, so only the higher of them counts.
        let right = Box::new(self.beside(operand)?);
        self.grow()?;
        let left = Box::new(left);
        let node = SetOperation { left, right, kind, all, by_name, allow_missing_columns: false };
        Ok(self.relation_at(RelationNode::SetOperation(node), start))
    }

    fn query_primary(&mut self) -> Result<Relation> {
        let start = self.pos;
        if self.is_symbol("(") {
            return self.parenthesized_query();
        }
        if self.is_word("SELECT") {
            return self.select(None, start);
        }
        if self.is_word("VALUES") {
            return self.inline_table();
        }
        if self.eat("TABLE") {
            let at = self.pos;
            let name = self.name()?;
            return Ok(self.relation_at(RelationNode::Table { name, options: vec![], streaming: false }, at));
        }
        if self.is_word("FROM") {
            let input = self.tables_of_from()?;
            return self.select_after_from(input, start);
        }
        if self.is_word("MAP") || self.is_word("REDUCE") {
            return Err(self.unsupported("TRANSFORM with a script"));
        }
        Err(self.error())
    }

    /// `FROM t [SELECT …]`: one SELECT at most, and no INSERT.
    fn select_after_from(&mut self, input: Relation, start: usize) -> Result<Relation> {
        if self.is_word("INSERT") {
            return Err(self.unsupported("FROM … INSERT"));
        }
        // FROM by itself is a query of all columns.
        if !self.is_word("SELECT") {
            return Ok(input);
        }
        let relation = self.select(Some(input), start)?;
        match self.is_word("SELECT") {
            true => Err(self.unsupported("several SELECTs after one FROM")),
            false => Ok(relation),
        }
    }

    /// ORDER BY; or DISTRIBUTE BY and SORT BY; or CLUSTER BY.
    fn ordered(&mut self, input: Relation, start: usize) -> Result<Relation> {
        if self.eat_words("ORDER BY") {
            let order = self.list(Self::sort_order)?;
            self.grow()?;
            let node = RelationNode::Sort { input: Box::new(input), order, global: true };
            let sorted = self.relation_at(node, start);
            return match self.is_any_word(&["SORT", "DISTRIBUTE", "CLUSTER"]) {
                true => Err(self.unsupported("ORDER BY together with SORT BY, DISTRIBUTE BY or CLUSTER BY")),
                false => Ok(sorted),
            };
        }
        let mut relation = input;
        if self.eat_words("CLUSTER BY") {
            let exprs = self.list(Self::expression)?;
            let sort_key = |expr| crate::ir::SortOrder { expr, descending: false, nulls_first: None };
            let order = exprs.iter().cloned().map(sort_key).collect();
            relation = self.distributed(relation, exprs, start)?;
            return self.sorted_within(relation, order, start);
        }
        if self.eat_words("DISTRIBUTE BY") {
            let exprs = self.list(Self::expression)?;
            relation = self.distributed(relation, exprs, start)?;
        }
        if self.eat_words("SORT BY") {
            let order = self.list(Self::sort_order)?;
            relation = self.sorted_within(relation, order, start)?;
        }
        Ok(relation)
    }

    fn distributed(
        &mut self,
        input: Relation,
        exprs: Vec<crate::ir::Expr>,
        start: usize,
    ) -> Result<Relation> {
        self.grow()?;
        let node =
            RelationNode::Repartition { input: Box::new(input), partitions: None, exprs, shuffle: true };
        Ok(self.relation_at(node, start))
    }

    fn sorted_within(
        &mut self,
        input: Relation,
        order: Vec<crate::ir::SortOrder>,
        start: usize,
    ) -> Result<Relation> {
        self.grow()?;
        let node = RelationNode::Sort { input: Box::new(input), order, global: false };
        Ok(self.relation_at(node, start))
    }

    /// LIMIT and OFFSET: rows are skipped before they are counted.
    fn limited(&mut self, input: Relation, start: usize) -> Result<Relation> {
        let mut relation = input;
        let mut limit = None;
        if self.eat("LIMIT") && !self.eat("ALL") {
            limit = Some(self.expression()?);
        }
        if self.eat("OFFSET") {
            let offset = self.expression()?;
            self.grow()?;
            relation = self.relation_at(RelationNode::Offset { input: Box::new(relation), offset }, start);
        }
        if let Some(limit) = limit {
            self.grow()?;
            relation = self.relation_at(RelationNode::Limit { input: Box::new(relation), limit }, start);
        }
        if self.is_symbol("|>") {
            return Err(self.unsupported("the pipe operator |>"));
        }
        Ok(relation)
    }
}
