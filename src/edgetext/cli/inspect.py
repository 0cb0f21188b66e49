"""``edgetext inspect BUNDLE``: what a bundle holds, and whether its files are the ones that were exported."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgetext.errors import IntegrityError
from edgetext.escape import json_text, terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle, or a Hugging Face ONNX folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; a changed file is reported with the rest, and then makes it fail."""
    from edgetext.cli.describe import describe, lines, problems
    from edgetext.runtime.bundle import open_bundle

    description = describe(open_bundle(arguments.bundle))
    if arguments.json:
        print(json_text(description, indent=2))
    else:
        print("\n".join(map(terminal, lines(description))))
    wrong = problems(description)
    if wrong:
        raise IntegrityError(wrong[0])
    return 0
