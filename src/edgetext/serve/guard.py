"""What stands before a server on this machine: it answers to its own names, to its own page, and to small requests.

A page of a stranger that is open in the user's browser can reach a server that listens on this machine alone: under
a name that it lets point to 127.0.0.1 (DNS rebinding), or by a form that is sent across. The browser tells of both,
by ``Host`` and ``Origin``.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from typing import Any

MOST_BYTES = 1 << 20
"""Of a request's body: a text of a few hundred pages."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/?#\[\]]+)(?::[0-9]+)?")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application that lets through what another one should see.

    Args:
        app: The other one.
        is_own: Tells whether a name, in lower case and without a port, is one of the server's.
        paths: What may be asked for: these, and what lies below those that end in a slash.
        larger: How many bytes the body of a request to a path may have, where that is more than ``MOST_BYTES``.
    """

    def __init__(
        self,
        app: App,
        *,
        is_own: Callable[[str], bool],
        paths: Collection[str],
        larger: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._is_own = is_own
        self._paths = frozenset(paths)
        self._below = tuple(path for path in paths if path.endswith("/") and path != "/")
        self._larger = larger or {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers with a status of its own, or hands the request on."""
        refused = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(send, *refused)
        else:  # a WebSocket
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        refused = refused_by_name(scope["headers"], self._is_own)
        if refused is not None:
            return refused
        if scope["path"] not in self._paths and not scope["path"].startswith(self._below):
            return 404, "there is nothing here"
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        return self._too_long(headers, self._larger.get(scope["path"], MOST_BYTES))

    def _too_long(self, headers: dict[str, str], most: int) -> tuple[int, str] | None:
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            return 411, "the request must say how long it is"
        if int(length[:20]) > most:
            return 413, f"the request is longer than {most} bytes"
        return None


def refused_by_name(
    headers: Iterable[tuple[bytes, bytes]], is_own: Callable[[str], bool]
) -> tuple[int, str] | None:
    """Tells why a request is not for this server: it is for another name, or the page of another one sends it.

    Args:
        headers: Of the request.
        is_own: See ``own_names``.

    Returns:
        A status and a sentence; ``None`` where nothing is wrong.
    """
    hosts, origins = [], []
    for name, value in headers:
        if name.lower() == b"host":
            hosts.append(value.decode("latin-1").lower())
        elif name.lower() == b"origin":
            origins.append(value.decode("latin-1").lower())
    matched = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if matched is None or not is_own(matched[1].strip("[]").rstrip(".")):
        return 421, "this server does not go by that name; --allow-host adds one"
    if any(origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}") for origin in origins):
        return 403, "this server answers to its own page only"
    return None


def own_names(host: str, more: Iterable[str] = ()) -> Callable[[str], bool]:
    """Tells the names that a server goes by.

    A server that listens on this machine alone goes by ``localhost`` and the loopback addresses. One that others
    can reach goes by the machine's name too, and by any address: a page of a stranger comes under a name.

    Args:
        host: The address or the name that it listens on.
        more: Names that it is known by elsewhere, such as that of a proxy before it; ``*`` stands for any.

    Returns:
        Whether a name, in lower case and without a port, is one of them.
    """
    alone = is_of_this_machine_alone(host)
    machine = socket.gethostname().lower()
    names = {
        "localhost",
        *(name.lower() for name in more),
        *(() if alone else (host.lower(), machine, f"{machine}.local")),
    }

    def is_own(name: str) -> bool:
        if name in names or "*" in names:
            return True
        address = _address(name)
        if address is None:
            return False
        return address.is_loopback or not alone

    return is_own


def is_of_this_machine_alone(host: str) -> bool:
    """Tells whether nobody else reaches what listens on an address."""
    address = _address(host.strip("[]"))
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = sentence.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
