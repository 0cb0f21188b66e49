"""Results of several machines -> one, with the machine on every row; a run of two bundles -> two results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgetext.bench.accuracy import with_differences
from edgetext.bench.results import Results, check_same_rows
from edgetext.errors import InputError


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


def split(results: Results, model: str, other: str) -> tuple[Results, Results]:
    """Parts a run of two bundles, by their names, into that of each; rows of checkpoints are in both."""
    own, others = (_without(results, left_out) for left_out in (other, model))
    return own, others


def _without(results: Results, model: str) -> Results:
    rows = (replace(row, model="") for row in results.rows if row.model != model)
    return replace(results, rows=tuple(rows))
