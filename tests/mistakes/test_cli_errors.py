"""``edgetext errors`` from end to end: a checkpoint, a bundle, bad input, and an interruption."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import sys
from pathlib import Path

import pytest

from edgetext import Predictor
from edgetext.cli.main import main


@pytest.fixture
def rows(tiny_bundle, tmp_path) -> Path:
    """Rows of which the bundle answers every one as the file says, but for the last two."""
    texts = [f"a bowl of {what}" for what in ("ramen", "rain", "soup", "bread", "pizza", "fish")]
    labels = [found.label for found in Predictor(tiny_bundle, deterministic=True).predict(texts)]
    other = next(label for label in ("food", "not_food", "unclear") if label not in labels[-2:])
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *zip(texts, [*labels[:-2], other, other], strict=True)])
    return file


def test_a_checkpoint_is_asked_about_its_test_rows(tiny_checkpoint, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["errors", str(tiny_checkpoint.path), "--json", "--html", str(page)]) == 0
    value = json.loads(capsys.readouterr().out)
    told = tiny_checkpoint.training["metrics"]["test"]
    assert value["rows"] == told["rows"] == 9
    assert value["scores"]["accuracy"]["value"] == pytest.approx(told["accuracy"])
    assert value["label_errors"]["judge"] and value["learning"]["metric"] == "accuracy"
    assert len(value["learning"]["values"]) == 8
    assert '<section id="learning">' in page.read_text("utf-8")


def test_the_rows_of_another_part_on_a_terminal(tiny_checkpoint, capsys):
    assert main(["errors", str(tiny_checkpoint.path), "--part", "train", "--top", "2"]) == 0
    shown = capsys.readouterr().out
    assert "42 rows of tiny_rows" in shown and "trained on" in shown and "TF-IDF" in shown
    for part in ("taken for what", "surest mistakes", "found least", "may be wrong", "probabilities", "learned"):
        assert part in shown


def test_a_bundle_is_asked_without_torch_and_every_mistake_is_told(tiny_bundle, rows, capsys):
    assert main(["errors", str(tiny_bundle), str(rows), "--variant", "fp32", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["kind"] == "bundle, fp32"
    assert value["rows"] == 6 and value["learning"] is None
    assert main(["errors", str(tiny_bundle), str(rows), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert {case["row"] for case in value["cases"]} == {5, 6}
    assert value["scores"]["accuracy"]["value"] == pytest.approx(4 / 6)


def test_a_bundle_warns_of_the_file_that_it_was_made_of(tiny_bundle, rows, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    assert main(["errors", str(copy), str(rows), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "--checkpoint" not in told["note"]
    manifest = json.loads((copy / "bundle.json").read_text("utf-8"))
    manifest["provenance"] = {"data": [{"name": "rows", "fingerprint": told["fingerprint"], "rows": 6}]}
    (copy / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    assert main(["errors", str(copy), str(rows), "--json"]) == 0
    assert "--checkpoint" in json.loads(capsys.readouterr().out)["note"]


def test_a_bundle_takes_rows_and_epochs_from_its_checkpoint(tiny_bundle, tiny_checkpoint, capsys):
    assert main(["errors", str(tiny_bundle), "--checkpoint", str(tiny_checkpoint.path), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["rows"] == 9 and len(value["learning"]["values"]) == 8


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["BUNDLE"], "DATA"),
        (["missing", "ROWS"], "missing is not a folder"),
        (["BUNDLE", "ROWS", "--top", "0"], "--top"),
        (["BUNDLE", "ROWS", "--html", "taken.html"], "taken.html already exists"),
        (["BUNDLE", "ROWS", "--html", "taken.html", "--overwrite"], "not a file that this command wrote"),
        (["BUNDLE", "ROWS", "--variant", "int4"], "int4"),
        (["BUNDLE", "unlabelled.csv"], "label"),
        (["BUNDLE", "strange.csv"], "'boat'"),
        (["CHECKPOINT", "ROWS", "--part", "test"], "--part"),
        (["BUNDLE", "ROWS", "--part", "train"], "--part"),
        (["CHECKPOINT", "--variant", "int8"], "--variant"),
        (["CHECKPOINT", "--checkpoint", "CHECKPOINT"], "--checkpoint"),
    ],
)
def test_bad_input_is_one_sentence(words, named, tiny_bundle, tiny_checkpoint, rows, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("taken.html").write_text("mine")
    Path("unlabelled.csv").write_text("text,colour\na bowl,red\na dog,blue\n")
    Path("strange.csv").write_text("text,label\na bowl,food\na dog,boat\n")
    places = {"BUNDLE": str(tiny_bundle), "CHECKPOINT": str(tiny_checkpoint.path), "ROWS": str(rows)}
    assert main(["errors", *(places.get(word, word) for word in words)]) == 2
    told = capsys.readouterr()
    lines = [line for line in told.err.splitlines() if not line.startswith("answers:")]
    assert len(lines) == 1 and named in lines[0] and told.out == ""
    assert Path("taken.html").read_text() == "mine"


def test_ctrl_c_ends_it_and_leaves_no_page(tiny_bundle, rows, tmp_path, monkeypatch, capsys):
    class Interrupting(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("answers:"):
                signal.raise_signal(signal.SIGINT)
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Interrupting())
    page = tmp_path / "page.html"
    assert main(["errors", str(tiny_bundle), str(rows), "--html", str(page)]) == 130
    assert "interrupted" in sys.stderr.getvalue() and capsys.readouterr().out == ""
    assert [*tmp_path.iterdir()] == [rows]


def test_a_page_is_replaced_by_one_of_its_kind(tiny_bundle, rows, tmp_path):
    page = tmp_path / "page.html"
    words = ["errors", str(tiny_bundle), str(rows), "--html", str(page)]
    assert main(words) == 0
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0
