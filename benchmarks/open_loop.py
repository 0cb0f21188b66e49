"""Sends POST requests to a service of this machine in an open loop, and prints what came of them as JSON.

::

    python benchmarks/open_loop.py 8000 BODIES.jsonl --per-s 200 --seconds 3

MLPerf's LoadGen decides when which body is sent, and measures each latency from when it should have been; what is
here writes the requests and reads the answers. A request takes a connection that is free, and a new one if there is
none, so that none waits for another. It shares the cores with the service: uvloop and httptools take a sixth of the
time that an HTTP client for general use takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httptools
import uvloop

from edgetext.measure.loadgen import LoadTest, Request, run_requests
from edgetext.measure.stats import percentiles

PATH = "/v1/predict"
NO_ANSWER = 0
"""The status of a request whose connection broke, or which was not answered in time."""
TIMEOUT_S = 10.0
_SWEEP_S = 0.5
_KEPT_S = 2.0  # a connection that was free for longer may be about to be closed by the other side
_SWITCH_S = 0.0005  # of the interpreter, to LoadGen's thread, which must not be late


@dataclass(frozen=True)
class Answered:
    """What came of the requests that got one status.

    Attributes:
        count: How many.
        p50_ms: Median of their latencies.
        p99_ms: 99th percentile.
        max_ms: The slowest.
    """

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def summed_up(statuses: Sequence[int], latencies_ms: Sequence[float]) -> dict[int, Answered]:
    """Sums up statuses and latencies of the same requests, by status."""
    found = {}
    for status in sorted(Counter(statuses)):
        own = [latency for got, latency in zip(statuses, latencies_ms, strict=True) if got == status]
        cuts = percentiles(own)
        found[status] = Answered(len(own), cuts.p50, cuts.p99, max(own))
    return found


class Connection(asyncio.Protocol):
    """A connection on which one request at a time is under way.

    Args:
        client: Is told what comes.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parser: Any = None
        self._transport: Any = None
        self.request: Request | None = None
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Notes whom to write to."""
        self._transport = transport

    def ask(self, request: Request, content: bytes, now: float) -> None:
        """Sends a request."""
        self.request, self.since = request, now
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        """Reads on."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        """Hands the status over; httptools calls this."""
        request, self.request = self.request, None
        if request is not None:
            self._client.answered(self, request, self._parser.get_status_code(), self._parser.should_keep_alive())

    def connection_lost(self, _: Exception | None) -> None:
        """Hands over that no answer will come."""
        self._client.lost(self)

    def close(self) -> None:
        """Ends the connection."""
        self._transport.abort()


class Client:
    """Sends requests to one service, and keeps what came of them.

    Args:
        port: Of the service, on this machine.
        bodies: JSON texts.
    """

    def __init__(self, port: int, bodies: Sequence[str]) -> None:
        self._port = port
        self._contents = [_request(port, body.encode()) for body in bodies]
        self._free: list[Connection] = []
        self._busy: dict[Connection, None] = {}  # in the order in which they became so
        self._opening: set[asyncio.Task[None]] = set()
        self._statuses: dict[int, int] = {}

    async def run(self, test: LoadTest) -> dict[int, Answered]:
        """Runs one test, and tells what came of its requests, by status."""
        loop = asyncio.get_running_loop()
        sweeping = loop.create_task(self._sweep())
        hand_over = partial(loop.call_soon_threadsafe, self._send)
        latencies = await asyncio.to_thread(run_requests, hand_over, len(self._contents), test)
        sweeping.cancel()
        return summed_up([self._statuses[number] for number in range(len(latencies))], latencies)

    def answered(self, connection: Connection, request: Request, status: int, keep: bool) -> None:
        """Takes an answer, and the connection back."""
        self._busy.pop(connection, None)
        if keep:
            connection.since = asyncio.get_running_loop().time()
            self._free.append(connection)
        else:
            connection.close()
        self._note(request, status)

    def lost(self, connection: Connection) -> None:
        """Takes note that a connection is gone."""
        if connection in self._busy:
            del self._busy[connection]
        elif connection in self._free:
            self._free.remove(connection)
        if connection.request is not None:
            self._note(connection.request, NO_ANSWER)

    def _send(self, requests: list[Request]) -> None:
        now = asyncio.get_running_loop().time()
        for request in requests:
            while self._free and now - self._free[-1].since > _KEPT_S:
                self._free.pop().close()
            if self._free:
                self._ask(self._free.pop(), request, now)
            else:
                task = asyncio.ensure_future(self._open(request))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)

    def _ask(self, connection: Connection, request: Request, now: float) -> None:
        self._busy[connection] = None
        connection.ask(request, self._contents[request.text], now)

    async def _open(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        except OSError:  # TimeoutError is one too
            self._note(request, NO_ANSWER)
            return
        self._ask(connection, request, loop.time())

    async def _sweep(self) -> None:
        """Ends connections whose answer does not come."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            late = asyncio.get_running_loop().time() - TIMEOUT_S
            for connection in list(self._busy):
                if connection.since > late:
                    break
                connection.close()

    def _note(self, request: Request, status: int) -> None:
        self._statuses[request.number] = status
        request.done()


def _request(port: int, body: bytes) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    """Sends, and prints ``{STATUS: {"count": ..., "p50_ms": ..., "p99_ms": ..., "max_ms": ...}}``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("bodies", type=Path, help="a JSON text a line")
    parser.add_argument("--per-s", type=float, required=True, help="the mean rate of the Poisson arrivals")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.setswitchinterval(_SWITCH_S)
    client = Client(arguments.port, arguments.bodies.read_text("utf-8").splitlines())
    test = LoadTest("server", arguments.seconds, arguments.per_s, bound_ms=1.0, seed=arguments.seed, trace=True)
    found = uvloop.run(client.run(test))
    print(json.dumps({status: asdict(answered) for status, answered in found.items()}))


if __name__ == "__main__":
    main()
