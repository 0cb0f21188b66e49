"""``edgetext data DATA``: what is in labelled text, and what is wrong with it, before anything is trained."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.train import DATA_HELP, add_data_arguments, data_settings

if TYPE_CHECKING:
    from edgetext.cli.console import Console
    from edgetext.data.report.lengths import Lengths
    from edgetext.data.report.report import DataReport

_MOST_LABELS = 20
_BAR = 40  # characters of the longest bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    add_data_arguments(parser)
    parser.add_argument(
        "--base",
        metavar="MODEL",
        default="minilm",
        help="the base model whose tokenizer measures the texts; words are counted where it is not here "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="TOKENS",
        help="the most that is read of a text (default: the model's most)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", default=42, help="of the parts that training would cut off"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one page, too")
    parser.add_argument("--overwrite", action="store_true", help="replace the page if it is there")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; faults that were found are its result, and no failure."""
    from edgetext.cli.console import open_console
    from edgetext.pipeline import report_data

    if arguments.html:  # what cannot be written is refused before anything is read
        from edgetext.data.report.page import write_page
        from edgetext.files import refuse_file
        from edgetext.ours import DATA_PAGES

        refuse_file(arguments.html, "--html", DATA_PAGES, overwrite=arguments.overwrite)
    console = open_console()
    with console.progress() as progress:
        report = report_data(
            data_settings(arguments),
            arguments.base,
            max_length=arguments.max_length,
            seed=arguments.seed,
            progress=progress,
        )
    if arguments.html:
        write_page(arguments.html, report)
    if arguments.json:
        console.say_json(report.to_json())
    else:
        show(report, console)
        if arguments.html:
            console.say(f"The page: {arguments.html}")
        if all(finding.severity != "error" for finding in report.findings):
            console.say(f"next,  edgetext train {shlex.join(_data_words(arguments))} -o CHECKPOINT")
    return 0


def _data_words(arguments: argparse.Namespace) -> list[str]:
    """Repeats the words that say how the data is read."""
    words = [arguments.data]
    for option in ("text_column", "text_pair_column", "label_column", "label_separator", "validation", "test"):
        value = getattr(arguments, option)
        words += [f"--{option.replace('_', '-')}", value] if value else []
    if arguments.split_column is not None:
        words += ["--split-column", arguments.split_column] if arguments.split_column else ["--no-split-column"]
    return words


def show(report: DataReport, console: Console) -> None:
    """Prints the report."""
    read = ", ".join(f"{use}: {name}" for use, name in report.columns.items())
    kind = "one label a row" if report.one_label else "any number of labels a row"
    console.say(f"{report.uri}: {report.rows:,} rows, {len(report.labels):,} labels, {kind} ({read})")
    for note in report.notes:
        console.say(note)
    _show_labels(report, console)
    console.say("")
    _show_lengths(report.lengths, console)
    console.say("")
    from edgetext.data.report.findings import listed_places

    if not report.findings:
        console.say("Nothing is wrong with it, as far as a program can see.")
    for finding in report.findings:
        console.say(f"{finding.severity}: {finding.says}")
        if finding.places:
            console.say(f"  where: {listed_places(finding.places)}")
        console.say(f"  what to do: {finding.advice}")
    for sentence in report.advice:
        console.say(sentence)


def _show_labels(report: DataReport, console: Console) -> None:
    parts = list(report.parts)
    ranked = sorted(report.labels, key=lambda label: -sum(report.labels[label].values()))
    shown = ranked if len(ranked) <= _MOST_LABELS else [*ranked[: _MOST_LABELS // 2], *ranked[-_MOST_LABELS // 2 :]]
    rows = [[label, *(str(report.labels[label].get(part, 0)) for part in parts)] for label in shown]
    if len(shown) < len(ranked):
        rows.insert(_MOST_LABELS // 2, [f"... {len(ranked) - len(shown)} more", *("" for _ in parts)])
    if report.unlabelled:
        rows.append([f"no label: {report.unlabelled}", *("" for _ in parts)])
    rows.append(["rows", *(str(report.parts[part]) for part in parts)])
    console.table("rows of each label, by part", ["label", *parts], rows)


def _show_lengths(lengths: Lengths, console: Console) -> None:
    limit = f"; {lengths.over:,} beyond the limit of {lengths.limit:,}" if lengths.limit else ""
    console.say(
        f"{lengths.unit} in a text, by {lengths.by}: half have at most {lengths.median:,}, 99 % at most "
        f"{lengths.p99:,}, the longest {lengths.longest:,}{limit}"
    )
    most = max(count for _, _, count in lengths.bins)
    block = "█" if (sys.stdout.encoding or "").lower().startswith("utf") else "#"
    width = max(len(f"{start:,} to {end:,}") for start, end, _ in lengths.bins)
    for start, end, count in lengths.bins:
        span = f"{start:,} to {end:,}" if start < end else f"{start:,}"
        bar = block * (max(1, round(_BAR * count / most)) if count else 0)
        console.say(f"  {span:>{width}}  {bar} {count:,}")
