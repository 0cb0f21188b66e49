"""The notebook runs from its first cell to its last, on the tiny model, and is kept without outputs."""

from __future__ import annotations

import csv
import re
import sys
from importlib.resources import files
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import make_ipkernel_cmd
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

from edgetext import Predictor
from edgetext.bench.results import read_results
from edgetext.checkpoint import open_checkpoint

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "food_not_food.ipynb"
EVERY = 20  # of the captions one in so many
SMALL = """
data = "captions.csv"
training = TrainArguments(epochs=2, learning_rate=5e-3, bf16=False)
exporting = ExportSettings(schemes=("dynamic-int8-fused",), max_drop=0.9)
measuring = BenchSettings(rounds=1, slices=1, latency_texts=4, throughput_texts=8, turn_seconds=0.1)
"""


class OwnKernel(AsyncKernelManager):
    """Starts this very interpreter, whatever kernels the user has installed."""

    kernel_spec = KernelSpec(argv=make_ipkernel_cmd(executable=sys.executable), language="python")


@pytest.fixture
def notebook():
    found = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(found)
    return found


def write_few_captions(path):
    lines = (files("edgetext.data") / "food_not_food.csv").read_text("utf-8").splitlines()
    head, *rows = csv.reader(lines)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([head, *rows[::EVERY]])


@pytest.fixture
def run(notebook, tiny_base, tmp_path, monkeypatch):
    """Runs the notebook with small settings, and gives what each cell printed, by the cell's id."""
    (settings,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    settings.source += f"{SMALL}base = {str(tiny_base)!r}\n"
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))  # nothing of the user's own
    write_few_captions(tmp_path / "captions.csv")
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_manager_class=OwnKernel, resources=resources, timeout=240).execute()
    return {
        cell.id: "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


@pytest.mark.slow
def test_it_runs_to_its_end_and_tells_what_came_out(run, tmp_path):
    made = tmp_path / "runs" / "notebook"
    checkpoint, classify = open_checkpoint(made / "checkpoint"), Predictor(made / "bundle")
    results = read_results(made / "report")
    int8 = classify.manifest.variant("int8")

    assert f"train: {600 // EVERY} rows" in run["look-parts"]
    assert run["train"].startswith(f"best epoch: {checkpoint.training['best_epoch']}\n")
    assert run["export"].splitlines()[1].startswith(f"int8: {int8.scheme}, ")
    assert int8.evaluation["sentence"] in run["gate"]
    assert f"verdict: {int8.evaluation['verdict']}\n" in run["gate-figures"]
    assert run["predict-one"].split()[0] == classify("Dumplings, steamed and glistening").label

    torch = results.row("torch-cpu", "fp32")
    assert torch is not None
    wrong, rows = map(int, re.findall(r"\d+", run["mistakes-ask"]))
    assert rows == results.data.rows == 400 / EVERY
    assert wrong == sum(a != b for a, b in zip(torch.predictions, results.data.expected, strict=True)) > 0
    assert len(run["mistakes-show"].splitlines()) == min(wrong, 10)
    measured = [row for row in results.rows if row.status == "measured"]
    assert len(run["measure-table"].splitlines()) == 1 + len(measured) > 3
    assert run["demo"].startswith("open http://127.0.0.1:")


def test_it_is_kept_without_outputs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 10
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
