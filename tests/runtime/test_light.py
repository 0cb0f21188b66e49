"""The promise that the part that predicts is light, tried in interpreters of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "accelerate", "datasets", "evaluate", "gradio", "huggingface_hub", "onnx", "optimum", "pandas", "psutil",
    "rich", "scipy", "sklearn", "torch", "transformers",
}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """Runs code in a fresh interpreter and gives the top-level modules that it loaded."""
    program = f"{code}\nimport json, sys\nprint(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_alone_loads_nothing_that_computes() -> None:
    assert not modules_after("import edgetext") & (HEAVY | {"numpy", "onnxruntime", "tokenizers"})


def test_a_prediction_loads_only_the_three(tiny_bundle: Path) -> None:
    code = f"from edgetext import Predictor\nwith Predictor({str(tiny_bundle)!r}) as c: print(c.predict(['a dog']))"
    loaded = modules_after(code)
    assert {"numpy", "onnxruntime", "tokenizers"} <= loaded
    assert not loaded & HEAVY


def test_a_table_of_word_vectors_needs_no_onnxruntime(tiny_static: Path) -> None:
    code = f"from edgetext import Predictor\nc = Predictor({str(tiny_static)!r})\nc('a'), c.predict(['cat'] * 400)"
    loaded = modules_after(code)
    assert {"numpy", "tokenizers"} <= loaded
    assert not loaded & (HEAVY | {"onnxruntime", "safetensors"})


def test_the_command_loads_only_the_three(tiny_bundle: Path) -> None:
    code = f"from edgetext.cli.main import main\nassert main(['predict', {str(tiny_bundle)!r}, 'a dog']) == 0"
    assert not modules_after(code) & HEAVY
