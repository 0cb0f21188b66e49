"""A browser, the demo and a service, started once for all tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from serving import Serving

from tiny_onnx import SURE_FROM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPORT = """<!doctype html><title>Report</title><style>p { color: green }</style><p id="told">nothing yet</p>
<script>document.getElementById("told").textContent = "the report's own script ran";</script>"""
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="module")  # and no longer: while it is open, its thread has an event loop that runs
def browser() -> Iterator[Browser]:
    """Gives a browser, for all tests of a module."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this system: install the package 'chromium' to run this test")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def bundle_with_examples(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the tiny bundle with two texts to try, a least confidence, and the report of a bench beside it."""
    folder = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("examples") / "bundle")
    (folder.parent / "report").mkdir()
    (folder.parent / "report" / "report.html").write_text(REPORT, "utf-8")
    document = json.loads((folder / "bundle.json").read_text("utf-8"))
    document["min_confidence"] = SURE_FROM
    document["examples"] = ["a slice of pizza", "the road to the mountain"]
    (folder / "bundle.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.fixture(scope="package")
def address(bundle_with_examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Gives the address of a page served by the command, as a user would start it; it must leave nothing."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": "/dev/null/none", "HF_HOME": "/dev/null/none"}
    program = [
        sys.executable,
        "-m",
        "edgetext",
        "demo",
        str(bundle_with_examples),
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


@pytest.fixture(scope="package")
def service(
    tiny_bundle: Path, tiny_pairs: Path, tiny_first: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """Gives a service of three bundles with low limits, whose answers do not depend on their batch."""
    bundles = [f"tiny={tiny_bundle}", f"pairs={tiny_pairs}", f"first={tiny_first}"]
    limits = ["--max-texts", 5, "--max-characters", 2000, "--max-body", 20_000, "--read-timeout", 1]
    serving = Serving(tmp_path_factory.mktemp("service"), *bundles, "--deterministic", "--threads", 1, *limits)
    yield serving
    assert serving.stop() == 0
    assert serving.errors.read_text("utf-8") == ""
