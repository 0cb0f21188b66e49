"""The texts without labels of a search: read, without those that the model has seen or the gate has anyway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgetext.checkpoint import SplitRecord
from edgetext.data.cut import same_text
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.data.texts import Texts, load_texts
from edgetext.errors import DataError, InputError
from edgetext.progress import Progress
from edgetext.task import Task, Text

MOST_JUDGED = 3000
"""Texts that the gate looks at: with so many, five changed answers in a thousand still pass at one point."""


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


def trained_texts(split: SplitRecord | None, progress: Progress) -> tuple[Text, ...]:
    """Reads every text that a checkpoint's split names, as far as the files are still there.

    Args:
        split: The checkpoint's; ``None`` for one that others made.
        progress: Told where nobody can say what the model was trained on.
    """
    try:
        if split is None:
            raise DataError("the checkpoint does not name its training rows")
        return tuple(row.text for part in split.parts for row in held_out(split, part))
    except DataError as error:
        progress.note(f"texts without labels that the model was trained on cannot be told from others: {error}")
        return ()


def refuse_judging(task: Task) -> str:
    """Says why texts without labels cannot decide at the gate; empty where they can."""
    if task.one_label:
        return ""
    return (
        f"texts without labels do not decide at the gate here: a changed answer may cost more {task.metric} than "
        "its share of the texts"
    )
