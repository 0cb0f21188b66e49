"""The data sets that ship inside the package."""

from __future__ import annotations

from importlib.resources import as_file, files

from edgetext.data.read import read_file
from edgetext.data.table import Table
from edgetext.errors import DataError

BUILTIN = ("food_not_food",)


def read_builtin(name: str) -> Table:
    """Reads a data set of the package.

    Raises:
        DataError: There is none of that name.
    """
    if name not in BUILTIN:
        raise DataError(f"builtin:{name}: there is no such data set; expected builtin:{', builtin:'.join(BUILTIN)}")
    with as_file(files("edgetext.data") / f"{name}.csv") as path:
        return read_file(path)
