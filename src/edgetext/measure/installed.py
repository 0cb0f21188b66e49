"""How many bytes must be installed for what a process has imported."""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib.metadata import distribution, packages_distributions

_OURS = "edgetext"


def installed_bytes(before: Collection[str]) -> dict[str, int]:
    """Gives the size of each distribution that this process has imported something from, by its name.

    The size is the sum over the files in the distribution's ``RECORD``, as its wheel brought them. What a library
    imports only where it happens to be installed counts as well. edgetext itself is left out: every measured
    process has imported it, to be measured.

    Args:
        before: Names of modules that were there already, such as those that the interpreter itself loads.
    """
    owners = packages_distributions()
    packages = {name.partition(".")[0] for name in sys.modules.keys() - set(before)}
    names = {owner for package in packages for owner in owners.get(package, ())} - {_OURS}
    return {name: sum(file.size or 0 for file in distribution(name).files or ()) for name in sorted(names)}
