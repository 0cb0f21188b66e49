"""Files and folders appear whole or not at all."""

from __future__ import annotations

import json

import pytest

from edgetext.errors import InputError, OutputExistsError
from edgetext.files import new_folder, sha256, write_json


def test_a_folder_appears_when_the_work_is_done(tmp_path):
    target = tmp_path / "deep" / "made"
    with new_folder(target) as folder:
        (folder / "a.txt").write_text("whole")
        assert not target.exists()
        assert folder.parent == target.parent
    assert (target / "a.txt").read_text() == "whole"
    assert [entry.name for entry in target.parent.iterdir()] == ["made"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing(tmp_path, interruption):
    with pytest.raises(interruption), new_folder(tmp_path / "made") as folder:
        (folder / "a.txt").write_text("half")
        raise interruption
    assert list(tmp_path.iterdir()) == []


def test_a_taken_folder_is_refused_and_named(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "bundle.json").write_text("{}")
    message = r"taken already exists \(it holds bundle.json\): add --overwrite"
    with pytest.raises(OutputExistsError, match=message), new_folder(taken):
        pass
    assert (taken / "bundle.json").read_text() == "{}"


def test_overwriting_keeps_the_old_folder_until_the_new_one_is_whole(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), new_folder(taken, overwrite=True):
        raise RuntimeError
    assert (taken / "old.txt").read_text() == "old"
    with new_folder(taken, overwrite=True) as folder:
        (folder / "new.txt").write_text("new")
    assert [entry.name for entry in taken.iterdir()] == ["new.txt"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


def test_an_empty_folder_is_free(tmp_path):
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "a.txt").write_text("whole")
    assert (tmp_path / "empty" / "a.txt").exists()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputExistsError, match="is a file"), new_folder(tmp_path / "file", overwrite=True):
        pass
    with pytest.raises(InputError, match="cannot write to"), new_folder(tmp_path / "file" / "below"):
        pass


def test_json_is_written_for_people(tmp_path):
    write_json(tmp_path / "a.json", {"text": "bánh mì", "n": [1, 2]})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "text": "bánh mì",\n  "n": [\n    1,\n    2\n  ]\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"n": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["n"] == [1, 2]


def test_sha256_is_that_of_the_content(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
