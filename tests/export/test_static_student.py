"""A bundle whose model is a table of word vectors: what it holds, and that both of its models answer alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgetext import Predictor
from edgetext.checkpoint import Checkpoint
from edgetext.cli.main import main
from edgetext.data.student_split import teacher_split
from edgetext.errors import InputError
from edgetext.export.gate import judge
from edgetext.export.static_graph import make_static_graph
from edgetext.export.static_student import export_static
from edgetext.foreign.answers import torch_logits
from edgetext.pipeline import distill_static
from edgetext.progress import Silent
from edgetext.runtime.static import StaticModel, StaticTable

TEXTS = ["a bowl of ramen", "the road", "a dog in the park near the window in winter", "soup", ""]


@pytest.fixture(scope="module")
def made(tiny_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the bundle of a static student of the tiny checkpoint, taught by two more texts."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "more.txt").write_text("a plate of soup\nthe dog and the cat\n", "utf-8")
    words = ["distill", str(tiny_checkpoint.path), "-o", str(folder / "bundle"), "--static", "--static-mb", "0.3"]
    assert main([*words, "--unlabelled", str(folder / "more.txt"), "--json"]) == 0
    return folder / "bundle"


def test_both_models_answer_alike_and_one_needs_no_onnxruntime(made: Path) -> None:
    with Predictor(made) as table, Predictor(made, variant="static-onnx") as graph:
        assert (table.variant.name, table.variant.scheme) == ("static", "static")
        together = table.logits(TEXTS)
        assert np.allclose(graph.logits(TEXTS), together, atol=1e-4)
        assert np.allclose(np.concatenate([graph.logits([text]) for text in TEXTS]), together, atol=1e-4)
        assert [answer.label for answer in table.predict(TEXTS)] == [
            answer.label for answer in graph.predict(TEXTS)
        ]
    assert sum(file.stat().st_size for file in made.glob("*.safetensors")) <= 300_000


def test_the_verdict_is_the_gates_against_the_teacher(made: Path, tiny_checkpoint: Checkpoint) -> None:
    split = teacher_split(tiny_checkpoint)
    with Predictor(made) as classify:
        manifest, figures = classify.manifest, classify.manifest.provenance["teacher"]["metrics"]
        for part, rows in (("validation", split.validation), ("test", split.test)):
            texts, truth = [row.text for row in rows], tiny_checkpoint.task.encode([row.labels for row in rows])
            logits = torch_logits(tiny_checkpoint.path, texts, 64, Silent(), extra="train")
            teacher, own = tiny_checkpoint.task.probabilities(logits), classify.predict_proba(texts)
            assert figures[part]["teacher"] == pytest.approx(np.mean(teacher.argmax(1) == truth))
            assert figures[part]["student"] == pytest.approx(np.mean(own.argmax(1) == truth))
            if part == "validation":
                verdict = judge(tiny_checkpoint.task, teacher, own, truth)
                said = manifest.variants[0].evaluation
                assert (said["verdict"], said["loss"]["high"]) == (
                    verdict.decision,
                    pytest.approx(verdict.loss_high),
                )
    assert said["sentence"].startswith(f"{verdict.decision}: the static student ")
    assert f"against {tiny_checkpoint.path.name} " in said["sentence"]
    assert "word vectors of `checkpoint`" in (made / "README.md").read_text("utf-8")
    assert manifest.temperature is None  # it is folded into the table


def test_pairs_that_padding_touches_count_for_nothing_in_the_graph(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    table = StaticTable(
        random.integers(-127, 128, (40 + 11, 4)).astype(np.int8),
        random.uniform(0.1, 1, 51).astype(np.float32),
        random.normal(size=(4, 3)).astype(np.float32),
        random.normal(size=3).astype(np.float32),
        11,
    )
    rows = [[5, 6, 7, 8, 9], [5], [30, 31]]
    ids, mask = np.zeros((3, 5), np.int64), np.zeros((3, 5), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    make_static_graph(table, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    assert np.allclose(found, StaticModel(table).logits(rows), atol=1e-5)


def test_a_table_without_pairs_has_a_graph_too(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    parts = random.integers(-9, 9, (20, 4)).astype(np.int8), np.ones(20, np.float32)
    table = StaticTable(*parts, np.ones((4, 2), np.float32), np.zeros(2, np.float32), 0)
    make_static_graph(table, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    feed = {"input_ids": np.array([[1, 2, 3]]), "attention_mask": np.array([[1, 1, 1]])}
    assert np.allclose(session.run(None, feed)[0], StaticModel(table).logits([[1, 2, 3]]), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--static", "--layers", "1"], "--layers"),
        (["--static", "--epochs", "3"], "--epochs"),
        (["--static", "--set", "weight_decay=0"], "--set"),
        (["--static", "--resume"], "--resume"),
        (["--static", "--no-bf16"], "--bf16"),
        (["--static", "--static-mb", "0"], "above 0"),
        (["--static-mb", "3"], "--static"),
    ],
)
def test_what_goes_with_another_kind_of_student_is_refused(
    options: list[str], named: str, tiny_checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distill", str(tiny_checkpoint.path), "-o", str(tmp_path / "s"), *options]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_static_student_cannot_be_tuned_and_says_so(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(made), "-o", str(tmp_path / "t")]) == 2
    assert "fp32" in capsys.readouterr().err


def test_without_held_out_rows_there_is_none(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    split = teacher_split(tiny_checkpoint)
    bare = type(split)(split.train, (), split.test, split.task, split.record)
    with pytest.raises(InputError):
        export_static(tiny_checkpoint, bare, tmp_path / "s")
    assert not list(tmp_path.iterdir())


def test_the_same_teacher_makes_the_same_table(made: Path, tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    again = [distill_static(tiny_checkpoint.path, tmp_path / name) for name in ("a", "b")]
    digests = {one.manifest.variant().sha256 for one in again}
    assert len(digests) == 1
    assert digests != {
        json.loads((made / "bundle.json").read_text("utf-8"))["variants"][0]["sha256"]
    }  # fewer texts
