"""Nothing is sent home, and nothing is written but what was asked for: looked at from outside, by ``strace``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgetext.telemetry import SWITCHES

STRACE = shutil.which("strace")
CALLS = "network,openat,open,creat,mkdir,mkdirat,rename,symlink,link"
ASKED = re.compile(r'\b(?:connect|sendto|sendmsg|sendmmsg)\(.*AF_INET6?,(?!.*"(?:127\.0\.0\.1|::1)")')
WROTE = re.compile(
    r'\b(?:openat?|creat|mkdir(?:at)?)\((?:AT_FDCWD, )?"([^"]*)".*?(O_WRONLY|O_RDWR|O_CREAT|\b0777\b)'
)
LOOKED_UP_AFTER_S = 12  # onnxruntime's telemetry asks for its host 9 s after the import, and writes at once

WORKER = """
import sys
from edgetext.measure.process import Worker
spec = {"bundle": sys.argv[1], "variant": "int8", "max_length": 32, "threads": 1}
with Worker("edgetext.measure.predictor:load", spec, threads=1) as worker:
    worker.start("a dog")
"""


class Trace:
    """What a program did, as far as it concerns others: hosts that it asked, and places that it wrote to."""

    def __init__(self, folder: Path, *program: str, **environment: str) -> None:
        self.home, log = folder / "home", folder / "trace"
        self.home.mkdir(parents=True)
        private = {"HOME": str(self.home), "TMPDIR": str(self.home), "XDG_CACHE_HOME": str(self.home)}
        kept = {
            name: value for name, value in os.environ.items() if not re.search("TELEMETRY|ANALYTICS|OFFLINE", name)
        }
        assert STRACE
        self.done = subprocess.run(
            [STRACE, "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(log), *program],
            env={**kept, **private, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if "ENOENT" not in line]
        self.asked = [line for line in lines if ASKED.search(line)]
        found = [match[1] for line in lines if (match := WROTE.search(line))]
        self.wrote = [path for path in found if not path.startswith((str(folder / "compiled"), "/dev/null"))]


@pytest.fixture(autouse=True)
def _has_strace() -> None:
    if STRACE is None:
        pytest.skip("no strace on this system: install the package 'strace' to run this test")


def test_a_prediction_asks_nobody_and_writes_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    trace = Trace(tmp_path, sys.executable, "-m", "edgetext", "predict", str(tiny_bundle), "a dog")
    assert trace.done.returncode == 0
    assert (trace.asked, trace.wrote, list(trace.home.iterdir())) == ([], [], [])


def test_a_worker_of_the_bench_asks_nobody_and_leaves_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    trace = Trace(tmp_path, sys.executable, "-c", WORKER, str(tiny_bundle))
    assert trace.done.returncode == 0
    assert (trace.asked, list(trace.home.iterdir())) == ([], [])
    assert {Path(path).parent for path in trace.wrote} <= {trace.home, trace.home.parent}  # its standard error


def test_who_wants_telemetry_says_so(tmp_path: Path) -> None:
    """And the tests above would see it: onnxruntime writes down what it will send."""
    wrote = {
        names: Trace(tmp_path / names, sys.executable, "-c", f"import {names}", ORT_DISABLE_TELEMETRY="0").wrote
        for names in ("onnxruntime", "edgetext, onnxruntime")
    }
    assert bool(wrote["edgetext, onnxruntime"]) == bool(wrote["onnxruntime"])


@pytest.mark.slow
def test_the_demo_asks_nobody(tiny_bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgetext", "demo", str(tiny_bundle), "--no-browser"]
    trace = Trace(tmp_path, "timeout", "-s", "INT", str(LOOKED_UP_AFTER_S + 10), *command)
    assert trace.done.stdout.startswith("http://127.0.0.1:")
    assert trace.asked == []
    assert {path.relative_to(trace.home).parts[0] for path in trace.home.iterdir()} <= {"gradio"}


def test_every_switch_is_set_for_whatever_is_imported_later(tmp_path: Path) -> None:
    program = "import edgetext.errors, os, json; print(json.dumps(dict(os.environ)))"
    clean = {"PATH": os.environ["PATH"], "RAY_USAGE_STATS_ENABLED": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=clean, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout).items() >= {**SWITCHES, "RAY_USAGE_STATS_ENABLED": "1"}.items()
