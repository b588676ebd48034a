"""The memory that a server holds over a stream with many keys, by allocator setting.

    python bench/memory.py                                       # the binary as it is
    python bench/memory.py --setting MALLOC_ARENA_MAX=1 --setting LD_PRELOAD=/path/of/libjemalloc.so.2

The query: count and sum per key in windows of 1 hour of event time, watermark 1 hour, exactly once into a
Delta table. Each file is one hour with every key, each epoch is one file, so each epoch closes as many
windows as there are keys and the state turns over all the time.

Per setting it prints the most memory that the server held, what it held at the end, and its processor time.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

import duckdb

import harness

SCHEMA = "k BIGINT, ts TIMESTAMP, v DOUBLE"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", help="a thalweg to measure instead of the bench profile's")
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--hours", type=int, default=40, help="files, each an hour with every key")
    parser.add_argument("--rounds", type=int, default=1, help="times that each setting runs, in turns")
    parser.add_argument(
        "--setting", action="append", default=[], help="'NAME=VALUE NAME=VALUE' for the server's environment"
    )
    return parser.parse_args()


def write(folder, options):
    """One Parquet file per hour, in which each key occurs once."""
    duck = duckdb.connect(config={"threads": harness.cores()})
    for hour in range(options.hours):
        duck.execute(f"""
            COPY (SELECT (hash(i) % 1000000007)::BIGINT * {options.keys} + i AS k,
                         (TIMESTAMP '2024-01-01' + to_hours({hour}) + to_microseconds(i * 1000))::TIMESTAMPTZ AS ts,
                         (i % 100)::DOUBLE / 4 AS v
                  FROM range({options.keys}) AS r(i))
            TO '{folder}/{hour:06}.parquet' (FORMAT parquet)""")


def stream(session, folder, table):
    """Runs the query over the whole folder. Returns the rows that came out."""
    from pyspark.sql import functions as F

    rows = session.readStream.schema(SCHEMA).option("maxFilesPerTrigger", "1").parquet(str(folder))
    counted = (
        rows.withWatermark("ts", "1 hour")
        .groupBy(F.window("ts", "1 hour").alias("w"), "k")
        .agg(F.count("*").alias("n"), F.sum("v").alias("v"))
        .select(F.col("w.end").alias("window_end"), "k", "n", "v")
    )
    writer = counted.writeStream.format("delta").option("checkpointLocation", f"{table}.checkpoint")
    writer.trigger(availableNow=True).start(str(table)).awaitTermination()
    return session.read.format("delta").load(str(table)).count()


def environment(setting):
    pairs = (pair.split("=", 1) for pair in setting.split() if pair)
    return {name: value for name, value in pairs}


def measure(executable, folder, setting, options):
    scratch = pathlib.Path(tempfile.mkdtemp(dir=harness.scratch()))
    try:
        with harness.Server(executable, scratch, environment(setting)) as server:
            begin, session = time.perf_counter(), server.session()
            count = stream(session, folder, scratch / "out")
            seconds, busy = time.perf_counter() - begin, server.cpu_seconds()
            session.stop()
            peak, held = server.memory_peak_mib(), server.memory_mib()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    # The watermark is one hour behind the last event, so the last two hours stay open.
    right = count == options.keys * (options.hours - 2)
    verdict = "right" if right else f"WRONG: {count:,} rows"
    name = setting or "as built"
    print(f"{name:60} {peak:8} {held:8} {busy:8.1f} {seconds:8.1f}  {verdict}", flush=True)
    return right


def main():
    options = arguments()
    executable = harness.binary(options.binary)
    print(f"Memory of a stream: {options.keys:,} keys, {options.hours} hours; {harness.machine()}")
    print(f"{'setting':60} {'peak MiB':>8} {'end MiB':>8} {'CPU s':>8} {'wall s':>8}")
    folder = pathlib.Path(tempfile.mkdtemp(dir=harness.scratch()))
    try:
        write(folder, options)
        runs = [s for _ in range(options.rounds) for s in (options.setting or [""])]
        right = all([measure(executable, folder, setting, options) for setting in runs])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
