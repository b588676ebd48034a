"""Asks real Spark every case of `watermark_cases.py` and writes `watermarks.json`.

    python -m venv spark && spark/bin/pip install 'pyspark==4.2.0'      (and Java 17)
    spark/bin/python tests/pyspark/record_watermarks.py

The rows of an epoch come from foreachBatch. That sink tells no number of output rows, so the
number of rows that the batch held stands in its place; what Spark's memory sink tells is the same.
"""

import json
import pathlib
import sys
import tempfile

from pyspark.sql import SparkSession

import watermark_cases as cases


def run(spark, case):
    batches = {}
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for files in cases.files(case):
            for number, lines in files:
                cases.put(folder / "in", number, lines)

            def keep(df, number):
                batches[number] = cases.shape(df.collect())

            query = (
                cases.query(spark, folder / "in", case)
                .writeStream.outputMode(case["mode"])
                .option("checkpointLocation", str(folder / "checkpoint"))
                .trigger(availableNow=True)
                .foreachBatch(keep)
                .start()
            )
            query.awaitTermination()
            told = []
            for progress in query.recentProgress:
                one = cases.summary(progress)
                # A trigger that found nothing reports itself as the batch that would come next.
                if one["batchId"] in batches:
                    one["rows"] = batches.pop(one["batchId"])
                    one["numOutputRows"] = len(one["rows"])
                    told.append(one)
            assert not batches, batches
            runs.append(told)
    return runs


def text(version, kept):
    """JSON with a line per epoch."""
    runs = {name: ["[\n" + ",\n".join(map(json.dumps, told)) + "\n]" for told in runs] for name, runs in kept.items()}
    parts = [f"{json.dumps(name)}: [{', '.join(told)}]" for name, told in runs.items()]
    return f'{{"spark": {json.dumps(version)}, "cases": {{\n' + ",\n".join(parts) + "\n}}\n"


def main():
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    names = sys.argv[1:] or list(cases.CASES)
    place = pathlib.Path(__file__).with_name("watermarks.json")
    kept = json.loads(place.read_text())["cases"] if place.exists() and sys.argv[1:] else {}
    for name in names:
        kept[name] = run(spark, cases.CASES[name])
        print(name, file=sys.stderr)
    place.write_text(text(spark.version, {name: kept[name] for name in cases.CASES if name in kept}))
    spark.stop()


if __name__ == "__main__":
    main()
