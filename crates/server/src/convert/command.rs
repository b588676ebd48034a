//! Converts a command message to a request.

use super::plan::{ClientRequest, Sql};
use super::{Converter, identifier, invalid, required};
use spark_connect_proto as pb;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::relation::RelType;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;

impl Converter<'_> {
    /// Converts a command message to a request.
    pub(super) fn command(&self, proto: pb::Command) -> Result<ClientRequest> {
        let pb::Command { command_type } = proto;
        match required(command_type, "Command.command_type")? {
            CommandType::SqlCommand(sql) => self.sql_command(sql),
            CommandType::CreateDataframeView(view) => Ok(ClientRequest::command(self.create_view(view)?)),
            CommandType::WriteOperation(write) => Ok(ClientRequest::command(self.write(write)?)),
            CommandType::WriteOperationV2(write) => Ok(ClientRequest::command(self.write_v2(write)?)),
            CommandType::WriteStreamOperationStart(start) => {
                Ok(ClientRequest::command(self.write_stream(start)?))
            }
            CommandType::StreamingQueryCommand(command) => Ok(ClientRequest::StreamingQuery(command)),
            CommandType::StreamingQueryManagerCommand(command) => {
                Ok(ClientRequest::StreamingQueryManager(command))
            }
            CommandType::GetResourcesCommand(pb::GetResourcesCommand {}) => Ok(ClientRequest::Resources),
            refused => Err(Error::unsupported(refused_name(&refused))),
        }
    }

    fn create_view(&self, proto: pb::CreateDataFrameViewCommand) -> Result<ir::Command> {
        let pb::CreateDataFrameViewCommand { input, name, is_global, replace } = proto;
        Ok(ir::Command::CreateView(ir::CreateView {
            name: identifier(&name)?,
            columns: vec![],
            query: Box::new(self.relation(required(input, "CreateDataFrameViewCommand.input")?)?),
            temporary: true,
            global: is_global,
            replace,
            if_not_exists: false,
            text: None,
        }))
    }

    /// `spark.sql(…)`: only the parser determines whether the text is a query or a command.
    #[allow(deprecated)] // Older clients send the text itself.
    fn sql_command(&self, proto: pb::SqlCommand) -> Result<ClientRequest> {
        let pb::SqlCommand { sql, args, pos_args, named_arguments, pos_arguments, input } = proto;
        let sent = input.unwrap_or_else(|| {
            let sql = pb::Sql { query: sql, args, pos_args, named_arguments, pos_arguments };
            pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) }
        });
        Ok(ClientRequest::Sql(Box::new(self.sql_statement(sent)?)))
    }

    /// Parses the text of a SQL command, once.
    fn sql_statement(&self, sent: pb::Relation) -> Result<Sql> {
        let (sql, references) = sql_of(&sent)?;
        let (text, arguments) = self.sql_arguments(sql.clone())?;
        match thalweg_sql::parse_statement_with(&text, &arguments)? {
            ir::Statement::Query(parsed) => {
                let mut query = ir::Relation::new(Self::sql_query(text, parsed, arguments));
                if !references.is_empty() {
                    query = ir::Relation::new(self.over_references(query, references.to_vec())?);
                }
                Ok(Sql::Query { query: Box::new(query), sent })
            }
            ir::Statement::Command(_) if !references.is_empty() || has_arguments(sql) => {
                Err(Error::unsupported("arguments of a SQL statement that is not a query"))
            }
            ir::Statement::Command(command) => Ok(Sql::Command { command, text }),
        }
    }
}

/// Returns the SQL text of a command's relation, and the DataFrames that it refers to.
fn sql_of(relation: &pb::Relation) -> Result<(&pb::Sql, &[pb::Relation])> {
    match &relation.rel_type {
        Some(RelType::Sql(sql)) => Ok((sql, &[])),
        Some(RelType::WithRelations(with)) => match with.root.as_ref().and_then(|r| r.rel_type.as_ref()) {
            Some(RelType::Sql(sql)) => Ok((sql, &with.references)),
            _ => Err(not_sql()),
        },
        _ => Err(not_sql()),
    }
}

fn not_sql() -> Error {
    invalid("A SQL command holds a relation that is not SQL text.")
}

#[allow(deprecated)] // Older clients send arguments as literals.
fn has_arguments(sql: &pb::Sql) -> bool {
    let pb::Sql { query: _, args, pos_args, named_arguments, pos_arguments } = sql;
    !(args.is_empty() && pos_args.is_empty() && named_arguments.is_empty() && pos_arguments.is_empty())
}

/// Returns the user's name of a command that is refused.
fn refused_name(command: &CommandType) -> &'static str {
    match command {
        CommandType::RegisterFunction(_) => "user-defined functions (spark.udf.register)",
        CommandType::RegisterTableFunction(_) => "user-defined table functions (spark.udtf.register)",
        CommandType::RegisterDataSource(_) => "data sources in Python (spark.dataSource.register)",
        CommandType::StreamingQueryListenerBusCommand(_) => {
            "streaming query listeners (spark.streams.addListener)"
        }
        CommandType::CreateResourceProfileCommand(_) => "resource profiles",
        CommandType::CheckpointCommand(_) => "checkpointed DataFrames (checkpoint, localCheckpoint)",
        CommandType::RemoveCachedRemoteRelationCommand(_) => {
            "checkpointed DataFrames (checkpoint, localCheckpoint)"
        }
        CommandType::MergeIntoTableCommand(_) => "MERGE INTO (mergeInto)",
        CommandType::MlCommand(_) => "machine learning",
        CommandType::ExecuteExternalCommand(_) => "external commands",
        CommandType::PipelineCommand(_) => "declarative pipelines",
        CommandType::Extension(_) => "commands of a plugin",
        CommandType::SqlCommand(_)
        | CommandType::CreateDataframeView(_)
        | CommandType::WriteOperation(_)
        | CommandType::WriteOperationV2(_)
        | CommandType::WriteStreamOperationStart(_)
        | CommandType::StreamingQueryCommand(_)
        | CommandType::StreamingQueryManagerCommand(_)
        | CommandType::GetResourcesCommand(_) => "this command at this place",
    }
}
