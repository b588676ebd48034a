//! Compares each descriptor with what its connector does: operations, options, defaults and guarantees.

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use object_store::memory::InMemory;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::console::Console;
use thalweg_connectors::descriptor::{ConnectorDescriptor, Operation, OptionSpec, OptionType};
use thalweg_connectors::{
    Connector, ConnectorRegistry, Guarantee, OptionMap, OutputMode, ReadRequest, SinkRequest, StreamSink,
    WriteMode, WriteRequest,
};
use thalweg_connectors_all::standard_registry;
use thalweg_storage::MetadataLog;

fn registry() -> ConnectorRegistry {
    let console = Console::new(Arc::new(|_| ()), Arc::new(|_, _| Ok(String::new())));
    standard_registry().and_then(|all| all.with(Arc::new(console))).unwrap()
}

fn all() -> Vec<Arc<dyn Connector>> {
    registry().connectors().cloned().collect()
}

fn rows() -> RecordBatch {
    let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

fn columns() -> SchemaRef {
    rows().schema()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn log() -> MetadataLog {
    MetadataLog::new(Arc::new(InMemory::new()), "sources/0".into())
}

fn read_request(path: &Path, options: OptionMap, schema: Option<SchemaRef>) -> ReadRequest {
    ReadRequest {
        paths: vec![text(path)],
        schema,
        options,
        time_zone: "UTC".to_owned(),
        corrupt_column: "_corrupt_record".to_owned(),
    }
}

fn write_request(path: &Path, options: OptionMap) -> WriteRequest {
    WriteRequest {
        path: text(path),
        mode: WriteMode::Append,
        partition_by: vec![],
        replace: false,
        options,
        time_zone: "UTC".to_owned(),
    }
}

fn sink_request(path: &Path, options: OptionMap, output_mode: OutputMode) -> SinkRequest {
    SinkRequest {
        path: Some(text(path)),
        schema: columns(),
        partition_by: vec![],
        options,
        query_id: "q".to_owned(),
        time_zone: "UTC".to_owned(),
        output_mode,
    }
}

/// Performs an operation below `folder`; what it writes is a table of the format there.
async fn perform(
    connector: &dyn Connector,
    operation: Operation,
    folder: &Path,
    options: OptionMap,
) -> Result<()> {
    let place = folder.join("t");
    match operation {
        Operation::BatchRead => connector.table(read_request(&place, options, None)).await.map(|_| ()),
        Operation::BatchWrite => {
            let batches = futures::stream::iter([Ok(rows())]);
            let rows = Box::pin(RecordBatchStreamAdapter::new(columns(), batches));
            connector.write(write_request(&place, options), rows).await.map(|_| ())
        }
        Operation::StreamRead => {
            let schema = connector.descriptor().stream_read.is_some_and(|read| read.needs_schema);
            let request = read_request(&place, options, schema.then(columns));
            connector.source(request, log()).await.map(|_| ())
        }
        Operation::StreamWrite => {
            connector.sink(sink_request(&place, options, OutputMode::Append)).await.map(|_| ())
        }
    }
}

fn specs(descriptor: &ConnectorDescriptor, operation: Operation) -> Vec<&'static OptionSpec> {
    descriptor.options(operation).into_iter().flatten().flat_map(|group| *group).collect()
}

fn names<'a>(specs: impl Iterator<Item = &'a &'static OptionSpec>) -> BTreeSet<String> {
    specs.flat_map(|spec| spec.names()).map(str::to_lowercase).collect()
}

fn class(outcome: Result<()>) -> String {
    outcome.err().map(|e| e.class().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn an_operation_is_refused_by_name_or_described() {
    for connector in all() {
        for operation in Operation::ALL {
            let dir = tempfile::tempdir().unwrap();
            let told = class(perform(connector.as_ref(), operation, dir.path(), OptionMap::default()).await);
            let refused = told == "UNSUPPORTED_DATA_SOURCE_OPERATION";
            let described = connector.descriptor().options(operation).is_some();
            assert_eq!(refused, !described, "{} {operation}: {told}", connector.descriptor().name);
        }
    }
}

#[tokio::test]
async fn each_described_option_is_asked_for_and_no_other() {
    for connector in all() {
        for operation in Operation::ALL {
            let specs = specs(connector.descriptor(), operation);
            let dir = tempfile::tempdir().unwrap();
            let options = OptionMap::default();
            let _ = perform(connector.as_ref(), operation, dir.path(), options.clone()).await;
            // One value alone is checked by the descriptor, and what is not built never gets to the connector.
            let used =
                |spec: &&&OptionSpec| !matches!(spec.value, OptionType::Only(_) | OptionType::NotBuilt);
            let described: BTreeSet<String> = names(specs.iter());
            let asked = options.asked();
            let ignored: Vec<_> = names(specs.iter().filter(used)).difference(&asked).cloned().collect();
            let secret: Vec<_> = asked.difference(&described).cloned().collect();
            let place = format!("{} {operation}", connector.descriptor().name);
            assert!(
                ignored.is_empty() && secret.is_empty(),
                "{place}: ignored {ignored:?}, secret {secret:?}"
            );
        }
    }
}

#[test]
fn a_name_is_described_once() {
    for connector in all() {
        for operation in Operation::ALL {
            let mut seen = BTreeMap::new();
            for name in specs(connector.descriptor(), operation).iter().flat_map(|spec| spec.names()) {
                let twice = seen.insert(name.to_lowercase(), name);
                assert_eq!(twice, None, "{} {operation}", connector.descriptor().name);
            }
        }
    }
    let extensions: Vec<_> = all().iter().flat_map(|c| c.descriptor().extensions.iter().copied()).collect();
    assert_eq!(extensions.len(), extensions.iter().collect::<BTreeSet<_>>().len(), "{extensions:?}");
}

/// A value that is not of the type; none if every text is.
fn misfit(value: OptionType) -> Option<&'static str> {
    match value {
        OptionType::Text | OptionType::Path => None,
        OptionType::Glob => Some("[a"),
        OptionType::DatetimePattern => Some("yyyy-MM-dd'"),
        OptionType::PositiveCount | OptionType::Ratio => Some("0"),
        _ => Some("no such value"),
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_refused_by_name() {
    for connector in all() {
        for operation in Operation::ALL {
            for spec in specs(connector.descriptor(), operation) {
                let Some(value) = misfit(spec.value) else { continue };
                for name in spec.names() {
                    let dir = tempfile::tempdir().unwrap();
                    let options = OptionMap::new([(name.to_owned(), value.to_owned())]);
                    let told = perform(connector.as_ref(), operation, dir.path(), options).await;
                    let place = format!("{} {operation} {name}={value}", connector.descriptor().name);
                    let Err(error) = told else { panic!("{place} is taken") };
                    // A pattern or a zone that is not one is named itself.
                    let named = error.message().contains(name) || error.message().contains(value);
                    assert!(named, "{place}: {error}");
                }
            }
        }
    }
}

/// The option without which a value is refused: the records of a file in UTF-16 are found with `multiLine` only, and an
/// archive is in a folder.
fn needed_with(operation: Operation, spec: &OptionSpec, value: &str) -> Option<(&'static str, &'static str)> {
    let reads = matches!(operation, Operation::BatchRead | Operation::StreamRead);
    if (spec.name, value) == ("cleanSource", "archive") {
        return Some(("sourceArchiveDir", "/archive"));
    }
    (reads && spec.name == "encoding" && value != "UTF-8").then_some(("multiLine", "true"))
}

/// Values that an option has to take: its default, or one of its words.
fn fitting(spec: &OptionSpec) -> Vec<&'static str> {
    let words: &[&str] = match spec.value {
        OptionType::Choice(words) => words,
        OptionType::NotBuilt | OptionType::Only("") => return vec![],
        OptionType::Only(value) => &[value],
        OptionType::Flag => &["true", "FALSE"],
        _ => &[],
    };
    words.iter().copied().chain(spec.default).collect()
}

#[tokio::test]
async fn a_default_and_each_word_of_a_choice_is_taken() {
    for connector in all() {
        for operation in Operation::ALL {
            for spec in specs(connector.descriptor(), operation) {
                for value in fitting(spec) {
                    let dir = tempfile::tempdir().unwrap();
                    let pairs =
                        std::iter::once((spec.name, value)).chain(needed_with(operation, spec, value));
                    let options = OptionMap::new(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
                    let told = class(perform(connector.as_ref(), operation, dir.path(), options).await);
                    let place = format!("{} {operation} {}={value}", connector.descriptor().name, spec.name);
                    assert!(!told.contains("OPTION"), "{place}: {told}");
                }
            }
        }
    }
}

#[tokio::test]
async fn guarantees_and_output_modes_are_those_of_the_source_and_sink() {
    for connector in all() {
        let descriptor = connector.descriptor();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("t")).unwrap();
        if let Some(read) = descriptor.stream_read {
            let schema = read.needs_schema.then(columns);
            let request = read_request(&dir.path().join("t"), OptionMap::default(), schema);
            let source = connector.source(request, log()).await.unwrap();
            assert_eq!(source.guarantee(), read.guarantee, "{}", descriptor.name);
        }
        let Some(write) = descriptor.stream_write else { continue };
        for mode in OutputMode::ALL {
            let request = sink_request(&dir.path().join("t"), OptionMap::default(), mode);
            let sink: Result<Arc<dyn StreamSink>> = connector.sink(request).await;
            assert_eq!(sink.is_ok(), write.output_modes.contains(&mode), "{} {mode:?}", descriptor.name);
            let guarantee = sink.map_or(write.guarantee, |sink| sink.guarantee());
            assert_eq!(guarantee, write.guarantee, "{}", descriptor.name);
        }
        // Whatever writes each row once has to know which rows it has, also after a crash.
        assert!(
            write.guarantee < Guarantee::ExactlyOnce
                || write.needs_checkpoint
                || descriptor.tables.found_by_name
        );
    }
}

#[tokio::test]
async fn a_table_that_keeps_its_columns_is_made_by_its_connector() {
    for connector in all() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("t");
        let made = connector.create_table(write_request(&place, OptionMap::default()), columns()).await;
        let tables = connector.descriptor().tables;
        assert_eq!(made.is_ok(), tables.keeps_columns, "{}", connector.descriptor().name);
        let Some(marker) = connector.descriptor().folder_marker else { continue };
        assert!(place.join(marker).is_dir());
        let registry = registry();
        let found = registry.of_path(&text(&place)).map(|descriptor| descriptor.name);
        assert_eq!(found, Some(connector.descriptor().name));
    }
}

#[test]
fn a_file_is_known_by_the_end_of_its_name() {
    let registry = registry();
    let cases = [
        ("/in/a.csv", Some("csv")),
        ("a.tsv.gz", Some("csv")),
        ("a.jsonl", Some("json")),
        ("a.b.ndjson", Some("json")),
        ("/in/*.parquet", Some("parquet")),
        ("/in.csv/a", None),
        ("csv", None),
        ("s3://bucket/a", None),
    ];
    for (path, wanted) in cases {
        assert_eq!(registry.of_path(path).map(|d| d.name), wanted, "{path}");
    }
}

#[tokio::test]
async fn a_table_names_its_files() {
    let registry = registry();
    for format in ["csv", "json", "parquet", "delta"] {
        let dir = tempfile::tempdir().unwrap();
        let connector = registry.get(format).unwrap();
        perform(connector.as_ref(), Operation::BatchWrite, dir.path(), OptionMap::default()).await.unwrap();
        let request = read_request(&dir.path().join("t"), OptionMap::default(), None);
        let table = connector.table(request).await.unwrap();
        let files = registry.input_files(table.as_ref());
        assert_eq!(files.len(), 1, "{format}");
        assert!(files[0].starts_with("file:///") && files[0].contains("part-"), "{files:?}");
    }
}
