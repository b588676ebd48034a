//! `CREATE`: databases, views, tables and streaming tables.

use super::super::Parser;
use crate::ir::{Command, CreateTable, CreateView, DataSource, Options, Relation, RelationNode};
use crate::types::StructType;
use thalweg_common::Result;

/// Clauses of Spark's CREATE TABLE that are not supported.
const REFUSED_CLAUSES: [&str; 10] =
    ["CLUSTERED", "CLUSTER", "SKEWED", "SORTED", "ROW", "STORED", "LIKE", "DEFAULT", "FLOW", "TRIGGER"];

/// The clauses of CREATE TABLE, which may come in any order.
#[derive(Default)]
struct Clauses {
    format: Option<String>,
    options: Options,
    properties: Options,
    partition_by: Vec<String>,
    location: Option<String>,
    comment: Option<String>,
}

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<Command> {
        let start = self.pos;
        let mut replace = self.eat("REPLACE");
        if !replace {
            self.expect("CREATE")?;
            if self.eat("OR") {
                if self.is_word("REFRESH") {
                    return Err(self.unsupported("CREATE OR REFRESH"));
                }
                self.expect("REPLACE")?;
                replace = true;
            }
        }
        let global = self.eat("GLOBAL");
        let temporary = self.eat_any(&["TEMPORARY", "TEMP"]).is_some();
        // Only a temporary view can be GLOBAL.
        if self.is_word("VIEW") && (temporary || !global) {
            return self.create_view(replace, temporary, global);
        }
        if temporary || global {
            return match self.is_any_word(&["FUNCTION", "TABLE"]) {
                true => Err(self.unsupported(&format!("CREATE TEMPORARY {}", self.here().to_uppercase()))),
                false => Err(self.error()),
            };
        }
        if self.eat("TABLE") {
            return Ok(Command::CreateTable(self.create_table(replace)?));
        }
        if self.is_words("STREAMING TABLE") {
            if replace {
                return Err(self.unsupported_at("CREATE OR REPLACE STREAMING TABLE", start));
            }
            self.pos += 2;
            return self.create_streaming_table();
        }
        if !replace && self.eat_any(&["DATABASE", "SCHEMA", "NAMESPACE"]).is_some() {
            return self.create_database();
        }
        let others = ["FUNCTION", "EXTERNAL", "MATERIALIZED", "FLOW", "CATALOG", "VARIABLE", "INDEX"];
        if self.is_any_word(&others) {
            return Err(self.unsupported(&format!("CREATE {}", self.here().to_uppercase())));
        }
        Err(self.error())
    }

    fn create_database(&mut self) -> Result<Command> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        if self.is_any_word(&["COMMENT", "LOCATION", "WITH", "DEFAULT"]) {
            return Err(self.unsupported(&format!("{} of a database", self.here().to_uppercase())));
        }
        Ok(Command::CreateDatabase { name, if_not_exists })
    }

    fn create_view(&mut self, replace: bool, temporary: bool, global: bool) -> Result<Command> {
        self.expect("VIEW")?;
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        let view = |columns, query, text| {
            let query = Box::new(query);
            Command::CreateView(CreateView {
                name,
                columns,
                query,
                temporary,
                global,
                replace,
                if_not_exists,
                text,
            })
        };
        if temporary && self.is_temporary_source() {
            return Ok(view(vec![], self.source_query()?, None));
        }
        let columns = if self.is_symbol("(") { self.parenthesized(Self::view_column)? } else { vec![] };
        if self.is_any_word(&["COMMENT", "TBLPROPERTIES", "WITH", "PARTITIONED"])
            || self.is_words("SCHEMA BINDING")
        {
            return Err(self.unsupported(&format!("{} of a view", self.here().to_uppercase())));
        }
        self.expect("AS")?;
        let at = self.pos;
        let query = self.query()?;
        let text = self.slice(at).to_owned();
        Ok(view(columns, query, Some(text)))
    }

    fn view_column(&mut self) -> Result<String> {
        let name = self.identifier()?;
        match self.is_word("COMMENT") {
            true => Err(self.unsupported("COMMENT of a view's column")),
            false => Ok(name),
        }
    }

    /// Returns whether `[(schema)] USING` follows: a temporary view over a data source.
    fn is_temporary_source(&self) -> bool {
        let behind = if self.is_symbol("(") { self.after_bracket(self.pos) } else { Some(self.pos) };
        behind.is_some_and(|at| self.is_word_at(at, "USING"))
    }

    fn source_query(&mut self) -> Result<Relation> {
        let start = self.pos;
        let schema = self.bracketed_schema()?;
        self.expect("USING")?;
        let format = Some(self.name()?.join("."));
        let options = if self.eat("OPTIONS") { self.property_list()? } else { vec![] };
        // Spark takes the path of a source from its options.
        let is_path = |(key, _): &(String, String)| key.eq_ignore_ascii_case("path");
        let paths = options.iter().filter(|o| is_path(o)).map(|(_, v)| v.clone()).collect();
        let options = options.into_iter().filter(|o| !is_path(o)).collect();
        let source = DataSource { format, schema, options, paths, streaming: false };
        Ok(self.relation_at(RelationNode::DataSource(source), start))
    }

    fn bracketed_schema(&mut self) -> Result<Option<StructType>> {
        if !self.is_symbol("(") {
            return Ok(None);
        }
        Ok(Some(StructType { fields: self.parenthesized(Self::column_definition)? }))
    }

    fn create_table(&mut self, replace: bool) -> Result<CreateTable> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        let schema = self.bracketed_schema()?;
        let clauses = self.table_clauses()?;
        let mut query = None;
        let mut text = None;
        // AS is optional in Spark's grammar.
        if self.eat("AS") || self.is_query_in_parentheses(self.pos) || self.starts_query(self.pos) {
            let at = self.pos;
            query = Some(Box::new(self.query()?));
            text = Some(self.slice(at).to_owned());
        }
        let Clauses { format, options, properties, partition_by, location, comment } = clauses;
        Ok(CreateTable {
            name,
            schema,
            format,
            options,
            properties,
            partition_by,
            location,
            comment,
            if_not_exists,
            replace,
            query,
            text,
        })
    }

    fn create_streaming_table(&mut self) -> Result<Command> {
        let table = self.create_table(false)?;
        if table.query.is_none() {
            return Err(if self.at_end() {
                self.unsupported("CREATE STREAMING TABLE without AS")
            } else {
                self.error()
            });
        }
        Ok(Command::CreateStreamingTable(table))
    }

    fn table_clauses(&mut self) -> Result<Clauses> {
        let mut clauses = Clauses::default();
        let mut seen = vec![];
        loop {
            let at = self.pos;
            let words = ["USING", "OPTIONS", "TBLPROPERTIES", "PARTITIONED", "LOCATION", "COMMENT"];
            let Some(word) = self.eat_any(&words) else { break };
            if seen.contains(&word) {
                return Err(self.error_at(at, format!(": {word} is given twice")));
            }
            seen.push(word);
            match word {
                "USING" => clauses.format = Some(self.name()?.join(".")),
                "OPTIONS" => clauses.options = self.property_list()?,
                "TBLPROPERTIES" => clauses.properties = self.property_list()?,
                "LOCATION" => clauses.location = Some(self.text()?),
                "COMMENT" => clauses.comment = Some(self.text()?),
                _ => {
                    self.expect("BY")?;
                    clauses.partition_by = self.parenthesized(Self::partition_column)?;
                }
            }
        }
        if self.is_any_word(&REFUSED_CLAUSES) {
            return Err(self.unsupported(&format!("{} in CREATE TABLE", self.here().to_uppercase())));
        }
        Ok(clauses)
    }

    fn partition_column(&mut self) -> Result<String> {
        let name = self.identifier()?;
        match self.is_symbol(",") || self.is_symbol(")") {
            true => Ok(name),
            false => Err(self.unsupported("PARTITIONED BY anything but the names of columns")),
        }
    }
}
