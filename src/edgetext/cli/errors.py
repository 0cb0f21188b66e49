"""``edgetext errors CHECKPOINT|BUNDLE [DATA]``: what a model gets wrong, and which labels are probably wrong."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.arguments import add_columns, chosen_columns
from edgetext.errors import InputError
from edgetext.escape import terminal

if TYPE_CHECKING:
    from edgetext.cli.console import Console
    from edgetext.mistakes.facts import Mistakes
    from edgetext.mistakes.words import Cell, Section

_LONGEST = 60  # letters of a text in a table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "model", metavar="CHECKPOINT|BUNDLE", help="whose answers: a folder, or hub:OWNER/NAME for a bundle"
    )
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="labelled text; default: the held-out rows of the checkpoint's split",
    )
    add_columns(parser)
    parser.add_argument(
        "--part",
        choices=("train", "validation", "test"),
        help="which rows of the split (default: test, or else validation)",
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="CHECKPOINT", help="what a bundle was made of, for its split and epochs"
    )
    parser.add_argument("--variant", metavar="NAME", help="which of a bundle's models (default: the bundle's)")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows of a table (default: %(default)s)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots, too")
    parser.add_argument("--overwrite", action="store_true", help="replace the page if it is there")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON, every mistake included")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    if arguments.top < 1:
        raise InputError(f"--top must be at least 1, found {arguments.top}")
    _check_page(arguments)

    from edgetext.cli.console import open_console
    from edgetext.mistakes.answers import Question, answer
    from edgetext.mistakes.facts import find_mistakes

    question = Question(
        model=arguments.model,
        data=arguments.data,
        part=arguments.part,
        checkpoint=arguments.checkpoint,
        variant=arguments.variant,
        columns=chosen_columns(arguments),
    )
    console = open_console()
    with console.progress() as progress:
        found = find_mistakes(answer(question, progress), progress)
        if arguments.html is not None:
            from edgetext.mistakes.page import write_page

            write_page(arguments.html, found, arguments.top)
            progress.note(f"wrote {arguments.html}")
    if arguments.json:
        console.say_json(found.to_json())
    else:
        show(found, arguments.top, console)
    return 0


def _check_page(arguments: argparse.Namespace) -> None:
    """Refuses a page that cannot be written, before the model is asked."""
    if arguments.html is None:
        return
    from edgetext.files import refuse_file
    from edgetext.ours import MISTAKES
    from edgetext.page.render import check_jinja

    check_jinja("train")
    refuse_file(arguments.html, "--html", MISTAKES, overwrite=arguments.overwrite)


def show(found: Mistakes, top: int, console: Console) -> None:
    """Prints what went wrong: for each part its table, and below it how to read it."""
    from edgetext.mistakes.words import headlines, sections

    for sentence in headlines(found):
        console.say(terminal(sentence))
    for section in sections(found, top):
        console.say("")
        _show(section, console)


def _show(section: Section, console: Console) -> None:
    if not section.rows:
        console.say(section.title)
    else:
        console.table(
            section.title,
            [column.name for column in section.columns],
            [[_short(cell) for cell in row] for row in section.rows],
            words=[place for place, column in enumerate(section.columns) if column.words],
        )
    console.say(terminal(section.about))


def _short(cell: Cell) -> str:
    """Cuts a text to what a line holds; of a pair both parts stay."""
    if isinstance(cell, str):
        return _cut(cell, _LONGEST)
    return " / ".join(_cut(part, _LONGEST // 2) for part in cell)


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
