"""Programs that add columns one at a time: many projections, planned as few, with the rows of many."""

import pytest
from pyspark.errors import ArithmeticException
from pyspark.sql import functions as F

STEPS = 100


def dependent(frame, steps=STEPS):
    """Each column is the one before and its number."""
    frame = frame.withColumn("c0", F.col("id"))
    for i in range(1, steps):
        frame = frame.withColumn(f"c{i}", F.col(f"c{i - 1}") + i)
    return frame


def expected(id, i):
    return id + i * (i + 1) // 2


def test_each_column_from_the_one_before(spark):
    rows = dependent(spark.range(3)).collect()
    assert [[row[f"c{i}"] for i in range(STEPS)] for row in rows] == [
        [expected(id, i) for i in range(STEPS)] for id in range(3)
    ]


def test_some_columns_of_a_chain(spark):
    frame = dependent(spark.range(10)).where("c50 > 1280").select("c99", "id", F.col("c7").alias("x"))
    assert [tuple(r) for r in frame.orderBy("id").collect()] == [
        (expected(id, 99), id, expected(id, 7)) for id in range(6, 10)
    ]


def test_a_chain_below_and_above_other_operators(spark):
    grouped = dependent(spark.range(10)).groupBy(F.col("c20") % 2).agg(F.sum("c40").alias("total"))
    assert sorted(r.total for r in dependent(grouped.withColumn("id", F.col("total"))).collect()) == sorted(
        sum(expected(id, 40) for id in range(10) if expected(id, 20) % 2 == parity) for parity in (0, 1)
    )
    left, right = dependent(spark.range(5)).alias("l"), dependent(spark.range(3, 8)).alias("r")
    joined = left.join(right, F.col("l.c30") == F.col("r.c30")).select("l.c99", "r.id")
    assert sorted(map(tuple, joined.collect())) == [(expected(id, 99), id) for id in (3, 4)]


def test_the_same_column_again_and_again(spark):
    frame = spark.range(3)
    for _ in range(490):
        frame = frame.withColumn("id", F.col("id") + 1)
    assert [r.id for r in frame.collect()] == [490, 491, 492]


def test_every_column_from_the_first(spark):
    frame = spark.range(2)
    for i in range(490):
        frame = frame.withColumn(f"c{i}", F.col("id") * i)
    assert [sum(row[1:]) for row in frame.collect()] == [0, sum(range(490))]


def test_a_column_that_raises(spark):
    frame = dependent(spark.range(3)).withColumn("bad", F.lit(1) / F.col("id"))
    frame = frame.withColumn("after", F.col("bad") + 1)
    with pytest.raises(ArithmeticException, match="DIVIDE_BY_ZERO"):
        frame.collect()
    # Nothing reads the column, so it is not computed.
    assert frame.select("c1").count() == 3


def test_random_columns_are_drawn_once(spark):
    frame = dependent(spark.range(3)).withColumn("r", F.rand())
    for i in range(40):
        frame = frame.withColumn(f"r{i}", F.col("r" if i == 0 else f"r{i - 1}") + F.col("r"))
    for row in frame.collect():
        assert row.r39 == pytest.approx(41 * row.r)
