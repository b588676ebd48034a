"""Starts the server of THALWEG_BIN on a free port over an empty data directory, and ends it."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import sys
import textwrap
import threading
import time
import uuid

import pyspark.sql.connect.proto as pb2
import pytest
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30
REST_SECONDS_MAX = 15


def impatient(session):
    """By default a client tells a dead server for ten minutes that it needs no more rows, and the interpreter
    waits for it."""
    session.client.set_retry_policies([DefaultPolicy(max_retries=6, max_backoff=1000)])
    return session


class Server:
    """One server process. `log` holds what it said. No file may grow beyond `file_blocks`, as on a full disk."""

    def __init__(self, data_dir, port=0, file_blocks=None):
        self.data_dir = pathlib.Path(data_dir)
        self.log = []
        self._url = None
        self._known = threading.Event()
        command = [os.environ["THALWEG_BIN"], "serve", "--port", str(port), "--data-dir", str(data_dir)]
        if file_blocks:
            # The signal that comes with the limit would end the process; ignored, the write fails.
            command = ["sh", "-c", f'trap "" XFSZ; ulimit -f {file_blocks}; exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, errors="replace"
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line)
            found = re.search(r"sc://[\w.\-\[\]:]+:\d+", line)
            if found and not self._url:
                self._url = found.group(0)
                self._known.set()
        self._known.set()

    @property
    def url(self):
        assert self._known.wait(START_SECONDS_MAX) and self._url, "no URL: " + "".join(self.log)
        return self._url

    def session(self):
        return impatient(SparkSession.builder.remote(self.url).create())

    def rests(self):
        """Whether it comes to rest soon: a second in which its threads compute hardly at all."""
        end = time.monotonic() + REST_SECONDS_MAX
        while time.monotonic() < end:
            before = self._computed()
            time.sleep(1)
            if self._computed() - before < 0.2:
                return True
        return False

    def _computed(self):
        """The seconds that all its threads have computed so far."""
        after_name = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


@pytest.fixture(scope="session")
def server():
    data_dir = tempfile.mkdtemp(prefix="thalweg-test-")
    server = Server(data_dir)
    yield server
    server.stop()
    shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture
def spark(server):
    """A session of its own for every test."""
    session = server.session()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def flights_file():
    return str(ROOT / "examples" / "data" / "flights-2013-01.csv")


def rows(df):
    """The rows as plain tuples, in order."""
    return [tuple(row) for row in df.collect()]


def request(session, sql):
    """A reattachable ExecutePlan request, as the client itself would send it."""
    client = session.client
    plan = pb2.Plan()
    plan.root.sql.query = sql
    req = client._execute_plan_request_with_metadata()
    req.operation_id = str(uuid.uuid4())
    req.plan.CopyFrom(plan)
    option = pb2.ExecutePlanRequest.RequestOption()
    option.reattach_options.reattachable = True
    req.request_options.append(option)
    return req


def client_that_vanishes(server, program):
    """Runs a program on a session `spark` of its own in a process that is then killed."""
    text = f"""
        import os, signal, sys
        sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
        import conftest
        from pyspark.sql.connect.session import SparkSession
        spark = SparkSession.builder.remote({server.url!r}).create()
    """
    end = "\nsys.stdout.flush()\nos.kill(os.getpid(), signal.SIGKILL)\n"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(textwrap.dedent(text) + program + end)
        script.flush()
        done = subprocess.run([sys.executable, script.name], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout
