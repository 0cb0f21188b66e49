"""Every error that edgetext raises on purpose, as one tree.

::

    EdgetextError                  exit code 1
    ├── InputError                 exit code 2: what was given cannot be used
    │   ├── DataError              labelled text: file, row, column
    │   ├── ModelError             a base model or a checkpoint
    │   ├── BundleError            a bundle or an ONNX folder
    │   │   └── IntegrityError     a file of the bundle is not the one that was exported
    │   ├── OutputExistsError      the place to write to is taken
    │   └── WriteError             the system refuses a write: a full disk, a folder that is closed
    ├── MissingExtraError          exit code 2: an optional part is not installed
    └── GateRefusedError           exit code 3: no int8 variant was good enough

A message is one sentence or two: what was given, what was expected, what to do. The command line prints it
without a traceback and exits with the class's ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

REGRESSION = 4
"""Exit code of a command that found one, which is no error."""
INTERRUPTED = 130
"""Exit code of a command that was interrupted: 128 and the number of SIGINT, which is what shells expect."""

_IMPORTS = {  # by which a missing extra is told
    "train": ("torch", "transformers", "datasets", "evaluate", "sklearn"),
    "export": ("torch", "transformers", "onnx", "onnxscript"),
    "optimum": ("optimum",),
    "bench": ("psutil", "torch", "transformers"),
    "ray": ("ray", "pandas", "pyarrow"),
    "serve": ("fastapi", "prometheus_client", "uvicorn"),
}
_LONGEST_LINE = 300


def first_line(error: BaseException) -> str:
    """Returns the first line of what another library's error says, cut where it is long; else its class's name."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0].strip()
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


class EdgetextError(Exception):
    """The root of the tree; catch it to catch all that edgetext raises on purpose."""

    exit_code = 1


class InputError(EdgetextError):
    """What was given cannot be used; the message names the culprit."""

    exit_code = 2


class DataError(InputError):
    """Labelled text that cannot be read or used."""


class ModelError(InputError):
    """A base model or a checkpoint that cannot be used."""


class BundleError(InputError):
    """A bundle, or a folder given as one, that cannot be used."""


class IntegrityError(BundleError):
    """A file of a bundle differs from the one that was exported."""


class OutputExistsError(InputError):
    """The place to write to is taken, and overwriting was not asked for."""


class WriteError(InputError):
    """The system refuses a write: the disk is full, read-only or broken, or a permission is missing."""


class MissingExtraError(EdgetextError, ImportError):
    """An optional part of edgetext is not installed.

    Attributes:
        extra: The extra to install, such as ``train``.
        package: The import that failed, such as ``transformers``.
    """

    exit_code = 2

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f'this needs the package {package!r}, which is not installed: run  pip install "edgetext[{extra}]"'
        )
        self.extra = extra
        self.package = package


class GateRefusedError(EdgetextError):
    """No int8 variant was shown to be as good as the original."""

    exit_code = 3


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turns a failed import of a third-party package into the line that installs it.

    Args:
        extra: The extra that brings what is imported inside the block.

    Raises:
        MissingExtraError: A package imported inside the block is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "edgetext"):
            raise
        raise MissingExtraError(extra, package) from error


def check_extra(extra: str) -> None:
    """Raises before any work is done for it if an extra is not installed; imports nothing.

    Args:
        extra: ``train``, ``export``, ``optimum``, ``bench``, ``ray`` or ``serve``.

    Raises:
        MissingExtraError: One of its packages is not there.
    """
    for package in _IMPORTS[extra]:
        if find_spec(package) is None:
            raise MissingExtraError(extra, package)
