//! One table of cases through every way to ask: casts, literals, functions, JSON files and CSV files.
//!
//! The cases and Spark's answers are in `crates/values/tests/data/*.tsv`, written by `tests/spark/values.py`, which
//! says what a cell means. Where we differ on purpose, [`ON_PURPOSE`] says what we answer and why; a case that is
//! named there and does not differ any more fails. `VALUES_FILTER=text` runs the cases whose line holds the text.

use arrow::array::{Array, AsArray};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_engine::{Engine, EngineConfig, Session};

const ZONE: &str = "America/Los_Angeles";

/// A question, the way to ask, our answer, and why it is not Spark's.
const ON_PURPOSE: &[(&str, &str, &str, &str)] = &[
    (
        "{\"\\ud83d\":1,\"a\":2}|a STRING",
        "json",
        "{\"a\":\"2\"}",
        "half of a character in another name does not matter",
    ),
    ("DATE|٢٠٢٤|", "from_json", "NULL", "Spark reads the digits as a count of days"),
    ("DATE|٢٠٢٤|", "json", "NULL", "Spark reads the digits as a count of days"),
    ("DATE|Q3 2024|QQQ yyyy", "from_json", ILLEGAL, UNREAD),
    ("DATE|Q3 2024|QQQ yyyy", "json", ILLEGAL, UNREAD),
    ("DATE|Q3 2024|QQQ yyyy", "csv", ILLEGAL, UNREAD),
    ("DATE|2024|foo", "from_json", UNKNOWN, UNREAD),
    ("DATE|2024|foo", "json", UNKNOWN, UNREAD),
    ("DATE|2024|foo", "csv", UNKNOWN, UNREAD),
    ("DATE|2024|e", "from_json", WEEK, UNREAD),
    ("DATE|2024|e", "json", WEEK, UNREAD),
    ("DATE|2024|e", "csv", WEEK, UNREAD),
    ("date'2024-07-02'|dateFormat|foo", "to_json", UNKNOWN, CLASSLESS),
    ("date'2024-07-02'|dateFormat|foo", "json", UNKNOWN, CLASSLESS),
    ("date'2024-07-02'|dateFormat|foo", "csv", UNKNOWN, CLASSLESS),
    ("date'2024-07-02'|dateFormat|yyyy'x", "to_json", UNKNOWN, CLASSLESS),
    ("date'2024-07-02'|dateFormat|yyyy'x", "json", UNKNOWN, CLASSLESS),
    ("date'2024-07-02'|dateFormat|yyyy'x", "csv", UNKNOWN, CLASSLESS),
    ("date'2024-07-02'|dateFormat|yyyy HH", "to_json", "!UNSUPPORTED_FEATURE", CLASSLESS),
    ("date'2024-07-02'|dateFormat|yyyy HH", "json", "!UNSUPPORTED_FEATURE", CLASSLESS),
    ("date'2024-07-02'|dateFormat|yyyy HH", "csv", "!UNSUPPORTED_FEATURE", CLASSLESS),
    (
        "timestamp_ntz'2024-07-02 14:05:06'|timestampNTZFormat|yyyy XXX",
        "to_json",
        "!UNSUPPORTED_FEATURE",
        CLASSLESS,
    ),
    (
        "timestamp_ntz'2024-07-02 14:05:06'|timestampNTZFormat|yyyy XXX",
        "json",
        "!UNSUPPORTED_FEATURE",
        CLASSLESS,
    ),
    (
        "timestamp_ntz'2024-07-02 14:05:06'|timestampNTZFormat|yyyy XXX",
        "csv",
        "!UNSUPPORTED_FEATURE",
        CLASSLESS,
    ),
];

const UNKNOWN: &str = "!INVALID_DATETIME_PATTERN.WITH_SUGGESTION";
const ILLEGAL: &str = "!INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER";
const WEEK: &str = "!INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN";
const UNREAD: &str = "Spark makes nulls of all values under a pattern that it does not know";
const CLASSLESS: &str = "Spark has no class for it";

struct Asker {
    session: Arc<Session>,
    _engine: Arc<Engine>,
    dir: tempfile::TempDir,
}

impl Asker {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = EngineConfig::new(dir.path().join("lake"));
        config.resume_jobs = false;
        config.workers = Some(1);
        let engine =
            Engine::open(config, thalweg_connectors_all::standard_registry().unwrap()).await.unwrap();
        let session = engine.new_session("values", "values");
        session.sql(&format!("SET spark.sql.session.timeZone={ZONE}")).await.unwrap();
        Self { session, _engine: engine, dir }
    }

    async fn run(&self, sql: &str) -> Result<Vec<String>> {
        let statement = thalweg_sql::parse_statement(sql)?;
        let output = self.session.execute(statement, Some(sql.into())).await?;
        let mut rows = vec![];
        for batch in output.collect().await? {
            let column = batch.column(0).as_string::<i32>().clone();
            let text =
                |row| if column.is_null(row) { "NULL".to_owned() } else { column.value(row).to_owned() };
            rows.extend((0..batch.num_rows()).map(text));
        }
        Ok(rows)
    }

    /// The rows of a query of one text column, or the class of its error.
    async fn query(&self, sql: &str) -> String {
        match self.run(sql).await {
            Ok(rows) => rows.join("\n"),
            Err(error) => format!("!{}", error.class()),
        }
    }

    /// What a file in a format, with options, means as a table of that schema.
    async fn read(
        &self,
        (format, options): (&str, &str),
        content: &str,
        schema: &str,
        select: &str,
    ) -> String {
        let folder = tempfile::tempdir_in(self.dir.path()).unwrap();
        std::fs::write(folder.path().join("a.txt"), content).unwrap();
        let location = folder.path().display();
        let create = format!("CREATE TABLE v ({schema}) USING {format}{options} LOCATION '{location}'");
        let answer = match self.run(&create).await {
            Ok(_) => self.query(&format!("SELECT {select} FROM v")).await,
            Err(error) => format!("!{}", error.class()),
        };
        self.run("DROP TABLE IF EXISTS v").await.unwrap();
        answer
    }

    /// The content of the file that a value is written to.
    async fn write(&self, format: &str, expression: &str, options: &str) -> String {
        let folder = tempfile::tempdir_in(self.dir.path()).unwrap();
        let target = folder.path().join("out");
        let location = target.display();
        let create = format!(
            "CREATE TABLE v USING {format}{options} LOCATION '{location}' AS SELECT {expression} AS v"
        );
        let answer = match self.run(&create).await {
            Ok(_) => content(&target),
            Err(error) => format!("!{}", error.class()),
        };
        self.run("DROP TABLE IF EXISTS v").await.unwrap();
        answer
    }
}

fn content(folder: &Path) -> String {
    let mut parts: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    parts.retain(|p| p.file_name().unwrap().to_string_lossy().starts_with("part-"));
    parts.sort();
    let all: String = parts.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect();
    all.strip_suffix('\n').unwrap_or(&all).to_owned()
}

fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\t', "\\t");
    format!("'{escaped}'")
}

fn options(pair: Option<(&str, &str)>) -> String {
    pair.map_or(String::new(), |(key, value)| format!(" OPTIONS ({key} {})", literal(value)))
}

fn option_map(pair: Option<(&str, &str)>) -> String {
    pair.map_or(String::new(), |(key, value)| format!(", map({}, {})", literal(key), literal(value)))
}

/// What a text of that type is asked by: the option of its pattern and the function that parses it.
fn parsing(data_type: &str) -> Option<(&'static str, &'static str)> {
    match data_type {
        "DATE" => Some(("dateFormat", "to_date")),
        "TIMESTAMP" => Some(("timestampFormat", "to_timestamp")),
        "TIMESTAMP_NTZ" => Some(("timestampNTZFormat", "to_timestamp_ntz")),
        _ => None,
    }
}

fn json_of(text: &str, data_type: &str) -> String {
    if !matches!(data_type, "DATE" | "TIMESTAMP" | "TIMESTAMP_NTZ" | "BINARY" | "STRING") {
        return format!("{{\"v\":{text}}}");
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("{{\"v\":\"{escaped}\"}}")
}

fn shown(value: &str, data_type: &str) -> String {
    if data_type == "BINARY" { format!("hex({value})") } else { format!("CAST({value} AS STRING)") }
}

/// The answer of one way to ask.
async fn ask(asker: &Asker, table: &str, cells: &[&str], way: &str) -> String {
    match (table, cells) {
        ("texts", [data_type, text, pattern]) => texts(asker, (data_type, text, pattern), way).await,
        ("values", [expression, option, pattern]) => {
            let pair = (!option.is_empty()).then_some((*option, *pattern));
            match way {
                "cast" => asker.query(&format!("SELECT CAST({expression} AS STRING)")).await,
                "function" => {
                    asker.query(&format!("SELECT date_format({expression}, {})", literal(pattern))).await
                }
                "to_json" => {
                    let options = option_map(pair);
                    asker.query(&format!("SELECT to_json(named_struct('v', {expression}){options})")).await
                }
                format => asker.write(format, expression, &options(pair)).await,
            }
        }
        ("documents", [text, schema]) => {
            let keep = "map('ignoreNullFields', 'false')";
            if way == "from_json" {
                let value = format!("from_json({}, {})", literal(text), literal(schema));
                return asker.query(&format!("SELECT to_json({value}, {keep})")).await;
            }
            let names: Vec<&str> = match schema.contains("_corrupt_record") {
                true => vec!["a", "_corrupt_record"],
                false => vec!["a"],
            };
            let select = format!("to_json(struct({}), {keep})", names.join(", "));
            asker.read(("json", ""), text, schema, &select).await
        }
        ("paths", [text, path]) => {
            asker.query(&format!("SELECT get_json_object({}, {})", literal(text), literal(path))).await
        }
        _ => panic!("{table}: {cells:?}"),
    }
}

async fn texts(asker: &Asker, (data_type, text, pattern): (&str, &str, &str), way: &str) -> String {
    let pair = parsing(data_type).map(|(option, _)| (option, pattern)).filter(|(_, p)| !p.is_empty());
    let document = json_of(text, data_type);
    match way {
        "cast" => {
            let value = format!("CAST({} AS {data_type})", literal(text));
            asker.query(&format!("SELECT {}", shown(&value, data_type))).await
        }
        "literal" => {
            let value = format!("{data_type} {}", literal(text));
            asker.query(&format!("SELECT {}", shown(&value, data_type))).await
        }
        "function" => {
            let (_, function) = parsing(data_type).unwrap();
            let value = format!("{function}({}, {})", literal(text), literal(pattern));
            asker.query(&format!("SELECT {}", shown(&value, data_type))).await
        }
        "from_json" => {
            let schema = literal(&format!("v {data_type}"));
            let value = format!("from_json({}, {schema}{}).v", literal(&document), option_map(pair));
            asker.query(&format!("SELECT {}", shown(&value, data_type))).await
        }
        format => {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let content = if format == "json" { &document } else { &quoted };
            let schema = format!("v {data_type}");
            asker.read((format, &options(pair)), content, &schema, &shown("v", data_type)).await
        }
    }
}

fn unescape(cell: &str) -> String {
    let mut chars = cell.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => out.push(match chars.next().unwrap_or('\\') {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            (c, false) => out.push(c),
        }
    }
    out
}

async fn check(table: &str, questions: usize) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../values/tests/data");
    let all = std::fs::read_to_string(data.join(format!("{table}.tsv"))).unwrap();
    let filter = std::env::var("VALUES_FILTER").unwrap_or_default();
    let (head, lines) = all.split_once('\n').unwrap();
    let ways: Vec<&str> = head.split('\t').skip(questions).collect();
    assert!(!ways.is_empty(), "{table} has no answers");
    let asker = Asker::open().await;
    let mut wrong = vec![];
    for line in lines.lines().filter(|line| line.contains(&filter)) {
        let cells: Vec<String> = line.split('\t').map(unescape).collect();
        let asked: Vec<&str> = cells.iter().take(questions).map(String::as_str).collect();
        for (way, spark) in ways.iter().zip(cells.iter().skip(questions)).filter(|(_, spark)| *spark != "-") {
            let ours = ask(&asker, table, &asked, way).await;
            let question = asked.join("|");
            let purpose = ON_PURPOSE.iter().find(|(q, w, ..)| *q == question && w == way);
            let wanted = purpose.map_or(spark.as_str(), |(_, _, wanted, _)| wanted);
            if ours != wanted || (purpose.is_some() && ours == *spark) {
                wrong.push(format!("{table} {question:?} {way}\n  spark {spark:?}\n   ours {ours:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_text_means_the_same_to_casts_literals_functions_and_files() {
    check("texts", 3).await;
}

#[tokio::test]
async fn a_value_is_written_the_same_by_casts_functions_and_files() {
    check("values", 3).await;
}

#[tokio::test]
async fn a_json_document_means_the_same_to_functions_and_files() {
    check("documents", 2).await;
    check("paths", 2).await;
}
