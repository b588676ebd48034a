//! Creates the input of one trial and the job over it, and computes the expected rows.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Files of one trial: each is an epoch.
const FILES: usize = 24;
const ROWS_PER_FILE: usize = 12;
const KEYS: u64 = 5;
/// Width of a tumbling window, and the event time that one file covers, in minutes.
const WINDOW: u64 = 10;
const FILE_SPAN: u64 = 7;

/// Window start in minutes, key → sum and count.
pub(crate) type Answer = BTreeMap<(u64, String), (i64, i64)>;

/// The folders of one trial.
pub(crate) struct Trial {
    folder: tempfile::TempDir,
    pub answer: Answer,
}

impl Trial {
    /// Writes the input files and the job for a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let incoming = folder.path().join("incoming");
        std::fs::create_dir(&incoming).unwrap();
        let mut rng = Rng::with_seed(seed);
        let mut answer = Answer::new();
        for file in 0..FILES {
            let rows = rows(&mut rng, file as u64, &mut answer);
            std::fs::write(incoming.join(format!("part-{file:03}.csv")), rows).unwrap();
        }
        let trial = Self { folder, answer };
        std::fs::write(trial.script("job"), trial.job()).unwrap();
        std::fs::write(trial.script("read"), trial.read()).unwrap();
        trial
    }

    /// Returns the data directory of one machine.
    pub(crate) fn data_dir(&self, machine: &str) -> PathBuf {
        self.folder.path().join(machine)
    }

    /// Returns a folder that all machines share.
    pub(crate) fn shared(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets several machines use the same checkpoints.
    pub(crate) fn share_checkpoints(&self, machines: &[&str]) {
        let shared = self.shared("checkpoints");
        std::fs::create_dir_all(&shared).unwrap();
        for machine in machines {
            std::fs::create_dir_all(self.data_dir(machine)).unwrap();
            std::os::unix::fs::symlink(&shared, self.data_dir(machine).join("checkpoints")).unwrap();
        }
    }

    /// Returns the file of a script.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.sql"))
    }

    fn job(&self) -> String {
        let incoming = sql_path(&self.shared("incoming"));
        let table = sql_path(&self.shared("table"));
        format!(
            "CREATE TABLE IF NOT EXISTS events (k STRING, v BIGINT, ts TIMESTAMP) USING csv \
             OPTIONS (header 'true', maxFilesPerTrigger '1') LOCATION {incoming};\n\
             CREATE STREAMING TABLE sums LOCATION {table} AS \
             SELECT window.start AS w, k, sum(v) AS s, count(v) AS c \
             FROM STREAM events WATERMARK ts DELAY OF INTERVAL 30 MINUTES \
             GROUP BY k, window(ts, '{WINDOW} minutes');\n"
        )
    }

    fn read(&self) -> String {
        format!("SELECT unix_timestamp(w) AS w, k, s, c FROM delta.`{}`", self.shared("table").display())
    }

    /// Compares the rows of `csv`, the output of the read script, with the expected rows; the error says what
    /// differs.
    pub(crate) fn verify(&self, csv: &str) -> Result<(), String> {
        let mut found = Answer::new();
        for line in csv.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [w, k, s, c] = fields.as_slice() else { return Err(format!("odd line {line}")) };
            let key = (w.parse::<u64>().unwrap() / 60, (*k).to_owned());
            let value = (s.parse().unwrap(), c.parse().unwrap());
            if found.insert(key.clone(), value).is_some() {
                return Err(format!("{key:?} is there twice"));
            }
        }
        for (key, (sum, count)) in &self.answer {
            match found.remove(key) {
                Some((s, c)) if (s, c) == (*sum, *count) => {}
                Some((_, c)) if c > *count => return Err(format!("rows of {key:?} count twice")),
                Some(_) => return Err(format!("rows of {key:?} are lost or changed")),
                None => return Err(format!("{key:?} is lost")),
            }
        }
        if found.is_empty() { Ok(()) } else { Err("rows that are not in the input".to_owned()) }
    }

    /// Panics unless the rows of `csv` are the expected ones.
    pub(crate) fn check(&self, csv: &str, context: &str) {
        self.verify(csv).unwrap_or_else(|fault| panic!("{context}: {fault}"));
    }
}

fn sql_path(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// One file's rows: event time moves on with the files and jumps back by less than the watermark's delay.
fn rows(rng: &mut Rng, file: u64, answer: &mut Answer) -> String {
    let mut text = "k,v,ts\n".to_owned();
    for _ in 0..ROWS_PER_FILE {
        let late = if rng.u64(0..4) == 0 { rng.u64(0..15) } else { 0 };
        let minute = (60 + file * FILE_SPAN + rng.u64(0..FILE_SPAN)) - late;
        let (key, value) = (format!("k{}", rng.u64(0..KEYS)), rng.i64(-9..100));
        writeln!(text, "{key},{value},2020-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60).unwrap();
        let window = JANUARY_2020 + minute / WINDOW * WINDOW;
        let entry = answer.entry((window, key)).or_default();
        entry.0 += value;
        entry.1 += 1;
    }
    text
}

/// Minutes from 1970 to 2020-01-01.
const JANUARY_2020: u64 = 26_297_280;
