"""Which transformers is installed, without importing it: what edgetext asks of 4 and of 5 differs in places."""

from __future__ import annotations

_NAME = "transformers"


def transformers_version() -> tuple[int, int]:
    """Reads the version, such as ``(4, 57)``; ``(0, 0)`` where it is not installed."""
    from importlib.metadata import (
        PackageNotFoundError,
        version,
    )  # slow, and no start of a program should pay for it

    try:
        major, minor = version(_NAME).split(".")[:2]
    except PackageNotFoundError:
        return 0, 0
    return int(major), int(minor)


def extras_to_export() -> tuple[str, ...]:
    """Names the extras that an export needs: transformers 4 has Optimum export, from 5 on torch does it."""
    return ("export",) if transformers_version() >= (5, 0) else ("export", "optimum")
