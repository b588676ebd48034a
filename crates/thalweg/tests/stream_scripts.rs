//! Runs every `tests/stream/*.stream` script: input rows, kills and restarts. The table must equal the batch
//! answer.
//!
//! A script consists of sections, each of which begins with a word in the first column: `create` (a table
//! over the folder `{in}`), `query` (its streaming SELECT), then any of `rows` (one JSON object per line, in
//! order), `kill POINT` (run until the process is killed at that fail point) and `restart` (run until the
//! input is used up). The end of a script is a restart. Each script runs with [`SEEDS`] random distributions
//! of its rows over epochs (seed 0: one row per epoch), on 1 to 3 workers, always as real processes. `expect`
//! contains the rows if they differ from the batch answer, because of late rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Random distributions of rows over epochs per script. `TEST_SEEDS` sets another number.
const SEEDS: u64 = 20;
/// The most rows of one epoch.
const EPOCH_ROWS_MAX: usize = 7;
/// The fewest epochs of one section, if it has that many rows.
const FILES_MIN: usize = 4;

#[derive(Debug, Default)]
struct Script {
    create: String,
    query: String,
    steps: Vec<Step>,
    expect: Option<Vec<String>>,
}

#[derive(Debug)]
enum Step {
    Rows(Vec<String>),
    Kill(String),
    Restart,
}

impl Script {
    fn parse(text: &str) -> Self {
        let mut script = Self::default();
        let mut sections: Vec<(String, Vec<String>)> = vec![];
        for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
            let word = line.split_whitespace().next().unwrap_or_default();
            if ["create", "query", "rows", "kill", "restart", "expect"].contains(&word)
                && !line.starts_with(' ')
            {
                sections.push((line.trim().to_owned(), vec![]));
            } else {
                sections.last_mut().expect("a section before its lines").1.push(line.trim().to_owned());
            }
        }
        for (head, lines) in sections {
            match head.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["create"] => script.create = lines.join("\n"),
                ["query"] => script.query = lines.join("\n"),
                ["rows"] => script.steps.push(Step::Rows(lines)),
                ["kill", point] => script.steps.push(Step::Kill((*point).to_owned())),
                ["restart"] => script.steps.push(Step::Restart),
                ["expect"] => script.expect = Some(lines),
                _ => panic!("unknown section '{head}'"),
            }
        }
        script.steps.push(Step::Restart);
        script
    }
}

/// A run of one script under one seed.
struct Run<'a> {
    script: &'a Script,
    dir: PathBuf,
    random: fastrand::Rng,
    one_by_one: bool,
    workers: u64,
    files: usize,
    /// Files written since the last kill; each is an epoch.
    pending: usize,
}

impl<'a> Run<'a> {
    fn new(script: &'a Script, dir: &Path, seed: u64) -> Self {
        fs::create_dir_all(dir.join("in")).unwrap();
        let random = fastrand::Rng::with_seed(seed);
        let (one_by_one, workers) = (seed == 0, 1 + seed % 3);
        let run = Self { script, dir: dir.to_owned(), random, one_by_one, workers, files: 0, pending: 0 };
        run.sql(&run.fill(&script.create), None).expect_success();
        run
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{in}", &self.dir.join("in").to_string_lossy())
    }

    fn sql(&self, text: &str, fault: Option<String>) -> Finished {
        let file = self.dir.join("statement.sql");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        command
            .arg("sql")
            .arg("--data-dir")
            .arg(self.dir.join("data"))
            .args(["--format", "csv", "-f"])
            .arg(&file);
        command.env("THALWEG_ENGINE__WORKERS", self.workers.to_string());
        if let Some(fault) = fault {
            command.env("THALWEG_FAULT", fault);
        }
        Finished(command.output().unwrap())
    }

    fn feed(&mut self, rows: &[String]) {
        let mut rest = rows;
        let largest = (rows.len() / FILES_MIN).clamp(1, EPOCH_ROWS_MAX);
        while !rest.is_empty() {
            let count = if self.one_by_one { 1 } else { self.random.usize(1..=largest.min(rest.len())) };
            let (now, later) = rest.split_at(count);
            // The name orders files that have the same modification time.
            let path = self.dir.join("in").join(format!("{:06}.json", self.files));
            let hidden = self.dir.join(".part");
            fs::write(&hidden, now.join("\n") + "\n").unwrap();
            fs::rename(&hidden, path).unwrap();
            self.files += 1;
            self.pending += 1;
            rest = later;
        }
    }

    fn stream(&self, fault: Option<String>) -> Finished {
        let statement = format!("CREATE STREAMING TABLE result AS {}", self.script.query);
        self.sql(&statement, fault)
    }

    fn kill(&mut self, point: &str) {
        // The epochs of earlier runs are committed, so only the files since then are epochs. The last two are
        // left out: two epochs may be in flight, so the last epoch, which closes all windows, may be planned
        // by then.
        let hit = self.random.usize(1..=self.pending - 2);
        self.pending = 0;
        let finished = self.stream(Some(format!("kill@{point}:{hit}")));
        assert!(!finished.0.status.success(), "nothing was killed at hit {hit} of {point}");
        assert!(finished.0.status.code().is_none(), "died by itself: {}", finished.stderr());
    }

    fn check(&self, seed: u64) {
        let result = self.sql("SELECT * FROM result", None).expect_success().lines();
        let expected = match &self.script.expect {
            Some(rows) => rows.clone(),
            None => self.sql(&batch(&self.script.query), None).expect_success().lines(),
        };
        assert_eq!(sorted(result), sorted(expected), "seed {seed}, {} workers", self.workers);
    }
}

struct Finished(Output);

impl Finished {
    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
    fn expect_success(self) -> Self {
        assert!(self.0.status.success(), "{}", self.stderr());
        self
    }
    /// Returns the rows without the header.
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.stdout).lines().skip(1).map(str::to_owned).collect()
    }
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

/// Converts the query to a batch query over the same folder.
fn batch(query: &str) -> String {
    let mut out = vec![];
    let mut words = query.split_whitespace().peekable();
    while let Some(word) = words.next() {
        match word {
            "STREAM" => {}
            // WATERMARK column DELAY OF INTERVAL n unit
            "WATERMARK" => {
                words.nth(5);
            }
            other => out.push(other),
        }
    }
    out.join(" ")
}

fn run(path: &Path) {
    let script = Script::parse(&fs::read_to_string(path).unwrap());
    let seeds = std::env::var("TEST_SEEDS").map_or(SEEDS, |n| n.parse().unwrap());
    for seed in 0..seeds {
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run::new(&script, dir.path(), seed);
        for step in &script.steps {
            match step {
                Step::Rows(rows) => run.feed(rows),
                Step::Kill(point) => run.kill(point),
                Step::Restart => drop(run.stream(None).expect_success()),
            }
        }
        run.check(seed);
    }
}

#[test]
fn every_script_equals_its_batch_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stream");
    let mut scripts: Vec<_> = fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    scripts.retain(|p| p.extension().is_some_and(|e| e == "stream"));
    scripts.sort();
    assert!(!scripts.is_empty());
    for script in scripts {
        let name = script.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = std::panic::catch_unwind(|| run(&script));
        assert!(outcome.is_ok(), "{name} failed");
    }
}
