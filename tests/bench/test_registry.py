import subprocess
import sys
from importlib.util import find_spec

import pytest

from edgetext.bench.registry import BACKENDS, choose_backends
from edgetext.errors import InputError


def test_every_backend_is_a_file_with_a_factory():
    for backend in BACKENDS:
        module, _, factory = backend.runner.partition(":")
        assert find_spec(module) is not None and factory == "load"


def test_backends_are_chosen_in_the_registrys_order():
    assert [backend.name for backend in choose_backends(["edgetext", "torch-cpu"])] == ["torch-cpu", "edgetext"]
    assert choose_backends(None) == BACKENDS


def test_an_unknown_backend_is_refused_with_the_list():
    with pytest.raises(
        InputError, match=r"no backend 'tensorrt': choose from torch-cuda, torch-cpu, transformers-pip"
    ):
        choose_backends(["tensorrt"])


def test_listing_imports_none_of_them():
    heavy = {"torch", "onnxruntime", "numpy"}
    program = f"import sys, edgetext.bench.registry\nprint(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
