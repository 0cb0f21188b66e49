"""The log of a service: JSON, a line a request or an event, written by a thread so that no request waits for it."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from edgetext.escape import json_text

_EVERY_S = 0.1
_MOST_LINES = 20_000
_PIECE = 4096  # characters, nearly all of one byte: POSIX promises 512, Linux gives 4,096


class Log:
    """Writes lines of JSON; those that come in a running event loop are written together, ten times a second.

    Where the reader of the log stands still, lines that no longer fit in memory are dropped and counted.

    Args:
        stream: Where to write.
        facts: What every line says.
    """

    def __init__(self, stream: TextIO | None = None, **facts: Any) -> None:
        self._stream = stream or sys.stdout
        self._facts = facts
        self._lines: list[str] = []
        self._dropped = 0
        self._writer = ThreadPoolExecutor(1, "edgetext-log")
        self._timer: asyncio.TimerHandle | None = None
        self._writing = False

    def event(self, event: str, **said: Any) -> None:
        """Writes that something happened, at once."""
        self._add({"event": event, **said})
        self.flush()

    def request(self, **said: Any) -> None:
        """Notes a request that was answered."""
        self._add(said)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self._hand_over)

    def flush(self) -> None:
        """Writes what was noted."""
        self._write(self._taken())

    def close(self) -> None:
        """Writes what was noted, and ends the thread."""
        if self._timer is not None:
            self._timer.cancel()
        self._writer.shutdown()
        self.flush()

    def _add(self, said: dict[str, Any]) -> None:
        if len(self._lines) >= _MOST_LINES:
            self._dropped += 1
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._lines.append(json_text({"time": time, **self._facts, **said}))

    def _hand_over(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._writing:  # the thread is still at the lines of before
            self._timer = loop.call_later(_EVERY_S, self._hand_over)
            return
        self._writing = True
        writing = loop.run_in_executor(self._writer, self._write, self._taken())
        writing.add_done_callback(lambda _: setattr(self, "_writing", False))

    def _taken(self) -> list[str]:
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.append(json_text({**self._facts, "event": "lines dropped", "lines": self._dropped}))
            self._dropped = 0
        return lines

    def _write(self, lines: list[str]) -> None:
        """Writes lines in pieces that a pipe takes whole, so that those of several processes do not mix."""
        piece = ""
        for line in [*lines, ""]:
            if piece and (not line or len(piece) + len(line) >= _PIECE):
                with suppress(OSError):  # nobody reads it any more; the service goes on
                    self._stream.write(piece)
                    self._stream.flush()
                piece = ""
            piece += f"{line}\n"
