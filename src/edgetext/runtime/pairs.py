"""Pairs of texts, such as a premise and a hypothesis; and what is said of what is neither a text nor a pair."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer

from edgetext.errors import InputError
from edgetext.runtime.long_texts import FIRST_CUT, LAST_CUT, begin

_PIECES = 3  # that must overflow before a part is cut


def check_pair(pair: tuple[object, ...], name: str) -> None:
    """Raises unless a tuple is a pair of valid texts.

    Args:
        pair: What was given.
        name: How to call it in the error, such as ``text 3``.

    Raises:
        InputError: It has not two parts, or one of them is no string or no valid Unicode.
    """
    if len(pair) != 2:
        raise InputError(
            f"{name} is {pair!r:.40} of type tuple, with {len(pair)} parts: expected a string, "
            "or a pair of two strings"
        )
    for part, which in zip(pair, ("first", "second"), strict=True):
        if not isinstance(part, str) or not is_unicode(part):
            raise InputError(explain(part, f"the {which} part of {name}"))


def shorten(tokenizer: Tokenizer, pair: tuple[str, str], max_length: int) -> tuple[str, str]:
    """Cuts each part of a pair to as much of it as the model can need, so that an enormous one costs little.

    Tokenizing two long parts together makes every combination of their overflowing pieces; a few pieces' worth of
    tokens are left here, where one at most is used. The part with more tokens stays the longer one: where both are
    cut and the room is odd, it is the one that gets the odd token.
    """
    if max(map(len, pair)) <= FIRST_CUT * max_length:
        return pair
    begun = [begin(tokenizer, part, max_length, _PIECES, add_special_tokens=False) for part in pair]
    kept = [_PIECES, _PIECES]
    if all(len(encoding.overflowing) >= _PIECES for encoding, _ in begun):
        first, second = (_tokens(tokenizer, part, max_length) for part in pair)
        kept = [_PIECES, 1] if first > second else [1, _PIECES]
    first_cut, second_cut = (_end(*found, pieces) for found, pieces in zip(begun, kept, strict=True))
    return pair[0][:first_cut], pair[1][:second_cut]


def _tokens(tokenizer: Tokenizer, part: str, max_length: int) -> int:
    """Counts the tokens of a part, as far as a single text is read too."""
    encoding = tokenizer.encode(part[: LAST_CUT * max_length], add_special_tokens=False)
    return sum(map(len, (encoding, *encoding.overflowing)))


def _end(encoding: Any, read: int, pieces: int) -> int:
    """Returns the place in the text after so many overflowing pieces, or after what was read if there are fewer."""
    if len(encoding.overflowing) < _PIECES:
        return read
    return int(max(end for _, end in encoding.overflowing[pieces - 1].offsets))


def explain(text: object, name: str) -> str:
    """Says in a sentence why what goes by that name cannot be tokenized."""
    if not isinstance(text, str):
        hint = "; a pair is a tuple" if isinstance(text, list) and len(text) == 2 else ""
        return f"{name} is {text!r:.40} of type {type(text).__name__}: expected a string{hint}"
    place = next((number for number, letter in enumerate(text) if "\ud800" <= letter <= "\udfff"), None)
    if place is None:
        return f"{name} cannot be tokenized"
    return (
        f"{name} is no valid Unicode: character {place} is the lone surrogate {text[place]!a}; decode its bytes "
        "as UTF-8, or replace it with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
    )


def is_unicode(text: str) -> bool:
    """Tells whether a text can be written as UTF-8: whether no half of a surrogate pair stands alone in it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
