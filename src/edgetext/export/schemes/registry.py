"""The int8 recipes by name, in the order in which export tries them; listing them imports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from edgetext.errors import InputError

SCHEMES: Mapping[str, str] = {
    "dynamic-int8-fused": "edgetext.export.schemes.dynamic_int8_fused",
    "dynamic-int8": "edgetext.export.schemes.dynamic_int8",
}


class Scheme(Protocol):
    """What a module of this package offers."""

    HELP: str

    def build(self, fp32: Path, target: Path, model_type: str) -> Mapping[str, Any]:
        """Writes the int8 model.

        Args:
            fp32: Folder with ``model.onnx`` and ``config.json``.
            target: The file to write.
            model_type: The architecture as transformers names it, such as ``bert``.

        Returns:
            The session options that the model must be loaded with, for the manifest.

        Raises:
            SchemeNotApplicableError: The recipe does not fit this architecture.
        """


class SchemeNotApplicableError(InputError):
    """The recipe does not fit the model; the message says why."""


def check_scheme(name: str) -> None:
    """Refuses a name that no scheme has.

    Raises:
        InputError: No scheme has that name; the message lists those there are.
    """
    if name not in SCHEMES:
        raise InputError(f"there is no scheme {name!r}: choose one of {', '.join(SCHEMES)}")


def find_scheme(name: str) -> Scheme:
    """Gives a scheme by its name.

    Raises:
        InputError: No scheme has that name; the message lists those there are.
    """
    check_scheme(name)
    scheme: Scheme = import_module(SCHEMES[name])
    return scheme
