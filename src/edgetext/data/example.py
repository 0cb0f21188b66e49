"""The shapes of labelled text, from one row to the parts of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgetext.checkpoint import DataSource, SplitRecord


@dataclass(frozen=True, slots=True)
class Example:
    """One row that can be learned from.

    Attributes:
        text: The text as it stands in the file.
        label: Its label, with spaces around it removed.
        row: Its number in its file; the first data row is 1, and blank lines are not counted.
    """

    text: str
    label: str
    row: int


@dataclass(frozen=True)
class LabelledData:
    """One file of labelled text, read and checked.

    Attributes:
        name: A short name for reports, such as ``banking77``.
        source: Where it came from and how it was read.
        examples: The rows that can be learned from, in the order of the file.
        dropped: One sentence for each reason for which rows were left out; empty when none were.
        splits: The rows by part (``train``, ``validation``, ``test``) where a column says so, else ``None``.
        notes: What was found out about the file that a user should know, a sentence each.
    """

    name: str
    source: DataSource
    examples: tuple[Example, ...]
    dropped: tuple[str, ...] = ()
    splits: Mapping[str, tuple[Example, ...]] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Which rows are learned from, which choose the best epoch, and which nobody chose anything by.

    Attributes:
        train: The rows to learn from.
        validation: The rows that choose the best epoch and that export's gate looks at.
        test: The rows kept for the bench; empty where there are none.
        labels: The labels of the training rows, numbers before words; a label's index is its class index.
        record: The same as row numbers, to be kept beside the checkpoint.
        notes: What the user should know, a sentence each.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    labels: tuple[str, ...]
    record: SplitRecord
    notes: tuple[str, ...] = ()
