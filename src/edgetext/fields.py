"""JSON values read by annotations: the schema of a file of ours is the dataclass that holds it.

An annotation may be ``str``, ``int``, ``float``, ``bool`` or ``Any``; one of them ``| None``; ``tuple[X, ...]`` for
a list; ``X | tuple[X, ...]`` for one or a list of them; ``Mapping[str, X]`` or ``dict[str, X]``; a dataclass; a
``TypedDict``, whose entries are checked where they are there; and any of them ``Annotated`` with a ``Rule``.
``Annotated[Mapping[str, Any], T]`` is a plain mapping whose entries are checked by the annotations of the class
``T``: for what readers print as it is, newer entries included. Whatever no annotation names is kept in the
``extra`` of a dataclass, or passed over where it has none.
Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from edgetext.errors import EdgetextError, InputError
from edgetext.reading import listed

LATER = {"later": True}
"""Metadata of a field that older files lack: it is written only where it holds something."""

_LONGEST_SHOWN = 60
_KINDS: Mapping[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
}
_Part = TypeVar("_Part")
_Read = Callable[[Any], Any]


@dataclass(frozen=True)
class Rule:
    """What a value must be beside its kind.

    Attributes:
        must: How a sentence goes on after "must", such as ``be from 0 to 1``.
        holds: Whether a value of the right kind keeps it.
    """

    must: str
    holds: Callable[[Any], bool]


def between(low: float, high: float) -> Rule:
    """Makes the rule for a number in a range, both ends included."""
    return Rule(f"be from {low:g} to {high:g}", lambda value: low <= value <= high)


NOT_EMPTY = Rule("not be empty", bool)
Count = Annotated[int, between(0, 1e15)]
Amount = Annotated[float, between(0, 1e15)]
Positive = Annotated[float, between(1e-9, 1e15)]
"""A time or a rate: something is divided by it, and its logarithm is taken."""
Share = Annotated[float, between(0, 1)]


class _Wrong(Exception):
    """What is wrong with a value, and the way to it, innermost step first."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says
        self.way: list[str | int] = []


def read_part(kind: type[_Part], value: object, where: str, *, error: type[EdgetextError] = InputError) -> _Part:
    """Reads one dataclass, with all that it holds.

    A dataclass with a method ``disagreement`` is asked for it: a sentence where its fields contradict one another.

    Args:
        kind: A dataclass, or a ``TypedDict``.
        value: What the file holds.
        where: What to call it in the error.
        error: The class of what is raised.

    Raises:
        EdgetextError: Of the class ``error``: it is no object, a field is missing, one is not what its annotation
            says, or two contradict one another.
    """
    try:
        return cast(_Part, _reader(cast(Any, kind))(value))
    except _Wrong as wrong:
        raise error(f"{_place(where, wrong.way)} {wrong.says}") from None


def write_part(part: Any) -> dict[str, Any]:
    """Returns a dataclass as plain JSON values, with what is in its ``extra``."""
    values = {
        item.name: _plain(getattr(part, item.name))
        for item in fields(part)
        if item.name != "extra" and not (item.metadata.get("later") and _is_empty(getattr(part, item.name)))
    }
    return {**values, **part.extra}


@cache
def _reader(kind: Any) -> _Read:
    """Makes what reads a value by an annotation, and raises ``_Wrong``."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin is Annotated:
        return _narrowed(_reader(inner[0]), inner[1:])
    if origin in (Union, UnionType):
        one, *more = (each for each in inner if each is not NoneType)
        return _one_or_list(_reader(one), _reader(more[0])) if more else _optional(_reader(one))
    if origin is tuple:
        return _list(_reader(inner[0]))
    if origin in (Mapping, dict):
        return _mapping(_reader(inner[1]))
    if is_typeddict(kind):
        return _entries(kind)
    return _dataclass(kind) if is_dataclass(kind) else _plain_kind(*_KINDS[kind])


def _plain_kind(kinds: tuple[type, ...], name: str) -> _Read:
    def read(value: Any) -> Any:
        if type(value) not in kinds:  # of JSON: a bool, which is an int, is no number
            raise _Wrong(f"must be {name}, found {_shown(value)}")
        return value

    return read


def _narrowed(reader: _Read, rules: Sequence[Any]) -> _Read:
    """Adds rules, and classes whose annotations a mapping's entries must fit."""
    checks = [rule if isinstance(rule, Rule) else _entries(rule) for rule in rules]

    def read(value: Any) -> Any:
        found = reader(value)
        for check in checks:
            if not isinstance(check, Rule):
                check(value)
            elif not check.holds(found):
                raise _Wrong(f"must {check.must}, found {_shown(value)}")
        return found

    return read


def _optional(reader: _Read) -> _Read:
    return lambda value: None if value is None else reader(value)


def _one_or_list(one: _Read, many: _Read) -> _Read:
    return lambda value: (many if isinstance(value, list) else one)(value)


def _list(reader: _Read) -> _Read:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Wrong(f"must be a list, found {_shown(value)}")
        items: list[Any] = []
        try:
            for item in value:
                items.append(reader(item))
        except _Wrong as wrong:
            wrong.way.append(len(items) + 1)
            raise
        return tuple(items)

    return read


def _mapping(reader: _Read) -> _Read:
    def read(value: Any) -> dict[str, Any]:
        return {name: _at(name, reader, entry) for name, entry in _object(value).items()}

    return read


def _entries(kind: type[Any]) -> _Read:
    """Checks the entries that a class names, where they are there, and gives the object as it is."""
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}

    def read(value: Any) -> dict[str, Any]:
        document = _object(value)
        for name in readers.keys() & document.keys():
            _at(name, readers[name], document[name])
        return document

    return read


def _dataclass(kind: Any) -> _Read:
    hints = get_type_hints(kind, include_extras=True)
    readers = {item.name: _reader(hints[item.name]) for item in fields(kind) if item.name != "extra"}
    needed = [item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING]
    keeps = any(item.name == "extra" for item in fields(kind))

    def read(value: Any) -> Any:
        document = _object(value)
        for name in needed:
            if name not in document:
                raise _Wrong(f"lacks the field {name!r}")
        values = {name: _at(name, readers[name], document[name]) for name in readers if name in document}
        if keeps:
            values["extra"] = {name: entry for name, entry in document.items() if name not in readers}
        part = kind(**values)
        said = part.disagreement() if hasattr(part, "disagreement") else ""
        if said:
            raise _Wrong(f"contradicts itself: {said}")
        return part

    return read


def _at(name: str, reader: _Read, value: Any) -> Any:
    try:
        return reader(value)
    except _Wrong as wrong:
        wrong.way.append(name)
        raise


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"must be a JSON object, found {_shown(value)}")
    return value


def _place(where: str, way: Sequence[str | int]) -> str:
    """Names a place, such as ``results.json: row 2: latency_ms: sample 3``."""
    words = [where]
    for step in reversed(way):
        if isinstance(step, int):
            words[-1] = f"{words[-1].removesuffix('s')} {step}"
        else:
            words.append(listed([step]))
    return ": ".join(words)


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return json.dumps(value[:_LONGEST_SHOWN] if isinstance(value, str) else value)[: 2 * _LONGEST_SHOWN]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence | Mapping) and not value)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return write_part(value)
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
