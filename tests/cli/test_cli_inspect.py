from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgetext.cli.main import main


@pytest.fixture
def judged(tiny_bundle: Path, tmp_path: Path) -> Path:
    """Gives a bundle with a verdict of the gate and a provenance."""
    folder = tmp_path / "judged"
    shutil.copytree(tiny_bundle, folder)
    document = json.loads((folder / "bundle.json").read_text("utf-8"))
    document["variants"][1]["evaluation"] = {
        "verdict": "passed",
        "sentence": "passed: int8 lost 0.1 points at most.",
    }
    document["provenance"] = {"base_model": "tiny", "libraries": {"onnxruntime": "1.32.0"}, "seed": 7}
    (folder / "bundle.json").write_text(json.dumps(document), "utf-8")
    return folder


def test_it_says_what_the_bundle_holds(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(judged)]) == 0
    shown = capsys.readouterr().out
    for part in (
        "single_label, at most 32 tokens",
        "3: food, not_food, unclear",
        "int8 (default)",
        "onnx/model_quantized.onnx, 0.1 MB, int8, dynamic-int8",
        "gate      passed: int8 lost 0.1 points at most.",
        "onnxruntime 1.32.0",
        "seed",
    ):
        assert part in shown
    assert shown.count("checksum  ok") == 2


def test_json_has_all_of_it(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(judged), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["labels"] == ["food", "not_food", "unclear"]
    assert [variant["checksum"] for variant in value["variants"]] == ["ok", "ok"]
    assert value["variants"][1]["evaluation"]["verdict"] == "passed"
    assert value["format_version"] == 1


def test_a_changed_file_is_shown_and_fails(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (judged / "onnx/model.onnx").open("ab") as stream:
        stream.write(b"\0")
    assert main(["inspect", str(judged)]) == 2
    shown = capsys.readouterr()
    assert "is not the file that was exported" in shown.out
    assert "checksum  ok" in shown.out  # the other one still is
    assert shown.err.count("\n") == 1 and "model.onnx is not the file" in shown.err


def test_a_first_stage_is_described_and_compared(
    tiny_first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_first, folder)
    assert main(["inspect", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("checksum  ok") == 3
    for part in ("before int8", "first_stage.safetensors", "0.5", "60.0%", "gate      passed: both together"):
        assert part in shown
    with (folder / "first_stage.safetensors").open("ab") as stream:
        stream.write(b"\0")
    assert main(["inspect", str(folder), "--json"]) == 2
    value = json.loads(capsys.readouterr().out)
    assert "is not the file" in value["first_stage"]["checksum"]


def test_a_plain_folder_has_no_checksums(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged / "bundle.json").unlink()
    assert main(["inspect", str(judged)]) == 0
    assert capsys.readouterr().out.count("checksum  not recorded") == 2


def test_what_is_no_bundle_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path)]) == 2
    assert "is no bundle" in capsys.readouterr().err
