"""A service in one process: it opens the bundles, answers until it is told to stop, and ends what it took."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import nullcontext
from socket import socket
from time import perf_counter
from typing import Any

import uvicorn

from edgetext.errors import EdgetextError, InputError
from edgetext.serve.app import Service, make_app
from edgetext.serve.entrance import Entrance, Record, State
from edgetext.serve.guard import App, own_names
from edgetext.serve.keys import read_keys
from edgetext.serve.log import Log
from edgetext.serve.metrics import Metrics
from edgetext.serve.models import Models
from edgetext.serve.patience import patient
from edgetext.serve.settings import ServiceSettings
from edgetext.stopping import signals_call, stop_if_told

_KEEP_ALIVE_S = 65  # longer than the load balancers', so that it is they who end a connection
_BACKLOG = 2048
_LOOKS_S = 0.05
_QUIET_LOOKS = 6  # rather than seconds, so that a machine that is busy with other things takes in what waits
_SWITCH_S = 0.0005
"""How long a thread may keep the interpreter from another one: with Python's 5 ms the threads that predict and the
event loop wait for each other so long that p99 is a third higher."""


class Running:
    """A service that runs in this process.

    Args:
        settings: Of the service.
        listening: The socket that it answers on.
        log: Of the service.
        pass_on: Tells the other processes of the service to open their bundles anew; there are none by default.
    """

    def __init__(
        self, settings: ServiceSettings, listening: socket, log: Log, pass_on: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._log = log
        self._pass_on = pass_on
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, ready: Callable[[], None]) -> None:
        """Answers until SIGTERM or SIGINT comes, and then what it took; SIGHUP opens the bundles anew.

        Args:
            ready: Called when it answers.

        Raises:
            EdgetextError: A bundle, a key or the certificate cannot be used.
        """
        sys.setswitchinterval(_SWITCH_S)
        loop_factory = uvicorn.Config("edgetext", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(self._run(ready))

    async def _run(self, ready: Callable[[], None]) -> None:
        metrics = Metrics()
        self._models = Models(self._settings, metrics)
        self._state = State(self._models.room, read_keys(self._settings.access.keys_file))
        self._server = _Server(self._config(self._application(metrics)))
        await self._models.open()
        stop_if_told()  # a library may have swallowed a signal while it was imported
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(self._start, self._drain)

        def reload() -> None:
            loop.call_soon_threadsafe(self._start, self._reload)

        with signals_call({"SIGTERM": stop, "SIGINT": stop, "SIGHUP": reload}):
            self._start(lambda: self._tell(ready))
            await self._server.serve([self._listening])
            await self._models.close()
        self._log.event("stopped")

    def _application(self, metrics: Metrics) -> App:
        access, limits = self._settings.access, self._settings.limits
        routes: Any = make_app(Service(self._settings, self._models, metrics, self._state, self._reload_by_request))
        is_own = own_names(access.host, access.names)
        entrance = Entrance(routes, self._state, metrics, is_own=is_own, limits=limits)
        return Record(entrance, self._state, metrics, self._log)

    def _config(self, app: Any) -> uvicorn.Config:
        access, limits = self._settings.access, self._settings.limits
        try:
            config = uvicorn.Config(
                app,
                http=patient(limits.read_s),
                ws="none",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(limits.drain_s),
                ssl_certfile=access.certificate,
                ssl_keyfile=access.private_key,
            )
            config.load()
        except OSError as error:  # of which SSLError is one
            raise InputError(f"the TLS certificate or its key cannot be used: {error}") from None
        return config

    def _start(self, work: Callable[[], Any]) -> None:
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, ready: Callable[[], None]) -> None:
        while not self._server.started:
            await asyncio.sleep(0.01)
        ready()

    async def _drain(self) -> None:
        """Lets in what is on its way, for as long as something comes; then the server answers what it has."""
        if not self._state.ready:  # told twice: whoever asks waits no longer
            self._server.should_exit = True
            return
        self._state.ready = False
        self._log.event("stopping", open=self._state.open)
        quiet = 0
        ends = perf_counter() + self._settings.limits.drain_s / 2
        while quiet < _QUIET_LOOKS and perf_counter() < ends:
            came = self._state.came
            await asyncio.sleep(_LOOKS_S)
            quiet = 0 if self._state.came > came or self._server.has_silent_connections else quiet + 1
        self._server.should_exit = True

    async def _reload(self) -> str:
        """Opens the bundles anew, and returns what is wrong with those that cannot be used."""
        try:
            self._state.keys = read_keys(self._settings.access.keys_file)
            wrong = [f"{done.name}: {done.error}" for done in await self._models.reload() if done.error]
        except EdgetextError as error:
            wrong = [str(error)]
        self._log.event("reload", error="; ".join(wrong))
        return "; ".join(wrong)

    async def _reload_by_request(self) -> str:
        wrong = await self._reload()
        if not wrong:
            self._pass_on()
        return wrong


class _Server(uvicorn.Server):
    """A server whose signals are handled by who runs it."""

    @property
    def has_silent_connections(self) -> bool:
        """Whether there are connections on which no request came yet: it may be on its way."""
        connections: set[Any] = self.server_state.connections
        return any(connection.cycle is None for connection in connections)

    def capture_signals(self) -> Any:
        return nullcontext()
