"""Texts without labels, read as labelled ones are: any file of rows, or a text a line; without known ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgetext.data.clean import BrokenRow, reasons, text_of
from edgetext.data.columns import find_texts
from edgetext.data.cut import same_text
from edgetext.data.example import Example
from edgetext.data.load import read_rows
from edgetext.data.read import READERS
from edgetext.data.table import Problem
from edgetext.errors import DataError, InputError
from edgetext.progress import Progress

if TYPE_CHECKING:  # it takes numpy, which reading a file does not
    from edgetext.task import Text


@dataclass(frozen=True)
class Texts:
    """Texts without labels.

    Attributes:
        name: A short name of the file.
        texts: Those that can be used, in the order of the file.
        notes: What was found out about the file and which rows were left out, a sentence each.
    """

    name: str
    texts: tuple[Text, ...]
    notes: tuple[str, ...] = ()


def load_texts(uri: str, text_column: str | None = None, text_pair_column: str | None = None) -> Texts:
    """Reads texts; labels that stand beside them are not looked at, and rows without a text are left out.

    Args:
        uri: As for ``edgetext.data.load``, or a ``.txt`` file of a text a line.
        text_column: The column of the training texts, which is taken where it is there.
        text_pair_column: That of their second texts, if they are pairs.

    Raises:
        DataError: It cannot be read, no column looks like the text, or no row has a text.
        MissingExtraError: It is Parquet, a workbook or on the Hub, and the extra for it is not installed.
    """
    uri, name, table = read_rows(uri, READERS)
    text, pair = text_column, text_pair_column or None
    if text not in table.columns or (pair and pair not in table.columns):
        text, pair = find_texts(uri, table.columns, {})
    texts: list[Text] = []
    broken: list[BrokenRow] = []
    for record in table.records:
        found = record.problem or text_of(record.values, text, pair)
        if isinstance(found, Problem):
            broken.append(BrokenRow(record, found))
        else:
            texts.append(found)
    if not texts:
        raise DataError(
            f"{uri}: {broken[0].record.place()}: {broken[0].problem}; no row has a text that can be used"
        )
    notes = [f"{uri}: {note}" for note in table.notes]
    return Texts(name, tuple(texts), (*notes, *reasons(uri, broken)))


def find_unlabelled(
    given: Texts | str | None,
    columns: tuple[str, str],
    seen: Iterable[Text],
    examples: Sequence[Example],
    progress: Progress,
) -> tuple[Text, ...]:
    """Reads texts without labels, and leaves out those that prove nothing.

    Args:
        given: What the user gave: the texts, or where they are; none where ``None``.
        columns: Those of the training texts: of the text, and of the second text of a pair (else empty).
        seen: Texts that the model was trained on, as far as they are known.
        examples: The held-out rows, at least one.
        progress: Told how many are used, and what was left out.

    Raises:
        DataError: The file cannot be read, or its texts are pairs where the model takes single ones, or vice versa.
        InputError: No text is left.
    """
    if given is None:
        return ()
    found = load_texts(given, *columns) if isinstance(given, str) else given
    for sentence in found.notes:
        progress.note(sentence)
    if any(isinstance(text, str) != isinstance(examples[0].text, str) for text in found.texts):
        kinds = "single texts", "pairs of texts"
        wanted, other = kinds if isinstance(examples[0].text, str) else kinds[::-1]
        raise DataError(f"{found.name}: the model takes {wanted}, and these are {other}: check the columns")
    distinct: dict[str, Text] = {}
    for text in found.texts:
        distinct.setdefault(same_text(text), text)
    twice = len(found.texts) - len(distinct)
    known = {same_text(text) for text in seen} | {same_text(row.text) for row in examples}
    left = tuple(text for key, text in distinct.items() if key not in known)
    told = f"(left out: {twice:,} that stand there twice, {len(distinct) - len(left):,} trained on or held out)"
    if not left:
        raise InputError(f"{found.name}: no text without a label is left {told}: give texts that nothing else has")
    progress.note(f"{found.name}: {len(left):,} texts without labels are used {told}")
    return left
