"""The names that people give to the parts of a data set."""

from __future__ import annotations

PART_OF = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
EXPECTED = "train, validation (or valid, val, dev) or test"


def known_part(name: object) -> str | None:
    """Finds which of ``train``, ``validation`` and ``test`` a usual name means, in any letter case, if one."""
    return PART_OF.get(name.strip().lower()) if isinstance(name, str) else None
