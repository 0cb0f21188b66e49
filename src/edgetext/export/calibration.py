"""Texts of the training kind, for schemes that fix the scales of activations; their labels are not looked at."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from edgetext.checkpoint import Checkpoint
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.errors import DataError

MOST_TEXTS = 256
_SHARE = 10  # where there are no training rows, one in so many held-out rows is set aside
_LEAST_TEXTS = 32
_SEED = 17

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Calibration:
    """Texts to calibrate on.

    Attributes:
        texts: At most ``MOST_TEXTS`` where edgetext chose them; none where there are none to be had.
        origin: Where they come from, in words.

    Raises:
        DataError: A text is empty.
    """

    texts: tuple[str, ...]
    origin: str

    def __post_init__(self) -> None:
        """Refuses empty texts: their activations are those of padding, and would widen or narrow every scale."""
        for number, text in enumerate(self.texts, start=1):
            if not text.strip():
                raise DataError(
                    f"calibration text {number} of {len(self.texts)} ({self.origin}) is empty: "
                    "leave it out, or give other texts with --calibration"
                )


def find_calibration(
    checkpoint: Checkpoint, examples: Sequence[Example]
) -> tuple[Calibration, tuple[Example, ...]]:
    """Takes calibration texts from the training rows, or else sets some held-out rows aside for it.

    Args:
        checkpoint: Its split names the training rows.
        examples: The held-out rows.

    Returns:
        The calibration texts, and the held-out rows that are left for the gate.
    """
    try:
        rows = held_out(checkpoint.split, "train") if checkpoint.split else ()
    except DataError:
        rows = ()
    if rows:
        return Calibration(_texts(sample(rows, MOST_TEXTS)), "training rows"), tuple(examples)
    count = min(MOST_TEXTS, len(examples) // _SHARE)
    if count < _LEAST_TEXTS:
        return Calibration((), "none: the training rows cannot be read, and there are few others"), tuple(examples)
    aside = set(sample(range(len(examples)), count))
    taken = [example for index, example in enumerate(examples) if index in aside]
    left = tuple(example for index, example in enumerate(examples) if index not in aside)
    return Calibration(_texts(taken), "held-out rows that the gate does not see"), left


def sample(items: Sequence[_Item], most: int) -> tuple[_Item, ...]:
    """Gives all items, or so many of them drawn by a fixed seed, in their order."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[index] for index in sorted(random.Random(_SEED).sample(range(len(items)), most)))


def _texts(examples: Sequence[Example]) -> tuple[str, ...]:
    return tuple(example.text for example in examples)
