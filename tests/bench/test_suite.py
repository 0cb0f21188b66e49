"""The pytest-benchmark suite, run as a team would run it in its own CI."""

import json
import os
import subprocess
import sys

import pytest

from edgetext import Predictor

SUITE = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "edgetext.bench.suite"]


def run(*arguments, cwd):
    # A run of its own, also where the tests around it share the cores: pytest-benchmark would measure nothing then.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    command = [*SUITE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=alone, check=False)


@pytest.mark.slow
def test_each_row_has_latency_and_throughput_with_the_accuracy_it_goes_with(tiny_bundle, tmp_path):
    file, data = tmp_path / "figures.json", tmp_path / "rows.csv"
    with Predictor(tiny_bundle) as classify:
        rows = [(f"text number {number}", classify.labels[number % 2]) for number in range(20)]
        right = sum(classify(text).label == label for text, label in rows)
    data.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), "utf-8")
    run_of = run(
        "--bundle", tiny_bundle, "--data", data, "--backends", "edgetext,onnxruntime",
        "--threads", "1", "--benchmark-json", file, "--benchmark-max-time", "0.1", cwd=tmp_path,
    )  # fmt: skip
    assert run_of.returncode == 0, run_of.stdout + run_of.stderr
    found = {entry["name"]: entry for entry in json.loads(file.read_text("utf-8"))["benchmarks"]}
    names = [f"{backend}-{variant}" for backend in ("onnxruntime", "edgetext") for variant in ("fp32", "int8")]
    assert set(found) == {f"test_{kind}[{name}]" for kind in ("latency", "throughput") for name in names}
    extra = found["test_throughput[edgetext-int8]"]["extra_info"]
    assert extra["accuracy"]["value"] == pytest.approx(right / len(rows))
    assert extra["accuracy"]["low"] < extra["accuracy"]["value"] or right == 0
    median = found["test_throughput[edgetext-int8]"]["stats"]["median"]
    assert extra["texts_per_s"] == pytest.approx(extra["texts"] / median, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --bundle, --checkpoint or both: there is nothing to measure"),
        (("--bundle", "nowhere"), "nowhere does not exist"),
    ],
)
def test_without_a_model_it_says_what_is_missing(arguments, said, tmp_path):
    told = run(*arguments, cwd=tmp_path)
    assert told.returncode == 4
    assert said in told.stdout + told.stderr


def test_other_runs_of_pytest_do_not_get_its_options(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "--bundle" not in told.stdout
