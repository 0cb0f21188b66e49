"""Results of several machines -> one, with the machine on every row; a run of two bundles -> two results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgetext.bench.accuracy import with_differences
from edgetext.bench.results import Results, Row, check_same_rows
from edgetext.errors import InputError

BESIDE = "beside"
"""Marks, in a row's ``about``, that it is of the bundle beside."""


def merge(files: Sequence[Results], names: Sequence[str]) -> Results:
    """Puts the rows of several results into one; differences are against the first baseline of them all.

    Args:
        files: The results; the first one's settings and environment stand for the whole.
        names: What to call each file in an error.

    Raises:
        InputError: Fewer than two were given.
        DataError: They did not predict the same held-out rows, so that their accuracies cannot be compared.
    """
    if len(files) < 2:
        raise InputError("merge takes at least two results files")
    first = files[0]
    for other, name in zip(files[1:], names[1:], strict=True):
        check_same_rows((names[0], first), (name, other), "merge")
    rows = [
        replace(row, environment=row.environment or results.environment)
        for results in files
        for row in results.rows
    ]
    return replace(first, rows=with_differences(rows, first.data))


def split(results: Results) -> tuple[Results, Results]:
    """Parts a run into that of the bundle and that of the one beside it; rows that need no bundle are in both."""
    own = [row for row in results.rows if not row.about.get(BESIDE)]
    others = [row for row in results.rows if row.about.get(BESIDE)]
    of_others = {row.backend for row in others}
    shared = [row for row in own if row.backend not in of_others]
    return replace(results, rows=tuple(own)), replace(results, rows=(*shared, *(_unmarked(row) for row in others)))


def _unmarked(row: Row) -> Row:
    return replace(row, about={name: value for name, value in row.about.items() if name != BESIDE})
