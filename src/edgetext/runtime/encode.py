"""Text to the arrays that a graph takes, through the tokenizer of the trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgetext.errors import BundleError, InputError
from edgetext.runtime.graph import Graph

IntArray = NDArray[np.signedinteger[Any]]

# Characters a token: a text is cut there before it is tokenized, since the tokenizer would read all of it first.
_FIRST_CUT = 8
_LAST_CUT = 512
_GROWTH = 8


class Encoded(NamedTuple):
    """One text in tokens.

    Attributes:
        ids: Token ids, special tokens included, at most ``max_length``.
        type_ids: The segment of each token, all 0 for most models; empty where the graph takes none.
        truncated: Whether the text was longer.
    """

    ids: list[int]
    type_ids: list[int]
    truncated: bool


class Encoder:
    """Tokenizes texts and lays them out for one graph; safe to use from many threads.

    Args:
        tokenizer: Content of ``tokenizer.json``; the padding and truncation that it asks for are not used.
        max_length: The longest input in tokens, special tokens included.
        graph: What the arrays are for.
        padding_id: The token to fill up with, where the tokenizer does not say; the attention mask hides it.

    Raises:
        BundleError: The tokenizer is damaged, or leaves no room for text in ``max_length`` tokens.
    """

    def __init__(self, tokenizer: bytes, max_length: int, graph: Graph, padding_id: int = 0) -> None:
        """Loads the tokenizer; see the class for the arguments."""
        self._tokenizer = _load(tokenizer)
        padding = self._tokenizer.padding
        self._padding_id: int = padding["pad_id"] if padding else padding_id
        self._tokenizer.no_padding()
        special = self._tokenizer.num_special_tokens_to_add(False)
        if max_length <= special:
            raise BundleError(
                f"max_length is {max_length}, and the tokenizer adds {special} special tokens to each text"
            )
        self._tokenizer.enable_truncation(max_length)
        self._max_length = max_length
        self._dtype = np.dtype(graph.dtype)
        self._has_mask = "attention_mask" in graph.inputs
        self._has_types = "token_type_ids" in graph.inputs
        self._ones = np.ones((1, min(max_length, 512)), self._dtype)

    def encode(self, text: str, index: int | None = None) -> Encoded:
        """Tokenizes one text.

        Time and memory are bounded: of a text of more than ``8 * max_length`` characters only as much is read as
        gives ``max_length`` tokens, and never more than ``512 * max_length`` characters.

        Args:
            text: The text; it may be empty.
            index: Its place among others, for the error.

        Raises:
            InputError: It is no string, or no valid Unicode.
        """
        try:
            if len(text) > _FIRST_CUT * self._max_length:
                return self._encode_long(text)
            encoding = self._tokenizer.encode(text)
        except TypeError:
            raise InputError(explain(text, "the text" if index is None else f"text {index}")) from None
        ids = encoding.ids
        truncated = len(ids) == self._max_length and bool(encoding.overflowing)
        return Encoded(ids, encoding.type_ids if self._has_types else [], truncated)

    def single(self, encoded: Encoded) -> dict[str, IntArray]:
        """Gives the arrays for one text, of shape (1, tokens), without padding."""
        length = len(encoded.ids)
        arrays = {"input_ids": np.array([encoded.ids], self._dtype)}
        if self._has_mask:
            ones = self._ones
            arrays["attention_mask"] = (
                ones[:, :length] if length <= ones.shape[1] else np.ones_like(arrays["input_ids"])
            )
        if self._has_types:
            arrays["token_type_ids"] = np.array([encoded.type_ids], self._dtype)
        return arrays

    def batch(self, rows: Sequence[Encoded]) -> dict[str, IntArray]:
        """Gives the arrays for several texts, of shape (texts, tokens of the longest), padded at the end."""
        shape = (len(rows), max(len(row.ids) for row in rows))
        arrays = {"input_ids": np.full(shape, self._padding_id, self._dtype)}
        if self._has_mask:
            arrays["attention_mask"] = np.zeros(shape, self._dtype)
        if self._has_types:
            arrays["token_type_ids"] = np.zeros(shape, self._dtype)
        for number, row in enumerate(rows):
            length = len(row.ids)
            arrays["input_ids"][number, :length] = row.ids
            if self._has_mask:
                arrays["attention_mask"][number, :length] = 1
            if self._has_types:
                arrays["token_type_ids"][number, :length] = row.type_ids
        return arrays

    def _encode_long(self, text: str) -> Encoded:
        if not isinstance(text, str):
            raise TypeError
        cut = _FIRST_CUT * self._max_length
        while True:
            encoding = self._tokenizer.encode(text[:cut])
            full = bool(encoding.overflowing)
            if full or cut >= min(len(text), _LAST_CUT * self._max_length):
                break
            cut *= _GROWTH
        return Encoded(encoding.ids, encoding.type_ids if self._has_types else [], full or cut < len(text))


def explain(text: object, name: str) -> str:
    """Says in a sentence why what goes by that name cannot be tokenized."""
    if not isinstance(text, str):
        return f"{name} is {text!r:.40} of type {type(text).__name__}: expected a string"
    place = next((number for number, letter in enumerate(text) if "\ud800" <= letter <= "\udfff"), None)
    if place is None:
        return f"{name} cannot be tokenized"
    return (
        f"{name} is no valid Unicode: character {place} is the lone surrogate {text[place]!a}; decode its bytes "
        "as UTF-8, or replace it with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
    )


def _load(content: bytes) -> Tokenizer:
    try:
        return Tokenizer.from_buffer(content)
    except BaseException as error:  # tokenizers raises Exception itself, and a panic that is not even that
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise BundleError(
            f"tokenizer.json is damaged: {str(error)[:200]}; copy or export the bundle again"
        ) from None
