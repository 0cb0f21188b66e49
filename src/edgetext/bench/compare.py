"""Two runs of the bench -> what got worse, by intervals; runs that cannot be compared are refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgetext.bench.changes import Change, Sides, changes
from edgetext.bench.limits import Limit
from edgetext.bench.results import FAILED, MEASURED, Results, Row
from edgetext.errors import DataError, InputError
from edgetext.measure.otherload import disturbs, others


@dataclass(frozen=True)
class Pair:
    """One row in both runs.

    Attributes:
        name: Backend, variant and device.
        changes: One a metric that both rows have.
    """

    name: str
    changes: tuple[Change, ...]

    def change(self, metric: str) -> Change | None:
        """Gives the change of a metric, if both rows have it."""
        return next((change for change in self.changes if change.metric == metric), None)


@dataclass(frozen=True)
class Comparison:
    """What two runs show together.

    Attributes:
        pairs: The rows that both runs measured.
        lost: Rows that the old run measured and that failed in the new one, with the reason.
        notes: What a reader must know: rows without a partner, other libraries, a busy machine.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values; an end of an interval that one round leaves open is ``None``."""
        document = asdict(self)
        for change in (change for pair in document["pairs"] for change in pair["changes"]):
            change |= {name: None for name, value in change.items() if value == math.inf}
        return document


def compare(old: Results, new: Results, names: tuple[str, str] = ("OLD", "NEW")) -> Comparison:
    """Compares two runs row by row; rows are matched by backend, variant and device.

    Args:
        old: The run before.
        new: The run after.
        names: What to call each in an error.

    Raises:
        DataError: They predicted different rows.
        InputError: They are of different machines or numbers of threads, or have no measured row in common.
    """
    _check_data(old, new, names)
    before, after = _by_name(old, names[0]), _by_name(new, names[1])
    shared = [name for name in before if name in after]
    measured = [name for name in shared if before[name].status == after[name].status == MEASURED]
    for name in shared:
        _check_machine(name, (old, before[name]), (new, after[name]), names)
    if not measured and not any(before[name].status == MEASURED for name in shared):
        raise InputError(f"{names[0]} and {names[1]} have no measured row in common: compare runs of the same rows")
    pairs = [_pair(name, (old, before[name]), (new, after[name])) for name in measured]
    lost = [
        f"{name} was measured in {names[0]} and failed in {names[1]}: {after[name].reason}"
        for name in shared
        if before[name].status == MEASURED and after[name].status == FAILED
    ]
    return Comparison(tuple(pairs), tuple(lost), tuple(_notes(old, new, before, after, names)))


def regressions(comparison: Comparison, limits: Sequence[Limit]) -> list[str]:
    """Gives a sentence for each figure that got worse by more than a limit, as far as its interval tells.

    The whole interval must lie beyond the limit: ``p50>10%`` asks whether it is sure that a tenth was lost. A row
    that failed in the new run has lost every figure.

    Args:
        comparison: Two runs.
        limits: By how much each metric may get worse.

    Raises:
        InputError: No row of the runs has the figures that a limit needs.
    """
    found = list(comparison.lost) if limits else []
    for limit in limits:
        judged = [(pair.name, change) for pair in comparison.pairs if (change := pair.change(limit.metric))]
        if not judged and comparison.pairs:
            raise InputError(
                f"--fail-if {limit}: no row has {limit.metric} in both runs, with its rounds: measure both again "
                "with this edgetext"
            )
        found += [
            f"{name}: {describe(change)}, beyond {limit}" for name, change in judged if change.low > limit.percent
        ]
    return found


def describe(change: Change) -> str:
    """Gives a change with its interval, such as ``p50 +12.3 % [+10.9, +13.8] worse``; plus is always worse."""
    unit = "points" if change.metric == "accuracy" else "%"
    interval = "" if change.low == change.high else f" [{change.low:+.1f}, {change.high:+.1f}]"
    return f"{change.metric} {change.worse:+.1f} {unit}{interval} {change.verdict}"


def _pair(name: str, old: tuple[Results, Row], new: tuple[Results, Row]) -> Pair:
    return Pair(name, changes(Sides(old[1], new[1], old[0].data.expected, _same_run(old[0], new[0]))))


def _by_name(results: Results, where: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in results.rows:
        name = " ".join((row.backend, row.variant, row.device))
        if name in found:
            raise InputError(f"{where} has the row {name} more than once: compare files that are not merged")
        found[name] = row
    return found


def _check_data(old: Results, new: Results, names: tuple[str, str]) -> None:
    if not old.data.same_rows(new.data):
        raise DataError(
            f"{names[1]} and {names[0]} were measured on different rows ({new.data.rows} of {new.data.name}, "
            f"{old.data.rows} of {old.data.name}): compare results of the same data and labels"
        )


def _check_machine(name: str, old: tuple[Results, Row], new: tuple[Results, Row], names: tuple[str, str]) -> None:
    hosts = [results.environment_of(row).get("host") for results, row in (old, new)]
    if hosts[0] != hosts[1]:
        raise InputError(
            f"{name}: {names[0]} was measured on {hosts[0]!r} and {names[1]} on {hosts[1]!r}: compare runs of the "
            "same machine"
        )
    if old[1].threads != new[1].threads:
        raise InputError(
            f"{name}: {names[0]} was measured with {old[1].threads} threads and {names[1]} with {new[1].threads}: "
            "compare runs with the same --threads"
        )


def _notes(
    old: Results, new: Results, before: dict[str, Row], after: dict[str, Row], names: tuple[str, str]
) -> list[str]:
    alone = [f"{name} is in {names[0]} only" for name in before if name not in after]
    alone += [f"{name} is in {names[1]} only" for name in after if name not in before]
    settings = sorted(
        key
        for key in old.settings
        if key in new.settings and key != "seed" and old.settings[key] != new.settings[key]
    )
    other = [
        f"the setting {key} is {old.settings[key]} in {names[0]} and {new.settings[key]} in {names[1]}"
        for key in settings
    ]
    return _rounds(old, new) + alone + other + _libraries(old, new, names) + _others(old, new, names)


def _same_run(old: Results, new: Results) -> bool:
    return bool(old.run) and old.run == new.run


def _rounds(old: Results, new: Results) -> list[str]:
    if _same_run(old, new):
        return ["both were measured in the same rounds: each round is compared with itself"]
    return [
        "measured in different runs: what moved the machine in between counts as a change, "
        "which 'edgetext bench NEW --beside OLD' leaves out"
    ]


def _libraries(old: Results, new: Results, names: tuple[str, str]) -> list[str]:
    before, after = (results.environment.get("libraries") or {} for results in (old, new))
    return [
        f"{library}: {before.get(library, 'absent')} in {names[0]}, {after.get(library, 'absent')} in {names[1]}"
        for library in sorted({*before, *after})
        if before.get(library) != after.get(library)
    ]


def _others(old: Results, new: Results, names: tuple[str, str]) -> list[str]:
    busy = [
        (name, others(results.environment))
        for name, results in zip(names, (old, new), strict=True)
        if disturbs(results.environment)
    ]
    return [busy[0][1]] if busy and _same_run(old, new) else [f"{name}: {sentence}" for name, sentence in busy]
