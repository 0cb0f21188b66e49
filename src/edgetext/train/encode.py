"""Texts and pairs -> token ids, and how long a text may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgetext.data.example import Example
from edgetext.errors import ModelError, needs_extra
from edgetext.foreign.load import tokenize

if TYPE_CHECKING:
    from datasets import Dataset

    from edgetext.task import Task, Text

USUAL_LIMIT = 512
SHORTEST = 64
_MULTIPLE = 8
_SHARE_UNCUT = 0.999


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


def encode(examples: Sequence[Example], task: Task, tokenizer: Any, max_length: int) -> Dataset:
    """Encodes examples for the Trainer: token ids, cut at ``max_length``, and ``labels`` as the loss takes them."""
    with needs_extra("train"):
        from datasets import Dataset
    columns = tokenize(tokenizer, [example.text for example in examples], max_length)
    return Dataset.from_dict({**columns, "labels": task.targets([example.labels for example in examples])})
