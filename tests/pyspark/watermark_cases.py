"""What real Spark was asked about watermarks and progress, and how a case is run.

One case is a windowed aggregation over files, one file an epoch (maxFilesPerTrigger=1), in one or
several runs of one checkpoint. `record_watermarks.py` runs the cases on real Spark and keeps the
answers in `watermarks.json`; `test_watermarks.py` runs the same cases on Thalweg.

A file is a list of rows (seconds after 2024-01-01T00:00:00Z, key, value).
"""

import datetime
import json
import os
import pathlib

from pyspark.sql import functions as F

SCHEMA = "t timestamp, k string, v int"
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)

CASES = {
    # 10 s windows, 5 s delay. The third file has a row for the window [0, 10): it is behind the
    # epoch's own watermark (16) but not behind that of the epoch before (7).
    "append": {
        "mode": "append",
        "runs": [
            [
                [(12, "a", 1)],
                [(7, "a", 2), (9, "b", 3), (21, "a", 4)],
                [(3, "a", 5), (3, "c", 6), (19, "a", 7)],
                [(3, "a", 8), (4, "a", 9), (5, "b", 10), (40, "a", 11)],
                [(19, "a", 12), (20, "a", 13), (29, "b", 14)],
                [(30, "a", 15)],
            ]
        ],
    },
    "update": {
        "mode": "update",
        "runs": [
            [
                [(12, "a", 1)],
                [(7, "a", 2), (9, "b", 3), (21, "a", 4)],
                [(3, "a", 5), (3, "c", 6), (19, "a", 7)],
                [(3, "a", 8), (4, "a", 9), (5, "b", 10), (40, "a", 11)],
                [(19, "a", 12), (20, "a", 13), (29, "b", 14)],
                [(30, "a", 15)],
            ]
        ],
    },
    # The watermark lands exactly on the end of a window, one millisecond before it, and one
    # microsecond before it (watermarks count whole milliseconds).
    "boundaries": {
        "mode": "append",
        "runs": [
            [
                [(1, "a", 1), (14.999, "a", 1)],
                [(2, "a", 2), (14.999999, "a", 2)],
                [(3, "a", 3), (15, "a", 3)],
                [(4, "a", 4), (9.999999, "b", 4)],
                [(5, "a", 5), (10, "b", 5)],
                [(24.9999, "c", 6)],
                [(19.5, "c", 7), (25.0004, "c", 7)],
                [(19.5, "d", 8)],
                [(19.5, "e", 9)],
            ]
        ],
    },
    # A restart: the first epoch of the second run is judged by the last watermark of the first.
    "restart": {
        "mode": "append",
        "runs": [
            [[(12, "a", 1)], [(31, "a", 2)]],
            [[(3, "a", 3), (19, "b", 4), (27, "b", 5)], [(22, "b", 6), (50, "b", 7)]],
            [[(22, "b", 8), (39, "c", 9)], [(45, "c", 10)]],
        ],
    },
    # The same with the row that a restart without the no-data epoch would judge otherwise.
    "restart_update": {
        "mode": "update",
        "runs": [
            [[(12, "a", 1)], [(31, "a", 2)]],
            [[(3, "a", 3), (12, "a", 3), (19, "b", 4), (27, "b", 5)], [(22, "b", 6), (50, "b", 7)]],
        ],
    },
    # Late rows are counted after they were grouped.
    "late_groups": {
        "mode": "append",
        "runs": [
            [
                [(100, "a", 1)],
                [(101, "a", 1)],
                [(1, "a", 1), (2, "a", 1), (3, "b", 1), (11, "a", 1), (102, "a", 1)],
                [(1, "z", 1), (1, "z", 1), (1, None, 1), (1, None, 1)],
            ]
        ],
    },
    "sliding": {
        "mode": "append",
        "window": ["10 seconds", "5 seconds"],
        "runs": [
            [
                [(12, "a", 1)],
                [(21, "a", 2)],
                [(8, "a", 3), (11, "b", 4)],
                [(8, "a", 5), (13, "b", 6)],
                [(37, "a", 7)],
                [(13, "b", 8), (26, "b", 9)],
            ]
        ],
    },
    # Grouped by the event time itself, without a window; a row without an event time.
    "instant": {
        "mode": "append",
        "window": None,
        "runs": [
            [
                [(12, "a", 1), (None, "n", 1)],
                [(7, "a", 2), (20, "a", 2)],
                [(15, "a", 3), (7, "a", 3), (None, "n", 3), (8, "b", 3)],
                [(15, "a", 4), (16, "b", 4), (30, "c", 4)],
                [(25, "c", 5), (26, "c", 5)],
            ]
        ],
    },
    "null_time": {
        "mode": "update",
        "runs": [[[(None, "n", 1), (12, "a", 1)], [(None, "n", 2)], [(30, "b", 3), (None, "n", 3)], [(1, "a", 1)]]],
    },
    # Before 1970: Spark's watermark starts there.
    "before_1970": {
        "mode": "update",
        "runs": [[[(-1_800_000_000, "old", 1), (12, "a", 1)], [(-1_800_000_000, "old", 2), (13, "a", 2)]]],
    },
    "only_before_1970": {
        "mode": "append",
        "runs": [[[(-1_800_000_000, "old", 1)], [(-1_799_999_000, "old", 2)], [(-1_799_998_000, "old", 3)]]],
    },
    # One epoch spans everything: nothing in it is late.
    "wide": {
        "mode": "append",
        "runs": [[[(1, "a", 1), (1000, "a", 1), (2, "a", 2), (500, "b", 2)], [(994, "b", 1), (980, "b", 2)]]],
    },
    # The filter is below the watermark: what it drops moves nothing.
    "filter_below": {
        "mode": "append",
        "below": "v > 0",
        "runs": [[[(12, "a", 1)], [(1000, "a", 0), (13, "a", 1)], [(14, "a", 1)], [(31, "a", 5)]]],
    },
    "filter_above": {
        "mode": "append",
        "above": "v > 0",
        "runs": [[[(12, "a", 1)], [(1000, "a", 0), (13, "a", 1)], [(14, "a", 1)], [(31, "a", 5)]]],
    },
    # A filter on the event time stays above the watermark; the other conjunct does not.
    "filter_on_time": {
        "mode": "append",
        "above": "t < '2024-01-01T00:05:00Z' and v > 0",
        "runs": [[[(12, "a", 1)], [(13, "a", 1), (900, "a", 0)], [(14, "a", 1), (600, "a", 1)], [(31, "a", 5)]]],
    },
    # Over a select, and over the aggregation: a filter on a key passes both and the watermark.
    "filter_over_select": {
        "mode": "append",
        "selected": "w > 10",
        "runs": [[[(12, "a", 1)], [(1000, "a", 0), (13, "a", 1)], [(14, "a", 1)], [(31, "a", 5)]]],
    },
    "filter_over_group": {
        "mode": "append",
        "over": "k = 'a'",
        "runs": [[[(12, "a", 1)], [(1000, "b", 0), (13, "a", 1)], [(14, "a", 1)], [(31, "a", 5)]]],
    },
    "filter_over_sliding_group": {
        "mode": "append",
        "window": ["10 seconds", "5 seconds"],
        "over": "k = 'a' and s > 1",
        "runs": [[[(12, "a", 1)], [(1000, "b", 0), (13, "a", 1)], [(14, "a", 1)], [(31, "a", 5)]]],
    },
    # No new event time at all: the watermark stays where it is.
    "standstill": {
        "mode": "update",
        "runs": [[[(30, "a", 1)], [(26, "a", 2)], [(27, "b", 3)], [(24, "b", 4)], [(19, "c", 5)]]],
    },
    # No watermark: no event times, no drops.
    "plain_count": {
        "mode": "update",
        "delay": None,
        "window": None,
        "by_key": True,
        "runs": [[[(1, "a", 1), (2, "b", 1)], [(3, "a", 1)]], [[(4, "c", 1), (5, "a", 2)]]],
    },
    "stateless": {
        "mode": "append",
        "stateless": True,
        "runs": [[[(1, "a", 1), (2, "b", 0)], [(3, "a", 5)]], [[(4, "c", 0)]]],
    },
}

DEFAULTS = {"window": ["10 seconds", "10 seconds"], "delay": "5 seconds", "by_key": False, "stateless": False}


def setting(case, name):
    return case.get(name, DEFAULTS.get(name))


def put(folder, number, lines):
    """A file appears whole, under the next name and with the next time of change."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{number}"
    with hidden.open("w") as out:
        for seconds, key, value in lines:
            line = {"k": key, "v": value}
            if seconds is not None:
                at = START + datetime.timedelta(microseconds=round(seconds * 1_000_000))
                line["t"] = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
            out.write(json.dumps(line) + "\n")
    os.utime(hidden, (1_700_000_000 + number, 1_700_000_000 + number))
    hidden.rename(folder / f"{number:03}.json")


def query(spark, folder, case):
    """The case's query over the files of a folder."""
    df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(str(folder))
    if case.get("below"):
        df = df.filter(case["below"])
    if setting(case, "delay"):
        df = df.withWatermark("t", setting(case, "delay"))
    if case.get("above"):
        df = df.filter(case["above"])
    if case.get("selected"):
        df = df.select("t", (F.col("v") * 10 + 1).alias("w"), "k", "v").filter(case["selected"])
    if setting(case, "stateless"):
        return df.filter("v > 0").select(F.lit(None).cast("long").alias("at"), "k", F.col("v").cast("long").alias("s"), F.lit(1).cast("long").alias("n"))
    window = setting(case, "window")
    counts = [F.sum("v").alias("s"), F.count("*").alias("n")]
    if setting(case, "by_key"):
        grouped = df.groupBy("k").agg(*counts).withColumn("at", F.lit(None).cast("timestamp"))
    elif window:
        grouped = df.groupBy(F.window("t", *window), "k").agg(*counts).withColumn("at", F.col("window.start"))
    else:
        grouped = df.groupBy("t", "k").agg(*counts).withColumn("at", F.col("t"))
    if case.get("over"):
        grouped = grouped.filter(case["over"])
    return grouped.select(F.unix_micros("at").alias("at"), "k", "s", "n")


def files(case):
    """Every file with its number, per run."""
    number = 0
    for run in case["runs"]:
        numbered = []
        for lines in run:
            numbered.append((number, lines))
            number += 1
        yield numbered


def shape(rows):
    """Rows in an order of their own: an epoch has none."""
    return sorted(([r["at"], r["k"], r["s"], r["n"]] for r in rows), key=repr)


def summary(progress):
    """What two engines can agree on about an epoch: no ids, times of day, durations, bytes."""
    p = json.loads(progress.json) if hasattr(progress, "json") else dict(progress)
    source, sink = p["sources"][0], p["sink"]
    operators = ["operatorName", "numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark"]
    return {
        "batchId": p["batchId"],
        "numInputRows": p["numInputRows"],
        "eventTime": p["eventTime"] if "eventTime" in p else {},
        "stateOperators": [{name: o[name] for name in operators} for o in p["stateOperators"]],
        "startOffset": source["startOffset"],
        "endOffset": source["endOffset"],
        "sourceRows": source["numInputRows"],
        "numOutputRows": sink["numOutputRows"],
    }
