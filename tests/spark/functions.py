"""Asks a Spark Connect server the examples of docs/functions.md and writes its answers to
crates/functions/tests/data/reference.json.

Run with a Python that has pyspark 4.2:  python tests/spark/functions.py sc://localhost:15002
The page is generated from the answers: write it anew before, for new examples, and after.
"""

import json
import pathlib
import re
import sys

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "functions.md"
OUT = ROOT / "crates" / "functions" / "tests" / "data" / "reference.json"
MOST_ROWS = 1_000


def main(url):
    spark = SparkSession.builder.remote(url).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    answers = {}
    for sql in re.findall(r"^(SELECT .*);$", PAGE.read_text(), re.MULTILINE):
        try:
            answers[sql] = spark.sql(sql)._show_string(MOST_ROWS, False)
        except PySparkException as error:
            print(f"{sql}\n  {str(error)[:300]}", file=sys.stderr)
    OUT.write_text(json.dumps(answers, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
