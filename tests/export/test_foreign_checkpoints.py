"""Checkpoints that others made: unusual ones export as torch runs them; pickles beside them are never opened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from architectures import LABELS, PAIRS, TEXTS, make_checkpoint, torch_logits
from test_architectures import named

from edgetext import Predictor
from edgetext.checkpoint import Checkpoint, open_checkpoint
from edgetext.errors import ModelError
from edgetext.export.onnx_export import check_logits, export_fp32
from edgetext.runtime.folder import has_onnx_layout


def exported(checkpoint: Checkpoint, folder: Path) -> tuple[str, ...]:
    folder.mkdir()
    inputs = export_fp32(checkpoint, folder)
    check_logits(checkpoint, folder / "model.onnx", TEXTS)
    return inputs


@pytest.mark.parametrize("name", ["BERT", "ELECTRA"])
def test_a_model_of_one_segment_exports_and_takes_pairs(name: str, tmp_path: Path) -> None:
    """Converted models often have one; the tokenizer gives the second text of a pair the other one."""
    architecture = named(name)
    config = {**architecture.config, "type_vocab_size": 1}
    folder = make_checkpoint(replace(architecture, config=config), tmp_path / "checkpoint")
    assert exported(open_checkpoint(folder), tmp_path / "graph") == ("input_ids", "attention_mask")
    assert has_onnx_layout(tmp_path / "graph")
    with Predictor(tmp_path / "graph") as classify:
        found = np.concatenate([classify.logits([text]) for text in TEXTS])
        assert classify(PAIRS[0]).label in LABELS
    np.testing.assert_allclose(found, torch_logits(folder, TEXTS).numpy(), rtol=0, atol=1e-4)


def test_fewer_positions_than_exporters_trace_with_are_enough(tmp_path: Path) -> None:
    folder = make_checkpoint(named("BERT"), tmp_path / "checkpoint", positions=9)
    checkpoint = open_checkpoint(folder)
    assert checkpoint.max_length == 9
    exported(checkpoint, tmp_path / "graph")


def test_an_embedding_table_that_was_resized_exports(tmp_path: Path) -> None:
    import transformers

    folder = make_checkpoint(named("BERT"), tmp_path / "checkpoint")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    model.resize_token_embeddings(model.config.vocab_size + 13)
    model.save_pretrained(folder)
    exported(open_checkpoint(folder), tmp_path / "graph")


def test_weights_in_shards_export(tmp_path: Path) -> None:
    import transformers

    folder = make_checkpoint(named("BERT"), tmp_path / "checkpoint")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="50KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    exported(open_checkpoint(folder), tmp_path / "graph")


def test_a_weight_that_is_no_number_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_checkpoint(named("BERT"), tmp_path / "checkpoint")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][0] = float("inf")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"hold NaN or infinity, such as classifier\.bias"):
        exported(open_checkpoint(folder), tmp_path / "graph")


WORK = """
import sys
from importlib import import_module
from pathlib import Path
from edgetext.bench.backends._shared import task_values
from edgetext.checkpoint import open_checkpoint
from edgetext.cli.main import main
from edgetext.foreign.versions import transformers_version
checkpoint, rows, out = sys.argv[1:4]
bundle = Path(out) / "bundle"
small = ["--scheme", "dynamic-int8", "--max-drop", "0.9"]
codes = [main(["export", checkpoint, "-o", str(bundle), "--data", rows, *small])]
for name in sys.argv[4:]:
    (bundle / name).write_bytes(b"no pickle either")
task = task_values(open_checkpoint(Path(checkpoint)).task)
spec = {"model": checkpoint, "variant": "fp32", "max_length": 64, "threads": 1, "session": {}, "task": task}
bundled = {**spec, "bundle": str(bundle), "model": str(bundle / "onnx/model.onnx")}
for name in ("torch_direct", "transformers_pipeline"):
    assert import_module(f"edgetext.bench.backends.{name}").load_on_cpu(spec).one("a bowl of ramen")
if transformers_version() < (5, 0):
    assert import_module("edgetext.bench.backends.optimum_pipeline").load(bundled).one("a bowl of ramen")
codes += [
    main(["train", rows, "--base", checkpoint, "-o", f"{out}/trained", "--epochs", "1"]),
    main(["tune", str(bundle), "-o", f"{out}/tuned", *small]),
]
sys.exit(max(codes))
"""
PICKLES = (
    "pytorch_model.bin", "training_args.bin", "optimizer.pt", "adapter_model.bin", "tf_model.h5", "vocab.pkl",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="it watches which files are opened")
def test_no_command_opens_a_pickle_beside_the_weights(tiny_checkpoint, tiny_rows: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint.path, tmp_path / "checkpoint"))
    mark = tmp_path / "unpickled"
    for name in PICKLES:
        (folder / name).write_bytes(f"cpathlib\nPath.touch\n(cpathlib\nPath\n(V{mark}\ntRtR.".encode())
    shutil.copy(folder / "model.safetensors", folder / "x.safetensors")
    trace = tmp_path / "trace"
    watched = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=open,openat", "-o", str(trace)]
    done = subprocess.run(
        [*watched, sys.executable, "-c", WORK, str(folder), str(tiny_rows), str(tmp_path), *PICKLES],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = [line for line in trace.read_text("utf-8", errors="replace").splitlines() if "O_RDONLY" in line]
    assert any("model.safetensors" in line for line in read)
    assert [line for line in read if any(name in line for name in PICKLES)] == []
    assert not mark.exists()
