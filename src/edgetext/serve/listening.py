"""Listens on a port, first of all, and runs an ASGI application there in a thread."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any

from edgetext.errors import InputError, needs_extra
from edgetext.serve.guard import App

FIRST_PORTS = range(7860, 7960)
_SHUT_DOWN_S = 1  # for answers that are under way; a page that is open keeps a connection for ever
_LOOKS_UP_S = 0.5


def listen(host: str, port: int | None = None) -> socket.socket:
    """Takes a port, before anything is loaded that takes long.

    Args:
        host: The address to listen on, or a name of it.
        port: The port; 0 for any, the first free one of ``FIRST_PORTS`` if not given.

    Raises:
        InputError: There is no such port, it is taken, or the address is not one of this machine.
    """
    if port is not None and not 0 <= port <= 65535:
        raise InputError(f"there is no port {port}: choose one from 0 to 65535 (0 takes any that is free)")
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), 0, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"cannot listen on {host!r}: it is no address of this machine ({error})") from error
    ports: Sequence[int] = FIRST_PORTS if port is None else (port,)
    for number in ports:
        try:
            return _bound(family, (address[0], number, *address[2:]))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise InputError(f"cannot listen on {host}, port {number}: {error.strerror}") from error
    taken = f"port {port} is taken" if port is not None else f"the ports {ports[0]} to {ports[-1]} are taken"
    raise InputError(f"cannot listen on {host}: {taken}; choose another one with --port")


def url(host: str, listening: socket.socket, scheme: str = "http") -> str:
    """Tells where to open what is served there in a browser of this machine."""
    name = host.strip("[]")
    name = "localhost" if name in ("0.0.0.0", "::") else f"[{name}]" if ":" in name else name
    return f"{scheme}://{name}:{listening.getsockname()[1]}/"


class ServerThread:
    """An ASGI application that is being served.

    Args:
        app: The application.
        listening: A socket from ``listen``; it is closed in the end.

    Raises:
        MissingExtraError: uvicorn is not installed.
        InputError: The application does not start.
    """

    def __init__(self, app: App, listening: socket.socket) -> None:
        with needs_extra("demo"):
            import uvicorn
        config = uvicorn.Config(
            app, log_level="error", access_log=False, lifespan="on", timeout_graceful_shutdown=_SHUT_DOWN_S
        )
        self._server: Any = uvicorn.Server(config)
        self._listening = listening
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise InputError("the server did not start; what it said stands above")
            time.sleep(0.01)

    def wait(self) -> None:
        """Blocks until the server ends, or the process is interrupted.

        It looks up now and then: a signal that another thread was handed does not wake the main one, which alone
        acts on it, and on Windows Ctrl-C wakes no wait that has no end.
        """
        while self._thread.is_alive():
            self._thread.join(timeout=_LOOKS_UP_S)

    def close(self) -> None:
        """Stops serving."""
        self._server.should_exit = True
        self._thread.join(timeout=5 * _SHUT_DOWN_S)
        self._listening.close()


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
