"""Asks a Spark Connect server what texts mean and how values are written, and records its answers.

Run with a Python that has pyspark 4.2:  python tests/spark/values.py sc://localhost:15002
The questions are the first columns of `crates/values/tests/data/*.tsv`; the others, one for each way to ask, are
filled in. `crates/engine/tests/functions/values.rs` asks Thalweg the same. The server must see the folder for temporary files.

A cell has `\\n`, `\\t`, `\\r` and `\\\\` for these characters. An answer is a text, `NULL`, `!CLASS` for an error, `-`
where the question can't be asked that way. Timestamps are in America/Los_Angeles.
"""

import argparse
import logging
import pathlib
import re
import shutil
import sys
import tempfile

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

DATA = pathlib.Path(__file__).resolve().parents[2] / "crates" / "values" / "tests" / "data"
ZONE = "America/Los_Angeles"
OPTION = {"DATE": "dateFormat", "TIMESTAMP": "timestampFormat", "TIMESTAMP_NTZ": "timestampNTZFormat"}
PARSE = {"DATE": "to_date", "TIMESTAMP": "to_timestamp", "TIMESTAMP_NTZ": "to_timestamp_ntz"}
# JSON has texts of these in quotes; the others stand as they are.
QUOTED = ("DATE", "TIMESTAMP", "BINARY", "STRING", "INTERVAL")


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def unescape(cell):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), cell)


def literal(text):
    """The text as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t") + "'"


def options(pairs):
    listed = ", ".join(f"{key} {literal(value)}" for key, value in pairs.items())
    return f" OPTIONS ({listed})" if pairs else ""


def option_map(pairs):
    return ", map(" + ", ".join(f"{literal(k)}, {literal(v)}" for k, v in pairs.items()) + ")" if pairs else ""


def json_of(text, data_type):
    if not data_type.startswith(QUOTED):
        return '{"v":' + text + "}"
    return '{"v":"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"}'


class Asker:
    def __init__(self, remote):
        self.spark = SparkSession.builder.remote(remote).create()
        self.spark.conf.set("spark.sql.session.timeZone", ZONE)
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.root.chmod(0o777)
        self.tables = 0

    def answer(self, work):
        try:
            return work()
        except Exception as error:
            known = error.getCondition() if isinstance(error, PySparkException) else None
            named = re.findall(r"\[([A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]", str(error))
            # The reader of a file wraps what went wrong inside.
            inner = [n for n in named if not n.startswith(("FAILED_READ_FILE", "TASK_WRITE_FAILED"))]
            wrapped = known and known.startswith(("FAILED_READ_FILE", "TASK_WRITE_FAILED"))
            return "!" + (inner[0] if wrapped and inner else known or (named or [type(error).__name__])[0])

    def one(self, sql):
        rows = self.spark.sql(sql).collect()
        return "\n".join("NULL" if row[0] is None else row[0] for row in rows)

    def text_of(self, value, data_type):
        """The text of a value: that of a cast, bytes in hexadecimal."""
        return f"hex({value})" if data_type == "BINARY" else f"CAST({value} AS STRING)"

    def folder(self):
        self.tables += 1
        folder = self.root / str(self.tables)
        return folder, f"values_{self.tables}"

    def read(self, fmt, content, schema, pairs, select):
        folder, table = self.folder()
        folder.mkdir()
        (folder / "a.txt").write_text(content)
        try:
            self.spark.sql(f"CREATE TABLE {table} ({schema}) USING {fmt}{options(pairs)} LOCATION '{folder}'")
            return self.one(f"SELECT {select} FROM {table}")
        finally:
            self.spark.sql(f"DROP TABLE IF EXISTS {table}")

    def write(self, fmt, expression, pairs):
        folder, table = self.folder()
        try:
            self.spark.sql(
                f"CREATE TABLE {table} USING {fmt}{options(pairs)} LOCATION '{folder}' AS SELECT {expression} AS v"
            )
            parts = sorted(p for p in folder.iterdir() if p.name.startswith("part-"))
            return "".join(p.read_text() for p in parts).removesuffix("\n")
        finally:
            self.spark.sql(f"DROP TABLE IF EXISTS {table}")

    def texts(self, data_type, text, pattern):
        cast = f"CAST({literal(text)} AS {data_type})"
        is_time = data_type in PARSE
        pairs = {OPTION[data_type]: pattern} if pattern else {}
        shown = lambda value: self.text_of(value, data_type)
        document = json_of(text, data_type)
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return {
            "cast": "-" if pattern else self.answer(lambda: self.one(f"SELECT {shown(cast)}")),
            "literal": self.answer(lambda: self.one(f"SELECT {shown(data_type + ' ' + literal(text))}"))
            if is_time and not pattern
            else "-",
            "function": self.answer(
                lambda: self.one(f"SELECT {shown(f'{PARSE[data_type]}({literal(text)}, {literal(pattern)})')}")
            )
            if pattern
            else "-",
            "from_json": self.answer(
                lambda: self.one(
                    "SELECT " + shown(f"from_json({literal(document)}, 'v {data_type}'{option_map(pairs)}).v")
                )
            ),
            "json": self.answer(lambda: self.read("json", document, f"v {data_type}", pairs, shown("v"))),
            "csv": self.answer(lambda: self.read("csv", quoted, f"v {data_type}", pairs, shown("v"))),
        }

    def values(self, expression, option, pattern):
        pairs = {option: pattern} if option else {}
        return {
            "cast": self.answer(lambda: self.one(f"SELECT CAST({expression} AS STRING)")) if not option else "-",
            "function": self.answer(lambda: self.one(f"SELECT date_format({expression}, {literal(pattern)})"))
            if option
            else "-",
            "to_json": self.answer(
                lambda: self.one(f"SELECT to_json(named_struct('v', {expression}){option_map(pairs)})")
            ),
            "json": self.answer(lambda: self.write("json", expression, pairs)),
            "csv": self.answer(lambda: self.write("csv", expression, pairs)),
        }

    def documents(self, text, schema):
        fields = ", ".join(name.split(" ")[0] for name in re.split(r", (?=\w+ )", schema))
        keep = "map('ignoreNullFields', 'false')"
        return {
            "from_json": self.answer(
                lambda: self.one(f"SELECT to_json(from_json({literal(text)}, {literal(schema)}), {keep})")
            ),
            "json": self.answer(
                lambda: self.read("json", text, schema, {}, f"to_json(struct({fields}), {keep})")
            ),
        }

    def paths(self, text, path):
        return {"get_json_object": self.answer(
            lambda: self.one(f"SELECT get_json_object({literal(text)}, {literal(path)})")
        )}


TABLES = {"texts": 3, "values": 3, "documents": 2, "paths": 2}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("remote", help="a Spark Connect server, such as sc://localhost:15002")
    parser.add_argument("tables", nargs="*", default=list(TABLES), help="which tables; all by default")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    asker = Asker(given.remote)
    try:
        for name in given.tables:
            path = DATA / f"{name}.tsv"
            head, *lines = path.read_text().removesuffix("\n").split("\n")
            questions = head.split("\t")[: TABLES[name]]
            rows, ways = [], []
            for line in lines:
                asked = (line.split("\t") + [""] * TABLES[name])[: TABLES[name]]
                answers = getattr(asker, name)(*map(unescape, asked))
                ways = list(answers)
                rows.append("\t".join(asked + [escape(answers[way]) for way in ways]))
                print(rows[-1], flush=True)
            path.write_text("\n".join(["\t".join(questions + ways), *rows]) + "\n")
    finally:
        asker.spark.stop()
        shutil.rmtree(asker.root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
