//! Texts that are refused: the class, and the fragment that the error points at.

use thalweg_sql::{parse, parse_expression};

fn check(cases: &[(&str, &str, &str)]) {
    for (text, class, fragment) in cases {
        let error = match parse(text) {
            Ok(parsed) => panic!("{text} parsed: {parsed:?}"),
            Err(error) => error,
        };
        let found = error.position().map_or("", |p| p.fragment.as_str());
        assert_eq!((error.class(), found), (*class, *fragment), "{text}: {error}");
    }
}

#[test]
fn syntax_errors_point_at_the_first_word_that_does_not_fit() {
    let class = "PARSE_SYNTAX_ERROR";
    check(&[
        ("SELEC 1", class, "SELEC"),
        ("SELECT 1 FROM", class, ""),
        ("SELECT a FROM t WHERE", class, ""),
        ("SELECT a FROM t GROUP a", class, "GROUP"),
        ("SELECT (1", class, ""),
        ("SELECT 1)", class, ")"),
        ("SELECT a b c", class, "c"),
        ("SELECT 'open", class, "'open"),
        ("SELECT $x", class, "$"),
        ("SELECT FROM t", class, "FROM"),
        ("SELECT a FROM t JOIN", class, ""),
        ("SELECT a FROM t NATURAL JOIN u ON p", class, "NATURAL"),
        ("SELECT CASE a END", class, "END"),
        ("SELECT a LIKE 'x' ESCAPE 'yy'", class, "'yy'"),
        ("SELECT 1 SELECT 2", class, "SELECT"),
        ("SELECT a = NOT b", class, "NOT"),
        ("SELECT a.1b.", class, ""),
        ("CREATE TABLE t COMMENT 'a' COMMENT 'b'", class, "COMMENT"),
        ("FROM t WATERMARK ts DELAY INTERVAL 1 DAY", class, "INTERVAL"),
        ("DROP", class, ""),
        ("SELECT 1 ! IN (2)", class, "!"),
        ("CREATE TABLE t (a INT COMMENT 'x' COMMENT 'y')", class, "COMMENT"),
        ("CREATE TABLE t USING csv OPTIONS (header)", class, ")"),
    ]);
}

#[test]
fn a_message_names_line_column_and_word() {
    let error = parse("SELECT a,\n  b XY t u").unwrap_err();
    assert_eq!(
        error.to_string(),
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 't'. SQLSTATE: 42601; line 2 pos 7"
    );
    assert_eq!(error.parameters().get("error").map(String::as_str), Some("'t'"));
    assert_eq!(error.hint_text(), None);
    let hint = |text: &str| parse(text).unwrap_err().hint_text().map(str::to_owned);
    assert_eq!(hint("SELEC 1").as_deref(), Some("Did you mean SELECT instead of SELEC?"));
    assert_eq!(hint("SELECT a FORM t").as_deref(), Some("Did you mean FROM instead of FORM?"));
    assert_eq!(hint("SELECT a FROM t WHRE b").as_deref(), Some("Did you mean WHERE instead of WHRE?"));
    let error = parse("SELECT 1;\nSELECT )").unwrap_err();
    assert_eq!(error.position().map(|p| (p.line, p.column)), Some((2, 8)));
}

#[test]
fn an_empty_text_is_its_own_error() {
    for text in ["", "  ", ";", "-- nothing", "/* nothing */ ;"] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.class(), error.sqlstate()), ("PARSE_EMPTY_STATEMENT", "42617"), "{text}");
    }
    assert_eq!(parse_expression("").unwrap_err().class(), "PARSE_EMPTY_STATEMENT");
}

#[test]
fn what_the_plan_can_not_carry_is_refused_by_name() {
    let class = "UNSUPPORTED_FEATURE";
    check(&[
        ("MERGE INTO t USING s ON p WHEN MATCHED THEN DELETE", class, "MERGE"),
        ("ALTER TABLE t ADD COLUMN a INT", class, "ALTER"),
        ("SELECT * FROM t VERSION AS OF 1", class, "VERSION"),
        ("SELECT * FROM t FOR TIMESTAMP AS OF 'x'", class, "FOR"),
        ("SELECT * FROM t PIVOT (sum(a) FOR b IN (1, 2))", class, "PIVOT"),
        ("SELECT * FROM t UNPIVOT ((a, b) FOR n IN ((c, d)))", class, "("),
        ("SELECT * FROM t TABLESAMPLE (BUCKET 1 OUT OF 2)", class, "BUCKET"),
        ("SELECT a COLLATE UTF8_LCASE", class, "COLLATE"),
        ("FROM t |> WHERE a", class, "|>"),
        ("FROM STREAM range(10)", class, "STREAM"),
        ("FROM STREAM (SELECT 1)", class, "STREAM"),
        ("CREATE TABLE t (a INT DEFAULT 1)", class, "DEFAULT"),
        ("CREATE TABLE t (a INT) CLUSTERED BY (a) INTO 4 BUCKETS", class, "CLUSTERED"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (years(a))", class, "("),
        ("CREATE DATABASE d COMMENT 'x'", class, "COMMENT"),
        ("CREATE VIEW v COMMENT 'x' AS SELECT 1", class, "COMMENT"),
        ("CREATE OR REPLACE STREAMING TABLE s AS SELECT 1", class, "CREATE"),
        ("CREATE STREAMING TABLE s", class, ""),
        ("INSERT INTO t PARTITION (a = 1) SELECT 1", class, "PARTITION"),
        ("INSERT OVERWRITE DIRECTORY 'x' SELECT 1", class, "DIRECTORY"),
        ("EXPLAIN INSERT INTO t SELECT 1", class, "INSERT"),
        ("SHOW PARTITIONS t", class, "PARTITIONS"),
        ("INSERT WITH SCHEMA EVOLUTION INTO t SELECT 1", class, "WITH"),
        ("INSERT INTO t REPLACE ON a = b SELECT 1", class, "REPLACE"),
        ("FROM a INSERT INTO b SELECT *", class, "INSERT"),
        ("FROM a SELECT * SELECT *", class, "SELECT"),
        ("SELECT * FROM f(TABLE (t))", class, "TABLE"),
        ("SELECT TRANSFORM (a) USING 'cat' FROM t", class, "TRANSFORM"),
        ("SELECT * FROM t TABLESAMPLE SYSTEM (1 PERCENT)", class, "SYSTEM"),
        ("SELECT * FROM t CHANGES FROM VERSION 1", class, "CHANGES"),
        ("SELECT * FROM t JOIN u NEAREST 3 BY DISTANCE x", class, "NEAREST"),
        ("DESCRIBE t a", class, "a"),
        ("DROP TABLE t PURGE", class, "PURGE"),
        ("WITH r AS MAX RECURSION LEVEL 5 (SELECT 1) TABLE r", "PARSE_SYNTAX_ERROR", "MAX"),
        ("SET TIME ZONE LOCAL", class, "LOCAL"),
        ("IDENTIFIER(:x)", "PARSE_SYNTAX_ERROR", "IDENTIFIER"),
        ("SELECT * FROM IDENTIFIER(:x)", class, "IDENTIFIER"),
    ]);
}

#[test]
fn errors_of_a_meaning_have_sparks_class() {
    check(&[
        ("SELECT DATE 'x'", "INVALID_TYPED_LITERAL", "DATE 'x'"),
        ("SELECT TIME '10:00'", "UNSUPPORTED_TYPED_LITERAL", "TIME '10:00'"),
        ("SELECT 300Y", "INVALID_NUMERIC_LITERAL_RANGE", "300Y"),
        ("SELECT CAST(a AS foo)", "UNSUPPORTED_DATATYPE", "foo"),
        ("SELECT CAST(a AS array)", "INCOMPLETE_TYPE_DEFINITION.ARRAY", "array"),
        ("SELECT INTERVAL 1 MONTH 1 DAY", "_LEGACY_ERROR_TEMP_0029", "INTERVAL 1 MONTH 1 DAY"),
        ("SELECT sum(a) OVER w FROM t", "MISSING_WINDOW_SPECIFICATION", "w"),
        ("WITH c AS (SELECT 1), C AS (SELECT 2) TABLE c", "DUPLICATED_CTE_NAMES", "C"),
        ("SET a b = 1", "INVALID_SET_SYNTAX", "a b = 1"),
    ]);
}

/// Every parenthesis of this text nests in the one before; the parser must refuse it, on a small stack too.
fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("SELECT {}1{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn endless_nesting_is_refused_before_the_stack_ends() {
    let deep = 100_000;
    let texts = vec![
        nested("(", ")", deep),
        nested("(SELECT ", ")", deep),
        nested("f(", ")", deep),
        nested("CASE WHEN ", " THEN 1 END", deep),
        nested("x -> ", "", deep),
        nested("a[", "]", deep),
        nested("NOT ", "", deep),
        nested("- ", "", deep),
        nested("CAST(1 AS array<", ">)", 1).replace("array<", &"array<".repeat(deep)),
        format!("SELECT 1{}", " + 1".repeat(deep)),
        format!("SELECT a{}", "[0]".repeat(deep)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(deep)),
        format!("FROM t{}", " JOIN t".repeat(deep)),
        format!("FROM {}t", "(".repeat(deep)),
        format!("FROM t{}", ", t".repeat(deep)),
        format!("SELECT a FROM t GROUP BY GROUPING SETS {}", "(GROUPING SETS ".repeat(deep)),
    ];
    let worker = std::thread::Builder::new().stack_size(1 << 20);
    let classes = worker
        .spawn(move || texts.iter().map(|t| parse(t).unwrap_err().class().to_owned()).collect::<Vec<_>>());
    for class in classes.unwrap().join().unwrap() {
        assert_eq!(class, "FAILED_TO_PARSE_TOO_COMPLEX");
    }
}

#[test]
fn long_lists_and_conjunctions_are_fine() {
    for text in [
        format!("SELECT 1 WHERE a{}", " AND a + 1 = 2".repeat(20_000)),
        format!("SELECT a{}", " OR NOT a BETWEEN 1 AND 2".repeat(20_000)),
        format!("SELECT a IN (1{})", ", 1".repeat(20_000)),
        format!("VALUES (1){}", ", (1)".repeat(20_000)),
        format!("SELECT {}1{}", "(".repeat(60), ")".repeat(60)),
        format!("SELECT 1{}", " + 1".repeat(300)),
        format!("SELECT {}1{}", "(SELECT ".repeat(40), ")".repeat(40)),
        format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(30), ")".repeat(30)),
    ] {
        assert!(parse(&text).is_ok());
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let seeds = [
        include_str!("../../../../bench/tpch/q07.sql"),
        include_str!("../../../../bench/tpch/q13.sql"),
        "FROM STREAM t WATERMARK f(x) AS ts DELAY OF INTERVAL '1 2:3:4.5' DAY TO SECOND LATERAL VIEW OUTER explode(a) b AS c",
        "CREATE TABLE t (a DECIMAL(10,2) NOT NULL COMMENT 'é') USING csv OPTIONS (a=-1) PARTITIONED BY (a) AS SELECT * EXCEPT (a) FROM x",
        "SELECT /*+ B(t) */ X'1F', r'\\', 'a\\u00e9', 1.5e-3BD, a[0].b::int, (x, y) -> x, sum(a) OVER (w) FROM t WINDOW w AS (ROWS 1 PRECEDING)",
        "SET TIME ZONE INTERVAL -7 HOURS; SET a = '; RESET `x`; SHOW TABLES IN d LIKE 'x'",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    let alphabet: Vec<char> = "()[]{}<>'\"`\\;,.:=+-*/%&|^~!?@$ \n0L1e9xX_éß\u{0}".chars().collect();
    let mut parsed = 0;
    for round in 0..20_000 {
        let seed: Vec<char> = seeds[round % seeds.len()].chars().collect();
        let (from, to) = (next(seed.len()), next(seed.len()));
        let mut text: Vec<char> = seed[from.min(to)..].to_vec();
        for _ in 0..next(4) {
            let at = next(text.len());
            match next(3) {
                0 => text[at] = alphabet[next(alphabet.len())],
                1 => text.insert(at, alphabet[next(alphabet.len())]),
                _ => text.truncate(at + 1),
            }
        }
        let text: String = text.into_iter().collect();
        parsed += usize::from(parse(&text).is_ok());
        let _ = parse_expression(&text);
        let _ = thalweg_sql::types::parse_ddl_schema(&text);
    }
    assert!(parsed > 0, "mutations that still parse reach further than those that never do");
}
