//! Streaming tables over restarts of the engine: their settings, jobs that do not resume, and jobs that run every night.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use futures::TryStreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_connectors_all::standard_registry;
use thalweg_engine::{Engine, EngineConfig, Session};
use thalweg_sql::ir::{Command, Statement, WriteStream, WriteTrigger};
use thalweg_storage::durable::SyncFault;

/// Opens the engine over the data directory of a test; with `serve` its jobs resume.
async fn open(dir: &Path, serve: bool) -> Arc<Engine> {
    let config = EngineConfig { resume_jobs: serve, workers: Some(2), ..EngineConfig::new(dir.join("data")) };
    Engine::open(config, standard_registry().unwrap()).await.unwrap()
}

/// Runs statements and returns the rows of the last one, as CSV without a header.
async fn rows(session: &Session, sql: &str) -> thalweg_common::Result<Vec<String>> {
    let last = session.sql(sql).await?.pop().expect("a statement");
    let batches: Vec<_> = last.rows.try_collect().await?;
    let mut text = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(false).build(&mut text);
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    drop(writer);
    Ok(String::from_utf8(text).unwrap().lines().map(str::to_owned).collect())
}

fn write(dir: &Path, file: &str, text: &str) {
    std::fs::create_dir_all(dir.join("in")).unwrap();
    std::fs::write(dir.join("in").join(file), text).unwrap();
}

fn source(dir: &Path) -> String {
    let place = dir.join("in");
    format!("CREATE TABLE IF NOT EXISTS src (t TIMESTAMP, n INT) USING csv LOCATION '{}'", place.display())
}

/// `writeStream` of a query into a Delta table, as a client states it.
fn write_stream(dir: &Path, query: &str) -> WriteStream {
    let checkpoint = dir.join("checkpoint").display().to_string();
    WriteStream {
        input: Box::new(thalweg_sql::parse_query(query).unwrap()),
        format: Some("delta".to_owned()),
        options: vec![("checkpointLocation".to_owned(), checkpoint)],
        output_mode: None,
        trigger: WriteTrigger::ProcessingTime(None),
        query_name: None,
        partition_by: vec![],
        path: Some(dir.join("out").display().to_string()),
        table: None,
        foreach: false,
    }
}

/// Waits until the only job has processed its input, and stops the engine.
async fn finish(engine: Arc<Engine>) {
    engine.jobs().all().pop().unwrap().process_all_available().await.unwrap();
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_table_keeps_the_settings_and_the_user_with_which_it_was_created() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let job = "CREATE STREAMING TABLE out AS \
               SELECT hour(t) AS h, t = TIMESTAMP '2013-01-01 19:00:00' AS same, current_user() AS u, n FROM STREAM src";
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    let zone = "SET spark.sql.session.timeZone = Asia/Tokyo";
    session.sql(&format!("{zone}; {}; {job}", source(dir.path()))).await.unwrap();
    finish(engine).await;
    // It resumes with the server, in a session of nobody.
    write(dir.path(), "1.csv", "2013-01-01T10:00:00Z,2\n");
    let engine = open(dir.path(), true).await;
    finish(engine).await;
    // It is stated again in a session with other settings.
    write(dir.path(), "2.csv", "2013-01-01T10:00:00Z,3\n");
    let engine = open(dir.path(), false).await;
    let session = engine.new_session("bob", "2");
    session.sql(job).await.unwrap();
    let found = rows(&session, "SELECT * FROM out ORDER BY n").await.unwrap();
    assert_eq!(found, ["19,true,ada,1", "19,true,ada,2", "19,true,ada,3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_resume_is_listed_with_its_reason_and_started_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    let job = "CREATE STREAMING TABLE out AS SELECT n FROM STREAM src";
    session.sql(&format!("{}; {job}", source(dir.path()))).await.unwrap();
    finish(engine).await;
    // The folder of the source is gone for a while.
    std::fs::rename(dir.path().join("in"), dir.path().join("away")).unwrap();
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    let listed = "SHOW JOBS";
    let jobs = rows(&session, listed).await.unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    for text in ["out,default.out,FAILED", "PATH_NOT_FOUND"] {
        assert!(jobs[0].contains(text), "{jobs:?} does not say {text}");
    }
    // It still cannot start, and says why; it stays in the list.
    let error = rows(&session, "START JOB 'out'").await.unwrap_err();
    assert_eq!(error.class(), "PATH_NOT_FOUND");
    assert_eq!(rows(&session, listed).await.unwrap(), jobs);
    std::fs::rename(dir.path().join("away"), dir.path().join("in")).unwrap();
    write(dir.path(), "1.csv", "2013-01-01T10:00:00Z,2\n");
    session.sql("START JOB 'out'").await.unwrap();
    // A job that runs goes on.
    session.sql("START JOB 'default.out'").await.unwrap();
    let jobs = rows(&session, listed).await.unwrap();
    assert!(jobs.len() == 1 && jobs[0].contains("RUNNING"), "{jobs:?}");
    engine.jobs().all()[0].process_all_available().await.unwrap();
    assert_eq!(rows(&session, "SELECT n FROM out ORDER BY n").await.unwrap(), ["1", "2"]);
    session.sql("STOP JOB 'out'").await.unwrap();
    session.sql("START JOB 'out'").await.unwrap();
    assert!(engine.jobs().on_checkpoint(&engine.jobs().all()[0].checkpoint).is_some());
    assert_eq!(rows(&session, "START JOB 'nothing'").await.unwrap_err().class(), "STREAMING_QUERY_NOT_FOUND");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_resume_can_be_stopped_and_dropped() {
    for statement in ["STOP JOB 'out'", "DROP TABLE out"] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
        let engine = open(dir.path(), true).await;
        let session = engine.new_session("ada", "1");
        let job = "CREATE STREAMING TABLE out AS SELECT n FROM STREAM src";
        session.sql(&format!("{}; {job}", source(dir.path()))).await.unwrap();
        finish(engine).await;
        std::fs::remove_dir_all(dir.path().join("in")).unwrap();
        for left in [1, 0] {
            let engine = open(dir.path(), true).await;
            let session = engine.new_session("ada", "1");
            assert_eq!(engine.jobs().unstarted().len(), left, "{statement}");
            if left == 1 {
                session.sql(statement).await.unwrap();
                assert_eq!(engine.jobs().unstarted().len(), 0, "{statement}");
            }
        }
    }
}

/// Each run reads what is there and closes all windows, as `thalweg sql` does.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_every_night_goes_on_with_the_rows_of_one_more_day() {
    let dir = tempfile::tempdir().unwrap();
    let job = "CREATE STREAMING TABLE IF NOT EXISTS out AS SELECT date(window.start) AS day, sum(n) AS n \
               FROM STREAM src WATERMARK t DELAY OF INTERVAL 1 HOUR GROUP BY window(t, '1 day')";
    let mut wanted = vec![];
    for day in 1..4 {
        write(
            dir.path(),
            &format!("{day}.csv"),
            &format!("2013-01-0{day}T10:00:00Z,{day}\n2013-01-0{day}T20:00:00Z,1\n"),
        );
        wanted.push(format!("2013-01-0{day},{}", day + 1));
        // The second run of a night finds nothing, and changes nothing.
        for _ in 0..2 {
            let engine = open(dir.path(), false).await;
            let session = engine.new_session("ada", "1");
            session.sql(&format!("{}; {job}", source(dir.path()))).await.unwrap();
            assert_eq!(rows(&session, "SELECT * FROM out ORDER BY day").await.unwrap(), wanted);
        }
    }
    let log = std::fs::read_dir(dir.path().join("data/warehouse/default/out/_delta_log")).unwrap();
    // Per night: the fence, the rows, what the watermark closes, and what the drain closes.
    assert_eq!(
        log.filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json")).count(),
        12
    );
}

/// A day is another one in another time zone, and so is the sum of a day.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_starts_a_query_again_in_another_time_zone_is_refused_by_the_name_of_the_setting() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let engine = open(dir.path(), true).await;
    let query = "SELECT date(window.start) AS day, sum(n) AS n \
                 FROM STREAM src WATERMARK t DELAY OF INTERVAL 1 HOUR GROUP BY window(t, '1 day')";
    let start = async |zone: &str| {
        let session = engine.new_session("ada", zone);
        session.config().set("spark.sql.session.timeZone", zone).unwrap();
        session.sql(&source(dir.path())).await.unwrap();
        let stream = WriteStream { trigger: WriteTrigger::AvailableNow, ..write_stream(dir.path(), query) };
        let command = Statement::Command(Command::WriteStream(stream));
        session.execute(command, None).await.map(|_| engine.jobs().all().pop().expect("a query"))
    };
    for _ in 0..2 {
        start("Asia/Tokyo").await.unwrap().await_termination(None).await.unwrap();
    }
    let error = start("Europe/Berlin").await.map(drop).unwrap_err();
    assert_eq!(error.class(), "STREAM_STATE_INCOMPATIBLE");
    let text = "the session time zone was Asia/Tokyo and is Europe/Berlin";
    assert!(error.message().contains(text), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streaming_table_that_is_refused_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    session.sql(&source(dir.path())).await.unwrap();
    // A table there has other columns, which only the start of the query finds.
    let other = dir.path().join("other").display().to_string();
    session
        .sql(&format!("CREATE TABLE other USING delta LOCATION '{other}' AS SELECT 'x' AS s"))
        .await
        .unwrap();
    let refused = [
        "AS SELECT n FROM STREAM src ORDER BY n".to_owned(),
        "AS SELECT count(*) AS n FROM STREAM src".to_owned(),
        format!("LOCATION '{other}' AS SELECT n FROM STREAM src"),
    ];
    for statement in refused {
        session.sql(&format!("CREATE STREAMING TABLE out {statement}")).await.map(drop).unwrap_err();
        assert_eq!(rows(&session, "SHOW TABLES LIKE 'out'").await.unwrap(), [""; 0], "{statement}");
    }
    assert_eq!(rows(&session, "SELECT s FROM other").await.unwrap(), ["x"]);
    session.sql("CREATE STREAMING TABLE out AS SELECT n FROM STREAM src").await.unwrap();
    engine.jobs().all()[0].process_all_available().await.unwrap();
    assert_eq!(rows(&session, "SELECT n FROM out").await.unwrap(), ["1"]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_leaves_the_files_at_a_location_and_takes_its_own() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let engine = open(dir.path(), false).await;
    let session = engine.new_session("ada", "1");
    session.sql(&source(dir.path())).await.unwrap();
    let elsewhere = dir.path().join("elsewhere");
    for (place, own) in [(format!("LOCATION '{}'", elsewhere.display()), false), (String::new(), true)] {
        let job = format!("CREATE STREAMING TABLE out {place} AS SELECT n FROM STREAM src");
        session.sql(&format!("{job}; DROP TABLE out")).await.unwrap();
        let folder = if own { dir.path().join("data/warehouse/default/out") } else { elsewhere.clone() };
        assert_eq!(folder.exists(), !own, "{job}");
        assert!(!dir.path().join("data/checkpoints/default/out").exists());
    }
    let left = format!("SELECT n FROM delta.`{}`", elsewhere.display());
    assert_eq!(rows(&session, &left).await.unwrap(), ["1"]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_runs_goes_on_when_it_is_stated_again_or_another_start_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    let job = "CREATE STREAMING TABLE IF NOT EXISTS out AS SELECT n FROM STREAM src";
    session.sql(&format!("{}; {job}", source(dir.path()))).await.unwrap();
    let first = engine.jobs().all().pop().unwrap();
    let again = session.sql(job).await.unwrap().pop().unwrap().query.unwrap();
    assert_eq!(again.run_id, first.query.run_id());
    assert!(first.query.is_active() && engine.jobs().all().len() == 1);
    let start = async |stream: WriteStream| {
        session.execute(Statement::Command(Command::WriteStream(stream)), None).await.map(drop)
    };
    let stream = write_stream(dir.path(), "SELECT n FROM STREAM src");
    start(stream.clone()).await.unwrap();
    let second = engine.jobs().all().pop().unwrap();
    let mut misspelt = stream.clone();
    misspelt.options.push(("mergeShema".to_owned(), "true".to_owned()));
    assert_eq!(start(misspelt).await.unwrap_err().class(), "UNSUPPORTED_OPTION");
    assert!(second.query.is_active());
    start(stream).await.unwrap();
    assert!(!second.query.is_active());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_epoch_of_trigger_once_takes_all_files() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        write(dir.path(), &format!("{n}.csv"), &format!("2013-01-01T10:00:00Z,{n}\n"));
    }
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    let input = dir.path().join("in");
    let source = format!(
        "CREATE TABLE src (t TIMESTAMP, n INT) USING csv OPTIONS (maxFilesPerTrigger '1') LOCATION '{}'",
        input.display()
    );
    session.sql(&source).await.unwrap();
    let stream =
        WriteStream { trigger: WriteTrigger::Once, ..write_stream(dir.path(), "SELECT n FROM STREAM src") };
    session.execute(Statement::Command(Command::WriteStream(stream)), None).await.unwrap();
    engine.jobs().all().pop().unwrap().await_termination(None).await.unwrap();
    let found = format!("SELECT n FROM delta.`{}` ORDER BY n", dir.path().join("out").display());
    assert_eq!(rows(&session, &found).await.unwrap(), ["0", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_found_by_its_table_in_the_current_database_first_and_an_ambiguous_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n");
    let engine = open(dir.path(), true).await;
    let session = engine.new_session("ada", "1");
    session.sql(&source(dir.path())).await.unwrap();
    for database in ["a", "b"] {
        session.sql(&format!("CREATE DATABASE {database}")).await.unwrap();
        let job = format!("CREATE STREAMING TABLE {database}.delays AS SELECT n FROM STREAM src");
        session.sql(&job).await.unwrap();
    }
    let active = || {
        let jobs = engine.jobs().all().into_iter().filter(|job| job.query.is_active());
        jobs.map(|job| job.table.unwrap().0).collect::<Vec<_>>().join(" ")
    };
    let error = rows(&session, "STOP JOB 'delays'").await.unwrap_err();
    assert_eq!(error.class(), "STREAMING_QUERY_AMBIGUOUS");
    assert!(
        error.message().contains("a.delays (id ") && error.message().contains("b.delays (id "),
        "{error}"
    );
    assert_eq!(rows(&session, "STOP JOB 'c.delays'").await.unwrap_err().class(), "STREAMING_QUERY_NOT_FOUND");
    assert_eq!(active(), "a b");
    session.sql("STOP JOB 'A.DELAYS'").await.unwrap();
    assert_eq!(active(), "b");
    session.sql("USE a").await.unwrap();
    // It has ended, and is meant nevertheless.
    session.sql("STOP JOB 'delays'").await.unwrap();
    assert_eq!(active(), "b");
    session.sql("START JOB 'delays'").await.unwrap();
    assert_eq!(active(), "b a");
    session.sql("STOP JOB 'b.delays' WITH DRAIN; STOP JOB 'delays'").await.unwrap();
    assert_eq!(active(), "");
    engine.shutdown().await;
}

/// The statements of a test are the ways in which a file or a folder comes to be below the data directory.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_power_takes_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "0.csv", "2013-01-01T10:00:00Z,1\n2013-01-01T10:30:00Z,2\n");
    let data = dir.path().join("data");
    let engine = open(dir.path(), false).await;
    let session = engine.new_session("ada", "1");
    let syncs = SyncFault::new(&data, usize::MAX);
    let job = "CREATE STREAMING TABLE sums PARTITIONED BY (h) AS SELECT window.start AS h, sum(n) AS s \
               FROM STREAM src WATERMARK t DELAY OF INTERVAL 1 MINUTE GROUP BY window(t, '20 minutes')";
    let statements = [
        &source(dir.path()),
        job,
        "CREATE TABLE d (n INT, p STRING) USING delta PARTITIONED BY (p)",
        "INSERT INTO d VALUES (1, 'a'), (2, 'b')",
        "INSERT OVERWRITE d VALUES (3, 'c')",
        "CREATE TABLE c USING csv AS SELECT 1 AS n",
        "CREATE TABLE j USING json PARTITIONED BY (p) AS SELECT 1 AS n, 'x' AS p",
        "CREATE TABLE q USING parquet AS SELECT 1 AS n",
        "INSERT INTO q VALUES (2)",
        "CREATE DATABASE other",
        "CREATE VIEW v AS SELECT * FROM d",
    ];
    for statement in statements {
        session.sql(statement).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
        assert_eq!(syncs.unsynced().unwrap(), Vec::<PathBuf>::new(), "{statement}");
    }
    // Epochs that merge and collect state, and a start over what they left.
    for n in 1..12 {
        write(dir.path(), &format!("{n}.csv"), &format!("2013-01-01T1{}:{n:02}:00Z,1\n", n % 10));
        session.sql(job).await.unwrap();
        assert_eq!(syncs.unsynced().unwrap(), Vec::<PathBuf>::new(), "epoch {n}");
    }
    engine.shutdown().await;
    assert_eq!(syncs.unsynced().unwrap(), Vec::<PathBuf>::new());
}
