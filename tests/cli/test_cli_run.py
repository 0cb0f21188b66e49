"""``edgetext run`` from rows to report, with the tiny model; and what stands in its way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgetext import pipeline
from edgetext.bench import run as bench_run
from edgetext.checkpoint import Checkpoint
from edgetext.cli import run as run_module
from edgetext.cli.console import PlainProgress
from edgetext.cli.main import main
from edgetext.errors import WriteError
from edgetext.task import SingleLabel

WORDS = ["--epochs", "1", "--max-drop", "0.9", "--threads", "1", "--scheme", "dynamic-int8-fused"]


def measure_little(patch, **less):
    """Makes the bench of a run measure one round, of which a process is started for each row."""
    whole = bench_run.run_bench

    def run_bench(*arguments, settings, **more):
        return whole(*arguments, settings=replace(settings, rounds=1, **less), **more)

    patch.setattr(bench_run, "run_bench", run_bench)


@pytest.fixture(scope="module")
def finished(tiny_rows, tiny_base, tmp_path_factory):
    """The folder that a run left, and what it printed."""
    output = tmp_path_factory.mktemp("run") / "tiny"
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    with (
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        measure_little(patch)
        code = main(["run", str(tiny_rows), "--base", str(tiny_base), "-o", str(output), *WORDS])
    return output, code, out.getvalue(), err.getvalue()


@pytest.mark.slow
def test_it_leaves_three_whole_parts_and_nothing_else(finished):
    output, code, _, err = finished
    assert code == 0, err
    assert sorted(entry.name for entry in output.iterdir()) == ["bundle", "checkpoint", "report"]
    assert (output / "checkpoint" / "model.safetensors").is_file()
    assert (output / "bundle" / "onnx" / "model_quantized.onnx").is_file()
    report = sorted(entry.name for entry in (output / "report").iterdir())
    assert report == ["report.html", "report.md", "results.json"]


@pytest.mark.slow
def test_every_row_is_measured_or_says_why_not(finished):
    results = json.loads((finished[0] / "report" / "results.json").read_text("utf-8"))
    status = {(row["backend"], row["variant"]): row["status"] for row in results["rows"]}
    measured = {
        ("torch-cpu", "fp32"),
        ("transformers-pipeline", "fp32"),
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
        ("edgetext", "fp32"),
        ("edgetext", "int8"),
    }
    assert {key for key, value in status.items() if value == "measured"} >= measured
    assert "failed" not in status.values()
    assert {("torch-cuda", "fp32"), ("torch-cuda", "fp16"), ("torch-cpu", "bf16")} <= status.keys()


@pytest.mark.slow
def test_the_summary_holds_the_table_the_verdict_and_three_commands(finished):
    output, _, out, _ = finished
    assert "edgetext int8" in out
    manifest = json.loads((output / "bundle" / "bundle.json").read_text("utf-8"))
    (int8,) = (variant for variant in manifest["variants"] if variant["name"] == "int8")
    assert int8["evaluation"]["sentence"] in out
    commands = [line.strip() for line in out.splitlines() if line.startswith("  ")]
    for word in ("predict", "demo", "inspect"):
        assert any(f" {word} {output / 'bundle'}" in command for command in commands)


@pytest.mark.slow
def test_a_second_run_says_what_is_there_and_changes_nothing(finished, tiny_rows, tiny_base, capsys):
    output = finished[0]
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert main(["run", str(tiny_rows), "--base", str(tiny_base), "-o", str(output), *WORDS]) == 2
    error = capsys.readouterr().err
    assert "already exists (it holds bundle, checkpoint, report): add --overwrite" in error
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


OLD_RUN = {
    "checkpoint/training.json": '{"base_model": "old"}',
    "bundle/bundle.json": '{"format_version": 1}',
    "report/results.json": '{"schema_version": 1}',
}


def make_old_run(output):
    for name, content in OLD_RUN.items():
        (output / name).parent.mkdir(parents=True)
        (output / name).write_text(content)


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_old_run_is_whole_until_the_new_one_is_and_new_parts_are_kept(tiny_rows, tmp_path, monkeypatch, capsys):
    output = tmp_path / "out"
    make_old_run(output)
    fates = ["stopped in the export", "stopped again", "done"]

    def train(_, folder, *__, **___):
        folder.mkdir(parents=True)
        (folder / "training.json").write_text(f'{{"base_model": "{fates[0]}"}}')
        return Checkpoint(folder, SingleLabel(("a", "b")), "bert", 8, "tiny", None, {})

    def export(_, folder, *__, **___):
        if fates.pop(0) != "done":
            raise KeyboardInterrupt
        raise WriteError("no space")

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(pipeline, "export", export)
    for fate in list(fates):
        assert main(["run", str(tiny_rows), "-o", str(output), "--overwrite"]) == (2 if fate == "done" else 130)
        assert f"kept of this run, each whole: {tmp_path / 'out.new' / 'checkpoint'}" in capsys.readouterr().err
        assert files_in(output) == OLD_RUN
        assert files_in(tmp_path / "out.new") == {"checkpoint/training.json": f'{{"base_model": "{fate}"}}'}
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.new"]


def test_epochs_of_a_run_that_was_to_replace_another_are_kept(tiny_rows, tmp_path, monkeypatch, capsys):
    def train(_, folder, *__, **___):
        (folder.parent / ".checkpoint.training" / "checkpoint-5").mkdir(parents=True)
        raise KeyboardInterrupt

    make_old_run(tmp_path / "out")
    monkeypatch.setattr(pipeline, "train", train)
    assert main(["run", str(tiny_rows), "-o", str(tmp_path / "out"), "--overwrite"]) == 130
    assert f"-o {tmp_path / 'out.new'} --resume goes on" in capsys.readouterr().err
    assert files_in(tmp_path / "out") == OLD_RUN
    assert [path.name for path in (tmp_path / "out.new" / ".checkpoint.training").iterdir()] == ["checkpoint-5"]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(tiny_rows, tiny_base, tmp_path, monkeypatch, capsys):
    """First in the training, then in the export; what is done is not done again."""
    output, fates = tmp_path / "out", ["stopped in an epoch", "stopped in the export"]
    words = ["run", str(tiny_rows), "--base", str(tiny_base), "-o", str(output), *WORDS, "--epochs", "2"]
    real_step, real_export = PlainProgress.step, pipeline.export

    def step(self, name, done, total):
        real_step(self, name, done, total)
        if name == "train" and done == total - 1 and fates[0] == "stopped in an epoch":
            raise KeyboardInterrupt

    def export(*given, **more):
        if fates.pop(0) == "stopped in the export":
            raise KeyboardInterrupt
        return real_export(*given, **more)

    measure_little(monkeypatch, backends=("edgetext",))
    monkeypatch.setattr(PlainProgress, "step", step)
    monkeypatch.setattr(pipeline, "export", export)
    assert main(words) == 130
    assert "the same command with --resume goes on" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == [".checkpoint.training"]
    fates[:] = ["stopped in the export", "goes on"]
    assert main([*words, "--resume"]) == 130
    assert "going on after 1 epoch of" in capsys.readouterr().err
    trained = (output / "checkpoint" / "training.json").stat().st_mtime_ns
    assert main([*words, "--resume"]) == 0
    assert "checkpoint is done" in capsys.readouterr().err
    assert (output / "checkpoint" / "training.json").stat().st_mtime_ns == trained
    assert sorted(path.name for path in output.iterdir()) == ["bundle", "checkpoint", "report"]
    assert main([*words, "--resume", "--seed", "7"]) == 2
    assert "is done already, with other rows" in capsys.readouterr().err


def test_going_on_and_beginning_anew_exclude_each_other(tiny_rows, tmp_path, capsys):
    assert main(["run", str(tiny_rows), "-o", str(tmp_path / "out"), "--resume", "--overwrite"]) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_replaces_a_run_as_a_whole(tiny_rows, tiny_base, tmp_path, capsys, monkeypatch):
    make_old_run(tmp_path / "out")
    measure_little(monkeypatch, backends=("edgetext",))
    words = ["run", str(tiny_rows), "--base", str(tiny_base), "-o", str(tmp_path / "out"), *WORDS, "--overwrite"]
    assert main(words) == 0
    assert f"predict {tmp_path / 'out' / 'bundle'}" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bundle", "checkpoint", "report"]
    assert all(files_in_one != old for files_in_one, old in zip(
        [(tmp_path / "out" / name).read_text() for name in OLD_RUN], OLD_RUN.values(), strict=True))  # fmt: skip


def test_bad_data_overwrites_nothing(tmp_path, capsys):
    make_old_run(tmp_path / "out")
    assert main(["run", str(tmp_path / "missing.csv"), "-o", str(tmp_path / "out"), "--overwrite"]) == 2
    assert "missing.csv" in capsys.readouterr().err
    assert files_in(tmp_path / "out") == OLD_RUN
    (tmp_path / "out" / "bundle" / "mine").write_text("mine")
    assert main(["run", str(tmp_path / "missing.csv"), "-o", str(tmp_path / "out"), "--overwrite"]) == 2
    assert "holds bundle/mine, which is not part of a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("food_not_food", "food_not_food"),
        ("builtin:food_not_food", "food_not_food"),
        ("some/where/rows.train.csv", "rows.train"),
        ("hub:owner/set@abc", "set"),
        ("hub:set:config", "set_config"),
    ],
)
def test_the_output_is_named_after_the_data(data, name):
    assert run_module._name(data) == name
