"""The shapes of labelled text, from one row to the parts of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgetext.checkpoint import DataSource, SplitRecord

if TYPE_CHECKING:  # it takes numpy, which reading a file does not
    from edgetext.task import Task, Text


@dataclass(frozen=True, slots=True)
class Example:
    """One row that can be learned from.

    Attributes:
        text: The text as it stands in the file, or the pair of texts.
        labels: Its labels, with spaces around them removed; exactly one, unless the task is multi label.
        row: Its number in its file; the first data row is 1, and blank lines are not counted.
    """

    text: Text
    labels: tuple[str, ...]
    row: int

    @property
    def label(self) -> str:
        """Its only label, where the task is single label."""
        (label,) = self.labels
        return label


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
        one_label: Whether each row bears exactly one label; else any number, none included.
    """

    name: str
    source: DataSource
    examples: tuple[Example, ...]
    dropped: tuple[str, ...] = ()
    splits: Mapping[str, tuple[Example, ...]] | None = None
    notes: tuple[str, ...] = ()
    one_label: bool = True


@dataclass(frozen=True)
class Split:
    """Which rows are learned from, which choose the best epoch, and which nobody chose anything by.

    Attributes:
        train: The rows to learn from.
        validation: The rows that choose the best epoch and that export's gate looks at.
        test: The rows kept for the bench; empty where there are none.
        task: What is learned, with the labels of the training rows, numbers before words.
        record: The same as row numbers, to be kept beside the checkpoint.
        notes: What the user should know, a sentence each.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    task: Task
    record: SplitRecord
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, by class index."""
        return self.task.labels
