//! Expressions: text in, compact tree out.

use super::compact;
use thalweg_sql::parse_expression;

fn check(cases: &[(&str, &str)]) {
    for (text, expect) in cases {
        let found = parse_expression(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(compact::expr(&found), *expect, "{text}");
    }
}

#[test]
fn operators_bind_as_in_spark() {
    check(&[
        ("a + b * c - d", "-(+(a, *(b, c)), d)"),
        ("10 DIV 3 + 1", "+(div(10, 3), 1)"),
        ("a % 2 = 0", "==(%(a, 2), 0)"),
        ("-a * +b", "*(negative(a), positive(b))"),
        ("~a & b ^ c | d", "|(^(&(~(a), b), c), d)"),
        ("a << 1 + 2", "<<(a, +(1, 2))"),
        ("a >> 1 >>> 2", ">>>(>>(a, 1), 2)"),
        ("a || b || 'c'", "||(||(a, b), \"c\")"),
        ("NOT a = b AND c OR d", "or(and(not(==(a, b)), c), d)"),
        ("! a", "not(a)"),
        ("NOT NOT a", "not(not(a))"),
        ("a and b and c and d", "and(and(a, b), and(c, d))"),
        ("a or b and c", "or(a, and(b, c))"),
        ("a <> b", "not(==(a, b))"),
        ("a != b", "not(==(a, b))"),
        ("a == b", "==(a, b)"),
        ("a !< b", ">=(a, b)"),
        ("a !> b", "<=(a, b)"),
        ("a <=> b", "<=>(a, b)"),
        ("a < b = true", "==(<(a, b), true)"),
        ("(a + b) * c", "*(+(a, b), c)"),
        ("2 - 1", "-(2, 1)"),
        ("2 -1", "-(2, 1)"),
        ("- 1", "-1"),
        ("- -1", "negative(-1)"),
        ("-2147483648", "-2147483648"),
    ]);
}

#[test]
fn predicates_follow_a_value() {
    check(&[
        ("a BETWEEN 1 AND 2 + 3 AND b", "and(between(a, 1, +(2, 3)), b)"),
        ("a NOT BETWEEN 1 AND 2", "not(between(a, 1, 2))"),
        ("a IN (1, 2)", "in(a, 1, 2)"),
        ("a + 1 NOT IN (1)", "not(in(+(a, 1), 1))"),
        ("a IN (SELECT 1)", "in{a; project[1] < one}"),
        ("(a, b) NOT IN (SELECT 1, 2)", "not(in{a, b; project[1, 2] < one})"),
        ("a LIKE '%x'", "like(a, \"%x\")"),
        ("a NOT LIKE '%!%' ESCAPE '!'", "not(like(a, \"%!%\", \"!\"))"),
        ("a ILIKE 'x'", "ilike(a, \"x\")"),
        ("a RLIKE 'x' OR a REGEXP 'y'", "or(rlike(a, \"x\"), rlike(a, \"y\"))"),
        ("a LIKE ANY ('x', 'y')", "or(like(a, \"x\"), like(a, \"y\"))"),
        ("a NOT LIKE ALL ('x', 'y')", "and(not(like(a, \"x\")), not(like(a, \"y\")))"),
        ("a ILIKE SOME ('x')", "ilike(a, \"x\")"),
        ("a IS NULL AND b IS NOT NULL", "and(isnull(a), isnotnull(b))"),
        ("a IS TRUE OR b IS NOT FALSE", "or(<=>(a, true), not(<=>(b, false)))"),
        ("a IS NOT UNKNOWN", "is not unknown(a)"),
        ("a IS DISTINCT FROM b", "not(<=>(a, b))"),
        ("a IS NOT DISTINCT FROM b", "<=>(a, b)"),
        ("EXISTS (SELECT 1)", "exists{project[1] < one}"),
        ("NOT EXISTS (SELECT 1)", "not(exists{project[1] < one})"),
        ("exists(xs, x -> x > 1)", "exists(xs, (x) -> >($x, 1))"),
        ("a = b IS NULL", "isnull(==(a, b))"),
        ("like('a', 'b')", "like(\"a\", \"b\")"),
    ]);
}

#[test]
fn literals_have_sparks_types() {
    check(&[
        ("1", "1"),
        ("3000000000", "3000000000L"),
        ("1L", "1L"),
        ("-1Y", "-1Y"),
        ("1S", "1S"),
        ("1.0D", "1.0D"),
        ("1.5BD", "15:dec(2,1)"),
        ("1e3", "1000.0D"),
        ("1.5f", "1.5F"),
        ("0.06", "6:dec(2,2)"),
        ("X'1F'", "x[31]"),
        ("'a\\tb'", "\"a\\tb\""),
        ("r'a\\tb'", "\"a\\\\tb\""),
        ("'a' 'b' \"c\"", "\"abc\""),
        ("'it''s'", "\"it's\""),
        ("true", "true"),
        ("NULL", "null"),
        ("DATE'2013-01-01'", "date(15706)"),
        ("date '2013-1-1'", "date(15706)"),
        ("TIMESTAMP '2013-01-01 10:00:00'", "timestamp(2013-01-01 10:00:00)"),
        ("TIMESTAMP '1970-01-01 00:00:01 UTC'", "timestamp(1000000)"),
        ("TIMESTAMP_NTZ '1970-01-01 00:00:01'", "ntz(1000000)"),
        ("INTERVAL 1 DAY", "time(86400000000,0-0)"),
        ("d + INTERVAL '1' MONTH - interval 2 days", "-(+(d, months(1,1-1)), time(172800000000,0-0))"),
        ("interval 5 days 3 hours", "time(442800000000,0-1)"),
        ("interval '1-2' year to month", "months(14,0-1)"),
        ("interval", "interval"),
        ("interval + 1", "+(interval, 1)"),
        ("date", "date"),
        ("date(x)", "date(x)"),
    ]);
}

#[test]
fn names_fields_and_subscripts() {
    check(&[
        ("t.`a b`.c", "t.a b.c"),
        ("a[0].b['k']", "a[0][\"b\"][\"k\"]"),
        ("f(x).y", "f(x)[\"y\"]"),
        ("(s).f", "s[\"f\"]"),
        ("a::int::string", "cast(cast(a as int) as string)"),
        ("-1::string", "cast(-1 as string)"),
        ("CAST(a AS decimal(10, 2))", "cast(a as decimal(10,2))"),
        ("TRY_CAST(a AS array<int>)", "try_cast(a as array<int>)"),
        ("x.end", "x.end"),
        ("window.start", "window.start"),
        ("a AS b", "a as b"),
        ("a b", "a as b"),
        ("stack(2, 1, 2) AS (x, y)", "stack(2, 1, 2) as x/y"),
        ("t.*", "t.*"),
        ("* EXCEPT (a, b.c)", "* except(a, b.c)"),
        ("?", "?0"),
        ("array(?, r'\\', ?, '?', ?)", r#"array(?0, "\\", ?1, "?", ?2)"#),
        ("? /* ? /* ? */ ? */ + ? -- ?", "+(?0, ?1)"),
        (":name + 1", "+(:name, 1)"),
        ("(1, a)", "struct(1, a)"),
        ("struct(1 AS x, 2)", "struct(1 as x, 2)"),
        ("IDENTIFIER('a.b')", "a.b"),
        ("IDENTIFIER('a' || '.b' 'c' || concat('.d', ''))", "a.bc.d"),
        ("IDENTIFIER('up' || 'per')(x)", "upper(x)"),
        ("current_date", "current_date"),
        ("current_timestamp()", "current_timestamp()"),
    ]);
}

#[test]
fn calls_with_their_clauses() {
    check(&[
        ("count(*)", "count(*)"),
        ("COUNT(DISTINCT a, b)", "COUNT(distinct a, b)"),
        ("sum(ALL a)", "sum(a)"),
        ("sum(a) FILTER (WHERE b > 1)", "sum(a) filter(>(b, 1))"),
        ("first(a) IGNORE NULLS", "first(a) ignore nulls"),
        ("last(a RESPECT NULLS)", "last(a) respect nulls"),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC)", "percentile_cont(5:dec(1,1)) within(a desc)"),
        ("f(a => 1, b => 2)", "f(a => 1, b => 2)"),
        ("db.f(1)", "db.f(1)"),
        ("transform(xs, (x, i) -> x + i + y)", "transform(xs, (x, i) -> +(+($x, $i), y))"),
        ("filter(xs, x -> x.a > 1)", "filter(xs, (x) -> >($x[\"a\"], 1))"),
        (
            "row_number() OVER (PARTITION BY a, b ORDER BY c DESC NULLS LAST)",
            "row_number() over(by a, b; order c desc nulls last)",
        ),
        (
            "sum(a) OVER (ORDER BY b ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
            "sum(a) over(order b; rows negative(2)..current)",
        ),
        (
            "sum(a) OVER (ORDER BY b RANGE BETWEEN UNBOUNDED PRECEDING AND x FOLLOWING)",
            "sum(a) over(order b; range -inf..x)",
        ),
        ("sum(a) OVER (ROWS y PRECEDING)", "sum(a) over(rows negative(y)..current)"),
        ("sum(a) OVER ()", "sum(a) over()"),
        ("lag(a, 1) IGNORE NULLS OVER (ORDER BY b)", "lag(a, 1) ignore nulls over(order b)"),
        ("CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END", "when(a, 1, b, 2, 3)"),
        ("CASE x WHEN 1 THEN 'a' END", "case of(x, 1, \"a\")"),
        ("CASE (a OR b) WHEN true THEN 1 END", "case of(or(a, b), true, 1)"),
        ("CASE 'x' WHEN y THEN 1 END", "case of(\"x\", y, 1)"),
        ("EXTRACT(YEAR FROM d)", "extract(\"YEAR\", d)"),
        ("SUBSTRING(a FROM 2 FOR 3)", "substring(a, 2, 3)"),
        ("substr(a, 2)", "substr(a, 2)"),
        ("TRIM(a)", "trim(a)"),
        ("TRIM(BOTH FROM a)", "trim(a)"),
        ("TRIM(LEADING 'x' FROM a)", "ltrim(\"x\", a)"),
        ("TRIM('x' FROM a)", "trim(\"x\", a)"),
        ("POSITION('x' IN a)", "position(\"x\", a)"),
        ("OVERLAY(a PLACING b FROM 1 FOR 2)", "overlay(a, b, 1, 2)"),
        ("TIMESTAMPADD(HOUR, 1, t)", "timestampadd(\"HOUR\", 1, t)"),
        ("datediff(day, a, b)", "timestampdiff(\"DAY\", a, b)"),
        ("datediff(a, b)", "datediff(a, b)"),
        ("left(a, 1)", "left(a, 1)"),
        ("if(a, 1, 2)", "if(a, 1, 2)"),
    ]);
}

#[test]
fn every_expression_knows_its_place() {
    let text = "a + sum(b.c) * CASE WHEN d THEN 'é' END";
    let expr = parse_expression(text).unwrap();
    let mut found = vec![];
    let shown = format!("{expr:?}");
    for part in shown.split("Span { start: ").skip(1) {
        let mut numbers = part.split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty());
        let mut next = || numbers.next().unwrap().parse::<usize>().unwrap();
        let (start, stop) = (next(), next());
        found.push(text.chars().skip(start).take(stop - start).collect::<String>());
    }
    found.sort();
    let mut expect = vec![
        text,
        "a",
        "sum(b.c) * CASE WHEN d THEN 'é' END",
        "sum(b.c)",
        "b.c",
        "CASE WHEN d THEN 'é' END",
        "d",
        "'é'",
    ];
    expect.sort_unstable();
    assert_eq!(found, expect);
}
