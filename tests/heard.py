"""Progress that remembers what it is told."""

from __future__ import annotations

from edgetext.progress import Silent


class Heard(Silent):
    """Keeps steps and notes."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.notes: list[str] = []

    def step(self, name: str, done: int, total: int) -> None:
        self.steps.append((name, done, total))

    def note(self, message: str) -> None:
        self.notes.append(message)
