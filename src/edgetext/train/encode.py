"""Texts and pairs -> token ids, and how long a text may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgetext.data.example import Example
from edgetext.errors import ModelError, needs_extra
from edgetext.foreign.load import tokenize

if TYPE_CHECKING:
    from datasets import Dataset

    from edgetext.task import FloatArray, Task, Text

USUAL_LIMIT = 512
SHORTEST = 64
TEACHER = "teacher_logits"
"""The column of what a teacher answers."""
HINTS = "hints"
"""The column of what a simpler classifier, which did not learn the row, takes for likely."""
UNLABELLED = -100
"""The target of a text without a label; cross entropy passes it over."""
_MULTIPLE = 8
_SHARE_UNCUT = 0.999


@dataclass(frozen=True)
class Lessons:
    """What a teacher answers on texts to learn from.

    Attributes:
        logits: Float32, shape (texts, labels), the unlabelled texts last.
        unlabelled: Those.
    """

    logits: FloatArray
    unlabelled: tuple[Text, ...] = ()


def choose_max_length(texts: Sequence[Text], tokenizer: Any, limit: int) -> int:
    """Chooses a length that leaves 99.9 % of the texts (or pairs) uncut, in tokens.

    It is rounded up to a multiple of 8, as matrix products like it, and is never below 64: batches are padded to
    their own longest text, so room that is not used costs nothing, and texts met later may be longer. Nor is it
    above 512 or the model's own limit: one very long text must not decide what a prediction may cost.
    """
    most = min(limit, USUAL_LIMIT)
    lengths = sorted(len(ids) for ids in tokenize(tokenizer, texts, most)["input_ids"])
    wanted = lengths[min(len(lengths) - 1, math.ceil(_SHARE_UNCUT * len(lengths)) - 1)]
    return min(most, max(SHORTEST, math.ceil(wanted / _MULTIPLE) * _MULTIPLE))


def check_max_length(wanted: int | None, limit: int, base: str) -> None:
    """Refuses a length that the model has no positions for.

    Raises:
        ModelError: The length is above the limit.
    """
    if wanted is not None and wanted > limit:
        raise ModelError(f"the max length is {wanted} tokens, and {base} takes {limit} at most")


def encode(
    examples: Sequence[Example], task: Task, tokenizer: Any, max_length: int, lessons: Lessons | None = None
) -> Dataset:
    """Encodes examples for the Trainer: token ids, cut at ``max_length``, and ``labels`` as the loss takes them.

    Args:
        examples: The rows.
        task: What their labels mean.
        tokenizer: Of the model.
        max_length: In tokens.
        lessons: What a teacher answers, which is a column more; its unlabelled texts come after the examples.
    """
    with needs_extra("train"):
        from datasets import Dataset
    texts, targets = [example.text for example in examples], task.targets([example.labels for example in examples])
    taught: dict[str, Any] = {}
    if lessons is not None:
        nothing = UNLABELLED if task.one_label else [float(UNLABELLED)] * len(task.labels)
        texts, targets = [*texts, *lessons.unlabelled], [*targets, *[nothing] * len(lessons.unlabelled)]
        taught[TEACHER] = list(lessons.logits)
    return Dataset.from_dict({**tokenize(tokenizer, texts, max_length), "labels": targets, **taught})
