"""Names: temporary views, tables, databases and `spark.catalog`."""

import pytest
from pyspark.errors import AnalysisException

from conftest import rows


def test_a_temporary_view_is_seen_by_sql_and_dropped(spark):
    spark.range(3).createOrReplaceTempView("v")
    assert rows(spark.sql("SELECT max(id) FROM v")) == [(2,)]
    with pytest.raises(AnalysisException) as caught:
        spark.range(1).createTempView("v")
    assert caught.value.getCondition() == "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS"
    spark.range(5).createOrReplaceTempView("v")
    assert spark.table("v").count() == 5
    assert spark.catalog.tableExists("v")
    assert spark.catalog.dropTempView("v") is True
    assert spark.catalog.dropTempView("v") is False
    assert not spark.catalog.tableExists("v")


def test_a_global_temporary_view_is_seen_by_other_sessions(server, spark):
    spark.range(4).createOrReplaceGlobalTempView("g")
    other = server.session()
    assert other.table("global_temp.g").count() == 4
    other.stop()
    assert spark.catalog.dropGlobalTempView("g") is True
    assert spark.catalog.dropGlobalTempView("g") is False


def test_a_view_keeps_the_frame_as_it_was(spark):
    spark.range(3).createOrReplaceTempView("base")
    frame = spark.table("base").filter("id > 0")
    frame.createOrReplaceTempView("derived")
    assert rows(spark.sql("SELECT count(*) FROM derived JOIN base USING (id)")) == [(2,)]


def test_tables_are_made_listed_and_dropped(spark):
    spark.sql("CREATE TABLE t_names (a INT COMMENT 'first', b STRING)")
    spark.sql("INSERT INTO t_names VALUES (1, 'x'), (2, NULL)")
    assert sorted(rows(spark.table("t_names"))) == [(1, "x"), (2, None)]
    listed = [t for t in spark.catalog.listTables() if t.name == "t_names"]
    assert [(t.catalog, t.namespace, t.tableType, t.isTemporary) for t in listed] == [
        ("spark_catalog", ["default"], "MANAGED", False)
    ]
    assert [(c.name, c.dataType) for c in spark.catalog.listColumns("t_names")] == [("a", "int"), ("b", "string")]
    assert spark.catalog.getTable("t_names").name == "t_names"
    assert rows(spark.sql("SHOW TABLES LIKE 't_nam*'")) == [("default", "t_names", False)]
    spark.sql("DROP TABLE t_names")
    assert not spark.catalog.tableExists("t_names")


def test_databases(spark):
    assert spark.catalog.currentDatabase() == "default"
    assert spark.catalog.currentCatalog() == "spark_catalog"
    spark.sql("CREATE DATABASE d_names")
    assert spark.catalog.databaseExists("d_names") and not spark.catalog.databaseExists("d_other")
    assert "d_names" in [d.name for d in spark.catalog.listDatabases()]
    spark.catalog.setCurrentDatabase("d_names")
    assert spark.catalog.currentDatabase() == "d_names"
    spark.catalog.setCurrentDatabase("default")
    spark.sql("DROP DATABASE d_names")
    assert not spark.catalog.databaseExists("d_names")


def test_functions(spark):
    assert spark.catalog.functionExists("upper") and not spark.catalog.functionExists("no_such")
    assert spark.catalog.getFunction("upper").name == "upper"
    assert len(spark.catalog.listFunctions()) > 100
    # Functions are in no database.
    assert len(spark.catalog.listFunctions("default")) == len(spark.catalog.listFunctions())
    with pytest.raises(AnalysisException, match="SCHEMA_NOT_FOUND"):
        spark.catalog.listFunctions("no_such")
    with pytest.warns(FutureWarning):
        assert not spark.catalog.functionExists("upper", "default")
    assert not spark.catalog.functionExists("default.upper")


def test_a_frame_over_a_view_becomes_the_view(spark):
    spark.range(3).createOrReplaceTempView("v")
    spark.table("v").selectExpr("id + 10 AS id").createOrReplaceTempView("v")
    assert rows(spark.table("v")) == [(10,), (11,), (12,)]
    spark.sql("SELECT id + 100 AS id FROM v WHERE id > 10").createOrReplaceTempView("v")
    assert rows(spark.sql("SELECT * FROM v")) == [(111,), (112,)]
    # Also through a view of SQL, which reads the newest version of the other itself.
    spark.sql("CREATE OR REPLACE TEMPORARY VIEW w AS SELECT id FROM v")
    spark.table("w").limit(1).createOrReplaceTempView("v")
    assert rows(spark.table("v")) == [(111,)]
    assert rows(spark.table("w")) == [(111,)]


def test_the_view_of_a_frame_keeps_the_views_that_it_read(spark):
    spark.sql("SELECT 1 AS a").createOrReplaceTempView("base")
    spark.table("base").join(spark.table("base").alias("b"), "a").createOrReplaceTempView("kept")
    spark.sql("SELECT 2 AS a").createOrReplaceTempView("base")
    assert rows(spark.sql("WITH base AS (SELECT 3 AS a) SELECT kept.a, base.a AS b FROM kept, base")) == [(1, 3)]
    spark.catalog.dropTempView("base")
    assert rows(spark.table("kept")) == [(1,)]


def test_the_view_of_a_frame_may_have_two_columns_of_one_name(spark):
    frame = spark.sql("SELECT 1 AS a, 2 AS a")
    frame.createOrReplaceTempView("twice")
    assert rows(spark.table("twice")) == [(1, 2)]
    frame.createOrReplaceGlobalTempView("twice")
    assert rows(spark.table("global_temp.twice")) == [(1, 2)]
    spark.catalog.dropGlobalTempView("twice")


def test_arguments_are_names_in_identifier(spark):
    spark.sql("SELECT 1 AS ab, 2 AS c").createOrReplaceTempView("named")
    by_name = "SELECT IDENTIFIER('a' || :b) FROM IDENTIFIER(concat('na', :t)) WHERE IDENTIFIER(:c) = :n"
    assert rows(spark.sql(by_name, args={"b": "b", "t": "med", "c": "named.c", "n": 2})) == [(1,)]
    assert rows(spark.sql("SELECT ? AS x, ab FROM IDENTIFIER(?) WHERE c = ?", args=[5, "named", 2])) == [(5, 1)]
    with pytest.raises(AnalysisException) as caught:
        spark.sql("SELECT * FROM IDENTIFIER(:t)", args={"t": "nobody"}).collect()
    assert caught.value.getCondition() == "TABLE_OR_VIEW_NOT_FOUND"


def test_rows_are_not_written_into_a_view(spark, tmp_path):
    spark.sql("CREATE VIEW into_view AS SELECT 1 AS a")
    spark.sql("CREATE TEMPORARY VIEW into_temporary AS SELECT 1 AS a")
    frame = spark.sql("SELECT 1 AS a")
    stream = spark.readStream.format("rate").load().writeStream.option("checkpointLocation", str(tmp_path / "c"))
    for write, condition in [
        (lambda: frame.write.insertInto("into_view"), "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"),
        (lambda: frame.write.mode("append").saveAsTable("into_view"), "_LEGACY_ERROR_TEMP_1158"),
        (lambda: frame.writeTo("into_view").append(), "VIEW_WRITE_NOT_ALLOWED"),
        (lambda: frame.writeTo("into_temporary").append(), "VIEW_WRITE_NOT_ALLOWED"),
        (lambda: stream.toTable("into_view"), "_LEGACY_ERROR_TEMP_1191"),
        (lambda: stream.toTable("into_temporary"), "_LEGACY_ERROR_TEMP_1190"),
    ]:
        with pytest.raises(AnalysisException) as caught:
            write()
        assert caught.value.getCondition() == condition
    spark.sql("DROP VIEW into_view")
