//! Tests the command line: rows on stdout, messages on stderr, and the documented exit codes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/flights-2013-01.csv");

fn thalweg(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(mut command: Command, stdin: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // A program that refuses its arguments does not read its stdin.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Checks exit code and whole stdout, and that stderr has the given parts.
fn check(args: &[&str], stdin: &str, code: i32, stdout: &str, stderr: &[&str]) {
    let output = run(thalweg(args), stdin);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    assert_eq!(out, stdout, "{args:?}");
    for part in stderr {
        assert!(err.contains(part), "{args:?}: no {part:?} in {err}");
    }
    assert!(!stderr.is_empty() || err.is_empty(), "{args:?}: {err}");
}

#[test]
fn rows_come_in_three_formats() {
    let text = "SELECT 1 AS a, 'x' AS b, CAST(NULL AS STRING) AS c";
    let boxed = "\
┌─────┬────────┬────────┐
│   a │ b      │ c      │
│ int │ string │ string │
├─────┼────────┼────────┤
│   1 │ x      │ NULL   │
└─────┴────────┴────────┘
1 row
";
    check(&["sql", "-c", text], "", 0, boxed, &[]);
    check(&["sql", "--format", "csv"], text, 0, "a,b,c\n1,x,\n", &[]);
    check(&["sql", "--format", "json", "-c", text], "", 0, "{\"a\":1,\"b\":\"x\",\"c\":null}\n", &[]);
}

#[test]
fn statements_run_in_order_and_the_first_error_ends_the_run() {
    let text = "CREATE TEMPORARY VIEW v AS SELECT 7 AS n; SELECT n FROM v; SELECT nn FROM v; SELECT n FROM v";
    let error = ["error[UNRESOLVED_COLUMN.WITH_SUGGESTION] SQLSTATE 42703", "  1 | SELECT nn FROM v", "^^"];
    check(&["sql", "--format", "csv", "-c", text], "", 1, "n\n7\n", &error);
}

#[test]
fn errors_have_their_codes() {
    check(&["sql", "-c", "SELEC 1"], "", 1, "", &["error[PARSE_SYNTAX_ERROR] SQLSTATE 42601"]);
    check(&["sql", "-c", "SELECT 1/0"], "", 1, "", &["error[DIVIDE_BY_ZERO] SQLSTATE 22012"]);
    check(&["sql", "-f", "no-such-file.sql"], "", 1, "", &["no-such-file.sql"]);
    check(&["sql", "--formt", "csv"], "", 2, "", &["--formt", "--format"]);
    check(&["seve"], "", 2, "", &["seve", "serve"]);
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_a_suggestion() {
    let mut command = thalweg(&["sql", "-c", "SELECT 1"]);
    command.env("THALWEG_SERVER__PROT", "1");
    let output = run(command, "");
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("UNKNOWN_KEY") && err.contains("THALWEG_SERVER__PORT"), "{err}");
}

#[test]
fn a_file_is_queried_where_it_lies() {
    let text = format!("SELECT count(*) AS n FROM '{FLIGHTS}'");
    check(&["sql", "--format", "csv", "-c", &text], "", 0, "n\n27004\n", &[]);
}

#[test]
fn a_server_prints_its_url_and_ends_at_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = thalweg(&["serve", "--port", "0", "--data-dir"]);
    let mut child = command.arg(dir.path()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("sc://127.0.0.1:"), "{url}");
    // A second process on the same directory fails with an error instead of waiting or working.
    let busy = dir.path().display().to_string();
    check(&["sql", "--data-dir", &busy, "-c", "SELECT 1"], "", 1, "", &["error[DATA_DIR_IN_USE]", "hint:"]);
    let pid = child.id().to_string();
    assert!(Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
