"""Every format that edgetext reads: a good file of it, how many ways it is ruined, and what is asked of each."""

from __future__ import annotations

import gzip
import json
import math
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import openpyxl

from edgetext import Predictor
from edgetext.bench.cells import figures
from edgetext.bench.compare import compare
from edgetext.bench.page.page import html
from edgetext.bench.report import report_text
from edgetext.bench.results import read_results
from edgetext.bench.show import comparison_rows, remarks, table_rows, title
from edgetext.bulk.journal import Journal
from edgetext.bulk.records import open_rows
from edgetext.checkpoint import open_checkpoint
from edgetext.data.load import load
from edgetext.export.record import read_metrics
from edgetext.export.tuning import read_tuning
from edgetext.files import sha256
from edgetext.runtime.bundle import open_bundle
from mutations import mutated_bytes, mutated_json

ONNX, TUNING = "onnx/model_quantized.onnx", "tuning/gate.jsonl"
HEAD = 2048
"""Of an ONNX file: its structure is at both ends, and between them its weights, of which each value is one."""


@dataclass(frozen=True)
class Format:
    """One of them.

    Attributes:
        file: Where a good one lies, below the folder of all.
        cases: How many mutations of it are tried.
        use: Reads it as the commands do, by its path, and checks what they would give.
        json: Whether its values can be exchanged too.
        head: As many bytes at either end are ruined; the whole file if not given.
        packed: Whether half of the cases ruin what was packed: no packed file with other bytes has its checksum.
    """

    file: str
    cases: int
    use: Callable[[Path], object]
    json: bool = True
    head: int | None = None
    packed: bool = False

    def mutated(self, content: bytes, seed: str) -> bytes:
        """Gives one mutation, always the same for a seed."""
        chance = random.Random(seed)
        if self.packed and chance.random() < 0.5:
            return gzip.compress(mutated_bytes(gzip.decompress(content), chance, self.head))
        if self.json and chance.random() < 0.6:
            return mutated_json(content, chance)
        return mutated_bytes(content, chance, self.head)


def predict(path: Path, *, depth: int = 1) -> None:
    """Opens the bundle around a file and asks it; checksums would only tell that something changed."""
    with Predictor(path.parents[depth - 1], threads=1, verify=False) as classify:
        found = classify("a dog in the park")
        assert found.label in classify.labels and math.isfinite(sum(found.scores.values()))


def checkpoint(path: Path) -> None:
    """Opens the checkpoint around a file."""
    found = open_checkpoint(path.parent)
    assert len(found.labels) > 1 and found.max_length > 0


def results(path: Path) -> None:
    """Has every reader of results say what it says."""
    found = read_results(path)
    said = [title(found), *remarks(found), report_text(found), html(found)]
    said += [cell for row in (*table_rows(found), *(figures(found, row) for row in found.rows)) for cell in row]
    compared = compare(found, found)
    said += [cell for row in comparison_rows(compared) for cell in row]
    said.append(json.dumps(compared.to_json(), allow_nan=False))
    "\n".join(said).encode("utf-8")


def note(path: Path) -> None:
    """Reads the note of a run that was interrupted."""
    assert Journal(path.with_name("out.csv"), None).note() is not None


def rows(path: Path) -> None:
    """Reads labelled rows, and rows to classify."""
    with open_rows(path) as source:
        for record in source.records:
            str(record).encode("utf-8", "surrogatepass")
    for drop_invalid in (True, False):
        found = load(str(path), drop_invalid=drop_invalid)
        assert all(row.text and all(row.labels) for row in found.examples)


def tuning(path: Path) -> None:
    """Reads the texts that a bundle keeps, of which it says the checksum that they have."""
    folder = path.parents[1]
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["tuning"]["gate"]["sha256"] = sha256(path)
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    found = read_tuning(open_bundle(folder))
    assert found is not None and all(row.text for row in found.examples)


def record(path: Path) -> None:
    """Reads what ``tune`` reads of an export's record."""
    json.dumps(read_metrics(open_bundle(path.parent)), allow_nan=False)


FORMATS = {
    "manifest": Format("bundle/bundle.json", 900, predict),
    "tokenizer": Format("bundle/tokenizer.json", 700, predict),
    "configuration": Format("plain/config.json", 400, predict),
    "ONNX head": Format(f"bundle/{ONNX}", 700, partial(predict, depth=2), json=False, head=HEAD),
    "checkpoint's configuration": Format("checkpoint/config.json", 800, checkpoint),
    "split": Format("checkpoint/split.json", 900, checkpoint),
    "training": Format("checkpoint/training.json", 800, checkpoint),
    "results": Format("results.json", 1000, results),
    "journal's note": Format(".out.csv.unfinished.json", 900, note),
    "CSV": Format("rows.csv", 1000, rows, json=False),
    "TSV": Format("rows.tsv", 500, rows, json=False),
    "JSON Lines": Format("rows.jsonl", 1000, rows, json=False),
    "JSON": Format("rows.json", 500, rows),
    "Parquet": Format("rows.parquet", 700, rows, json=False),
    "gzip": Format("rows.csv.gz", 300, rows, json=False, packed=True),
    "workbook": Format("rows.xlsx", 400, rows, json=False),
    "tuning texts": Format(f"tuned/{TUNING}", 400, tuning, json=False),
    "export's record": Format("tuned/export.json", 400, record),
}


def make_good(place: Path, bundle: Path, checkpoint: Path, rows: Path, results: Path) -> None:
    """Lays a good file of every format into a folder.

    Args:
        place: An empty folder.
        bundle: A tiny bundle.
        checkpoint: A tiny one, with its records.
        rows: A CSV of labelled texts.
        results: A results file.
    """
    import pyarrow.csv
    import pyarrow.parquet

    shutil.copytree(bundle, place / "bundle")
    shutil.copytree(bundle, place / "plain")
    (place / "plain/bundle.json").unlink()
    shutil.copytree(checkpoint, place / "checkpoint")
    shutil.copy(results, place / "results.json")
    table = pyarrow.csv.read_csv(rows)
    pyarrow.parquet.write_table(table, place / "rows.parquet")
    lines = [(row["text"], row["label"]) for row in table.to_pylist()[:20]]
    for name, separator in (("rows.csv", ","), ("rows.tsv", "\t")):
        (place / name).write_text("".join(f"{a}{separator}{b}\n" for a, b in [("text", "label"), *lines]), "utf-8")
    labelled = "".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in lines)
    (place / "rows.jsonl").write_text(labelled, "utf-8")
    (place / "rows.json").write_text(json.dumps([{"text": a, "label": b} for a, b in lines]), "utf-8")
    (place / "rows.csv.gz").write_bytes(gzip.compress((place / "rows.csv").read_bytes()))
    _make_workbook(place / "rows.xlsx", lines)
    run = {"input": {"bytes": 3}, "bundle": {"variant": "int8"}, "options": {"top-k": None}}
    said = {"read": 7, "rejected": 1, "columns": ["text"], "lengths": {"output": 90}, "placing": False}
    (place / ".out.csv.unfinished.json").write_text(json.dumps({"job": run, **said, "format_version": 1}), "utf-8")
    _make_tuned(place / "tuned", bundle, labelled, len(lines))


def _make_workbook(path: Path, lines: list[tuple[str, str]]) -> None:
    """Writes a workbook that is not packed, so that what is ruined in it is its XML too."""
    book = openpyxl.Workbook()
    for row in [("text", "label"), *lines]:
        book.active.append(row)
    book.save(path)
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as plain:
        for name, content in parts.items():
            plain.writestr(name, content)


def _make_tuned(folder: Path, bundle: Path, labelled: str, count: int) -> None:
    shutil.copytree(bundle, folder)
    (folder / "tuning").mkdir()
    (folder / "tuning/calibration.jsonl").write_text(labelled, "utf-8")
    (folder / TUNING).write_text(labelled, "utf-8")
    kept = {"file": "tuning/calibration.jsonl", "sha256": sha256(folder / TUNING), "rows": count, "origin": "rows"}
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["tuning"] = {"calibration": kept, "gate": kept | {"file": TUNING}}
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    figures = {"rows": 9, "accuracy": 1.0, "macro_f1": 1.0, "per_label": {"food": {"recall": 1.0, "rows": 9}}}
    document = {"schema_version": 1, "objective": "latency", "chosen": "fp32", "metrics": {"test": figures}}
    (folder / "export.json").write_text(json.dumps(document), "utf-8")
