"""Epoch by epoch what real Spark answered: late rows, watermarks, state, offsets, rows out.

`watermarks.json` was recorded by `record_watermarks.py`. What is known to differ stands in `expected`,
with its reason; docs/streaming.md tells users the same.
"""

import json
import pathlib
import uuid

import pytest

import watermark_cases as cases

RECORDED = json.loads(pathlib.Path(__file__).with_name("watermarks.json").read_text())["cases"]


def lines_of(case, epoch):
    """The rows of the files that an epoch read."""
    files = {number: lines for run in cases.files(case) for number, lines in run}
    start = -1 if epoch["startOffset"] is None else epoch["startOffset"]["logOffset"]
    return [line for number in range(start + 1, epoch["endOffset"]["logOffset"] + 1) for line in files[number]]


def expected(case, epoch):
    """Spark's answer for an epoch, as Thalweg shall give it."""
    answer = dict(epoch)
    # Spark counts the rows that its JSON reader lets through a filter; here all that were read count.
    answer["numInputRows"] = answer["sourceRows"] = len(lines_of(case, epoch))
    return comparable(case, answer)


def comparable(case, epoch):
    # Spark takes a row without event time for one of 1970 in min and avg; here it has no say.
    if any(line[0] is None for line in lines_of(case, epoch)):
        return {**epoch, "eventTime": {"watermark": epoch["eventTime"]["watermark"]}}
    return epoch


def run(spark, tmp_path, case):
    name = f"q{uuid.uuid4().hex}"
    told, seen = [], 0
    for files in cases.files(case):
        for number, lines in files:
            cases.put(tmp_path / "in", number, lines)
        query = (
            cases.query(spark, tmp_path / "in", case)
            .writeStream.format("memory")
            .queryName(name)
            .outputMode(case["mode"])
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        assert query.awaitTermination(60)
        assert query.exception() is None
        rows = spark.table(name).collect()
        epochs = [cases.summary(p) for p in query.recentProgress]
        for epoch in epochs:
            # The memory sink keeps epochs in order.
            epoch["rows"] = cases.shape(rows[seen : seen + epoch["numOutputRows"]])
            seen += epoch["numOutputRows"]
        assert seen == len(rows)
        told.append(epochs)
    return told


@pytest.mark.parametrize("name", list(cases.CASES))
def test_epochs_are_sparks(spark, tmp_path, name):
    case = cases.CASES[name]
    found = [[comparable(case, epoch) for epoch in told] for told in run(spark, tmp_path, case)]
    assert found == [[expected(case, epoch) for epoch in told] for told in RECORDED[name]]
