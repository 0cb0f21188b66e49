"""``edgetext distill TEACHER [DATA] -o STUDENT``: checkpoint -> a smaller model that answers as it does.

The student is a checkpoint of fewer layers, or with ``--static`` the bundle of a table of word vectors.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
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
from edgetext.export.settings import DEFAULT_FIRST_STAGE_MB
from edgetext.train.arguments import LAYERS

if TYPE_CHECKING:
    from edgetext.checkpoint import Checkpoint
    from edgetext.cli.console import Console
    from edgetext.data.settings import DataSettings

_OF_LAYERS: Mapping[str, Any] = {
    "layers": None, "preset": "default", "epochs": None, "learning_rate": None, "batch_size": None,
    "max_length": None, "bf16": None, "options": [], "resume": False,
}  # fmt: skip
"""What a static student knows nothing of, with what stands there where nothing was typed; so the next one."""

_OF_DATA: Mapping[str, Any] = {
    "text_column": None, "text_pair_column": None, "label_column": None, "label_separator": None,
    "split_column": None, "validation": None, "test": None, "drop_invalid": False,
}  # fmt: skip


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
        "-o", "--output", metavar="STUDENT", type=Path, required=True, help="the folder to write the student to"
    )
    parser.add_argument(
        "--layers",
        type=int,
        metavar="N",
        help=f"how many of the teacher's layers the student has, evenly spaced (default: {LAYERS})",
    )
    parser.add_argument(
        "--static",
        action="store_true",
        help="make a bundle whose model is a table of word vectors: no layers, a text in tens of microseconds",
    )
    parser.add_argument(
        "--static-mb",
        dest="first_stage_mb",
        type=float,
        metavar="MB",
        help=f"the largest size of the table, with --static (default: {DEFAULT_FIRST_STAGE_MB:g})",
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
    return _run_static(arguments) if arguments.static else _run_layers(arguments)


def _run_layers(arguments: argparse.Namespace) -> int:
    from edgetext.cli.console import open_console
    from edgetext.pipeline import distill
    from edgetext.train.arguments import DistillSettings

    if arguments.first_stage_mb is not None:
        raise InputError("--static-mb goes with --static: a student of layers is as large as its layers")
    data = _data(arguments)
    layers = LAYERS if arguments.layers is None else arguments.layers
    settings = settings_of(DistillSettings, arguments, training=training_settings(arguments), layers=layers)
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


def _run_static(arguments: argparse.Namespace) -> int:
    from edgetext.cli.console import open_console
    from edgetext.cli.export import show
    from edgetext.export.settings import ExportSettings
    from edgetext.pipeline import distill_static

    _refuse(arguments, _OF_LAYERS, "a student of layers: a static one has a recipe of its own")
    data, size = _data(arguments), arguments.first_stage_mb
    settings = ExportSettings(
        first_stage_mb=DEFAULT_FIRST_STAGE_MB if size is None else size,
        unlabelled=None if arguments.unlabelled is None else str(arguments.unlabelled),
        command=shlex.join(["edgetext", *sys.argv[1:]]),
    )
    console = open_console()
    with console.progress() as progress:
        made = distill_static(
            arguments.teacher,
            arguments.output,
            settings,
            progress,
            data=data,
            seed=arguments.seed,
            overwrite=arguments.overwrite,
        )
    if not arguments.json:
        show_figures(made.manifest.provenance["teacher"], made.manifest.decides.metric, "word vectors", console)
    show(made, console, as_json=arguments.json)
    return 0


def _data(arguments: argparse.Namespace) -> DataSettings | None:
    """Returns how the data is read, or ``None`` for the teacher's own rows, of which there is nothing to choose."""
    if arguments.data is not None:
        return data_settings(arguments)
    _refuse(arguments, _OF_DATA, "DATA, and without it the teacher's own rows are taken: give DATA too")
    return None


def _refuse(arguments: argparse.Namespace, options: Mapping[str, Any], goes_with: str) -> None:
    """Refuses options that go with something else than what was asked for.

    Raises:
        InputError: One was typed.
    """
    for option, default in options.items():
        if getattr(arguments, option) != default:
            name = "--set" if option == "options" else f"--{option.replace('_', '-')}"
            raise InputError(f"{name} goes with {goes_with}")


def show_against_teacher(student: Checkpoint, console: Console) -> None:
    """Prints how the student compares with its teacher."""
    teacher = student.training["teacher"]
    kept = ", ".join(map(str, teacher["kept"]))
    show_figures(teacher, student.task.metric, f"layers {kept}", console)


def show_figures(teacher: Mapping[str, Any], metric: str, what: str, console: Console) -> None:
    """Prints the figures of student and teacher, part by part."""
    console.table(
        f"{what} of {teacher['name']}, taught by all of it; differences with their 95 % intervals",
        ["part", "rows", f"teacher's {metric}", "student's", "difference", "same answers"],
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
