"""``edgetext COMMAND``: finds the command, runs it, and turns errors into one line and an exit code.

A command is a module of this package with ``add_arguments(parser)`` and ``run(arguments) -> int``, and one
line in ``COMMANDS``. Only the module of the command that was typed is imported.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from edgetext import __version__
from edgetext.cli.streams import cannot_print, drop_the_rest, open_streams, print_anything
from edgetext.errors import INTERRUPTED, EdgetextError, InputError
from edgetext.escape import terminal
from edgetext.stopping import stop_as_interrupted
from edgetext.trouble import failed_write, is_failed_write

COMMANDS = {
    "run": "the main job: train, export and bench in one go",
    "data": "what is in labelled text, and what is wrong with it, before anything is trained",
    "train": "labelled text -> checkpoint",
    "distill": "checkpoint -> a smaller checkpoint that answers as it does",
    "export": "checkpoint -> bundle: ONNX, int8, and the gate",
    "tune": "search again for the best model, on this machine, from a bundle alone",
    "predict": "bundle + texts -> labels",
    "bench": "measure a bundle against torch",
    "errors": "what a model gets wrong, and which labels are probably wrong",
    "inspect": "say what a bundle holds",
    "demo": "a page to try a bundle in the browser",
    "space": "bundle -> a folder to upload as a Hugging Face Space",
    "serve": "an HTTP service that classifies texts",
    "push": "send a bundle or a checkpoint to the Hugging Face Hub",
}

STOPS_WITH_ITS_READER = "predict"  # its answers may have no end; the others have more to do than to print


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code.

    Args:
        argv: The words after the program's name; by default those of this process.

    Returns:
        0 done, 1 unexpected, 2 wrong use or bad input, 3 the gate refused, 4 a regression was found, 128 and the
        number of the signal that stopped it.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    print_anything(as_json="--json" in words)
    arguments = build_parser(words).parse_args(words)
    with stop_as_interrupted() as stopped:
        code = _run(arguments)
    return 128 + stopped.number if stopped.number not in (0, signal.SIGINT) else code


def _run(arguments: argparse.Namespace) -> int:
    try:
        return int(import_module(f"edgetext.cli.{arguments.command}").run(arguments))
    except EdgetextError as error:
        return _fail(arguments, "; ".join((str(error), *getattr(error, "__notes__", ()))), error.exit_code)
    except KeyboardInterrupt:
        print(f"\nedgetext {arguments.command}: interrupted; nothing half-written was left behind", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `edgetext predict ... | head`
        drop_the_rest(sys.stdout)
        return 0
    except Exception as error:
        sentence = _system_error(error)
        if sentence is None:
            raise
        return _fail(arguments, sentence, InputError.exit_code)


def _fail(arguments: argparse.Namespace, sentence: str, code: int) -> int:
    print(f"edgetext {arguments.command}: error: {terminal(sentence)}", file=sys.stderr)
    return code


def _system_error(error: Exception) -> str | None:
    """Finds the sentence for what the system refused; ``None`` for what is a fault of this program."""
    refused = cannot_print(sys.stdout)
    if refused is not None:
        return refused
    if is_failed_write(error):
        return failed_write(error, Path.cwd())
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, FileNotFoundError) and error.errno == errno.ENOENT:  # of `tempfile`, the only one without
        return f"{error.strerror}: free some space there, or name another folder by TMPDIR"
    return None


def entry() -> NoReturn:
    """Runs the program and leaves the process with its exit code."""
    open_streams(forgiving=sys.argv[1:2] != [STOPS_WITH_ITS_READER])
    code: Any = 1
    try:
        code = main()
    except SystemExit as left:  # --help, --version, wrong words
        code = left.code
    refused = cannot_print(sys.stdout)  # else Python says so when it ends, in a traceback
    if refused is not None and code != InputError.exit_code:  # which has said it
        print(f"edgetext: error: {refused}", file=sys.stderr)
        code = code or InputError.exit_code
    raise SystemExit(code)


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Makes the parser of all commands; only the one that ``words`` names knows its own options."""
    parser = argparse.ArgumentParser(
        prog="edgetext",
        description="Labelled text in, a small classifier for plain CPUs out, and what int8 cost it.",
    )
    parser.add_argument("--version", action="version", version=f"edgetext {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    typed = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == typed:
            import_module(f"edgetext.cli.{name}").add_arguments(command)
    return parser
