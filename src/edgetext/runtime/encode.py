"""Text to the arrays that a graph takes, through the tokenizer of the trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from tokenizers import Tokenizer

from edgetext.errors import BundleError, InputError, first_line
from edgetext.runtime.graph import Graph
from edgetext.runtime.long_texts import FIRST_CUT, LongText, Reader, make_reader
from edgetext.runtime.pairs import check_pair, explain, shorten
from edgetext.task import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PANICS = "pyo3_runtime"  # the module of PanicException, which derives from BaseException

IntArray: TypeAlias = "NDArray[np.signedinteger[Any]]"


class Encoded(NamedTuple):
    """One text, or one pair of texts, in tokens.

    Attributes:
        ids: Token ids, special tokens included, at most ``max_length``.
        type_ids: The segment of each token, all 0 for most models; empty where the graph takes none.
        truncated: Whether something of the text was left out.
        more: The windows of the same text that follow this one; empty but for ``truncation="windows"``.
    """

    ids: list[int]
    type_ids: list[int]
    truncated: bool
    more: tuple[Encoded, ...] = ()


class Encoder:
    """Tokenizes texts and lays them out for one graph; safe to use from many threads.

    Args:
        tokenizer: Of the trained model, see ``load_tokenizer``; its padding and truncation are set anew.
        max_length: The longest input in tokens, special tokens included.
        graph: What the arrays are for.
        padding_id: The token to fill up with, where the tokenizer does not say; the attention mask hides it.
        truncation: What is read of a longer text; one of ``long_texts.TRUNCATIONS``.

    Raises:
        BundleError: The tokenizer leaves no room for text in ``max_length`` tokens, or cannot tokenize.
    """

    def __init__(
        self, tokenizer: Tokenizer, max_length: int, graph: Graph, padding_id: int = 0, truncation: str = "head"
    ) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._truncation = truncation
        self._dtype = np.dtype(graph.dtype)
        self._has_mask = "attention_mask" in graph.inputs
        self._has_types = "token_type_ids" in graph.inputs
        self._ones = np.ones((1, min(max_length, 512)), self._dtype)
        try:
            self._set_up(padding_id)
        except BaseException as error:
            raise _explained(error, "any text") from None

    def _set_up(self, padding_id: int) -> None:
        padding = self._tokenizer.padding
        self._padding_id: int = padding["pad_id"] if padding else padding_id
        self._tokenizer.no_padding()
        self._array([self._padding_id])
        special = self._tokenizer.num_special_tokens_to_add(False)
        if self._max_length <= special:
            raise BundleError(
                f"max_length is {self._max_length}, and the tokenizer adds {special} special tokens to each text"
            )
        self._reader: Reader = make_reader(self._truncation, self._tokenizer, self._max_length)
        self._tokenizer.encode("a")  # one that fails on every text is told now

    def encode(self, text: Text, index: int | None = None) -> Encoded:
        """Tokenizes one text, or one pair of texts.

        Time and memory are bounded: of a text of more than ``8 * max_length`` characters only as much is read as
        fills the model's input, and never more than ``512 * max_length`` characters from either end.

        Args:
            text: The text; it may be empty. A tuple of two is a pair, cut as transformers does by default
                (``longest_first``).
            index: Its place among others, for the error.

        Raises:
            InputError: It is no string and no pair of two, or no valid Unicode; or it is a pair where
                ``truncation`` is not ``head``.
            BundleError: The tokenizer fails on it.
        """
        try:
            if isinstance(text, tuple):
                return self._pair(text, _name(index))
            if len(text) > FIRST_CUT * self._max_length:
                return self._long(text)
            encoding = self._tokenizer.encode(text)
        except TypeError:
            raise InputError(explain(text, _name(index))) from None
        except BaseException as error:  # a panic of tokenizers is no Exception
            raise _explained(error, _name(index)) from None
        ids = encoding.ids
        if len(ids) == self._max_length and encoding.overflowing:
            return self._long(text)
        return Encoded(ids, encoding.type_ids if self._has_types else [], False)

    def single(self, encoded: Encoded) -> dict[str, IntArray]:
        """Lays one text out as arrays of shape (1, tokens), without padding."""
        length = len(encoded.ids)
        arrays = {"input_ids": self._array([encoded.ids])}
        if self._has_mask:
            ones = self._ones
            arrays["attention_mask"] = (
                ones[:, :length] if length <= ones.shape[1] else np.ones_like(arrays["input_ids"])
            )
        if self._has_types:
            arrays["token_type_ids"] = self._array([encoded.type_ids])
        return arrays

    def batch(self, rows: Sequence[Encoded]) -> dict[str, IntArray]:
        """Lays several texts out as arrays of shape (texts, tokens of the longest), padded at the end."""
        lengths = [len(row.ids) for row in rows]
        arrays = {"input_ids": self._padded([row.ids for row in rows], max(lengths), self._padding_id)}
        if self._has_mask:
            arrays["attention_mask"] = self._padded([[1] * length for length in lengths], max(lengths), 0)
        if self._has_types:
            arrays["token_type_ids"] = self._padded([row.type_ids for row in rows], max(lengths), 0)
        return arrays

    def _padded(self, rows: list[list[int]], width: int, filler: int) -> IntArray:
        return self._array([row + [filler] * (width - len(row)) for row in rows])

    def _array(self, numbers: list[int] | list[list[int]]) -> IntArray:
        try:
            return np.array(numbers, self._dtype)
        except OverflowError:
            raise BundleError(
                f"tokenizer.json gives token numbers beyond the model's {self._dtype}: it is of another model"
            ) from None

    def _long(self, text: str) -> Encoded:
        if not isinstance(text, str):
            raise TypeError
        return self._encoded(self._reader(text))

    def _pair(self, pair: tuple[str, str], name: str) -> Encoded:
        check_pair(pair, name)
        special = self._tokenizer.num_special_tokens_to_add(True)
        if self._truncation != "head":
            raise InputError(f"{name} is a pair, which truncation={self._truncation!r} cannot cut: choose 'head'")
        if self._max_length <= special:
            raise InputError(f"{name} is a pair, and the model reads {self._max_length} tokens: too few for two")
        first, second = shorten(self._tokenizer, pair, self._max_length)
        encoding = self._tokenizer.encode(first, second)
        cut = bool(encoding.overflowing) or len(first) + len(second) < len(pair[0]) + len(pair[1])
        return self._encoded(LongText([(encoding.ids, encoding.type_ids)], cut))

    def _encoded(self, long: LongText) -> Encoded:
        """Drops the type ids where the graph takes none."""
        rows = [Encoded(ids, types if self._has_types else [], long.truncated) for ids, types in long.rows]
        return rows[0]._replace(more=tuple(rows[1:])) if len(rows) > 1 else rows[0]


def load_tokenizer(content: bytes) -> Tokenizer:
    """Makes the tokenizer that a ``tokenizer.json`` describes.

    Args:
        content: Of the file.

    Raises:
        BundleError: It is damaged.
    """
    try:
        return Tokenizer.from_buffer(content)
    except BaseException as error:
        if not _is_of_tokenizers(error):
            raise
        raise BundleError(
            f"tokenizer.json is damaged: {first_line(error)[:200]}; copy or export the bundle again"
        ) from None


def _explained(error: BaseException, name: str) -> BaseException:
    """Returns what to raise in the place of an error that was met while a text was tokenized."""
    if not _is_of_tokenizers(error):
        return error
    return BundleError(
        f"tokenizer.json cannot tokenize {name}: {first_line(error)[:200]}; it is damaged, or made to fail"
    )


def _is_of_tokenizers(error: BaseException) -> bool:
    """Tells whether tokenizers itself raised it: plain ``Exception``, a few kinds of it, or a panic of its Rust.

    What a signal's handler raises meanwhile, and an interruption, goes on as it is.
    """
    return type(error) in (Exception, ValueError, OverflowError, RuntimeError) or type(error).__module__ == _PANICS


def _name(index: int | None) -> str:
    return "the text" if index is None else f"text {index}"
