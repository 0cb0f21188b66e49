"""Frozen dataclasses <-> JSON objects: every field is checked against its annotation, unknown ones are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from edgetext.errors import InputError

LATER = {"later": True}
"""Metadata of a field that older files lack: it is written only where it holds something."""

_KINDS: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "str": (str,)}
_Part = TypeVar("_Part")


def read_part(kind: type[_Part], value: object, where: str, nested: Mapping[str, type[Any]] | None = None) -> _Part:
    """Reads one dataclass; what it does not know is kept in its ``extra``.

    Args:
        kind: A dataclass with string annotations and a field ``extra``.
        value: What the file holds.
        where: What to call it in an error.
        nested: The fields that are dataclasses themselves.

    Raises:
        InputError: It is no object, a field is missing, or one is of another kind than its annotation says.
    """
    document = json_object(value, where)
    known = {item.name: str(item.type) for item in fields(kind) if item.name != "extra"}  # type: ignore[arg-type]
    inner = nested or {}
    make: Callable[..., _Part] = kind
    values = {
        name: _field(name, known[name], document[name], where, inner.get(name))
        for name in known
        if name in document
    }
    extra = {name: entry for name, entry in document.items() if name not in known}
    try:
        return make(**values, extra=extra)
    except TypeError as error:
        raise InputError(f"{where}: a field is missing ({str(error).partition('missing ')[2]})") from error


def write_part(part: Any) -> dict[str, Any]:
    """Gives a dataclass as plain JSON values, with what is in its ``extra``."""
    values = {
        item.name: _plain(getattr(part, item.name))
        for item in fields(part)
        if item.name != "extra" and not (item.metadata.get("later") and _is_empty(getattr(part, item.name)))
    }
    return {**values, **part.extra}


def json_object(value: object, where: str) -> dict[str, Any]:
    """Checks that a value is a JSON object.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object")
    return value


def _field(name: str, annotation: str, value: Any, where: str, nested: type[Any] | None) -> Any:
    """Checks one field against its annotation, such as ``int | None`` or ``tuple[float, ...]``."""
    wanted = annotation.removesuffix(" | None")
    if value is None and wanted != annotation:
        return None
    if nested is not None:
        return read_part(nested, value, f"{where}: {name}")
    if wanted.startswith("Mapping"):
        return json_object(value, f"{where}: {name}")
    if wanted.startswith("tuple"):
        item = wanted.removeprefix("tuple[").partition(",")[0]
        fits = isinstance(value, list) and all(_fits(entry, item) for entry in value)
        value = tuple(value) if fits else value
    else:
        fits = _fits(value, wanted)
    if not fits:
        raise InputError(f"{where}: {name} must be of the kind {annotation}, found {value!r:.60}")
    return value


def _fits(value: object, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and not isinstance(value, bool)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence | Mapping) and not value)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return write_part(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
