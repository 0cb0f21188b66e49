"""The checkpoint on an NVIDIA GPU: fp32, fp16 and bf16, eager and compiled, beside torch on the same machine's CPU.

``make bench-gpu CHECKPOINT=... DATA=... OUTPUT=...`` runs it; it needs Python 3.11 or newer, torch, transformers
and what edgetext's base install needs, and no network. ``edgetext bench merge`` joins its file with one of another
machine, measured on the same rows. Without a GPU its rows say so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgetext.bench.heldout import find_held_out
from edgetext.bench.results import write_results
from edgetext.bench.run import run_bench
from edgetext.bench.settings import BenchSettings
from edgetext.bench.show import columns, remarks, table_rows, title
from edgetext.checkpoint import open_checkpoint
from edgetext.errors import EdgetextError, OutputExistsError

BACKENDS = ("torch-cuda", "torch-cuda:compile", "transformers-pipeline:cuda", "torch-cpu")


class Lines:
    """Tells progress as lines."""

    def step(self, name: str, done: int, total: int) -> None:
        """Says how far it is."""
        print(f"{name} {done}/{total}", file=sys.stderr)

    def note(self, message: str) -> None:
        """Says what happened."""
        print(message, file=sys.stderr)


def measure(arguments: argparse.Namespace) -> None:
    """Measures, writes and prints.

    Raises:
        EdgetextError: The checkpoint or the data cannot be used, or the output is there already.
    """
    if arguments.output.exists() and not arguments.overwrite:
        raise OutputExistsError(f"{arguments.output} already exists: add --overwrite, or choose another --output")
    rows = find_held_out(
        open_checkpoint(arguments.checkpoint),
        arguments.data,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        limit=arguments.limit,
    )
    settings = BenchSettings(
        rounds=arguments.rounds, batch=arguments.batch, backends=tuple(arguments.backends.split(","))
    )
    results = run_bench(None, arguments.checkpoint, rows, settings=settings, progress=Lines())
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_results(arguments.output, results)
    print(title(results))
    for row in (columns(results), *table_rows(results)):
        print(" | ".join(row))
    for remark in remarks(results):
        print(remark)
    print(f"written: {arguments.output}", file=sys.stderr)


def main() -> int:
    """Reads the arguments; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", help="labelled text; default: the held-out rows of the checkpoint's split")
    parser.add_argument("--text-column", metavar="NAME")
    parser.add_argument("--label-column", metavar="NAME")
    parser.add_argument("-o", "--output", type=Path, required=True, help="results.json")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at --output")
    parser.add_argument("--backends", default=",".join(BACKENDS), help=f"default: {','.join(BACKENDS)}")
    parser.add_argument("--limit", type=int, metavar="N", help="predict so many rows, drawn at random")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--batch", type=int, default=32, metavar="N")
    try:
        measure(parser.parse_args())
    except EdgetextError as error:
        print(f"gpu.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
