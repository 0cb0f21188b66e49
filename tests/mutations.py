"""Ways to ruin a file: values of its JSON exchanged, and its bytes flipped, cut, repeated, inserted and spliced."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[str | int, ...]


def nested(depth: int) -> list[Any]:
    """Gives lists inside one another."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


_TIMES = (1, 1, 1, 2, 4)
GONE = object()
BAD_VALUES: dict[str, object] = {
    "missing": GONE, "null": None, "true": True, "negative": -1, "zero": 0, "huge": 10**30, "float": 1.5,
    "tiny": 5e-324, "largest": 1.7e308, "digits": 10**290, "NaN": float("nan"), "infinity": float("-inf"),
    "NaN as a text": "NaN", "empty text": "", "long text": "x" * 100_000, "climbing": "../../secret",
    "absolute": "/etc/passwd", "drive": "C:\\x", "NUL": "a\0b", "control": "\x1b]0;owned\x07\r\n\u202e\u0085",
    "surrogate": "\ud800", "list": [], "list of null": [None], "list of numbers": [1, 2],
    "object": {}, "object of null": {"a": None}, "nested": nested(50), "nested deep": nested(900),
}  # fmt: skip


def places(value: object, above: Place = (), most: int | None = None) -> Iterator[Place]:
    """Gives the way to every value in a JSON document, the containers included; of a list to its first ``most``."""
    if above:
        yield above
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value[:most]) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield from places(inner, (*above, key), most)


def changed(document: Any, place: Place, value: object) -> Any:
    """Gives the document with another value at one place, or without one."""
    found = copy.deepcopy(document)
    holder = found
    for key in place[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return found


def mutated_json(content: bytes, chance: random.Random) -> bytes:
    """Exchanges one to four values of a JSON text for bad ones, or for others that stand in it."""
    document = json.loads(content)
    for _ in range(chance.choice(_TIMES)):
        ways = list(places(document))
        if not ways:
            break
        name = chance.choice([*BAD_VALUES, "another"])
        value = copy.deepcopy(_at(document, chance.choice(ways))) if name == "another" else BAD_VALUES[name]
        document = changed(document, chance.choice(ways), value)
        if name == "nested deep":  # Python itself cannot copy it again
            break
    return json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def mutated_bytes(content: bytes, chance: random.Random, head: int | None = None) -> bytes:
    """Ruins one to four places of a file.

    Args:
        content: A good one.
        chance: Decides where and how.
        head: Only so many bytes at its beginning, or as many at its end, are ruined.
    """
    for _ in range(chance.choice(_TIMES)):
        size = min(len(content), head or len(content))
        place = chance.randrange(size + 1)
        if head and chance.random() < 0.5:
            place = len(content) - place
        length = min(chance.choice((1, 2, 4, 16, 64)), len(content) - place)
        content = chance.choice(_BYTES)(content, place, length, chance)
    return content


def _flip(content: bytes, place: int, _: int, chance: random.Random) -> bytes:
    if place == len(content):
        return content
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


def _cut(content: bytes, place: int, length: int, chance: random.Random) -> bytes:
    return content[:place] + (b"" if chance.random() < 0.2 else content[place + length :])


def _repeat(content: bytes, place: int, length: int, chance: random.Random) -> bytes:
    return (
        content[:place] + content[place : place + length] * chance.choice((2, 3, 1000)) + content[place + length :]
    )


def _insert(content: bytes, place: int, length: int, chance: random.Random) -> bytes:
    pieces = (
        chance.randbytes(length + 1), b"\0", b"\xff" * 8, b"\n", b"\r", b'"', b",", b"\t", b"[" * 500,
        b'{"a":' * 200,
        b"\xef\xbb\xbf", b"\xff\xfe", b"\\ud800", b"-1", b"1e999", b"9" * 400, b"NaN", b"\x1b]0;x\x07",
    )  # fmt: skip
    return content[:place] + chance.choice(pieces) + content[place:]


def _splice(content: bytes, place: int, length: int, chance: random.Random) -> bytes:
    other = chance.randrange(len(content) + 1)
    return content[:place] + content[other : other + length] + content[place + length :]


def _at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


_BYTES: tuple[Callable[[bytes, int, int, random.Random], bytes], ...] = (_flip, _cut, _repeat, _insert, _splice)
