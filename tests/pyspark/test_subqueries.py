"""Subqueries of the DataFrame API, and columns that a select left out."""

import pytest
from pyspark.sql import functions as F

C = F.col
ALL = [(1, 2), (2, 2), (3, 4)]


def pairs(spark):
    return spark.createDataFrame([(1, 2), (3, 4), (2, 2)], ["a", "b"])


def values(spark):
    return spark.createDataFrame([(1, 10), (9, 20)], ["k", "v"])


def exists_in(inner):
    return lambda df, other: df.where(inner(df, other).exists())


# Name, program over both frames, rows in order. A client sends outer() as a plain column: a name that a select left
# out is the inner query's, also behind a limit, and only then the query's around.
CASES = [
    ("of the outer query", exists_in(lambda df, o: o.where(C("k") == C("a").outer())), [(1, 2)]),
    ("outer through a select", exists_in(lambda df, o: o.select("v").where(C("k") == C("a").outer())), [(1, 2)]),
    ("left out", exists_in(lambda df, o: df.select("b").where(C("b") == C("a").outer())), ALL),
    ("left out by frame", exists_in(lambda df, o: df.select("b").where(C("b") == df["a"].outer())), ALL),
    ("left out below a limit", exists_in(lambda df, o: df.select("b").limit(5).where(C("b") == C("a"))), ALL),
    ("alias ends the look-up", exists_in(lambda df, o: df.select("b").alias("z").where(C("b") == C("a"))), [(2, 2)]),
    ("aggregate ends the look-up", exists_in(lambda df, o: df.groupBy("b").count().where(C("b") == C("a"))), [(2, 2)]),
    ("qualified", lambda df, o: df.alias("t").where(df.select("b").where(C("b") == C("t.a").outer()).exists()), [(2, 2)]),
    ("negated", lambda df, o: df.where(~df.select("b").where(C("b") == C("a").outer()).exists()), []),
    ("scalar", lambda df, o: df.select("a", o.where(C("k") == C("a").outer()).select(F.max("v")).scalar()), [(1, 10), (2, None), (3, None)]),
    ("scalar left out", lambda df, o: df.select("a", df.select("b").where(C("b") == C("a").outer()).agg(F.max("b")).scalar()), [(1, 2), (2, 2), (3, 2)]),
    ("isin", lambda df, o: df.where(C("a").isin(df.select("b"))), [(2, 2)]),
    ("without a subquery", lambda df, o: df.select("a").limit(5).where(df["b"] > 2), [(3,)]),
]


@pytest.mark.parametrize("program, expected", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_subquery(spark, program, expected):
    found = program(pairs(spark), values(spark)).collect()
    assert sorted(map(tuple, found)) == expected
