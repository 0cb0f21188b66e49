"""Pairs of texts, such as a premise and a hypothesis; and what is said of what is neither a text nor a pair."""

from __future__ import annotations

from typing import TypeAlias

from tokenizers import Tokenizer

from edgetext.errors import InputError
from edgetext.runtime.long_texts import FIRST_CUT, begin

Text: TypeAlias = str | tuple[str, str]


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
        if not isinstance(part, str) or not _is_unicode(part):
            raise InputError(explain(part, f"the {which} part of {name}"))


def shorten(tokenizer: Tokenizer, text: str, max_length: int) -> str:
    """Gives as much of one part of a pair as the model can need, so that an enormous one costs little.

    Tokenizing two long parts together makes every combination of their overflowing pieces; two pieces' worth of
    tokens are left here, where one at most is used.
    """
    if len(text) <= FIRST_CUT * max_length:
        return text
    encoding, read = begin(tokenizer, text, max_length, add_special_tokens=False)
    if not encoding.overflowing:
        return text[:read]
    return text[: max(end for _, end in encoding.overflowing[0].offsets)]


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


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
