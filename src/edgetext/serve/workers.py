"""A service of several processes on one socket, and who watches over them; or of this process alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from socket import socket
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from edgetext.errors import EdgetextError, InputError
from edgetext.runtime.threads import usable_threads
from edgetext.serve.listening import url
from edgetext.serve.log import Log
from edgetext.serve.metrics import FOLDER, forget
from edgetext.serve.settings import ServiceSettings
from edgetext.stopping import signals_call

_LOOKS_S = 0.5
_BETWEEN_STARTS_S = 1.0
"""A worker that died is started again no sooner than this after it was started."""


def serve(settings: ServiceSettings, listening: socket) -> int:
    """Serves until the program is told to stop.

    Args:
        settings: Of the service.
        listening: The socket that it answers on.

    Returns:
        An exit code.

    Raises:
        EdgetextError: A bundle, a key or the certificate cannot be used.
    """
    if settings.workers > 1:
        return Supervisor(settings, listening).run()
    from edgetext.serve.service import Running  # which a supervisor need not import

    log = Log()
    try:
        Running(settings, listening, log).run(lambda: _tell_ready(log, settings, listening))
    finally:
        log.close()
    return 0


@dataclass
class _Worker:
    """A process of the service.

    Attributes:
        process: It.
        says: Where it says that it answers, by an empty text, or why it cannot.
        started: When it was started, in seconds.
        ready: Whether it has answered.
    """

    process: BaseProcess
    says: Connection
    started: float
    ready: bool = False


class Supervisor:
    """Starts the processes of a service, starts one that died again, and passes signals on.

    Args:
        settings: Of the service.
        listening: The socket that all of them answer on.
    """

    def __init__(self, settings: ServiceSettings, listening: socket) -> None:
        threads = settings.answering.threads or max(1, usable_threads() // settings.workers)
        self._settings = replace(settings, answering=replace(settings.answering, threads=threads))
        self._listening = listening
        self._log = Log()
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._stopping = False
        self._refused = ""

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT comes; returns an exit code.

        Raises:
            InputError: A process cannot start.
        """
        with (
            _counting_together(),
            signals_call({"SIGTERM": self._stop, "SIGINT": self._stop, "SIGHUP": self._reload}),
        ):
            try:
                self._workers = [self._start() for _ in range(self._settings.workers)]
                while self._workers:
                    self._look()
            finally:
                for worker in self._workers:
                    worker.process.kill()
                self._log.close()
        if self._refused:
            raise InputError(self._refused)
        return 0

    def _start(self) -> _Worker:
        hears, says = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_work, args=(self._settings, self._listening, says))
        process.start()
        says.close()
        return _Worker(process, hears, time.monotonic())

    def _look(self) -> None:
        """Waits until a process says something or ends, or half a second."""
        says: list[Any] = [worker.says for worker in self._workers if not worker.ready]
        wait([*says, *(worker.process.sentinel for worker in self._workers)], timeout=_LOOKS_S)
        for worker in list(self._workers):
            if not worker.ready and worker.says.poll():
                self._hear(worker)
            if worker.process.exitcode is not None:
                self._replace(worker, worker.process.exitcode)

    def _hear(self, worker: _Worker) -> None:
        with suppress(EOFError):
            self._refused = self._refused or worker.says.recv()
            worker.ready = not self._refused
            if all(other.ready for other in self._workers) and not self._stopping:
                _tell_ready(self._log, self._settings, self._listening)

    def _replace(self, worker: _Worker, code: int) -> None:
        worker.says.close()
        forget(worker.process.pid)
        if worker.ready and not self._stopping:
            self._log.event("worker died", pid=worker.process.pid, code=code)
            time.sleep(max(0, worker.started + _BETWEEN_STARTS_S - time.monotonic()))
            self._workers[self._workers.index(worker)] = self._start()
            return
        self._workers.remove(worker)
        if not self._stopping:  # one that never answered would not do so the next time
            self._refused = self._refused or f"a worker ended with {code} before it answered"
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._listening.close()
        self._signal(signal.SIGTERM)

    def _reload(self) -> None:
        self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        for worker in self._workers:
            if worker.process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.process.pid, number)


def _work(settings: ServiceSettings, listening: socket, says: Connection) -> None:
    """Is a worker: serves until it is told to stop, or its supervisor is gone."""
    from edgetext.serve.service import Running

    nothing = {
        "SIGINT": lambda: None,
        "SIGHUP": lambda: None,
    }  # Ctrl-C reaches all of them; the supervisor passes on
    with signals_call(nothing):
        Thread(target=_follow, daemon=True).start()
        log = Log(pid=os.getpid())
        try:
            Running(settings, listening, log, pass_on=_ask_supervisor).run(lambda: says.send(""))
        except EdgetextError as error:
            says.send(str(error))
            raise SystemExit(error.exit_code) from None
        finally:
            log.close()


def _follow() -> None:
    """Stops this worker when its supervisor has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _ask_supervisor() -> None:
    os.kill(os.getppid(), signal.SIGHUP)


@contextmanager
def _counting_together() -> Iterator[None]:
    """Has the workers count in files of a temporary folder, inside the block."""
    with TemporaryDirectory(prefix="edgetext-serve-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def _tell_ready(log: Log, settings: ServiceSettings, listening: socket) -> None:
    scheme = "https" if settings.access.certificate else "http"
    address = url(settings.access.host, listening, scheme)
    log.event("ready", url=address, models=[name for name, _ in settings.bundles])
