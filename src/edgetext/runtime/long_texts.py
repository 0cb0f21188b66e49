"""What is read of a text that is longer than the model's input: ``head``, ``head_tail`` or ``windows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from tokenizers import Tokenizer

from edgetext.errors import InputError

TRUNCATIONS = ("head", "head_tail", "windows")

MAX_WINDOWS = 32
OVERLAP = 4  # a window shares a quarter of its tokens with the one before it

# Characters a token: a text is cut there before it is tokenized, since the tokenizer would read all of it first.
FIRST_CUT = 8
LAST_CUT = 512
_GROWTH = 8


class LongText(NamedTuple):
    """What was read of a text.

    Attributes:
        rows: Token ids and type ids, special tokens included, of each window; one but for ``windows``.
        truncated: Whether something of the text was left out.
    """

    rows: list[tuple[list[int], list[int]]]
    truncated: bool


Reader: TypeAlias = Callable[[str], LongText]


def check_truncation(truncation: str) -> None:
    """Raises unless it is one of ``TRUNCATIONS``.

    Raises:
        InputError: It is something else.
    """
    if truncation not in TRUNCATIONS:
        raise InputError(f"there is no truncation {truncation!r}: choose one of {', '.join(TRUNCATIONS)}")


def make_reader(truncation: str, tokenizer: Tokenizer, max_length: int) -> Reader:
    """Sets the tokenizer's truncation, and gives the function that reads a long text with it.

    Args:
        truncation: One of ``TRUNCATIONS``.
        tokenizer: Its truncation is replaced.
        max_length: The longest input in tokens, special tokens included.
    """
    room = max_length - tokenizer.num_special_tokens_to_add(False)
    overlap = room // OVERLAP if truncation == "windows" else 0
    tokenizer.enable_truncation(max_length, stride=overlap)
    if truncation == "windows":
        reach = max_length + (MAX_WINDOWS - 1) * (room - overlap)
        return lambda text: _windows(tokenizer, text, max_length, reach)
    if truncation == "head_tail":
        before = _special_tokens_before(tokenizer)
        return lambda text: _head_tail(tokenizer, text, max_length, before)
    return lambda text: _head(tokenizer, text, max_length)


def begin(
    tokenizer: Tokenizer, text: str, reach: int, pieces: int = 1, *, last: int = 0, add_special_tokens: bool = True
) -> tuple[Any, int]:
    """Tokenizes as much of a text, from its beginning, as gives more than so many pieces.

    Args:
        tokenizer: It cuts what it reads into pieces: the encoding, and those that overflow.
        text: The text.
        reach: How many tokens are wanted; ``8 * reach`` characters are tried first.
        pieces: How many pieces must be exceeded for the end not to matter.
        last: The most characters to read; ``512 * reach`` if not given.
        add_special_tokens: Whether to add them.

    Returns:
        The encoding, and how many characters were read.
    """
    cut, last = FIRST_CUT * reach, min(len(text), last or LAST_CUT * reach)
    while True:
        encoding = tokenizer.encode(text[:cut], add_special_tokens=add_special_tokens)
        if len(encoding.overflowing) >= pieces or cut >= last:
            return encoding, min(cut, len(text))
        cut = min(cut * _GROWTH, last)


def _head(tokenizer: Tokenizer, text: str, max_length: int) -> LongText:
    encoding, read = begin(tokenizer, text, max_length)
    return LongText([(encoding.ids, encoding.type_ids)], bool(encoding.overflowing) or read < len(text))


def _windows(tokenizer: Tokenizer, text: str, max_length: int, reach: int) -> LongText:
    last = max(FIRST_CUT * reach, LAST_CUT * max_length)
    encoding, read = begin(tokenizer, text, reach, MAX_WINDOWS, last=last)
    pieces = [encoding, *encoding.overflowing]
    rows = [(piece.ids, piece.type_ids) for piece in pieces[:MAX_WINDOWS]]
    return LongText(rows, len(pieces) > MAX_WINDOWS or read < len(text))


def _head_tail(tokenizer: Tokenizer, text: str, max_length: int, before: int) -> LongText:
    encoding, read = begin(tokenizer, text, max_length)
    full = bool(encoding.overflowing)
    if not full and read == len(text):
        return LongText([(encoding.ids, encoding.type_ids)], False)
    ids, types = encoding.ids, encoding.type_ids
    after = tokenizer.num_special_tokens_to_add(False) - before
    room = max_length - before - after
    head = min(before + room - room // 2, len(ids) - after)
    # Where the beginning was not full, as with many blanks, the end must not be read twice.
    tail = _last_tokens(tokenizer, text if full else text[read:], max_length, room // 2)
    end = len(ids) - after
    middle = [types[head - 1]] * len(tail)
    return LongText([(ids[:head] + tail + ids[end:], types[:head] + middle + types[end:])], True)


def _last_tokens(tokenizer: Tokenizer, text: str, max_length: int, count: int) -> list[int]:
    """Returns the last tokens of a text, without special tokens; no more of it is read than they need."""
    if not text or not count:
        return []
    cut, last = FIRST_CUT * max_length, min(len(text), LAST_CUT * max_length)
    while True:
        encoding = tokenizer.encode(text[-cut:], add_special_tokens=False)
        if encoding.overflowing or cut >= last:
            break
        cut *= _GROWTH
    ids: list[int] = encoding.ids
    for piece in encoding.overflowing:
        ids = ids + piece.ids if len(piece.ids) < count else piece.ids
    return ids[-count:]


def _special_tokens_before(tokenizer: Tokenizer) -> int:
    """Returns how many special tokens stand before a text."""
    mask = tokenizer.encode("a").special_tokens_mask
    return next((place for place, special in enumerate(mask) if not special), len(mask))
