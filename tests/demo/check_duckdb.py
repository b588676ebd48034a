"""Runs the demo and lets DuckDB, which knows nothing of Thalweg, confirm every row of its table.

The table is read without Thalweg: its Delta log is replayed here, the Parquet files that are left
are read by DuckDB, and DuckDB computes the same windows from the raw CSV. Usage:
THALWEG_BIN=target/debug/thalweg python tests/demo/check_duckdb.py [--input FILE] [--seed N]
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
JANUARY = ROOT / "examples" / "data" / "flights-2013-01.csv"

# Every 6-hour window that starts on the hour and holds the flight's scheduled departure.
EXPECTED = """
    WITH flights AS (
        SELECT carrier, dep_delay, (time_hour AT TIME ZONE 'UTC') + to_minutes(CAST(minute AS BIGINT)) AS event_time
        FROM read_csv(?, header = true, nullstr = 'NA', types = {'time_hour': 'TIMESTAMPTZ', 'dep_delay': 'BIGINT'})
    )
    SELECT date_trunc('hour', event_time) - to_hours(back) AS window_start, carrier,
           CAST(sum(dep_delay) AS BIGINT) AS delay_sum, count(dep_delay) AS delay_count
    FROM flights, range(6) AS hours(back)
    GROUP BY ALL
"""
ACTUAL = """
    SELECT window_start AT TIME ZONE 'UTC' AS window_start, carrier, delay_sum, delay_count
    FROM read_parquet(?)
"""


def live_files(table: pathlib.Path) -> tuple[list[str], int]:
    """The Parquet files that the newest version of a Delta table consists of, and that version."""
    commits = sorted((table / "_delta_log").glob("*.json"))
    names = [int(commit.stem) for commit in commits]
    assert names == list(range(len(names))), f"the Delta log has gaps: {names}"
    files: dict[str, None] = {}
    for commit in commits:
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                files[urllib.parse.unquote(action["add"]["path"])] = None
            if "remove" in action:
                files.pop(urllib.parse.unquote(action["remove"]["path"]), None)
    return [str(table / file) for file in files], names[-1]


def main() -> None:
    arguments = sys.argv[1:]
    source = pathlib.Path(arguments[arguments.index("--input") + 1]) if "--input" in arguments else JANUARY
    if "--input" not in arguments:
        arguments += ["--input", str(source)]
    with tempfile.TemporaryDirectory(prefix="thalweg-demo-") as folder:
        command = [os.environ["THALWEG_BIN"], "demo", "--dir", folder, *arguments]
        demo = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        print(demo.stdout)
        if demo.returncode != 0:
            sys.exit(f"the demo ended with {demo.returncode}")
        table = pathlib.Path(re.search(r"^table\s+(\S.*)$", demo.stdout, re.MULTILINE).group(1))
        files, version = live_files(table)
        compare(str(source), files, version)


def compare(source: str, files: list[str], version: int) -> None:
    """Fails unless both sides hold the same rows, each once."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    expected = db.execute(EXPECTED, [source]).fetchall()
    actual = db.execute(ACTUAL, [files]).fetchall()
    lost = set(expected) - set(actual)
    wrong = set(actual) - set(expected)
    twice = len(actual) - len(set(actual))
    print(f"DuckDB {duckdb.__version__}: {len(expected)} rows from the raw file, {len(actual)} in version "
          f"{version} of the table; {len(lost)} missing, {len(wrong)} wrong, {twice} twice")
    if lost or wrong or twice or not expected:
        for row in sorted(lost)[:5]:
            print("missing", row)
        for row in sorted(wrong)[:5]:
            print("wrong  ", row)
        sys.exit("the table and the raw file disagree")


if __name__ == "__main__":
    main()
