//! Tests `thalweg sql` as an SQL shell for users and scripts.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A command in a folder with `a.csv`, `b.json`, `dir/c.csv` and `it's.csv`.
fn thalweg(folder: &Path, args: &[&str]) -> Command {
    let files = [
        ("a.csv", "n,s\n1,x\n2,y\n"),
        ("b.json", "{\"n\":1}\n"),
        ("dir/c.csv", "n,s\n3,z\n"),
        ("it's.csv", "n\n7\n"),
        ("e.sql", "-- first\nSELECT 1 AS a;\n\n/* two\nlines */ SELECT x\n  FROM (SELECT 1 AS y);\n"),
        ("c.sql", "-- nothing\n/* at all */ ;\n"),
    ];
    std::fs::create_dir_all(folder.join("dir")).unwrap();
    for (name, content) in files {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command.args(args).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    thalweg(dir.path(), args).spawn().unwrap().wait_with_output().unwrap()
}

/// Checks exit code and stdout, and that stderr has the parts.
fn check(args: &[&str], code: i32, stdout: &str, stderr: &[&str]) {
    let output = run(args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    assert_eq!(out, stdout, "{args:?}");
    for part in stderr {
        assert!(err.contains(part), "{args:?}: no {part:?} in {err}");
    }
    assert!(!stderr.is_empty() || err.is_empty(), "{args:?}: {err}");
}

#[test]
fn files_are_tables_under_every_way_to_write_a_path() {
    let cases = [
        ("FROM 'a.csv'", "n,s\n1,x\n2,y\n"),
        ("SELECT * FROM \"a.csv\" WHERE n > 1", "n,s\n2,y\n"),
        ("SELECT sum(n) AS t FROM '{a,dir/c}.csv'", "t\n6\n"),
        ("SELECT * FROM 'd*/*.csv'", "n,s\n3,z\n"),
        ("SELECT * FROM 'it''s.csv'", "n\n7\n"),
        ("SELECT n FROM 'b.json'", "n\n1\n"),
        ("SELECT _c0 FROM csv.`a.csv` LIMIT 1", "_c0\nn\n"),
        ("DESCRIBE 'a.csv'", "col_name,data_type,comment\nn,int,\ns,string,\n"),
        ("DESC FROM 'b.json'", "col_name,data_type,comment\nn,bigint,\n"),
        (
            "CREATE TEMPORARY VIEW v AS FROM 'a.csv'; SHOW TABLES",
            "namespace,tableName,isTemporary\n\"\",v,true\n",
        ),
    ];
    for (sql, wanted) in cases {
        check(&["sql", "--format", "csv", "-c", sql], 0, wanted, &[]);
    }
}

#[test]
fn every_value_has_an_exact_text() {
    let sql = "SELECT NULL AS v, CAST(NULL AS STRING) AS s, '' AS e, 'a,\"b\"' AS q, \
               CAST(1.50 AS DECIMAL(10,2)) AS d, CAST('12345678901234567890123456789.5' AS DECIMAL(38,1)) AS b, \
               DATE'2020-01-02' AS t, TIMESTAMP'2020-01-02 03:04:05.120' AS ts, double('NaN') AS nan, \
               -double('Infinity') AS inf, 1e300 AS x, X'01FF' AS bin, array(1, NULL) AS l, map(1, 'é') AS m, \
               named_struct('x', 0.1, 'y', true) AS o";
    check(
        &["sql", "--format", "json", "-c", sql],
        0,
        "{\"v\":null,\"s\":null,\"e\":\"\",\"q\":\"a,\\\"b\\\"\",\"d\":1.50,\"b\":12345678901234567890123456789.5,\
         \"t\":\"2020-01-02\",\"ts\":\"2020-01-02T03:04:05.120Z\",\"nan\":\"NaN\",\"inf\":\"-Infinity\",\
         \"x\":1.0E300,\"bin\":\"01ff\",\"l\":[1,null],\"m\":{\"1\":\"é\"},\"o\":{\"x\":0.1,\"y\":true}}\n",
        &[],
    );
    check(
        &["sql", "--format", "csv", "-c", sql],
        0,
        "v,s,e,q,d,b,t,ts,nan,inf,x,bin,l,m,o\n,,\"\",\"a,\"\"b\"\"\",1.50,12345678901234567890123456789.5,\
         2020-01-02,2020-01-02 03:04:05.12,NaN,-Infinity,1.0E300,[01 FF],\"[1, NULL]\",{1 -> é},\"{0.1, true}\"\n",
        &[],
    );
    let boxed = "\
┌────────┬────────────┬──────────────────┬──────┐
│ w      │ l          │ m                │ v    │
│ string │ array<int> │ map<string,date> │ void │
├────────┼────────────┼──────────────────┼──────┤
│ 日本   │ [1, NULL]  │ {é -> NULL}      │ NULL │
└────────┴────────────┴──────────────────┴──────┘
1 row
";
    let sql = "SELECT '日本' AS w, array(1, NULL) AS l, map('é', CAST(NULL AS DATE)) AS m, NULL AS v";
    check(&["sql", "-c", sql], 0, boxed, &[]);
}

#[test]
fn a_script_may_hold_comments_and_an_error_has_the_line_of_its_file() {
    check(&["sql", "-f", "c.sql"], 0, "", &[]);
    check(&["sql", "-c", "-- only a comment"], 0, "", &[]);
    check(&["sql", "--format", "csv", "-c", "SELECT ';' AS s; -- ; end"], 0, "s\n;\n", &[]);
    let error = ["error[UNRESOLVED_COLUMN.WITH_SUGGESTION]", "  5 | SELECT x", "^"];
    check(&["sql", "--format", "csv", "-f", "e.sql"], 1, "a\n1\n", &error);
}

#[test]
fn a_path_that_is_not_there_is_explained() {
    let sql = |path: &str| format!("SELECT * FROM '{path}'");
    let cases = [
        ("aa.csv", ["PATH_NOT_FOUND", "aa.csv", "Did you mean 'a.csv'"]),
        ("no/such/file.csv", ["PATH_NOT_FOUND", "no/such/file.csv", "is there."]),
        ("dir/*.json", ["PATH_NOT_FOUND", "dir/*.json", "No file below"]),
        ("s3://bucket/a.csv", ["UNSUPPORTED_FEATURE", "s3", "hint:"]),
    ];
    for (path, parts) in cases {
        check(&["sql", "-c", &sql(path)], 1, "", &parts);
    }
}

#[test]
fn a_reader_that_has_enough_ends_the_run_quietly() {
    let dir = tempfile::tempdir().unwrap();
    for format in ["csv", "json"] {
        let sql = "SELECT id, id AS b FROM range(3000000)";
        let mut child = thalweg(dir.path(), &["sql", "--format", format, "-c", sql]).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        let mut talk = String::new();
        child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
        assert_eq!((child.wait().unwrap().code(), talk.as_str()), (Some(141), ""), "{format}");
    }
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("sh").args(["-c", "kill -INT \"$1\"", "sh", &pid]).status().unwrap().success());
}

#[test]
#[allow(clippy::disallowed_methods)]
fn an_interrupt_ends_what_computes_without_a_pause() {
    let queries = [
        "SELECT count(*) FROM range(3000000) a JOIN range(3000000) b ON a.id < b.id",
        "SELECT max(x) FROM (SELECT explode(sequence(1, 100000)) AS x FROM range(100000000))",
        // One step of many seconds, which the process does not wait for.
        "SELECT sum(n) FROM (SELECT count(*) OVER (ORDER BY id DESC) AS n FROM range(100000000))",
    ];
    for query in queries {
        let dir = tempfile::tempdir().unwrap();
        let sql = format!("SELECT 0L AS ready UNION ALL {query}");
        let mut child = thalweg(dir.path(), &["sql", "--format", "csv", "-c", &sql]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        for wanted in ["ready\n", "0\n"] {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            assert_eq!(line, wanted);
        }
        let start = Instant::now();
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{query}");
        // About one, on a machine with nothing else to do.
        assert!(start.elapsed() < Duration::from_secs(10), "{query}");
    }
}

#[test]
fn an_interrupt_ends_the_run_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let sql = "SELECT 1 AS ready; CREATE TABLE t USING csv AS SELECT a.id + b.id AS n FROM range(1000000) a CROSS JOIN range(1000000) b";
    let mut command = thalweg(dir.path(), &["sql", "--format", "csv", "-c", sql, "--data-dir"]);
    let mut child = command.arg(&data).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for wanted in ["ready\n", "1\n"] {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, wanted);
    }
    interrupt(&child);
    let mut talk = String::new();
    child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{talk}");
    assert!(talk.contains("OPERATION_CANCELED"), "{talk}");
    let again = "SHOW TABLES";
    let output =
        thalweg(dir.path(), &["sql", "--format", "csv", "-c", again, "--data-dir"]).arg(&data).output();
    assert_eq!(String::from_utf8_lossy(&output.unwrap().stdout), "namespace,tableName,isTemporary\n");
}
