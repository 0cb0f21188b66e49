"""What a package offers, imported when it is asked for, and quickly; standard library only."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

_TIMEOUT = "OPENBLAS_THREAD_TIMEOUT"
_TICKS = "20"  # 2**20 of the processor's clock, less than a millisecond; OpenBLAS's own default is 2**28


def hand_out(
    package: str, homes: Mapping[str, str], load: Callable[[str], ModuleType] = import_module
) -> Callable[[str], Any]:
    """Makes a package's ``__getattr__``, which imports a name's module when it is asked for (PEP 562).

    Args:
        package: Its dotted name.
        homes: The module of each name.
        load: How a module is imported.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(load(homes[name]), name)

    return get


def import_quickly(name: str) -> ModuleType:
    """Imports a module that imports numpy and onnxruntime.

    Two things take time from a cold start that nobody gains by. numpy's OpenBLAS starts a thread for every core but
    one, and each of them spins for a tenth of a second before it sleeps; where two virtual cores share a physical
    one, whatever is loaded meanwhile is slowed. With a shorter time to spin they sleep at once, and are as many as
    before. And the garbage collector looks through the modules again and again while they are made, and finds none
    to free. The environment and the collector are left as they were found; numpy that is imported already, or a
    time that somebody set, is not touched.

    Source: ``blas_thread_server`` in OpenBLAS's ``driver/others/blas_server.c``.

    Args:
        name: The module's dotted name.
    """
    quiet = "numpy" not in sys.modules and _TIMEOUT not in os.environ
    collecting = gc.isenabled()
    if quiet:
        os.environ[_TIMEOUT] = _TICKS
    gc.disable()
    try:
        return import_module(name)
    finally:
        if quiet:
            os.environ.pop(_TIMEOUT, None)
        if collecting:
            gc.enable()
