"""Asks real Spark what it makes of the files in cases.py and writes its answers to tests/data/spark/files.json.

Run with a Python that has pyspark 4.2 and Java 17:  python tests/spark/record.py
"""

import base64
import gzip
import json
import pathlib
import shutil
import tempfile

from pyspark.sql import SparkSession, functions as F

import cases

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "spark" / "files.json"


def content(text):
    if isinstance(text, bytes):
        return text
    if text.startswith("b:"):
        return text[2:].encode("latin-1")
    if text.startswith("gz:"):
        return gzip.compress(text[3:].encode(), mtime=0)
    return text.encode()


def told(error):
    """The class of an error, the innermost that has one."""
    import re
    condition = None
    try:
        condition = error.getCondition() if hasattr(error, "getCondition") else error.getErrorClass()
    except Exception:
        pass
    text = str(error)
    inner = re.findall(r"\[([A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]", text)
    return {"error": condition or (inner[0] if inner else type(error).__name__), "all": sorted(set(inner)), "text": text.split("JVM stacktrace")[0][:300]}


def make(spark, case, root):
    """Lets Spark write the files of a case; they become part of it."""
    for key, value in case["conf"].items():
        spark.conf.set(key, value)
    spark.sql(case["sql"]).coalesce(1).write.parquet(str(root / "made"))
    for key in case["conf"]:
        spark.conf.unset(key)
    parts = sorted(p for p in (root / "made").iterdir() if p.name.startswith("part-"))
    case["files"] = {f"{n}.parquet": p.read_bytes() for n, p in enumerate(parts)}
    shutil.rmtree(root / "made")


def ask(spark, case, root):
    if "sql" in case:
        make(spark, case, root)
    for name, text in case["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(text))
    try:
        reader = spark.read.format(case["format"])
        for key, value in case["options"].items():
            reader = reader.option(key, value.replace("{root}", str(root)))
        if case["schema"]:
            reader = reader.schema(case["schema"])
        target = str(root / case["path"]) if case["path"] else str(root)
        frame = reader.load(target)
        schema = frame.schema.simpleString()
        if case["select"]:
            frame = frame.selectExpr(*[s.strip() for s in case["select"].split(",")])
        whole = F.to_json(F.struct(*[frame[f"`{c}`"] for c in frame.columns]), {"ignoreNullFields": "false"}) if frame.columns else F.lit("{}")
        if len(set(frame.columns)) == 0:
            return {"schema": schema, "rows": ["{}"] * frame.count()}
        return {"schema": schema, "rows": [r[0] for r in frame.select(whole).collect()]}
    except Exception as error:
        return told(error)


def written(spark, case, root):
    (root / "in.json").write_text("".join(r + "\n" for r in case["rows"]))
    try:
        frame = spark.read.schema(case["schema"]).json(str(root / "in.json")).coalesce(1)
        writer = frame.write.format(case["format"])
        for key, value in case["options"].items():
            writer = writer.option(key, value)
        writer.save(str(root / "out"))
        parts = sorted(p for p in (root / "out").iterdir() if p.name.startswith("part-"))
        return {"text": "".join(p.read_bytes().decode() for p in parts), "files": len(parts)}
    except Exception as error:
        return told(error)


OPTIONS = {
    "csv": ["org.apache.spark.sql.catalyst.csv.CSVOptions"],
    "json": ["org.apache.spark.sql.catalyst.json.JSONOptions"],
    "parquet": ["org.apache.spark.sql.execution.datasources.parquet.ParquetOptions"],
    "files": ["org.apache.spark.sql.execution.datasources.FileIndexOptions"],
}
# Named in Spark's documentation, but in no list of the program's.
MORE = {"csv": ["prefersDecimal"], "json": ["prefersDecimal"], "files": ["ignoreCorruptFiles", "maxRecordsPerFile"], "parquet": []}


def option_names(spark):
    """Every option name that Spark knows, by format; `files` are those of all formats."""
    names = {}
    for kind, classes in OPTIONS.items():
        found = set(MORE[kind])
        for name in classes:
            place = spark._jvm
            for part in name.split("."):
                place = getattr(place, part)
            found |= set(place.getAllOptions().mkString(",").split(","))
        names[kind] = sorted(found, key=str.lower)
    return names


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    answers = {"options": option_names(spark), "reads": [], "writes": []}
    for kind, all_cases, work in [("reads", cases.READS, ask), ("writes", cases.WRITES, written)]:
        for case in all_cases:
            root = pathlib.Path(tempfile.mkdtemp())
            answer = work(spark, case, root)
            shown = {k: v for k, v in case.items() if k not in ("sql", "conf")}
            if "files" in case:
                shown["files"] = {k: base64.b64encode(content(v)).decode() if not isinstance(v, str) or v[:2] in ("b:", "gz") else v for k, v in case["files"].items()}
                shown["base64"] = sorted(k for k, v in case["files"].items() if not isinstance(v, str) or v[:2] in ("b:", "gz"))
            answers[kind].append({**{k: v for k, v in shown.items() if v not in (None, "", {}, [])}, "spark": answer})
            shutil.rmtree(root)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(answers, indent=1, ensure_ascii=True, sort_keys=False) + "\n")


if __name__ == "__main__":
    main()
