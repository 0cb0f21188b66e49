from __future__ import annotations

from pathlib import Path

import pytest

from edgetext.runtime import threads
from edgetext.runtime.profiles import make_profile


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def v2(root: Path, limits: dict[str, str], group: str = "/") -> Path:
    files = {f"sys/fs/cgroup/{name}/cpu.max": content for name, content in limits.items()}
    return tree(root, {"proc/self/cgroup": f"0::{group}\n", **files})


def v1(root: Path, quota: str, period: str, group: str = "/") -> Path:
    mount = "sys/fs/cgroup/cpu,cpuacct"
    limits = {f"{mount}/cpu.cfs_quota_us": quota, f"{mount}/cpu.cfs_period_us": period}
    return tree(root, {"proc/self/cgroup": f"5:memory:{group}\n4:cpu,cpuacct:{group}\n0::/\n", **limits})


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_affinity", lambda: 8)


@pytest.mark.parametrize(
    ("limit", "cores", "usable"),
    [
        ("50000 100000\n", 0.5, 1),
        ("100000 100000\n", 1.0, 1),
        ("250000 100000\n", 2.5, 2),
        ("1600000 100000\n", 16.0, 8),
        ("max 100000\n", None, 8),
        ("", None, 8),
        ("what is this\n", None, 8),
        ("100000 0\n", None, 8),
    ],
)
def test_version_2(tmp_path: Path, limit: str, cores: float | None, usable: int) -> None:
    root = v2(tmp_path, {".": limit})
    assert threads.cpu_quota(root) == cores
    assert threads.usable_threads(root) == usable


def test_version_2_takes_the_tightest_level(tmp_path: Path) -> None:
    limits = {"app": "150000 100000", "app/worker": "400000 100000", "app/worker/inner": "max 100000"}
    root = v2(tmp_path, limits, "/app/worker/inner")
    assert threads.cpu_quota(root) == 1.5


def test_version_2_falls_back_to_what_a_container_sees(tmp_path: Path) -> None:
    root = v2(tmp_path, {".": "50000 100000"}, "/docker/0123/not/mounted/here")
    assert threads.usable_threads(root) == 1


def test_a_group_outside_the_namespace_is_read_at_the_mount(tmp_path: Path) -> None:
    root = v2(tmp_path / "root", {".": "300000 100000"}, "/../../other")
    assert threads.usable_threads(root) == 3


@pytest.mark.parametrize(
    ("quota", "usable"), [("50000", 1), ("-1", 8), ("200000", 2), ("350000", 3), ("", 8), ("none", 8)]
)
def test_version_1(tmp_path: Path, quota: str, usable: int) -> None:
    assert threads.usable_threads(v1(tmp_path, quota, "100000")) == usable
    assert threads.usable_threads(v1(tmp_path, quota, "100000", "/docker/0123")) == usable


def test_nothing_there_means_no_limit(tmp_path: Path) -> None:
    assert threads.cpu_quota(tmp_path) is None
    assert threads.usable_threads(tmp_path) == 8


def test_half_a_core_gives_every_profile_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = v2(tmp_path, {".": "50000 100000"})
    monkeypatch.setattr("edgetext.runtime.profiles.usable_threads", lambda: threads.usable_threads(root))
    for name in ("latency", "throughput", "background"):
        profile = make_profile(name)
        assert (profile.intra_op, profile.callers) == (1, 1)


def test_this_machine_has_at_least_one() -> None:
    assert 1 <= threads.usable_threads() <= 8
