"""The files under deploy/: linted, held to schemas and to the code, and the image's steps run without an engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dockerfile_parse import DockerfileParser

from edgetext.cli.main import build_parser

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = "1.30"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def one(name: str, kind: str) -> dict[str, Any]:
    (found,) = [document for document in documents(name) if document["kind"] == kind]
    return found


def container(name: str, kind: str) -> dict[str, Any]:
    spec = one(name, kind)["spec"]
    (found,) = spec.get("template", {}).get("spec", spec)["containers"]
    return found


CONTAINERS = [("kubernetes.yaml", "Deployment"), ("kserve.yaml", "ServingRuntime")]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Gives the instructions of the Dockerfile, in order."""
    parser = DockerfileParser(path=str(tmp_path_factory.mktemp("parsed")))
    parser.content = (DEPLOY / "Dockerfile").read_text("utf-8")
    return [step for step in parser.structure if step["instruction"] != "COMMENT"]


def values(steps: list[dict[str, Any]], instruction: str) -> list[str]:
    return [step["value"] for step in steps if step["instruction"] == instruction]


def test_the_dockerfile_is_linted() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_pinned_and_nobody_is_root(steps: list[dict[str, Any]]) -> None:
    bases = {value.split()[0] for value in values(steps, "FROM")} - {"service"}
    assert len(bases) == 1
    assert all(base.count(":") == 1 and base.endswith("-bookworm") for base in bases)
    assert values(steps, "USER") == ["10001:10001"]


@pytest.mark.slow
def test_the_build_stage_installs_the_program_from_what_it_copies(
    steps: list[dict[str, Any]], tmp_path: Path
) -> None:
    stage = steps[: [step["instruction"] for step in steps].index("FROM", 1)]
    source, installed = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for copied in values(stage, "COPY"):
        *names, target = copied.split()
        for name in names:
            assert f"!{name}" in ignored
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source / target)
    (command,) = values(stage, "RUN")
    assert "/opt/edgetext" in command
    command = command.replace("/opt/edgetext", str(installed)).replace(" install ", " install --quiet --no-deps ")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", command], cwd=source, env=environment, check=True)
    found = subprocess.run(
        [installed / "bin" / "edgetext", "--version"], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("edgetext ")
    assert not list(installed.rglob("pip"))


class Health(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_health_check_tells_a_service_that_answers(
    steps: list[dict[str, Any]], service: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (check,) = values(steps, "HEALTHCHECK")
    python, *words = json.loads(check[check.index("CMD") + 3 :])
    assert python == "python"
    words[-1] = words[-1].replace(":8000/", f":{service.server_port}/")

    def code() -> int:
        return subprocess.run([sys.executable, *words], stderr=subprocess.DEVNULL, check=False).returncode

    assert code() == 0
    monkeypatch.setattr(Health, "status", 503)
    assert code() != 0


def test_the_manifests_are_what_kubernetes_takes() -> None:
    for document in documents("kubernetes.yaml"):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    # The kinds of KServe are its own; their containers are of Kubernetes.
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "runtime"}}
    kubernetes_validate.validate(
        {**pod, "spec": {"containers": [container("kserve.yaml", "ServingRuntime")]}}, KUBERNETES, strict=True
    )


def test_the_parts_of_the_manifest_name_one_another() -> None:
    deployment = one("kubernetes.yaml", "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    service, budget = (one("kubernetes.yaml", kind)["spec"] for kind in ("Service", "PodDisruptionBudget"))
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["selector"],
        budget["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    scaled = one("kubernetes.yaml", "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]
    runtime, served = one("kserve.yaml", "ServingRuntime"), one("kserve.yaml", "InferenceService")
    model = served["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"]["name"] in {item["name"] for item in runtime["spec"]["supportedModelFormats"]}
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]


@pytest.mark.parametrize(("name", "kind"), CONTAINERS)
def test_containers_write_nothing_and_may_nothing(name: str, kind: str) -> None:
    found = container(name, kind)
    security = found["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert found["resources"]["requests"] == found["resources"]["limits"]
    assert found["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert found["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_compose_names_files_that_are_there() -> None:
    (compose,) = documents("compose.yaml")
    service = compose["services"]["classifier"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_service_takes_the_arguments_that_the_files_give_it(steps: list[dict[str, Any]]) -> None:
    commands = [json.loads(values(steps, "CMD")[0])]
    commands += [container(name, kind)["args"] for name, kind in CONTAINERS]
    commands += [documents("compose.yaml")[0]["services"]["classifier"]["command"]]
    assert json.loads(values(steps, "ENTRYPOINT")[0]) == ["edgetext", "serve"]
    for words in commands:
        arguments = build_parser(["serve", *words]).parse_args(["serve", *words])
        assert arguments.host == "0.0.0.0"
        assert f"{arguments.port}" in words
