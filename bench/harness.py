"""What both benchmarks share: the optimised binary, a server of it, and the machine's shape.

A `Server` keeps all that it writes in a folder of its own and ends with the block that uses it.
It knows nothing about what is measured.
"""

import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20


def say(text=""):
    """Talk goes to stderr, figures to stdout."""
    print(text, file=sys.stderr, flush=True)


def binary(path):
    """The binary to measure: the one named, else the one of the bench profile, built if need be."""
    if path:
        return pathlib.Path(path).resolve()
    say("building the bench profile (cargo build --profile bench -p thalweg)")
    subprocess.run(["cargo", "build", "--profile", "bench", "-p", "thalweg"], cwd=ROOT, check=True)
    # Cargo keeps what the bench profile builds beside the release profile's.
    return TARGET / "release" / "thalweg"


def machine():
    """Cores and memory; nothing that names the machine."""
    cores = len(os.sched_getaffinity(0))
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores, {gib:.0f} GiB of memory"


def cores():
    return len(os.sched_getaffinity(0))


def scratch():
    """Where benchmarks keep what they need only for a while; on the disk of the build."""
    folder = TARGET / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`thalweg serve` on a free port, over a data folder, with more environment variables if given."""

    def __init__(self, executable, folder, environment=None):
        self.port = free_port()
        self.log = pathlib.Path(folder) / "serve.log"
        arguments = [str(executable), "serve", "--port", str(self.port)]
        arguments += ["--data-dir", str(pathlib.Path(folder) / "data")]
        with self.log.open("wb") as log:
            env = os.environ | (environment or {})
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=ROOT, env=env)

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as s:
                s.settimeout(1)
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        self.__exit__()
        raise SystemExit(f"thalweg serve did not start:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def session(self):
        """A PySpark session of its own."""
        from pyspark.sql import SparkSession

        return SparkSession.builder.remote(f"sc://127.0.0.1:{self.port}").create()

    def cpu_seconds(self):
        """User and system time that the server has used so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_peak_mib(self):
        """The most memory that the server has held at once."""
        lines = self._proc("status").splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        return int(peak.split()[1]) // 1024

    def memory_mib(self):
        """The memory that the server holds now."""
        lines = self._proc("status").splitlines()
        now = next(line for line in lines if line.startswith("VmRSS:"))
        return int(now.split()[1]) // 1024

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}").read_text()


def percentile(values, share):
    """The value below or at which `share` of all lie (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]
