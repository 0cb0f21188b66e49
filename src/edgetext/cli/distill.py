"""``edgetext distill TEACHER [DATA] -o STUDENT``: checkpoint -> a smaller checkpoint that answers as it does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.cli.arguments import settings_of
from edgetext.cli.train import (
    DATA_HELP,
    add_data_arguments,
    add_output_arguments,
    add_training_arguments,
    data_settings,
    summary,
    training_settings,
)
from edgetext.cli.train import show as show_checkpoint
from edgetext.errors import InputError
from edgetext.train.arguments import LAYERS

if TYPE_CHECKING:
    from edgetext.checkpoint import Checkpoint
    from edgetext.cli.console import Console
    from edgetext.data.settings import DataSettings

_OF_DATA = (
    "text_column", "text_pair_column", "label_column", "label_separator", "split_column", "validation", "test",
    "drop_invalid",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "teacher",
        type=Path,
        metavar="TEACHER",
        help="the fine-tuned model: a checkpoint that 'edgetext train' wrote",
    )
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help=f"{DATA_HELP}; by default the rows that the teacher was trained on and judged by, each for the same",
    )
    parser.add_argument(
        "-o", "--output", metavar="STUDENT", type=Path, required=True, help="the folder to write the checkpoint to"
    )
    parser.add_argument(
        "--layers",
        type=int,
        metavar="N",
        default=LAYERS,
        help="how many of the teacher's layers the student has, evenly spaced (default: %(default)s)",
    )
    parser.add_argument(
        "--unlabelled",
        type=Path,
        metavar="FILE",
        help="texts without labels, which the teacher answers: a text a line (.txt), or a file of rows",
    )
    add_data_arguments(parser)
    add_training_arguments(parser, base=False)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from edgetext.cli.console import open_console
    from edgetext.pipeline import distill
    from edgetext.train.arguments import DistillSettings

    data = _data(arguments)
    settings = settings_of(DistillSettings, arguments, training=training_settings(arguments))
    console = open_console()
    with console.progress() as progress:
        student = distill(
            arguments.teacher,
            arguments.output,
            settings,
            progress,
            data=data,
            overwrite=arguments.overwrite,
            resume=arguments.resume,
        )
    if arguments.json:
        console.say_json({**summary(student), "teacher": student.training["teacher"]})
    else:
        show_against_teacher(student, console)
        show_checkpoint(student, console)
    return 0


def _data(arguments: argparse.Namespace) -> DataSettings | None:
    """Returns how the data is read, or ``None`` for the teacher's own rows, of which there is nothing to choose."""
    if arguments.data is not None:
        return data_settings(arguments)
    for option in _OF_DATA:
        if getattr(arguments, option) not in (None, False):
            name = f"--{option.replace('_', '-')}"
            raise InputError(
                f"{name} goes with DATA, and without it the teacher's own rows are taken: give DATA too"
            )
    return None


def show_against_teacher(student: Checkpoint, console: Console) -> None:
    """Prints how the student compares with its teacher."""
    teacher = student.training["teacher"]
    kept = ", ".join(map(str, teacher["kept"]))
    console.table(
        f"layers {kept} of {teacher['name']}, taught by all of it; differences with their 95 % intervals",
        ["part", "rows", f"teacher's {student.task.metric}", "student's", "difference", "same answers"],
        [_row(part, found) for part, found in teacher["metrics"].items()],
    )


def _row(part: str, found: dict[str, Any]) -> list[str]:
    if "difference" not in found:
        return [part, str(found["rows"]), "none", "none", "none", f"{found['same_answers']:.4f}"]
    return [
        part,
        str(found["rows"]),
        f"{found['teacher']:.4f}",
        f"{found['student']:.4f}",
        f"{found['difference']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})",
        f"{found['same_answers']:.4f}",
    ]
