//! Tests that no option of Spark is ignored. Every name that Spark knows (`tests/data/spark/files.json`) is
//! given to every reader and writer of files: it changes the outcome as [`READ`] and [`WRITTEN`]
//! say, is of the other side and changes nothing, or is refused by an error that names it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{batch, connector, ddl, lines, query, read, stream_of, types, write_request};
use serde_json::Value;
use std::path::Path;
use thalweg_connectors::OptionMap;
use thalweg_connectors::WriteMode;
use thalweg_connectors::descriptor::Operation;

/// Options about bad files, which `files/tolerance.rs` tests.
const OF_BAD_FILES: [&str; 2] = ["ignoreCorruptFiles", "ignoreMissingFiles"];
/// Values that change something, whatever an option is about; one that is not known refuses all.
const PROBES: [&str; 3] = ["true", "7", "x"];

/// A reader's option that is there: format, option, value, options that it needs, content, schema.
type Read = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const INFER: (&str, &str) = ("inferSchema", "true");
const LINES: (&str, &str) = ("lineSep", "\n");

const READ: &[Read] = &[
    ("csv", "sep", ";", &[], "a;b\n", ""),
    ("csv", "delimiter", ";", &[], "a;b\n", ""),
    ("csv", "encoding", "ISO-8859-1", &[], "é\n", ""),
    ("csv", "charset", "ISO-8859-1", &[], "é\n", ""),
    ("csv", "quote", "'", &[], "'a,b'\n", ""),
    ("csv", "escape", "\"", &[], "\"a\"\"b\",c\n", ""),
    ("csv", "charToEscapeQuoteEscaping", "|", &[], "\"a|\\\\\"b\",c\n", ""),
    ("csv", "unescapedQuoteHandling", "STOP_AT_CLOSING_QUOTE", &[], "\"a\"b,c\",d\n", "x string, y string"),
    ("csv", "comment", "#", &[], "#a\nb\n", ""),
    ("csv", "header", "true", &[], "a\nb\n", ""),
    ("csv", "inferSchema", "true", &[], "1\n", ""),
    ("csv", "preferDate", "false", &[INFER], "2020-01-02\n", ""),
    ("csv", "samplingRatio", "0.5", &[INFER], "1\nx\n2\n3\n", ""),
    ("csv", "enforceSchema", "false", &[("header", "true")], "a\n1\n", "b string"),
    ("csv", "ignoreLeadingWhiteSpace", "true", &[], " a\n", ""),
    ("csv", "ignoreTrailingWhiteSpace", "true", &[], "a \n", ""),
    ("csv", "nullValue", "a", &[], "a\n", ""),
    ("csv", "emptyValue", "e", &[], "\"\",a\n", ""),
    ("csv", "nanValue", "nan", &[], "nan\n", "x double"),
    ("csv", "positiveInf", "oo", &[], "oo\n", "x double"),
    ("csv", "negativeInf", "-oo", &[], "-oo\n", "x double"),
    ("csv", "dateFormat", "dd.MM.yyyy", &[], "01.02.2020\n", "x date"),
    ("csv", "timestampFormat", "dd.MM.yyyy", &[], "01.02.2020\n", "x timestamp"),
    ("csv", "timestampNTZFormat", "dd.MM.yyyy", &[], "01.02.2020\n", "x timestamp_ntz"),
    ("csv", "timeZone", "+03:00", &[], "2020-01-02 03:04:05\n", "x timestamp"),
    ("csv", "maxColumns", "1", &[], "a,b\n", "x string"),
    ("csv", "maxCharsPerColumn", "1", &[], "ab\n", "x string"),
    ("csv", "mode", "DROPMALFORMED", &[], "x\n1\n", "n int"),
    ("csv", "columnNameOfCorruptRecord", "bad", &[], "x\n", "n int, bad string"),
    ("csv", "multiLine", "true", &[], "\"a\nb\"\n", "x string"),
    ("csv", "lineSep", "|", &[], "a|b\n", ""),
    ("json", "encoding", "ISO-8859-1", &[LINES], "{\"a\":\"é\"}", ""),
    ("json", "charset", "ISO-8859-1", &[LINES], "{\"a\":\"é\"}", ""),
    ("json", "primitivesAsString", "true", &[], "{\"a\":1}", ""),
    ("json", "prefersDecimal", "true", &[], "{\"a\":1.5}", ""),
    ("json", "inferTimestamp", "true", &[], "{\"a\":\"2020-01-02T03:04:05\"}", ""),
    ("json", "dropFieldIfAllNull", "true", &[], "{\"a\":null,\"b\":1}", ""),
    ("json", "samplingRatio", "0.5", &[], "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":2}\n{\"a\":3}", ""),
    ("json", "allowComments", "true", &[], "{\"a\":/**/1}", ""),
    ("json", "allowUnquotedFieldNames", "true", &[], "{a:1}", ""),
    ("json", "allowSingleQuotes", "false", &[], "{'a':1}", ""),
    ("json", "allowNumericLeadingZeros", "true", &[], "{\"a\":01}", ""),
    ("json", "allowNonNumericNumbers", "false", &[], "{\"a\":NaN}", ""),
    ("json", "allowBackslashEscapingAnyCharacter", "true", &[], "{\"a\":\"\\$\"}", ""),
    ("json", "allowUnquotedControlChars", "true", &[], "{\"a\":\"\t\"}", ""),
    ("json", "dateFormat", "dd.MM.yyyy", &[], "{\"x\":\"01.02.2020\"}", "x date"),
    ("json", "timestampFormat", "dd.MM.yyyy", &[], "{\"x\":\"01.02.2020\"}", "x timestamp"),
    ("json", "timestampNTZFormat", "dd.MM.yyyy", &[], "{\"x\":\"01.02.2020\"}", "x timestamp_ntz"),
    ("json", "timeZone", "+03:00", &[], "{\"x\":\"2020-01-02 03:04:05\"}", "x timestamp"),
    ("json", "mode", "DROPMALFORMED", &[], "{\"n\":\"x\"}", "n int"),
    ("json", "columnNameOfCorruptRecord", "bad", &[], "x\n", "n int, bad string"),
    ("json", "multiLine", "true", &[], "{\"a\":\n1}", ""),
    ("json", "lineSep", "|", &[], "{\"a\":1}|{\"a\":2}", ""),
    // `q.csv` is the file of the case, `k=1/p.csv` a copy of it and `sub/z.csv` another one.
    ("files", "recursiveFileLookup", "true", &[], "a\n", ""),
    ("files", "pathGlobFilter", "q*", &[("recursiveFileLookup", "true")], "a\n", ""),
    ("files", "modifiedBefore", "2000-01-01", &[("recursiveFileLookup", "true")], "a\n", "x string"),
    ("files", "modifiedAfter", "2999-01-01", &[("recursiveFileLookup", "true")], "a\n", "x string"),
    ("files", "basePath", "{root}", &[], "a\n", ""),
];

/// A writer's option that is there: format, option, value.
const WRITTEN: &[(&str, &str, &str)] = &[
    ("csv", "sep", ";"),
    ("csv", "delimiter", ";"),
    ("csv", "quote", "'"),
    ("csv", "escape", "\""),
    ("csv", "charToEscapeQuoteEscaping", "|"),
    ("csv", "escapeQuotes", "false"),
    ("csv", "quoteAll", "true"),
    ("csv", "header", "true"),
    ("csv", "nullValue", "NA"),
    ("csv", "emptyValue", "E"),
    ("csv", "comment", "!"),
    ("csv", "ignoreLeadingWhiteSpace", "false"),
    ("csv", "ignoreTrailingWhiteSpace", "false"),
    ("csv", "dateFormat", "yyyy"),
    ("csv", "timestampFormat", "yyyy"),
    ("csv", "timestampNTZFormat", "yyyy"),
    ("csv", "timeZone", "+03:00"),
    ("csv", "lineSep", "|"),
    ("csv", "compression", "gzip"),
    ("csv", "codec", "gzip"),
    ("csv", "extension", "tsv"),
    ("csv", "encoding", "UTF-16"),
    ("csv", "charset", "UTF-16"),
    ("json", "encoding", "UTF-16"),
    ("json", "charset", "UTF-16"),
    ("json", "dateFormat", "yyyy"),
    ("json", "timestampFormat", "yyyy"),
    ("json", "timestampNTZFormat", "yyyy"),
    ("json", "timeZone", "+03:00"),
    ("json", "lineSep", "|"),
    ("json", "compression", "gzip"),
    ("json", "codec", "gzip"),
    ("json", "ignoreNullFields", "false"),
    ("parquet", "compression", "zstd"),
    ("parquet", "parquet.compression", "zstd"),
];

/// Every option of a format, and of all files.
fn names(format: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/spark/files.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let of = |kind: &str| all["options"][kind].as_array().unwrap().clone();
    let known = of(format).into_iter().chain(of("files"));
    known.map(|n| n.as_str().unwrap().to_owned()).collect()
}

fn option_map(pairs: &[(&str, &str)], root: &Path) -> OptionMap {
    let root = root.to_string_lossy();
    OptionMap::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.replace("{root}", &root))))
}

/// Schema and rows, or the error.
async fn outcome(format: &str, path: &Path, schema: &str, options: OptionMap) -> String {
    let mut request = read(path, (!schema.is_empty()).then(|| ddl(schema)), &[]);
    request.options = options;
    let table = match connector(format).table(request.clone()).await {
        Ok(table) => table,
        Err(e) => return e.to_string(),
    };
    if table.schema().fields().is_empty() {
        return "no columns".to_owned();
    }
    match query(format, request, "SELECT * FROM t").await {
        Ok(rows) => format!("{} {:?}", types(&table.schema()), lines(&rows)),
        Err(e) => e.to_string(),
    }
}

fn is_refusal(outcome: &str, option: &str) -> bool {
    outcome.to_lowercase().contains(&format!("`{}`", option.to_lowercase()))
}

/// Whether an option means nothing to the first operation, and something to the second.
fn is_of_the_other(format: &str, option: &str, [own, other]: [Operation; 2]) -> bool {
    let connector = connector(format);
    let has = |operation| {
        let groups = connector.descriptor().options(operation).unwrap_or_default();
        groups.iter().flat_map(|group| *group).any(|spec| spec.is_named(option))
    };
    !has(own) && has(other)
}

#[tokio::test]
async fn no_option_of_a_reader_is_ignored() {
    let mut wrong = Vec::new();
    for (format, option, value, needs, content, schema) in READ {
        let dir = tempfile::tempdir().unwrap();
        let (format, path) = match *format {
            "files" => {
                for place in ["t/q.csv", "t/sub/z.csv", "k=1/p.csv"] {
                    std::fs::create_dir_all(dir.path().join(place).parent().unwrap()).unwrap();
                    std::fs::write(dir.path().join(place), content).unwrap();
                }
                ("csv", dir.path().join(if *option == "basePath" { "k=1" } else { "t" }))
            }
            format => (format, dir.path().join("a")),
        };
        if !path.exists() {
            std::fs::write(&path, content).unwrap();
        }
        let with: Vec<(&str, &str)> = needs.iter().copied().chain([(*option, *value)]).collect();
        let plain = outcome(format, &path, schema, option_map(needs, dir.path())).await;
        let changed = outcome(format, &path, schema, option_map(&with, dir.path())).await;
        if plain == changed || changed.contains("INVALID_OPTION") || changed.contains("UNSUPPORTED_OPTION") {
            wrong.push(format!("{format} {option}={value} changes nothing: {plain} | {changed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_a_reader_does_not_have_is_refused_or_of_the_writer() {
    let mut wrong = Vec::new();
    let good = [("csv", "a\n"), ("json", "{\"a\":1}\n"), ("parquet", "")];
    for (format, content) in good {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, content).unwrap();
        if format == "parquet" {
            std::fs::remove_file(&path).unwrap();
            write(format, &path, OptionMap::default()).await.unwrap();
        }
        let plain = outcome(format, &path, "", OptionMap::default()).await;
        for option in names(format) {
            let there =
                |(f, o, ..): &Read| (*f == format || *f == "files") && o.eq_ignore_ascii_case(&option);
            let is_tested = OF_BAD_FILES.contains(&option.as_str())
                || (format, option.as_str()) == ("parquet", "mergeSchema");
            if READ.iter().any(there) || is_tested {
                continue;
            }
            for probe in PROBES {
                let told = outcome(format, &path, "", option_map(&[(&option, probe)], dir.path())).await;
                let is_idle = told == plain
                    && is_of_the_other(format, &option, [Operation::BatchRead, Operation::BatchWrite]);
                if !is_idle && !is_refusal(&told, &option) {
                    wrong.push(format!("{format} {option}={probe} is not refused: {told}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn write(format: &str, path: &Path, options: OptionMap) -> thalweg_common::Result<()> {
    let rows = batch(
        "s string, q string, e string, z string, d date, t timestamp, n timestamp_ntz",
        &[
            &["#a", "q\"\\x", "", "NULL", "2020-01-02", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05"],
            &["a", " b ", "c", "d", "2020-01-02", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05"],
        ],
    );
    let mut request = write_request(path, WriteMode::ErrorIfExists, &[], &[]);
    request.options = options;
    connector(format).write(request, stream_of(rows)).await.map(|_| ())
}

/// The ends of the files' names and their bytes, or the error.
async fn written(format: &str, pairs: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    if let Err(e) = write(format, &path, option_map(pairs, dir.path())).await {
        return e.to_string();
    }
    let mut files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut all = String::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let end = name.split_once('.').map_or("", |(_, end)| end);
        all.push_str(&format!("{end}: {:?}\n", std::fs::read(&file).unwrap()));
    }
    all
}

#[tokio::test]
async fn no_option_of_a_writer_is_ignored() {
    let mut wrong = Vec::new();
    for format in ["csv", "json", "parquet"] {
        let plain = written(format, &[]).await;
        for (_, option, value) in WRITTEN.iter().filter(|(f, ..)| *f == format) {
            let changed = written(format, &[(option, value)]).await;
            if plain == changed || changed.contains("_OPTION") {
                wrong.push(format!("{format} {option}={value} changes nothing: {changed}"));
            }
        }
        for option in names(format) {
            let there = |(f, o, _): &(&str, &str, &str)| *f == format && o.eq_ignore_ascii_case(&option);
            if WRITTEN.iter().any(there) {
                continue;
            }
            for probe in PROBES {
                let told = written(format, &[(&option, probe)]).await;
                let is_idle = told == plain
                    && is_of_the_other(format, &option, [Operation::BatchWrite, Operation::BatchRead]);
                if !is_idle && !is_refusal(&told, &option) {
                    wrong.push(format!("{format} {option}={probe} is not refused: {told}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
