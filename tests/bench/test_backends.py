"""The real backends on a tiny checkpoint and the bundle made from it."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest

from edgetext.bench.backends._shared import task_values
from edgetext.bench.heldout import find_held_out
from edgetext.bench.report import table_lines
from edgetext.bench.results import read_results
from edgetext.bench.run import run_bench
from edgetext.bench.settings import BenchSettings
from edgetext.foreign.versions import transformers_version
from edgetext.measure.processor import has_bf16
from edgetext.measure.runner import CannotMeasureError
from edgetext.runtime.bundle import open_bundle

ROOT = Path(__file__).parents[2]
SETTINGS = BenchSettings(threads=1, rounds=1, latency_texts=10, throughput_texts=32, batch=8)
FORBIDDEN = {"datasets", "evaluate", "rich", "sklearn", "optimum", "pandas", "gradio", "psutil"}

# What a machine has that got the measuring path's packages alone: the others are not found.
SITECUSTOMIZE = """
import sys
from importlib.machinery import PathFinder
class Without:
    find_distributions = staticmethod(PathFinder.find_distributions)
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {names!r} else PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Without()
"""


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, tmp_path_factory):
    from edgetext.export.export import ExportSettings, export_bundle

    rows = find_held_out(tiny_checkpoint).examples
    output = tmp_path_factory.mktemp("bench") / "bundle"
    settings = ExportSettings(max_drop=0.9, schemes=("dynamic-int8-fused",))
    return export_bundle(tiny_checkpoint, rows, output, settings).path


@pytest.mark.slow
def test_every_backend_has_its_row(tiny_checkpoint, exported, tiny_rows):
    results = run_bench(exported, tiny_checkpoint.path, find_held_out(tiny_checkpoint), settings=SETTINGS)
    assert [(row.backend, row.variant) for row in results.rows] == [
        ("torch-cuda", "fp32"),
        ("torch-cuda", "fp16"),
        ("torch-cpu", "fp32"),
        ("torch-cpu", "bf16"),
        ("transformers-pipeline", "fp32"),
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
        ("edgetext", "fp32"),
        ("edgetext", "int8"),
    ]
    by_name = {(row.backend, row.variant): row for row in results.rows}
    if by_name["torch-cuda", "fp32"].status != "measured":
        assert by_name["torch-cuda", "fp32"].reason == "no CUDA device on this machine"
    assert by_name["torch-cpu", "bf16"].status == ("measured" if has_bf16() else "not_measured")
    check_figures(by_name, exported)
    assert len([*table_lines(results)]) == 11


@pytest.mark.slow
def test_the_backends_that_are_asked_for_by_name(tiny_checkpoint, exported):
    names = ("torch-cpu", "tfidf-logreg", "optimum-pipeline", "openvino", "edgetext:throughput")
    settings = replace(SETTINGS, backends=names)
    results = run_bench(exported, tiny_checkpoint.path, find_held_out(tiny_checkpoint), settings=settings)
    assert results.settings["backends"] == list(names)
    rows = {(row.backend, row.variant): row for row in results.rows}
    reference = rows["torch-cpu", "fp32"]
    assert rows["edgetext", "fp32 throughput"].predictions == reference.predictions
    optimum = rows["optimum-pipeline", "fp32"]
    if transformers_version() >= (5, 0):
        assert optimum.status == "not_measured" and "not installed beside transformers 5" in optimum.reason
    else:
        assert optimum.predictions == reference.predictions
    assert rows["edgetext", "int8 throughput"].about["profile"] == "throughput"
    floor = rows["tfidf-logreg", "fp64"]
    assert floor.accuracy.value > 0.5 and floor.about["training_rows"] == 42
    assert floor.about["fit_s"] > 0 and floor.about["installed_bytes"]["scikit-learn"] > 10_000_000
    openvino = rows["openvino", "fp32"]
    if find_spec("openvino") is None:
        assert (openvino.status, openvino.reason) == ("not_measured", "the package 'openvino' is not installed")
    else:
        assert openvino.predictions == reference.predictions
    light = rows["edgetext", "fp32 throughput"].about["installed_bytes"]
    assert light.keys() == {"numpy", "onnxruntime", "tokenizers"}


def test_a_row_goes_through_the_scenarios_that_are_asked_for(tiny_checkpoint, exported):
    asked = {"scenarios": ("single_stream", "server"), "scenario_seconds": 0.2}
    settings = replace(SETTINGS, backends=("edgetext:throughput",), **asked)
    row = run_bench(exported, None, find_held_out(tiny_checkpoint), settings=settings).rows[0]
    assert row.scenarios["note"] == "not MLPerf-compliant durations"
    assert row.scenarios["single_stream"]["queries"] >= 64 and row.scenarios["server"]["tried"]


def test_a_floor_without_its_training_rows_is_not_measured(tiny_checkpoint, tmp_path):
    from edgetext.bench.backends.tfidf_logreg import load

    copy = Path(shutil.copytree(tiny_checkpoint.path, tmp_path / "checkpoint"))
    (copy / "split.json").unlink()
    with pytest.raises(CannotMeasureError, match="does not say which rows it was trained on"):
        load({"model": str(copy)})


def check_figures(by_name, bundle):
    reference = by_name["torch-cpu", "fp32"]
    parameters = 4 * sum(parameter_counts(by_name))
    assert reference.model_bytes == parameters
    manifest = open_bundle(bundle).manifest
    sizes = {variant.name: variant.bytes for variant in manifest.variants}
    first = manifest.first_stage
    for (backend, variant), row in by_name.items():
        if row.status != "measured":
            continue
        assert row.threads == 1 and row.about["threads"] in (1, None)
        assert len(row.latency_ms.samples) == 10 and 0 < row.latency_ms.p50 <= row.latency_ms.p99
        assert row.first_prediction_ms > 50 > 0
        if variant == "fp32":
            assert row.predictions == reference.predictions
            assert row.accuracy_difference.value == 0
        if backend in ("onnxruntime", "edgetext"):
            before = first.bytes if first and (backend, variant) == ("edgetext", first.variant) else 0
            assert row.model_bytes == sizes[variant] + before
            assert row.peak_memory_mb < reference.peak_memory_mb
            assert row.about["scheme"]


def parameter_counts(by_name):
    """Gives the tiny model's parameters, by its shape: 2 layers, hidden 32, intermediate 64, 305 tokens."""
    embeddings = (305 + 128 + 2) * 32 + 2 * 32
    layer = 4 * (32 * 32 + 32) + 2 * (2 * 32) + (32 * 64 + 64) + (64 * 32 + 32)
    head = (32 * 32 + 32) + (2 * 32 + 2)
    return embeddings, 2 * layer, head


@pytest.mark.slow
def test_the_measuring_path_needs_none_of_the_other_packages(tiny_checkpoint, exported, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE.format(names=FORBIDDEN))
    rows = find_held_out(tiny_checkpoint).examples
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["text", "label"], *([row.text, row.label] for row in rows)])
    words = ["bench", exported, "--baseline", tiny_checkpoint.path, "--data", tmp_path / "rows.csv"]
    words += ["-o", tmp_path / "out", "--rounds", "1", "--threads", "1", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "edgetext", *map(str, words)],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    statuses = {
        row["backend"]: row["status"] for row in json.loads(done.stdout)["rows"] if row["variant"] == "fp32"
    }
    assert {statuses.pop("torch-cuda")} <= {"measured", "not_measured"}
    assert set(statuses.values()) == {"measured"} and len(statuses) == 4, done.stderr


@pytest.mark.slow
def test_the_command_for_a_gpu_runs_where_there_is_none(tiny_checkpoint, tmp_path):
    """With what such a machine has, and no network: the one chance on it must not end at an import."""
    (tmp_path / "sitecustomize.py").write_text(
        SITECUSTOMIZE.format(names=FORBIDDEN | {"onnx", "onnxscript", "jinja2"})
    )
    command = [sys.executable, ROOT / "benchmarks/gpu.py", tiny_checkpoint.path, "-o", tmp_path / "gpu.json"]
    done = subprocess.run(
        [*map(str, command), "--rounds", "1"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {(row.backend, row.variant): row for row in read_results(tmp_path / "gpu.json").rows}
    assert rows["torch-cpu", "fp32"].status == "measured"
    on_gpu = [row for row in rows.values() if row.device == "cuda"]
    assert len(on_gpu) == 7
    if not torch_sees_a_gpu():
        assert {(row.status, row.reason) for row in on_gpu} == {("not_measured", "no CUDA device on this machine")}


def torch_sees_a_gpu():
    import torch

    return torch.cuda.is_available()


def test_importing_the_measuring_path_is_light():
    heavy = FORBIDDEN | {"torch", "transformers", "onnxruntime", "tokenizers"}
    program = (
        "import sys\n"
        "import edgetext.bench.run, edgetext.bench.heldout, edgetext.bench.report, edgetext.cli.bench\n"
        f"print(sorted({heavy!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_weights_kept_in_half_precision_are_loaded_in_the_precision_of_the_row(tiny_base, tmp_path):
    import torch
    from transformers import AutoModelForSequenceClassification

    from edgetext.bench.backends.torch_direct import load_model, weight_bytes

    model = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2).half()
    model.save_pretrained(tmp_path)
    for variant, kind, size in (
        ("fp32", torch.float32, 4),
        ("bf16", torch.bfloat16, 2),
        ("fp16", torch.float16, 2),
    ):
        loaded = load_model(str(tmp_path), variant)
        assert {parameter.dtype for parameter in loaded.parameters()} == {kind}
        assert weight_bytes(loaded) == size * sum(parameter_counts(None)) and not loaded.training


def test_the_bare_loop_pads_with_the_tokenizers_own_token(tiny_bundle):
    from edgetext.bench.backends.onnxruntime_bare import load

    bundle = open_bundle(tiny_bundle)
    spec = {
        "model": str(bundle.file(bundle.manifest.variant("fp32").file)),
        "tokenizer": str(Path(tiny_bundle) / "tokenizer.json"),
        "task": task_values(bundle.manifest.decides),
        "max_length": bundle.manifest.max_length,
        "session": {},
        "threads": 1,
    }
    runner = load(spec)
    texts = [
        "a bowl of ramen",
        "the road to the mountain near the old house by the sea " * 5,
        "egg",
        "a dog in the park",
    ]
    assert runner.many(texts, 4) == runner.many(texts, 3) == [runner.one(text) for text in texts]
    assert {*chain(*runner.many(texts, 2))} <= {*bundle.manifest.labels}
