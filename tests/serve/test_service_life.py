"""What becomes of requests when the service is full, told to stop, or given a new bundle; and of its processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from serving import Answer, Flood, Serving

from edgetext import Predictor
from edgetext.cli.main import main
from edgetext.runtime.bundle import open_bundle, write_manifest

MANY = 1000
PATIENT = ("--queue", 2 * MANY, "--drain-timeout", 100, "--read-timeout", 60)
TEXTS = [f"number {number} of the bowls of ramen" for number in range(50)]
RENAMED = ("meal", "thing", "who knows")


def labelled(bundle: Path, folder: Path, labels: Sequence[str]) -> Path:
    """Makes a copy of a bundle whose labels have other names."""
    shutil.copytree(bundle, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["id2label"] = {str(place): label for place, label in enumerate(labels)}
    config["label2id"] = {label: place for place, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    write_manifest(folder, replace(open_bundle(folder).manifest, labels=tuple(labels), files={}))
    return folder


def expected(bundle: Path) -> list[dict[str, float]]:
    with Predictor(bundle, deterministic=True, threads=1) as classify:
        return [dict(one.scores) for one in classify.predict(TEXTS)]


def scores(answer: Answer) -> dict[str, float]:
    found: dict[str, float] = answer.json["predictions"][0]["scores"]
    return found


def flood(serving: Serving) -> Flood:
    return Flood(serving.port, "/v1/predict", [{"text": TEXTS[number % len(TEXTS)]} for number in range(MANY)])


def test_a_full_queue_is_told_at_once(tiny_bundle: Path, tmp_path: Path) -> None:
    serving = Serving(tmp_path, tiny_bundle, "--queue", 8, "--threads", 1, "--max-texts", 1000)

    async def run() -> list[Answer]:
        bodies = [{"texts": TEXTS * 20}] * 8 + [{"text": text} for text in TEXTS]
        requests = Flood(serving.port, "/v1/predict", bodies)
        await requests.send()
        return await requests.answers()

    answers = asyncio.run(run())
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {200, 503} and len(refused) > 20
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert all("8 that may" in answer.json["error"] for answer in refused)
    assert serving.predict({"text": "a"}).status == 200  # there is room again
    said = serving.ask("GET", "/metrics").body.decode()
    assert f"edgetext_refused_total {float(len(refused))}" in said
    assert f'edgetext_requests_total{{route="/v1/predict",status="503"}} {float(len(refused))}' in said
    assert serving.stop() == 0


def test_what_was_asked_before_the_end_is_answered(tiny_bundle: Path, tmp_path: Path) -> None:
    serving = Serving(tmp_path, tiny_bundle, "--deterministic", *PATIENT, "--threads", 1)
    wanted = expected(tiny_bundle)

    async def run() -> list[Answer]:
        requests = flood(serving)
        await requests.send()
        os.kill(serving.process.pid, signal.SIGTERM)
        return await requests.answers()

    answers = asyncio.run(run())
    assert [answer.status for answer in answers] == [200] * MANY
    assert all(scores(answer) == wanted[number % len(TEXTS)] for number, answer in enumerate(answers))
    assert serving.ended() == 0
    assert serving.log[-1]["event"] == "stopped"
    assert serving.wait_for("stopping")["open"] > 0 and serving.errors.read_text("utf-8") == ""


def test_it_is_not_ready_once_it_was_told_to_stop(tiny_bundle: Path, tmp_path: Path) -> None:
    serving = Serving(tmp_path, tiny_bundle, *PATIENT, "--threads", 1, "--max-texts", 1000)

    async def run() -> list[Answer]:
        work = Flood(serving.port, "/v1/predict", [{"texts": TEXTS * 10}] * 3)
        await work.send()
        os.kill(serving.process.pid, signal.SIGTERM)
        serving.wait_for("stopping")
        ready = await asyncio.to_thread(serving.ask, "GET", "/readyz")
        alive = await asyncio.to_thread(serving.ask, "GET", "/healthz")
        assert (ready.status, alive.status, alive.headers["connection"]) == (503, 200, "close")
        return await work.answers()

    assert [answer.status for answer in asyncio.run(run())] == [200] * 3
    assert serving.ended() == 0


def test_a_new_bundle_is_taken_up_and_no_request_is_lost_or_wrong(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    other = labelled(tiny_bundle, tmp_path / "other", RENAMED)
    before, after = expected(bundle), expected(other)
    serving = Serving(tmp_path / "logs", bundle, "--deterministic", *PATIENT, "--threads", 1)

    async def run() -> tuple[Answer, list[Answer]]:
        requests = flood(serving)
        await requests.send()
        bundle.rename(tmp_path / "old")
        other.rename(bundle)
        reloaded = await asyncio.to_thread(serving.ask, "POST", "/v1/reload")
        return reloaded, await requests.answers()

    reloaded, answers = asyncio.run(run())
    assert (reloaded.status, reloaded.json) == (200, {"models": ["bundle"]})
    assert [answer.status for answer in answers] == [200] * MANY
    for number, answer in enumerate(answers):
        assert scores(answer) in (before[number % len(TEXTS)], after[number % len(TEXTS)])
    assert scores(serving.predict({"text": TEXTS[0]})) == after[0]

    (bundle / "bundle.json").write_text("{", "utf-8")
    refused = serving.ask("POST", "/v1/reload")
    assert refused.status == 409 and "bundle.json" in refused.json["error"]
    assert scores(serving.predict({"text": TEXTS[0]})) == after[0]
    serving.process.send_signal(signal.SIGHUP)
    assert "bundle.json" in serving.wait_for("reload", 3)["error"]
    shutil.rmtree(bundle)
    (tmp_path / "old").rename(bundle)
    serving.process.send_signal(signal.SIGHUP)
    assert serving.wait_for("reload", 4)["error"] == ""
    assert scores(serving.predict({"text": TEXTS[0]})) == before[0]
    assert serving.stop(signal.SIGINT) == 0


def test_workers_share_a_socket_and_one_that_dies_is_replaced(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    before = expected(bundle)
    serving = Serving(tmp_path / "logs", bundle, "--deterministic", "--workers", 2, *PATIENT)

    def answered() -> list[Answer]:
        async def run() -> list[Answer]:
            requests = flood(serving)
            await requests.send()
            return await requests.answers()

        return asyncio.run(run())

    answers = answered()
    assert [scores(answer) for answer in answers] == [before[number % len(TEXTS)] for number in range(MANY)]
    time.sleep(0.3)
    pids = {line["pid"] for line in serving.log if line.get("route") == "/v1/predict"}
    assert len(pids) == 2
    said = serving.ask("GET", "/metrics").body.decode()
    assert f'edgetext_requests_total{{route="/v1/predict",status="200"}} {float(MANY)}' in said  # of both

    os.kill(min(pids), signal.SIGKILL)
    assert serving.wait_for("worker died")["pid"] == min(pids)
    serving.wait_for("ready", 2)

    shutil.rmtree(bundle)
    labelled(tiny_bundle, bundle, RENAMED)
    assert serving.ask("POST", "/v1/reload").status == 200  # one of them passes it on
    serving.wait_for("reload", 3)
    assert {label for answer in answered() for label in scores(answer)} == set(RENAMED)
    assert serving.stop() == 0
    assert sum(line.get("event") == "stopped" for line in serving.log) == 2


def test_workers_that_cannot_start_end_the_service(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    (bundle / "onnx" / "model_quantized.onnx").write_bytes(b"damaged")
    assert main(["serve", str(bundle), "--workers", "2", "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert "model_quantized.onnx" in said and said.count("\n") == 1


def test_workers_end_with_their_supervisor(tiny_bundle: Path, tmp_path: Path) -> None:
    serving = Serving(tmp_path, tiny_bundle, "--workers", 2)
    serving.process.kill()
    serving.process.wait()
    ends = time.monotonic() + 20
    while sum(line.get("event") == "stopped" for line in serving.log) < 2 and time.monotonic() < ends:
        time.sleep(0.05)
    assert sum(line.get("event") == "stopped" for line in serving.log) == 2
