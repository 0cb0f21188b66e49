"""``hub:OWNER/NAME@REVISION``: what is downloaded, what is refused, and what the cache alone can do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgetext import BundleError, MissingExtraError, Predictor
from edgetext.runtime.hub import is_hub_name
from hub_stand_in import COMMIT, client_environment, hub_of

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens
# In an interpreter of its own: huggingface_hub reads the address and the cache's place when it is imported.
PREDICT = """
import sys
from edgetext import BundleError, Predictor
try:
    with Predictor(sys.argv[1]) as classify:
        print(classify.path, classify.variant.name, classify("a dog in the park").label)
except BundleError as error:
    print("refused:", error)
"""


class Hub:
    """A stand-in with ``owner/tiny``, and a cache of its own."""

    def __init__(self, endpoint: str, asked: list[str], cache: Path) -> None:
        self.endpoint, self.asked, self.cache = endpoint, asked, cache

    def predict(self, name: str, endpoint: str | None = None) -> str:
        """Predicts with a bundle of the hub in a fresh interpreter and gives what that printed."""
        environment = client_environment(endpoint or self.endpoint, self.cache)
        command = [sys.executable, "-W", "error", "-c", PREDICT, name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "no progress bars, no warnings"
        return done.stdout.strip()

    def downloaded(self) -> set[str]:
        """Gives the files that were asked for, by their path in the repository."""
        return {path.partition(f"/resolve/{COMMIT}/")[2] for path in self.asked if "/resolve/" in path}


@pytest.fixture
def hub(tiny_bundle: Path, tmp_path: Path) -> Iterator[Hub]:
    with hub_of("owner/tiny", tiny_bundle) as (endpoint, asked):
        yield Hub(endpoint, asked, tmp_path / "cache")


@pytest.fixture
def plain_hub(plain_folder: Path, tmp_path: Path) -> Iterator[Hub]:
    with hub_of("owner/tiny", plain_folder) as (endpoint, asked):
        yield Hub(endpoint, asked, tmp_path / "cache")


@pytest.fixture
def plain_folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    """The bundle as others would upload it: no manifest, and more files than are needed."""
    folder = tmp_path / "plain"
    for file in tiny_bundle.rglob("*"):
        if file.is_file() and file.name != "bundle.json":
            target = folder / file.relative_to(tiny_bundle)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    for name in ("model.safetensors", "onnx/model_q4f16.onnx", "README.md"):
        (folder / name).write_bytes(b"not needed")
    return folder


@pytest.mark.slow
def test_a_tag_is_fetched_and_predicts_as_the_folder_does(hub: Hub, tiny_bundle: Path) -> None:
    folder, variant, label = hub.predict("hub:owner/tiny@v1").split()
    assert Path(folder).name == COMMIT
    with Predictor(tiny_bundle) as classify:
        assert (variant, label) == ("int8", classify("a dog in the park").label)
    manifest = json.loads((tiny_bundle / "bundle.json").read_text("utf-8"))
    models = {variant["file"] for variant in manifest["variants"]}
    tokenizer = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    assert hub.downloaded() == {"bundle.json", "config.json"} | tokenizer | models


@pytest.mark.slow
def test_a_commit_in_the_cache_asks_nobody(hub: Hub) -> None:
    first = hub.predict(f"hub:owner/tiny@{COMMIT}")
    hub.asked.clear()
    assert hub.predict(f"hub:owner/tiny@{COMMIT}") == first
    assert hub.asked == []


@pytest.mark.slow
def test_what_is_missing_in_the_cache_is_fetched_again(hub: Hub) -> None:
    first = hub.predict(f"hub:owner/tiny@{COMMIT}")
    (Path(first.split()[0]) / "onnx/model_quantized.onnx").unlink()  # as an interruption leaves it
    assert hub.predict(f"hub:owner/tiny@{COMMIT}") == first


@pytest.mark.slow
def test_a_tag_in_the_cache_works_without_the_hub(hub: Hub) -> None:
    first = hub.predict("hub:owner/tiny@v1")
    assert hub.predict("hub:owner/tiny@v1", endpoint=NOWHERE) == first


@pytest.mark.slow
def test_of_a_plain_folder_the_usual_models_are_fetched(plain_hub: Hub) -> None:
    assert plain_hub.predict(f"hub:owner/tiny@{COMMIT}").split()[1] == "int8"
    assert {"onnx/model.onnx", "onnx/model_quantized.onnx"} < plain_hub.downloaded()
    assert not {"model.safetensors", "onnx/model_q4f16.onnx", "README.md"} & plain_hub.downloaded()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hub:owner/tiny@main", rf"'main' is a branch.*hub:owner/tiny@{COMMIT}"),
        ("hub:owner/tiny@v9", "it has no such revision: check the commit or the tag"),
        ("hub:owner/none@v1", "there is no such model, or it is private"),
    ],
)
def test_what_the_hub_cannot_give_is_one_sentence(hub: Hub, name: str, reason: str) -> None:
    said = hub.predict(name)
    assert said.startswith(f"refused: {name}")
    assert "\n" not in said
    assert re.search(reason, said), said


@pytest.mark.slow
def test_a_hub_out_of_reach_is_one_sentence(hub: Hub) -> None:
    said = hub.predict("hub:owner/tiny@v1", endpoint=NOWHERE)
    assert said.startswith(
        "refused: hub:owner/tiny@v1 cannot be fetched from the Hugging Face Hub: it is not reachable"
    )
    assert "\n" not in said


@pytest.mark.parametrize("name", ["hub:owner/tiny", "hub:owner/tiny@", Path("hub:owner/tiny")])
def test_a_revision_must_be_pinned(name: str | Path) -> None:
    with pytest.raises(BundleError, match=r"names no revision.*pin a commit or a tag, as in hub:owner/tiny@COMMIT"):
        Predictor(name)


@pytest.mark.parametrize(
    "name", ["hub:", "hub:@v1", "hub:a/b/c@v1", "hub:../up@v1", "hub:a b@v1", f"hub:../up@{COMMIT}"]
)
def test_what_is_no_name_is_said(name: str) -> None:
    with pytest.raises(BundleError, match=r"expected hub:OWNER/NAME@REVISION|cannot be fetched"):
        Predictor(name)


def test_a_folder_is_no_hub_name() -> None:
    assert not is_hub_name("./hub:owner/tiny@v1")


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r'pip install "edgetext\[hub\]"'):
        Predictor("hub:owner/tiny@v1")
