"""What cannot work is refused before anything is imported that takes long: each command, in one process in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgetext.checkpoint import Checkpoint

HEAVY = [
    "accelerate", "datasets", "evaluate", "gradio", "onnx", "onnxruntime", "optimum", "pandas", "pyarrow", "scipy",
    "sklearn", "torch", "transformers",
]  # fmt: skip
REFUSE = """
import contextlib, io, json, sys
from edgetext.cli.main import main
heavy, calls = json.loads(sys.stdin.read())
for call in calls:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = main(call)
        except SystemExit as stopped:
            code = stopped.code
    print(json.dumps([call, code, said.getvalue(), [name for name in heavy if name in sys.modules]]))
"""


def refuse(calls: list[list[str]], heavy: list[str], folder: Path) -> list[tuple[list[str], int, str, list[str]]]:
    """Runs the calls in one process without a network; gives each with its code, its words and what it imported."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSE],
        input=json.dumps([heavy, calls]),
        env={
            **os.environ,
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "HF_HOME": str(folder / "home"),
            "HF_HUB_OFFLINE": "",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_refusals_import_nothing_heavy(
    tiny_checkpoint: Checkpoint, tiny_bundle: Path, tiny_rows: Path, tmp_path: Path
) -> None:
    checkpoint, bundle, rows, taken = (
        str(tiny_checkpoint.path),
        str(tiny_bundle),
        str(tiny_rows),
        tmp_path / "taken",
    )
    taken.mkdir()
    (taken / "mine").touch()
    out = ["-o", "out"]
    calls = [
        ["train", "missing.csv", *out],
        ["train", rows, *out, "--base", "minillm"],
        ["train", rows, *out, "--base", "./missing"],
        ["train", rows, *out, "--base", "owner/name"],
        ["train", rows, *out, "--base", "bert-base-uncased"],
        ["train", rows, *out, "--epochs", "0"],
        ["train", rows, *out, "--test", "missing.csv"],
        ["train", rows, "-o", str(taken)],
        ["train", "hub:owner/none", *out],
        ["train", "hub:/etc/passwd", *out],
        ["run", "missing.csv", *out],
        ["run", rows, *out, "--epochs", "0"],
        ["run", rows, *out, "--base", "minillm"],
        ["run", rows, *out, "--scheme", "missing"],
        ["run", rows, *out, "--max-drop", "5"],
        ["run", rows, *out, "--threads", "-1"],
        ["run", rows, *out, "--calibration", "missing.csv"],
        ["run", rows, *out, "--unlabelled", "missing.csv"],
        ["export", "missing", *out],
        ["export", bundle, *out],
        ["export", checkpoint, "-o", str(taken)],
        ["export", checkpoint, *out, "--scheme", "missing"],
        ["export", checkpoint, *out, "--data", "missing.csv"],
        ["export", checkpoint, *out, "--calibration", "missing.csv"],
        ["export", checkpoint, *out, "--unlabelled", "missing.csv"],
        ["export", checkpoint, *out, "--reference", "missing"],
        ["export", checkpoint, *out, "--trim-vocabulary", "0"],
        ["tune", "missing", *out],
        ["tune", checkpoint, *out],
        ["tune", bundle, *out, "--scheme", "missing"],
        ["tune", bundle, *out],
        ["predict", "missing", "a text"],
        ["predict", checkpoint, "a text"],
        ["bench", "missing", *out],
        ["bench", bundle, *out, "--data", rows, "--backends", "missing"],
        ["bench", bundle, *out, "--data", "missing.csv"],
        ["bench", bundle, *out, "--data", rows, "--rounds", "0"],
        ["bench", bundle, *out, "--data", rows, "--price-per-hour", "-1"],
        ["bench", bundle, *out, "--data", rows, "--requests-per-s", "5"],
        ["bench", bundle, *out, "--data", rows, "--beside", "missing"],
        ["bench", bundle, *out, "--baseline", "missing"],
        ["bench", "show", "missing"],
        ["bench", "compare", "missing", "missing"],
        ["inspect", "missing"],
        ["demo", "missing"],
        ["demo", bundle, "--port", "99999"],
    ]
    imported_before: list[str] = []
    for call, code, said, imported in refuse(calls, HEAVY, tmp_path):
        assert code == 2, (call, said)
        assert "Traceback" not in said
        assert "error: " in said.splitlines()[-1] and said.count("error: ") == 1, (call, said)
        new = {*imported} - {*imported_before}
        # datasets of the Hub are looked for in its library's cache where the Hub does not answer
        assert not new or call[1] == "hub:owner/none", (call, new)
        imported_before = imported
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("command", ["train", "export"])
def test_help_imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    ((_, code, _, imported),) = refuse([[command, "--help"]], HEAVY, tmp_path)
    assert (code, imported) == (0, [])
