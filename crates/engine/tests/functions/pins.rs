//! The shapes that each function runs in, held against `pins.tsv`.
//!
//! A line of `pins.tsv` is a function's name, the shapes in which all queries of the function in
//! `tests/slt/functions/edges` run and agree with Spark, and, if shapes of its kind are missing, the reason. A
//! function without a line fails, one that runs in fewer shapes than its line says, and one that runs in more. An
//! answer that differs fails in any case. `UPDATE_EXPECT=1` writes the shapes; reasons are written by hand.

use crate::query::{Kind, Query, RESOLVED, read_all};
use crate::shapes::{Shapes, of_kind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_engine::{Engine, EngineConfig, Session};
use thalweg_functions as functions;

const FILE: &str = "pins.tsv";
const HEAD: &str = "# function	shapes in which all its queries agree with Spark	why others are missing";
/// Stands for `columns` where no query has a column as each of the function's arguments.
const SOME_COLUMNS: &str = "some-columns";

/// What is known of a function: for each shape of its kind whether all queries ran in it.
struct Pin {
    kind: Kind,
    shapes: BTreeMap<&'static str, bool>,
    takes_columns: bool,
}

impl Pin {
    /// The shapes as the file lists them, in the order of the kind.
    fn shown(&self) -> Vec<&'static str> {
        let ran = of_kind(self.kind).iter().filter(|shape| self.shapes[*shape]);
        let shown = |shape| if shape == "columns" && !self.takes_columns { SOME_COLUMNS } else { shape };
        ran.map(|shape| shown(*shape)).collect()
    }

    fn is_whole(&self) -> bool {
        self.shown() == of_kind(self.kind)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_runs_in_the_shapes_of_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::new(dir.path());
    config.resume_jobs = false;
    config.workers = Some(2);
    let engine = Engine::open(config, thalweg_connectors_all::standard_registry().unwrap()).await.unwrap();
    let session: Arc<Session> = engine.new_session("me", "pins");
    let (mut pins, mut differences, mut not_run) = (BTreeMap::new(), vec![], vec![]);
    for query in read_all() {
        let ran = run(&session, &query, &mut differences, &mut not_run).await;
        note(&mut pins, &query, &ran);
    }
    if let Ok(path) = std::env::var("PINS_REPORT") {
        std::fs::write(path, not_run.join("\n")).unwrap();
    }
    assert!(differences.is_empty(), "{} answers differ:\n{}", differences.len(), differences.join("\n"));
    expect_lines(FILE, HEAD, &lines(&pins));
    let unexplained: Vec<String> = read_lines(FILE).into_iter().filter(|l| !is_explained(l, &pins)).collect();
    assert!(unexplained.is_empty(), "lines that need a reason: {unexplained:#?}");
}

/// The shapes in which a query runs, and in `differences` those in which it answers otherwise.
async fn run(
    session: &Session,
    query: &Query,
    differences: &mut Vec<String>,
    not_run: &mut Vec<String>,
) -> Vec<(&'static str, bool)> {
    let shapes = Shapes::new(session, query).await.unwrap_or_else(|e| panic!("{}: {e}", query.place));
    let mut ran = vec![];
    for shape in of_kind(query.kind) {
        let answer = shapes.run(shape).await;
        ran.push((*shape, answer.is_ok()));
        match answer {
            Ok((mut got, mut expected)) => {
                if query.kind == Kind::Window {
                    got.sort();
                    expected.sort();
                }
                if got != expected {
                    differences.push(format!("{} | {shape}: {got:?} instead of {expected:?}", query.place));
                }
            }
            Err(error) => not_run.push(format!("{} | {shape}: {error}", query.place)),
        }
    }
    ran
}

fn note(pins: &mut BTreeMap<String, Pin>, query: &Query, ran: &[(&'static str, bool)]) {
    for (name, takes_columns) in &query.names {
        let all = || of_kind(query.kind).iter().map(|shape| (*shape, true)).collect();
        let new = || Pin { kind: query.kind, shapes: all(), takes_columns: false };
        let pin = pins.entry(name.clone()).or_insert_with(new);
        pin.takes_columns |= takes_columns;
        for (shape, ran) in ran {
            *pin.shapes.get_mut(shape).expect("a shape of the kind") &= ran;
        }
    }
}

/// The lines of all registered functions, without reasons.
fn lines(pins: &BTreeMap<String, Pin>) -> Vec<String> {
    let known = functions::names().chain(RESOLVED.iter().copied());
    let names: BTreeSet<String> = known.map(str::to_owned).chain(pins.keys().cloned()).collect();
    let shapes = |name: &str| pins.get(name).map_or("-".to_owned(), |pin| pin.shown().join(" "));
    names.iter().map(|name| format!("{name}\t{}", shapes(name))).collect()
}

fn is_explained(line: &str, pins: &BTreeMap<String, Pin>) -> bool {
    let mut fields = line.split('\t');
    let name = fields.next().unwrap_or_default();
    let reason = fields.nth(1).unwrap_or_default();
    pins.get(name).is_some_and(Pin::is_whole) == reason.is_empty()
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions").join(file)
}

fn read_lines(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path(file)).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with("# ")).map(str::to_owned).collect()
}

/// Holds lines against those of a file, whose lines may go on after a tab; `UPDATE_EXPECT=1` writes them.
pub(crate) fn expect_lines(file: &str, head: &str, lines: &[String]) {
    let written = read_lines(file);
    let begins =
        |line: &str, with: &str| line.strip_prefix(with).is_some_and(|r| r.is_empty() || r.starts_with('\t'));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let name = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        let kept = |line: &String| {
            let old = written.iter().find(|old| name(old) == name(line));
            let reason = old.and_then(|old| old.split('\t').nth(2)).unwrap_or_default();
            if reason.is_empty() { line.clone() } else { format!("{line}\t{reason}") }
        };
        let all: Vec<String> = [head.to_owned()].into_iter().chain(lines.iter().map(kept)).collect();
        std::fs::write(path(file), all.join("\n") + "\n").unwrap();
        return;
    }
    let new: Vec<_> = lines.iter().filter(|line| !written.iter().any(|old| begins(old, line))).collect();
    let gone: Vec<_> = written.iter().filter(|old| !lines.iter().any(|line| begins(old, line))).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{file} says {gone:#?} where it is {new:#?}; UPDATE_EXPECT=1 writes it"
    );
}
