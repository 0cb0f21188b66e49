"""A student's int8 models are held against its teacher's fp32 answers, on rows that neither has seen."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from edgetext.checkpoint import open_checkpoint
from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.errors import DataError, InputError, ModelError
from edgetext.export.teacher import open_teacher, unseen_rows
from edgetext.progress import Silent

SCHEME = ["--scheme", "dynamic-int8-fused", "--max-drop", "0.25"]
NEW = Example("a text of nobody", ("food",), 2)


def edit(path, change):
    value = json.loads(path.read_text("utf-8"))
    change(value)
    path.write_text(json.dumps(value), "utf-8")


def name_labels(folder, labels):
    def change(config):
        config["id2label"] = {str(number): label for number, label in enumerate(labels)}
        config["label2id"] = {label: number for number, label in enumerate(labels)}

    edit(folder / "config.json", change)
    return folder


def turn_head(folder):
    weights = load_file(folder / "model.safetensors")
    turned = {name: np.ascontiguousarray(weights[name][::-1]) for name in weights if name.startswith("classifier")}
    save_file({**weights, **turned}, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture
def copied(tiny_checkpoint, tmp_path):
    return lambda name: shutil.copytree(tiny_checkpoint.path, tmp_path / name)


def test_a_teacher_with_another_order_of_labels_is_mapped_by_name(copied, tmp_path, capsys):
    student, teacher = copied("student"), turn_head(name_labels(copied("big"), ["not_food", "food"]))
    words = ["export", str(student), "-o", str(tmp_path / "bundle"), "--reference", str(teacher), *SCHEME, "--json"]
    assert main(words) == 0
    evaluation = json.loads(capsys.readouterr().out)["variants"][1]["evaluation"]
    assert (evaluation["against"], evaluation["rows"], evaluation["verdict"]) == ("big", 9, "undecided")
    assert evaluation["probability_change"]["mean"] < 0.1  # the other order would change almost all of them
    assert "against big on 9 held-out texts" in evaluation["sentence"]
    assert "`big`" in (tmp_path / "bundle" / "README.md").read_text("utf-8")
    assert json.loads((tmp_path / "bundle" / "export.json").read_text("utf-8"))["settings"]["reference"] == "big"


def test_a_student_far_below_its_teacher_is_refused_without_a_rescue(copied, tmp_path, capsys):
    student, teacher = turn_head(copied("student")), copied("big")
    words = ["export", str(student), "-o", str(tmp_path / "bundle"), "--reference", str(teacher), *SCHEME]
    assert main(words) == 3
    said = capsys.readouterr().err
    assert "against big" in said
    assert "fp32 itself loses" in said
    record = json.loads((tmp_path / "bundle" / "export.json").read_text("utf-8"))
    assert (record["chosen"], record["rescue"]) == ("fp32", None)


def test_another_set_of_labels_and_another_task_are_refused(copied, tiny_checkpoint):
    with pytest.raises(ModelError, match=r"different labels, such as .*sport"):
        open_teacher(name_labels(copied("other"), ["food", "sport"]), tiny_checkpoint)
    several = copied("several")
    edit(several / "config.json", lambda config: config.update(problem_type="multi_label_classification"))
    with pytest.raises(ModelError, match="several any number"):
        open_teacher(several, tiny_checkpoint)
    with pytest.raises(ModelError, match="not a folder"):
        open_teacher(several / "gone", tiny_checkpoint)


def test_thresholds_go_with_their_labels(copied):
    teacher, student = copied("big"), copied("student")
    for folder in (teacher, student):
        edit(folder / "config.json", lambda config: config.update(problem_type="multi_label_classification"))
    edit(teacher / "training.json", lambda training: training.update(thresholds=[0.2, 0.7], temperature=2.0))
    name_labels(teacher, ["not_food", "food"])
    task = open_teacher(teacher, open_checkpoint(student)).task
    assert (task.labels, task.thresholds, task.temperature) == (("food", "not_food"), (0.7, 0.2), 2.0)


def test_rows_that_the_teacher_was_trained_on_do_not_judge(copied, tiny_checkpoint):
    teacher = open_teacher(copied("big"), tiny_checkpoint)
    trained = held_out(tiny_checkpoint.split, "train")
    assert unseen_rows(teacher, [*trained, NEW], Silent()) == (NEW,)
    shouted = Example(trained[0].text.upper(), trained[0].labels, 1)
    assert unseen_rows(teacher, [shouted, NEW], Silent()) == (NEW,)
    with pytest.raises(InputError, match="give --data"):
        unseen_rows(teacher, trained[:3], Silent())


def test_a_teacher_that_cannot_say_what_it_was_trained_on(copied, tiny_checkpoint):
    folder = copied("big")
    edit(folder / "split.json", lambda split: split["sources"][0].update(uri="/gone/rows.csv"))
    with pytest.raises(DataError, match=r"/gone/rows\.csv"):
        unseen_rows(open_teacher(folder, tiny_checkpoint), [NEW], Silent())
    (folder / "split.json").unlink()  # one that others made is taken at its user's word
    assert unseen_rows(open_teacher(folder, tiny_checkpoint), [NEW], Silent()) == (NEW,)
