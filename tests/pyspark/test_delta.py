"""Delta tables by DataFrame writers and streams: what an append, an overwrite and a schema change do."""

import json

import pytest
from pyspark.errors import PySparkException, StreamingQueryException

from conftest import rows


def save(spark, path, query, mode="append", **options):
    spark.sql(query).write.format("delta").options(**options).mode(mode).save(path)


def load(spark, path, **options):
    return spark.read.format("delta").options(**options).load(path)


def refused(program):
    with pytest.raises(PySparkException) as caught:
        program()
    # The frames of a backtrace, which the Delta kernel puts into its errors where the environment asks for one.
    assert "   0: " not in str(caught.value) and ".rs" not in str(caught.value)
    return caught.value.getCondition()


def test_an_append_fits_by_name_and_widens(spark, tmp_path):
    path = str(tmp_path / "t")
    save(spark, path, "SELECT 1L id, 's' s, 1.5D v, TIMESTAMP_NTZ'2024-01-01 00:00:00' n, named_struct('x', 1L, 'y', 'a') st, array(1L) ar")
    save(spark, path, "SELECT 1F V, NULL S, 2 ID, DATE'2024-07-01' n, named_struct('Y', 'b') st, array(NULL, 2) ar")
    save(spark, path, "SELECT NULL st")
    found = load(spark, path)
    assert found.schema.simpleString() == (
        "struct<id:bigint,s:string,v:double,n:timestamp_ntz,st:struct<x:bigint,y:string>,ar:array<bigint>>"
    )
    assert rows(found.selectExpr("id", "s", "v", "CAST(n AS STRING)", "st.x", "st.y", "ar").orderBy("id")) == [
        (None, None, None, None, None, None, None),
        (1, "s", 1.5, "2024-01-01 00:00:00", 1, "a", [1]),
        (2, None, 1.0, "2024-07-01 00:00:00", None, "b", [None, 2]),
    ]
    for query in ["'x' id", "1.5D id", "true id", "1 s", "array('a') ar", "named_struct('z', 1) st", "1 extra"]:
        assert refused(lambda: save(spark, path, "SELECT " + query)) == "DELTA_METADATA_MISMATCH", query


def test_a_date_becomes_midnight_of_the_session(spark, tmp_path):
    path = str(tmp_path / "t")
    save(spark, path, "SELECT TIMESTAMP'2024-01-01 00:00:00Z' t")
    spark.conf.set("spark.sql.session.timeZone", "America/Los_Angeles")
    try:
        save(spark, path, "SELECT DATE'2024-07-01' t", mode="overwrite")
        assert rows(load(spark, path).selectExpr("CAST(t AS STRING)", "unix_seconds(t)")) == [
            ("2024-07-01 00:00:00", 1719817200)
        ]
    finally:
        spark.conf.unset("spark.sql.session.timeZone")


def test_columns_come_with_merge_schema_and_go_with_overwrite_schema(spark, tmp_path):
    path = str(tmp_path / "t")
    save(spark, path, "SELECT 1 id, named_struct('x', 1) st")
    save(spark, path, "SELECT 2 id, named_struct('x', 2, 'z', 'q') st, TIMESTAMP_NTZ'2024-01-02 03:04:05' n", mergeSchema="true")
    assert load(spark, path).schema.simpleString() == "struct<id:int,st:struct<x:int,z:string>,n:timestamp_ntz>"
    assert rows(load(spark, path).selectExpr("id", "st.x", "st.z", "year(n)").orderBy("id")) == [(1, 1, None, None), (2, 2, "q", 2024)]
    assert load(spark, path, versionAsOf=0).columns == ["id", "st"]
    assert refused(lambda: save(spark, path, "SELECT 'x' id", mergeSchema="true")) == "DELTA_METADATA_MISMATCH"
    assert refused(lambda: save(spark, path, "SELECT 1 one", mode="overwrite")) == "DELTA_METADATA_MISMATCH"
    save(spark, path, "SELECT 'x' id", mode="overwrite", overwriteSchema="true")
    assert rows(load(spark, path)) == [("x",)]
    twins = "SELECT named_struct('a', 1, 'A', 2) s"
    assert refused(lambda: save(spark, path, twins, "overwrite", overwriteSchema="true")) == "UNSUPPORTED_FEATURE"
    assert refused(lambda: save(spark, path, "SELECT INTERVAL '1' DAY d", "overwrite", overwriteSchema="true")) == (
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"
    )


def test_not_null_holds_on_every_way_in(spark, tmp_path):
    path = str(tmp_path / "t")
    spark.sql(f"CREATE TABLE nn (id INT NOT NULL, s STRING) USING delta LOCATION '{path}'")
    violated = "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    assert [f.nullable for f in spark.table("nn").schema] == [False, True]
    null = spark.sql("SELECT CAST(NULL AS INT) id, 'a' s")
    assert refused(lambda: spark.sql("INSERT INTO nn VALUES (NULL, 'a')")) == violated
    assert refused(lambda: spark.sql("INSERT INTO nn (s) VALUES ('b')")) == violated
    assert refused(lambda: null.write.insertInto("nn")) == violated
    assert refused(lambda: null.write.mode("append").format("delta").saveAsTable("nn")) == violated
    assert refused(lambda: null.write.mode("overwrite").format("delta").save(path)) == violated
    assert refused(lambda: null.writeTo("nn").append()) == violated
    assert refused(lambda: save(spark, path, "SELECT 'a' s")) == "DELTA_MISSING_NOT_NULL_COLUMN_VALUE"
    assert refused(lambda: save(spark, path, "SELECT NULL id, 1 k", mergeSchema="true")) == violated
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.json").write_text(json.dumps({"s": "x"}) + "\n")
    stream = spark.readStream.schema("id int, s string").json(str(source))
    stream = stream.writeStream.format("delta").option("checkpointLocation", str(tmp_path / "checkpoint"))
    query = stream.trigger(availableNow=True).start(path)
    with pytest.raises(StreamingQueryException) as caught:
        query.awaitTermination()
    assert violated in str(caught.value)
    assert load(spark, path).count() == 0
    save(spark, path, "SELECT 1 id, 5 k", mergeSchema="true")
    assert rows(spark.table("nn")) == [(1, None, 5)]
    assert [f.nullable for f in spark.table("nn").schema] == [False, True, True]
    spark.sql("DROP TABLE nn")


def test_tables_are_replaced_with_their_columns(spark):
    spark.sql("SELECT 1 AS a").write.format("delta").mode("overwrite").saveAsTable("replaced")
    overwrite = spark.sql("SELECT 'x' AS b, 1 AS k").write.format("delta").mode("overwrite")
    overwrite.option("overwriteSchema", "true").partitionBy("k").saveAsTable("replaced")
    assert rows(spark.table("replaced")) == [("x", 1)]
    spark.table("replaced").selectExpr("concat(b, b) AS b2").write.format("delta").mode("overwrite").saveAsTable("replaced")
    assert rows(spark.table("replaced")) == [("xx",)]
    append = lambda: spark.sql("SELECT 'y' AS b2, 7 AS more").write.format("delta").mode("append")
    assert refused(lambda: append().saveAsTable("replaced")) == "DELTA_METADATA_MISMATCH"
    append().option("mergeSchema", "true").saveAsTable("replaced")
    assert sorted(rows(spark.table("replaced"))) == [("xx", None), ("y", 7)]
    assert refused(lambda: append().option("sprockets", "1").saveAsTable("replaced")) == "UNSUPPORTED_OPTION"
    assert refused(lambda: append().partitionBy("b2").saveAsTable("replaced")) == "DELTA_PARTITION_MISMATCH"
    spark.range(2).writeTo("replaced").using("delta").createOrReplace()
    assert sorted(rows(spark.table("replaced"))) == [(0,), (1,)]
    spark.sql("SELECT 3 AS c").write.format("parquet").mode("overwrite").saveAsTable("replaced")
    assert rows(spark.table("replaced")) == [(3,)]
    spark.sql("DROP TABLE replaced")


def test_save_as_table_appends_by_name(spark):
    """Into formats that keep no schema of their own, as Spark does it."""
    spark.sql("CREATE TABLE by_name (id BIGINT, s STRING) USING csv")
    writer = lambda query: spark.sql(query).write.format("csv").mode("append")
    writer("SELECT 'a' S, 1 ID").saveAsTable("by_name")
    writer("SELECT 2L id, 5 s").saveAsTable("by_name")
    assert sorted(rows(spark.table("by_name"))) == [(1, "a"), (2, "5")]
    for query, condition in [
        ("SELECT 1L id", "_LEGACY_ERROR_TEMP_1161"),
        ("SELECT 1L id, 's' t", "_LEGACY_ERROR_TEMP_1162"),
        ("SELECT '1' id, 's' s", "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST"),
    ]:
        assert refused(lambda: writer(query).saveAsTable("by_name")) == condition, query
    good = lambda: spark.sql("SELECT 1L id, 's' s").write.mode("append")
    assert refused(lambda: good().format("json").saveAsTable("by_name")) == "_LEGACY_ERROR_TEMP_1159"
    assert refused(lambda: good().format("csv").partitionBy("s").saveAsTable("by_name")) == "_LEGACY_ERROR_TEMP_1163"
    assert refused(lambda: good().partitionBy("s").insertInto("by_name")) == "PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO"
    spark.sql("DROP TABLE by_name")


def test_a_folder_without_a_format_is_the_table(spark, tmp_path):
    path = str(tmp_path / "t")
    save(spark, path, "SELECT 1 AS a")
    save(spark, path, "SELECT 2 AS a", mode="overwrite")
    assert rows(spark.read.load(path)) == rows(spark.sql(f"SELECT * FROM '{path}'")) == [(2,)]
