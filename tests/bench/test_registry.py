import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgetext.bench.models import open_models
from edgetext.bench.plan import plan_rows
from edgetext.bench.registry import BACKENDS, choose_backends
from edgetext.bench.settings import BenchSettings
from edgetext.errors import InputError

ONE = BenchSettings(threads=1)


def test_every_backend_is_a_file_with_a_factory():
    for backend in BACKENDS:
        module, _, factory = backend.runner.partition(":")
        found = find_spec(module)
        assert found and f"def {factory}(spec: " in Path(found.origin).read_text("utf-8")


def test_backends_are_chosen_in_the_registrys_order():
    assert [backend.name for backend in choose_backends(["edgetext", "torch-cpu"])] == ["torch-cpu", "edgetext"]
    assert choose_backends(["all"]) == BACKENDS


def test_the_default_bench_is_the_short_one():
    assert [(backend.key, backend.variants) for backend in choose_backends(())] == [
        ("torch-cuda", ("fp32", "fp16")),
        ("torch-cpu", ("fp32", "bf16")),
        ("transformers-pipeline", ("fp32",)),
        ("onnxruntime", ()),
        ("edgetext", ()),
    ]


def test_only_what_depends_on_the_batch_is_answered_text_by_text(tiny_bundle):
    plans = plan_rows(open_models([tiny_bundle]), choose_backends(["onnxruntime", "edgetext:throughput"]), ONE)
    assert [(plan.variant, plan.answers_in_batches) for plan in plans] == [
        ("fp32", 32),
        ("int8", 1),
        ("fp32 throughput", 32),
        ("int8 throughput", 1),
    ]


def test_a_mode_is_asked_for_behind_a_colon():
    (backend,) = choose_backends(["edgetext:throughput"])
    assert (backend.name, backend.mode, backend.default) == ("edgetext", "throughput", False)
    assert [backend.variants for backend in choose_backends(["torch-cuda"])] == [("fp32", "fp16"), ("bf16",)]


def test_a_mode_stands_behind_the_variant_of_its_rows(tiny_bundle):
    plans = plan_rows(open_models([tiny_bundle]), choose_backends(["edgetext:throughput", "openvino"]), ONE)
    assert [(plan.name, plan.spec["mode"], plan.spec["variant"]) for plan in plans] == [
        ("openvino fp32", "", "fp32"),
        ("edgetext fp32 throughput", "throughput", "fp32"),
        ("edgetext int8 throughput", "throughput", "int8"),
    ]


def test_an_unknown_backend_is_refused_with_the_list():
    with pytest.raises(
        InputError, match=r"no backend 'tensorrt': choose from torch-cuda, torch-cuda:compile, torch-cpu"
    ):
        choose_backends(["tensorrt"])


def test_listing_imports_none_of_them():
    heavy = {"torch", "onnxruntime", "numpy"}
    program = f"import sys, edgetext.bench.registry\nprint(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
