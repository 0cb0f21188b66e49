"""``edgetext run [DATA]``: the main job, from labelled rows to a classifier to ship and its report."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext import pipeline
from edgetext.cli.bench import print_results, refuse_unmeasured
from edgetext.cli.export import (
    add_export_arguments,
    describe,
    export_settings,
    refuse_incomplete,
    show_search,
)
from edgetext.cli.push import add_push_to_hub, plan_push, push_made
from edgetext.cli.train import (
    DATA_HELP,
    add_data_arguments,
    add_training_arguments,
    data_settings,
    training_settings,
)
from edgetext.ours import BUNDLE

if TYPE_CHECKING:
    from edgetext.cli.console import Console

BUILTIN_DATA = "food_not_food"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "data", metavar="DATA", nargs="?", default=BUILTIN_DATA, help=f"{DATA_HELP} (default: %(default)s)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="the folder for checkpoint/, bundle/ and report/ (default: runs/ and the name of DATA)",
    )
    add_data_arguments(parser)
    add_training_arguments(parser)
    add_export_arguments(parser)
    parser.set_defaults(search_seconds=pipeline.SEARCH_SECONDS)
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of each measured program")
    parser.add_argument("--overwrite", action="store_true", help="replace what is in the output folder")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with what an interrupted run with the same data and options left in the output folder",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    add_push_to_hub(parser, "the bundle, unless the gate refuses it,")


def run(arguments: argparse.Namespace) -> int:
    """Trains, exports, measures, and prints what was reached and what to type next."""
    from edgetext.cli.console import open_console

    settings, pushing = _settings(arguments), plan_push(arguments, BUNDLE)
    console = open_console()
    with console.progress() as progress:
        made = pipeline.run(
            data_settings(arguments),
            arguments.output or Path("runs") / _name(arguments.data),
            settings,
            progress=progress,
            overwrite=arguments.overwrite,
            resume=arguments.resume,
        )
    _show(arguments, console, made)
    refuse_incomplete(made.exported)
    refuse_unmeasured(made.results)
    push_made(made.exported.path, pushing, console, as_json=arguments.json)
    return 0


def _settings(arguments: argparse.Namespace) -> pipeline.RunSettings:
    return pipeline.RunSettings(
        base=arguments.base,
        training=training_settings(arguments),
        export=export_settings(arguments),
        bench=pipeline.BenchSettings(threads=arguments.threads),
    )


def _show(arguments: argparse.Namespace, console: Console, made: pipeline.Run) -> None:
    exported = made.exported
    if not arguments.json:
        show_search(exported, console)
    print_results(made.results, console, as_json=arguments.json)
    if arguments.json:
        return
    console.say(f"\nThe bundle's default is {describe(exported)}.")
    from edgetext.task import parts_of

    console.say(f"The whole report: {made.path / 'report' / 'report.md'}\n\nNext:")
    program, bundle = _program(), shlex.quote(str(exported.path))
    example = shlex.join(parts_of(exported.examples[0]) if exported.examples else ["your text"])
    console.say(f"  {program} predict {bundle} {example}")
    console.say(f"  {program} demo {bundle}")
    console.say(f"  {program} inspect {bundle}")


def _name(data: str) -> str:
    """Chooses a folder's name for the data: the file's without its ending, or the last part of a Hub name."""
    if data.startswith(("hub:", "builtin:")):
        return data.partition(":")[2].partition("@")[0].rpartition("/")[2].replace(":", "_")
    return Path(data).stem


def _program() -> str:
    """Tells what a user must type to run edgetext from here."""
    if shutil.which("edgetext"):
        return "edgetext"
    script = Path(sys.argv[0])
    if script.name != "edgetext":
        return f"{shlex.quote(sys.executable)} -m edgetext"
    here = Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))
