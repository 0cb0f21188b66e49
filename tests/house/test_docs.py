"""Every command in the documentation is one that the program takes, and every file it names is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edgetext.cli.main import build_parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
BLOCK = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(program):
    for page in PAGES:
        for block in BLOCK.findall(page.read_text("utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0].rpartition("/")[2] == program:
                    yield pytest.param(words[1:], id=f"{page.name}: {line.strip()[:60]}")


@pytest.mark.parametrize("words", commands("edgetext"))
def test_the_program_takes_the_command(words):
    arguments = build_parser(words).parse_args(words)
    assert arguments.command == words[0]


@pytest.mark.parametrize("words", commands("make"))
def test_the_makefile_has_the_target(words):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for word in words:
        assert "=" in word or re.search(rf"^{word}:", makefile, re.MULTILINE), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_tree_in_the_readme_names_what_is_there():
    tree = re.search(r"```\n(src/edgetext/.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert tree
    named = set(re.findall(r"^  (\w+(?:\.py|/))", tree.group(1), re.MULTILINE))
    there = {
        entry.name + ("/" if entry.is_dir() else "")
        for entry in (ROOT / "src/edgetext").iterdir()
        if not entry.name.startswith("__") or entry.name == "__init__.py"
    } - {"py.typed"}
    assert named == there
