"""`spark.catalog` reports tables, views, columns and databases as the catalog records them."""

import pytest
from pyspark.errors import AnalysisException


@pytest.fixture
def names(spark):
    spark.sql("CREATE TABLE r_table (a INT COMMENT 'say \"x\"', p STRING) USING parquet PARTITIONED BY (p) COMMENT 'about'")
    spark.sql("CREATE TABLE r_gone (a INT)")
    spark.sql("CREATE VIEW r_broken AS SELECT a FROM r_gone")
    spark.sql("DROP TABLE r_gone")
    spark.range(1).createOrReplaceTempView("r_temporary")
    spark.range(1).createOrReplaceGlobalTempView("r_global")
    yield spark.catalog
    spark.sql("DROP TABLE r_table")
    spark.sql("DROP VIEW r_broken")
    spark.catalog.dropTempView("r_temporary")
    spark.catalog.dropGlobalTempView("r_global")


def test_tables_have_comments_and_a_view_that_cannot_be_read_is_listed(names):
    listed = [tuple(t) for t in names.listTables(pattern="r_*")]
    assert listed == [
        ("r_broken", "spark_catalog", ["default"], None, "VIEW", False),
        ("r_table", "spark_catalog", ["default"], "about", "MANAGED", False),
        ("r_temporary", None, [], None, "TEMPORARY", True),
    ]
    assert [t.name for t in names.listViews(pattern="r_*")] == ["r_broken", "r_temporary"]
    assert names.tableExists("r_broken") and names.getTable("r_broken").tableType == "VIEW"


def test_a_global_temporary_view_is_found(names):
    expected = ("r_global", None, ["global_temp"], None, "TEMPORARY", True)
    assert tuple(names.getTable("global_temp.r_global")) == expected


def test_columns_have_comments_and_partitions(names):
    assert [(c.name, c.description, c.isPartition) for c in names.listColumns("r_table")] == [
        ("a", 'say "x"', False),
        ("p", None, True),
    ]


@pytest.mark.parametrize(
    "call, condition",
    [
        (lambda c: c.getTable("r_nothing"), "TABLE_OR_VIEW_NOT_FOUND"),
        (lambda c: c.getTable("default.r_temporary"), "TABLE_OR_VIEW_NOT_FOUND"),
        (lambda c: c.getTable("parquet.`/r_nowhere`"), "TABLE_OR_VIEW_NOT_FOUND"),
        (lambda c: c.listTables("r_nowhere"), "SCHEMA_NOT_FOUND"),
        (lambda c: c.getDatabase("r_other.default"), "SCHEMA_NOT_FOUND"),
        (lambda c: c.getFunction("r_nothing"), "UNRESOLVED_ROUTINE"),
    ],
)
def test_what_is_not_there_is_an_error_with_its_class(names, call, condition):
    with pytest.raises(AnalysisException) as caught:
        call(names)
    assert caught.value.getCondition() == condition


def test_existence(names):
    assert not names.databaseExists("r_other.default") and names.databaseExists("spark_catalog.default")
    assert not names.tableExists("parquet.`/r_nowhere`") and names.tableExists("global_temp.r_global")


@pytest.mark.parametrize(
    "call, feature",
    [
        (lambda c: c.truncateTable("r_table"), "truncateTable"),
        (lambda c: c.analyzeTable("r_table"), "analyzeTable"),
        (lambda c: c.recoverPartitions("r_table"), "recoverPartitions"),
        (lambda c: c.listPartitions("r_table"), "listPartitions"),
        (lambda c: c.getTableProperties("r_table"), "getTableProperties"),
        (lambda c: c.getCreateTableString("r_table"), "getCreateTableString"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(names, call, feature):
    with pytest.raises(AnalysisException, match=f"not supported: {feature}"):
        call(names)
