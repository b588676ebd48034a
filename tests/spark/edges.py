"""Asks a Spark Connect server the calls of calls.txt over nulls and edge values, and records its answers as .slt files.

Run with a Python that has pyspark 4.2:  python tests/spark/edges.py sc://localhost:15002
Each call runs over a table of literals: the rows of calls.txt, then the first of them with one value after the other
replaced by null and by the edge values of its type. Rows on which Spark raises get a block of their own with the class
of the error. `--check sc://HOST:PORT` asks another server the same; rows that it answers differently are listed in
edges_left_out.txt, with both answers, and are not recorded. Without it that list stays as it is and is left out.
`--only NAME` asks only the calls of one file.
"""

import argparse
import concurrent.futures
import logging
import pathlib
import re

from pyspark.sql import SparkSession

import slt

FOLDER = pathlib.Path(__file__).resolve().parent
CALLS = FOLDER / "calls.txt"
LEFT_OUT = FOLDER / "edges_left_out.txt"
OUT = slt.ROOT / "tests" / "slt" / "functions" / "edges"
LONGEST = 400
ERRORS_OF_A_CLASS = 2
NAMES = "abcdefgh"

EDGES = {
    "tinyint": ["CAST({} AS TINYINT)".format(v) for v in (0, -1, 127, -128)],
    "smallint": ["CAST({} AS SMALLINT)".format(v) for v in (0, -1, 32767, -32768)],
    "int": ["0", "-1", "2147483647", "-2147483648"],
    "bigint": ["0L", "-1L", "9223372036854775807L", "-9223372036854775808L"],
    "float": ["CAST('{}' AS FLOAT)".format(v) for v in ("-0.0", "NaN", "-Infinity", "3.4028235E38", "1.4E-45")],
    "double": ["-0D", "double('NaN')", "double('Infinity')", "double('-Infinity')", "1.7976931348623157E308D", "4.9E-324D", "-1e15D"],
    "boolean": ["true", "false"],
    "string": ["''", "' x '", "'é日😀'", "'\\\\_%'", "'-12'", "'2024-02-29 23:59:59'"],
    "binary": ["X''", "X'00'", "X'FFFE'", "X'C3A9'"],
    "date": ["DATE'{}'".format(v) for v in ("0001-01-01", "1582-10-15", "1970-01-01", "2024-02-29", "9999-12-31")],
    "timestamp": ["TIMESTAMP'{}'".format(v) for v in ("0001-01-01 00:00:00", "1582-10-15 00:00:00", "1969-12-31 23:59:59.999999", "2024-02-29 23:59:59.999999", "9999-12-31 23:59:59.999999")],
    "timestamp_ntz": ["TIMESTAMP_NTZ'{}'".format(v) for v in ("0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-02-29 23:59:59.999999", "9999-12-31 23:59:59.999999")],
}


def edges(spark_type):
    """SQL of the edge values of a type."""
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", spark_type)
    if decimal:
        precision, scale = map(int, decimal.groups())
        nines = "9" * (precision - scale) + ("." + "9" * scale if scale else "")
        small = "0." + "0" * (scale - 1) + "1" if scale else "1"
        return [f"CAST({v} AS {spark_type})" for v in ("0", "-" + small, nines, "-" + nines)]
    if spark_type.startswith("array<"):
        inner = spark_type[6:-1]
        made = [f"array({edge})" for edge in edges(inner)]
        return [f"CAST(array() AS {spark_type})", f"CAST(array(NULL) AS {spark_type})", *[f"CAST({m} AS {spark_type})" for m in made[:5]]]
    if spark_type.startswith("map<"):
        return [f"CAST(map() AS {spark_type})"]
    if "month" in spark_type or "year" in spark_type:
        return ["INTERVAL '0-0' YEAR TO MONTH", "INTERVAL '178956970-7' YEAR TO MONTH", "INTERVAL '-178956970-8' YEAR TO MONTH"]
    if "second" in spark_type:
        return ["INTERVAL '0 00:00:00' DAY TO SECOND", "INTERVAL '106751991 04:00:54.775807' DAY TO SECOND", "INTERVAL '-106751991 04:00:54.775808' DAY TO SECOND"]
    return EDGES.get(spark_type, [])


def split(text):
    """The parts between the commas that no parenthesis, bracket or quote holds."""
    parts, depth, quoted, at = [""], 0, False, 0
    while at < len(text):
        char = text[at]
        if quoted and char == "\\":
            parts[-1] += text[at : at + 2]
            at += 2
            continue
        quoted ^= char == "'"
        depth += 0 if quoted else (char in "([") - (char in ")]")
        if char == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += char
        at += 1
    return [part.strip() for part in parts]


class Call:
    """A line of calls.txt."""

    def __init__(self, file, line):
        fields = [field.strip() for field in line.split(" :: ")]
        self.file, self.text, self.only = file, fields[0], fields[2].split() if len(fields) > 2 else None
        self.rows = [split(row[1:-1]) for row in split(fields[1])]
        self.columns = NAMES[: len(self.rows[0])]

    def varied(self, types):
        """The rows of the file, those with a null, and those with an edge value."""
        rows = [list(row) for row in self.rows]
        for i, (column, spark_type) in enumerate(zip(self.columns, types)):
            values = [f"CAST(NULL AS {spark_type.upper()})"] if column not in (self.only or []) or self.only else []
            values += edges(spark_type) if self.only is None or column in self.only else []
            for value in values:
                row = list(self.rows[0])
                row[i] = value
                if row not in rows:
                    rows.append(row)
        return rows

    def source(self, rows, more=""):
        tuples = ", ".join(f"({more}{', '.join(row)})" for row in rows)
        return f"VALUES {tuples} AS t({', '.join(self.columns)})"

    def query(self, rows):
        return f"SELECT {self.text} FROM {self.source(rows)}"


class Server:
    """A session of a server."""

    def __init__(self, remote):
        self.spark = SparkSession.builder.remote(remote).create()
        self.spark.conf.set("spark.sql.session.timeZone", "UTC")

    def ask(self, sql):
        """Rows, or the class of an error."""
        try:
            return slt.rows(self.spark.sql(sql)), None
        except Exception as error:
            return None, slt.condition(error)

    def schema(self, sql):
        return [field.dataType.simpleString() for field in self.spark.sql(sql).schema.fields]

    def each(self, query, rows):
        """What is answered to each row alone, by as few queries as errors allow: `(text, None)` or `(None, class)`."""
        if not rows:
            return []
        answer, error = self.ask(query(rows))
        if error is None and len(answer) == len(rows):
            return [([line], None) for line in answer]
        if len(rows) == 1:
            return [(answer, error)]
        middle = len(rows) // 2
        return self.each(query, rows[:middle]) + self.each(query, rows[middle:])


def letters(types):
    kinds = {"string": "T", "tinyint": "I", "smallint": "I", "int": "I", "bigint": "I", "float": "R", "double": "R"}
    return "".join(kinds.get(t, "?") for t in types)


def block(kind, sql, answer):
    return "\n".join([f"query {kind}", sql, "----", *answer, ""])


def error_block(sql, error):
    return f"statement error {error}\n{sql}\n"


class Recorder:
    """Makes the blocks of calls."""

    def __init__(self, spark, other, left_out):
        self.spark, self.other, self.left_out, self.found = spark, other, left_out, []

    def kept(self, call, rows, query):
        """The rows to be recorded, with Spark's answers."""
        known = [row for row in rows if query([row]) not in self.left_out or self.other]
        answers = self.spark.each(query, known)
        others = self.other.each(query, known) if self.other else answers
        kept = []
        for row, answer, other in zip(known, answers, others):
            if not is_recordable(answer):
                continue
            if answer == other:
                kept.append((row, answer))
            else:
                self.found.append(f"{query([row])}\n  Spark: {shown(answer)}\n  here:  {shown(other)}\n")
        return kept

    def blocks(self, call, rows, query, together):
        """A block of all rows that have answers, and one for each error."""
        kept = self.kept(call, rows, query)
        fine = [(row, answer) for row, (answer, error) in kept if error is None]
        made = []
        if fine:
            kind = letters(self.spark.schema(together([row for row, _ in fine])))
            made.append(block(kind, together([row for row, _ in fine]), [line for _, answer in fine for line in answer]))
        count = {}
        for row, (_, error) in kept:
            if error is not None and count.setdefault(error, 0) < ERRORS_OF_A_CLASS:
                count[error] += 1
                made.append(error_block(query([row]), error))
        return made

    def scalar(self, call):
        rows = call.varied(self.spark.schema(f"SELECT * FROM {call.source(call.rows)}"))
        return self.blocks(call, rows, call.query, call.query)

    def aggregate(self, call):
        """Over the rows and a null, and then over groups: none but nulls, one row, the rows with each edge value."""
        types = self.spark.schema(f"SELECT * FROM {call.source(call.rows)}")
        nulls = [f"CAST(NULL AS {t.upper()})" for t in types]
        groups = [[nulls], [call.rows[0]], [call.rows[0], nulls], *[[*call.rows, r] for r in call.varied(types)[len(call.rows) :]]]
        number = {str(group): n for n, group in enumerate(groups)}

        def query(chosen):
            rows = [[str(number[str(group)]), *row] for group in chosen for row in group]
            tuples = ", ".join(f"({', '.join(row)})" for row in rows)
            source = f"VALUES {tuples} AS t(g, {', '.join(call.columns)})"
            return f"SELECT {call.text} FROM {source} GROUP BY g ORDER BY g"

        whole = [[*call.rows, nulls]]
        none = f"SELECT {call.text} FROM {call.source(call.rows)} WHERE false"
        made = self.blocks(call, whole, lambda all: call.query(all[0]), lambda all: call.query(all[0]))
        made += self.blocks(call, [none], lambda all: all[0], lambda all: all[0])
        return made + self.blocks(call, groups, query, query)

    def window(self, call):
        """Over the rows and one of nulls: their answers stand in the order of the sort."""
        types = self.spark.schema(f"SELECT * FROM {call.source(call.rows)}")
        nulls = [f"CAST(NULL AS {t.upper()})" for t in types]
        whole = [[*call.rows, nulls]]
        return self.blocks(call, whole, lambda all: call.query(all[0]), lambda all: call.query(all[0]))

    def record(self, call):
        if call.file == "aggregates":
            return self.aggregate(call)
        return self.window(call) if call.file == "windows" else self.scalar(call)


def is_recordable(answer):
    """Whether a file of lines can hold the answer: rows without control characters, or an error that has a class."""
    lines, error = answer
    if error is not None:
        return re.fullmatch(r"[A-Z][A-Z0-9_.]+", error) is not None
    return all(len(line) <= LONGEST and all(char.isprintable() or char == " " for char in line) for line in lines)


def shown(answer):
    return f"[{answer[1]}]" if answer[1] else " / ".join(answer[0])


def calls():
    file, found = None, []
    for line in CALLS.read_text().split("\n"):
        head = re.fullmatch(r"\[(\w+)\]", line)
        if head:
            file = head.group(1)
        elif line and not line.startswith("#"):
            found.append(Call(file, line))
    return found


def left_out():
    lines = LEFT_OUT.read_text().split("\n") if LEFT_OUT.exists() else []
    return {line for line in lines if line.startswith("SELECT ")}


def record_all(given, chosen):
    """The blocks of all calls in their order, and the differences; some sessions share the work."""
    omitted = left_out()

    def some(part):
        recorder = Recorder(Server(given.remote), Server(given.check) if given.check else None, omitted)
        blocks = []
        for index, call in part:
            try:
                blocks.append((index, recorder.record(call)))
            except Exception as error:
                print(f"{call.text}: {slt.condition(error)}", flush=True)
        return blocks, recorder.found

    numbered = list(enumerate(chosen))
    with concurrent.futures.ThreadPoolExecutor(given.sessions) as pool:
        parts = list(pool.map(some, [numbered[i :: given.sessions] for i in range(given.sessions)]))
    blocks = dict(pair for found, _ in parts for pair in found)
    return blocks, sorted(line for _, found in parts for line in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("remote", help="a Spark Connect server of Spark, such as sc://localhost:15002")
    parser.add_argument("--check", help="a server whose different answers are listed and left out")
    parser.add_argument("--only", help="the file whose calls are asked")
    parser.add_argument("--sessions", type=int, default=3)
    given = parser.parse_args()
    if given.check and given.only:
        parser.error("--check lists the differences of all calls: it does not go with --only")
    logging.disable(logging.CRITICAL)
    chosen = [call for call in calls() if given.only in (None, call.file)]
    blocks, found = record_all(given, chosen)
    OUT.mkdir(parents=True, exist_ok=True)
    for file in dict.fromkeys(call.file for call in chosen):
        texts = [text for i, call in enumerate(chosen) if call.file == file for text in blocks.get(i, [])]
        head = f"# Nulls and edge values: recorded from Spark by tests/spark/edges.py from its calls of [{file}].\n"
        (OUT / f"{file}.slt").write_text("\n".join([head, *texts]))
    if given.check:
        LEFT_OUT.write_text("# Answers that differ from Spark's: known gaps, left out of the files that edges.py writes.\n\n" + "\n".join(found))
    print(f"{sum(map(len, blocks.values()))} blocks, {len(found)} rows differ")


if __name__ == "__main__":
    main()
