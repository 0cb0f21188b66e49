"""Two bundles in the same rounds, so that whatever moves the machine moves both alike; a results file for each.

Two runs, one after the other, differ by what the machine did in between, which no number of rounds within them can
show. Rounds that both bundles had can be compared one by one (see ``changes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgetext.bench.plan import RowPlan, plan_rows
from edgetext.bench.registry import BUNDLE, Backend
from edgetext.bench.results import Results, Row
from edgetext.errors import BundleError
from edgetext.runtime.bundle import Bundle

_MARK = "beside"


def plan_beside(other: Bundle, bundle: Bundle, backends: Sequence[Backend], threads: int) -> tuple[RowPlan, ...]:
    """Lists the rows of the other bundle, marked as such.

    Args:
        other: The bundle that is measured beside.
        bundle: The one that the run is about.
        backends: The programs; those that need no bundle have their rows already.
        threads: Threads that each may use.

    Raises:
        BundleError: The two know different labels, or the other one is not of a single-label task.
        IntegrityError: A model file is not the one that was exported.
        InputError: Nothing is left to measure.
    """
    if set(other.manifest.labels) != set(bundle.manifest.labels):
        raise BundleError(f"{other.path} and {bundle.path} know different labels: compare bundles of the same task")
    plans = plan_rows(other, None, [backend for backend in backends if backend.source == BUNDLE], threads)
    return tuple(replace(plan, about={**plan.about, _MARK: True}, whose=_MARK) for plan in plans)


def split(results: Results) -> tuple[Results, Results]:
    """Gives the run of the bundle, and that of the one beside it; rows that need no bundle are in both.

    Args:
        results: Of a run with a bundle beside.
    """
    own = [row for row in results.rows if not row.about.get(_MARK)]
    others = [row for row in results.rows if row.about.get(_MARK)]
    of_others = {row.backend for row in others}
    shared = [row for row in own if row.backend not in of_others]
    return replace(results, rows=tuple(own)), replace(results, rows=(*shared, *(_unmarked(row) for row in others)))


def _unmarked(row: Row) -> Row:
    about: Mapping[str, Any] = {name: value for name, value in row.about.items() if name != _MARK}
    return replace(row, about=about)
