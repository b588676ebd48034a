"""Readers and writers: formats, options, save modes, bad input."""

import pathlib

import pytest
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import functions as F

from conftest import rows

ROWS = [(1, "a", 1.5), (2, None, None), (3, "c,d", 2.0)]
SCHEMA = "n int, s string, x double"


def frame(spark):
    return spark.createDataFrame(ROWS, SCHEMA)


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("format", ["csv", "json", "parquet", "delta"])
def test_what_is_written_is_read_back(spark, tmp_path, format):
    path = str(tmp_path / "out")
    frame(spark).write.format(format).save(path)
    assert sorted(rows(spark.read.format(format).schema(SCHEMA).load(path) if format != "delta" else spark.read.format(format).load(path))) == ROWS
    if format in ("parquet", "delta"):
        assert spark.read.format(format).load(path).schema.simpleString() == "struct<n:int,s:string,x:double>"


@pytest.mark.parametrize("format", ["csv", "json", "parquet", "delta"])
def test_save_modes(spark, tmp_path, format):
    path = str(tmp_path / "out")
    one = spark.range(1).withColumn("t", F.lit("x"))

    def count():
        reader = spark.read.format(format)
        return (reader if format == "delta" else reader.schema("id bigint, t string")).load(path).count()

    one.write.format(format).save(path)
    with pytest.raises(AnalysisException) as caught:
        one.write.format(format).save(path)
    assert caught.value.getCondition() in ("PATH_ALREADY_EXISTS", "DELTA_PATH_EXISTS")
    one.write.format(format).mode("ignore").save(path)
    assert count() == 1
    one.write.format(format).mode("append").save(path)
    assert count() == 2
    one.write.format(format).mode("overwrite").save(path)
    assert count() == 1


# Name, text, options, schema (None: inferred), rows.
CSV = [
    ("header and inference", "a,b\n1,x\n2,y\n", {"header": True, "inferSchema": True}, None, [(1, "x"), (2, "y")]),
    ("no header", "1,x\n", {}, None, [("1", "x")]),
    ("separator", "1;x\n", {"sep": ";"}, None, [("1", "x")]),
    ("null value", "a,b\nNA,x\n2,NA\n", {"header": True, "inferSchema": True, "nullValue": "NA"}, None, [(None, "x"), (2, None)]),
    ("quotes", 'a,b\n1,"x,""y"""\n', {"header": True, "escape": '"'}, None, [("1", 'x,"y"')]),
    ("schema", "1,2.5\n", {}, "a int, b double", [(1, 2.5)]),
    ("dropmalformed", "1\nx\n3\n", {"mode": "DROPMALFORMED"}, "a int", [(1,), (3,)]),
    ("permissive", "1\nx\n", {"mode": "PERMISSIVE"}, "a int", [(1,), (None,)]),
    ("corrupt record", "1\nx\n", {}, "a int, _corrupt_record string", [(1, None), (None, "x")]),
    ("comment", "#no\n1\n", {"comment": "#"}, "a int", [(1,)]),
    ("trim", " 1 , x \n", {"ignoreLeadingWhiteSpace": True, "ignoreTrailingWhiteSpace": True}, "a int, b string", [(1, "x")]),
    ("timestamps", "2013-01-01 05:00:00\n", {"inferSchema": True}, None, None),
]


@pytest.mark.parametrize("text, options, schema, expect", [c[1:] for c in CSV], ids=[c[0] for c in CSV])
def test_csv(spark, tmp_path, text, options, schema, expect):
    reader = spark.read.options(**options)
    reader = reader.schema(schema) if schema else reader
    df = reader.csv(write(tmp_path / "in.csv", text))
    if expect is None:
        assert df.schema.simpleString() == "struct<_c0:timestamp>"
    else:
        assert rows(df) == expect


JSON = [
    ("inference", '{"a": 1, "b": "x"}\n{"a": 2}\n', {}, None, [(1, "x"), (2, None)]),
    ("nested", '{"a": {"b": [1, 2]}}\n', {}, None, None),
    ("schema", '{"a": 1, "c": true}\n', {}, "a bigint, b string", [(1, None)]),
    ("dropmalformed", '{"a": 1}\n{nonsense\n', {"mode": "DROPMALFORMED"}, "a bigint", [(1,)]),
    ("corrupt record", '{"a": 1}\n{nonsense\n', {}, "a bigint, _corrupt_record string", [(1, None), (None, "{nonsense")]),
]


@pytest.mark.parametrize("text, options, schema, expect", [c[1:] for c in JSON], ids=[c[0] for c in JSON])
def test_json(spark, tmp_path, text, options, schema, expect):
    reader = spark.read.options(**options)
    reader = reader.schema(schema) if schema else reader
    df = reader.json(write(tmp_path / "in.json", text))
    if expect is None:
        assert df.schema.simpleString() == "struct<a:struct<b:array<bigint>>>"
        assert rows(df.select("a.b")) == [([1, 2],)]
    else:
        assert rows(df) == expect


def test_failfast_raises(spark, tmp_path):
    path = write(tmp_path / "in.csv", "1\nx\n")
    with pytest.raises(PySparkException) as caught:
        spark.read.schema("a int").option("mode", "FAILFAST").csv(path).collect()
    assert "MALFORMED_RECORD" in caught.value.getCondition() or "FAILED_READ_FILE" in caught.value.getCondition()


def test_a_missing_path_is_an_error(spark, tmp_path):
    with pytest.raises(AnalysisException) as caught:
        spark.read.parquet(str(tmp_path / "nothing")).schema
    assert caught.value.getCondition() == "PATH_NOT_FOUND"


# Name, program: an option that is not supported is refused, by name.
REFUSED = [
    ("csv reader", "sprockets", lambda s, p: s.read.option("sprockets", "7").csv(p).collect()),
    ("json reader", "sprockets", lambda s, p: s.read.schema("a int").option("sprockets", "7").json(p).collect()),
    ("csv writer", "sprockets", lambda s, p: s.range(1).write.option("sprockets", "7").csv(p + ".out")),
    ("unknown format", "sprocket", lambda s, p: s.read.format("sprocket").load(p)),
    ("bucketBy", "bucketBy", lambda s, p: s.range(1).write.bucketBy(2, "id").saveAsTable("bucketed")),
]


@pytest.mark.parametrize("word, program", [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_an_option_that_is_not_supported_is_refused_by_name(spark, tmp_path, word, program):
    path = write(tmp_path / "in.csv", "1\n")
    with pytest.raises(PySparkException) as caught:
        result = program(spark, path)
        if result is not None:
            result.schema
    assert word in str(caught.value)


def test_partitioned_files_are_read_with_their_partition(spark, tmp_path):
    path = str(tmp_path / "out")
    spark.range(6).withColumn("k", F.col("id") % 2).write.partitionBy("k").parquet(path)
    assert rows(spark.read.parquet(path).filter("k = 1").select("id").orderBy("id")) == [(1,), (3,), (5,)]


def test_tables_by_writer(spark):
    spark.range(3).write.saveAsTable("t_writer")
    spark.range(3, 5).write.mode("append").saveAsTable("t_writer")
    assert rows(spark.table("t_writer").orderBy("id")) == [(0,), (1,), (2,), (3,), (4,)]
    spark.range(1).write.insertInto("t_writer", overwrite=True)
    assert rows(spark.table("t_writer")) == [(0,)]
    spark.range(7, 8).writeTo("t_writer").append()
    assert rows(spark.table("t_writer").orderBy("id")) == [(0,), (7,)]
    spark.sql("DROP TABLE t_writer")


def test_flights_as_another_engine_counts_them(spark, flights_file):
    import duckdb

    df = spark.read.csv(flights_file, header=True, inferSchema=True, nullValue="NA")
    found = rows(
        df.groupBy("carrier").agg(F.count("*"), F.sum("dep_delay"), F.avg("distance")).orderBy("carrier")
    )
    expect = duckdb.sql(
        f"SELECT carrier, count(*), sum(dep_delay)::BIGINT, avg(distance) FROM read_csv('{flights_file}', nullstr='NA') GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert len(found) == 16
    for ours, theirs in zip(found, expect, strict=True):
        assert ours[:3] == theirs[:3] and ours[3] == pytest.approx(theirs[3])


@pytest.mark.parametrize("source", ["parquet", "csv", "json"])
def test_table_at_a_new_folder(spark, tmp_path, source):
    folder = tmp_path / "new" / "folder"
    spark.sql(f"CREATE TABLE at_{source} (a INT) USING {source} LOCATION '{folder}'")
    try:
        assert folder.is_dir() and spark.table(f"at_{source}").count() == 0
        spark.sql(f"INSERT INTO at_{source} VALUES (1)")
        assert [r.a for r in spark.table(f"at_{source}").collect()] == [1]
    finally:
        spark.sql(f"DROP TABLE at_{source}")


PARTITIONS = [
    (["c"], "_LEGACY_ERROR_TEMP_1155", "COLUMN_NOT_DEFINED_IN_TABLE"),
    (["n", "N"], "COLUMN_ALREADY_EXISTS", "COLUMN_ALREADY_EXISTS"),
    (["n", "s"], "ALL_PARTITION_COLUMNS_NOT_ALLOWED", "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
    (["l"], "INVALID_PARTITION_COLUMN_DATA_TYPE", "INVALID_PARTITION_COLUMN_DATA_TYPE"),
]


@pytest.mark.parametrize("format", ["json", "parquet", "delta"])
@pytest.mark.parametrize("by, of_folder, of_table", PARTITIONS)
def test_columns_that_rows_cannot_be_partitioned_by(spark, tmp_path, format, by, of_folder, of_table):
    columns = "array(1) AS l, 1 AS n" if "l" in by else "1 AS n, 'x' AS s"
    writer = spark.sql("SELECT " + columns).write.format(format).partitionBy(*by)
    v2 = spark.sql("SELECT " + columns).writeTo("partitioned_wrong").using(format).partitionedBy(*by)
    for write, condition in [
        (lambda: writer.save(str(tmp_path / "out")), of_folder),
        (lambda: writer.saveAsTable("partitioned_wrong"), of_table),
        (lambda: v2.create(), of_table),
    ]:
        with pytest.raises(AnalysisException) as caught:
            write()
        assert caught.value.getCondition() == condition
    assert not (tmp_path / "out").exists() and not spark.catalog.tableExists("partitioned_wrong")


@pytest.mark.parametrize("format, reading, writing", [
    ("csv", {"multiLine": True, "inferSchema": True, "mode": "FAILFAST"}, {"compression": "gzip", "quoteAll": True}),
    ("json", {"multiLine": True, "primitivesAsString": True}, {"compression": "gzip", "ignoreNullFields": False}),
    ("parquet", {"mergeSchema": True, "pathGlobFilter": "*.x"}, {"compression": "zstd"}),
])
def test_an_option_of_the_other_side_changes_nothing(spark, tmp_path, format, reading, writing):
    path = str(tmp_path / "out")
    frame(spark).write.options(**reading).format(format).save(path)
    assert sorted(rows(spark.read.options(**writing).schema(SCHEMA).format(format).load(path))) == ROWS
    for wrong in (lambda: frame(spark).write.option("bogus", 1).format(format).save(path + "2"),
                  lambda: spark.read.option("bogus", 1).format(format).load(path).schema):
        with pytest.raises(AnalysisException) as caught:
            wrong()
        assert caught.value.getCondition() == "UNSUPPORTED_OPTION"
