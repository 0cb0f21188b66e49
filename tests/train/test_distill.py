"""Students: which layers they keep, what they learn, whose rows judge them, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForSequenceClassification, PretrainedConfig
from transformers.models.albert import AlbertConfig
from transformers.models.bart import BartConfig
from transformers.models.distilbert import DistilBertConfig
from transformers.models.longformer import LongformerConfig
from transformers.models.modernbert import ModernBertConfig

from edgetext.checkpoint import Checkpoint, DataSource, SplitPart, SplitRecord, open_checkpoint
from edgetext.cli.main import main
from edgetext.data.example import Example, Split
from edgetext.data.held_out import held_out
from edgetext.errors import InputError, ModelError
from edgetext.foreign.answers import ask
from edgetext.pipeline import DistillSettings, TrainArguments
from edgetext.progress import Silent
from edgetext.task import MultiLabel
from edgetext.train import Student, distill, fit
from edgetext.train.base import load_tuned, resolve_base
from edgetext.train.quiet import quiet
from edgetext.train.student import kept_layers, shrink
from edgetext.train.trainer import taught_loss
from heard import Heard

LEARNING = TrainArguments(epochs=4, learning_rate=5e-3, batch_size=8, bf16=False)
TURNED = (
    *("0.output.LayerNorm.weight", "0.output.LayerNorm.bias"),
    *(f"1.attention.self.{part}.weight" for part in ("query", "key", "value")),
    *("1.attention.output.dense.weight", "1.attention.output.dense.bias", "1.attention.output.LayerNorm.weight"),
)
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 50,
    "num_hidden_layers": 4,
    "max_position_embeddings": 40,
    "num_labels": 3,
    "pad_token_id": 0,
}
ARCHITECTURES = [
    DistilBertConfig(dim=16, n_heads=2, hidden_dim=16, vocab_size=50, n_layers=4, num_labels=3),
    LongformerConfig(**SMALL, attention_window=[2, 4, 6, 8]),
    ModernBertConfig(**SMALL, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2),
]


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a file of five lines: an empty one, one text twice, and one that is among the labelled rows."""
    file = tmp_path_factory.mktemp("unlabelled") / "texts.txt"
    file.write_text("hot noodles\n\na dog on a chair\nHot  noodles\na bowl of ramen\n", "utf-8")
    return file


@pytest.fixture(scope="session")
def told() -> Heard:
    """Gives what was told while ``tiny_student`` was made."""
    return Heard()


@pytest.fixture(scope="session")
def tiny_student(
    tiny_checkpoint: Checkpoint, unlabelled: Path, told: Heard, tmp_path_factory: pytest.TempPathFactory
) -> Checkpoint:
    """Gives the student of one layer of ``tiny_checkpoint``."""
    output = tmp_path_factory.mktemp("students") / "student"
    settings = DistillSettings(layers=1, unlabelled=unlabelled, training=LEARNING)
    return distill(tiny_checkpoint, output, settings, told)


@pytest.mark.parametrize(
    ("count", "layers", "kept"),
    [(6, 3, (2, 4, 6)), (6, 2, (3, 6)), (6, 4, (1, 3, 4, 6)), (6, 1, (6,)), (12, 3, (4, 8, 12)), (2, 1, (2,))],
)
def test_layers_are_evenly_spaced(count: int, layers: int, kept: tuple[int, ...]) -> None:
    assert kept_layers(count, layers) == kept


def test_the_last_layer_is_always_kept_and_gaps_differ_by_one_at_most() -> None:
    for count in range(2, 30):
        for layers in range(1, count):
            kept = kept_layers(count, layers)
            gaps = {upper - lower for lower, upper in zip((0, *kept), kept, strict=False)}
            assert len(kept) == layers and kept[-1] == count
            assert min(gaps) >= 1 and max(gaps) - min(gaps) <= 1


def test_a_student_begins_with_its_teachers_weights(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    with quiet():
        _, teacher = load_tuned(resolve_base(str(tiny_checkpoint.path)))
        shrink(teacher, 1, "teacher").save_pretrained(tmp_path)
    before, after = load_file(tiny_checkpoint.path / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    kept = {name: name.replace("layer.0.", "layer.1.") for name in after}
    assert {*kept.values()} == {name for name in before if "layer.0." not in name}
    assert all(np.array_equal(after[name], before[old]) for name, old in kept.items())
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert config["num_hidden_layers"] == 1
    assert config["id2label"] == {"0": "food", "1": "not_food"}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("config", ARCHITECTURES, ids=lambda config: config.model_type)
def test_any_architecture_with_one_stack_is_cut_and_loads_again(config: PretrainedConfig, tmp_path: Path) -> None:
    with quiet():
        teacher = AutoModelForSequenceClassification.from_config(config)
        student = shrink(teacher, 2, "teacher").eval()
        student.save_pretrained(tmp_path)
        again, loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not loaded["missing_keys"] and not loaded["unexpected_keys"]
    assert again.config.num_hidden_layers == 2
    assert getattr(again.config, "attention_window", [4, 8]) == [4, 8]
    ids = torch.tensor([[1, 7, 9, 2]])
    assert torch.allclose(again.eval()(input_ids=ids).logits, student(input_ids=ids).logits, atol=1e-6)


@pytest.mark.parametrize(
    "config",
    [
        AlbertConfig(**SMALL, embedding_size=8),
        BartConfig(d_model=16, encoder_layers=4, decoder_layers=4, encoder_ffn_dim=16, decoder_ffn_dim=16,
                   encoder_attention_heads=2, decoder_attention_heads=2, vocab_size=50),
    ],
    ids=lambda config: config.model_type,
)  # fmt: skip
def test_an_architecture_without_one_stack_is_refused(config: PretrainedConfig) -> None:
    with quiet():
        teacher = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(ModelError, match=rf"{config.model_type}.* stacks of 4 layers"):
        shrink(teacher, 2, "teacher")


def test_the_loss_is_the_error_of_the_logits_and_half_of_what_labels_cost() -> None:
    logits, teacher = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    cost = float(torch.nn.functional.cross_entropy(logits[:1], torch.tensor([1])))
    both = taught_loss(logits, teacher, torch.tensor([1, -100]), one_label=True)
    assert float(both) == pytest.approx(4 / 4 + 0.5 * cost / 2)
    labels = torch.tensor([[0.0, 1.0], [-100.0, -100.0]])
    cost = float(torch.nn.functional.binary_cross_entropy_with_logits(logits[:1], labels[:1]))
    assert float(taught_loss(logits, teacher, labels, one_label=False)) == pytest.approx(1 + 0.5 * cost / 2)
    nothing = torch.full((2,), -100)
    assert float(taught_loss(logits, teacher, nothing, one_label=True)) == 1


def test_a_student_is_a_checkpoint_that_names_its_teacher(
    tiny_student: Checkpoint, tiny_checkpoint: Checkpoint
) -> None:
    training = json.loads((tiny_student.path / "training.json").read_text("utf-8"))
    assert open_checkpoint(tiny_student.path) == tiny_student
    assert tiny_student.split == tiny_checkpoint.split
    assert tiny_student.base_model == tiny_checkpoint.base_model
    teacher = training["teacher"]
    assert teacher["name"] == str(tiny_checkpoint.path) and len(teacher["sha256"]) == 64
    assert (teacher["kept"], teacher["unlabelled"]) == ([2], 2)
    assert (training["arguments"]["label_smoothing"], training["arguments"]["layer_decay"]) == (0, 1)
    for part, found in teacher["metrics"].items():
        assert found["student"] == pytest.approx(training["metrics"][part]["accuracy"])
        assert found["teacher"] == pytest.approx(tiny_checkpoint.training["metrics"][part]["accuracy"])
        assert found["low"] <= found["difference"] == found["student"] - found["teacher"] <= found["high"]
        assert found["rows"] == 9 and 0 <= found["same_answers"] <= 1


def test_training_brings_the_logits_nearer_to_the_teachers(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(tiny_checkpoint.path, tmp_path / "teacher"))
    weights = load_file(teacher / "model.safetensors")
    for name in TURNED:  # what the first layer hands on, and what reads it: the teacher answers as before
        weights[f"bert.encoder.layer.{name}"] *= -1
    weights["classifier.weight"] *= 5
    save_file(weights, teacher / "model.safetensors", metadata={"format": "pt"})
    assert tiny_checkpoint.split is not None
    texts = [row.text for row in held_out(tiny_checkpoint.split, "test")]
    with quiet():
        tokenizer, model = load_tuned(resolve_base(str(teacher)))
        untrained = shrink(model, 1, "teacher")
    wanted, found = (ask(each, tokenizer, texts, 64, Silent()) for each in (model, untrained))
    before = float(((wanted - found) ** 2).mean())
    student = distill(teacher, tmp_path / "student", DistillSettings(layers=1, training=LEARNING))
    assert student.training["teacher"]["metrics"]["test"]["logit_error"] < before / 2


def test_the_teacher_is_asked_once_about_each_text_and_unlabelled_ones_are_counted(
    tiny_student: Checkpoint, told: Heard
) -> None:
    asked = [step for step in told.steps if step[0] == "teacher"]
    assert asked[-1] == ("teacher", 62, 62)  # 42 rows and 2 texts to learn, 9 and 9 held out
    assert sum(done == total for _, done, total in asked) == 1
    assert any("2 texts without labels are used" in note for note in told.notes)
    assert any(note.startswith("44 rows, 4 epochs") for note in told.notes)
    assert any("the layers 2 of the teacher, which has 2" in note for note in told.notes)
    assert tiny_student.training["rows"] == {"train": 42, "validation": 9, "test": 9}


def test_a_seed_fixes_every_byte_of_a_student(
    tiny_student: Checkpoint, tiny_checkpoint: Checkpoint, unlabelled: Path, tmp_path: Path
) -> None:
    settings = DistillSettings(layers=1, unlabelled=unlabelled, training=LEARNING)
    again = distill(tiny_checkpoint, tmp_path / "again", settings)
    for file in tiny_student.path.iterdir():
        if file.name != "training.json":
            assert file.read_bytes() == (again.path / file.name).read_bytes(), file.name


def test_labels_stand_in_the_order_of_the_teacher(
    tiny_checkpoint: Checkpoint, tiny_rows: Path, tmp_path: Path
) -> None:
    teacher = Path(shutil.copytree(tiny_checkpoint.path, tmp_path / "teacher"))
    config = json.loads((teacher / "config.json").read_text("utf-8"))
    config |= {"id2label": {"0": "not_food", "1": "food"}, "label2id": {"not_food": 0, "food": 1}}
    (teacher / "config.json").write_text(json.dumps(config), "utf-8")
    arguments = TrainArguments(epochs=1, bf16=False)
    student = distill(teacher, tmp_path / "student", DistillSettings(layers=1, training=arguments))
    assert student.labels == ("not_food", "food")
    assert json.loads((student.path / "config.json").read_text("utf-8"))["id2label"] == config["id2label"]


DISHES = {"soup": ("hot", "wet"), "ice": ("wet",), "toast": ("hot",), "stone": ()}


def test_students_of_several_labels_and_of_pairs(tiny_base: Path, tmp_path: Path) -> None:
    rows = [
        Example((f"{word} {number}", f"a {word}"), labels, number * 4 + place)
        for number in range(15)
        for place, (word, labels) in enumerate(DISHES.items(), 1)
    ]
    parts = {"train": rows[:40], "validation": rows[40:52], "test": rows[52:]}
    record = SplitRecord(
        (DataSource("/rows.jsonl", "ab" * 32, 60, "text", "labels"),),
        {name: SplitPart(0, tuple(row.row for row in part)) for name, part in parts.items()},
        42,
    )
    split = Split(*(tuple(part) for part in parts.values()), task=MultiLabel(("hot", "wet")), record=record)
    arguments = TrainArguments(epochs=8, learning_rate=1e-2, batch_size=8, bf16=False)
    teacher = fit(split, str(tiny_base), tmp_path / "teacher", arguments)
    texts = (("ice 3", "cold ice"), ("toast 9", "warm toast"))
    student = fit(split, Student(teacher, 1, texts), tmp_path / "student", arguments)
    assert isinstance(student.task, MultiLabel) and len(student.task.thresholds) == 2
    found = student.training["teacher"]["metrics"]["test"]
    assert found["student"] == pytest.approx(student.training["metrics"]["test"]["micro_f1"])
    assert found["student"] > 0.7 and found["same_answers"] > 0.5
    assert student.training["teacher"]["unlabelled"] == 2


def test_two_passes_of_a_student_agree_too(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    arguments = TrainArguments(epochs=1, bf16=False, preset="best")
    student = distill(tiny_checkpoint, tmp_path / "s", DistillSettings(layers=1, training=arguments))
    assert student.training["arguments"]["consistency"] == 1


def test_an_interrupted_student_goes_on_with_the_same_texts_alone(
    tiny_checkpoint: Checkpoint, unlabelled: Path, tmp_path: Path
) -> None:
    class Interrupting(Heard):
        def step(self, name: str, done: int, total: int) -> None:
            if (name, done) == ("train", 8):  # in the second epoch
                raise KeyboardInterrupt

    settings = DistillSettings(layers=1, unlabelled=unlabelled, training=LEARNING)
    with pytest.raises(KeyboardInterrupt):
        distill(tiny_checkpoint, tmp_path / "s", settings, Interrupting())
    with pytest.raises(InputError, match="begun with other unlabelled"):
        distill(tiny_checkpoint, tmp_path / "s", DistillSettings(layers=1, training=LEARNING), Heard(), resume=True)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--layers", "0"], "0 layers"),
        (["--layers", "2"], "give --layers 1 to 1"),
        (["--layers", "1", "--unlabelled", "missing.txt"], "missing.txt"),
        (["other.csv", "--layers", "1"], "'drink'"),
        (["--test", "other.csv", "--layers", "1"], "--test goes with DATA"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    words: list[str],
    named: str,
    tiny_checkpoint: Checkpoint,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_text("text,label\ntea,drink\nsoup,food\n", "utf-8")
    assert main(["distill", str(tiny_checkpoint.path), *words, "-o", "student"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("edgetext distill: error: ") and named in lines[-1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.csv"]


def test_no_checkpoint_and_a_taken_output_are_refused(
    tiny_checkpoint: Checkpoint, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious").write_text("keep me", "utf-8")
    made_up = Path(shutil.copytree(tiny_checkpoint.path, tmp_path / "made_up"))
    config = json.loads((made_up / "config.json").read_text("utf-8"))
    (made_up / "config.json").write_text(json.dumps({**config, "model_type": "made-up"}), "utf-8")
    teachers = ((tmp_path / "none", "s"), (tiny_base, "s"), (made_up, "s"), (tiny_checkpoint.path, "taken"))
    for teacher, output in teachers:
        assert main(["distill", str(teacher), "--layers", "1", "-o", str(tmp_path / output)]) == 2
    told = capsys.readouterr().err
    assert "none is not a folder" in told and "ForSequenceClassification" in told and "precious" in told
    assert "the config in the folder cannot be loaded" in told
    assert not (tmp_path / "s").exists()


def test_the_command_prints_both_and_says_what_the_student_lost(
    tiny_checkpoint: Checkpoint, tiny_rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["distill", str(tiny_checkpoint.path), str(tiny_rows), "-o", str(tmp_path / "s"), "--layers", "1"]
    words += ["--epochs", "1", "--no-bf16"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "same answers" in printed and "teacher's accuracy" in printed and "by TF-IDF" in printed
    assert main([*words, "--overwrite", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["teacher"]["kept"] == [2]
    assert result["teacher"]["metrics"]["test"].keys() >= {"teacher", "student", "low", "high", "same_answers"}
    assert open_checkpoint(tmp_path / "s").split == tiny_checkpoint.split


def test_the_example_of_the_page_runs(
    tiny_checkpoint: Checkpoint, unlabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "distill.md").read_text("utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_checkpoint.path, "teacher")
    shutil.copy(unlabelled, "texts.txt")
    names: dict[str, Any] = {}
    exec(snippet.replace("layers=3", "layers=1").replace("epochs=6", "epochs=1, bf16=False"), names)
    assert names["student"].path == Path("student") and names["settings"].layers == 1
