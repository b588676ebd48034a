"""A stream's events per second and its latency, with the demo's kind of query through PySpark.

    python bench/stream.py                      # both parts, builds the bench profile
    python bench/stream.py --binary target/debug/thalweg --events 200000 --files 20     # a smoke test

The query: sum and count of a delay per carrier in 6-hour windows of event time sliding by 1 hour,
watermark one day, exactly once into a Delta table.

Throughput: `availableNow` over a folder that is full already; the time from `start` to the end, and
the processor time that the server used. The rows are compared with DuckDB's over the same files.

Latency: a file appears every `--every-ms`; each file is one hour of event time, so each but the
first closes windows. The latency of a file is the time from its appearance (a rename) until the
Delta log's entry that holds the windows it closed.
"""

import argparse
import datetime
import json
import pathlib
import shutil
import sys
import tempfile
import time

import duckdb
import pyarrow.parquet

import harness

ORIGIN = datetime.datetime(2013, 1, 1, tzinfo=datetime.timezone.utc)
CARRIERS = 16
HOUR_US = 3_600_000_000
WATERMARK_HOURS = 24
SCHEMA = "id BIGINT, ts TIMESTAMP, carrier STRING, delay DOUBLE"
THROUGHPUT_SPACING_US = 500_000
LAST_CLOSE_SECONDS_MAX = 60


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=["throughput", "latency", "both"], default="both")
    parser.add_argument("--binary", help="a thalweg to measure instead of the bench profile's")
    parser.add_argument("--format", choices=["parquet", "csv", "json"], default="parquet")
    parser.add_argument("--events", type=int, default=10_000_000, help="of the throughput part")
    parser.add_argument("--files", type=int, default=100, help="of the throughput part")
    parser.add_argument("--files-per-epoch", type=int, default=10, help="maxFilesPerTrigger")
    parser.add_argument("--updates", type=int, default=300, help="files of the latency part")
    parser.add_argument("--rows", type=int, default=1000, help="rows per file of the latency part")
    parser.add_argument("--every-ms", type=int, default=100, help="a file per so many milliseconds")
    return parser.parse_args()


def events(first, count, spacing_us):
    """SQL for `count` events from number `first` on, each `spacing_us` of event time after the last.

    Numbers stand for everything: the rows are the same in each run. Delays are quarters of a minute,
    so that floating-point sums are exact in whatever order they are made.
    """
    return f"""
        SELECT i AS id,
               TIMESTAMP '{ORIGIN:%Y-%m-%d}' + to_microseconds(i * {spacing_us}) AS ts,
               'C' || lpad((hash(i) % {CARRIERS})::VARCHAR, 2, '0') AS carrier,
               ((hash(i + 1) % 1200)::DOUBLE - 240) / 4 AS delay
        FROM range({first}, {first + count}) AS r(i)"""


def write(duck, path, query, file_format):
    """Writes a file and lets it appear at once, by a rename. Returns when it did."""
    if file_format == "parquet":
        # Spark's TIMESTAMP is an instant: stored as adjusted to UTC.
        query = f"SELECT id, ts::TIMESTAMPTZ AS ts, carrier, delay FROM ({query})"
    options = {
        "parquet": "FORMAT parquet",
        "csv": "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'",
        "json": "FORMAT json, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'",
    }[file_format]
    hidden = path.with_name("." + path.name)
    duck.execute(f"COPY ({query}) TO '{hidden}' ({options})")
    hidden.rename(path)
    return time.time()


def windows(spark, folder, options, per_trigger=None):
    """The demo's query over a folder that receives files."""
    from pyspark.sql import functions as F

    reader = spark.readStream.format(options.format).schema(SCHEMA)
    if options.format == "csv":
        reader = reader.option("header", "true")
    if per_trigger:
        reader = reader.option("maxFilesPerTrigger", str(per_trigger))
    return (
        reader.load(str(folder))
        .withWatermark("ts", f"{WATERMARK_HOURS} hours")
        .groupBy(F.window("ts", "6 hours", "1 hour").alias("w"), "carrier")
        .agg(F.sum("delay").alias("delay"), F.count("*").alias("flights"))
        .select(F.col("w.end").alias("window_end"), "carrier", "delay", "flights")
    )


def start(frame, table, **trigger):
    writer = frame.writeStream.format("delta").outputMode("append")
    writer = writer.option("checkpointLocation", f"{table}.checkpoint")
    return (writer.trigger(**trigger) if trigger else writer).start(str(table))


def commits(table):
    """The Delta table's versions: (when the log entry appeared, the files that it adds)."""
    for entry in sorted((table / "_delta_log").glob("*.json")):
        actions = [json.loads(text) for text in entry.read_text().splitlines()]
        added = [table / a["add"]["path"] for a in actions if "add" in a]
        # The inode changes last when the entry gets its name.
        yield entry.stat().st_ctime, added


def expected(duck, files, closed_before):
    """DuckDB's rows for the windows that end up to `closed_before`, as a relation."""
    return duck.sql(f"""
        SELECT hour + to_hours(k) AS window_end, carrier, sum(delay) AS delay, sum(n) AS flights
        FROM (
            SELECT time_bucket(INTERVAL 1 HOUR, ts::TIMESTAMP) AS hour, carrier, sum(delay) AS delay, count(*) AS n
            FROM read_{files} GROUP BY ALL
        ), range(1, 7) AS r(k)
        WHERE hour + to_hours(k) <= TIMESTAMP '{closed_before}'
        GROUP BY ALL""")


def check(duck, found, wanted):
    """Rows of each that the other lacks: both must be 0."""
    missing = duck.sql("SELECT count(*) FROM (FROM wanted EXCEPT ALL FROM found)").fetchall()[0][0]
    surplus = duck.sql("SELECT count(*) FROM (FROM found EXCEPT ALL FROM wanted)").fetchall()[0][0]
    return missing, surplus


def reader_call(options, folder):
    """DuckDB's call that reads the generated files with the same types as the stream."""
    pattern = f"'{folder}/*.{options.format}'"
    if options.format == "parquet":
        return f"parquet({pattern})"
    columns = "{id: 'BIGINT', ts: 'TIMESTAMP', carrier: 'VARCHAR', delay: 'DOUBLE'}"
    call = "csv" if options.format == "csv" else "json"
    return f"{call}({pattern}, columns = {columns})"


def throughput(server, duck, scratch, options):
    folder = scratch / "full"
    folder.mkdir()
    each = options.events // options.files
    harness.say(f"writing {options.files} files of {each:,} events")
    for i in range(options.files):
        query = events(i * each, each, THROUGHPUT_SPACING_US)
        write(duck, folder / f"{i:06}.{options.format}", query, options.format)
    size = sum(f.stat().st_size for f in folder.iterdir())
    spark, table = server.session(), scratch / "throughput"
    busy, begin = server.cpu_seconds(), time.perf_counter()
    query = start(windows(spark, folder, options, options.files_per_epoch), table, availableNow=True)
    query.awaitTermination()
    seconds = time.perf_counter() - begin
    busy = server.cpu_seconds() - busy
    spark.stop()
    count = each * options.files
    print(f"throughput: {count:,} events in {options.files} {options.format} files ({size / 1e6:.0f} MB)")
    print(f"  {seconds:.2f} s, {count / seconds:,.0f} events per second on {harness.cores()} cores")
    print(f"  {busy:.2f} s of processor time, {count / busy:,.0f} events per second per core")
    return verify(duck, folder, table, options)


def verify(duck, folder, table, options):
    """Compares the Delta table's rows with DuckDB's answer over the same files."""
    source = reader_call(options, folder)
    added = [str(f) for _, files in commits(table) for f in files]
    if not added:
        print("  WRONG: no row came out")
        return False
    columns = "window_end::TIMESTAMP AS window_end, carrier, delay, flights"
    found = duck.sql(f"SELECT {columns} FROM read_parquet({added})")
    watermark = f"max(ts)::TIMESTAMP - to_hours({WATERMARK_HOURS})"
    closed = duck.sql(f"SELECT {watermark} FROM read_{source}").fetchall()[0][0]
    missing, surplus = check(duck, found, expected(duck, source, closed))
    rows = found.count("*").fetchall()[0][0]
    verdict = "right" if (missing, surplus) == (0, 0) else f"WRONG: {missing} missing, {surplus} too many"
    print(f"  {rows:,} rows in the Delta table, beside DuckDB's: {verdict}")
    return (missing, surplus) == (0, 0)


def latency(server, duck, scratch, options):
    folder, table = scratch / "live", scratch / "latency"
    folder.mkdir()
    spark = server.session()
    query = start(windows(spark, folder, options), table)
    total = options.updates + WATERMARK_HOURS + 1
    appeared = {}
    due = time.monotonic()
    for hour in range(total):
        # A file spans exactly its hour.
        text = events(hour * options.rows, options.rows, HOUR_US // options.rows)
        due += options.every_ms / 1000
        time.sleep(max(0, due - time.monotonic()))
        appeared[hour] = write(duck, folder / f"{hour:06}.{options.format}", text, options.format)
    shown = wait_for(query, table, total)
    query.stop()
    spark.stop()
    return report(appeared, shown, options)


def ends(table):
    """When each window end first stood in the table, by its hour since the start."""
    shown = {}
    for at, files in commits(table):
        for path in files:
            column = pyarrow.parquet.read_table(path, columns=["window_end"])["window_end"]
            for end in column.unique().to_pylist():
                shown.setdefault((end - ORIGIN) // datetime.timedelta(hours=1), at)
    return shown


def wait_for(query, table, total):
    """Waits until the last file's windows stand in the table; gives what stands there."""
    last = total - 1 - WATERMARK_HOURS
    deadline = time.monotonic() + LAST_CLOSE_SECONDS_MAX
    while time.monotonic() < deadline:
        if query.exception() is not None:
            raise SystemExit(f"the stream failed: {query.exception()}")
        if (table / "_delta_log").is_dir() and last in (shown := ends(table)):
            return shown
        time.sleep(0.2)
    raise SystemExit(f"windows up to hour {last} did not close within {LAST_CLOSE_SECONDS_MAX} s")


def report(appeared, shown, options):
    """File h lifts the watermark to just before hour h + 1 - 24: it closes the windows up to h - 24."""
    pairs = [(appeared[h], shown.get(h - WATERMARK_HOURS)) for h in appeared if h > WATERMARK_HOURS]
    lost = sum(at is None for _, at in pairs)
    times = [(at - then) * 1e3 for then, at in pairs if at is not None]
    rate = options.rows * 1000 / options.every_ms
    print(f"latency: a {options.format} file of {options.rows:,} events every {options.every_ms} ms")
    print(f"  ({rate:,.0f} events per second), {len(times)} files, file to Delta commit")
    for share, name in ((0.5, "p50"), (0.99, "p99"), (1.0, "max")):
        print(f"  {name} {harness.percentile(times, share):,.0f} ms")
    if lost:
        print(f"  WRONG: the windows of {lost} files never came")
    return not lost


def main():
    options = arguments()
    executable = harness.binary(options.binary)
    duck = duckdb.connect(config={"threads": harness.cores()})
    print(f"Streams: {harness.machine()}; {' '.join(['python', 'bench/stream.py', *sys.argv[1:]])}")
    right = True
    scratch = pathlib.Path(tempfile.mkdtemp(dir=harness.scratch()))
    try:
        with harness.Server(executable, scratch) as server:
            if options.part != "latency":
                right &= throughput(server, duck, scratch, options)
            if options.part != "throughput":
                right &= latency(server, duck, scratch, options)
            print(f"the server's most memory: {server.memory_peak_mib()} MiB")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
