"""TPC-H over Spark Connect beside DuckDB, in one run, with the answers compared.

    python bench/tpch.py                        # scale factor 1, builds the bench profile
    python bench/tpch.py --scale 0.01 --binary target/debug/thalweg     # a smoke test

Both read the same Parquet files. Per query and round first one and then the other engine runs, the
result is fetched as an Arrow table, and the best round counts. Answers are compared with order:
exactly, but for floating point (1e-9 relative) and for what DuckDB answers in floating point where
Spark's type is a decimal (within the rounding to the decimal's last digit). Exit code 1: an answer
differs or a query fails.
"""

import argparse
import datetime
import decimal
import pathlib
import subprocess
import shutil
import sys
import tempfile
import time

import duckdb

import harness

TABLES = ("nation", "region", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
QUERIES = pathlib.Path(__file__).resolve().parent / "tpch"
FRACTION = "0.0001000000"
RELATIVE_ERROR_MAX = decimal.Decimal("1e-9")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scale", default="1", help="TPC-H's scale factor (1)")
    parser.add_argument("--rounds", type=int, default=3, help="runs per query; the best counts (3)")
    parser.add_argument("--binary", help="a thalweg to measure instead of the bench profile's")
    parser.add_argument("--data", help="folder of the Parquet files; made if it is not there")
    parser.add_argument("--query", type=int, action="append", help="only this query (repeatable)")
    return parser.parse_args()


def data_folder(scale, folder):
    """The tables as Parquet files, generated once per scale factor."""
    folder = pathlib.Path(folder or harness.TARGET / "bench" / f"tpch-{scale}").resolve()
    if not (folder / "lineitem.parquet").exists():
        harness.say(f"generating TPC-H at scale factor {scale}")
        beside = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        tool = shutil.which("tpchgen-cli") or str(beside)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run([tool, "parquet", "-q", "-s", scale, "-o", str(partial)], check=True)
        partial.rename(folder)
    return folder


def query_text(number, scale):
    text = (QUERIES / f"q{number:02}.sql").read_text()
    # Q11 asks for parts above a share of the stock that shrinks with the scale factor.
    share = decimal.Decimal("0.0001") / decimal.Decimal(scale)
    return text.replace(FRACTION, f"{share:.10f}")


def timed(run):
    start = time.perf_counter()
    table = run()
    return time.perf_counter() - start, table


def rows(table):
    return [tuple(row.values()) for row in table.to_pylist()]


def same(ours, theirs):
    """Whether two cells say the same; see the head for the tolerance."""
    if isinstance(theirs, float) and isinstance(ours, decimal.Decimal):
        last_digit = decimal.Decimal(1).scaleb(ours.as_tuple().exponent)
        return near(ours, decimal.Decimal(theirs), last_digit / 2)
    if isinstance(theirs, float) and isinstance(ours, float):
        return near(decimal.Decimal(ours), decimal.Decimal(theirs), decimal.Decimal(0))
    if isinstance(theirs, datetime.datetime) and isinstance(ours, datetime.date):
        return theirs == datetime.datetime.combine(ours, datetime.time())
    return ours == theirs


def near(a, b, absolute):
    return abs(a - b) <= absolute + RELATIVE_ERROR_MAX * abs(b)


def difference(ours, theirs):
    """The first difference between two answers, or None."""
    ours, theirs = rows(ours), rows(theirs)
    if len(ours) != len(theirs):
        return f"{len(ours)} rows instead of {len(theirs)}"
    for index, (a, b) in enumerate(zip(ours, theirs)):
        if len(a) != len(b) or not all(map(same, a, b)):
            return f"row {index + 1} is {a} instead of {b}"
    return None


class Entry:
    """One query's best times and verdict."""

    def __init__(self, number):
        self.number = number
        self.ours = self.theirs = float("inf")
        self.rows = 0
        self.problem = None

    def run(self, ours, theirs, rounds):
        for _ in range(rounds):
            seconds, table = timed(theirs)
            self.theirs, self.rows = min(self.theirs, seconds), table.num_rows
            try:
                seconds, answer = timed(ours)
            # Any failure of a query is a line of the table, not the end of the run.
            except Exception as error:  # noqa: BLE001
                self.problem = (str(error).strip() or repr(error)).splitlines()[0]
                return
            self.ours = min(self.ours, seconds)
            self.problem = self.problem or difference(answer, table)

    def line(self):
        if self.ours == float("inf"):
            return f"Q{self.number:<3} {'-':>9} {self.theirs * 1e3:>9.0f} {'-':>6}  {self.problem}"
        verdict = self.problem or "right"
        return line(f"Q{self.number}", self.ours, self.theirs, verdict)


def line(name, ours, theirs, verdict):
    return f"{name:<4} {ours * 1e3:>9.0f} {theirs * 1e3:>9.0f} {ours / theirs:>6.2f}  {verdict}"


def measure(server, folder, options):
    """Runs the queries on both engines; prints a line as soon as it is known."""
    spark = server.session()
    duck = duckdb.connect(config={"threads": harness.cores()})
    for table in TABLES:
        path = str(folder / f"{table}.parquet")
        spark.read.parquet(path).createOrReplaceTempView(table)
        duck.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{path}')")
    entries = []
    for number in options.query or range(1, 23):
        text = query_text(number, options.scale)
        entry = Entry(number)
        entry.run(
            lambda: spark.sql(text).toArrow(),
            lambda: duck.sql(text).to_arrow_table(),
            options.rounds,
        )
        print(entry.line(), flush=True)
        entries.append(entry)
    spark.stop()
    return entries


def main():
    options = arguments()
    executable = harness.binary(options.binary)
    folder = data_folder(options.scale, options.data)
    print(f"TPC-H, scale factor {options.scale}, best of {options.rounds}, {harness.machine()},")
    print(f"Parquet files, results fetched; DuckDB {duckdb.__version__}; times in ms")
    print(f"{'':<4} {'thalweg':>9} {'duckdb':>9} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as scratch, harness.Server(executable, scratch) as server:
        entries = measure(server, folder, options)
        peak = server.memory_peak_mib()
    done = [e for e in entries if e.ours != float("inf")]
    wrong = sum(e.problem is not None for e in entries)
    verdict = f"{len(entries) - wrong} of {len(entries)} right"
    if done:
        print(line("sum", sum(e.ours for e in done), sum(e.theirs for e in done), verdict))
    print(f"the server's most memory: {peak} MiB")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
