//! Converts batch and streaming writes.

use super::{Converter, identifier, invalid, options, refuse_if, required};
use spark_connect_proto as pb;
use spark_connect_proto::write_operation::save_table::TableSaveMethod;
use spark_connect_proto::write_operation::{SaveMode, SaveTable, SaveType};
use spark_connect_proto::write_operation_v2::Mode;
use spark_connect_proto::write_stream_operation_start::{SinkDestination, Trigger};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir;
use thalweg_sql::ir::{Command, Expr, ExprNode, Literal};

impl Converter<'_> {
    /// `df.write…`.
    pub(super) fn write(&self, proto: pb::WriteOperation) -> Result<Command> {
        let pb::WriteOperation {
            input,
            source,
            mode,
            sort_column_names,
            partitioning_columns,
            bucket_by,
            options: given,
            clustering_columns,
            with_schema_evolution,
            save_type,
        } = proto;
        refuse_if(bucket_by.is_some(), "bucketBy")?;
        refuse_if(!clustering_columns.is_empty(), "clusterBy")?;
        refuse_if(with_schema_evolution, "schema evolution of a write")?;
        let mut options = options(given);
        let target = match save_type {
            Some(SaveType::Path(path)) => ir::WriteTarget::Path(path),
            Some(SaveType::Table(table)) => table_target(table)?,
            None => path_option(&mut options).map_or(ir::WriteTarget::None, ir::WriteTarget::Path),
        };
        Ok(Command::Write(ir::Write {
            input: Box::new(self.relation(required(input, "WriteOperation.input")?)?),
            format: source.filter(|name| !name.is_empty()),
            target,
            mode: save_mode(mode)?,
            partition_by: partitioning_columns,
            sort_by: sort_column_names,
            options,
        }))
    }

    /// `df.writeTo(table)…`.
    pub(super) fn write_v2(&self, proto: pb::WriteOperationV2) -> Result<Command> {
        let pb::WriteOperationV2 {
            input,
            table_name,
            provider,
            partitioning_columns,
            options: given,
            table_properties,
            mode,
            overwrite_condition,
            clustering_columns,
            with_schema_evolution,
        } = proto;
        refuse_if(!clustering_columns.is_empty(), "clusterBy")?;
        refuse_if(with_schema_evolution, "schema evolution of a write")?;
        let query = Box::new(self.relation(required(input, "WriteOperationV2.input")?)?);
        let (name, options) = (identifier(&table_name)?, options(given));
        let partition_by = self.partition_names(partitioning_columns)?;
        let insert = |overwrite| {
            refuse_if(!options.is_empty(), "options of writeTo into a table that exists")?;
            refuse_if(!partition_by.is_empty(), "partitionedBy of writeTo into a table that exists")?;
            // `writeTo` finds columns by name, in contrast to `insertInto`.
            let (table, query) = (name.clone(), query.clone());
            Ok(Command::Insert(ir::Insert { table, columns: vec![], query, overwrite, by_name: true }))
        };
        let create = |replace| ir::CreateTable {
            name: name.clone(),
            schema: None,
            format: provider.clone().filter(|p| !p.is_empty()),
            options: options.clone(),
            properties: super::options(table_properties.clone()),
            partition_by: partition_by.clone(),
            location: None,
            comment: None,
            if_not_exists: false,
            replace,
            query: Some(query.clone()),
            text: None,
        };
        match Mode::try_from(mode) {
            Ok(Mode::Append) => insert(false),
            Ok(Mode::Overwrite) => self.everything(overwrite_condition).and_then(|()| insert(true)),
            Ok(Mode::Create) => Ok(Command::CreateTable(create(false))),
            Ok(Mode::CreateOrReplace) => Ok(Command::CreateTable(create(true))),
            Ok(Mode::Replace) => {
                Err(Error::unsupported("writeTo(…).replace()").hint("Use createOrReplace()."))
            }
            Ok(Mode::OverwritePartitions) => Err(Error::unsupported("writeTo(…).overwritePartitions()")),
            Ok(Mode::Unspecified) | Err(_) => Err(invalid(format!("{mode} is not a mode of a write."))),
        }
    }

    /// Accepts only the condition that is always true: a whole table is overwritten.
    fn everything(&self, condition: Option<pb::Expression>) -> Result<()> {
        let condition = self.expression(required(condition, "WriteOperationV2.overwrite_condition")?)?;
        let always = condition.node == ExprNode::Literal(Literal::Boolean(true));
        refuse_if(!always, "writeTo(…).overwrite(condition) with a condition other than lit(True)")
    }

    fn partition_names(&self, protos: Vec<pb::Expression>) -> Result<Vec<String>> {
        let mut names = vec![];
        for expr in self.expressions(protos)? {
            names.push(plain_name(expr).ok_or_else(|| Error::unsupported("partitioning by an expression"))?);
        }
        Ok(names)
    }

    /// `df.writeStream…start()`.
    pub(super) fn write_stream(&self, proto: pb::WriteStreamOperationStart) -> Result<Command> {
        let pb::WriteStreamOperationStart {
            input,
            format,
            options: given,
            partitioning_column_names,
            output_mode,
            query_name,
            foreach_writer,
            foreach_batch,
            clustering_column_names,
            trigger: when,
            sink_destination,
        } = proto;
        refuse_if(foreach_writer.is_some(), "foreach, which needs Python in the server")?;
        refuse_if(foreach_batch.is_some(), "foreachBatch, which needs Python in the server")?;
        refuse_if(!clustering_column_names.is_empty(), "clusterBy")?;
        let mut options = options(given);
        let (path, table) = match sink_destination {
            Some(SinkDestination::Path(path)) => (Some(path), None),
            Some(SinkDestination::TableName(name)) => (None, Some(identifier(&name)?)),
            None => (path_option(&mut options), None),
        };
        Ok(Command::WriteStream(ir::WriteStream {
            input: Box::new(self.relation(required(input, "WriteStreamOperationStart.input")?)?),
            format: Some(format).filter(|name| !name.is_empty()),
            options,
            output_mode: output_mode_of(&output_mode)?,
            trigger: trigger(when)?,
            query_name: Some(query_name).filter(|name| !name.is_empty()),
            partition_by: partitioning_column_names,
            path: path.filter(|path| !path.is_empty()),
            table,
            foreach: false,
        }))
    }
}

/// Removes and returns the option `path`, which is equivalent to the argument of `save` and `start`.
fn path_option(options: &mut ir::Options) -> Option<String> {
    let at = options.iter().position(|(key, _)| key.eq_ignore_ascii_case("path"))?;
    // Removed: the writer has no such option and would refuse it.
    Some(options.remove(at).1)
}

fn plain_name(expr: Expr) -> Option<String> {
    match expr.node {
        ExprNode::Attribute { mut name, plan_id: _ } if name.len() == 1 => name.pop(),
        _ => None,
    }
}

fn table_target(proto: SaveTable) -> Result<ir::WriteTarget> {
    let SaveTable { table_name, save_method } = proto;
    let name = identifier(&table_name)?;
    match TableSaveMethod::try_from(save_method) {
        Ok(TableSaveMethod::SaveAsTable) => Ok(ir::WriteTarget::Table(name)),
        Ok(TableSaveMethod::InsertInto) => Ok(ir::WriteTarget::Insert(name)),
        Ok(TableSaveMethod::Unspecified) | Err(_) => {
            Err(invalid(format!("{save_method} is not a method to save a table.")))
        }
    }
}

fn save_mode(mode: i32) -> Result<ir::SaveMode> {
    match SaveMode::try_from(mode) {
        Ok(SaveMode::Append) => Ok(ir::SaveMode::Append),
        Ok(SaveMode::Overwrite) => Ok(ir::SaveMode::Overwrite),
        // A client that sets no mode means Spark's default.
        Ok(SaveMode::Unspecified | SaveMode::ErrorIfExists) => Ok(ir::SaveMode::ErrorIfExists),
        Ok(SaveMode::Ignore) => Ok(ir::SaveMode::Ignore),
        Err(_) => Err(invalid(format!("{mode} is not a save mode."))),
    }
}

fn output_mode_of(text: &str) -> Result<Option<ir::WriteOutputMode>> {
    match text.to_lowercase().as_str() {
        "" => Ok(None),
        "append" => Ok(Some(ir::WriteOutputMode::Append)),
        "update" => Ok(Some(ir::WriteOutputMode::Update)),
        "complete" => Ok(Some(ir::WriteOutputMode::Complete)),
        _ => Err(Error::new(
            ErrorKind::IllegalArgument,
            "STREAMING_OUTPUT_MODE.INVALID",
            "42KDE",
            format!(
                "Invalid streaming output mode: {text}. Accepted output modes are 'Append', 'Complete', 'Update'."
            ),
        )
        .param("outputMode", text)),
    }
}

fn trigger(proto: Option<Trigger>) -> Result<ir::WriteTrigger> {
    match proto {
        // Without a trigger the next micro-batch starts as soon as the one before it has ended.
        None => Ok(ir::WriteTrigger::ProcessingTime(None)),
        Some(Trigger::ProcessingTimeInterval(interval)) => {
            Ok(ir::WriteTrigger::ProcessingTime(Some(interval)))
        }
        Some(Trigger::AvailableNow(true)) => Ok(ir::WriteTrigger::AvailableNow),
        Some(Trigger::Once(true)) => Ok(ir::WriteTrigger::Once),
        Some(Trigger::ContinuousCheckpointInterval(interval)) => Ok(ir::WriteTrigger::Continuous(interval)),
        Some(Trigger::RealTimeBatchDuration(_)) => Err(Error::unsupported("the trigger realTime")),
        Some(Trigger::AvailableNow(false) | Trigger::Once(false)) => {
            Err(invalid("A trigger is set to false."))
        }
    }
}
