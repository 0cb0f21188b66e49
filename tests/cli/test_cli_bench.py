"""``edgetext bench``: words in, files and tables out, and what bad input says."""

import json
import shutil
from pathlib import Path

import pytest

from edgetext.cli.main import main

RECORDED = Path(__file__).parents[1] / "data" / "bench" / "recorded.json"


def refusal(capsys, *words):
    assert main(["bench", *map(str, words)]) == 2
    return capsys.readouterr().err.removeprefix("edgetext bench: error: ").rstrip()


def test_show_prints_the_table_and_the_reasons(capsys):
    assert main(["bench", "show", str(RECORDED)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A Processor, 2 cores, 2 threads; 200 rows of captions (test)"
    assert any(line.split()[:6] == ["edgetext", "int8", "95.5", "%", "[91.7,", "97.6]"] for line in lines)
    assert lines[-1] == "torch-cpu bf16: failed (its process ended during 'latency' with signal SIGSEGV)"


def test_show_gives_json(capsys):
    assert main(["bench", "show", str(RECORDED), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(RECORDED.read_text("utf-8"))


def test_report_prints_or_writes_markdown(capsys, tmp_path):
    assert main(["bench", "report", str(RECORDED)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# Bench\n")
    assert main(["bench", "report", str(RECORDED), "-o", str(tmp_path / "r.md")]) == 0
    assert (tmp_path / "r.md").read_text("utf-8") == text
    assert main(["bench", "report", str(RECORDED), "-o", str(tmp_path / "r.html")]) == 0
    assert '<section id="frontier">' in (tmp_path / "r.html").read_text("utf-8")
    assert "r.md already exists: add --overwrite" in refusal(capsys, "report", RECORDED, "-o", tmp_path / "r.md")


def test_merge_writes_one_file_with_the_rows_of_both(capsys, tmp_path):
    target = tmp_path / "merged.json"
    assert main(["bench", "merge", str(RECORDED), str(RECORDED), "-o", str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(target.read_text("utf-8"))
    rows = json.loads(target.read_text("utf-8"))["rows"]
    assert len(rows) == 12 and all(row["environment"]["host"] == "A Processor, 2 cores" for row in rows)


def test_a_reader_without_a_file_or_with_two_is_refused(capsys):
    assert refusal(capsys, "show") == "expected one results file, found 0"
    assert refusal(capsys, "report", RECORDED, RECORDED) == "expected one results file, found 2"
    assert refusal(capsys, "merge", RECORDED) == "merge takes at least two results files"
    assert "nowhere.json is not there" in refusal(capsys, "show", "nowhere.json")


@pytest.fixture
def unmeasured(tmp_path):
    """Gives a results file of a bench in which every row failed."""
    results = json.loads(RECORDED.read_text("utf-8"))
    kept = ("backend", "variant", "device", "threads")
    results["rows"] = [
        {**{name: row[name] for name in kept}, "status": "failed", "reason": "no memory"} for row in results["rows"]
    ]
    file = tmp_path / "unmeasured.json"
    file.write_text(json.dumps(results), "utf-8")
    return file


@pytest.mark.parametrize(
    "words",
    [
        ["show", "U"],
        ["show", "U", "--json"],
        ["report", "U"],
        ["merge", "U", "U"],
        ["compare", "U", "U"],
        ["compare", "R", "U"],
    ],
)
def test_figures_of_nothing_are_no_success(words, unmeasured, capsys):
    named = {"U": str(unmeasured), "R": str(RECORDED)}
    assert main(["bench", *(named.get(word, word) for word in words)]) in (1, 2)
    said = capsys.readouterr()
    assert "measured" in said.err and said.err.count("\n") == 1
    assert "failed" in said.out or "no memory" in said.out or words[0] == "compare"


def test_a_bench_in_which_no_row_was_measured_fails_and_is_written(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("text,label\nx,food\ny,not_food\n")
    words = [
        "bench",
        str(tiny_bundle),
        "-o",
        "out",
        "--data",
        "rows.csv",
        "--backends",
        "edgetext",
        "--timeout",
        "1e-9",
    ]
    assert main([*words, "--rounds", "1"]) == 1
    assert "nothing was measured" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))["rows"]


def test_labels_that_no_row_has_are_named(capsys, tmp_path):
    results = json.loads(RECORDED.read_text("utf-8"))
    results["data"]["labels"].append("never")
    file = tmp_path / "r.json"
    file.write_text(json.dumps(results), "utf-8")
    for reader in ("show", "report"):
        assert main(["bench", reader, str(file)]) == 0
        assert "No row has the label 'never'" in capsys.readouterr().out


def test_a_bundle_may_have_the_name_of_a_reader(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show").mkdir()
    (tmp_path / "rows.csv").write_text("text,label\nx,a\ny,b\n")
    assert refusal(capsys, "show", "--data", "rows.csv", "-o", "out").startswith("show is no bundle")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["BUNDLE", "more", "-o", "out"],
            "more does not exist: give the bundle folder",
        ),
        (["BUNDLE"], "say where the results go: -o DIR"),
        (
            ["BUNDLE", "-o", "out"],
            "there are no held-out rows to predict: give --data, or a --baseline that has a split",
        ),
        (["nowhere", "-o", "out", "--data", "rows.csv"], "nowhere does not exist: give the bundle folder"),
        (["BUNDLE", "-o", "out", "--data", "none.csv"], "none.csv: there is no such file"),
        (
            ["BUNDLE", "-o", "out", "--data", "rows.csv"],
            "row 2 has the label 'unheard', which BUNDLE does not know",
        ),
        (["BUNDLE", "-o", "out", "--data", "rows.csv", "--limit", "0"], "limit must be at least 1, found 0"),
        (["BUNDLE", "-o", "out", "--data", "rows.csv", "--rounds", "0"], "rounds must be at least 1, found 0"),
        (["BUNDLE", "-o", "out", "--data", "rows.csv", "--slices", "0"], "slices must be at least 1, found 0"),
        (
            ["BUNDLE", "-o", "out", "--data", "rows.csv", "--within", "0"],
            "within must be a positive number, found 0",
        ),
        (
            ["BUNDLE", "-o", "out", "--data", "rows.csv", "--within", "3", "--max-rounds", "9"],
            "max_rounds must be at least 10, found 9",
        ),
        (
            ["BUNDLE", "-o", "out", "--data", "rows.csv", "--baseline", "no"],
            "no is not a folder: give the checkpoint",
        ),
        (
            ["BUNDLE", "-o", "out", "--data", "good.csv", "--backends", "x"],
            "there is no backend 'x': choose from torch-",
        ),
        (["BUNDLE", "-o", "taken", "--data", "rows.csv"], "taken already exists (it holds file): choose another"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tiny_bundle, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bundle, "BUNDLE")
    Path("rows.csv").write_text("text,label\na dog,not_food\nan egg,unheard\n")
    Path("good.csv").write_text("text,label\na dog,not_food\nan egg,food\n")
    Path("taken").mkdir()
    Path("taken/file").touch()
    before = sorted(tmp_path.iterdir())
    said = refusal(capsys, *words)
    assert said.startswith(message) and "\n" not in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_changed_model_is_refused(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bundle, "BUNDLE")
    Path("good.csv").write_text("text,label\na dog,not_food\nan egg,food\n")
    with Path("BUNDLE/onnx/model.onnx").open("ab") as stream:
        stream.write(b"x")
    said = refusal(capsys, "BUNDLE", "-o", "out", "--data", "good.csv")
    assert "BUNDLE/onnx/model.onnx is not the file that was exported" in said


def test_a_bundle_beside_another_is_measured_and_compared(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text("text,label\na dog,not_food\nan egg,food\n")
    shutil.copytree(tiny_bundle, "OLD")
    words = ["bench", str(tiny_bundle), "--beside", "OLD", "-o", "out", "--data", "good.csv", "--rounds", "3"]
    words += ["--threads", "1", "--backends", "edgetext", "--fail-if", "accuracy>0%"]
    assert main([*words, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert [pair["name"] for pair in compared["pairs"]] == ["edgetext fp32 cpu", "edgetext int8 cpu"]
    assert compared["notes"][0] == "both were measured in the same rounds: each round is compared with itself"
    new, old = (json.loads(Path(name, "results.json").read_text("utf-8")) for name in ("out", "out/beside"))
    assert new["run"] == old["run"] and new["environment"] == old["environment"]
    for results in (new, old):
        assert [(row["backend"], row["variant"]) for row in results["rows"]] == [
            ("edgetext", "fp32"),
            ("edgetext", "int8"),
        ]
        assert "model" not in results["rows"][0]
    assert new["rows"][0]["latency_ms"]["samples"] != old["rows"][0]["latency_ms"]["samples"]
    assert sorted(path.name for path in Path("out/beside").iterdir()) == [
        "report.html",
        "report.md",
        "results.json",
    ]
    assert main(["bench", "compare", "out/beside", "out"]) == 0
    assert "out against out/beside: percent worse" in capsys.readouterr().out


def test_a_bundle_of_other_labels_is_not_measured_beside(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text("text,label\na dog,not_food\nan egg,food\n")
    shutil.copytree(tiny_bundle, "OLD")
    manifest = Path("OLD/bundle.json")
    manifest.write_text(manifest.read_text("utf-8").replace('"not_food"', '"meal"'))
    words = [tiny_bundle, "--beside", "OLD", "-o", "out", "--data", "good.csv"]
    assert "know different labels: measure models of the same task together" in refusal(capsys, *words)
    assert "there is no metric 'p51'" in refusal(capsys, *words, "--fail-if", "p51>1%")
    assert "or to --beside OLD" in refusal(capsys, tiny_bundle, "--fail-if", "p50>1%", "-o", "out")
    assert "found also 'more'" in refusal(capsys, tiny_bundle, "more", *words[1:])
    assert not Path("out").exists()


def test_several_bundles_are_measured_into_one_file(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text("text,label\na dog,not_food\nan egg,food\n")
    bundles = [str(shutil.copytree(tiny_bundle, f"{name}/bundle")) for name in ("a", "b", "c")]
    words = ["bench", *bundles, "-o", "out", "--data", "good.csv", "--rounds", "2", "--threads", "1"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    results = json.loads(Path("out/results.json").read_text("utf-8"))
    assert [(row["backend"], row["variant"], row["model"]) for row in results["rows"]] == [
        ("edgetext", "int8", f"{name}/bundle") for name in ("a", "b", "c")
    ]
    assert "| edgetext | int8 | b/bundle | cpu | 1 |" in Path("out/report.md").read_text("utf-8")
    assert "edgetext int8 (c/bundle)" in shown and "No row beats edgetext int8 (" in shown
    assert main(["bench", "compare", "out", "out", "--fail-if", "mean>1%"]) == 0
    assert "edgetext int8 (a/bundle) cpu" in capsys.readouterr().out


def test_a_bundle_alone_is_measured(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text("text,label\na dog,not_food\nan egg,food\n")
    words = ["bench", str(tiny_bundle), "-o", "out", "--data", "good.csv", "--rounds", "1", "--threads", "1"]
    assert main([*words, "--slices", "3", "--backends", "edgetext,onnxruntime"]) == 0
    captured = capsys.readouterr()
    rows = json.loads(Path("out/results.json").read_text("utf-8"))["rows"]
    assert [(row["backend"], row["variant"], row["status"]) for row in rows] == [
        ("onnxruntime", "fp32", "measured"),
        ("onnxruntime", "int8", "measured"),
        ("edgetext", "fp32", "measured"),
        ("edgetext", "int8", "measured"),
    ]
    assert "| edgetext | int8 | cpu | 1 |" in Path("out/report.md").read_text("utf-8")
    assert captured.out.count("\nedgetext ") == 2 and "bench: 0/16" in captured.err
    assert captured.err.endswith("written: out/report.html, out/report.md, out/results.json\n")
    assert {row["accuracy_difference"] for row in rows} == {None}
