//! Operands of a join: tables by name, files, streams, subqueries, inline tables, functions.

use super::super::Parser;
use super::super::expr::interval_words;
use super::super::lexer::TokenKind;
use crate::ir::{DataSource, Expr, ExprNode, Options, Relation, RelationNode};
use thalweg_common::Result;

impl Parser<'_> {
    /// One operand of a join with its sample, watermark and alias.
    pub(super) fn table(&mut self) -> Result<Relation> {
        let start = self.pos;
        let relation = self.table_primary()?;
        let relation = self.sample(relation, start)?;
        // The clause may be before the alias or after it.
        let relation = self.watermark(relation, start)?;
        let relation = self.aliased(relation, start)?;
        self.watermark(relation, start)
    }

    fn table_primary(&mut self) -> Result<Relation> {
        if self.is_stream() {
            return self.stream();
        }
        let start = self.pos;
        // Any other parenthesis groups joins.
        if self.is_query_in_parentheses(start) {
            return self.parenthesized_query();
        }
        if self.eat_symbol("(") {
            let inner = self.joined()?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        if self.is_word("VALUES") && self.starts_query(start) {
            return self.inline_rows();
        }
        self.named_table(false)
    }

    /// `STREAM t`, `STREAM (t)`, `STREAM 'path'`; a table may also be called stream.
    fn is_stream(&self) -> bool {
        let next = self.token_at(self.pos + 1);
        let follows = match &next.kind {
            TokenKind::Word => super::super::words::may_be_alias(self.text_of(next)),
            TokenKind::Quoted(_) | TokenKind::Text(_) => true,
            _ => self.text_of(next) == "(",
        };
        self.is_word("STREAM") && follows
    }

    fn stream(&mut self) -> Result<Relation> {
        let at = self.pos;
        self.expect("STREAM")?;
        let bracket = self.is_symbol("(");
        if bracket && self.is_query_in_parentheses(self.pos) {
            return Err(self.unsupported_at("STREAM over a subquery", at));
        }
        if bracket {
            self.advance();
        }
        let mut relation = self.named_table(true)?;
        if bracket {
            self.expect_symbol(")")?;
        }
        if let RelationNode::TableFunction { .. } = relation.node {
            return Err(self.unsupported_at("STREAM over a table-valued function", at));
        }
        if let RelationNode::Table { options, .. } = &mut relation.node
            && bracket
            && options.is_empty()
        {
            *options = self.table_options()?;
        }
        Ok(relation)
    }

    /// A table by name, a file by its path, or a table-valued function.
    pub(in super::super) fn named_table(&mut self, streaming: bool) -> Result<Relation> {
        let start = self.pos;
        if let Some(path) = self.eat_text() {
            let node = DataSource { paths: vec![path], streaming, ..DataSource::default() };
            return Ok(self.relation_at(RelationNode::DataSource(node), start));
        }
        // A word such as WHERE here means that the table is missing; taken for a name it would move the error on.
        if self.peek().kind == TokenKind::Word && !super::super::words::may_be_column(self.here()) {
            return Err(self.error());
        }
        let name = self.name()?;
        if self.is_symbol("(") {
            let args = self.arguments()?;
            return Ok(self.relation_at(RelationNode::TableFunction { name, args }, start));
        }
        // An error about the table points at its name, without the options.
        let stop = self.pos;
        if self.is_time_travel() {
            return Err(self.unsupported("time travel (VERSION or TIMESTAMP AS OF)"));
        }
        if self.is_words("CHANGES FROM") {
            return Err(self.unsupported("CHANGES of a table"));
        }
        let options = self.table_options()?;
        let node = RelationNode::Table { name, options, streaming };
        Ok(Relation::at(node, self.span(start, stop)))
    }

    fn is_time_travel(&self) -> bool {
        let at = self.pos + usize::from(self.is_word("FOR"));
        let subject = ["VERSION", "TIMESTAMP", "SYSTEM_VERSION", "SYSTEM_TIME"];
        subject.iter().any(|w| self.is_word_at(at, w))
            && self.is_word_at(at + 1, "AS")
            && self.is_word_at(at + 2, "OF")
    }

    /// `WITH ('key' = 'value', …)`.
    fn table_options(&mut self) -> Result<Options> {
        if !(self.is_word("WITH") && self.is_symbol_at(self.pos + 1, "(")) {
            return Ok(vec![]);
        }
        self.advance();
        self.property_list()
    }

    /// `VALUES …` with its alias, as a query.
    pub(super) fn inline_table(&mut self) -> Result<Relation> {
        let start = self.pos;
        let rows = self.inline_rows()?;
        self.aliased(rows, start)
    }

    fn inline_rows(&mut self) -> Result<Relation> {
        let start = self.pos;
        self.expect("VALUES")?;
        let rows = self.list(|p| Ok(row(p.expression()?)))?;
        Ok(self.relation_at(RelationNode::Values { rows }, start))
    }

    /// `[AS] alias [(columns)]`.
    pub(super) fn aliased(&mut self, input: Relation, start: usize) -> Result<Relation> {
        let alias = if self.eat("AS") { Some(self.identifier()?) } else { self.bare_alias() };
        let Some(alias) = alias else { return Ok(input) };
        let columns = if self.is_symbol("(") { self.parenthesized(Self::identifier)? } else { vec![] };
        self.on_top(RelationNode::Alias { input: Box::new(input), alias, columns }, start)
    }

    /// `WATERMARK expr [AS name] DELAY OF interval`.
    fn watermark(&mut self, input: Relation, start: usize) -> Result<Relation> {
        if !self.is_word("WATERMARK") {
            return Ok(input);
        }
        self.advance();
        let event_time = self.event_time()?;
        if !self.eat_words("DELAY OF") {
            return Err(self.error_missing("DELAY OF"));
        }
        let at = self.pos;
        let interval = self.interval()?;
        // The IR has the delay as text, as clients send it.
        let delay = match &interval.node {
            ExprNode::Literal(literal) => interval_words(literal),
            _ => None,
        };
        let delay = delay.ok_or_else(|| self.error_at(at, String::new()))?;
        self.on_top(RelationNode::WithWatermark { input: Box::new(input), event_time, delay }, start)
    }

    /// `expr [[AS] name]`, where DELAY is not a name.
    fn event_time(&mut self) -> Result<Expr> {
        let start = self.pos;
        let expr = self.expression()?;
        let name = match (self.eat("AS"), self.is_words("DELAY OF")) {
            (true, _) => Some(self.identifier()?),
            (false, true) => None,
            (false, false) => self.bare_alias(),
        };
        let Some(name) = name else { return Ok(expr) };
        Ok(self.expr_at(ExprNode::Alias { expr: Box::new(expr), names: vec![name], metadata: None }, start))
    }

    /// `TABLESAMPLE (n PERCENT | n ROWS | BUCKET x OUT OF y) [REPEATABLE (seed)]`.
    fn sample(&mut self, input: Relation, start: usize) -> Result<Relation> {
        if !self.eat("TABLESAMPLE") {
            return Ok(input);
        }
        if self.is_word("SYSTEM") {
            return Err(self.unsupported("TABLESAMPLE SYSTEM"));
        }
        self.eat("BERNOULLI");
        self.expect_symbol("(")?;
        if self.is_word("BUCKET") {
            return Err(self.unsupported("TABLESAMPLE by BUCKET"));
        }
        let at = self.pos;
        let amount = self.expression()?;
        let input = Box::new(input);
        let rows = self.eat("ROWS");
        if !rows && !self.eat("PERCENT") {
            return Err(self.unsupported("TABLESAMPLE by bytes"));
        }
        let percent = self.source.text.get(self.token_at(at).from..self.token_at(at).to).unwrap_or_default();
        let percent: f64 =
            if rows { 0.0 } else { percent.parse().map_err(|_| self.error_at(at, String::new()))? };
        self.expect_symbol(")")?;
        let mut seed = None;
        if self.eat("REPEATABLE") {
            self.expect_symbol("(")?;
            seed = Some(self.integer()?);
            self.expect_symbol(")")?;
        }
        let node = if rows {
            // As in Spark, a sample of a number of rows is a LIMIT.
            RelationNode::Limit { input, limit: amount }
        } else {
            RelationNode::Sample { input, lower: 0.0, upper: percent / 100.0, with_replacement: false, seed }
        };
        self.on_top(node, start)
    }
}

/// `(a, b)` is a row of two columns, anything else a row of one.
fn row(expr: Expr) -> Vec<Expr> {
    match expr.node {
        ExprNode::Function(call) if call.name == ["struct"] && !call.args.is_empty() => call.args,
        node => vec![Expr { node, origin: expr.origin }],
    }
}
