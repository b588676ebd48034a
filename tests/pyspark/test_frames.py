"""DataFrame operations: a program in, rows out."""

import datetime
import decimal

import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from conftest import rows

PEOPLE = [(1, "ann", 10.5), (2, "bob", None), (3, "cid", 3.0), (4, "ann", 1.0)]
PETS = [(1, "cat"), (1, "dog"), (3, "eel"), (9, "fox")]


def people(spark):
    return spark.createDataFrame(PEOPLE, "id int, name string, score double")


def pets(spark):
    return spark.createDataFrame(PETS, "owner int, pet string")


def by_owner(spark, how):
    p, q = people(spark), pets(spark)
    columns = ["id", "name"] if how in ("left_semi", "left_anti") else ["id", "pet"]
    return p.join(q, p.id == q.owner, how).select(*columns).orderBy(*columns)


# Name, program, rows in order.
CASES = [
    ("select", lambda s: select_by_frame(people(s)), [("ann", 2), ("bob", 3), ("cid", 4), ("ann", 5)]),
    ("select *", lambda s: people(s).select("*").limit(1), [(1, "ann", 10.5)]),
    ("selectExpr", lambda s: people(s).selectExpr("id * 2 AS d", "upper(name)").limit(1), [(2, "ANN")]),
    ("filter", lambda s: people(s).filter("id > 2").select("id"), [(3,), (4,)]),
    ("where column", lambda s: people(s).where(F.col("name") == "ann").select("id"), [(1,), (4,)]),
    ("filter null", lambda s: people(s).filter(F.col("score").isNull()).select("id"), [(2,)]),
    ("in", lambda s: people(s).filter(F.col("id").isin(1, 3)).select("id"), [(1,), (3,)]),
    ("withColumn adds", lambda s: people(s).withColumn("x", F.lit("k")).select("id", "x").limit(1), [(1, "k")]),
    ("withColumn replaces", lambda s: people(s).withColumn("id", F.col("id") * 10).select("id").limit(1), [(10,)]),
    ("drop", lambda s: people(s).drop("score", "nothing").limit(1), [(1, "ann")]),
    ("rename", lambda s: people(s).withColumnRenamed("name", "n").select("n").limit(1), [("ann",)]),
    ("toDF", lambda s: people(s).toDF("a", "b", "c").select("b").limit(1), [("ann",)]),
    (
        "groupBy agg",
        lambda s: people(s)
        .groupBy("name")
        .agg(F.count("*").alias("n"), F.sum("score").alias("s"), F.avg("score"), F.max("id"))
        .orderBy("name"),
        [("ann", 2, 11.5, 5.75, 4), ("bob", 1, None, None, 2), ("cid", 1, 3.0, 3.0, 3)],
    ),
    ("count", lambda s: people(s).groupBy().count(), [(4,)]),
    ("countDistinct", lambda s: people(s).agg(F.countDistinct("name")), [(3,)]),
    ("inner", lambda s: by_owner(s, "inner"), [(1, "cat"), (1, "dog"), (3, "eel")]),
    ("left", lambda s: by_owner(s, "left"), [(1, "cat"), (1, "dog"), (2, None), (3, "eel"), (4, None)]),
    ("right", lambda s: by_owner(s, "right"), [(None, "fox"), (1, "cat"), (1, "dog"), (3, "eel")]),
    (
        "full",
        lambda s: by_owner(s, "full"),
        [(None, "fox"), (1, "cat"), (1, "dog"), (2, None), (3, "eel"), (4, None)],
    ),
    ("semi", lambda s: by_owner(s, "left_semi"), [(1, "ann"), (3, "cid")]),
    ("anti", lambda s: by_owner(s, "left_anti"), [(2, "bob"), (4, "ann")]),
    ("cross", lambda s: people(s).crossJoin(pets(s)).groupBy().count(), [(16,)]),
    (
        "join using",
        lambda s: people(s).join(pets(s).withColumnRenamed("owner", "id"), "id").orderBy("pet").select("id", "pet"),
        [(1, "cat"), (1, "dog"), (3, "eel")],
    ),
    ("sort", lambda s: people(s).sort(F.desc("id")).select("id"), [(4,), (3,), (2,), (1,)]),
    ("sort nulls first", lambda s: people(s).sort("score").select("score"), [(None,), (1.0,), (3.0,), (10.5,)]),
    ("sort nulls last", lambda s: people(s).sort(F.desc("score")).select("score").tail(1), [(None,)]),
    ("limit", lambda s: people(s).limit(2).select("id"), [(1,), (2,)]),
    ("offset", lambda s: people(s).offset(3).select("id"), [(4,)]),
    ("tail", lambda s: people(s).select("id").tail(2), [(3,), (4,)]),
    ("union", lambda s: s.range(2).union(s.range(1)), [(0,), (1,), (0,)]),
    (
        "unionByName",
        lambda s: people(s).select("id", "name").unionByName(people(s).select("name", "id")).filter("id = 1"),
        [(1, "ann"), (1, "ann")],
    ),
    ("distinct", lambda s: people(s).select("name").distinct().orderBy("name"), [("ann",), ("bob",), ("cid",)]),
    ("dropDuplicates", lambda s: people(s).dropDuplicates(["name"]).groupBy().count(), [(3,)]),
    ("intersect", lambda s: s.range(5).intersect(s.range(3, 9)).orderBy("id"), [(3,), (4,)]),
    ("subtract", lambda s: s.range(5).subtract(s.range(3, 9)).orderBy("id"), [(0,), (1,), (2,)]),
    ("na.fill", lambda s: people(s).na.fill(0.0).select("score").orderBy("id"), [(10.5,), (0.0,), (3.0,), (1.0,)]),
    ("na.drop", lambda s: people(s).na.drop().select("id"), [(1,), (3,), (4,)]),
    ("na.replace", lambda s: people(s).na.replace("ann", "eve", "name").select("name").limit(1), [("eve",)]),
    (
        "row_number",
        lambda s: people(s)
        .select("id", F.row_number().over(Window.partitionBy("name").orderBy(F.desc("id"))).alias("r"))
        .orderBy("id"),
        [(1, 2), (2, 1), (3, 1), (4, 1)],
    ),
    (
        "running sum",
        lambda s: s.range(4).select(
            "id",
            F.sum("id").over(Window.orderBy("id").rowsBetween(Window.unboundedPreceding, Window.currentRow)),
        ).orderBy("id"),
        [(0, 0), (1, 1), (2, 3), (3, 6)],
    ),
    (
        "lag and lead",
        lambda s: s.range(3).select("id", F.lag("id").over(Window.orderBy("id")), F.lead("id", 1, -1).over(Window.orderBy("id"))).orderBy("id"),
        [(0, None, 1), (1, 0, 2), (2, 1, -1)],
    ),
    ("when", lambda s: s.range(2).select(F.when(F.col("id") == 0, "a").otherwise("b")), [("a",), ("b",)]),
    ("cast", lambda s: s.range(1).select(F.lit("7").cast("int") + 1), [(8,)]),
    ("self join by frame", lambda s: self_join(s), [(1, 4), (4, 1)]),
    ("expr guarded", lambda s: s.range(2).select(F.expr("CASE WHEN id <> 0 THEN 6 / id END")), [(None,), (6.0,)]),
    ("struct field", lambda s: s.range(1).select(F.struct(F.lit(1).alias("a")).alias("s")).select("s.a"), [(1,)]),
    ("array item", lambda s: s.range(1).select(F.array(F.lit(5), F.lit(6))[1]), [(6,)]),
    ("range steps", lambda s: s.range(1, 10, 4), [(1,), (5,), (9,)]),
    ("alias", lambda s: people(s).alias("p").select("p.id").limit(1), [(1,)]),
    ("scalar subquery in SQL", lambda s: s.sql("SELECT (SELECT max(id) FROM range(4))"), [(3,)]),
    ("SQL arguments", lambda s: s.sql("SELECT :a + ?".replace("?", ":b"), args={"a": 1, "b": 2}), [(3,)]),
    ("SQL positional arguments", lambda s: s.sql("SELECT ? + ?", args=[1, 2]), [(3,)]),
    (
        "SQL positional arguments beside raw texts and comments",
        lambda s: s.sql("SELECT r'\\', /* ? /* ? */ ? */ ?, '?', ?", args=[1, 2]),
        [("\\", 1, "?", 2)],
    ),
    ("SQL over a frame", lambda s: s.sql("SELECT sum(id) FROM {df} WHERE id > {n}", df=s.range(5), n=2), [(7,)]),
    ("a long chain", lambda s: chain(s.range(2), 30), [(30,), (31,)]),
    ("a deep expression", lambda s: s.range(1).select(sum([F.lit(1)] * 30, F.lit(0))), [(30,)]),
    ("a deep SQL expression", lambda s: s.sql("SELECT " + " + ".join(["1"] * 300)), [(300,)]),
    ("repartition", lambda s: s.range(10).repartition(3).groupBy().count(), [(10,)]),
    ("pivot", lambda s: people(s).groupBy().pivot("name", ["ann", "bob"]).count(), [(2, 1)]),
]


def select_by_frame(df):
    return df.select("name", df.id + 1)


def chain(df, steps):
    for _ in range(steps):
        df = df.withColumn("id", F.col("id") + 1)
    return df


def self_join(spark):
    df = people(spark)
    a, b = df.alias("a"), df.alias("b")
    both = a.join(b, (F.col("a.name") == F.col("b.name")) & (F.col("a.id") != F.col("b.id")))
    return both.select("a.id", "b.id").orderBy("a.id")


@pytest.mark.parametrize("program, expect", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_rows(spark, program, expect):
    result = program(spark)
    found = [tuple(r) for r in result] if isinstance(result, list) else rows(result)
    assert found == expect


def test_values_keep_their_types(spark):
    text = """SELECT true, 1Y, 2S, 3, 4L, 1.5F, 2.5D, 1.25BD, 'x', X'0102', DATE'2024-02-29',
                     TIMESTAMP'2024-02-29 12:00:00', TIMESTAMP_NTZ'2024-02-29 12:00:00', NULL,
                     array(1, NULL), map('a', 1), named_struct('f', 1), INTERVAL '1 02:03:04' DAY TO SECOND"""
    noon = datetime.datetime(2024, 2, 29, 12)
    expect = (
        True, 1, 2, 3, 4, 1.5, 2.5, decimal.Decimal("1.25"), "x", b"\x01\x02", datetime.date(2024, 2, 29),
        noon, noon, None, [1, None], {"a": 1}, Row(f=1), datetime.timedelta(1, 7384),
    )
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    found = tuple(spark.sql(text).collect()[0])
    # collect() turns an instant into the machine's local time.
    local = found[11].astimezone(datetime.timezone.utc).replace(tzinfo=None)
    assert found[:11] + (local,) + found[12:] == expect


def test_a_frame_made_of_rows_pandas_and_arrow_comes_back(spark):
    import pandas
    import pyarrow

    table = pyarrow.table({"a": [1, 2, None], "b": ["x", None, "z"]})
    frame = pandas.DataFrame({"a": [1.0, 2.5], "b": ["x", "y"]})
    assert rows(spark.createDataFrame([Row(a=1, b="x"), Row(a=None, b="y")])) == [(1, "x"), (None, "y")]
    assert rows(spark.createDataFrame(frame)) == [(1.0, "x"), (2.5, "y")]
    assert spark.createDataFrame(frame).toPandas().equals(frame)
    assert spark.createDataFrame(table).toArrow().equals(table)
    assert rows(spark.createDataFrame([], "a int")) == []


def test_a_frame_larger_than_the_plan_is_uploaded(spark):
    import pandas

    n = 400_000
    frame = pandas.DataFrame({"a": range(n), "b": [f"text {i % 7}" for i in range(n)]})
    df = spark.createDataFrame(frame)
    assert rows(df.groupBy().agg(F.count("*"), F.sum("a"), F.countDistinct("b"))) == [(n, n * (n - 1) // 2, 7)]
    assert df.orderBy("a").toPandas().equals(frame)


def test_many_rows_arrive_once_and_in_order(spark):
    n = 300_000
    found = spark.range(n).select("id", F.col("id").cast("string").alias("s")).toArrow()
    assert found.column("id").to_pylist() == list(range(n))
    assert found.column("s")[n - 1].as_py() == str(n - 1)


def test_an_empty_result_has_columns(spark):
    frame = spark.range(3).filter("id > 5").toPandas()
    assert list(frame.columns) == ["id"] and len(frame) == 0


def test_duplicate_column_names_are_legal(spark):
    df = spark.sql("SELECT 1 AS a, 2 AS a")
    assert df.columns == ["a", "a"] and rows(df) == [(1, 2)]


# Name, program over x = 1, 2 and y = 10, 20, rows in order.
OLD_COLUMNS = [
    ("selected twice", lambda d: d.select("x", "x").select("x"), [(1,), (2,)]),
    ("selected twice, of the frame", lambda d: d.select("*", d.x).select(d.x), [(1,), (2,)]),
    ("selected twice, filtered", lambda d: d.select("x", "x").filter("x > 1"), [(2, 2)]),
    ("selected twice, grouped", lambda d: d.select("x", "x").groupBy("x").count().orderBy("x"), [(1, 1), (2, 1)]),
    ("selected twice, joined", lambda d: d.select("x", "x").join(d.select("x"), "x").orderBy("x"), [(1,), (2,)]),
    ("selected twice, semi", lambda d: d.select("x", "x").join(d.limit(1), "x", "left_semi"), [(1,)]),
    ("selected twice, dropped", lambda d: d.select("x", "x", "y").drop(d.x), [(10,), (20,)]),
    ("replaced, filtered", lambda d: d.withColumn("x", d.x + 1).filter(d.x == 1), [(2, 10)]),
    ("replaced, sorted", lambda d: d.withColumn("x", -d.x).sort(d.x), [(-1, 10), (-2, 20)]),
    ("replaced, limited", lambda d: d.withColumn("x", -d.x).sort("x").limit(1).filter(d.x == 2), [(-2, 20)]),
    ("replaced, limited away", lambda d: d.withColumn("x", -d.x).sort("x").limit(1).filter(d.x == 1), []),
    ("dropped, filtered", lambda d: d.drop("x").filter(d.x == 1), [(10,)]),
    ("all dropped", lambda d: d.drop("x", "y").filter((d.x == 1) | (d.y == 20)), [(), ()]),
    ("renamed, sorted", lambda d: d.withColumnRenamed("x", "q").sort(d.x.desc()), [(2, 20), (1, 10)]),
    ("selected away twice", lambda d: d.select("y").select((F.col("y") + 1).alias("w")).filter(d.x == 2), [(21,)]),
    ("old and new", lambda d: replaced(d, lambda new: new.filter((d.x == 1) & (new.x == 11))), [(11, 10)]),
]


def replaced(frame, program):
    return program(frame.withColumn("x", frame.x + 10))


@pytest.mark.parametrize("program, expected", [c[1:] for c in OLD_COLUMNS], ids=[c[0] for c in OLD_COLUMNS])
def test_columns_of_earlier_frames(spark, program, expected):
    assert rows(program(spark.createDataFrame([(1, 10), (2, 20)], "x int, y int"))) == expected


SCHEMAS = [
    ("SELECT 1 AS a, CAST(NULL AS STRING) AS b", "root\n |-- a: integer (nullable = false)\n |-- b: string (nullable = true)\n\n"),
    ("SELECT array(1L) AS l, map('k', 1.5D) AS m", "root\n |-- l: array (nullable = false)\n |    |-- element: long (containsNull = false)\n |-- m: map (nullable = false)\n |    |-- key: string\n |    |-- value: double (valueContainsNull = false)\n\n"),
]


@pytest.mark.parametrize("text, tree", SCHEMAS, ids=["atomic", "nested"])
def test_print_schema(spark, capsys, text, tree):
    spark.sql(text).printSchema()
    assert capsys.readouterr().out == tree


SHOWN = [
    (
        "plain",
        lambda df: df.show(),
        "+---+----+-----+\n| id|name|score|\n+---+----+-----+\n|  1| ann| 10.5|\n|  2| bob| NULL|\n|  3| cid|  3.0|\n|  4| ann|  1.0|\n+---+----+-----+\n\n",
    ),
    (
        "top rows",
        lambda df: df.show(1),
        "+---+----+-----+\n| id|name|score|\n+---+----+-----+\n|  1| ann| 10.5|\n+---+----+-----+\nonly showing top 1 row\n",
    ),
    (
        "cut",
        lambda df: df.limit(1).select(F.lit("abcdefgh").alias("t")).show(truncate=5),
        "+-----+\n|    t|\n+-----+\n|ab...|\n+-----+\n\n",
    ),
    (
        "not cut",
        lambda df: df.limit(1).select("name").show(truncate=False),
        "+----+\n|name|\n+----+\n|ann |\n+----+\n\n",
    ),
    ("no columns", lambda df: df.select().show(1), "++\n||\n++\n||\n++\nonly showing top 1 row\n"),
    ("no columns and no rows", lambda df: df.limit(0).select().show(), "++\n||\n++\n++\n\n"),
    (
        "vertical",
        lambda df: df.limit(1).show(vertical=True),
        "-RECORD 0-----\n id    | 1    \n name  | ann  \n score | 10.5 \n\n",
    ),
]


@pytest.mark.parametrize("program, text", [c[1:] for c in SHOWN], ids=[c[0] for c in SHOWN])
def test_show(spark, capsys, program, text):
    program(people(spark))
    assert capsys.readouterr().out == text


def test_explain_tells_a_plan(spark, capsys):
    spark.range(3).filter("id > 1").explain()
    assert "Physical Plan" in capsys.readouterr().out
    spark.range(3).explain(mode="extended")
    assert len(capsys.readouterr().out) > 50


def test_what_is_known_without_running(spark):
    df = spark.range(3)
    assert not df.isStreaming
    assert df.sameSemantics(df) and not df.sameSemantics(spark.range(4))
    assert df.semanticHash() == df.semanticHash()
    assert spark.version == "4.2.0"
    assert df.schema.simpleString() == "struct<id:bigint>"
    assert df.persist().count() == 3 and df.unpersist().count() == 3


def test_lists_of_sequence_are_unnested_in_bounds(spark):
    found = spark.sql("SELECT max(x), count(*) FROM (SELECT explode(sequence(id, id + 20000)) x FROM range(8000))")
    assert tuple(found.first()) == (27999, 160008000)
