"""Every command in the documentation is one that the program takes, and every file it names is there."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from edgetext import Predictor
from edgetext.bench.results import read_results
from edgetext.checkpoint import open_checkpoint
from edgetext.cli.main import build_parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
CHROMIUM = any(map(shutil.which, ["chromium", "chromium-browser", "google-chrome"]))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(program):
    for page in PAGES:
        blocks = [text for language, text in BLOCK.findall(page.read_text("utf-8")) if language in ("", "sh")]
        for block in blocks:
            for line in block.replace("\\\n", " ").splitlines():
                if line.partition(" ")[0].rpartition("/")[2] == program:
                    words = shlex.split(line, comments=True)
                    yield pytest.param(words[1:], id=f"{page.name}: {line.strip()[:60]}")


@pytest.mark.parametrize("words", list(commands("edgetext")))
def test_the_program_takes_the_command(words):
    arguments = build_parser(words).parse_args(words)
    assert arguments.command == words[0]


@pytest.mark.parametrize("words", list(commands("make")))
def test_the_makefile_has_the_target(words):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for word in words:
        assert "=" in word or re.search(rf"^{word}:", makefile, re.MULTILINE), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_pip_lines_name_extras_and_files_that_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pages = [page.read_text("utf-8") for page in PAGES]
    lines = [line for page in pages for line in re.findall(r"pip install [^`\n]+", page)]
    assert 'pip install ".[all,optimum]" -c constraints.txt' in lines
    extras = [extra for line in lines for named in re.findall(r"\[([\w,]+)\]", line) for extra in named.split(",")]
    assert {*extras} <= {*project["optional-dependencies"]}
    assert (ROOT / "constraints.txt").is_file()


def test_the_readme_is_short_and_its_pictures_are_small():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")]
    pictures = [ROOT / target for line in lines for target in re.findall(r"!\[.+\]\((.+)\)", line)]
    assert len(lines) <= 150
    assert len(table) <= 2 + 6 and {line.count("|") for line in table} == {1 + 6}
    assert [picture.name for picture in pictures] == ["report.png", "demo.png"]
    assert all(picture.stat().st_size < 120_000 for picture in pictures)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this system: install the package 'chromium'")
def test_the_pictures_can_be_made_again(tiny_bundle, tmp_path):
    script = [sys.executable, ROOT / "docs" / "pictures.py", "--bundle", tiny_bundle, "--to", tmp_path]
    subprocess.run(script, check=True)
    made = {picture.name: picture.read_bytes() for picture in tmp_path.iterdir()}
    assert {*made} == {"report.png", "demo.png"}
    for png in made.values():  # an empty page would take far less; fonts differ from system to system
        assert png.startswith(b"\x89PNG") and 8_000 < len(png) < 120_000


def test_tree_and_tables_are_those_of_the_code_and_the_recorded_results():
    spec = spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec
    assert spec.loader
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    for page in build.PAGES:
        assert page.read_text("utf-8") == build.filled(page.read_text("utf-8")), f"{page.name}: run  make docs"


@pytest.mark.parametrize("number", range(3))
def test_the_examples_of_the_runtime_page_run(tiny_bundle, number):
    snippet = re.findall(r"```python\n(.*?)```", (ROOT / "docs/runtime.md").read_text("utf-8"), re.DOTALL)[number]
    names = {"__name__": "example"}
    exec(snippet.replace("runs/food_not_food/bundle", str(tiny_bundle)), names)
    if number == 0:
        assert names["answer"].label in names["classify"].labels
    elif number == 1:
        found = asyncio.run(names["answer"]("a bowl of ramen"))
        assert found["label"] == names["classify"]("a bowl of ramen").label
        assert "/classify" in {route.path for route in names["app"].routes}
    else:
        assert 0 <= names["food"] <= 5000


def test_the_readme_shows_how_to_predict_and_it_works(tiny_bundle, monkeypatch, capsys):
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert "runs/food_not_food/bundle" in snippet
    exec(snippet.replace("runs/food_not_food/bundle", str(tiny_bundle)), {})
    first, *others = capsys.readouterr().out.splitlines()
    labels = Predictor(tiny_bundle).labels
    assert first.split()[0] in labels
    assert 1 / len(labels) <= float(first.split()[1]) <= 1
    assert len(others) == 2
    assert set(others) <= set(labels)


@pytest.fixture
def python_page(tiny_rows, tiny_base, tmp_path, monkeypatch):
    """Runs an example of the page on the API, with the tiny model and few rounds, and gives its names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_bytes(tiny_rows.read_bytes())
    small = {"minilm": str(tiny_base), "rounds=3": "rounds=1, turn_seconds=0.2", "max_drop=0.02": "max_drop=0.9"}

    def run(number):
        snippet = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.DOTALL)[
            number
        ]
        for words, other in small.items():
            assert words in snippet
            snippet = snippet.replace(words, other)
        names = {"__name__": "example"}
        exec(snippet, names)
        return names

    return run


@pytest.mark.slow
def test_the_python_page_makes_a_run_in_place_of_an_old_one(python_page, capsys):
    old = Path("runs/rows/checkpoint/training.json")
    old.parent.mkdir(parents=True)
    old.write_text('{"base_model": "old"}')
    made = python_page(0)["made"]
    assert made.path == Path("runs/rows")
    assert [path.name for path in Path("runs").iterdir()] == ["rows"]
    assert sorted(path.name for path in made.path.iterdir()) == ["bundle", "checkpoint", "report"]
    assert open_checkpoint(made.checkpoint.path).training == made.checkpoint.training
    assert made.checkpoint.path == Path("runs/rows/checkpoint")
    assert Predictor(made.exported.path).labels == ("food", "not_food")
    assert read_results(Path("runs/rows/report/results.json")) == made.results
    accuracy, refused, rows = capsys.readouterr().out.split()
    assert 0 <= float(accuracy) <= 1
    assert refused == "False"
    assert int(rows) == len(made.results.rows) > 5


@pytest.mark.slow
def test_the_python_page_makes_the_parts_one_by_one(python_page):
    names = python_page(1)
    assert names["checkpoint"].training["best_epoch"] in (1, 2, 3)
    assert names["exported"].path == Path("parts/bundle")
    assert names["exported"].manifest.variant().scheme == "dynamic-int8-fused"
    assert {row.variant: row.status for row in names["results"].rows} == {"fp32": "measured", "int8": "measured"}
    assert names["results"].data.rows == len(names["split"].test) == 9
