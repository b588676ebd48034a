//! Makes the reference page of connectors from their descriptors.

use super::{BatchWrite, ConnectorDescriptor, Operation, OptionGroups, OptionSpec, StreamRead, StreamWrite};
use crate::stream::Guarantee;

/// Returns the section of a connector in the reference page, as Markdown.
///
/// ```
/// use thalweg_connectors::descriptor::{BatchRead, ConnectorDescriptor, OptionSpec, OptionType, reference};
///
/// static CSV: ConnectorDescriptor = ConnectorDescriptor {
///     extensions: &["csv"],
///     batch_read: Some(BatchRead {
///         options: &[&[OptionSpec::new("header", OptionType::Flag, "Whether names come first.").default("false")]],
///     }),
///     ..ConnectorDescriptor::new("csv", "Text files with a record per line.")
/// };
/// assert!(reference(&CSV).contains("| `header` | true or false | `false` | Whether names come first. |"));
/// ```
pub fn reference(connector: &ConnectorDescriptor) -> String {
    let mut page = format!("## {}\n\n{}\n\n", connector.name, connector.summary);
    for fact in facts(connector) {
        page.push_str(&format!("- {fact}\n"));
    }
    for operation in Operation::ALL {
        // An operation that the connector refuses has no section.
        let Some(groups) = connector.options(operation) else { continue };
        page.push_str(&format!("\n### {}: {operation}\n\n", connector.name));
        page.push_str(&table(groups));
    }
    page
}

fn facts(connector: &ConnectorDescriptor) -> Vec<String> {
    let mut facts = Vec::new();
    if !connector.extensions.is_empty() {
        let ends: Vec<_> = connector.extensions.iter().map(|end| format!("`.{end}`")).collect();
        facts.push(format!("A file is taken for it by the end of its name: {}.", ends.join(", ")));
    }
    if let Some(marker) = connector.folder_marker {
        facts.push(format!("A folder is taken for it by the folder `{marker}` in it."));
    }
    if !connector.bare_file_options.is_empty() {
        let pairs = connector.bare_file_options.iter().map(|(key, value)| format!("`{key}={value}`"));
        facts.push(format!("`FROM 'file'` in SQL reads with {}.", pairs.collect::<Vec<_>>().join(", ")));
    }
    facts.extend(table_facts(connector).into_iter().map(str::to_owned));
    facts.extend(connector.batch_write.as_ref().map(batch_write));
    facts.extend(connector.stream_read.as_ref().map(stream_read));
    facts.extend(connector.stream_write.as_ref().map(stream_write));
    facts
}

fn table_facts(connector: &ConnectorDescriptor) -> Vec<&'static str> {
    let tables = connector.tables;
    [
        (tables.keeps_columns, "A table keeps its columns and partitioning in a log of its own."),
        (tables.replaced_in_place, "A table is replaced where it is; its older versions stay readable."),
        (tables.fits_rows, "Rows are fitted to the table's columns by name, and cast."),
        (tables.found_by_name, "A table is found by its name, without a catalog."),
    ]
    .into_iter()
    .filter_map(|(holds, fact)| holds.then_some(fact))
    .collect()
}

fn batch_write(write: &BatchWrite) -> String {
    let whole = if write.atomic {
        "all rows become visible in one step"
    } else {
        "rows of a killed process may stay"
    };
    let partitions =
        if write.overwrites_partitions { "; an overwrite can be of partitions only" } else { "" };
    format!("Batch writing: {whole}{partitions}.")
}

fn stream_read(read: &StreamRead) -> String {
    let schema = if read.needs_schema { "; the columns have to be given" } else { "" };
    format!("Streaming reading: {}{schema}.", guarantee(read.guarantee))
}

fn stream_write(write: &StreamWrite) -> String {
    let modes = write.output_modes.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ");
    let checkpoint = if write.needs_checkpoint { "needs a checkpoint" } else { "needs no checkpoint" };
    format!("Streaming writing: {}; output modes: {modes}; {checkpoint}.", guarantee(write.guarantee))
}

fn guarantee(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::AtMostOnce => "at most once",
        Guarantee::AtLeastOnce => "at least once",
        Guarantee::ExactlyOnce => "exactly once",
    }
}

fn table(groups: OptionGroups) -> String {
    let options: Vec<&OptionSpec> = groups.iter().flat_map(|group| *group).collect();
    if options.is_empty() {
        return "No options.\n".to_owned();
    }
    let mut text = "| option | value | default | |\n|---|---|---|---|\n".to_owned();
    options.iter().for_each(|option| text.push_str(&row(option)));
    text
}

fn row(option: &OptionSpec) -> String {
    let names: Vec<_> = option.names().map(|name| format!("`{name}`")).collect();
    let default = match (option.default, option.setting) {
        // The setting of a session has a default of its own, which counts.
        (_, Some(setting)) => format!("the setting `{setting}`"),
        (Some(""), _) => "nothing".to_owned(),
        (Some(default), _) => format!("`{}`", default.replace('\n', "\\n")),
        (None, None) => String::new(),
    };
    // A bar would end the cell of the table.
    let value = option.value.to_string().replace('|', "\\|");
    format!("| {} | {value} | {default} | {} |\n", names.join(", "), option.help)
}
