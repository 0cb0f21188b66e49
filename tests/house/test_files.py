"""Files and folders appear whole or not at all, and replace nothing but what is ours."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
from pathlib import Path

import pytest

from edgetext.errors import InputError, OutputExistsError, WriteError
from edgetext.files import new_folder, open_own, open_to_all, refuse_file, sha256, write_atomically, write_json
from edgetext.ours import BUNDLE, CHECKPOINT, PREDICTIONS, REPORT, RUN, why_not_ours
from edgetext.trouble import is_failed_write, tell_failed_writes


def make(folder, *names):
    """Makes a folder with files; those that are marks hold what stands in ours."""
    content = {"training.json": '{"base_model": "x"}', "bundle.json": '{"format_version": 1}',
               "results.json": '{"schema_version": 1}'}  # fmt: skip
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.get(file.name, "x"))
    return folder


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


OLD = {
    "checkpoint": (CHECKPOINT, ("config.json", "model.safetensors", "training.json", "split.json", "vocab.txt")),
    "sharded": (CHECKPOINT, ("training.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json")),
    "bundle": (BUNDLE, ("bundle.json", "README.md", "export.json", "onnx/model.onnx", "tuning/gate.jsonl")),
    "report": (REPORT, ("results.json", "report.md", "report.html", "beside/results.json")),
    "run": (RUN, ("checkpoint/training.json", "bundle/bundle.json", "report/results.json", "report/.DS_Store")),
    "stopped run": (RUN, ("checkpoint/training.json",)),
}  # fmt: skip


def test_a_folder_appears_when_the_work_is_done(tmp_path):
    target = tmp_path / "deep" / "made"
    with new_folder(target, REPORT) as folder:
        (folder / "a.txt").write_text("whole")
        assert not target.exists()
        assert folder.parent == target.parent
    assert (target / "a.txt").read_text() == "whole"
    assert [entry.name for entry in target.parent.iterdir()] == ["made"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing(tmp_path, interruption):
    with pytest.raises(interruption), new_folder(tmp_path / "made", REPORT) as folder:
        (folder / "a.txt").write_text("half")
        raise interruption
    assert list(tmp_path.iterdir()) == []


def test_a_second_interruption_does_not_disturb_the_cleaning_up(tmp_path, monkeypatch):
    import shutil

    plain = shutil.rmtree

    def interrupted(*words, **options):
        signal.raise_signal(signal.SIGINT)
        plain(*words, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "made", REPORT) as folder:
        (folder / "a.txt").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OLD)
def test_what_we_wrote_is_replaced_when_asked_and_kept_until_then(tmp_path, name):
    kind, names = OLD[name]
    taken = make(tmp_path / "taken", *names)
    with pytest.raises(OutputExistsError, match="add --overwrite"), new_folder(taken, kind):
        pass
    with pytest.raises(RuntimeError), new_folder(taken, kind, overwrite=True):
        raise RuntimeError
    assert {file for file in tree(taken) if (taken / file).is_file()} == set(names)
    with new_folder(taken, kind, overwrite=True) as folder:
        (folder / "new.txt").write_text("new")
    assert [entry.name for entry in taken.iterdir()] == ["new.txt"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("name", OLD)
@pytest.mark.parametrize("stranger", ["thesis.docx", ".ssh/id", ".git/HEAD", "onnx/mine.txt", "notes.json"])
def test_what_lies_in_ours_and_is_not_ours_is_named_and_kept(tmp_path, name, stranger):
    kind, names = OLD[name]
    taken = make(tmp_path / "taken", *names, stranger)
    before = tree(taken)
    named = rf"holds {Path(stranger).parts[0]}.*which is not part of a"
    with pytest.raises(OutputExistsError, match=named), new_folder(taken, kind, overwrite=True):
        pytest.fail("the work had begun")
    assert tree(taken) == before


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (CHECKPOINT, ("config.json", "model.safetensors")),  # somebody's model of transformers
        (BUNDLE, ("config.json", "tokenizer.json", "onnx/model.onnx")),  # an ONNX folder of the Hub
        (BUNDLE, OLD["checkpoint"][1]),  # ours, but of another kind
        (REPORT, ("report.md",)),
        (RUN, ("bundle/README.md",)),
    ],
)
def test_a_folder_without_the_mark_of_its_kind_is_kept(tmp_path, kind, names):
    taken = make(tmp_path / "taken", *names)
    with (
        pytest.raises(OutputExistsError, match="--overwrite replaces only"),
        new_folder(taken, kind, overwrite=True),
    ):
        pass
    assert why_not_ours(taken, kind)


def test_what_appears_meanwhile_is_kept_and_so_is_the_work(tmp_path):
    taken = make(tmp_path / "taken", *OLD["report"][1])
    with (
        pytest.raises(OutputExistsError, match="is now") as found,
        new_folder(taken, REPORT, overwrite=True) as new,
    ):
        (new / "report.md").write_text("new")
        (taken / "thesis.docx").write_text("mine")
    assert (taken / "thesis.docx").read_text() == "mine"
    kept = Path(str(found.value).rpartition(" ")[2])
    assert (kept / "report.md").read_text() == "new"


def test_an_old_sibling_is_not_taken_for_ours(tmp_path):
    make(tmp_path / ".taken.replaced", "thesis.docx")
    taken = make(tmp_path / "taken", *OLD["report"][1])
    with new_folder(taken, REPORT, overwrite=True):
        pass
    assert (tmp_path / ".taken.replaced" / "thesis.docx").exists()


def test_home_the_current_folder_and_those_around_are_refused(tmp_path, monkeypatch):
    home = tmp_path / "users" / "me"
    here = home / "work" / "here"
    here.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    (tmp_path / "link").symlink_to(here, target_is_directory=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    refused = [".", "..", "../..", "/", str(home), str(here), f"{home}/other/..", "deeper/..", "../here",
               str(tmp_path / "link"), str(tmp_path / "dangling")]  # fmt: skip
    for target in refused:
        with pytest.raises(OutputExistsError), new_folder(Path(target), RUN, overwrite=True):
            pytest.fail(f"{target}: the work had begun")
    assert list(here.iterdir()) == []
    with new_folder(Path("../sibling"), RUN, overwrite=True):
        pass
    assert (home / "work" / "sibling").is_dir()


def test_an_empty_folder_is_free(tmp_path):
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty", REPORT) as folder:
        (folder / "a.txt").write_text("whole")
    assert (tmp_path / "empty" / "a.txt").exists()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputExistsError, match="is a file"), new_folder(tmp_path / "file", RUN, overwrite=True):
        pass
    with pytest.raises(InputError, match="cannot write to"), new_folder(tmp_path / "file" / "below", RUN):
        pass


def test_files_that_are_not_ours_are_kept(tmp_path):
    ours, mine = tmp_path / "out.csv", tmp_path / "mine.csv"
    ours.write_text("text,predicted_label,predicted_score\n")
    mine.write_text("text,label\n")
    refuse_file(ours, "--output", PREDICTIONS, overwrite=True)
    (tmp_path / "link.csv").symlink_to(ours)
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nowhere.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("mine.csv", "link.csv", "dangling.csv", "pipe.csv", "."):
        with pytest.raises(OutputExistsError):
            refuse_file(tmp_path / name, "--output", PREDICTIONS, overwrite=True)
    with pytest.raises(InputError, match="is not a folder"):
        refuse_file(tmp_path / "no" / "out.csv", "--output", PREDICTIONS)


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_the_umask_is_respected(tmp_path, umask):
    before = os.umask(umask)
    try:
        with new_folder(tmp_path / "made", REPORT) as folder:
            write_json(folder / "a.json", {})
            (folder / "private").touch(0o600)
            open_to_all(folder)
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made", *(tmp_path / "made").iterdir())
    }
    assert modes == {"made": 0o777 & ~umask, "a.json": 0o666 & ~umask, "private": 0o666 & ~umask}


def test_nothing_is_written_through_a_link(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / "link").symlink_to(mine)
    (tmp_path / "hard").hardlink_to(mine)
    (tmp_path / "hanging").symlink_to(tmp_path / "new")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "hard", "hanging", "pipe"):
        for write in (True, False):
            with pytest.raises(InputError):
                open_own(tmp_path / name, write=write)
    write_atomically(tmp_path / "link", b"new")
    assert mine.read_text() == "precious"
    assert not (tmp_path / "new").exists()
    with open_own(tmp_path / "fresh", write=True) as stream:
        stream.write(b"whole")
    with open_own(tmp_path / "fresh") as stream:
        assert stream.read() == b"whole"
    with pytest.raises(FileNotFoundError):
        open_own(tmp_path / "missing")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused(tmp_path):
    (tmp_path / "theirs").write_text("a trap")
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(InputError, match="not a file that this user wrote"):
        open_own(tmp_path / "theirs", write=True)


class Serializing(Exception):
    pass


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "model.onnx"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EROFS, "Read-only file system"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.EFBIG, "File too large"),
        RuntimeError("system error: No space left on device"),  # onnxruntime
        Serializing("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
        ValueError("[Errno 28] Error writing bytes to file"),  # pyarrow
    ],
)
def test_a_refused_write_is_told_whichever_library_wrote(tmp_path, error):
    with pytest.raises(WriteError, match="choose another --output") as found, new_folder(tmp_path / "a", BUNDLE):
        raise error
    assert str(tmp_path / "a") in str(found.value) and BUNDLE.needs in str(found.value)
    assert list(tmp_path.iterdir()) == []
    try:
        raise ValueError("cannot export") from error
    except ValueError as wrapped:
        assert is_failed_write(wrapped)


def test_another_error_stays_what_it_is(tmp_path):
    for error in (ValueError("the file is too large for me"), PermissionError(errno.EACCES, "no", "base")):
        with pytest.raises(type(error)), tell_failed_writes(tmp_path / "a"):
            raise error


def test_json_is_written_for_people(tmp_path):
    write_json(tmp_path / "a.json", {"text": "bánh mì", "n": [1, 2]})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "text": "bánh mì",\n  "n": [\n    1,\n    2\n  ]\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"n": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["n"] == [1, 2]


def test_sha256_is_that_of_the_content(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
