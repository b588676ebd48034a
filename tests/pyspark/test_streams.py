"""Streaming queries through readStream and writeStream."""

import json
import pathlib
import time
import uuid

import pytest
from pyspark.errors import AnalysisException, PySparkException, StreamingQueryException
from pyspark.sql import functions as F

from conftest import Server, client_that_vanishes, rows

SCHEMA = "t timestamp, k string, v int"


def put(folder, name, *lines):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A file appears whole: it is written under a name that no source reads.
    hidden = folder / f".{name}"
    hidden.write_text("".join(json.dumps(line) + "\n" for line in lines))
    hidden.rename(folder / name)


def event(minute, key, value):
    return {"t": f"2024-01-01T00:{minute:02}:00Z", "k": key, "v": value}


def source(spark, folder):
    return spark.readStream.schema(SCHEMA).json(str(folder))


def test_stateless_rows_reach_a_memory_sink(spark, tmp_path, capsys):
    put(tmp_path / "in", "a.json", event(0, "x", 1), event(1, "y", 2))
    df = source(spark, tmp_path / "in").filter("v > 1").select("k", (F.col("v") * 10).alias("w"))
    assert df.isStreaming
    query = df.writeStream.format("memory").queryName("stateless").start()
    try:
        query.processAllAvailable()
        assert rows(spark.table("stateless")) == [("y", 20)]
        put(tmp_path / "in", "b.json", event(2, "z", 3))
        query.processAllAvailable()
        assert sorted(rows(spark.table("stateless"))) == [("y", 20), ("z", 30)]
        assert query.isActive and query.exception() is None
        assert query.name == "stateless" and query.id and query.runId
        assert [q.id for q in spark.streams.active] == [query.id]
        assert spark.streams.get(query.id).runId == query.runId
        progress = query.lastProgress
        assert progress.numInputRows == 1 and str(progress.id) == query.id
        assert sum(p.numInputRows for p in query.recentProgress) == 3
        assert set(query.status) == {"message", "isDataAvailable", "isTriggerActive"}
        capsys.readouterr()
        query.explain()
        plan = capsys.readouterr().out
        assert plan.startswith("== Physical Plan ==") and "Analyzed" not in plan
        query.explain(extended=True)
        plan = capsys.readouterr().out
        assert plan.startswith("== Analyzed Logical Plan ==") and "== Physical Plan ==" in plan
    finally:
        query.stop()
    assert not query.isActive
    assert query.awaitTermination(5)


def test_windows_close_behind_the_watermark(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(1, "x", 1), event(4, "x", 2), event(12, "x", 5))
    windows = (
        source(spark, tmp_path / "in")
        .withWatermark("t", "5 minutes")
        .groupBy(F.window("t", "10 minutes"), "k")
        .agg(F.sum("v").alias("s"))
        .select(F.date_format("window.start", "mm").alias("m"), "k", "s")
    )
    query = windows.writeStream.format("memory").queryName("windows").outputMode("append").start()
    try:
        query.processAllAvailable()
        assert rows(spark.table("windows")) == []
        put(tmp_path / "in", "b.json", event(16, "x", 7))
        query.processAllAvailable()
        put(tmp_path / "in", "c.json", event(17, "x", 1))
        query.processAllAvailable()
        assert rows(spark.table("windows")) == [("00", "x", 3)]
    finally:
        query.stop()


def test_update_mode_tells_every_change(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(1, "x", 1))
    counts = source(spark, tmp_path / "in").groupBy("k").count()
    query = counts.writeStream.format("memory").queryName("updates").outputMode("update").start()
    try:
        query.processAllAvailable()
        put(tmp_path / "in", "b.json", event(2, "x", 1), event(2, "y", 1))
        query.processAllAvailable()
        assert sorted(rows(spark.table("updates"))) == [("x", 1), ("x", 2), ("y", 1)]
    finally:
        query.stop()


def available_now(spark, tmp_path):
    query = (
        source(spark, tmp_path / "in")
        .select("k", "v")
        .writeStream.format("delta")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(tmp_path / "out"))
    )
    assert query.awaitTermination(60)
    assert query.exception() is None
    return query


def test_a_program_that_runs_again_goes_on_where_it_was(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    first = available_now(spark, tmp_path)
    again = available_now(spark, tmp_path)
    assert first.id == again.id and first.runId != again.runId
    put(tmp_path / "in", "b.json", event(1, "y", 2))
    available_now(spark, tmp_path)
    assert sorted(rows(spark.read.format("delta").load(str(tmp_path / "out")))) == [("x", 1), ("y", 2)]


def test_a_killed_server_loses_and_repeats_nothing(tmp_path):
    server = Server(tmp_path / "data")
    put(tmp_path / "in", *["a.json", event(0, "x", 1), event(1, "x", 2)])
    spark = server.session()
    query = (
        source(spark, tmp_path / "in")
        .select("k", "v")
        .writeStream.format("delta")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .start(str(tmp_path / "out"))
    )
    query.processAllAvailable()
    server.kill()
    put(tmp_path / "in", "b.json", event(2, "y", 3))
    server = Server(tmp_path / "data")
    try:
        spark = server.session()
        available_now(spark, tmp_path)
        found = sorted(rows(spark.read.format("delta").load(str(tmp_path / "out"))))
        assert found == [("x", 1), ("x", 2), ("y", 3)]
        spark.stop()
    finally:
        server.stop()


VANISHING = """
source = spark.readStream.schema("t timestamp, k string, v int").json({folder!r} + "/in")
writer = source.writeStream.format("delta").option("checkpointLocation", {folder!r} + "/checkpoint")
query = writer.start({folder!r} + "/out")
query.processAllAvailable()
print(query.id)
"""


def test_a_vanished_client_changes_nothing(server, spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    query_id = client_that_vanishes(server, VANISHING.format(folder=str(tmp_path))).strip()
    put(tmp_path / "in", "b.json", event(1, "y", 2))
    found = spark.streams.get(query_id)
    assert found is not None and found.isActive
    found.processAllAvailable()
    assert spark.read.format("delta").load(str(tmp_path / "out")).count() == 2
    found.stop()


# Name, program on the writer: refused as Spark refuses it.
REFUSED = [
    ("complete without aggregate", lambda df, p: df.writeStream.format("memory").queryName("q1").outputMode("complete").start()),
    ("append of an aggregate without watermark", lambda df, p: df.groupBy("k").count().writeStream.format("memory").queryName("q2").start()),
    ("unknown sink", lambda df, p: df.writeStream.format("sprocket").start()),
    ("batch on a stream", lambda df, p: df.collect()),
    ("foreachBatch", lambda df, p: df.writeStream.foreachBatch(lambda b, i: None).start()),
    ("unknown option", lambda df, p: df.writeStream.format("delta").option("sprockets", "1").option("checkpointLocation", p + "/c").start(p + "/o")),
]


@pytest.mark.parametrize("program", [c[1] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_refused(spark, tmp_path, program):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    with pytest.raises(PySparkException) as caught:
        program(source(spark, tmp_path / "in"), str(tmp_path))
    assert caught.value.getCondition() not in (None, "INTERNAL_ERROR"), str(caught.value)


def test_a_stream_needs_a_schema(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    with pytest.raises(PySparkException):
        spark.readStream.json(str(tmp_path / "in")).schema


def test_a_failed_query_tells_why(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 0))
    query = (
        source(spark, tmp_path / "in").select(F.expr("1 / v")).writeStream.format("memory").queryName("failing").start()
    )
    for wait in (lambda: query.awaitTermination(60), query.awaitTermination, query.processAllAvailable):
        with pytest.raises(StreamingQueryException) as caught:
            wait()
        error = caught.value
        assert error.getCondition() == "STREAM_FAILED" and error.getSqlState() == "XXKST"
        assert {**error.getMessageParameters(), "message": ""} == {"id": query.id, "runId": query.runId, "message": ""}
        assert "[DIVIDE_BY_ZERO]" in error.getMessageParameters()["message"]
        assert f"[STREAM_FAILED] Query [id = {query.id}, runId = {query.runId}]" in str(error)
        assert "terminated with exception: [DIVIDE_BY_ZERO] Division by zero." in str(error)
    assert not query.isActive
    failure = query.exception()
    assert isinstance(failure, StreamingQueryException)
    assert str(failure).startswith("(STREAM_FAILED) [DIVIDE_BY_ZERO] Division by zero.")
    query.stop()


def test_await_any_termination(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    spark.streams.resetTerminated()
    query = source(spark, tmp_path / "in").writeStream.format("memory").queryName("any").trigger(availableNow=True).start()
    assert spark.streams.awaitAnyTermination(60)
    assert query.awaitTermination(1)
    # A failure is told whatever else has ended, until it is reset.
    put(tmp_path / "zero", "a.json", event(0, "x", 0))
    failing = source(spark, tmp_path / "zero").select(F.expr("1 / v"))
    failing = failing.writeStream.format("memory").queryName("any_failing").trigger(availableNow=True).start()
    with pytest.raises(StreamingQueryException):
        failing.awaitTermination(60)
    for wait in (spark.streams.awaitAnyTermination, lambda: spark.streams.awaitAnyTermination(60)):
        with pytest.raises(StreamingQueryException) as caught:
            wait()
        assert caught.value.getMessageParameters()["id"] == failing.id
    spark.streams.resetTerminated()
    assert not spark.streams.awaitAnyTermination(1)


def test_the_current_time_is_one_value_per_epoch(spark, tmp_path):
    (tmp_path / "in").mkdir()
    now = source(spark, tmp_path / "in").select(
        "k", F.current_timestamp().alias("at"), F.now().alias("n"), F.current_date().alias("d"), F.unix_timestamp().alias("u")
    )
    query = now.writeStream.format("memory").queryName("now").start()
    try:
        for name in ["a", "b"]:
            put(tmp_path / "in", f"{name}.json", event(0, name, 1), event(1, name, 2))
            query.processAllAvailable()
        found = spark.table("now").selectExpr("k", "at", "at = n and d = to_date(at) and u = unix_timestamp(at) as same").distinct()
        assert sorted((k, same) for k, _, same in rows(found)) == [("a", True), ("b", True)]
        assert len({at for _, at, _ in rows(found)}) == 2
    finally:
        query.stop()


def test_a_full_disk_fails_the_query_by_name_and_the_next_run_goes_on(tmp_path):
    put(tmp_path / "in", "a.json", event(0, "small", 1))
    server = Server(tmp_path / "data", file_blocks=128)
    try:
        spark = server.session()
        assert available_now(spark, tmp_path).exception() is None
        put(tmp_path / "in", "b.json", *[event(1, uuid.uuid4().hex, n) for n in range(20_000)])
        with pytest.raises(PySparkException) as caught:
            available_now(spark, tmp_path)
        assert "DISK_FULL" in str(caught.value) and str(tmp_path / "out") in str(caught.value)
        assert "FAILED" in [row.state for row in spark.sql("SHOW JOBS").collect()]
        spark.stop()
    finally:
        server.stop()
    server = Server(tmp_path / "data")
    try:
        spark = server.session()
        available_now(spark, tmp_path)
        out = spark.read.format("delta").load(str(tmp_path / "out"))
        assert out.select("k").distinct().count() == out.count() == 20_001
        spark.stop()
    finally:
        server.stop()


def test_a_killed_server_leaves_no_temporary_checkpoint_for_ever(tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    temporary = tmp_path / "data" / "temporary"
    first = Server(tmp_path / "data")
    try:
        query = source(first.session(), tmp_path / "in").writeStream.format("memory").queryName("brief").start()
        query.processAllAvailable()
        assert len(list(temporary.iterdir())) == 1
    finally:
        first.kill()
    second = Server(tmp_path / "data")
    try:
        assert second.url and not temporary.exists()
    finally:
        second.stop()


def test_columns_that_a_stream_cannot_be_partitioned_by(spark, tmp_path):
    def writer(by):
        stream = spark.readStream.format("rate").load()
        return stream.writeStream.option("checkpointLocation", str(tmp_path / "c")).partitionBy(*by)

    cases = [
        (["c"], "_LEGACY_ERROR_TEMP_1196"),
        (["value", "VALUE"], "COLUMN_ALREADY_EXISTS"),
        (["timestamp", "value"], "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
    ]
    for by, condition in cases:
        for start in (lambda: writer(by).format("delta").start(str(tmp_path / "out")),
                      lambda: writer(by).toTable("partitioned_stream")):
            with pytest.raises(AnalysisException) as caught:
                start()
            assert caught.value.getCondition() == condition
    assert not spark.catalog.tableExists("partitioned_stream")


def test_unions_duplicates_and_windows_of_windows(spark, tmp_path):
    rows = [("a", "2024-01-01T00:00:01", 1), ("a", "2024-01-01T00:00:01", 1), ("b", "2024-01-01T00:00:12", 2)]
    late = [("c", "2024-01-01T00:00:23", 4), ("a", "2024-01-01T00:02:00", 8)]
    for name, part in (("one", rows), ("two", late)):
        folder = tmp_path / name
        folder.mkdir()
        lines = [json.dumps({"k": k, "t": t, "v": v}) for k, t, v in part]
        (folder / "a.json").write_text("\n".join(lines) + "\n")

    def read(name):
        return spark.readStream.schema("k string, t timestamp, v long").json(str(tmp_path / name))

    def run(df, name):
        query = df.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
        query.awaitTermination()
        return spark.table(name), query.lastProgress

    both = read("one").union(read("two"))
    table, progress = run(both, "both")
    assert table.count() == 5 and len(progress.sources) == 2
    table, progress = run(both.dropDuplicates(["k"]), "keys")
    assert sorted(r.k for r in table.collect()) == ["a", "b", "c"]
    assert progress.stateOperators[0].operatorName == "dedupe"
    marked = both.withWatermark("t", "5 seconds")
    within, _ = run(marked.dropDuplicatesWithinWatermark(["k", "t"]), "within")
    assert within.count() == 4
    small = marked.dropDuplicates(["k", "t"]).groupBy(F.window("t", "10 seconds")).agg(F.sum("v").alias("s"))
    large = small.groupBy(F.window(F.window_time("window"), "20 seconds")).agg(F.sum("s").alias("s"))
    table, progress = run(large, "large")
    assert sorted(r.s for r in table.collect()) == [3, 4]
    names = [operator.operatorName for operator in progress.stateOperators]
    assert names == ["stateStoreSave", "stateStoreSave", "dedupe"]


def test_state_is_recognised_by_what_functions_compute(spark, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.json").write_text('{"k": "a", "t": "2024-01-01T00:00:01", "v": 1}\n')

    def run(name, size="10 seconds", digits=1, columns="k string, t timestamp, v long"):
        events = spark.readStream.schema(columns).json(str(folder)).withWatermark("t", "5 seconds")
        sums = events.groupBy(F.window("t", size)).agg(F.sum(F.round(F.col("v") / 3, digits)).alias("s"))
        checkpoint = str(tmp_path / f"checkpoint-{name}")
        writer = sums.writeStream.format("delta").option("checkpointLocation", checkpoint)
        writer.trigger(availableNow=True).start(str(tmp_path / name)).awaitTermination()

    run("same")
    # A column in front changes the places of the others, and nothing that the state means.
    run("same", columns="new int, k string, t timestamp, v long")
    for change, part in (({"size": "20 seconds"}, "grouping keys"), ({"digits": 2}, "aggregates")):
        with pytest.raises(PySparkException, match=f"STREAM_STATE_INCOMPATIBLE.*{part}"):
            run("same", **change)


def test_bad_files_are_left_out_by_option_or_setting(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    (tmp_path / "in" / "b.json.gz").write_bytes(b"this is no gzip")

    def run(name, **options):
        df = spark.readStream.schema(SCHEMA).options(**options).json(str(tmp_path / "in"))
        writer = df.select("k", "v").writeStream.format("memory").queryName(name)
        query = writer.trigger(availableNow=True).start()
        query.awaitTermination(60)
        return rows(spark.table(name))

    with pytest.raises(StreamingQueryException) as caught:
        run("bad_files_fail")
    assert "FAILED_READ_FILE" in str(caught.value) and "b.json.gz" in str(caught.value)
    assert run("bad_files_option", ignoreCorruptFiles="true") == [("x", 1)]
    assert run("bad_files_skipped", skipFiles="b.json.gz") == [("x", 1)]
    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    try:
        assert run("bad_files_setting") == [("x", 1)]
        assert spark.read.schema(SCHEMA).json(str(tmp_path / "in")).count() == 1
        # The option wins.
        with pytest.raises(StreamingQueryException):
            run("bad_files_option_wins", ignoreCorruptFiles="false")
    finally:
        spark.conf.unset("spark.sql.files.ignoreCorruptFiles")


def test_only_what_is_new_is_read_whatever_the_folder_does(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1))
    df = source(spark, tmp_path / "in").select("k", "v")
    query = df.writeStream.format("memory").queryName("what_is_new").start()
    try:
        # Each file is found at once, also where it comes in the same instant as the look at the folder.
        for n in range(30):
            put(tmp_path / "in", f"{n}.json", event(1, "y", n))
            query.processAllAvailable()
            assert spark.table("what_is_new").count() == n + 2
        for path in (tmp_path / "in").iterdir():
            path.unlink()
        (tmp_path / "in").rmdir()
        query.processAllAvailable()
        put(tmp_path / "in", "back.json", event(2, "z", 1))
        query.processAllAvailable()
        assert spark.table("what_is_new").count() == 32
    finally:
        query.stop()


def two_streams(spark, folder):
    """Impressions and clicks, with watermarks."""
    for name in ("ads", "clicks"):
        (folder / name).mkdir(exist_ok=True)
    ads = spark.readStream.schema("at timestamp, ad int").json(str(folder / "ads")).withWatermark("at", "10 seconds")
    clicks = spark.readStream.schema("ct timestamp, of int").json(str(folder / "clicks")).withWatermark("ct", "20 seconds")
    return ads, clicks


IN_RANGE = "ad = of AND ct BETWEEN at AND at + INTERVAL 1 MINUTE"


def put_ads_and_clicks(folder, name, ads, clicks):
    time = "2024-01-01T00:{:02}:{:02}Z".format
    put(folder / "ads", f"{name}.json", *[{"at": time(*divmod(s, 60)), "ad": ad} for ad, s in ads])
    put(folder / "clicks", f"{name}.json", *[{"ct": time(*divmod(s, 60)), "of": of} for of, s in clicks])


@pytest.mark.parametrize("how", ["inner", "left_outer", "right_outer", "full_outer", "left_semi"])
def test_a_join_of_two_streams_goes_on_after_a_restart(spark, tmp_path, how):
    ads, clicks = two_streams(spark, tmp_path)
    joined = ads.join(clicks, F.expr(IN_RANGE), how)
    columns = [c for c in ("ad", "of") if c in joined.columns]

    def run():
        query = (
            joined.select(*columns).writeStream.format("delta").option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True).start(str(tmp_path / "out"))
        )
        assert query.awaitTermination(60) and query.exception() is None
        return query.lastProgress

    put_ads_and_clicks(tmp_path, "a", [(1, 0), (2, 10), (3, 20), (4, 30)], [(2, 15), (9, 20)])
    run()
    put_ads_and_clicks(tmp_path, "b", [(5, 100)], [(1, 60), (3, 81), (4, 89), (4, 90)])
    run()
    # The watermark is 4:40 at least: only what is newer is still open.
    put_ads_and_clicks(tmp_path, "c", [(6, 300)], [(6, 300)])
    progress = run()
    found = sorted(rows(spark.read.format("delta").load(str(tmp_path / "out")).select(*columns)), key=str)
    pairs = [(1, 1), (2, 2), (4, 4), (4, 4), (6, 6)]
    left, right = [(3, None), (5, None)], [(None, 3), (None, 9)]
    expected = {
        "inner": pairs, "left_outer": pairs + left, "right_outer": pairs + right, "full_outer": pairs + left + right,
        "left_semi": [(1,), (2,), (4,), (6,)],
    }
    assert found == sorted(expected[how], key=str)
    operator = progress.stateOperators[0]
    assert operator.operatorName == "symmetricHashJoin"
    # A semi join keeps a row if it came before its match.
    assert operator.numRowsTotal in ((1, 2) if how == "left_semi" else (2,)) and operator.memoryUsedBytes > 0


# Kind of join, output mode, condition, whether the sides have watermarks, class of the error.
REFUSED_JOINS = [
    ("left_outer", "append", "ad = of", True, "_LEGACY_ERROR_TEMP_3102"),
    ("left_outer", "append", IN_RANGE, False, "_LEGACY_ERROR_TEMP_3102"),
    ("left_outer", "append", "ad = of AND at <= ct", True, "_LEGACY_ERROR_TEMP_3102"),
    ("right_outer", "append", "ad = of AND ct <= at + INTERVAL 1 HOUR", True, "_LEGACY_ERROR_TEMP_3102"),
    ("left_semi", "append", "ad = of", True, "_LEGACY_ERROR_TEMP_3102"),
    ("left_anti", "append", IN_RANGE, True, "_LEGACY_ERROR_TEMP_3102"),
    ("left_outer", "update", IN_RANGE, True, "_LEGACY_ERROR_TEMP_3102"),
    ("inner", "append", "ct BETWEEN at AND at + INTERVAL 1 MINUTE", True, "_LEGACY_ERROR_TEMP_1181"),
]


@pytest.mark.parametrize("how, mode, condition, marked, error", REFUSED_JOINS)
def test_joins_of_streams_that_spark_refuses(spark, tmp_path, how, mode, condition, marked, error):
    put_ads_and_clicks(tmp_path, "a", [(1, 0)], [(1, 1)])
    ads, clicks = two_streams(spark, tmp_path)
    if not marked:
        ads = spark.readStream.schema("at timestamp, ad int").json(str(tmp_path / "ads"))
        clicks = spark.readStream.schema("ct timestamp, of int").json(str(tmp_path / "clicks"))
    with pytest.raises(AnalysisException) as caught:
        ads.join(clicks, F.expr(condition), how).writeStream.format("memory").queryName("refused").outputMode(mode).start()
    assert caught.value.getCondition() == error


def test_an_inner_join_without_watermarks_keeps_all_rows_and_windows_join(spark, tmp_path):
    put_ads_and_clicks(tmp_path, "a", [(1, 0), (2, 10), (3, 50)], [(1, 2), (2, 61)])
    ads, clicks = two_streams(spark, tmp_path)

    def run(df, name):
        query = df.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
        assert query.awaitTermination(60)
        return sorted(rows(spark.table(name)), key=str), query.lastProgress

    plain = spark.readStream.schema("at timestamp, ad int").json(str(tmp_path / "ads"))
    found, progress = run(plain.join(spark.readStream.schema("ct timestamp, of int").json(str(tmp_path / "clicks")), F.expr("ad = of")).select("ad"), "plain")
    assert found == [(1,), (2,)] and progress.stateOperators[0].numRowsTotal == 5
    windows = ads.withColumn("w", F.window("at", "30 seconds")).join(
        clicks.withColumn("x", F.window("ct", "30 seconds")), F.expr("w = x AND ad = of"), "left_outer")
    found, _ = run(windows.select("ad", "of"), "windows_join")
    # The watermark is 40 seconds: the first window is closed.
    assert found == [(1, 1), (2, None)]
    counts = ads.join(clicks, F.expr(IN_RANGE)).groupBy(F.window("at", "10 seconds")).count()
    put_ads_and_clicks(tmp_path, "b", [(9, 600)], [(9, 600)])
    found, _ = run(counts.select("count"), "counts_join")
    assert found == [(1,), (1,)]


def test_a_stream_joins_the_newest_version_of_a_table(spark, tmp_path):
    names = str(tmp_path / "names")
    spark.createDataFrame([("x", "X"), ("z", "Z")], "k string, name string").write.format("delta").save(names)
    table = spark.read.format("delta").load(names)
    put(tmp_path / "in", "a.json", event(0, "x", 1), event(1, "y", 2), event(2, None, 3))
    stream = source(spark, tmp_path / "in")
    kinds = {
        "inner": [("x", 1, "X"), ("y", 4, "Y")],
        "left_outer": [("x", 1, "X"), ("y", 2, None), (None, 3, None), ("y", 4, "Y")],
        "left_semi": [("x", 1), ("y", 4)],
        "left_anti": [("y", 2), (None, 3)],
    }

    def run(how, name):
        joined = stream.join(table, "k", how).select(*(["k", "v", "name"] if name else ["k", "v"]))
        query = (
            joined.writeStream.format("delta").option("checkpointLocation", str(tmp_path / f"checkpoint_{how}"))
            .trigger(availableNow=True).start(str(tmp_path / f"out_{how}"))
        )
        assert query.awaitTermination(60) and query.exception() is None

    for how, expected in kinds.items():
        run(how, len(expected[0]) == 3)
    live = stream.join(F.broadcast(table), "k").select("v", "name").writeStream.format("memory").queryName("live").start()
    live.processAllAvailable()
    spark.createDataFrame([("y", "Y")], "k string, name string").write.format("delta").mode("append").save(names)
    put(tmp_path / "in", "b.json", event(3, "y", 4))
    live.processAllAvailable()
    assert sorted(rows(spark.table("live"))) == [(1, "X"), (4, "Y")]
    live.stop()
    for how, expected in kinds.items():
        run(how, len(expected[0]) == 3)
        found = rows(spark.read.format("delta").load(str(tmp_path / f"out_{how}")))
        assert sorted(found, key=str) == sorted(expected, key=str), how


def test_joins_of_a_stream_and_a_table_on_either_side(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1), event(1, "y", 2))
    stream = source(spark, tmp_path / "in").withWatermark("t", "1 minute")
    table = spark.createDataFrame([("x", 10), ("x", 1), ("z", 3)], "k string, least int").withColumn("now", F.current_timestamp())

    def run(df, name):
        query = df.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
        assert query.awaitTermination(60)
        return sorted(rows(spark.table(name)), key=str)

    assert run(table.join(stream, "k").select("k", "v", "least"), "from_left") == [("x", 1, 1), ("x", 1, 10)]
    assert run(table.join(stream, "k", "right_outer").select("k", "v", "least"), "outer_right") == [
        ("x", 1, 1), ("x", 1, 10), ("y", 2, None)]
    both = (stream.k == table.k) & (stream.v >= table.least)
    assert run(stream.join(table, both, "left_outer").select(stream.k, "least"), "condition") == [("x", 1), ("y", None)]
    assert len(run(stream.crossJoin(table).select("v", "least"), "cross")) == 6
    # A time of the epoch, and an aggregate above.
    counts = stream.join(table, "k").where("now > t").groupBy(F.window("t", "1 second")).count()
    put(tmp_path / "in", "b.json", event(9, "x", 3))
    assert run(counts.select("count"), "counts_static") == [(2,)]
    refused = {
        "right_outer": "RightOuter join with a streaming", "full_outer": "FullOuter joins with streaming",
    }
    for how, text in refused.items():
        with pytest.raises(AnalysisException, match=text) as caught:
            run(stream.join(table, "k", how), "refused")
        assert caught.value.getCondition() == "_LEGACY_ERROR_TEMP_3102"
    for how in ("left_outer", "left_semi", "left_anti", "full_outer"):
        with pytest.raises(AnalysisException, match="on the right") as caught:
            run(table.join(stream, "k", how), "refused")
        assert caught.value.getCondition() == "_LEGACY_ERROR_TEMP_3102"


def test_complete_mode_replaces_the_result_with_each_epoch(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1), event(1, "y", 5), event(2, "z", 3))
    totals = source(spark, tmp_path / "in").groupBy("k").agg(F.sum("v").alias("s")).orderBy(F.desc("s"))
    live = totals.writeStream.format("memory").queryName("totals").outputMode("complete").start()
    top = totals.limit(2).writeStream.format("memory").queryName("top").outputMode("complete").start()

    def run():
        query = (
            totals.writeStream.format("delta").outputMode("complete").option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True).start(str(tmp_path / "out"))
        )
        assert query.awaitTermination(60) and query.exception() is None
        return sorted(rows(spark.read.format("delta").load(str(tmp_path / "out"))))

    try:
        live.processAllAvailable()
        assert rows(spark.table("totals")) == [("y", 5), ("z", 3), ("x", 1)]
        assert run() == [("x", 1), ("y", 5), ("z", 3)]
        put(tmp_path / "in", "b.json", event(3, "x", 10))
        live.processAllAvailable()
        top.processAllAvailable()
        assert rows(spark.table("totals")) == [("x", 11), ("y", 5), ("z", 3)]
        assert rows(spark.table("top")) == [("x", 11), ("y", 5)]
        assert run() == [("x", 11), ("y", 5), ("z", 3)]
    finally:
        live.stop()
        top.stop()


def test_complete_mode_keeps_closed_windows_and_refuses_what_spark_refuses(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(1, "x", 1), event(30, "x", 2))
    put(tmp_path / "in", "b.json", event(1, "x", 4))
    stream = source(spark, tmp_path / "in").withWatermark("t", "1 minute")
    windows = stream.groupBy(F.window("t", "10 minutes")).agg(F.sum("v").alias("s")).select("s")
    query = windows.writeStream.format("memory").queryName("all_windows").outputMode("complete").start()
    query.processAllAvailable()
    put(tmp_path / "in", "c.json", event(2, "x", 8))
    query.processAllAvailable()
    assert sorted(rows(spark.table("all_windows"))) == [(2,), (13,)]
    query.stop()
    other = spark.readStream.schema("u timestamp, k string").json(str(tmp_path / "in")).withWatermark("u", "1 minute")
    refused = [
        (stream.select("k"), "complete", "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
        (stream.join(other, "k").groupBy("k").count(), "complete", "_LEGACY_ERROR_TEMP_3102"),
        (stream.join(spark.range(3).groupBy("id").count(), F.expr("v = id")), "complete", "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
        (stream.orderBy("k"), "append", "_LEGACY_ERROR_TEMP_3102"),
        (stream.groupBy("k").count().orderBy("k"), "update", "_LEGACY_ERROR_TEMP_3102"),
    ]
    for df, mode, condition in refused:
        with pytest.raises(AnalysisException) as caught:
            df.writeStream.format("memory").queryName("refused").outputMode(mode).start()
        assert caught.value.getCondition() == condition


def test_a_filter_above_a_join_drops_rows_before_they_move_the_watermark(spark, tmp_path):
    put_ads_and_clicks(tmp_path, "a", [(1, 0), (50, 3000)], [(1, 5), (2, 3000)])
    ads, clicks = two_streams(spark, tmp_path)
    joined = ads.join(clicks, F.expr(IN_RANGE)).where("ad < 10 and of < 10").select("ad")
    query = joined.writeStream.format("memory").queryName("filtered_join").trigger(availableNow=True).start()
    assert query.awaitTermination(60) and rows(spark.table("filtered_join")) == [(1,)]
    assert query.lastProgress.eventTime["watermark"] == "2023-12-31T23:59:50.000Z"


def test_a_row_without_a_possible_match_is_emitted_at_once(spark, tmp_path):
    put_ads_and_clicks(tmp_path, "a", [(1, 0), (7, 5)], [(1, 5), (7, 6)])
    ads, clicks = two_streams(spark, tmp_path)
    joined = ads.join(clicks, F.expr(IN_RANGE + " AND ad < 5"), "left_outer").select("ad", "of")
    query = joined.writeStream.format("memory").queryName("matchless").trigger(availableNow=True).start()
    assert query.awaitTermination(60)
    assert sorted(rows(spark.table("matchless")), key=str) == [(1, 1), (7, None)]
    assert query.lastProgress.stateOperators[0].numRowsTotal == 3


def test_many_windows_of_an_instant(spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1), event(1, "x", 2), event(20, "y", 4))
    stream = source(spark, tmp_path / "in").withWatermark("t", "1 minute")

    def run(df, name):
        query = df.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
        assert query.awaitTermination(60)
        return sorted(rows(spark.table(name)), key=str), query.lastProgress.stateOperators[0]

    window = F.window("t", "10 minutes", "1 minute", "30 seconds")
    start = F.date_format("window.start", "mm:ss")
    found, operator = run(stream.groupBy(window, "k").agg(F.sum("v").alias("s")).select(start, "k", "s"), "panes")
    # 00:50:30 is that of the hour before.
    expected = [(f"{50 + i}:30", "x", 1 if i < 1 else 3) for i in range(10)] + [("00:30", "x", 2)]
    assert found == sorted(expected) and operator.numRowsTotal == 1
    # A grouping by the event time as well closes by it.
    found, _ = run(stream.groupBy("t", window).agg(F.sum("v").alias("s")).select(start, "s"), "times_and_windows")
    assert len(found) == 20


def test_the_console_prints_each_epoch(server, spark, tmp_path):
    put(tmp_path / "in", "a.json", event(0, "x", 1), event(1, "y", 2))
    query = source(spark, tmp_path / "in").select("k", "v").writeStream.format("console").option("numRows", 1)
    assert query.trigger(availableNow=True).start().awaitTermination(60)
    # Another thread reads what the server prints.
    deadline = time.monotonic() + 60
    while not any("only showing top 1 row" in line for line in server.log):
        assert time.monotonic() < deadline
    rule = "-" * 43 + "\n"
    begin = server.log.index("Batch: 0\n") - 1
    table = ["+---+---+\n", "|  k|  v|\n", "+---+---+\n", "|  x|  1|\n", "+---+---+\n", "only showing top 1 row\n"]
    assert server.log[begin:begin + 9] == [rule, "Batch: 0\n", rule, *table]


def test_complete_mode_in_memory_goes_on_after_a_killed_server(tmp_path):
    server = Server(tmp_path / "data")

    def run():
        counts = source(server.session(), tmp_path / "in").groupBy("k").agg(F.percentile("v", 0.5), F.count("*"))
        query = (
            counts.writeStream.format("memory").queryName("whole").outputMode("complete")
            .option("checkpointLocation", str(tmp_path / "checkpoint")).start()
        )
        query.processAllAvailable()
        return sorted(rows(server.session().table("whole")))

    try:
        put(tmp_path / "in", "a.json", event(1, "x", 1), event(2, "y", 2))
        assert run() == [("x", 1.0, 1), ("y", 2.0, 1)]
        server.kill()
        put(tmp_path / "in", "b.json", event(3, "x", 4))
        server = Server(tmp_path / "data")
        assert run() == [("x", 2.5, 2), ("y", 2.0, 1)]
    finally:
        server.kill()
