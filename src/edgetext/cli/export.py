"""``edgetext export CHECKPOINT -o BUNDLE``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgetext.export.export import Exported
    from edgetext.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's words."""
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="the folder that 'edgetext train' wrote"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="the folder to write")
    parser.add_argument(
        "--data", help="labelled rows for the gate (default: the validation rows that the checkpoint names)"
    )
    parser.add_argument("--text-column", metavar="NAME", help="the column of --data with the text")
    parser.add_argument("--label-column", metavar="NAME", help="the column of --data with the label")
    add_export_arguments(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace the output folder if it is there")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what ``edgetext run`` passes on to the export."""
    parser.add_argument(
        "--max-drop", type=float, default=0.01, help="how much accuracy int8 may lose, as a share (default 0.01)"
    )
    parser.add_argument("--strict", action="store_true", help="refuse int8 unless the gate says 'passed'")
    parser.add_argument("--scheme", help="try this int8 recipe alone (default: each in turn until one is good)")
    parser.add_argument(
        "--no-examples", dest="examples", action="store_false", help="keep no example texts in the bundle"
    )


def run(arguments: argparse.Namespace) -> int:
    """Exports, prints what was written, and says so when the gate refused."""
    from edgetext.cli.console import open_console

    console = open_console()
    with console.progress() as progress:
        exported = export_from(arguments, arguments.checkpoint, arguments.output, arguments.data, progress)
    if arguments.json:
        print(json.dumps(exported.manifest.to_json(), ensure_ascii=False, indent=2))
    else:
        console.say(f"wrote {exported.path}: {describe(exported)}")
    refuse_without_int8(exported)
    return 0


def export_from(
    arguments: argparse.Namespace, checkpoint: Path, output: Path, data: str | None, progress: Progress
) -> Exported:
    """Exports with the words of a command line that has ``add_export_arguments``."""
    from edgetext.checkpoint import open_checkpoint
    from edgetext.data.evaluation import evaluation_rows
    from edgetext.export.export import export_bundle
    from edgetext.export.schemes.registry import SCHEMES
    from edgetext.export.settings import ExportSettings

    opened = open_checkpoint(checkpoint)
    rows = evaluation_rows(
        opened.split,
        ("validation",),
        data,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
    )
    settings = ExportSettings(
        max_drop=arguments.max_drop,
        schemes=(arguments.scheme,) if arguments.scheme else tuple(SCHEMES),
        strict=arguments.strict,
        examples=arguments.examples,
        command=shlex.join(["edgetext", *sys.argv[1:]]),
    )
    return export_bundle(opened, rows.examples, output, settings, overwrite=arguments.overwrite, progress=progress)


def describe(exported: Exported) -> str:
    """Says in a sentence which model is the default, and what the gate said of it."""
    default = exported.manifest.variant()
    size = f"{default.bytes / 1e6:.1f} MB"
    if exported.refused:
        return f"fp32, {size}, since no int8 model was let through"
    return f"int8 by {default.scheme}, {size}; the gate: {default.evaluation['sentence']}"


def refuse_without_int8(exported: Exported) -> None:
    """Ends with exit code 3 where no int8 model was let through; the fp32 bundle has been written.

    Raises:
        GateRefusedError: fp32 is the default.
    """
    from edgetext.errors import GateRefusedError

    if exported.refused:
        tried = "; ".join(f"{attempt.scheme}: {attempt.sentence}" for attempt in exported.attempts)
        raise GateRefusedError(
            f"no int8 model was good enough, so fp32 is the default of {exported.path} ({tried})"
        )
