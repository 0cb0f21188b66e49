"""What the backends that run a graph by themselves share: texts -> the graph's inputs, by tokenizers alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer


class Tokens:
    """Turns texts into what a graph takes.

    Args:
        file: ``tokenizer.json``.
        max_length: The longest input in tokens, special tokens included.
        inputs: Names of the graph's inputs.
    """

    def __init__(self, file: str, max_length: int, inputs: Sequence[str]) -> None:
        self._inputs = tuple(inputs)
        self._tokenizer = Tokenizer.from_file(file)
        self._tokenizer.enable_truncation(max_length)
        _pad_to_longest(self._tokenizer)

    def __call__(self, texts: list[str]) -> dict[str, NDArray[np.int64]]:
        """Gives the inputs by name, int64 arrays of the shape (texts, longest of them in tokens)."""
        encodings = self._tokenizer.encode_batch(texts)
        columns = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        return {name: np.array(columns[name], dtype=np.int64) for name in self._inputs}


def _pad_to_longest(tokenizer: Tokenizer) -> None:
    """Pads each batch to its longest text; with another pad token than id 0 where the tokenizer file names one."""
    padding = tokenizer.padding or {}
    keep = {name: padding[name] for name in ("pad_id", "pad_token", "pad_type_id", "direction") if name in padding}
    tokenizer.enable_padding(**keep)
