"""``edgetext predict BUNDLE [TEXT...]``: labels for texts, for the lines of stdin, or for the rows of a file."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.cli.arguments import add_bundle, add_variant, settings_of
from edgetext.cli.streams import native_errors_aside
from edgetext.errors import INTERRUPTED, InputError
from edgetext.escape import terminal

if TYPE_CHECKING:
    from edgetext.bulk.job import FileJob, Outcome
    from edgetext.bulk.records import OpenRows
    from edgetext.bulk.rows import TextRow
    from edgetext.runtime.first_stage import AnswerCounts
    from edgetext.runtime.manifest import FirstStage
    from edgetext.runtime.predictor import Predictor


PAIR = ("text", "text_pair")
"""The columns of pairs that were typed."""
_OF_ONE_PROCESS = {
    "resume": "a part whose worker dies is gone on from by itself",
    "profile": "a worker is one core and does many texts",
    "threads": "a worker has one, and --workers says how many there are",
    "spreadsheet": "a folder of parts is not what a spreadsheet opens",
}
"""Options that --engine ray does not take, and why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    _allow_options_before_texts(parser)
    add_bundle(parser)
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="texts, two by two for a model of pairs; without any, the lines of stdin",
    )
    _add_file_arguments(parser)
    _add_cluster_arguments(parser)
    parser.add_argument("--text-column", metavar="NAME", help="column of the input that holds the text")
    parser.add_argument(
        "--text-pair-column", metavar="NAME", help="column with the second text, for a model of pairs of texts"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")
    parser.add_argument("--top-k", type=int, metavar="K", help="give the K highest scores")
    _add_model_arguments(parser)


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    add_variant(parser)
    parser.add_argument(
        "--profile",
        choices=["latency", "throughput", "background"],
        help="latency for texts given here, else throughput",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="threads to use; all that this process may by default"
    )
    parser.add_argument(
        "--truncation",
        choices=["head", "head_tail", "windows"],
        default="head",
        help="what is read of a text that is too long: its beginning, its two ends, or all of it in windows",
    )
    parser.add_argument(
        "--min-confidence",
        type=float,
        metavar="P",
        help="say of each answer whether its confidence, 0 to 1, reaches P (default: what the bundle was given)",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the same scores for a text whatever else is in the input; slower in bulk",
    )
    parser.add_argument(
        "--no-first-stage",
        dest="first_stage",
        action="store_const",
        const="off",
        default="auto",
        help="ask the model for every text, also where the bundle has a first stage that answers most of them",
    )
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="do not compare the files with their checksums"
    )


def _add_file_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        "-i",
        type=Path,
        metavar="FILE",
        help=".txt, .csv, .tsv, .jsonl, .ndjson, .json, .parquet or .xlsx, also packed (.csv.gz)",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE",
        help=".csv, .jsonl or .parquet with the input's columns and the predictions, whole or not at all",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output, and what a stopped run left")
    parser.add_argument(
        "--for-spreadsheets",
        dest="spreadsheet",
        action="store_true",
        help="begin cells of a .csv that a spreadsheet would run as formulas (=, +, -, @) with a quote",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where a stopped run of the same command ended (some thousand rows may be classified again; "
        "Parquet is kept as JSON Lines beside the output and made from them and the input at the end)",
    )
    parser.add_argument(
        "--rejects",
        type=Path,
        metavar="FILE",
        help="set broken rows aside, as JSON Lines with row, reason and raw line; without it the first one stops",
    )


def _add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="local: this process. ray: --input is a pattern of part files such as 'rows/part-*.parquet', which "
        "the cores of a Ray cluster, or of this machine, classify into the folder --output",
    )
    parser.add_argument(
        "--address", help="of the Ray cluster, such as head:6379 (default: RAY_ADDRESS, or this machine)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="parts that Ray works on at once, a core each (default: all cores)"
    )


def _allow_options_before_texts(parser: argparse.ArgumentParser) -> None:
    """Makes ``predict BUNDLE --json TEXT`` work: to argparse TEXT is absent at the first option."""
    plain = parser.parse_known_args

    def parse(args: Any = None, namespace: Any = None) -> Any:
        setattr(parser, "parse_known_args", plain)  # noqa: B010  the parser for mixed arguments calls it in turn
        return parser.parse_known_intermixed_args(args, namespace)

    setattr(parser, "parse_known_args", parse)  # noqa: B010


@native_errors_aside()
def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    _check(arguments)
    if arguments.engine == "ray":
        return _write_parts(arguments)
    with _opener(arguments)() as classify:
        if arguments.output:
            return _write(classify, arguments)
        _print(classify, arguments)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuses what cannot work, before anything is loaded."""
    if arguments.texts and arguments.input:
        raise InputError("texts and --input were both given: give one of them")
    for option in ("text_column", "text_pair_column"):
        if getattr(arguments, option) and not arguments.input:
            name = option.replace("_", "-")
            raise InputError(f"--{name} names a column of an input file: give --input too")
    for option in ("resume", "rejects"):
        if getattr(arguments, option) and not (arguments.input and arguments.output):
            raise InputError(f"--{option} is for files: give --input and --output too")
    if arguments.engine == "ray":
        _check_for_ray(arguments)
    else:
        _check_for_one_process(arguments)


def _check_for_one_process(arguments: argparse.Namespace) -> None:
    for option in ("address", "workers"):
        if getattr(arguments, option) is not None:
            raise InputError(f"--{option} is for --engine ray: give that too")
    if arguments.spreadsheet and not (arguments.output and arguments.output.suffix.lower() == ".csv"):
        raise InputError("--for-spreadsheets changes cells of CSV: give --output FILE.csv too")
    if arguments.output:
        _check_output(arguments)


def _check_for_ray(arguments: argparse.Namespace) -> None:
    if not (arguments.input and arguments.output):
        raise InputError("--engine ray is for files: give --input and --output too")
    for option, why in _OF_ONE_PROCESS.items():
        if getattr(arguments, option):
            name = "for-spreadsheets" if option == "spreadsheet" else option
            raise InputError(f"--{name} does not go with --engine ray: {why}")
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers must be a whole number from 1 on, found {arguments.workers}")


def _check_output(arguments: argparse.Namespace) -> None:
    from edgetext.bulk.job import is_placing
    from edgetext.bulk.write import check_suffix, check_target

    output, rejects = arguments.output, arguments.rejects
    check_suffix(output)
    places = [path.resolve() for path in (arguments.input, output, rejects) if path]
    if len(set(places)) < len(places):
        raise InputError("--input, --output and --rejects must be different files")
    if output.suffix.lower() == ".parquet":
        _check_parquet(arguments)
    overwrite = arguments.overwrite or (arguments.resume and is_placing(output))
    check_target(output, "--output", overwrite=overwrite)
    if rejects:
        check_target(rejects, "--rejects", overwrite=overwrite)


def _check_parquet(arguments: argparse.Namespace) -> None:
    from edgetext.bulk.parquet import check_parquet

    if not arguments.input:
        raise InputError("Parquet is made from the input a second time: give --input, or write .csv or .jsonl")
    check_parquet()


def _opener(arguments: argparse.Namespace, **others: Any) -> partial[Predictor]:
    """Makes what opens the predictor; it can be pickled.

    Args:
        arguments: What was typed.
        others: What is not as it was typed.
    """
    from edgetext import Predictor

    names = ("variant", "threads", "verify", "truncation", "deterministic", "min_confidence", "first_stage")
    settings = {name: getattr(arguments, name) for name in names}
    settings["profile"] = arguments.profile or ("latency" if arguments.texts else "throughput")
    return partial(Predictor, arguments.bundle, **settings | others)


@contextmanager
def _source(classify: Predictor, arguments: argparse.Namespace) -> Iterator[OpenRows]:
    from edgetext.bulk.job import text_columns
    from edgetext.bulk.records import OpenRows, open_rows, stream_of_lines

    columns = text_columns(classify, arguments.text_column, arguments.text_pair_column)
    if arguments.texts:
        names = PAIR if classify.manifest.text_pair_column else PAIR[:1]
        yield OpenRows("the command line", _given(classify, arguments), 0, lambda: 0, names)
    elif arguments.input:
        with open_rows(arguments.input, columns, _note) as source:
            yield source
    else:
        opened = stream_of_lines(sys.stdin.buffer, "stdin", columns, _note)
        _explain_typing()
        yield opened


@contextmanager
def _rows(classify: Predictor, arguments: argparse.Namespace) -> Iterator[Iterator[TextRow]]:
    """Opens the rows to answer on the terminal; what reads files is not loaded for texts that stand there."""
    if arguments.texts:
        yield _given(classify, arguments)
        return
    from edgetext.bulk.records import good_rows

    with _source(classify, arguments) as source:
        yield good_rows(source)


def _given(classify: Predictor, arguments: argparse.Namespace) -> Iterator[TextRow]:
    """Makes rows of the texts that were typed: of every two one, for a model of pairs."""
    from edgetext.bulk.rows import TextRow

    texts: list[str] = arguments.texts
    if not classify.manifest.text_pair_column:
        return (TextRow(text, {"text": text}, number) for number, text in enumerate(texts, 1))
    if len(texts) % 2:
        raise InputError(f"the model takes pairs of texts, and {len(texts)} were given: expected two an answer")
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return (TextRow(pair, dict(zip(PAIR, pair, strict=True)), number) for number, pair in enumerate(pairs, 1))


def _note(sentence: str) -> None:
    print(f"note: {terminal(sentence)}", file=sys.stderr)


def _explain_typing() -> None:
    if sys.stdin.isatty():
        print(
            "Type a text a line, and end with Ctrl-D (or give texts as arguments, or --input FILE):",
            file=sys.stderr,
        )


def _print(classify: Predictor, arguments: argparse.Namespace) -> None:
    from edgetext.bulk.rows import classify_rows
    from edgetext.cli.answers import json_line, plain_line
    from edgetext.runtime.batching import WINDOW_TEXTS

    typed = not arguments.texts and not arguments.input and sys.stdin.isatty()
    window, sure = 1 if typed else WINDOW_TEXTS, classify.min_confidence is not None
    stage = classify.first_stage is not None
    with _rows(classify, arguments) as rows:
        for row, prediction in classify_rows(classify, rows, arguments.top_k, window):
            line = (
                json_line(row, prediction, sure=sure, stage=stage)
                if arguments.json
                else plain_line(row, prediction, arguments.top_k, sure=sure)
            )
            print(line, flush=typed)


def _write(classify: Predictor, arguments: argparse.Namespace) -> int:
    from edgetext.bulk.job import FileJob, predict_rows
    from edgetext.cli.console import show_rate

    job = settings_of(FileJob, arguments)
    try:
        with _source(classify, arguments) as source, show_rate() as report:
            outcome = predict_rows(classify, source, job, report)
    except KeyboardInterrupt:
        print(f"\nedgetext predict: interrupted{_kept(job.output)}", file=sys.stderr)
        return INTERRUPTED
    _tell_outcome(outcome, job)
    _tell_first_stage(classify.first_stage, classify.answered)
    return 0


def _write_parts(arguments: argparse.Namespace) -> int:
    from edgetext.bulk.job import FileJob
    from edgetext.bulk.on_ray import Cluster, check_parts, find_parts, predict_parts
    from edgetext.cli.console import show_rate
    from edgetext.runtime.hub import is_hub_name

    job, cluster = settings_of(FileJob, arguments), settings_of(Cluster, arguments)
    parts = find_parts(arguments.input)
    check_parts(parts, job)
    arguments.bundle = arguments.bundle if is_hub_name(str(arguments.bundle)) else arguments.bundle.absolute()
    with show_rate() as report, redirect_stdout(io.StringIO()):  # where Ray tells of workers that died
        outcome = predict_parts(_opener(arguments, threads=1), parts, job, cluster, report, _note)
    if outcome.died:
        _note(f"{outcome.died:,} times a worker died over a part, and another went on with it")
    _tell_outcome(outcome, job)
    _tell_first_stage(outcome.first_stage, outcome.answered)
    return 0


def _tell_outcome(outcome: Outcome, job: FileJob) -> None:
    aside = f", {outcome.rejected:,} broken rows -> {job.rejects}" if job.rejects else ""
    print(terminal(f"{outcome.rows:,} rows -> {job.output}{aside}"), file=sys.stderr)


def _tell_first_stage(first_stage: FirstStage | None, answered: AnswerCounts) -> None:
    if first_stage and sum(answered):
        print(
            f"the first stage answered {answered.first:,} of {sum(answered):,} texts ({answered.coverage:.1%}); "
            f"on the held-out texts it was {first_stage.coverage:.1%}",
            file=sys.stderr,
        )


def _kept(output: Path) -> str:
    from edgetext.bulk.job import rows_kept

    rows = rows_kept(output)
    return f"; {rows:,} rows are done and kept: --resume goes on from there" if rows else "; nothing was written"
