"""examples/delays.py is a whole program of under 30 lines that finds the ten worst carrier-windows."""

import os
import pathlib
import subprocess
import sys

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "delays.py"
sys.path.insert(0, str(ROOT / "tests" / "demo"))

import check_duckdb  # noqa: E402


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 30


def test_the_example_prints_what_duckdb_finds(tmp_path):
    server = subprocess.Popen(
        [os.environ["THALWEG_BIN"], "serve", "--port", "0", "--data-dir", str(tmp_path / "data")],
        stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        run = subprocess.run(
            [sys.executable, str(EXAMPLE), str(ROOT / "examples" / "data"), str(tmp_path / "delays")],
            env={**os.environ, "SPARK_REMOTE": url}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120, check=False)
        assert run.returncode == 0, run.stderr
    finally:
        server.terminate()
        server.wait()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in run.stdout.splitlines() if line.startswith("|")]
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    worst = db.execute(
        f"SELECT strftime(window_start, '%Y-%m-%d %H:%M:%S'), carrier, delay_sum, delay_count "
        f"FROM ({check_duckdb.EXPECTED}) ORDER BY delay_sum DESC NULLS LAST, window_start, carrier LIMIT 10",
        [str(check_duckdb.JANUARY)]).fetchall()
    assert rows[1:] == [[str(cell) for cell in row] for row in worst]
