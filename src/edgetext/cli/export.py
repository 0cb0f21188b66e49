"""``edgetext export CHECKPOINT -o BUNDLE``."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edgetext.cli.arguments import add_labelled_rows, settings_of
from edgetext.cli.push import add_push_to_hub, plan_push, push_made
from edgetext.cli.train import data_settings
from edgetext.export.settings import (
    AUTO,
    DEFAULT_FIRST_STAGE_MB,
    DEFAULT_PRECISION,
    DEFAULT_SEARCH_SECONDS,
    DEFAULT_VOCABULARY,
    FIRST_STAGE_CHOICES,
    OBJECTIVES,
)
from edgetext.ours import BUNDLE

if TYPE_CHECKING:
    from edgetext.cli.console import Console
    from edgetext.export.assembly import Exported
    from edgetext.export.settings import ExportSettings


class ListSchemes(argparse.Action):
    """Prints the schemes as argparse prints a version: whatever else was typed or left out."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Prints them and ends the program."""
        from edgetext.export.schemes.registry import describe_schemes

        for name, what in describe_schemes():
            print(f"{name:<36}  {what}")
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's words."""
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="the folder that 'edgetext train' wrote"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="the folder to write")
    add_labelled_rows(parser, "labelled rows for the gate (default: the validation rows that the checkpoint names)")
    add_export_arguments(parser)
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="TEACHER",
        help="a checkpoint of the same labels that int8 is held against, in place of CHECKPOINT in fp32: is this "
        "student as good as its teacher?",
    )
    parser.add_argument("--list-schemes", action=ListSchemes, nargs=0, help="say which schemes there are, and end")
    parser.add_argument("--overwrite", action="store_true", help="replace the output folder if it is there")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    add_push_to_hub(parser, "the bundle, unless the gate refuses it,")


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what ``edgetext run`` passes on to the export."""
    add_search_arguments(parser)
    parser.add_argument(
        "--calibration", metavar="DATA", help="labelled rows to calibrate static int8 on (default: training rows)"
    )
    parser.add_argument(
        "--text-model",
        action="store_true",
        help="also write onnx/model_text.onnx, which has the tokenizer inside: a string in, a label out",
    )
    parser.add_argument(
        "--trim-vocabulary",
        type=int,
        nargs="?",
        const=DEFAULT_VOCABULARY,
        metavar="TOKENS",
        help="drop tokens that the training texts do not have, down to so many (%(const)s if no number follows)",
    )

    parser.add_argument(
        "--first-stage-mb",
        type=float,
        default=DEFAULT_FIRST_STAGE_MB,
        metavar="MB",
        help="the largest size of the first stage's file (default %(default)g)",
    )


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what decides the search."""
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="latency",
        help="what to be best at: one text soonest, most texts per second, or the smallest file (default: latency)",
    )
    parser.add_argument(
        "--max-drop", type=float, default=0.01, help="how much accuracy int8 may lose, as a share (default 0.01)"
    )
    parser.add_argument("--strict", action="store_true", help="refuse int8 unless the gate says 'passed'")
    parser.add_argument(
        "--first-stage",
        choices=FIRST_STAGE_CHOICES,
        default="auto",
        help="a table of word vectors that answers what it is sure of: where it passes the gate and pays (auto), "
        "or fail without it (require)",
    )
    parser.add_argument("--scheme", metavar="NAME", help="make the model by this scheme, without a search")
    parser.add_argument(
        "--search-seconds",
        type=float,
        metavar="S",
        default=DEFAULT_SEARCH_SECONDS,
        help="how long the search may take before it cuts its list short (default %(default)g)",
    )
    parser.add_argument(
        "--unlabelled",
        metavar="FILE",
        help="texts without labels, in rows or a text a line: with few labelled rows an int8 model passes the gate "
        "too where it hardly ever answers these otherwise than fp32",
    )
    parser.add_argument(
        "--min-confidence",
        type=_confidence,
        metavar="SHARE|auto",
        help="mark answers below it as not sure; auto: chosen so that sure ones are right as --precision says",
    )
    parser.add_argument(
        "--precision",
        type=float,
        default=DEFAULT_PRECISION,
        metavar="SHARE",
        help="how often sure answers are to be right (default %(default)g)",
    )
    parser.add_argument(
        "--no-examples", dest="examples", action="store_false", help="keep no example texts in the manifest"
    )
    parser.add_argument(
        "--no-texts",
        dest="texts",
        action="store_false",
        help="keep no text at all in the bundle; 'edgetext tune' will then need --data",
    )


def _confidence(word: str) -> float | str:
    return word if word == AUTO else float(word)


def run(arguments: argparse.Namespace) -> int:
    """Exports, prints what was written, and says so when the gate refused."""
    from edgetext.cli.console import open_console
    from edgetext.pipeline import export

    settings, pushing = export_settings(arguments), plan_push(arguments, BUNDLE)
    console = open_console()
    with console.progress() as progress:
        exported = export(
            arguments.checkpoint,
            arguments.output,
            settings,
            progress,
            data=data_settings(arguments) if arguments.data is not None else None,
            overwrite=arguments.overwrite,
        )
    show(exported, console, as_json=arguments.json)
    refuse_incomplete(exported)
    push_made(exported.path, pushing, console, as_json=arguments.json)
    return 0


def export_settings(arguments: argparse.Namespace) -> ExportSettings:
    """Returns the settings of a command line that has ``add_search_arguments``."""
    from edgetext.export.settings import ExportSettings

    chosen = {"schemes": (arguments.scheme,)} if arguments.scheme else {}
    return settings_of(ExportSettings, arguments, command=shlex.join(["edgetext", *sys.argv[1:]]), **chosen)


def show(exported: Exported, console: Console, *, as_json: bool) -> None:
    """Prints what was written: the table of the search and a sentence, or the manifest as JSON."""
    if as_json:
        console.say_json(exported.manifest.to_json(), indent=2)
        return
    show_search(exported, console)
    console.say(f"wrote {exported.path}: {describe(exported)}")


def show_search(exported: Exported, console: Console) -> None:
    """Prints the table of the search, if there was one, with its remarks."""
    from edgetext.export.record import table_cells, table_columns, table_remarks, table_title

    record = exported.record
    if len(record.rows) <= 2:  # the reference and the one scheme that was asked for
        return
    console.table(table_title(record), list(table_columns(record)), table_cells(record))
    for remark in table_remarks(record):
        console.say(remark)
    console.say("")


def describe(exported: Exported) -> str:
    """Says in a sentence which model is the default, and what the gate said of it."""
    default = exported.manifest.variant()
    size = f"{default.bytes / 1e6:.1f} MB"
    if exported.refused:
        return f"fp32, {size}, since no int8 model was let through"
    said = f"{default.precision} by {default.scheme}, {size}; the gate: {default.evaluation['sentence']}"
    first = exported.manifest.first_stage
    if first is None:
        return said
    return (
        f"{said}; before it a first stage, {first.bytes / 1e6:.1f} MB, that answers {first.coverage:.0%} of texts"
    )


def refuse_incomplete(exported: Exported) -> None:
    """Ends with exit code 3 where no int8 model was let through, or no first stage that was required.

    The bundle has been written: with fp32 as its default, or without a first stage.

    Raises:
        GateRefusedError: One of them is missing.
    """
    from edgetext.errors import GateRefusedError
    from edgetext.export.record import FIRST_STAGE_ROW

    reasons = {row.scheme: row.reason for row in exported.record.rows if row.scheme != "fp32"}
    first = reasons.pop(FIRST_STAGE_ROW, "")
    if exported.refused:
        tried = "; ".join(f"{scheme}: {reason}" for scheme, reason in reasons.items())
        raise GateRefusedError(
            f"no int8 model was good enough, so fp32 is the default of {exported.path} ({tried})"
        )
    if exported.record.settings.get("first_stage") == "require" and exported.manifest.first_stage is None:
        raise GateRefusedError(f"no first stage was let through, so {exported.path} has none ({first})")
