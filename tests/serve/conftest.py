"""The demo, served once for all tests of this folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def address(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Gives the address of a page served by the command, as a user would start it; it must leave nothing."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": "/dev/null/none", "HF_HOME": "/dev/null/none"}
    program = [
        sys.executable,
        "-m",
        "edgetext",
        "demo",
        str(tiny_bundle),
        "--no-browser",
        "--allow-host",
        "demo.example",
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:")
        assert list(folder.glob("edgetext-demo-*"))
        yield line.split()[0]
        process.send_signal(signal.SIGINT)
    assert not list(folder.glob("edgetext-demo-*"))
