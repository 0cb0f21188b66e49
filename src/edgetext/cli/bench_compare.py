"""The flags of ``edgetext bench`` that concern two runs, or two bundles in one run, and what is printed of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.errors import EdgetextError

if TYPE_CHECKING:
    from edgetext.bench.results import Results

REGRESSION = 4  # see cli.main


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
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


def print_comparison(arguments: argparse.Namespace, old: Results, new: Results, names: tuple[str, str]) -> int:
    """Prints what got worse, and gives the exit code.

    Args:
        arguments: ``fail_if`` and ``json``.
        old: What to compare with.
        new: What is judged.
        names: What to call each.

    Raises:
        DataError: They predicted different rows.
        InputError: They cannot be compared, or a limit cannot be read.
        EdgetextError: No row was measured in both.
    """
    from edgetext.bench.compare import compare, read_limit, regressions
    from edgetext.bench.show import COMPARED, comparison_rows
    from edgetext.cli.console import open_console

    limits = [read_limit(text) for text in arguments.fail_if]
    comparison = compare(old, new, names)
    found = regressions(comparison, limits)
    console = open_console()
    if arguments.json:
        console.say_json({**comparison.to_json(), "regressions": found})
    else:
        title = f"{names[1]} against {names[0]}: percent worse [95 %], accuracy in points; * shows a difference"
        console.table(title, list(COMPARED), comparison_rows(comparison))
        for sentence in (*comparison.notes, *comparison.lost):
            console.say(sentence)
        for sentence in found:
            console.say(f"regression: {sentence}")
    if not (found or comparison.pairs):
        raise EdgetextError(f"no row was measured in both {names[0]} and {names[1]}: nothing was compared")
    return REGRESSION if found else 0
