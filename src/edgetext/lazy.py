"""What a package offers, imported when it is asked for; standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def hand_out(
    package: str, homes: Mapping[str, str], load: Callable[[str], ModuleType] = import_module
) -> Callable[[str], Any]:
    """Makes a package's ``__getattr__``, which imports a name's module when it is asked for (PEP 562).

    Args:
        package: Its dotted name.
        homes: The module of each name.
        load: How a module is imported.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(load(homes[name]), name)

    return get
