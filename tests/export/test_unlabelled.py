"""Texts without labels: which ones count, and that few labels pass the gate by them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.data.texts import Texts, find_unlabelled
from edgetext.errors import DataError, InputError
from edgetext.export.settings import ExportSettings
from edgetext.export.tune import tune_bundle
from edgetext.export.unlabelled import refuse_judging, trained_texts
from edgetext.runtime.bundle import open_bundle
from edgetext.task import MultiLabel, SingleLabel
from heard import Heard

WORDS = ["a", "bowl", "of", "ramen", "with", "egg", "red", "car", "on", "the", "road", "rice", "bridge", "winter"]
HELD_OUT = (Example("Held out", ("x",), 1),)


def find(*texts, seen=()):
    noting = Heard()
    return find_unlabelled(Texts("more", texts), ("", ""), seen, HELD_OUT, noting), noting.notes


def test_what_was_seen_or_stands_twice_is_left_out_and_counted():
    left, notes = find("one", "held  out", "two", "ONE ", "learned", seen=["Learned"])
    assert left == ("one", "two")
    assert len(notes) == 1
    assert all(part in notes[0] for part in ("more: 2 texts", "1 that stand there twice", "2 trained on"))


def test_nothing_left_and_other_kinds_of_text_are_refused():
    with pytest.raises(InputError, match="more: no text"):
        find("held out", "Held out")
    with pytest.raises(DataError, match="the model takes single texts, and these are pairs"):
        find(("a", "b"))
    assert find_unlabelled(None, ("", ""), (), HELD_OUT, Heard()) == ()


def test_every_part_of_the_split_is_known(tiny_checkpoint):
    assert len(trained_texts(tiny_checkpoint.split, Heard())) == 60
    noting = Heard()
    assert trained_texts(None, noting) == ()
    assert len(noting.notes) == 1


def test_several_labels_are_not_decided_by_them():
    assert refuse_judging(SingleLabel(("a", "b"))) == ""
    assert "micro F1" in refuse_judging(MultiLabel(("a", "b")))


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """200 texts, a text a line, with a training row, an empty line and a text twice."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS, size=7)) for _ in range(200)]
    path = tmp_path_factory.mktemp("more") / "more.txt"
    path.write_text("\n".join([*texts, "a bowl of ramen", "", texts[0].upper()]), "utf-8")
    return path


def test_few_labels_pass_in_an_export_and_a_tune(tiny_checkpoint, unlabelled, tmp_path, capsys):
    words = ["--scheme", "dynamic-int8-fused", "--max-drop", "0.25", "--json"]
    more = ["--unlabelled", str(unlabelled)]

    def evaluation(*typed):
        assert main([*map(str, typed), *words]) == 0
        said = capsys.readouterr()
        return json.loads(said.out)["variants"][1]["evaluation"], said.err

    alone, _ = evaluation("export", tiny_checkpoint.path, "-o", tmp_path / "alone")
    assert (alone["verdict"], alone["loss"]["confidence"]) == ("undecided", 0.95)
    assert "changed_answers" not in alone
    both, said = evaluation("export", tiny_checkpoint.path, "-o", tmp_path / "both", *more)
    assert (both["verdict"], both["rows"], both["loss"]["confidence"]) == ("passed", 9, 0.975)
    assert both["changed_answers"]["texts"] == 209
    assert both["changed_answers"]["at_most"] < 0.25
    assert "more: 200 texts without labels are used" in said
    assert both["sentence"] in (tmp_path / "both" / "README.md").read_text("utf-8")
    tuned, said = evaluation("tune", tmp_path / "alone", "-o", tmp_path / "tuned", *more)
    assert (tuned["verdict"], tuned["changed_answers"]["texts"]) == ("passed", 209)
    assert "more: 200 texts" in said


def test_several_labels_stay_with_the_labelled_rows_and_the_note_says_so(tiny_several, tmp_path):
    labels = open_bundle(tiny_several).manifest.labels
    rows = [Example(f"{word} and {other}", labels[:1], 1) for word in WORDS for other in WORDS]
    more = Texts("more", tuple(f"{word} or {other}" for word in WORDS for other in WORDS))
    noting = Heard()
    settings = ExportSettings(max_drop=0.9, schemes=("dynamic-int8",), unlabelled=more, first_stage="off")
    made = tune_bundle(tiny_several, tmp_path / "new", settings, held_out=rows, progress=noting)
    evaluation = made.record.row("dynamic-int8").verdict.to_json()
    assert ("changed_answers" in evaluation, evaluation["loss"]["confidence"]) == (False, 0.95)
    assert any("do not decide" in note for note in noting.notes)
