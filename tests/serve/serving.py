"""A service of the command line, and clients that speak to it over sockets as others' would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

PATIENCE_S = 60


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Serving:
    """A service in a process of its own, started as a user would; it listens on a port that was free."""

    def __init__(self, folder: Path, *words: object, **environment: str) -> None:
        self.log_file = folder / f"log{len(list(folder.iterdir()))}.jsonl"
        self.errors = self.log_file.with_suffix(".txt")
        program = [sys.executable, "-m", "edgetext", "serve", "--port", "0", *map(str, words)]
        with self.log_file.open("wb") as log, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(program, stdout=log, stderr=errors, env={**os.environ, **environment})
        self.url = self.wait_for("ready")["url"].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    @property
    def log(self) -> list[dict[str, Any]]:
        """What the log holds."""
        return [json.loads(line) for line in self.log_file.read_text("utf-8").splitlines()]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """Waits until an event was logged so many times, and gives the last of them."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            found = [line for line in self.log if line.get("event") == event]
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None, self.errors.read_text("utf-8")
            time.sleep(0.02)
        raise AssertionError(f"no event {event!r} in {self.log}")

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Sends one request; a body that is no bytes is sent as JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(
            method, path, content, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        try:
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def predict(self, body: object, **headers: str) -> Answer:
        return self.ask("POST", "/v1/predict", body, **headers)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal, and gives the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Waits for the end, and gives the exit code."""
        return self.process.wait(PATIENCE_S)


def request_bytes(port: int, path: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class Flood:
    """Many requests, a connection each, all sent before any answer is waited for."""

    def __init__(self, port: int, path: str, bodies: Sequence[object]) -> None:
        self._port = port
        self._requests = [request_bytes(port, path, body) for body in bodies]
        self._streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self) -> None:
        """Opens all connections, and sends a request on each."""
        for request in self._requests:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(request)
            await writer.drain()
            self._streams.append((reader, writer))

    async def answers(self) -> list[Answer]:
        """Waits for all answers, in the order of the requests."""
        return list(await asyncio.gather(*(self._read(*streams) for streams in self._streams)))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        writer.close()
        await writer.wait_closed()
        return Answer(int(head[0].split()[1]), headers, body)
