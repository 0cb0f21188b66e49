"""Fine-tuning end to end, on the tiny model."""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from edgetext.checkpoint import Checkpoint, DataSource, SplitPart, SplitRecord, open_checkpoint
from edgetext.data.example import Example, Split
from edgetext.data.load import load
from edgetext.data.split import resolve_split
from edgetext.errors import InputError, ModelError, OutputExistsError
from edgetext.metrics.baseline import FOLDS
from edgetext.pipeline import read_split
from edgetext.task import MultiLabel
from edgetext.train import fit, fitting
from edgetext.train.arguments import TrainArguments
from edgetext.train.base import load_model, load_tokenizer, resolve_base
from edgetext.train.encode import encode
from edgetext.train.recipe import PRESETS, Facts, Recipe, make_recipe
from heard import Heard

QUICK = TrainArguments(epochs=1, batch_size=16, bf16=False)


def test_the_checkpoint_is_whole_and_learned(tiny_checkpoint: Checkpoint) -> None:
    names = {file.name for file in tiny_checkpoint.path.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "split.json", "training.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth"))]
    assert not list(tiny_checkpoint.path.parent.glob(".*"))
    assert tiny_checkpoint.labels == ("food", "not_food")
    assert tiny_checkpoint.max_length == 64
    metrics = tiny_checkpoint.training["metrics"]
    assert metrics["validation"]["accuracy"] >= 0.85
    assert metrics["test"]["rows"] == 9
    assert metrics["test"]["per_label"].keys() == {"food", "not_food"}


def test_training_json_holds_every_argument_and_the_history(tiny_checkpoint: Checkpoint) -> None:
    training = json.loads((tiny_checkpoint.path / "training.json").read_text("utf-8"))
    arguments = training["arguments"]
    assert arguments.keys() == {field.name for field in fields(Recipe)}
    chosen = {"epochs": 8, "learning_rate": 5e-3, "batch_size": 8, "bf16": False, "seed": 42, "max_length": 64}
    assert {name: arguments[name] for name in chosen} == chosen
    assert training["rows"] == {"train": 42, "validation": 9, "test": 9}
    epochs = training["history"]["validation"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, 9))
    best = max(epochs, key=lambda epoch: epoch["accuracy"])
    equal = [epoch["epoch"] for epoch in epochs if epoch["accuracy"] == best["accuracy"]]
    assert training["best_epoch"] in equal
    assert training["metrics"]["validation"]["accuracy"] == best["accuracy"]
    losses = training["history"]["train"]
    assert losses[-1]["step"] == 48
    assert losses[-1]["loss"] < losses[0]["loss"] / 2
    assert training["libraries"]["transformers"] and training["base_sha256"]


def test_transformers_opens_the_checkpoint_with_its_labels(tiny_checkpoint: Checkpoint, tiny_rows: Path) -> None:
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(tiny_checkpoint.path), device="cpu")
    assert classify("grilled fish on a plate")[0]["label"] == "food"
    assert classify("a bus at the school")[0]["label"] == "not_food"
    tokenizer = json.loads((tiny_checkpoint.path / "tokenizer.json").read_text("utf-8"))
    assert tokenizer["truncation"] is None and tokenizer["padding"] is None


def told(checkpoint: Checkpoint) -> dict[str, Any]:
    """What training.json says, but for the times that things took and what was noted of them."""
    training = json.loads((checkpoint.path / "training.json").read_text("utf-8"))
    del training["seconds"], training["baseline"]["seconds"]
    return training


def test_a_seed_fixes_every_byte(tiny_base: Path, tiny_rows: Path, tmp_path: Path) -> None:
    split = resolve_split(load(str(tiny_rows)))
    base = resolve_base(str(tiny_base))

    def trained(name: str, seed: int) -> Checkpoint:
        return fit(split, base, tmp_path / name, TrainArguments(epochs=2, bf16=False, seed=seed))

    first, again, other = trained("first", 1), trained("again", 1), trained("other", 2)
    for file in sorted(first.path.iterdir()):
        if file.name != "training.json":
            assert file.read_bytes() == (again.path / file.name).read_bytes(), file.name
    assert told(first) == told(again)
    weights = "model.safetensors"
    assert (first.path / weights).read_bytes() != (other.path / weights).read_bytes()


def test_progress_is_told_of_every_step_and_epoch(tiny_base: Path, tiny_rows: Path, tmp_path: Path) -> None:
    heard = Heard()
    split = resolve_split(load(str(tiny_rows)))
    fit(split, resolve_base(str(tiny_base)), tmp_path / "c", TrainArguments(epochs=2, batch_size=16), heard)
    assert [step for step in heard.steps if step[0] == "train"] == [("train", done, 6) for done in range(7)]
    assert ("validate", 1, 1) in heard.steps
    assert sum(note.startswith("epoch ") for note in heard.notes) == 2
    assert "42 rows, 2 epochs, batches of 16, learning rate 0.0001, texts of up to 64 tokens" in heard.notes


@pytest.mark.parametrize("choice", [None, True, False])
def test_bf16_by_itself_is_told_of(
    choice: bool | None, tiny_base: Path, tiny_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "best_precision", lambda: "bf16")
    heard = Heard()
    split = resolve_split(load(str(tiny_rows)))
    arguments = TrainArguments(epochs=1, bf16=choice)
    checkpoint = fit(split, resolve_base(str(tiny_base)), tmp_path / "c", arguments, heard)
    assert checkpoint.training["arguments"]["bf16"] is (choice is not False)
    assert any("training in bfloat16" in note for note in heard.notes) is (choice is None)


def test_an_interrupt_leaves_nothing(
    tiny_base: Path, tiny_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(Heard):
        def step(self, name: str, done: int, total: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

    output = tmp_path / "runs" / "checkpoint"
    split = resolve_split(load(str(tiny_rows)))
    with pytest.raises(KeyboardInterrupt):
        fit(split, resolve_base(str(tiny_base)), output, QUICK, Interrupting())
    assert not list(output.parent.iterdir())


def test_an_output_that_is_taken_is_kept(tiny_base: Path, tiny_rows: Path, tmp_path: Path) -> None:
    output = tmp_path / "c"
    output.mkdir()
    (output / "precious").write_text("keep me", "utf-8")
    split = resolve_split(load(str(tiny_rows)))
    with pytest.raises(OutputExistsError, match=r"it holds precious"):
        fit(split, resolve_base(str(tiny_base)), output, QUICK)
    assert (output / "precious").read_text("utf-8") == "keep me"
    with pytest.raises(OutputExistsError, match=r"--overwrite replaces only"):
        fit(split, resolve_base(str(tiny_base)), output, QUICK, overwrite=True)
    assert (output / "precious").read_text("utf-8") == "keep me"
    (output / "precious").rename(output / "training.json")
    (output / "training.json").write_text('{"base_model": "of before"}', "utf-8")
    before = os.umask(0o027)
    try:
        fit(split, resolve_base(str(tiny_base)), output, QUICK, overwrite=True)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in output.iterdir()} == {0o640}
    assert open_checkpoint(output).split == split.record


def test_a_training_that_breaks_down_saves_nothing(tiny_base: Path, tiny_rows: Path, tmp_path: Path) -> None:
    split = resolve_split(load(str(tiny_rows)))
    output = tmp_path / "runs" / "checkpoint"
    arguments = TrainArguments(epochs=50, batch_size=8, learning_rate=1e30, bf16=False)
    with pytest.raises(InputError, match=r"no number.* at step .*--learning-rate than 1e\+30") as broken:
        fit(split, resolve_base(str(tiny_base)), output, arguments)
    assert "bf16" not in str(broken.value)
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_base_with_weights_that_are_no_numbers_is_refused(
    value: float, tiny_base: Path, tiny_rows: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    weights = load_file(base / "model.safetensors")
    name = next(name for name in sorted(weights) if name.endswith("dense.bias"))
    weights[name] = weights[name].copy()
    weights[name][0] = value
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    split = resolve_split(load(str(tiny_rows)))
    with pytest.raises(ModelError, match=r"NaN or infinity, such as .*dense\.bias"):
        fit(split, resolve_base(str(base)), tmp_path / "c", QUICK)
    assert not (tmp_path / "c").exists()


def test_answers_that_are_no_numbers_stop_the_evaluation(tiny_base: Path, tiny_rows: Path, tmp_path: Path) -> None:
    import torch

    from edgetext.train.trainer import Rows, make_trainer

    base, split = resolve_base(str(tiny_base)), resolve_split(load(str(tiny_rows)))
    tokenizer, model = load_tokenizer(base), load_model(base, split.task)
    rows = encode(split.validation, split.task, tokenizer, 32)
    recipe = make_recipe(QUICK, Facts(rows=42, labels=2, hidden_size=32, max_length=32))
    trainer = make_trainer(model, tokenizer, Rows(rows, rows), split.task, recipe, tmp_path / "epochs", Heard())
    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="no number"):
        trainer.predict(rows)


def test_labels_that_a_part_lacks_are_named(tiny_base: Path, tmp_path: Path) -> None:
    lines = [f"pet,dog {number}\nfood,soup {number}" for number in range(20)]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["label,text", *lines, "rare,rain", "rare,snow"]), "utf-8")
    heard = Heard()
    checkpoint = fit(resolve_split(load(str(data))), resolve_base(str(tiny_base)), tmp_path / "c", QUICK, heard)
    parts = checkpoint.training["metrics"]
    lacking = [part for part, found in parts.items() if "rare" in found["labels_without_rows"]]
    assert lacking
    for part in lacking:
        assert parts[part]["macro_f1"] is None
        assert any(f"no {part} row has the label 'rare'" in note for note in heard.notes)
        assert any(f"no {part} row has the label 'rare'" in note for note in checkpoint.training["notes"])


DISHES = {"soup": ("hot", "wet"), "ice": ("wet",), "toast": ("hot",), "stone": ()}


def dishes(pairs: bool) -> Split:
    """Makes a split of texts, or pairs of them, with two, one or no label."""
    rows = [
        Example((f"{word} {number}", f"a {word}") if pairs else f"a {word} {number}", labels, number * 4 + place)
        for number in range(15)
        for place, (word, labels) in enumerate(DISHES.items(), 1)
    ]
    source = DataSource("/rows.jsonl", "ab" * 32, 60, "text", "labels")
    parts = {"train": rows[:40], "validation": rows[40:52], "test": rows[52:]}
    record = SplitRecord(
        (source,), {name: SplitPart(0, tuple(row.row for row in part)) for name, part in parts.items()}, 42
    )
    return Split(*(tuple(part) for part in parts.values()), task=MultiLabel(("hot", "wet")), record=record)


@pytest.mark.parametrize("pairs", [False, True])
def test_several_labels_a_text_are_learned_with_thresholds(pairs: bool, tiny_base: Path, tmp_path: Path) -> None:
    heard = Heard()
    arguments = TrainArguments(epochs=12, learning_rate=1e-2, batch_size=8, bf16=False)
    found = fit(dishes(pairs), str(tiny_base), tmp_path / "c", arguments, heard)
    assert isinstance(found.task, MultiLabel) and len(found.task.thresholds) == 2
    assert found.task.temperature == found.training["temperature"] != 1
    figures = found.training["metrics"]
    assert figures["test"]["micro_f1"] > 0.7 and "accuracy" not in figures["test"]
    assert figures["test"]["per_label"].keys() == {"hot", "wet"}
    assert found.training["baseline"]["metrics"]["test"]["micro_f1"] > 0.8
    assert found.training["calibration"]["test"].keys() == {"before", "after"}
    assert any("micro F1" in note and note.startswith("epoch ") for note in heard.notes)
    assert json.loads((found.path / "config.json").read_text("utf-8"))["problem_type"] == found.task.problem_type


def test_what_the_model_buys_is_told_with_what_tf_idf_reaches(tiny_checkpoint: Checkpoint) -> None:
    baseline = tiny_checkpoint.training["baseline"]
    assert baseline["rows"] == 42
    for part in ("validation", "test"):
        assert 0.5 <= baseline["metrics"][part]["accuracy"] <= 1


def test_options_of_transformers_reach_the_trainer(tiny_base: Path, tiny_rows: Path, tmp_path: Path) -> None:
    split = resolve_split(load(str(tiny_rows)))
    arguments = TrainArguments(epochs=1, batch_size=8, bf16=False, options={"max_steps": "3", "logging_steps": "1"})
    found = fit(split, str(tiny_base), tmp_path / "c", arguments)
    assert [entry["step"] for entry in found.training["history"]["train"]] == [1, 2, 3]
    assert found.training["arguments"]["options"] == {"max_steps": 3, "logging_steps": 1}
    with pytest.raises(InputError, match="transformers refuses"):
        fit(split, str(tiny_base), tmp_path / "d", TrainArguments(options={"tf32": "true"}))
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_of_many_labels_tf_idf_tells_which_are_likely(tiny_base: Path, tmp_path: Path) -> None:
    words = ("dog", "soup", "road", "bus", "cat")
    lines = [f"{word} of the {place},label {place}" for place in range(21) for word in words]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]), "utf-8")
    heard, split = Heard(), read_split(str(tmp_path / "rows.csv"))
    trained = fit(split, str(tiny_base), tmp_path / "c", QUICK, heard)
    assert trained.training["arguments"]["hints"] == PRESETS["default"].hints
    assert ("hints", FOLDS, FOLDS) in heard.steps
