"""How long work tells that it goes on; the command line draws it, a library user may leave it silent."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What slow work calls as it goes on."""

    def step(self, name: str, done: int, total: int) -> None:
        """Says that ``done`` of ``total`` units of the work called ``name`` are finished."""

    def note(self, message: str) -> None:
        """Says one thing that the user should know, in a sentence."""


class Silent:
    """Progress that says nothing: the default of every library function."""

    def step(self, name: str, done: int, total: int) -> None:
        """Says nothing."""

    def note(self, message: str) -> None:
        """Says nothing."""
