"""``edgetext predict BUNDLE [TEXT...]``: labels for texts, for the lines of stdin, or for the rows of a file."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.errors import InputError

if TYPE_CHECKING:
    from edgetext.runtime.predictor import Predictor
    from edgetext.runtime.rows import Row

_REPORT_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    _allow_options_before_texts(parser)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle, or a Hugging Face ONNX folder")
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="texts; without any, the lines of stdin")
    parser.add_argument("--input", "-i", type=Path, metavar="FILE", help=".txt, .csv, .tsv, .jsonl or .ndjson")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help=".csv or .jsonl, written whole or not at all"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output file if it exists")
    parser.add_argument("--text-column", metavar="NAME", help="column of the input that holds the text")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line")
    parser.add_argument("--top-k", type=int, metavar="K", help="give the K highest scores")
    parser.add_argument("--variant", metavar="NAME", help="model of the bundle, such as int8 or fp32")
    parser.add_argument(
        "--profile",
        choices=["latency", "throughput", "background"],
        help="latency for texts given here, else throughput",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="threads to use; all that this process may by default"
    )


def _allow_options_before_texts(parser: argparse.ArgumentParser) -> None:
    """Makes ``predict BUNDLE --json TEXT`` work: to argparse TEXT is absent at the first option."""
    plain = parser.parse_known_args

    def parse(args: Any = None, namespace: Any = None) -> Any:
        setattr(parser, "parse_known_args", plain)  # noqa: B010  the parser for mixed arguments calls it in turn
        return parser.parse_known_intermixed_args(args, namespace)

    setattr(parser, "parse_known_args", parse)  # noqa: B010


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from edgetext.runtime.answers import check_output

    if arguments.texts and arguments.input:
        raise InputError("texts and --input were both given: give one of them")
    if arguments.text_column and not arguments.input:
        raise InputError("--text-column names a column of an input file: give --input too")
    if arguments.output:
        check_output(arguments.output, overwrite=arguments.overwrite)
    with _open(arguments) as classify:
        if arguments.output:
            _write(classify, arguments)
        else:
            _print(classify, arguments)
    return 0


def _open(arguments: argparse.Namespace) -> Predictor:
    from edgetext.runtime.predictor import Predictor

    profile = arguments.profile or ("latency" if arguments.texts else "throughput")
    return Predictor(arguments.bundle, variant=arguments.variant, profile=profile, threads=arguments.threads)


def _rows(arguments: argparse.Namespace) -> Iterator[Row]:
    from edgetext.runtime.rows import Row, read_lines, read_rows

    if arguments.texts:
        return iter([Row(text, {"text": text}) for text in arguments.texts])
    if arguments.input:
        return read_rows(arguments.input, arguments.text_column)
    if sys.stdin.isatty():
        print(
            "Type a text a line, and end with Ctrl-D (or give texts as arguments, or --input FILE):",
            file=sys.stderr,
        )
    return read_lines(sys.stdin.buffer, "stdin")


def _print(classify: Predictor, arguments: argparse.Namespace) -> None:
    from edgetext.runtime.answers import json_line, plain_line
    from edgetext.runtime.batching import WINDOW_TEXTS
    from edgetext.runtime.rows import classify_rows

    typed = not arguments.texts and not arguments.input and sys.stdin.isatty()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # a terminal that lacks a letter must not stop the answers
    for row, prediction in classify_rows(classify, _rows(arguments), arguments.top_k, 1 if typed else WINDOW_TEXTS):
        line = json_line(row, prediction) if arguments.json else plain_line(row, prediction, arguments.top_k)
        print(line, flush=typed)


def _write(classify: Predictor, arguments: argparse.Namespace) -> None:
    from edgetext.runtime.answers import answers_file
    from edgetext.runtime.rows import classify_rows

    begun = reported = time.monotonic()
    done = 0
    with answers_file(arguments.output) as write:
        for row, prediction in classify_rows(classify, _rows(arguments), arguments.top_k):
            write(row, prediction)
            done += 1
            now = time.monotonic()
            if now - reported > _REPORT_SECONDS:
                reported = now
                print(f"predict: {done:,} texts, {done / (now - begun):,.0f} a second", file=sys.stderr)
    print(f"{done:,} texts -> {arguments.output}", file=sys.stderr)
