"""The suite's options and rows, a plugin: pytest reads the ``conftest.py`` of what ``--pyargs`` names too late."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from edgetext.bench.plan import RowPlan

PLANS: pytest.StashKey[tuple[RowPlan, ...]] = pytest.StashKey()
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
    """Finds the rows, so that a wrong path is told in a line before anything is collected.

    Raises:
        UsageError: There is no model, or one cannot be opened.
    """
    if not _is_asked_for():
        return  # other runs of pytest need not wait for the imports
    from edgetext.bench.models import open_models
    from edgetext.bench.plan import plan_rows
    from edgetext.bench.registry import choose_backends
    from edgetext.bench.settings import BenchSettings
    from edgetext.errors import EdgetextError
    from edgetext.runtime.threads import usable_threads

    bundle, checkpoint, names = (config.getoption(name) for name in ("bundle", "checkpoint", "backends"))
    if bundle is None and checkpoint is None:
        raise pytest.UsageError("give --bundle, --checkpoint or both: there is nothing to measure")
    try:
        chosen = tuple(names.split(",")) if names else ()
        settings = BenchSettings(config.getoption("threads") or usable_threads(), chosen)
        models = open_models([bundle] if bundle else [], checkpoint)
        config.stash[PLANS] = plan_rows(models, choose_backends(chosen), settings)
    except EdgetextError as error:
        raise pytest.UsageError(str(error)) from None


def _is_asked_for() -> bool:
    return any(argument.startswith(_SUITE) for argument in sys.argv[1:])
