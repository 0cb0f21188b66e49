"""A folder is taken for a checkpoint only if it is one; whatever is wrong with it is named."""

from __future__ import annotations

import json
import shutil

import pytest

from edgetext.checkpoint import (
    DataSource,
    SplitPart,
    SplitRecord,
    open_checkpoint,
    write_split,
    write_training,
)
from edgetext.cli.main import main
from edgetext.errors import ModelError
from edgetext.task import MultiLabel, SingleLabel
from foreign_folder import write_weights

CONFIG = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "id2label": {"0": "food", "1": "not_food"},
    "max_position_embeddings": 128,
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "checkpoint"
    path.mkdir()
    write_weights(path / "model.safetensors", {"bert.encoder.weight": (4, 4)})
    (path / "config.json").write_text(json.dumps(CONFIG))
    return path


def change(folder, **fields):
    (folder / "config.json").write_text(json.dumps({**CONFIG, **fields}))


def test_a_checkpoint_that_others_made_opens(folder):
    found = open_checkpoint(folder)
    assert (found.labels, found.model_type, found.max_length) == (("food", "not_food"), "bert", 128)
    assert (found.base_model, found.split) == ("", None)


def test_labels_that_transformers_leaves_out_have_its_names(folder):
    (folder / "config.json").write_text(json.dumps({name: CONFIG[name] for name in CONFIG if name != "id2label"}))
    assert open_checkpoint(folder).labels == ("LABEL_0", "LABEL_1")


def test_the_task_has_what_training_fitted_and_others_left_open(folder):
    labels = ("food", "not_food")
    assert open_checkpoint(folder).task == SingleLabel(labels)
    change(folder, problem_type="multi_label_classification")
    assert open_checkpoint(folder).task == MultiLabel(labels)
    write_training(folder, {"base_model": "minilm", "temperature": 1.5, "thresholds": [0.25, 0.75]})
    assert open_checkpoint(folder).task == MultiLabel(labels, 1.5, (0.25, 0.75))
    change(folder, problem_type="single_label_classification")
    assert open_checkpoint(folder).task == SingleLabel(labels, 1.5)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"thresholds": [0.5]}, "1 thresholds, and config.json 2 labels"),
        ({"thresholds": [0.5, 2]}, "threshold 2 must be from 0 to 1"),
        ({"temperature": 0}, "temperature must be from 0.001 to 1000"),
        ({"temperature": "hot"}, "temperature must be a number"),
    ],
)
def test_a_task_that_makes_no_sense_is_named(folder, training, message):
    change(folder, problem_type="multi_label_classification")
    write_training(folder, {"base_model": "minilm", **training})
    with pytest.raises(ModelError, match=message):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model_type": "roberta", "max_position_embeddings": 130, "pad_token_id": 1}, 128),
        ({"model_type": "mpnet", "max_position_embeddings": 130}, 128),
        ({"model_type": "ibert", "max_position_embeddings": 130, "pad_token_id": 0}, 129),
        ({"model_type": "modernbert", "max_position_embeddings": 8192, "pad_token_id": 50283}, 512),
        ({"model_type": "xlnet", "max_position_embeddings": None}, 512),
    ],
)
def test_positions_that_begin_after_the_padding_are_fewer(folder, fields, expected):
    change(folder, **fields)
    assert open_checkpoint(folder).max_length == expected


def test_the_split_comes_back_as_it_was_written(folder):
    record = SplitRecord(
        (DataSource("/a.csv", "ab" * 32, 9, "text", "label"), DataSource("hub:x", "cd" * 32, 3, "t", "l", "split")),
        {"train": SplitPart(0, (1, 2, 5)), "test": SplitPart(1, (3,))},
        seed=7,
    )
    write_split(folder, record)
    assert open_checkpoint(folder).split == record


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "holds a BertForMaskedLM, not a text classifier"),
        ({"architectures": None}, "not a text classifier"),
        ({"problem_type": "regression"}, "was trained for 'regression'"),
        ({"id2label": {"0": "food"}}, "names 1 label, and a classifier needs at least two"),
        ({"id2label": {"0": "food", "2": "drink"}}, "id2label must map 0, 1"),
        ({"id2label": {"0": "food", "1": "food"}}, "names a label twice"),
        ({"id2label": None}, "id2label must map 0, 1"),
        ({"id2label": ["food", "not_food"]}, "id2label must map 0, 1"),
    ],
)
def test_what_is_no_classifier_is_named(folder, fields, message, capsys):
    change(folder, **fields)
    with pytest.raises(ModelError, match=message):
        open_checkpoint(folder)
    assert main(["export", str(folder), "-o", str(folder.parent / "bundle")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("edgetext export: error: ")
    assert error.count("\n") == 1
    assert not (folder.parent / "bundle").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: shutil.rmtree(path), "is not a folder"),
        (lambda path: (path / "config.json").unlink(), "holds no config.json"),
        (lambda path: (path / "config.json").write_text("{"), "it is not JSON"),
        (lambda path: (path / "config.json").write_text("[]"), "must hold a JSON object"),
        (
            lambda path: (path / "model.safetensors").rename(path / "pytorch_model.bin"),
            r"pytorch_model\.bin, which may be a pickle",
        ),
        (lambda path: (path / "split.json").write_text('{"sources": []}'), "split.json lacks the field 'parts'"),
    ],
)
def test_a_damaged_folder_is_named(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        open_checkpoint(folder)
