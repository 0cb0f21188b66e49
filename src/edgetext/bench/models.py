"""What a run measures: bundles and checkpoints, opened, told apart by name, and shown to decide the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from edgetext.checkpoint import Checkpoint, open_checkpoint
from edgetext.errors import BundleError
from edgetext.runtime.bundle import CONFIG_FILE, Bundle, holds_bundle, open_bundle
from edgetext.runtime.hub import is_hub_name
from edgetext.task import Task


@dataclass(frozen=True)
class Measured:
    """A bundle or a checkpoint to measure.

    Attributes:
        opened: What lies on disk.
        name: What tells it apart; empty where a run has one bundle and one checkpoint at most.
        is_baseline: Whether the others are compared with it.
    """

    opened: Bundle | Checkpoint
    name: str = ""
    is_baseline: bool = False

    @property
    def task(self) -> Task:
        """What it decides."""
        return self.opened.manifest.decides if isinstance(self.opened, Bundle) else self.opened.task


def open_models(paths: Sequence[Path | str], baseline: Path | str | None = None) -> tuple[Measured, ...]:
    """Opens what a run measures, the baseline first.

    Args:
        paths: Folders of bundles and of checkpoints; a bundle may be a name on the Hub.
        baseline: The checkpoint that the others are compared with.

    Raises:
        BundleError: One cannot be opened, or two are of different tasks or know different labels.
        ModelError: A checkpoint cannot be opened.
    """
    opened = [open_checkpoint(Path(baseline))] if baseline else []
    found: list[Bundle | Checkpoint] = [*opened, *map(_open, paths)]
    for other in found[1:]:
        _check_alike(found[0], other)
    bundles = sum(isinstance(one, Bundle) for one in found)
    several = bundles > 1 or len(found) - bundles > 1
    given = [*([baseline] if baseline else []), *paths]
    names = distinct_names(given) if several else [""] * len(found)
    whether = [bool(baseline) and number == 0 for number in range(len(found))]
    return tuple(map(Measured, found, names, whether))


def distinct_names(paths: Sequence[Path | str]) -> list[str]:
    """Names each path by its last part, or by as many of its last parts as tell it from the others.

    A path that is given twice has its number behind it.
    """
    parts = [PurePath(path if is_hub_name(path) else Path(path).resolve()).parts for path in map(str, paths)]
    return [_distinct(number, parts) for number in range(len(parts))]


def _distinct(number: int, parts: Sequence[tuple[str, ...]]) -> str:
    own = parts[number]
    others = [*parts[:number], *parts[number + 1 :]]
    for length in range(1, len(own) + 1):
        if all(other[-length:] != own[-length:] for other in others):
            return PurePath(*own[-length:]).as_posix()
    return f"{own[-1]} {parts[: number + 1].count(own)}"


def _open(path: Path | str) -> Bundle | Checkpoint:
    """Opens a folder as what lies in it; one that is neither is refused as a bundle."""
    if not holds_bundle(path) and (Path(path) / CONFIG_FILE).is_file():
        return open_checkpoint(Path(path))
    return open_bundle(path)


def _check_alike(one: Bundle | Checkpoint, other: Bundle | Checkpoint) -> None:
    first, second = Measured(one).task, Measured(other).task
    if first.name != second.name or {*first.labels} != {*second.labels}:
        raise BundleError(
            f"{one.path} and {other.path} are of different tasks, or know different labels: measure models of the "
            "same task together"
        )
