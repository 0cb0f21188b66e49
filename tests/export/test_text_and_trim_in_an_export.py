"""``--text-model`` and ``--trim-vocabulary`` through an export: what the bundle holds, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

pytest.importorskip("onnxruntime_extensions", reason="onnxruntime-extensions is not installed: no text model")

from edgetext.checkpoint import Checkpoint
from edgetext.cli.main import build_parser
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.errors import InputError
from edgetext.export.assembly import Exported
from edgetext.export.export import export_bundle
from edgetext.export.gate import judge
from edgetext.export.settings import DEFAULT_VOCABULARY, ExportSettings
from edgetext.export.text_model import TEXT_FILE, open_text_model
from edgetext.runtime.predictor import Predictor
from edgetext.task import SingleLabel

SCHEMES = ("dynamic-int8",)


class Notes:
    """Keeps what an export says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, name: str, done: int, total: int) -> None:
        """Says nothing."""

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture(scope="module")
def rows(tiny_checkpoint: Checkpoint) -> tuple[Example, ...]:
    words = (
        "a",
        "bowl",
        "of",
        "ramen",
        "with",
        "egg",
        "the",
        "old",
        "bridge",
        "fried",
        "rice",
        "mountain",
        "bicycle",
    )
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(words, size=5)) for _ in range(120)]
    return tuple(Example(text, (tiny_checkpoint.labels[row % 2],), row) for row, text in enumerate(texts, 1))


@pytest.fixture(scope="module")
def exported(
    tiny_checkpoint: Checkpoint, rows: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Exported, Notes]:
    notes = Notes()
    settings = ExportSettings(
        first_stage="off", max_drop=0.5, schemes=SCHEMES, text_model=True, trim_vocabulary=200
    )
    output = tmp_path_factory.mktemp("both") / "bundle"
    return export_bundle(tiny_checkpoint, rows, output, settings, progress=notes), notes


def test_all_models_of_the_bundle_have_the_small_vocabulary(exported: tuple[Exported, Notes]) -> None:
    bundle, notes = exported
    size = Tokenizer.from_file(str(bundle.path / "tokenizer.json")).get_vocab_size()
    told = bundle.manifest.variant("fp32").evaluation["vocabulary"]
    assert size == told["tokens_after"] < told["tokens_before"] == 305
    assert json.loads((bundle.path / "config.json").read_text())["vocab_size"] == size
    assert any(note.startswith("vocabulary trimmed from 305 to ") for note in notes.said)


def test_the_gate_compares_with_the_model_before(
    exported: tuple[Exported, Notes], tiny_checkpoint: Checkpoint, rows: tuple[Example, ...], tmp_path: Path
) -> None:
    """The loss in the manifest is the one from the untrimmed fp32 model to the trimmed int8 one."""
    plain = export_bundle(
        tiny_checkpoint, rows, tmp_path / "plain", ExportSettings(first_stage="off", max_drop=0.5, schemes=SCHEMES)
    )
    evaluation = exported[0].manifest.variant("int8").evaluation
    answers = []
    for path, variant in ((plain.path, "fp32"), (exported[0].path, "int8")):
        with Predictor(path, variant=variant) as classify:
            answers.append(np.concatenate([classify.predict_proba([row.text]) for row in rows]))
    task = SingleLabel(tiny_checkpoint.labels)
    expected = judge(task, answers[0], answers[1], task.encode([row.labels for row in rows]), 0.5)
    assert evaluation["loss"]["value"] == pytest.approx(expected.loss)
    assert evaluation["probability_change"]["mean"] == pytest.approx(expected.mean_change, rel=1e-3)


def test_the_text_model_is_that_of_the_trimmed_int8_model(exported: tuple[Exported, Notes]) -> None:
    bundle, _ = exported
    told = bundle.manifest.extra["text_model"]
    assert (told["file"], told["variant"]) == (TEXT_FILE, "int8")
    asked = open_text_model(bundle.path / TEXT_FILE, told["session"])
    with Predictor(bundle.path) as classify:
        for text in ("a bowl of ramen", "the mountain bicycle"):
            label, _ = asked.run(None, {"text": np.array([text], object)})
            assert label[0] == classify(text).label


def test_a_divergent_text_leaves_the_text_model_out_and_the_bundle_whole(
    tiny_checkpoint: Checkpoint, rows: tuple[Example, ...], tmp_path: Path
) -> None:
    notes = Notes()
    divergent = (*rows[:20], Example("a bowl [SEP] of [MASK] ramen [SEP] [SEP]", ("food",), 999))
    settings = ExportSettings(first_stage="off", max_drop=0.9, schemes=SCHEMES, text_model=True)
    bundle = export_bundle(tiny_checkpoint, divergent, tmp_path / "bundle", settings, progress=notes)
    assert any(note.startswith("the text model is not written: for ") for note in notes.said)
    assert "text_model" not in bundle.manifest.extra
    assert not (bundle.path / TEXT_FILE).exists()
    with Predictor(bundle.path) as classify:
        assert classify("a bowl of ramen").label in classify.labels


def test_a_trim_that_loses_too_much_is_refused_and_leaves_nothing(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = [row for part in ("train", "validation", "test") for row in held_out(tiny_checkpoint.split, part)]
    monkeypatch.setattr("edgetext.export.vocabulary.training_texts", lambda checkpoint: ("a",))
    settings = ExportSettings(schemes=SCHEMES, trim_vocabulary=1)
    with pytest.raises(InputError, match=r"--trim-vocabulary 1 alone loses \d+\.\d\d points of accuracy on \d+"):
        export_bundle(tiny_checkpoint, right, tmp_path / "bundle", settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "text_model", "size"),
    [
        ([], False, None),
        (["--text-model", "--trim-vocabulary"], True, DEFAULT_VOCABULARY),
        (["--trim-vocabulary", "7000"], False, 7000),
    ],
)
def test_the_command_line_takes_both(words: list[str], text_model: bool, size: int | None) -> None:
    command = ["export", "checkpoint", "-o", "bundle", *words]
    arguments = build_parser(command).parse_args(command)
    assert (arguments.text_model, arguments.trim_vocabulary) == (text_model, size)
