"""What is wrong with a text by itself: each check is a line of a table that finds the spot in a text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from edgetext.data.report.findings import Finding, Item, Severity, counted, excerpt, places

Find = Callable[[str], str]

_TAGS = (
    "a|abbr|b|blockquote|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|script|small|span|strong"
    "|style|sub|sup|table|tbody|td|th|thead|tr|u|ul"
)
_PLACEHOLDERS = frozenset((
    "n/a", "na", "nan", "null", "none", "nil", "tbd", "todo", "test", "xxx", "undefined", "missing", "empty", "-",
    "--", "---", ".", "..", "...", "?", "lorem ipsum", "no text", "[deleted]", "[removed]", "#n/a", "#name?",
    "#ref!", "#value!", "#null!", "#div/0!", "#num!", "<na>", "(empty)", "(blank)", "(null)",
))  # fmt: skip
_SHARE_OF_OTHERS = 0.02  # of the rows, up to which another script is odd, and texts beyond a limit
_SHORTEST_LIMIT = 50  # characters
_PILE = 5  # texts of exactly one length, from which on they look cut off


@dataclass(frozen=True)
class TextCheck:
    """One kind of fault that a text can have.

    Attributes:
        kind: As in ``Finding``.
        severity: As in ``Finding``.
        what: What it is, as a sentence begins that ends in "in 3 texts".
        advice: As in ``Finding``.
        find: Returns the spot in a text that shows it; nothing where there is none.
        certain: As in ``Finding``.
    """

    kind: str
    severity: Severity
    what: str
    advice: str
    find: Find
    certain: bool = False


def is_placeholder(text: str) -> bool:
    """Says whether a text stands for no text."""
    return text.strip().casefold() in _PLACEHOLDERS


def _pattern(pattern: str, flags: int = 0) -> Find:
    compiled = re.compile(pattern, flags)

    def find(text: str) -> str:
        found = compiled.search(text)
        return text[max(0, found.start() - 12) : found.end() + 12] if found else ""

    return find


def _whole(wrong: Callable[[str], bool]) -> Find:
    return lambda text: text if wrong(text) else ""


def _few_letters(text: str) -> bool:
    says_enough = any(
        unicodedata.category(letter) in ("Lo", "So") for letter in text
    )  # a word in one letter; an emoji
    return len(list(islice(filter(str.isalpha, text), 2))) < 2 and not says_enough


# What a byte of UTF-8 becomes when it is read as Windows-1252, and back.
_AS_1252 = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]
_BYTE_OF = {ord(letter): chr(byte) for byte, letter in enumerate(_AS_1252) if byte > 0x7F}
# The bytes of an accented letter, of a typographic sign, of an emoji, or of two Cyrillic letters at least.
_TWICE_ENCODED = re.compile(
    "[\xc2\xc3][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|(?:[\xd0\xd1][\x80-\xbf]){2}"
)


def _mojibake(text: str) -> str:
    if text.isascii():
        return ""
    found = _TWICE_ENCODED.search(text.translate(_BYTE_OF))  # a letter for a letter, so that places stay
    return text[max(0, found.start() - 12) : found.end() + 12] if found else ""


_CHECKS = (
    TextCheck("mojibake", "warning", "letters that were decoded wrongly",
              "read the original again as UTF-8, or mend it (the package ftfy does)", _mojibake, certain=True),
    TextCheck("lost-letters", "warning", "replacement characters, where letters were lost",
              "take the original file", _pattern("\ufffd"), certain=True),
    TextCheck("markup", "warning", "HTML markup", "take the tags out, as what you classify later will have none",
              _pattern(rf"</?(?:{_TAGS})(?:\s[^<>]{{0,300}})?/?>|<!--", re.IGNORECASE)),
    TextCheck("entities", "warning", "HTML entities", "unescape them (html.unescape)",
              _pattern(r"&(?:[a-z]{2,8}|#\d{2,6}|#x[0-9a-f]{2,6});", re.IGNORECASE)),
    TextCheck("escapes", "warning", "escape sequences that stand there as text", "decode the texts once more",
              _pattern(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|(?<![\w:\\])\\[nrt](?![a-z])|(?<=[.!?,])\\[nrt]|\w%20\w")),
    TextCheck("invisible", "warning", "control characters or invisible ones", "take them out",
              _pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u202a-\u202e\u2060-\u2064\ufeff]")),
    TextCheck("template", "warning", "places of a template that nobody filled in", "fill them in",
              _pattern(r"\{\{[^{}]{1,40}\}\}|\$\{\w{1,40}\}|(?<!\w)%\(\w{1,40}\)s|(?<![\w%])%s(?!\w)")),
    TextCheck("placeholder", "warning", "nothing but a word for no text", "leave these rows out",
              _whole(is_placeholder)),
    TextCheck("link", "warning", "nothing but a link", "leave these rows out: a link says little",
              _whole(lambda text: re.fullmatch(r"\s*(?:https?://|www\.)\S+\s*", text) is not None)),
    TextCheck("no-words", "warning", "no word, only digits, signs or a letter", "see whether they belong there",
              _whole(lambda text: _few_letters(text) and not is_placeholder(text))),
    TextCheck("repeats", "note", "one character many times over", "see whether it means something",
              _pattern(r"([^\s\d])\1{9,}")),
)  # fmt: skip


def check_texts(items: Sequence[Item], *, certain: bool = False) -> Iterator[Finding]:
    """Looks for what a text by itself shows.

    Args:
        items: The rows.
        certain: Whether only what nobody can argue with is looked for.
    """
    for check in _CHECKS:
        if certain and not check.certain:
            continue
        found = [(item, spot) for item in items if (spot := next(filter(None, map(check.find, item.texts)), ""))]
        if found:
            says = f"{check.what} in {counted(len(found), 'text')}, such as {excerpt(found[0][1])}"
            yield Finding(
                check.kind,
                check.severity,
                says[0].upper() + says[1:],
                check.advice,
                len(found),
                places(item for item, _ in found),
                check.certain,
            )


def check_together(items: Sequence[Item]) -> Iterator[Finding]:
    """Looks for what shows only beside the other texts: another script, texts cut off at one length."""
    yield from _other_script(items)
    yield from _cut_off(items)


def _other_script(items: Sequence[Item]) -> Iterator[Finding]:
    scripts = [_main_script("".join(item.texts)) for item in items]
    counts = Counter(script for script in scripts if script)
    if len(counts) < 2:
        return
    usual, _ = counts.most_common(1)[0]
    others = [item for item, script in zip(items, scripts, strict=True) if script not in ("", usual)]
    if len(others) <= max(1, _SHARE_OF_OTHERS * len(items)):
        says = (
            f"{counted(len(others), 'text')} in another script than the rest, such as {excerpt(others[0].texts[0])}"
        )
        advice = "see that the base model knows it, and that it is meant"
        yield Finding("other-script", "note", says, advice, len(others), places(others))


@lru_cache(maxsize=1 << 16)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0] if letter.isalpha() else ""


def _main_script(text: str) -> str:
    counts = Counter(filter(None, map(_script, text[:400])))
    return counts.most_common(1)[0][0] if counts else ""


def _cut_off(items: Sequence[Item]) -> Iterator[Finding]:
    """Finds texts that end where a field or a spreadsheet's cell did: many of one length, and hardly any longer."""
    for place in range(len(items[0].texts) if items else 0):
        lengths = Counter(len(item.texts[place]) for item in items)
        for limit in filter(_is_limit, sorted(lengths)):
            around = max(lengths[limit + step] for step in (-3, -2, -1, 1, 2, 3))
            longer = sum(count for length, count in lengths.items() if length > limit)
            if lengths[limit] < max(_PILE, 3 * around) or longer > _SHARE_OF_OTHERS * len(items):
                continue
            cut = [item for item in items if len(text := item.texts[place]) == limit and text[-1].isalnum()]
            if _PILE <= len(cut) <= len(items) / 2:
                says = f"{counted(len(cut), 'text')} of exactly {limit:,} characters, where hardly any is longer"
                advice = "they look cut off: take the whole texts"
                yield Finding("cut-off", "warning", says, advice, len(cut), places(cut))


def _is_limit(length: int) -> bool:
    """Says whether fields and cells are often bounded at a length: round numbers, powers of two, tweets."""
    return length >= _SHORTEST_LIMIT and (
        length % 50 == 0 or length in (120, 140, 160, 280) or (length & (length + 1)) * (length & (length - 1)) == 0
    )
