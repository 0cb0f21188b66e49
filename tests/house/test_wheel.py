"""The wheel: what is in it, and that nothing but it and what it needs is enough to predict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgetext import Predictor, __version__

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

# The base install, by name, so that a new package in it is a decision and not an accident.
BASE = {"numpy", "onnxruntime", "tokenizers"}
THEIRS = {
    "flatbuffers", "packaging", "protobuf",  # of onnxruntime
    "huggingface-hub",  # of tokenizers, which never imports it to predict; with it:
    "certifi", "charset-normalizer", "filelock", "fsspec", "hf-xet", "idna", "pyyaml", "requests", "tqdm",
    "typing-extensions", "urllib3",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the programs of an environment that has the wheel, what that needs, and nothing of ours beside it."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "venv", str(folder))
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    constraints = str(ROOT / "constraints.txt")
    run(str(programs / "python"), "-m", "pip", "install", "--quiet", "--constraint", constraints, str(wheel))
    return programs


def run(*command: str, cwd: Path | None = None) -> str:
    """Runs a program and gives what it printed; where it fails, the test shows what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_what_is_needed_besides_python_files(wheel: Path) -> None:
    assert wheel.name == f"edgetext-{__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {file.relative_to(ROOT / "src").as_posix() for file in (ROOT / "src").rglob("*.py")}
    assert sources <= names
    others = {name for name in names if name.startswith("edgetext/") and not name.endswith(".py")}
    assert {"edgetext/py.typed", "edgetext/serve/demo.css", "edgetext/data/food_not_food.csv"} <= others
    assert {"edgetext/data/food_not_food_hard.csv", "edgetext/data/food_not_food.md"} <= others
    page = {"index.html", "page.css", "page.js", "classifier.js", "model.js", "table.js", "task.js", "tokens.js"}
    assert {f"edgetext/serve/space/static/{name}" for name in page} <= others
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_it_holds_nothing_else(wheel: Path) -> None:
    folders = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders == {"edgetext", f"edgetext-{__version__}.dist-info"}


def test_it_brings_the_three_and_what_those_need(clean: Path) -> None:
    listed = json.loads(run(str(clean / "python"), "-m", "pip", "list", "--format", "json"))
    installed = {entry["name"].lower().replace("_", "-") for entry in listed} - {"pip", "setuptools"}
    assert installed >= BASE | {"edgetext"}
    assert installed <= BASE | THEIRS | {"edgetext"}
    run(str(clean / "python"), "-m", "pip", "check")


def test_it_predicts_there(clean: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    code = (
        f"import edgetext; c = edgetext.Predictor({str(tiny_bundle)!r})\n"
        "print(c('a dog in the park').label, edgetext.__file__)"
    )
    label, place = run(str(clean / "python"), "-c", code, cwd=tmp_path).split(maxsplit=1)
    with Predictor(tiny_bundle) as classify:
        assert label == classify("a dog in the park").label
    assert Path(place.strip()).is_relative_to(clean.parent)


def test_the_command_works_there(clean: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    said = run(str(clean / "edgetext"), "predict", str(tiny_bundle), "--json", "a dog in the park", cwd=tmp_path)
    with Predictor(tiny_bundle) as classify:
        assert json.loads(said)["label"] == classify("a dog in the park").label
    assert run(str(clean / "edgetext"), "--version") == f"edgetext {__version__}\n"


def test_what_it_lacks_there_is_a_line_to_type(clean: Path, tmp_path: Path) -> None:
    command = [str(clean / "edgetext"), "train", "builtin:food_not_food", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert 'pip install "edgetext[train]"' in done.stderr
    assert "Traceback" not in done.stderr
