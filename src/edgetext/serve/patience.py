"""Connections that are too slow are ended: on which no request comes, or whose answer nobody reads."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_UNREAD = 6  # times as long as a request may take to come, a large answer may take to be read


class Patient(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """A connection of uvicorn that is ended where no head of a request comes in time, or no answer is read.

    Attributes:
        read_s: Seconds that a head may take to come, from the connection's begin or from its first byte on.
    """

    read_s = 10.0

    _giving_up: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to wait for a head."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Takes what came, and goes on to wait where it is no whole head."""
        super().data_received(data)
        self._look()

    def connection_lost(self, error: Exception | None) -> None:
        """Waits no more."""
        self._wait_no_more()
        super().connection_lost(error)  # which resumes writing

    def pause_writing(self) -> None:
        """Begins to wait for an answer to be read that is too large for the buffers."""
        super().pause_writing()
        self._unread = self.loop.call_later(_UNREAD * self.read_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Waits no more: it was read."""
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def _look(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_no_more()
        elif self._giving_up is None:
            self._giving_up = self.loop.call_later(self.read_s, self._give_up)

    def _wait_no_more(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _give_up(self) -> None:
        self.transport.close()


def patient(read_s: float) -> type[Patient]:
    """Makes a ``Patient`` that waits so many seconds for a head."""
    return type("Patient", (Patient,), {"read_s": read_s})
