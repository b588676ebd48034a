//! The same rows stored in several ways, each as tables `t_<layout>` and `u_<layout>`.

use crate::table::{Table, definition, select};
use fastrand::Rng;
use std::sync::Arc;
use thalweg_connectors_all::standard_registry;
use thalweg_engine::{Engine, EngineConfig, Session};

/// How a table's rows are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A view of literals.
    Memory,
    /// One Parquet file.
    OneFile,
    /// A Parquet file for each block.
    ManyFiles,
    /// As before, but a file lacks the columns that hold only NULLs in its block.
    LackingColumns,
    /// JSON lines, a file for each block.
    Json,
    /// A Delta table, a commit for each block.
    Delta,
}

/// All layouts.
pub(crate) const LAYOUTS: [Layout; 6] =
    [Layout::Memory, Layout::OneFile, Layout::ManyFiles, Layout::LackingColumns, Layout::Json, Layout::Delta];

impl Layout {
    fn suffix(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::OneFile => "one_file",
            Self::ManyFiles => "many_files",
            Self::LackingColumns => "lacking_columns",
            Self::Json => "json",
            Self::Delta => "delta",
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Memory | Self::OneFile | Self::ManyFiles | Self::LackingColumns => "parquet",
            Self::Json => "json",
            Self::Delta => "delta",
        }
    }
}

/// An engine with two tables in every layout, and a session for each number of partitions.
pub(crate) struct World {
    seed: u64,
    sessions: Vec<(usize, Arc<Session>)>,
    statements: Vec<(Layout, String)>,
    _engine: Arc<Engine>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn make(seed: u64, random: &mut Rng) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut config = EngineConfig::new(folder.path());
        config.resume_jobs = false;
        config.workers = Some(crate::PARTITIONS.into_iter().max().expect("a number"));
        let engine =
            Engine::open(config, standard_registry().expect("no name twice")).await.expect("an engine");
        let mut statements = vec![];
        for name in ["t", "u"] {
            let table = Table::random(random);
            for layout in LAYOUTS {
                let place = folder.path().join("tables").join(format!("{name}_{}", layout.suffix()));
                std::fs::create_dir_all(&place).expect("a folder");
                let made = make(name, layout, &table, &place.display().to_string());
                statements.extend(made.into_iter().map(|s| (layout, s)));
            }
        }
        let mut sessions = vec![];
        for partitions in crate::PARTITIONS {
            let session = engine.new_session("metamorphic", &partitions.to_string());
            run(&session, &format!("SET spark.sql.shuffle.partitions = {partitions}")).await;
            for (layout, statement) in &statements {
                // Views belong to a session, tables to all of them.
                if *layout == Layout::Memory || partitions == crate::PARTITIONS[0] {
                    run(&session, statement).await;
                }
            }
            sessions.push((partitions, session));
        }
        Self { seed, sessions, statements, _engine: engine, _folder: folder }
    }

    pub(crate) fn session(&self, partitions: usize) -> &Session {
        &self.sessions.iter().find(|(n, _)| *n == partitions).expect("a session").1
    }

    /// The query over the tables of a layout: `{t}` and `{u}` stand for them.
    pub(crate) fn over(&self, template: &str, layout: Layout) -> String {
        let name = |table: &str| format!("{table}_{}", layout.suffix());
        template.replace("{t}", &name("t")).replace("{u}", &name("u"))
    }

    /// What makes a failure happen again.
    pub(crate) fn reproduction(&self, template: &str, layout: Layout) -> String {
        let of = |l: &Layout| *l == layout || *l == Layout::Memory;
        let statements = self.statements.iter().filter(|(l, _)| of(l)).map(|(_, s)| format!("{s};\n"));
        format!(
            "METAMORPHIC_SEEDS={}..{}\n{}{}",
            self.seed,
            self.seed + 1,
            statements.collect::<String>(),
            self.over(template, layout)
        )
    }
}

async fn run(session: &Session, text: &str) {
    for output in session.sql(text).await.unwrap_or_else(|e| panic!("{text}: {e}")) {
        output.collect().await.unwrap_or_else(|e| panic!("{text}: {e}"));
    }
}

/// The statements that make a table in a layout.
fn make(name: &str, layout: Layout, table: &Table, place: &str) -> Vec<String> {
    let full = format!("{name}_{}", layout.suffix());
    let all = select(table.rows(), |_| true);
    if layout == Layout::Memory {
        return vec![format!("CREATE TEMPORARY VIEW {full} AS {all}")];
    }
    let create = |table: &str, columns: String| {
        format!("CREATE TABLE {table} ({columns}) USING {} LOCATION '{place}'", layout.format())
    };
    let mut statements = vec![create(&full, definition(|_| true))];
    match layout {
        Layout::OneFile => statements.push(format!("INSERT INTO {full} {all}")),
        Layout::LackingColumns => {
            for (number, block) in table.blocks.iter().enumerate() {
                // A file has at least one column.
                let keep = |i: usize| i == 0 || !block.nulls_only[i];
                let part = format!("{full}_{number}");
                statements.push(create(&part, definition(keep)));
                statements.push(format!("INSERT INTO {part} {}", select(block.rows.iter(), keep)));
            }
        }
        _ => {
            let insert = |rows| format!("INSERT INTO {full} {}", select(rows, |_| true));
            statements.extend(table.blocks.iter().map(|b| insert(b.rows.iter())));
        }
    }
    statements
}
