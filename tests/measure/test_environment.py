import json
import os
import platform

import numpy as np
import pytest

from edgetext.measure import environment as measured
from edgetext.measure import processor


def test_the_environment_is_json_and_names_the_machine_by_what_it_is(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "the-name-of-somebodys-computer")
    found = measured.capture_environment(2)
    assert json.loads(json.dumps(found)) == found
    assert found["host"].startswith(f"{found['cpu']}, {os.cpu_count()} cores")
    assert "somebodys" not in json.dumps(found)
    assert (found["threads"], found["python"]) == (2, platform.python_version())
    assert found["libraries"]["numpy"] == np.__version__


@pytest.mark.parametrize(("flags", "expected"), [("fpu avx2 amx_bf16", True), ("fpu avx2 avx512_vnni", False)])
def test_bf16_is_read_from_the_processors_flags(monkeypatch, flags, expected):
    monkeypatch.setattr(processor, "text_of", lambda path: f"processor\t: 0\nflags\t\t: {flags}\n")
    assert processor.has_bf16() is expected


def test_a_gpu_is_what_nvidia_smi_says(monkeypatch):
    monkeypatch.setattr(
        measured, "output_of", lambda *words: "NVIDIA H200, 570.1, 143771 MiB, 9.0\nNVIDIA H200, 570.1, 1 MiB, 9.0"
    )
    assert measured.gpu_name() == {
        "name": "NVIDIA H200",
        "driver": "570.1",
        "memory": "143771 MiB",
        "compute_capability": "9.0",
    }


def test_no_gpu_is_none(monkeypatch):
    monkeypatch.setattr(measured, "output_of", lambda *words: None)
    assert measured.gpu_name() is None
    assert measured.git_revision() is None


def test_affinity_quota_and_governor_are_told(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 1}, raising=False)
    for module in (measured, processor):
        monkeypatch.setattr(
            module,
            "text_of",
            lambda path: "performance\n" if path.name == "scaling_governor" else "flags : avx2 sse\n",
        )
    monkeypatch.setattr(measured, "cpu_quota", lambda: 1.5)
    found = measured.capture_environment(1)
    assert found["usable_cores"] <= 2
    assert (found["affinity"], found["quota"], found["governor"], found["isa"]) == (
        [1, 5],
        1.5,
        "performance",
        ["avx2"],
    )


def test_a_governor_that_linux_does_not_tell_is_none(monkeypatch):
    for module in (measured, processor):
        monkeypatch.setattr(module, "text_of", lambda path: "")
    assert measured.governor() is None and processor.isa_flags() == ()
