"""``edgetext run [DATA]``: the main job, from labelled rows to a proven int8 classifier and its report."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.bench import print_results, refuse_unmeasured
from edgetext.cli.export import (
    add_export_arguments,
    all_settings_from,
    calibration_from,
    describe,
    export_from,
    refuse_without_int8,
    show_search,
)
from edgetext.cli.train import DATA_HELP, add_data_arguments, add_training_arguments, train_from

if TYPE_CHECKING:
    from edgetext.bench.results import Results
    from edgetext.cli.console import Console
    from edgetext.export.assembly import Exported
    from edgetext.progress import Progress

BUILTIN_DATA = "food_not_food"
SEARCH_SECONDS = 120.0  # less than export's own default, since training and bench take their time too


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
    parser.set_defaults(search_seconds=SEARCH_SECONDS)
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of each measured program")
    parser.add_argument("--overwrite", action="store_true", help="replace what is in the output folder")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Trains, exports, measures, and prints what was reached and what to type next."""
    from edgetext.cli.console import open_console
    from edgetext.files import refuse_existing

    output = arguments.output or Path("runs") / _name(arguments.data)
    refuse_existing(output, overwrite=arguments.overwrite)
    console = open_console()
    with console.progress() as progress:
        exported, results = _work(arguments, output, progress)
    _show(arguments, console, exported, results, output)
    refuse_without_int8(exported)
    refuse_unmeasured(results)
    return 0


def _work(arguments: argparse.Namespace, output: Path, progress: Progress) -> tuple[Exported, Results]:
    """Makes the three parts, each whole or not at all; a part that is done outlives the failure of a later one."""
    from edgetext.bench.heldout import find_held_out
    from edgetext.bench.report import write_report
    from edgetext.bench.run import run_bench
    from edgetext.bench.settings import BenchSettings
    from edgetext.files import new_folder

    bench_settings = BenchSettings(threads=arguments.threads)
    all_settings_from(arguments), calibration_from(arguments)  # what they refuse, they refuse before the training
    checkpoint = train_from(arguments, output / "checkpoint", progress)
    for part in ("bundle", "report"):  # of an earlier run, asked to be overwritten: they belong to another model
        shutil.rmtree(output / part, ignore_errors=True)
    exported = export_from(arguments, checkpoint.path, output / "bundle", None, progress)
    rows = find_held_out(checkpoint)
    with new_folder(output / "report") as folder:
        results = run_bench(exported.path, checkpoint.path, rows, settings=bench_settings, progress=progress)
        write_report(folder, results)
    return exported, results


def _show(
    arguments: argparse.Namespace, console: Console, exported: Exported, results: Results, output: Path
) -> None:
    if not arguments.json:
        show_search(exported, console)
    print_results(results, console, as_json=arguments.json)
    if arguments.json:
        return
    console.say(f"\nThe bundle's default is {describe(exported)}.")
    console.say(f"The whole report: {output / 'report' / 'report.md'}\n\nNext:")
    program, bundle = _program(), shlex.quote(str(exported.path))
    example = shlex.quote("your text" if not exported.examples else exported.examples[0])
    console.say(f"  {program} predict {bundle} {example}")
    console.say(f"  {program} demo {bundle}")
    console.say(f"  {program} inspect {bundle}")


def _name(data: str) -> str:
    """Gives a folder's name for the data: the file's without its ending, or the last part of a Hub name."""
    if data.startswith(("hub:", "builtin:")):
        return data.partition(":")[2].partition("@")[0].rpartition("/")[2].replace(":", "_")
    return Path(data).stem


def _program() -> str:
    """Gives what a user must type to run edgetext from here."""
    if shutil.which("edgetext"):
        return "edgetext"
    script = Path(sys.argv[0])
    if script.name != "edgetext":
        return f"{shlex.quote(sys.executable)} -m edgetext"
    here = Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))
