//! Converts sources of rows: tables, files, ranges, SQL text, table functions.

use crate::convert::expression::literal_expr;
use crate::convert::{Converter, identifier, options, refuse_if, required};
use spark_connect_proto as pb;
use spark_connect_proto::read::ReadType;
use thalweg_common::Result;
use thalweg_sql::ir;
use thalweg_sql::ir::RelationNode as Node;
use thalweg_sql::types::parse_ddl_schema;

/// `spark.read…`, `spark.readStream…`, `spark.table`.
pub(super) fn read(proto: pb::Read) -> Result<Node> {
    let pb::Read { is_streaming, read_type } = proto;
    match required(read_type, "Read.read_type")? {
        ReadType::NamedTable(pb::read::NamedTable { unparsed_identifier, options: given }) => {
            Ok(Node::Table {
                name: identifier(&unparsed_identifier)?,
                options: options(given),
                streaming: is_streaming,
            })
        }
        ReadType::DataSource(source) => data_source(source, is_streaming),
    }
}

fn data_source(proto: pb::read::DataSource, streaming: bool) -> Result<Node> {
    let pb::read::DataSource { format, schema, options: given, paths, predicates, source_name } = proto;
    refuse_if(!predicates.is_empty(), "the predicates of read.jdbc")?;
    refuse_if(source_name.is_some_and(|name| !name.is_empty()), "named streaming sources (readStream.name)")?;
    let schema = schema.as_deref().filter(|text| !text.is_empty()).map(parse_ddl_schema).transpose()?;
    let format = format.filter(|name| !name.is_empty());
    Ok(Node::DataSource(ir::DataSource { format, schema, options: options(given), paths, streaming }))
}

/// `spark.range`.
pub(super) fn range(proto: pb::Range) -> Result<Node> {
    // The number of partitions never changes the rows.
    let pb::Range { start, end, step, num_partitions: _ } = proto;
    Ok(Node::Range { start: start.unwrap_or(0), end, step })
}

impl Converter<'_> {
    /// SQL text that is a query, with its arguments.
    pub(super) fn sql_text(&self, proto: pb::Sql) -> Result<Node> {
        let (text, arguments) = self.sql_arguments(proto)?;
        let query = thalweg_sql::parse_query_with(&text, &arguments)?;
        Ok(Self::sql_query(text, query, arguments))
    }

    /// Returns the node of SQL text that was parsed to this query with these arguments.
    pub(in crate::convert) fn sql_query(text: String, query: ir::Relation, arguments: ir::Arguments) -> Node {
        let ir::Arguments { positional, named } = arguments;
        Node::SqlQuery { text, query: Box::new(query), positional, named }
    }

    /// Returns SQL text and the arguments of its markers.
    #[allow(deprecated)] // Older clients send arguments as literals.
    pub(in crate::convert) fn sql_arguments(&self, proto: pb::Sql) -> Result<(String, ir::Arguments)> {
        let pb::Sql { query, args, pos_args, named_arguments, pos_arguments } = proto;
        let mut positional = self.expressions(pos_arguments)?;
        for literal in pos_args {
            positional.push(literal_expr(literal)?);
        }
        let mut named = vec![];
        for (name, argument) in named_arguments {
            named.push((name, self.expression(argument)?));
        }
        for (name, literal) in args {
            named.push((name, literal_expr(literal)?));
        }
        // The maps of a message have no order, and equal requests become equal plans.
        named.sort_by(|a, b| a.0.cmp(&b.0));
        Ok((query, ir::Arguments { positional, named }))
    }

    /// `spark.tvf.…`.
    pub(super) fn table_function(&self, proto: pb::UnresolvedTableValuedFunction) -> Result<Node> {
        let pb::UnresolvedTableValuedFunction { function_name, arguments } = proto;
        Ok(Node::TableFunction { name: vec![function_name], args: self.expressions(arguments)? })
    }
}
