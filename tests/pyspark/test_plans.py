"""Deep plans, and what is known of a plan without running it: a program in, Spark 4.2's answer out."""

from decimal import Decimal

import pytest
from pyspark import StorageLevel
from pyspark.errors import AnalysisException, IllegalArgumentException
from pyspark.sql import functions as F

from conftest import rows

NONE = StorageLevel(False, False, False, False, 1)
CACHED = StorageLevel.MEMORY_AND_DISK_DESER


def chained(df, n, step):
    for i in range(n):
        df = step(df, i)
    return df


# Name, program, rows: what a loop in a program makes; each nests at least twice as many messages.
DEEP = [
    ("withColumn adds", lambda s: chained(s.range(2), 120, lambda df, i: df.withColumn(f"c{i}", F.col("id") + i)).select("c119"), [(119,), (120,)]),
    ("withColumn replaces", lambda s: chained(s.range(2), 200, lambda df, i: df.withColumn("id", F.col("id") + 1)), [(200,), (201,)]),
    ("filter", lambda s: chained(s.range(3), 200, lambda df, i: df.filter(F.col("id") != i + 1)), [(0,)]),
    ("union", lambda s: chained(s.range(1), 100, lambda df, i: df.union(s.range(i, i + 1))).agg(F.count("*"), F.sum("id")), [(101, 4950)]),
    ("join", lambda s: chained(s.range(3), 60, lambda df, i: df.join(s.range(2), "id")), [(0,), (1,)]),
    ("withColumnRenamed", lambda s: chained(s.range(1), 200, lambda df, i: df.withColumnRenamed(df.columns[0] if i == 0 else f"c{i - 1}", f"c{i}")), [(0,)]),
]


@pytest.mark.parametrize("program, expected", [c[1:] for c in DEEP], ids=[c[0] for c in DEEP])
def test_a_deep_plan_gives_its_rows(spark, program, expected):
    assert sorted(rows(program(spark))) == expected


def test_a_deep_plan_is_analysed_written_and_a_view(spark, tmp_path):
    df = chained(spark.range(2), 120, lambda df, i: df.withColumn("id", F.col("id") + 1))
    assert df.columns == ["id"] and not df.isStreaming
    df.createOrReplaceTempView("deep")
    assert rows(spark.sql("SELECT sum(id) FROM deep")) == [(241,)]
    df.write.parquet(str(tmp_path / "deep"))
    assert spark.read.parquet(str(tmp_path / "deep")).count() == 2
    assert df.sameSemantics(df.select("*")) in (True, False)


def test_a_compressed_deep_plan(spark):
    spark.conf.set("spark.connect.session.planCompression.threshold", "100")
    df = chained(spark.range(2), 120, lambda df, i: df.withColumn("id", F.col("id") + 1))
    assert sorted(rows(df)) == [(120,), (121,)]


def test_a_persisted_plan_tells_its_level(spark):
    df = spark.range(3)
    assert df.storageLevel == NONE and not df.is_cached
    assert df.cache() is df and df.is_cached and df.storageLevel == CACHED
    # The first level stays, and a plan that means the same has it too.
    assert df.persist(StorageLevel.DISK_ONLY).storageLevel == CACHED
    assert spark.range(3).storageLevel == CACHED
    assert df.filter("id > 1").storageLevel == NONE
    assert df.unpersist().storageLevel == NONE
    assert df.persist(StorageLevel.DISK_ONLY).storageLevel == StorageLevel.DISK_ONLY
    spark.catalog.clearCache()
    assert df.storageLevel == NONE


def test_a_cached_table_tells_so(spark):
    spark.range(3).createOrReplaceTempView("v")
    assert not spark.catalog.isCached("v")
    spark.catalog.cacheTable("v")
    assert spark.catalog.isCached("v")
    assert spark.table("v").storageLevel == CACHED and spark.range(3).is_cached
    assert spark.table("v").count() == 3
    spark.catalog.uncacheTable("v")
    assert not spark.catalog.isCached("v")
    spark.catalog.cacheTable("v", StorageLevel.DISK_ONLY)
    assert spark.table("v").storageLevel == StorageLevel.DISK_ONLY
    for call in (spark.catalog.isCached, spark.catalog.cacheTable, spark.catalog.uncacheTable):
        with pytest.raises(AnalysisException, match="TABLE_OR_VIEW_NOT_FOUND"):
            call("nope")


# Program, whether Spark calls its rows local.
LOCAL = [
    (lambda s: s.createDataFrame([(1, 2)], "a int, b int"), True),
    (lambda s: s.createDataFrame([], "a int, b int"), True),
    (lambda s: s.createDataFrame([(1, 2)], "a int, b int").select("a"), False),
    (lambda s: s.range(3), False),
    (lambda s: s.sql("VALUES 1, 2"), True),
    (lambda s: s.sql("SELECT 1"), False),
    (lambda s: s.sql("SHOW TABLES"), True),
]


@pytest.mark.parametrize("program, local", LOCAL)
def test_local_rows_are_known(spark, program, local):
    assert program(spark).isLocal() is local


def test_the_files_of_a_query_are_known(spark, flights_file, tmp_path):
    csv = spark.read.csv(flights_file)
    assert csv.filter("_c0 = 1").union(spark.read.csv(flights_file)).inputFiles() == [f"file://{flights_file}"]
    spark.range(3).write.parquet(str(tmp_path / "p"))
    files = spark.read.parquet(str(tmp_path / "p")).inputFiles()
    assert len(files) == 1 and files[0].startswith(f"file://{tmp_path}/p/part-")
    assert spark.range(3).inputFiles() == []


# Program, rows: recorded from Spark 4.2.
DESCRIBED = [
    (lambda df: df.describe(), [
        ("count", "2", "2", "2", "2"),
        ("mean", "2.0", "3.25", "12.0", "1.875000"),
        ("stddev", "1.4142135623730951", "1.0606601717798212", None, "0.5303300858899106"),
        ("min", "1", "2.5", "12", "1.50"),
        ("max", "3", "4.0", "a", "2.25"),
    ]),
    (lambda df: df.summary(), [
        ("count", "2", "2", "2", "2"),
        ("mean", "2.0", "3.25", "12.0", "1.875000"),
        ("stddev", "1.4142135623730951", "1.0606601717798212", None, "0.5303300858899106"),
        ("min", "1", "2.5", "12", "1.50"),
        ("25%", "1", "2.5", "12.0", "1.5"),
        ("50%", "1", "2.5", "12.0", "1.5"),
        ("75%", "3", "4.0", "12.0", "2.25"),
        ("max", "3", "4.0", "a", "2.25"),
    ]),
    (lambda df: df.describe("i", "s"), [("count", "2", "2"), ("mean", "2.0", "12.0"), ("stddev", "1.4142135623730951", None), ("min", "1", "12"), ("max", "3", "a")]),
    (lambda df: df.describe("b"), [("count",), ("mean",), ("stddev",), ("min",), ("max",)]),
    (lambda df: df.select("i").summary("count_distinct", "approx_count_distinct"), [("count_distinct", "2"), ("approx_count_distinct", "2")]),
    (lambda df: df.sparkSession.range(0).describe(), [("count", "0"), ("mean", None), ("stddev", None), ("min", None), ("max", None)]),
]


@pytest.fixture
def mixed(spark):
    data = [
        (1, 2.5, "a", True, Decimal("1.50")),
        (3, None, "12", False, Decimal("2.25")),
        (None, 4.0, None, None, None),
    ]
    return spark.createDataFrame(data, "i int, d double, s string, b boolean, m decimal(10,2)")


@pytest.mark.parametrize("program, expected", DESCRIBED)
def test_a_table_is_described_as_spark_does(mixed, program, expected):
    assert rows(program(mixed)) == expected


def test_what_cannot_be_described_is_refused(mixed):
    with pytest.raises(IllegalArgumentException, match="UNRECOGNIZED_STATISTIC"):
        mixed.summary("foo").collect()
    with pytest.raises(AnalysisException, match="UNRESOLVED_COLUMN"):
        mixed.describe("nope").collect()
