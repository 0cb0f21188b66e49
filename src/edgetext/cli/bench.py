"""``edgetext bench``: measure a bundle against torch, or read what was measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.arguments import add_labelled_rows, chosen_columns, settings_of
from edgetext.cli.bench_scenarios import add_scenario_arguments, checked_scenarios, print_costs
from edgetext.errors import INTERRUPTED, REGRESSION, EdgetextError, InputError, WriteError
from edgetext.escape import terminal

if TYPE_CHECKING:
    from edgetext.bench.models import Measured
    from edgetext.bench.results import Results
    from edgetext.bench.settings import BenchSettings
    from edgetext.cli.console import Console

BESIDE = "beside"
USAGE = """edgetext bench BUNDLE ... [--baseline CHECKPOINT] [--data DATA] -o DIR [options]
       edgetext bench show FILE
       edgetext bench report FILE [-o REPORT.md | -o PAGE.html]
       edgetext bench compare OLD NEW [--fail-if "p50>10%%"] ...
       edgetext bench NEW --beside OLD -o DIR [--fail-if "p50>10%%"] ...
       edgetext bench merge FILE FILE ... -o MERGED.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.usage = USAGE
    parser.add_argument(
        "words",
        nargs="+",
        metavar="BUNDLE ... | show FILE | report FILE | compare OLD NEW | merge FILE ...",
        help="bundles and checkpoints to measure in the same rounds, or a reader and the results files (or their "
        "folders) that it reads",
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="CHECKPOINT", help="what the bundles were exported from, for torch rows"
    )
    add_labelled_rows(parser, "labelled text (default: the held-out rows of the baseline's split)")
    parser.add_argument("-o", "--output", type=Path, help="folder for results and report; file for readers")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at --output")
    parser.add_argument(
        "--backends",
        type=lambda words: tuple(words.split(",")) if words else (),
        default=(),
        metavar="A,B",
        help="only these; all for every one (default: the short list)",
    )
    parser.add_argument(
        "--variants",
        type=lambda words: tuple(words.split(",")) if words else (),
        default=(),
        metavar="A,B",
        help="only these of the bundles; all for every one (default: all of one bundle, each one's default of "
        "several)",
    )
    _add_amounts(parser)
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="OLD",
        help="measure the bundle OLD in the same rounds, into DIR/beside, and compare the two",
    )
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="METRIC>N%",
        help="compare: exit code 4 when a row got worse by more, with certainty; may be given several times",
    )
    add_scenario_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")


def _add_amounts(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how much is measured."""
    parser.add_argument("--limit", type=int, metavar="N", help="predict so many rows, drawn at random")
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="for every program (default: usable cores)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns of each row (default: 5)")
    parser.add_argument(
        "--within",
        type=float,
        metavar="PERCENT",
        help="add rounds, from 10 on, until every interval of a ratio reaches at most so far to either side",
    )
    parser.add_argument(
        "--max-rounds", type=int, default=100, metavar="N", help="where --within gives up (default: 100)"
    )
    parser.add_argument(
        "--slices",
        type=int,
        default=2,
        metavar="N",
        help="cut each turn into N slices, which alternate: more find smaller changes with --beside (default: 2)",
    )
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="texts in a batch (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of turns and of --limit (default: 0)")
    parser.add_argument(
        "--timeout", dest="timeout_s", type=float, default=600.0, metavar="S", help="for one request (default: 600)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measures, or reads."""
    first, *others = arguments.words
    if first in _READERS and not (others == [] and Path(first).is_dir()):
        return _READERS[first](arguments, [Path(word) for word in others])
    if arguments.fail_if and not arguments.beside:
        raise InputError("--fail-if belongs to 'edgetext bench compare OLD NEW', or to --beside OLD")
    if arguments.beside and others:
        raise InputError(f"--beside compares two bundles, found also {others[0]!r}: name them all without --beside")
    return _measure(arguments)


def _measure(arguments: argparse.Namespace) -> int:
    from edgetext.bench.run import BenchInterrupted
    from edgetext.files import new_folder
    from edgetext.ours import REPORT

    settings = _checked_settings(arguments)
    models = _opened(arguments)
    with new_folder(arguments.output, REPORT, overwrite=arguments.overwrite) as folder:
        try:
            measured, code = _measured(arguments, models, settings), 0
        except BenchInterrupted as interrupted:
            measured, code = interrupted.results, INTERRUPTED
        results, other = _parted(arguments, measured, models)
        _write(arguments, folder, results, other)
    if not arguments.json or other is None:  # one JSON document at a time: beside another it is the comparison
        _print(arguments, results)
    written = sorted(path.name for path in arguments.output.iterdir())
    print(terminal("written: " + ", ".join(f"{arguments.output}/{name}" for name in written)), file=sys.stderr)
    if other is not None and not code:
        code = _print_comparison(arguments, other, results, (str(arguments.beside), arguments.words[0]))
    if not code:
        refuse_unmeasured(results)
    return code


def _checked_settings(arguments: argparse.Namespace) -> BenchSettings:
    """Refuses what cannot work before minutes are spent on it."""
    from edgetext.bench.compare import read_limit
    from edgetext.bench.registry import ALL, choose_backends
    from edgetext.bench.settings import BenchSettings

    if arguments.output is None:
        raise InputError("say where the results go: -o DIR")
    for text in arguments.fail_if:
        read_limit(text)
    choose_backends(arguments.backends)
    # Two versions of a bundle are compared in all that they hold.
    variants = arguments.variants or ((ALL,) if arguments.beside else ())
    return settings_of(BenchSettings, arguments, variants=variants, scenarios=checked_scenarios(arguments))


def _paths(arguments: argparse.Namespace) -> list[Path | str]:
    return [*arguments.words, *([arguments.beside] if arguments.beside else [])]


def _opened(arguments: argparse.Namespace) -> tuple[Measured, ...]:
    from edgetext.bench.models import open_models
    from edgetext.runtime.bundle import open_bundle

    for path in _paths(arguments) if arguments.beside else ():
        open_bundle(path)  # a checkpoint has no rows that a bundle's could be compared with
    return open_models(_paths(arguments), arguments.baseline)


def _measured(arguments: argparse.Namespace, models: Sequence[Measured], settings: BenchSettings) -> Results:
    from edgetext.bench.heldout import find_held_out
    from edgetext.bench.run import run_bench
    from edgetext.cli.console import open_console

    rows = find_held_out(
        None,
        arguments.data,
        others=[model.opened for model in models],
        **chosen_columns(arguments),
        limit=arguments.limit,
        seed=arguments.seed,
    )
    with open_console().progress() as progress:
        return run_bench(_paths(arguments), arguments.baseline, rows, settings=settings, progress=progress)


def _parted(
    arguments: argparse.Namespace, measured: Results, models: Sequence[Measured]
) -> tuple[Results, Results | None]:
    """Parts a run with ``--beside`` into that of the bundle and that of the other one."""
    from edgetext.bench.merge import split

    return split(measured, models[-2].name, models[-1].name) if arguments.beside else (measured, None)


def _write(arguments: argparse.Namespace, folder: Path, results: Results, other: Results | None) -> None:
    """Writes the report; what took minutes to measure is shown at least, where that is refused."""
    from edgetext.bench.report import write_report

    try:
        write_report(folder, results)
        if other is not None:
            (folder / BESIDE).mkdir()
            write_report(folder / BESIDE, other)
    except WriteError:
        _print(arguments, results)
        raise


def _show(arguments: argparse.Namespace, files: list[Path]) -> int:
    from edgetext.bench.results import read_results

    results = read_results(_only(files))
    _print(arguments, results)
    refuse_unmeasured(results)
    return 0


def _report(arguments: argparse.Namespace, files: list[Path]) -> int:
    from edgetext.bench.report import report_text
    from edgetext.bench.results import read_results
    from edgetext.files import write_atomically
    from edgetext.ours import PAGES

    results = read_results(_only(files))
    if arguments.output is None:
        print(report_text(results), end="")
    elif arguments.output.suffix.lower() in (".html", ".htm"):
        from edgetext.bench.page.page import write_page

        write_page(_free(arguments, PAGES), results)
    else:
        write_atomically(_free(arguments, PAGES), report_text(results).encode("utf-8"))
    refuse_unmeasured(results)
    return 0


def _merge(arguments: argparse.Namespace, files: list[Path]) -> int:
    from edgetext.bench.merge import merge
    from edgetext.bench.results import read_results, write_results
    from edgetext.ours import RESULTS

    merged = merge([read_results(file) for file in files], [str(file) for file in files])
    if arguments.output is not None:
        write_results(_free(arguments, RESULTS), merged)
    _print(arguments, merged)
    refuse_unmeasured(merged)
    return 0


def _compare(arguments: argparse.Namespace, files: list[Path]) -> int:
    from edgetext.bench.results import read_results

    if len(files) != 2:
        raise InputError(f"compare takes two results files, the old one and the new one, found {len(files)}")
    old, new = (read_results(file) for file in files)
    return _print_comparison(arguments, old, new, (str(files[0]), str(files[1])))


_READERS: dict[str, Callable[[argparse.Namespace, list[Path]], int]] = {
    "show": _show,
    "report": _report,
    "compare": _compare,
    "merge": _merge,
}


def print_results(results: Results, console: Console, *, as_json: bool) -> None:
    """Prints results as a table with its remarks, or as one line of JSON.

    Args:
        results: What was measured.
        console: Where to.
        as_json: Whether a program reads it.
    """
    from edgetext.bench.show import columns, remarks, table_rows, title

    if as_json:
        console.say_json(results.to_json())
        return
    console.table(title(results), columns(results), table_rows(results))
    for remark in remarks(results):
        console.say(remark)


def refuse_unmeasured(results: Results) -> None:
    """Ends with exit code 1 where no row has a figure; the results have been written and printed.

    Raises:
        EdgetextError: No row was measured.
    """
    from edgetext.bench.results import MEASURED

    if any(row.status == MEASURED for row in results.rows):
        return
    reasons = "; ".join(f"{row.backend} {row.variant}: {row.reason or row.status}" for row in results.rows)
    raise EdgetextError(f"nothing was measured ({reasons or 'there is no row'})")


def _print(arguments: argparse.Namespace, results: Results) -> None:
    from edgetext.cli.console import open_console

    print_results(results, open_console(), as_json=arguments.json)
    if not arguments.json:
        print_costs(arguments, results, open_console())


def _print_comparison(arguments: argparse.Namespace, old: Results, new: Results, names: tuple[str, str]) -> int:
    """Prints what got worse, and gives the exit code.

    Raises:
        DataError: They predicted different rows.
        InputError: They cannot be compared, or a limit cannot be read.
        EdgetextError: No row was measured in both.
    """
    from edgetext.bench.compare import compare, read_limit, regressions
    from edgetext.bench.show import compared, comparison_rows
    from edgetext.cli.console import open_console

    limits = [read_limit(text) for text in arguments.fail_if]
    comparison = compare(old, new, names)
    found = regressions(comparison, limits)
    console = open_console()
    if arguments.json:
        console.say_json({**comparison.to_json(), "regressions": found})
    else:
        scored = new.data.decides.metric
        title = f"{names[1]} against {names[0]}: percent worse [95 %], {scored} in points; * shows a difference"
        console.table(title, compared(comparison), comparison_rows(comparison))
        for sentence in (*comparison.notes, *comparison.lost):
            console.say(sentence)
        for sentence in found:
            console.say(f"regression: {sentence}")
    if not (found or comparison.pairs):
        raise EdgetextError(f"no row was measured in both {names[0]} and {names[1]}: nothing was compared")
    return REGRESSION if found else 0


def _only(files: list[Path]) -> Path:
    if len(files) != 1:
        raise InputError(f"expected one results file, found {len(files)}")
    return files[0]


def _free(arguments: argparse.Namespace, marks: Sequence[bytes]) -> Path:
    from edgetext.files import refuse_file

    target: Path = arguments.output
    refuse_file(target, "--output", marks, overwrite=arguments.overwrite)
    return target
