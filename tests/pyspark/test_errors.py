"""Errors: a program in; the exception, its class, SQLSTATE and place out."""

import pyarrow
import pytest
from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    NumberFormatException,
    ParseException,
    PySparkException,
)
from pyspark.errors.exceptions.connect import SparkNoSuchElementException
from pyspark.sql import functions as F

from conftest import request

# Name, program, exception, class, SQLSTATE, text of the place (None: no place is asked for).
CASES = [
    ("unknown column", lambda s: s.sql("SELECT id, nme FROM range(3)"), AnalysisException, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", "nme"),
    ("unknown column of a frame", lambda s: s.range(3).select("nope").schema, AnalysisException, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", None),
    ("star of another frame", lambda s: s.range(3).select(s.range(2)["*"]).collect(), AnalysisException, "CANNOT_RESOLVE_DATAFRAME_COLUMN", "42704", None),
    ("unknown table", lambda s: s.sql("SELECT * FROM no_such_table"), AnalysisException, "TABLE_OR_VIEW_NOT_FOUND", "42P01", "no_such_table"),
    ("unknown table of a frame", lambda s: s.table("no_such_table").schema, AnalysisException, "TABLE_OR_VIEW_NOT_FOUND", "42P01", None),
    ("syntax", lambda s: s.sql("SELECT 1 FRM x WHERE"), ParseException, "PARSE_SYNTAX_ERROR", "42601", None),
    ("unknown function", lambda s: s.sql("SELECT no_such_function(1)"), AnalysisException, "UNRESOLVED_ROUTINE", "42883", None),
    ("division by zero", lambda s: s.sql("SELECT 1 / (id - id) FROM range(1)").collect(), ArithmeticException, "DIVIDE_BY_ZERO", "22012", "1 / (id - id)"),
    ("overflow", lambda s: s.sql("SELECT 9223372036854775807 + id FROM range(2)").collect(), ArithmeticException, "ARITHMETIC_OVERFLOW", "22003", "9223372036854775807 + id"),
    ("bad cast", lambda s: s.sql("SELECT CAST(concat('x', id) AS INT) FROM range(1)").collect(), NumberFormatException, "CAST_INVALID_INPUT", "22018", "CAST(concat('x', id) AS INT)"),
    ("implicit cast", lambda s: s.sql("SELECT id + concat('x', id) FROM range(1)").collect(), NumberFormatException, "CAST_INVALID_INPUT", "22018", "id + concat('x', id)"),
    ("scalar subquery of two rows", lambda s: s.sql("SELECT (SELECT id FROM range(2))").collect(), PySparkException, "SCALAR_SUBQUERY_TOO_MANY_ROWS", "21000", None),
    ("unknown setting", lambda s: s.conf.get("no.such.setting"), SparkNoSuchElementException, "SQL_CONF_NOT_FOUND", "42K0I", None),
    ("union of unlike frames", lambda s: s.range(1).union(s.sql("SELECT 1, 2")).schema, AnalysisException, "NUM_COLUMNS_MISMATCH", "42826", None),
    ("Python function", lambda s: s.range(1).select(F.udf(lambda x: x, "int")("id")).collect(), AnalysisException, "UNSUPPORTED_FEATURE", "0A000", None),
    ("transposed frame", lambda s: s.range(1).unpivot("id", None, "a", "b").transpose().collect(), AnalysisException, "UNSUPPORTED_FEATURE", "0A000", None),
]


@pytest.mark.parametrize("program, exception, condition, state, place", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_error(spark, program, exception, condition, state, place):
    with pytest.raises(exception) as caught:
        program(spark)
    error = caught.value
    assert error.getCondition() == condition
    assert error.getSqlState() == state
    assert f"[{condition}]" in str(error) and f"SQLSTATE: {state}" in str(error)
    if place is not None:
        assert [c.fragment() for c in error.getQueryContext()] == [place]


def test_an_error_tells_parameters_and_suggestions(spark):
    with pytest.raises(AnalysisException) as caught:
        spark.sql("SELECT carier FROM VALUES ('UA', 1) AS f(carrier, n)")
    parameters = caught.value.getMessageParameters()
    assert parameters["objectName"] == "`carier`" and "`carrier`" in parameters["proposal"]
    context = caught.value.getQueryContext()[0]
    assert (context.startIndex(), context.stopIndex()) == (7, 12)


def test_the_syntax_error_tells_where(spark):
    with pytest.raises(ParseException) as caught:
        spark.sql("SELECT 1\nFROM range(3) WHERE WHERE")
    assert "line 2" in str(caught.value)


def test_an_error_ends_neither_session_nor_server(spark):
    for _ in range(3):
        with pytest.raises(PySparkException):
            spark.sql("SELECT * FROM nowhere").collect()
    assert spark.range(2).count() == 2


def test_a_setting_is_set_read_and_unset(spark):
    key = "spark.sql.session.timeZone"
    before = spark.conf.get(key)
    spark.conf.set(key, "Asia/Tokyo")
    assert spark.conf.get(key) == "Asia/Tokyo" and spark.conf.isModifiable(key)
    first = next(spark.client._stub.ExecutePlan(request(spark, "SELECT TIMESTAMP'2024-01-01 00:00:00'")))
    table = pyarrow.ipc.open_stream(first.arrow_batch.data).read_all()
    assert table.schema[0].type.tz == "Asia/Tokyo"
    assert table[0][0].as_py().isoformat() == "2024-01-01T00:00:00+09:00"
    spark.conf.unset(key)
    assert spark.conf.get(key) == before
    assert spark.conf.get("no.such.setting", "else") == "else"
    assert key not in spark.conf.getAll and spark.conf.getAll["spark.app.name"]


def test_a_closed_session_stays_closed(server):
    session = server.session()
    session.range(1).collect()
    client = session.client
    session.stop()
    assert client.is_closed


def test_two_sessions_do_not_see_each_other(server):
    a, b = server.session(), server.session()
    a.range(1).createOrReplaceTempView("mine")
    assert a.table("mine").count() == 1
    with pytest.raises(AnalysisException):
        b.table("mine").count()
    a.stop()
    assert b.range(1).count() == 1
    b.stop()


