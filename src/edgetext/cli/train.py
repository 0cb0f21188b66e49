"""``edgetext train DATA -o CHECKPOINT``: labelled text -> checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.arguments import add_columns, settings_of
from edgetext.cli.push import add_push_to_hub, plan_push, push_made
from edgetext.ours import CHECKPOINT
from edgetext.train.arguments import PRESETS

if TYPE_CHECKING:
    from edgetext.checkpoint import Checkpoint
    from edgetext.cli.console import Console
    from edgetext.data.settings import DataSettings
    from edgetext.train.arguments import TrainArguments

_MEAN = "mean_f1_of_labels_with_rows"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    parser.add_argument(
        "-o",
        "--output",
        metavar="CHECKPOINT",
        type=Path,
        required=True,
        help="the folder to write the checkpoint to",
    )
    add_data_arguments(parser)
    add_training_arguments(parser)
    add_output_arguments(parser)
    add_push_to_hub(parser, "the checkpoint")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what becomes of a training that was interrupted, of a folder that is there, and of the result."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last whole epoch of an interrupted training with the same data and options",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output folder if it is there")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


DATA_HELP = (
    "labelled text: a .csv, .tsv, .jsonl, .ndjson, .json, .parquet or .xlsx file, also packed (.gz); a folder with "
    "a folder of .txt files for each label; hub:NAME[:CONFIG][@REVISION], or the built-in food_not_food"
)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how labelled text is read and split."""
    group = parser.add_argument_group("data")
    add_columns(group)
    group.add_argument(
        "--split-column",
        metavar="NAME",
        help="the column that says train, validation or test (default: split or partition, if there is one)",
    )
    group.add_argument(
        "--no-split-column",
        dest="split_column",
        action="store_const",
        const="",
        help="take no column for it, whatever the columns are called",
    )
    group.add_argument(
        "--validation", metavar="FILE", help="rows that choose the best epoch (default: cut from DATA, stratified)"
    )
    group.add_argument(
        "--test", metavar="FILE", help="rows for the final figures (default: cut from DATA, stratified)"
    )
    group.add_argument(
        "--drop-invalid", action="store_true", help="leave rows out that cannot be used, and say how many"
    )


def add_training_arguments(parser: argparse.ArgumentParser, *, base: bool = True) -> None:
    """Adds the options that say what is trained, and how.

    Args:
        parser: Of the command.
        base: Whether there is a choice of what to begin with.
    """
    group = parser.add_argument_group("training")
    if base:
        group.add_argument(
            "--base",
            metavar="MODEL",
            default="minilm",
            help="what to begin with: minilm, a folder, or OWNER/NAME[@REVISION] on the Hub (default: %(default)s)",
        )
    group.add_argument(
        "--preset",
        choices=PRESETS,
        default="default",
        help="how much time the last points of accuracy are worth (default: %(default)s)",
    )
    group.add_argument("--epochs", type=int, metavar="N", help="default: by preset, rows and labels")
    group.add_argument(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="default: by model and labels; 1e-4 or 2.5e-4 for minilm",
    )
    group.add_argument("--batch-size", type=int, metavar="N", help="default: 32, or 16 for fewer than 2,000 rows")
    group.add_argument("--max-length", type=int, metavar="TOKENS", help="default: what 99.9 %% of the texts need")
    group.add_argument(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        help="train in bfloat16 (default: where the hardware computes it)",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", default=42, help="fixes split and training (default: %(default)s)"
    )
    group.add_argument(
        "--set",
        dest="options",
        action="append",
        type=_option,
        metavar="NAME=VALUE",
        default=[],
        help="anything else of transformers' TrainingArguments; may be given more than once",
    )


def _option(text: str) -> tuple[str, str]:
    """Parts the name of an option from its value."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, such as weight_decay=0.05")
    return name.strip().replace("-", "_"), value.strip()


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from edgetext.cli.console import open_console
    from edgetext.pipeline import train

    choices, pushing = training_settings(arguments), plan_push(arguments, CHECKPOINT)
    console = open_console()
    with console.progress() as progress:
        checkpoint = train(
            data_settings(arguments),
            arguments.output,
            arguments.base,
            choices,
            progress,
            overwrite=arguments.overwrite,
            resume=arguments.resume,
        )
    if arguments.json:
        console.say_json(summary(checkpoint))
    else:
        show(checkpoint, console)
    push_made(checkpoint.path, pushing, console, as_json=arguments.json)
    return 0


def data_settings(arguments: argparse.Namespace) -> DataSettings:
    """Returns the settings of a command line that has ``data`` and columns."""
    from edgetext.data.settings import DataSettings

    return settings_of(DataSettings, arguments, uri=arguments.data)


def training_settings(arguments: argparse.Namespace) -> TrainArguments:
    """Returns the settings of a command line that has ``add_training_arguments``."""
    from edgetext.train.arguments import TrainArguments

    return settings_of(TrainArguments, arguments, options=dict(arguments.options))


def summary(checkpoint: Checkpoint) -> dict[str, object]:
    """Picks what ``--json`` prints."""
    training = checkpoint.training
    return {
        "checkpoint": str(checkpoint.path),
        "labels": list(checkpoint.labels),
        **{name: training[name] for name in ("best_epoch", "seconds", "rows")},
        "metrics": {
            part: {name: figure for name, figure in found.items() if name not in ("per_label", _MEAN)}
            for part, found in training["metrics"].items()
        },
        **{name: training[name] for name in ("baseline", "calibration", "temperature", "thresholds")},
    }


def show(checkpoint: Checkpoint, console: Console) -> None:
    """Prints what was reached, beside what TF-IDF reaches on the same rows."""
    from edgetext.metrics.report import macro_f1_words, metric_words

    training = checkpoint.training
    metrics, baseline, errors = training["metrics"], training["baseline"], training["calibration"]
    name, _ = metric_words(metrics["validation"])
    rows = [
        [
            part,
            str(found["rows"]),
            metric_words(found)[1],
            metric_words(baseline["metrics"][part])[1],
            macro_f1_words(found),
            f"{errors[part]['before']:.3f} -> {errors[part]['after']:.3f}",
        ]
        for part, found in metrics.items()
    ]
    console.table(
        f"best epoch: {training['best_epoch']}; it took {training['seconds']:.0f} s",
        ["part", "rows", name, "by TF-IDF", "macro F1", "calibration error"],
        rows,
    )
    console.say(
        f"{baseline['name']} took {baseline['seconds']:g} s. Calibration error: without -> with the temperature "
        f"of {training['temperature']:.2f} that was fitted on the validation rows."
    )
    console.say(f"wrote {checkpoint.path}: next,  edgetext export {checkpoint.path} -o BUNDLE")
