"""Asks a Spark Connect server the queries of .slt files and prints where its answers are not the recorded ones.

Run with a Python that has pyspark 4.2:  python tests/spark/slt.py sc://localhost:15002 tests/slt/functions/math.slt ...
A folder stands for all .slt files in it. `--write` puts Spark's rows in the place of those that differ, and fills in
those of new blocks. The exit status is 1 if there is a difference.

Each file has a session of its own, in UTC, and a database of its own, which is dropped afterwards. The server must see
this repository's folder, from which relative locations of tables start. A statement that Spark refuses (it may know no
Delta tables) is counted as skipped, and so is each query that misses what that statement would have made. Rows are compared as the runner
does: as text, any white space being one blank. Of an error the class is compared.
"""

import argparse
import logging
import os
import pathlib
import re
import sys

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

# Characters that stand for two in the tables that Spark prints.
WIDE = re.compile("[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]")
MOST_ROWS = 100_000
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Block:
    """A `statement` or `query` of a file: its lines from `start`, its answer from `answer` to `end`."""

    def __init__(self, lines, start):
        self.start = start
        self.words = lines[start].split()
        at = start + 1
        while at < len(lines) and lines[at].strip() and lines[at] != "----":
            at += 1
        self.sql = "\n".join(lines[start + 1 : at])
        self.has_answer = at < len(lines) and lines[at] == "----"
        self.answer = self.end = at + 1 if self.has_answer else at
        while self.has_answer and self.end < len(lines) and lines[self.end].strip():
            self.end += 1
        self.expected = [plain(line) for line in lines[self.answer : self.end]]

    def is_query(self):
        return self.words[0] == "query" and self.words[1:2] != ["error"]

    def error(self):
        return " ".join(self.words[2:]) if self.words[1:2] == ["error"] else None


def blocks(lines):
    found, at = [], 0
    while at < len(lines):
        if lines[at].startswith(("statement ", "query ")):
            found.append(Block(lines, at))
            at = found[-1].end
        else:
            at += 1
    return found


def plain(line):
    return " ".join(line.split())


def width(char):
    return 2 if ord(char) > 0xFFFF or WIDE.match(char) else 1


def cells(line, widths):
    """The cells of a printed row: `|`, a cell of as many columns as its width, `|` and so on."""
    found, at = [], 1
    for size in widths:
        begin, used = at, 0
        while used < size:
            used += width(line[at])
            at += 1
        found.append(line[begin:at].rstrip(" ") or "(empty)")
        at += 1
    return found


def rows(frame):
    """The rows as the runner writes them, which prints values as Spark's `show` does."""
    printed = frame._show_string(MOST_ROWS, False, False).split("\n")
    widths = [len(part) for part in printed[0].strip("+").split("+")]
    body = [line for line in printed[3:] if line.startswith("|")]
    if not frame.columns:
        return []
    return [plain(re.sub(r"\\[tr]", " ", "\t".join(cells(line, widths)))) for line in body]


def condition(error):
    known = error.getCondition() if isinstance(error, PySparkException) else None
    named = re.search(r"\[([A-Z0-9_.]+)\]", str(error))
    return known or (named.group(1) if named else type(error).__name__)


class File:
    """The differences of one file, and what was skipped."""

    def __init__(self, spark, path, skip):
        self.spark, self.path, self.skip = spark, path, skip
        self.lines = path.read_text().split("\n")
        self.refused, self.same, self.skipped, self.different = False, 0, [], []

    def ask(self):
        answers = []
        for block in blocks(self.lines):
            answer = self.ask_one(block)
            if answer is not None:
                answers.append((block, answer))
        return answers

    def ask_one(self, block):
        """Compares one block; returns Spark's rows if they are not the recorded ones."""
        if self.skip and re.search(self.skip, block.sql):
            self.skipped.append(f"{self.path}:{block.start + 1}: --skip")
            return None
        try:
            frame = self.spark.sql(block.sql.replace("LOCATION '", f"LOCATION '{ROOT}/"))
            got = rows(frame)
        except Exception as error:
            self.failed(block, condition(error), str(error).split("JVM stacktrace")[0].split("\n")[0])
            return None
        if block.error():
            self.differs(block, block.error(), got)
        elif block.is_query():
            return self.compare(block, got)
        return None

    def compare(self, block, got):
        expected = block.expected
        if "rowsort" in block.words:
            got, expected = sorted(got), sorted(expected)
        if got == expected:
            self.same += 1
            return None
        self.differs(block, expected, got)
        return got

    def failed(self, block, known, text):
        if block.error():
            # The runner's pattern may go on after the class.
            if re.search(block.error().split("\\]")[0], known) or re.search(block.error(), text):
                self.same += 1
            else:
                self.differs(block, block.error(), text)
        elif not block.is_query():
            self.refused = True
            self.skipped.append(f"{self.path}:{block.start + 1}: {text}")
        elif self.refused and known.startswith(("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND")):
            self.skipped.append(f"{self.path}:{block.start + 1}: {text}")
        else:
            self.differs(block, block.expected, text)

    def differs(self, block, expected, got):
        self.different.append(f"{self.path}:{block.start + 1}\n  {block.sql}\n  recorded: {expected}\n  Spark:    {got}")

    def write(self, answers):
        for block, got in reversed(answers):
            head = [] if block.has_answer else ["----"]
            self.lines[block.answer : block.end] = head + got
        self.path.write_text("\n".join(self.lines))


def files(names):
    for name in map(pathlib.Path, names):
        yield from sorted(name.rglob("*.slt")) if name.is_dir() else [name]


def ask_file(given, path):
    spark = SparkSession.builder.remote(given.remote).create()
    database = f"slt_{os.getpid()}"
    try:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        spark.sql(f"CREATE DATABASE {database}")
        spark.sql(f"USE {database}")
        file = File(spark, path, given.skip)
        answers = file.ask()
        if given.write and answers:
            file.write(answers)
        return file
    finally:
        spark.sql(f"DROP DATABASE IF EXISTS {database} CASCADE")
        spark.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("remote", help="a Spark Connect server, such as sc://localhost:15002")
    parser.add_argument("files", nargs="+", help=".slt files, or folders of them")
    parser.add_argument("--write", action="store_true", help="put Spark's rows into the files")
    parser.add_argument("--skip", metavar="PATTERN", help="do not ask what matches, as it needs much memory")
    parser.add_argument("--skipped", action="store_true", help="list what was skipped, too")
    given = parser.parse_args()
    # The client logs each error that it is answered.
    logging.disable(logging.CRITICAL)
    asked = []
    for path in files(given.files):
        file = ask_file(given, path)
        asked.append(file)
        for text in file.different + (file.skipped if given.skipped else []):
            print(text, flush=True)
    different = sum(len(f.different) for f in asked)
    print(f"{sum(f.same for f in asked)} as recorded, {different} different, {sum(len(f.skipped) for f in asked)} skipped")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
