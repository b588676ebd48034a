"""Settings: a key and a value in; taken, warned of or refused out, as Spark 4.2 does it."""

import warnings

import pytest
from pyspark.errors import AnalysisException, IllegalArgumentException
from pyspark.errors.exceptions.connect import SparkNoSuchElementException
from pyspark.sql.connect.session import SparkSession

from conftest import impatient, rows

ZONE = "spark.sql.session.timeZone"
BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"

# Key, value, exception, class, SQLSTATE, message parameters: Spark's own.
REFUSED = [
    (ZONE, "Mars", IllegalArgumentException, "INVALID_CONF_VALUE.TIME_ZONE", "22022", {"confName": ZONE, "confValue": "Mars"}),
    ("spark.sql.shuffle.partitions", "0", IllegalArgumentException, "INVALID_CONF_VALUE.REQUIREMENT", "22022", {"confRequirement": "The value of spark.sql.shuffle.partitions must be positive"}),
    ("spark.sql.shuffle.partitions", "many", IllegalArgumentException, "INVALID_CONF_VALUE.TYPE_MISMATCH", "22022", {"confType": "int"}),
    ("spark.sql.sources.partitionOverwriteMode", "x", IllegalArgumentException, "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS", "22022", {"confOptions": "STATIC, DYNAMIC"}),
    ("spark.sql.warehouse.dir", "x", AnalysisException, "CANNOT_MODIFY_STATIC_CONFIG", "46110", {"key": '"spark.sql.warehouse.dir"'}),
    ("spark.executor.memory", "4g", AnalysisException, "CANNOT_MODIFY_CONFIG", "46110", {"key": '"spark.executor.memory"'}),
    # What only we refuse: answers would differ, or the key does not exist.
    ("spark.sql.ansi.enabled", False, IllegalArgumentException, "INVALID_CONF_VALUE.REQUIREMENT", "22022", {"confName": "spark.sql.ansi.enabled"}),
    ("spark.sql.caseSensitive", "true", IllegalArgumentException, "INVALID_CONF_VALUE.REQUIREMENT", "22022", {}),
    ("spark.sql.shufle.partitions", "4", SparkNoSuchElementException, "SQL_CONF_NOT_FOUND", "42K0I", {"sqlConf": '"spark.sql.shufle.partitions"'}),
]


def text(value):
    """A value as the client sends it."""
    return str(value).lower() if isinstance(value, bool) else value


def told(program):
    """What a program answers and the warnings that it gets."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return program(), [str(w.message) for w in caught]


@pytest.mark.parametrize("key, value, exception, condition, state, parameters", REFUSED, ids=[c[0] + "=" + str(c[1]) for c in REFUSED])
@pytest.mark.parametrize("method", ["conf", "SQL"])
def test_a_setting_that_cannot_be_is_refused_by_both_methods(spark, method, key, value, exception, condition, state, parameters):
    with pytest.raises(exception) as caught:
        spark.conf.set(key, value) if method == "conf" else spark.sql(f"SET {key} = {text(value)}")
    error = caught.value
    assert (error.getCondition(), error.getSqlState()) == (condition, state)
    assert parameters.items() <= error.getMessageParameters().items()
    assert spark.conf.get(key, "unset") != text(value)


def test_an_unknown_setting_suggests_the_nearest(spark):
    with pytest.raises(SparkNoSuchElementException, match="Did you mean spark.sql.shuffle.partitions"):
        spark.conf.set("spark.sql.shufle.partitions", 4)


def test_a_hint_to_spark_is_taken_with_a_warning(spark):
    key = "spark.sql.autoBroadcastJoinThreshold"
    _, warned = told(lambda: spark.conf.set(key, -1))
    assert len(warned) == 1 and warned[0].startswith(f"The setting {key} has no effect here")
    assert spark.conf.get(key) == "-1"
    assert told(lambda: spark.conf.set(ZONE, "UTC")) == (None, [])


def test_defaults_are_sparks(spark):
    for key, value in [
        ("spark.sql.shuffle.partitions", "200"),
        ("spark.sql.adaptive.enabled", "true"),
        ("spark.sql.autoBroadcastJoinThreshold", "10MB"),
        ("spark.sql.extensions", None),
        ("spark.sql.legacy.timeParserPolicy", "CORRECTED"),
    ]:
        assert spark.conf.get(key) == value, key
    assert not spark.conf.isModifiable("spark.sql.warehouse.dir")
    assert not spark.conf.isModifiable("my.key")
    assert spark.conf.isModifiable("spark.sql.shuffle.partitions")


def test_a_users_own_variable_is_kept(spark):
    spark.conf.set("my.key", 3)
    assert spark.conf.get("my.key") == "3" and spark.conf.getAll["my.key"] == "3"
    assert rows(spark.sql("SET my.key")) == [("my.key", "3")]
    assert rows(spark.sql("SET no.such")) == [("no.such", "<undefined>")]
    spark.sql("RESET")
    assert spark.conf.get("my.key", None) is None


def test_set_and_reset_in_sql_are_the_same_settings(spark):
    assert rows(spark.sql(f"SET {ZONE} = Asia/Tokyo")) == [(ZONE, "Asia/Tokyo")]
    assert spark.conf.get(ZONE) == "Asia/Tokyo"
    assert rows(spark.sql("SELECT current_timezone()")) == [("Asia/Tokyo",)]
    spark.sql("SET TIME ZONE 'PST'")
    assert spark.conf.get(ZONE) == "PST"
    assert rows(spark.sql("SELECT CAST(TIMESTAMP'1970-01-01 00:00:00' AS BIGINT)")) == [(28800,)]
    spark.sql(f"RESET {ZONE}")
    assert spark.conf.get(ZONE) == "UTC"
    with pytest.raises(AnalysisException):
        spark.sql("RESET spark.executor.memory")
    listed = {row["key"]: row for row in spark.sql("SET -v").collect()}
    assert listed["spark.sql.shuffle.partitions"]["value"] == "200"
    assert listed["spark.sql.shuffle.partitions"]["meaning"]


def test_the_rows_of_a_batch_are_bounded(spark):
    spark.conf.set(BATCH, 100)
    table = spark.range(1050).toArrow()
    assert table.num_rows == 1050 and max(len(c) for c in table.column("id").chunks) <= 100


def test_partitions_are_bounded(spark):
    counted = "SELECT id % 7 AS k, count(*) AS n FROM range(100000) GROUP BY 1"
    before = sorted(rows(spark.sql(counted)))
    spark.conf.set("spark.sql.shuffle.partitions", 1)
    assert sorted(rows(spark.sql(counted))) == before
    plan = spark.sql(f"EXPLAIN {counted}").first()[0]
    assert "RepartitionExec" not in plan, plan


def test_the_codec_of_parquet_files(spark, tmp_path):
    spark.conf.set("spark.sql.parquet.compression.codec", "zstd")
    spark.range(3).write.parquet(str(tmp_path / "a"))
    spark.range(3).write.option("compression", "none").parquet(str(tmp_path / "b"))
    endings = [sorted(f.name.split(".", 1)[1] for f in (tmp_path / d).glob("part-*")) for d in "ab"]
    assert set(endings[0]) == {"zstd.parquet"} and set(endings[1]) == {"parquet"}


def builder(server, **options):
    """A session that is made as programs make it; a builder keeps its options for good, so they go again."""
    made = SparkSession.builder.remote(server.url)
    before = dict(made._options)
    try:
        for key, value in options.items():
            made.config(key, value)
        return told(made.create)
    finally:
        SparkSession.builder._options.clear()
        SparkSession.builder._options.update(before)
        # The session is there before its options are sent.
        impatient(SparkSession.getActiveSession())


def test_a_builder_is_told_what_cannot_be_set(server):
    session, warned = builder(server, **{
        "spark.app.name": "mine",
        "spark.master": "local[4]",
        "spark.executor.memory": "4g",
        "spark.jars.packages": "io.delta:delta-spark_2.13:4.0.0",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.shuffle.partitions": 7,
        "spark.sql.shufle.partitions": 7,
        "my.key": True,
    })
    try:
        assert session.conf.get("spark.app.name") == "mine"
        assert session.conf.get("spark.master") == "local[*]"
        assert session.conf.get("spark.sql.shuffle.partitions") == "7"
        assert session.conf.get("my.key") == "true"
        assert session.range(3).count() == 3
    finally:
        session.stop()
    of = lambda key: [w for w in warned if f"set {key} " in w or f"setting {key} " in w]
    assert "CANNOT_MODIFY_CONFIG" in of("spark.executor.memory")[0]
    assert "CANNOT_MODIFY_CONFIG" in of("spark.jars.packages")[0]
    assert "CANNOT_MODIFY_STATIC_CONFIG" in of("spark.sql.extensions")[0]
    assert "Delta Lake is built in" in of("spark.sql.catalog.spark_catalog")[0]
    assert "Did you mean spark.sql.shuffle.partitions" in of("spark.sql.shufle.partitions")[0]
    assert len(warned) == 5, warned


def test_a_builder_is_stopped_where_answers_would_differ(server):
    with pytest.raises(IllegalArgumentException, match="spark.sql.ansi.enabled"):
        builder(server, **{"spark.sql.ansi.enabled": "false"})
    SparkSession.getActiveSession().stop()
