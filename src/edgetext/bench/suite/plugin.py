"""The suite's options, a plugin: pytest reads the ``conftest.py`` of a package that ``--pyargs`` names too late."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_SUITE = "edgetext.bench.suite"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options where the suite is asked for; other runs of pytest never see them."""
    if not _is_asked_for():
        return
    group = parser.getgroup("edgetext")
    group.addoption("--bundle", type=Path, help="the bundle to measure")
    group.addoption("--checkpoint", type=Path, help="what it was exported from, for the torch rows")
    group.addoption("--data", help="labelled text; default: the held-out rows of the checkpoint's split")
    group.addoption("--text-column", help="the column of --data with the text")
    group.addoption("--label-column", help="the column of --data with the label")
    group.addoption("--backends", help="only these, by name, with commas between them")
    group.addoption("--threads", type=int, default=0, help="for every program (default: the usable cores)")


def pytest_configure(config: pytest.Config) -> None:
    """Finds the rows, so that a wrong path is told in a line before anything is collected."""
    if _is_asked_for():
        from edgetext.bench.suite.rows import plan_suite  # other runs of pytest need not wait for it

        plan_suite(config)


def _is_asked_for() -> bool:
    return any(argument.startswith(_SUITE) for argument in sys.argv[1:])
