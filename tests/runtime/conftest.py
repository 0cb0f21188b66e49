"""Tells at the end of a run how much the fuzz tests tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_TRIED = pytest.StashKey[dict[str, int]]()


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Gives a function that notes how many of something were tried, for the summary."""
    counts = request.config.stash.setdefault(_TRIED, {})

    def note(what: str, count: int) -> None:
        counts[what] = counts.get(what, 0) + count

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Adds one line, where anything was tried."""
    counts = config.stash.get(_TRIED, {})
    if counts:
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        terminalreporter.write_line(f"fuzzed: {said}")
