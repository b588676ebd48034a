"""Decimals of Python, columns with odd names, unions by name and frames' own columns: a program in, Spark's answer out."""

import decimal

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

D = decimal.Decimal


def told(frame):
    return [frame.schema.simpleString(), sorted((tuple(r) for r in frame.collect()), key=str)]


def lit(value):
    return lambda s: told(s.range(1).select(F.lit(D(value)).alias("c")))


def arg(value):
    return lambda s: told(s.sql("SELECT :p AS c", args={"p": D(value)}))


def dotted(s):
    return s.createDataFrame([(1, None, "n/a"), (None, 2.5, "x")], "`a.b` int, `c d` double, e string")


def nested(s):
    return s.sql("SELECT named_struct('b', CAST(NULL AS INT), 'c', 'n/a') AS a, CAST(NULL AS INT) AS x")


def union(left, right, missing=False):
    return lambda s: told(s.sql(left).unionByName(s.sql(right), allowMissingColumns=missing))


def sets(columns, *grouping):
    def program(s):
        frame = s.sql("SELECT * FROM VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 4) AS t(k, p, v)")
        return told(frame.groupingSets(list(grouping), *columns).agg(F.sum("v").alias("s")))

    return program


def frames(s):
    frame = s.createDataFrame([(1, 2), (3, 4)], ["a", "b"])
    return frame, frame.where("b > 2"), s.createDataFrame([(1, 2)], ["a", "b"])


def ids(s):
    return s.range(0, 6, 1, 1).withColumn("n", F.monotonically_increasing_id())


ANSWERS = [
    ("lit", lit("2.50"), ["struct<c:decimal(10,2)>", [(D("2.50"),)]]),
    ("lit long", lit("12345678901234567890.12"), ["struct<c:decimal(22,2)>", [(D("12345678901234567890.12"),)]]),
    ("lit 1E+3", lit("1E+3"), ["struct<c:decimal(10,0)>", [(D("1000"),)]]),
    ("lit 0E-10", lit("0E-10"), ["struct<c:decimal(10,10)>", [(D("0E-10"),)]]),
    ("lit -0.001", lit("-0.001"), ["struct<c:decimal(10,3)>", [(D("-0.001"),)]]),
    ("lit 38 digits", lit("9" * 38), ["struct<c:decimal(38,0)>", [(D("9" * 38),)]]),
    ("name of a lit", lambda s: s.range(1).select(F.lit(D("1E-20")), F.lit(D("-2.5"))).columns, ["1E-20", "-2.5"]),
    ("arg", arg("2.50"), ["struct<c:decimal(3,2)>", [(D("2.50"),)]]),
    ("arg 0.001", arg("0.001"), ["struct<c:decimal(3,3)>", [(D("0.001"),)]]),
    (
        "isin",
        lambda s: told(s.range(4).where(F.col("id").isin(D("2.0"), D("9.99")))),
        ["struct<id:bigint>", [(2,)]],
    ),
    (
        "when",
        lambda s: told(s.range(2).select(F.when(F.col("id") == 0, D("1.25")).otherwise(D("10")).alias("c"))),
        ["struct<c:decimal(12,2)>", [(D("1.25"),), (D("10.00"),)]],
    ),
    (
        "array",
        lambda s: told(s.range(1).select(F.lit([D("2.50"), None, D("1E+3")]).alias("c"))),
        ["struct<c:array<decimal(12,2)>>", [([D("2.50"), None, D("1000.00")],)]],
    ),
    ("fillna", lambda s: told(dotted(s).fillna(9, ["`a.b`", "c d"]))[1], [(1, 9.0, "n/a"), (9, 2.5, "x")]),
    (
        "fillna of two",
        lambda s: told(dotted(s).fillna({"`a.b`": 7, "c d": 1.5}))[1],
        [(1, 1.5, "n/a"), (7, 2.5, "x")],
    ),
    ("fillna of a field", lambda s: told(nested(s).fillna(9, ["a.b"]))[1], [((None, "n/a"), None)]),
    ("fillna by alias", lambda s: told(nested(s).alias("t").fillna(9, ["t.x"]))[1], [((None, "n/a"), 9)]),
    ("dropna", lambda s: told(dotted(s).dropna(subset=["`a.b`"]))[1], [(1, None, "n/a")]),
    ("dropna of a field", lambda s: told(nested(s).dropna(subset=["a.b"]))[1], []),
    ("replace", lambda s: told(dotted(s).replace(1, 7, ["`a.b`"]))[1], [(7, None, "n/a"), (None, 2.5, "x")]),
    ("dropDuplicates", lambda s: told(dotted(s).dropDuplicates(["a.b"]).select("e"))[1], [("n/a",), ("x",)]),
    (
        "dropDuplicates of two",
        lambda s: told(s.sql("SELECT 1 AS a, 2 AS a UNION ALL SELECT 1, 3").dropDuplicates(["a"]))[1],
        [(1, 2), (1, 3)],
    ),
    ("drop of a field", lambda s: nested(s).drop(F.col("a.b")).columns, ["a", "x"]),
    ("describe of a field", lambda s: nested(s).describe("a.b").columns, ["summary", "b"]),
    ("union", union("SELECT 1 a, 2 b", "SELECT 3 B, 4 A"), ["struct<a:int,b:int>", [(1, 2), (4, 3)]]),
    (
        "union adds",
        union("SELECT 1 a, 2 b", "SELECT 3 c, 4 b", True),
        ["struct<a:int,b:int,c:int>", [(1, 2, None), (None, 4, 3)]],
    ),
    (
        "union of structs",
        union("SELECT named_struct('x', 1, 'y', 2) s", "SELECT named_struct('y', 3, 'x', 4) s"),
        ["struct<s:struct<x:int,y:int>>", [((1, 2),), ((4, 3),)]],
    ),
    (
        "union adds to structs",
        union(
            "SELECT named_struct('a', named_struct('x', 1), 'b', 2) s",
            "SELECT named_struct('a', named_struct('y', 2), 'c', 3) s",
            True,
        ),
        [
            "struct<s:struct<a:struct<x:int,y:int>,b:int,c:int>>",
            [(((1, None), 2, None),), (((None, 2), None, 3),)],
        ],
    ),
    (
        "union adds to structs in arrays",
        union("SELECT array(named_struct('x', 1)) s", "SELECT array(named_struct('y', 2), NULL) s", True),
        ["struct<s:array<struct<x:int,y:int>>>", [([(1, None)],), ([(None, 2), None],)]],
    ),
    (
        "union keeps a null struct",
        union("SELECT CAST(NULL AS STRUCT<x: INT>) s", "SELECT named_struct('y', 2) s", True),
        ["struct<s:struct<x:int,y:int>>", [(None,), ((None, 2),)]],
    ),
    ("sets without a key", sets(["k", "p"], ("k",)), ["struct<k:int,p:string,s:bigint>", [(1, None, 3), (2, None, 4)]]),
    ("sets of another key", sets(["k"], ("v",)), ["struct<k:int,s:bigint>", [(None, 1), (None, 2), (None, 4)]]),
    (
        "fields of intervals",
        lambda s: s.sql("SELECT sum(v) s, avg(v) a, max(v) m FROM (SELECT INTERVAL '1' DAY AS v)")
        .schema.simpleString(),
        "struct<s:interval day,a:interval day to second,m:interval day>",
    ),
    ("row ids under a filter", lambda s: told(ids(s).where("id % 2 = 1"))[1], [(1, 1), (3, 3), (5, 5)]),
    (
        "row ids under a sort",
        lambda s: [tuple(r) for r in ids(s).orderBy(F.desc("id")).limit(2).collect()],
        [(5, 5), (4, 4)],
    ),
    ("the nearer side of a join", lambda s: len(frames(s)[0].join(frames(s)[1], "a").collect()), 1),
    ("alias of a union", lambda s: told(frames(s)[0].alias("t").union(frames(s)[2]).select("t.a"))[1], [(1,), (1,), (3,)]),
]


@pytest.mark.parametrize("program, expected", [c[1:] for c in ANSWERS], ids=[c[0] for c in ANSWERS])
def test_answers_as_spark(spark, program, expected):
    assert program(spark) == expected


def joined(column):
    def program(s):
        df, filtered, _ = frames(s)
        return df.join(filtered, df["a"] == filtered["a"]).select(column(df, filtered)).collect()

    return program


REFUSALS = [
    ("lit 39 digits", lit("1E+38"), "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
    ("fillna unquoted", lambda s: dotted(s).fillna(9, ["a.b"]).collect(), "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    ("fillna of a name of two", lambda s: s.sql("SELECT 1 a, 2 a").fillna(9, ["a"]).collect(), "AMBIGUOUS_REFERENCE"),
    ("replace of a field", lambda s: nested(s).replace("n/a", "?", ["a.c"]).collect(), "UNSUPPORTED_FEATURE.REPLACE_NESTED_COLUMN"),
    ("union of a name of two", union("SELECT 1 a, 2 A", "SELECT 3 a, 4 A"), "COLUMN_ALREADY_EXISTS"),
    ("union lacks a column", union("SELECT 1 a, 2 b", "SELECT 3 a"), "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES"),
    ("union has one more", union("SELECT 1 a", "SELECT 3 a, 4 b"), "NUM_COLUMNS_MISMATCH"),
    (
        "union lacks a field",
        union("SELECT named_struct('x', 1, 'y', 2) s", "SELECT named_struct('x', 4) s"),
        "FIELD_NOT_FOUND",
    ),
    ("another frame's column", lambda s: frames(s)[0].select(s.range(1)["id"]).collect(), "CANNOT_RESOLVE_DATAFRAME_COLUMN"),
    ("a side's column of a union", lambda s: (lambda f: f.union(f).select(f.a).collect())(frames(s)[0]), "CANNOT_RESOLVE_DATAFRAME_COLUMN"),
    ("a column of both sides", joined(lambda df, filtered: df["a"]), "AMBIGUOUS_COLUMN_REFERENCE"),
]


@pytest.mark.parametrize("program, condition", [c[1:] for c in REFUSALS], ids=[c[0] for c in REFUSALS])
def test_refuses_as_spark(spark, program, condition):
    with pytest.raises(PySparkException) as refused:
        program(spark)
    assert refused.value.getCondition() == condition


def test_a_column_of_one_side_of_a_self_join_is_found(spark):
    assert [tuple(r) for r in joined(lambda df, filtered: filtered["b"])(spark)] == [(4,)]
