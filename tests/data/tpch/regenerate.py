"""Makes the tables in this folder and `tests/slt/tpch.slt`: the answers are DuckDB's, never ours.

The rows come from `tpchgen-cli` (a generator of TPC-H's data) at scale factor 0.002; columns that
no query reads are left out. The queries are those of `bench/tpch`; where a parameter would give no
row at this scale it is exchanged for another (`SUBSTITUTIONS`). DuckDB divides decimals in floating
point while Spark answers decimals with six digits, so such answers are rounded, and the script stops
if a value lies so near to the middle of two neighbours that the rounding could be in doubt.

    pip install -r bench/requirements.txt && python tests/data/tpch/regenerate.py
"""

import decimal
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import duckdb

SCALE = "0.002"
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
QUERIES = ROOT / "bench" / "tpch"
ANSWERS = ROOT / "tests" / "slt" / "tpch.slt"

# Two tables as CSV with a declared schema, the others as Parquet.
CSV_TABLES = ("nation", "region")
TABLES = ("nation", "region", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
LEFT_OUT = {"l_comment", "ps_comment", "p_comment", "n_comment", "r_comment", "o_clerk"}

# (query, text of the query at scale factor 1, text used here)
SUBSTITUTIONS = (
    (2, "p_size = 15", "p_size BETWEEN 15 AND 19"),
    (7, "'FRANCE'", "'PERU'"),
    (7, "'GERMANY'", "'CHINA'"),
    (8, "'BRAZIL'", "'CANADA'"),
    (8, "p_type = 'ECONOMY ANODIZED STEEL'", "p_type LIKE 'ECONOMY%'"),
    (11, "'GERMANY'", "'ROMANIA'"),
    (11, "0.0001000000", "0.0300000000"),
    (17, "p_brand = 'Brand#23'", "p_brand LIKE 'Brand#2%'"),
    (17, "p_container = 'MED BOX'", "p_container LIKE 'MED%'"),
    (18, "> 300", "> 270"),
    (19, "p_brand = 'Brand#12'", "p_brand LIKE 'Brand#1%'"),
    (19, "p_brand = 'Brand#23'", "p_brand LIKE 'Brand#2%'"),
    (19, "p_brand = 'Brand#34'", "p_brand LIKE 'Brand#3%'"),
    (20, "'forest%'", "'f%'"),
    (20, "'CANADA'", "'IRAQ'"),
    (21, "'SAUDI ARABIA'", "'CANADA'"),
)

# Where Spark's type is a decimal and DuckDB's is floating point: digits after the point.
QUOTIENT_DIGITS = 6


def generate(folder):
    """Writes the full tables as Parquet files into `folder`."""
    tool = shutil.which("tpchgen-cli") or str(pathlib.Path(sys.executable).parent / "tpchgen-cli")
    subprocess.run([tool, "parquet", "-q", "-s", SCALE, "-o", str(folder)], check=True)


def write_tables(db, folder):
    """Loads the columns that are kept and writes them into this folder."""
    for table in TABLES:
        described = db.execute(f"DESCRIBE SELECT * FROM '{folder}/{table}.parquet'").fetchall()
        kept = ", ".join(row[0] for row in described if row[0] not in LEFT_OUT)
        # By the file's own order, so that the files come out the same each time.
        db.execute(f"CREATE TABLE {table} AS SELECT {kept} FROM '{folder}/{table}.parquet'")
        if table in CSV_TABLES:
            db.execute(f"COPY {table} TO '{HERE}/{table}.csv' (HEADER, DELIMITER ',')")
        else:
            db.execute(f"COPY {table} TO '{HERE}/{table}.parquet' (FORMAT parquet, COMPRESSION zstd)")


def query(number):
    """The text of a query with the parameters that are used at this scale."""
    text = (QUERIES / f"q{number:02}.sql").read_text().strip()
    for which, old, new in SUBSTITUTIONS:
        if which == number:
            assert old in text, f"Q{number} does not hold {old}"
            text = text.replace(old, new)
    return text


def cell(value):
    """A value as Spark writes it in text."""
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return quotient(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    text = str(value)
    # A date plus an interval is a timestamp in DuckDB; no query puts one out.
    assert not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:.*", text), text
    return text if text else "(empty)"


def quotient(value):
    exact = decimal.Decimal(value)
    step = decimal.Decimal(1).scaleb(-QUOTIENT_DIGITS)
    rounded = exact.quantize(step, rounding=decimal.ROUND_HALF_UP)
    doubt = abs(abs(exact - rounded) - step / 2)
    assert doubt > abs(exact) * decimal.Decimal("1e-14"), f"the rounding of {value!r} is in doubt"
    return f"{rounded:f}"


def type_letter(name):
    if name in ("VARCHAR",):
        return "T"
    return "I" if name in ("INTEGER", "BIGINT", "HUGEINT") else "?"


def answer(db, number):
    """One record of the .slt: the query and DuckDB's rows."""
    text = query(number)
    result = db.execute(text)
    letters = [type_letter(str(column[1])) for column in result.description]
    rows = result.fetchall()
    assert rows and any(v not in (None, 0) for row in rows for v in row), f"Q{number} says nothing"
    # An integer sum is a HUGEINT in DuckDB and a BIGINT in Spark: both print as integers.
    # The test compares words, not the spaces between them.
    lines = [" ".join(cell(v) for v in row).rstrip() for row in rows]
    return "\n".join([f"query {''.join(letters)}", text, "----", *lines])


def create_statements(db):
    spark = {"VARCHAR": "STRING", "INTEGER": "INT"}
    for table in TABLES:
        if table not in CSV_TABLES:
            yield f"CREATE TABLE {table} USING parquet LOCATION 'tests/data/tpch/{table}.parquet'"
            continue
        columns = db.execute(f"DESCRIBE {table}").fetchall()
        schema = ", ".join(f"{c[0]} {spark.get(c[1], c[1])}" for c in columns)
        yield (
            f"CREATE TABLE {table} ({schema}) USING csv\n"
            f"OPTIONS (header 'true') LOCATION 'tests/data/tpch/{table}.csv'"
        )


def main():
    db = duckdb.connect()
    with tempfile.TemporaryDirectory() as folder:
        generate(pathlib.Path(folder))
        write_tables(db, folder)
    head = (
        f"# TPC-H's 22 queries at scale factor {SCALE}. Written by tests/data/tpch/regenerate.py:\n"
        "# the answers are DuckDB's. Do not fill them in with SLT_UPDATE."
    )
    creates = [f"statement ok\n{s}" for s in create_statements(db)]
    answers = [answer(db, number) for number in range(1, 23)]
    ANSWERS.write_text("\n\n".join([head, *creates, *answers]) + "\n")


if __name__ == "__main__":
    main()
