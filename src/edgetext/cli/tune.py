"""``edgetext tune BUNDLE``: the search of ``edgetext export`` again, on this machine, from the bundle alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgetext.cli.arguments import add_labelled_rows, chosen_columns
from edgetext.cli.export import add_search_arguments, export_settings, refuse_incomplete, show
from edgetext.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's words."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a folder that 'edgetext export' wrote")
    parser.add_argument("-o", "--output", type=Path, metavar="NEW", help="the folder to write")
    add_labelled_rows(parser, "labelled rows for the gate (default: those that the bundle keeps)")
    add_search_arguments(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the output folder, or without -o the bundle itself"
    )
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Searches, prints what was written, and says so when the gate refused."""
    from edgetext.cli.console import open_console
    from edgetext.data.load import load
    from edgetext.export.tune import tune_bundle

    if arguments.output is None and not arguments.overwrite:
        raise InputError("say where the tuned bundle goes: -o NEW, or --overwrite to replace BUNDLE itself")
    settings = export_settings(arguments)
    rows = None
    if arguments.data is not None:
        rows = load(arguments.data, **chosen_columns(arguments)).examples
    console = open_console()
    with console.progress() as progress:
        exported = tune_bundle(
            arguments.bundle,
            arguments.output or arguments.bundle,
            settings,
            held_out=rows,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    show(exported, console, as_json=arguments.json)
    refuse_incomplete(exported)
    return 0
