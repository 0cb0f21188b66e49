"""``edgetext run [DATA]``: the main job, from labelled rows to a classifier to ship and its report."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from dataclasses import replace
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
    from edgetext.errors import check_extra
    from edgetext.files import refuse_existing
    from edgetext.ours import RUN

    output = arguments.output or Path("runs") / _name(arguments.data)
    refuse_existing(output, RUN, overwrite=arguments.overwrite)
    for extra in ("train", "export", "bench"):
        check_extra(extra)
    console = open_console()
    with console.progress() as progress:
        exported, results = _work(arguments, output, progress)
    _show(arguments, console, exported, results, output)
    refuse_without_int8(exported)
    refuse_unmeasured(results)
    return 0


def _work(arguments: argparse.Namespace, output: Path, progress: Progress) -> tuple[Exported, Results]:
    """Makes the run, and where there is one to be replaced makes it in full beside that one.

    So an old bundle never lies beside a new checkpoint, and the old run is whole until the new one is. Parts that
    were done when a later one failed are kept: at the output, or next to the old run.
    """
    from edgetext.files import new_folder
    from edgetext.ours import RUN

    if not output.is_dir() or not any(output.iterdir()):
        try:
            return _parts(arguments, output, progress)
        except BaseException:
            _tell_parts(output, progress)
            raise
    with new_folder(output, RUN, overwrite=arguments.overwrite) as folder:
        try:
            exported, results = _parts(arguments, folder, progress)
        except BaseException:
            _keep_parts(folder, output, progress)
            raise
    return replace(exported, path=output / "bundle"), results


def _parts(arguments: argparse.Namespace, output: Path, progress: Progress) -> tuple[Exported, Results]:
    """Makes the three parts, each whole or not at all; a part that is done outlives the failure of a later one."""
    from edgetext.bench.heldout import find_held_out
    from edgetext.bench.report import write_report
    from edgetext.bench.run import run_bench
    from edgetext.bench.settings import BenchSettings
    from edgetext.files import new_folder
    from edgetext.ours import REPORT

    bench_settings = BenchSettings(threads=arguments.threads)
    all_settings_from(arguments), calibration_from(arguments)  # what they refuse, they refuse before the training
    checkpoint = train_from(arguments, output / "checkpoint", progress)
    exported = export_from(arguments, checkpoint.path, output / "bundle", None, progress)
    rows = find_held_out(checkpoint)
    with new_folder(output / "report", REPORT) as folder:
        results = run_bench(exported.path, checkpoint.path, rows, settings=bench_settings, progress=progress)
        write_report(folder, results)
    return exported, results


def _keep_parts(folder: Path, output: Path, progress: Progress) -> None:
    """Keeps the parts that are whole, in place of those that an earlier failure left."""
    from edgetext.files import new_folder
    from edgetext.ours import RUN

    progress.note(f"{output} is as it was")
    if not _done(folder):
        return
    beside = output.with_name(f"{output.name}.new")
    with new_folder(beside, RUN, overwrite=True) as kept:
        for name in _done(folder):
            (folder / name).rename(kept / name)
    _tell_parts(beside, progress)


def _tell_parts(folder: Path, progress: Progress) -> None:
    done = ", ".join(str(folder / name) for name in _done(folder))
    if done:
        progress.note(f"kept of this run, each whole: {done}")


def _done(folder: Path) -> list[str]:
    from edgetext.ours import RUN

    return [name for name in RUN.folders if (folder / name).is_dir()]


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
