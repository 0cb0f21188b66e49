"""Standard output whose encoding lacks letters: JSON stays JSON, and nothing ends in a traceback."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from edgetext.cli.main import main

TEXT = "Crème 🍕"
LABEL = "ü🍕"


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> str:
    """Gives a bundle with a label of letters that ASCII lacks."""
    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "bündle"))
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["labels"][0] = LABEL
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    return str(folder)


def printed(encoding: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Gives what a command prints to streams of that encoding, read as one would."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert main(words) == 0
    streams[0].flush()
    return streams[0].buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16"])
def test_json_stays_json(encoding: str, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predicted = json.loads(printed(encoding, ["predict", bundle, "--json", TEXT], monkeypatch))
    assert predicted["text"] == TEXT and LABEL in predicted["scores"]
    assert LABEL in json.loads(printed(encoding, ["inspect", bundle, "--json"], monkeypatch))["labels"]


def test_letters_that_are_there_stay(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TEXT in printed("utf-8", ["predict", bundle, "--json", TEXT], monkeypatch)
    assert "Crème \\ud83c" in printed("latin-1", ["predict", bundle, "--json", TEXT], monkeypatch)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_plain_words_are_escaped(encoding: str, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\\U0001f355" in printed(encoding, ["predict", bundle, TEXT], monkeypatch)
    assert "\\U0001f355" in printed(encoding, ["inspect", bundle], monkeypatch)


def test_a_name_that_is_no_unicode_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["inspect", "no\udcff"]) == 2
    err.flush()
    assert b"no\\udcff does not exist" in err.buffer.getvalue()  # type: ignore[attr-defined]
