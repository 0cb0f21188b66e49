from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from edgetext import Predictor
from edgetext.cli.main import build_parser, main
from edgetext.runtime.long_texts import TRUNCATIONS

LONG = "a bowl of ramen " * 20 + "the road to the mountain " * 20
TEXTS = ["a dog", LONG, "fried rice with egg and bread"]


def answers(
    how: str, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, float]]:
    """Gives the scores that the command prints, or writes, for ``TEXTS``."""
    lines = "".join(f"{text}\n" for text in TEXTS)
    if how == "arguments":
        words = [*words, "--json", *TEXTS]
    elif how == "stdin":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode()), "utf-8"))
        words = [*words, "--json"]
    else:
        (folder / "in.txt").write_text(lines, "utf-8")
        words = [*words, "--input", str(folder / "in.txt"), "--output", str(folder / "out.jsonl")]
    assert main(["predict", *words]) == 0
    out = capsys.readouterr().out
    shown = (folder / "out.jsonl").read_text("utf-8") if how == "file" else out
    field = "predicted_scores" if how == "file" else "scores"
    return [json.loads(line)[field] for line in shown.splitlines()]


@pytest.mark.parametrize("how", ["arguments", "stdin", "file"])
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_long_texts_are_read_as_asked(
    tiny_bundle: Path,
    tmp_path: Path,
    how: str,
    truncation: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Predictor(tiny_bundle, truncation=truncation, deterministic=True) as classify:
        expected = [dict(classify(text).scores) for text in TEXTS]
    words = [str(tiny_bundle), "--truncation", truncation, "--deterministic"]
    found = answers(how, words, tmp_path, monkeypatch, capsys)
    for scores, wanted in zip(found, expected, strict=True):
        assert scores == pytest.approx(wanted, abs=1e-6)


def test_the_ways_to_cut_are_those_of_the_runtime_and_give_different_answers(tiny_bundle: Path) -> None:
    assert build_parser(["predict"]).parse_args(["predict", "b"]).truncation == TRUNCATIONS[0]
    scores = set()
    for truncation in TRUNCATIONS:
        with Predictor(tiny_bundle, truncation=truncation) as classify:
            scores.add(round(classify(LONG).score, 5))
    assert len(scores) == len(TRUNCATIONS)


def test_deterministic_takes_the_company_out_of_the_scores(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Predictor(tiny_bundle) as classify:
        alone = dict(classify("a dog").scores)
    kept = answers("arguments", [str(tiny_bundle), "--deterministic"], tmp_path, monkeypatch, capsys)[0]
    assert kept == alone
    assert answers("arguments", [str(tiny_bundle)], tmp_path, monkeypatch, capsys)[0] != alone


def test_checksums_may_be_left_out(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    shutil.copy(folder / "onnx/model.onnx", folder / "onnx/model_quantized.onnx")
    assert main(["predict", str(folder), "a dog"]) == 2
    assert "is not the file that was exported" in capsys.readouterr().err
    assert main(["predict", str(folder), "--no-verify", "a dog"]) == 0
