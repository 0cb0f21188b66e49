"""``edgetext COMMAND``: finds the command, runs it, and turns errors into one line and an exit code.

A command is a module of this package with ``add_arguments(parser)`` and ``run(arguments) -> int``, and one
line in ``COMMANDS``. Only the module of the command that was typed is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from edgetext import __version__
from edgetext.cli.console import set_up_streams
from edgetext.errors import EdgetextError

COMMANDS = {
    "run": "the main job: train, export and bench in one go",
    "train": "labelled text -> checkpoint",
    "export": "checkpoint -> bundle: ONNX, int8, and the gate",
    "tune": "search again for the best model, on this machine, from a bundle alone",
    "predict": "bundle + texts -> labels",
    "bench": "measure a bundle against torch",
    "inspect": "say what a bundle holds",
    "demo": "a page to try a bundle in the browser",
}

INTERRUPTED = 130  # 128 + SIGINT, what shells expect


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code.

    Args:
        argv: The words after the program's name; by default those of this process.

    Returns:
        0 done, 1 unexpected, 2 wrong use or bad input, 3 the gate refused, 4 a regression was found.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    set_up_streams(as_json="--json" in words)
    arguments = build_parser(words).parse_args(words)
    try:
        return int(import_module(f"edgetext.cli.{arguments.command}").run(arguments))
    except EdgetextError as error:
        print(f"edgetext {arguments.command}: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"\nedgetext {arguments.command}: interrupted; nothing half-written was left behind", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `edgetext predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def entry() -> NoReturn:
    """Runs the program and leaves the process with its exit code."""
    raise SystemExit(main())


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Gives the parser of all commands; only the one that ``words`` names knows its own options."""
    parser = argparse.ArgumentParser(
        prog="edgetext", description="Labelled text in, a proven int8 classifier for plain CPUs out."
    )
    parser.add_argument("--version", action="version", version=f"edgetext {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    typed = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == typed:
            import_module(f"edgetext.cli.{name}").add_arguments(command)
    return parser
