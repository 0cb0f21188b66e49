"""``edgetext push`` against a Hub on loopback: what arrives there, what does not, and what a failure leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgetext import Predictor
from edgetext.checkpoint import open_checkpoint
from edgetext.hub.card import CardFacts, MeasuredFigure, render_card
from edgetext.hub.parcel import without_folders
from edgetext.ours import BUNDLE, CHECKPOINT, belongs
from edgetext.runtime.bundle import open_bundle
from hub_stand_in import HubModel, StandIn, client_environment, hub_stand_in

OLD = Path(__file__).parents[1] / "data" / "old"
NAME = "owner/tiny"
EXAMPLES = ["fresh fruit salad", "a bicycle on the street in winter"]
SECRET = "a text of the training rows"
# In an interpreter of its own, since huggingface_hub reads the address when it is imported; one for all commands.
COMMANDS = """
import argparse, contextlib, io, json, os, sys
from pathlib import Path
from edgetext import EdgetextError
from edgetext.cli.console import open_console
from edgetext.cli.main import main
from edgetext.cli.push import add_push_to_hub, plan_push, push_made
from edgetext.ours import BUNDLE

def made(words):  # the end of a command that has made a bundle
    parser = argparse.ArgumentParser()
    add_push_to_hub(parser, "the bundle")
    try:
        push_made(Path(words[0]), plan_push(parser.parse_args(words[1:]), BUNDLE), open_console(), as_json=True)
    except EdgetextError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0

for line in sys.stdin:
    job = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    os.environ.update({"HF_TOKEN": job["token"]} if job["token"] else {})
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        first, *words = job["words"]
        code = made(words) if first == "made" else main([first, *words])
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


class Commands:
    """The command line in a process that has a stand-in for the Hub."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, *words: object, token: str | None = "hf_writer") -> Done:
        assert self._process.stdin and self._process.stdout
        print(json.dumps({"words": [*map(str, words)], "token": token}), file=self._process.stdin, flush=True)
        return Done(*json.loads(self._process.stdout.readline()))


@pytest.fixture(scope="module")
def served() -> Iterator[StandIn]:
    with hub_stand_in() as hub:
        yield hub


@pytest.fixture(scope="module")
def edgetext(served: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    home = tmp_path_factory.mktemp("home")
    environment = client_environment(served.endpoint, home)
    program = [sys.executable, "-c", COMMANDS]
    with subprocess.Popen(program, stdin=-1, stdout=-1, text=True, env=environment, cwd=home) as process:
        yield Commands(process)
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def hub(served: StandIn) -> StandIn:
    """An empty Hub that nothing is wrong with."""
    served.models, served.large, served.calls[:], served.refuses = {}, {}, [], {}
    served.breaks_at, served.breaks_after = None, False
    return served


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that keeps texts and the command that made it, beside a file of somebody."""
    folder = Path(shutil.copytree(OLD / "bundle", tmp_path / "bundle"))
    (folder / "tuning").mkdir()
    for name in ("calibration", "gate"):
        (folder / "tuning" / f"{name}.jsonl").write_text(json.dumps({"text": SECRET}) + "\n", "utf-8")
    (folder / "notes.txt").write_text(SECRET, "utf-8")
    document = json.loads((folder / "bundle.json").read_text("utf-8"))
    document["tuning"] = {"gate": {"file": "tuning/gate.jsonl"}}
    document["provenance"]["command"] = "edgetext run /home/someone/case/rows.csv -o '/home/someone/my runs/first'"
    document["provenance"]["data"][0]["name"] = "hub:owner/captions@v2"
    document["examples"] = EXAMPLES
    (folder / "bundle.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(OLD / "checkpoint", tmp_path / "checkpoint"))
    split = json.loads((folder / "split.json").read_text("utf-8"))
    split["sources"][0]["uri"] = "/home/someone/the case/rows.csv"
    (folder / "split.json").write_text(json.dumps(split), "utf-8")
    return folder


def files_of(model: HubModel, branch: str = "main") -> dict[str, bytes]:
    """What lies on a branch, without what the Hub put there."""
    files = model.commits[model.branches[branch]]
    return {name: content for name, content in files.items() if name != ".gitattributes"}


def unpacked(files: dict[str, bytes], folder: Path) -> Path:
    """Writes the files as somebody has them who downloads them all."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def block_of(card: bytes) -> dict[str, Any]:
    """The metadata of a card, as the Hub's client reads it."""
    from huggingface_hub import ModelCard

    return dict(ModelCard(card.decode("utf-8")).data.to_dict())


def test_a_bundle_arrives_without_its_texts_and_opens(
    edgetext: Commands, hub: StandIn, bundle: Path, tmp_path: Path
) -> None:
    done = edgetext("push", bundle, NAME)
    model = hub.models[NAME]
    commit = model.branches["main"]
    assert done.code == 0, done.err
    assert f"{hub.endpoint}/{NAME} (public), commit {commit}" in done.out
    assert f"edgetext predict hub:{NAME}@{commit}" in done.out
    assert "texts that are not sent: tuning/calibration.jsonl, tuning/gate.jsonl, 2 examples" in done.err
    assert "not sent: notes.txt" in done.err
    files = files_of(model)
    own = {file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if file.is_file()}
    assert {*files} == {name for name in own if "tuning" not in name and name != "notes.txt"}
    for content in files.values():
        for private in (SECRET, *EXAMPLES, "someone"):
            assert private.encode() not in content
    opened = open_bundle(unpacked(files, tmp_path / "fetched"))
    assert {"examples", "tuning"}.isdisjoint(opened.manifest.extra)
    assert opened.manifest.provenance["command"] == "edgetext run rows.csv -o 'first'"
    with Predictor(opened.path) as fetched, Predictor(bundle) as here:
        assert fetched.predict_proba(EXAMPLES).tolist() == here.predict_proba(EXAMPLES).tolist()


def test_nothing_of_a_new_model_is_public_before_its_one_commit(
    edgetext: Commands, hub: StandIn, bundle: Path
) -> None:
    assert edgetext("push", bundle, NAME).code == 0
    assert len(hub.models[NAME].commits) == 2  # the Hub's own, and ours
    writes = [path for method, path in hub.calls if method in ("POST", "PUT") and "validate" not in path]
    assert writes[0] == "/api/repos/create" and writes[-2:] == [
        f"/api/models/{NAME}/commit/main",
        f"/api/models/{NAME}/settings",
    ]
    hub.refuses = {"/settings": 403}
    done = edgetext("push", bundle, "owner/other")
    assert done.code == 2 and "all files are on the Hub" in done.err and "still private" in done.err
    assert hub.models["owner/other"].private and not hub.models[NAME].private


def test_what_was_pushed_is_fetched_and_predicts_the_same(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    pushed = json.loads(edgetext("push", bundle, NAME, "--private", "--json").out)
    assert pushed["private"] and hub.models[NAME].private
    there = edgetext("predict", f"hub:{NAME}@{pushed['commit']}", *EXAMPLES, "--json")
    assert there.code == 0, there.err
    assert there.out == edgetext("predict", bundle, *EXAMPLES, "--json").out


def test_the_card_bears_the_figures_that_were_measured(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    assert edgetext("push", bundle, NAME, "--license", "apache-2.0", "--language", "en,de").code == 0
    card = files_of(hub.models[NAME])["README.md"]
    block = block_of(card)
    assert block["license"] == "apache-2.0" and block["language"] == ["en", "de"]
    assert block["library_name"] == "edgetext" and block["pipeline_tag"] == "text-classification"
    assert block["datasets"] == ["owner/captions"] and {"onnx", "int8", "edgetext"} <= {*block["tags"]}
    (index,) = block["model-index"]
    assert index["name"] == "tiny"
    (result,) = index["results"]
    assert result["dataset"] == {"name": "owner/captions", "type": "owner/captions", "split": "validation"}
    assert result["metrics"] == [{"type": "accuracy", "value": 1.0, "name": "accuracy (int8, 9 held-out rows)"}]
    body = (OLD / "bundle" / "README.md").read_bytes().partition(b"\n---\n")[2]
    assert card.endswith(body.replace(b"path/to/this/folder", b"hub:owner/tiny@COMMIT"))


def test_a_space_arrives_as_one(edgetext: Commands, hub: StandIn, bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="the Space's version of it is the one that is installed")
    done = edgetext("space", bundle, "-o", tmp_path / "space", "--push", "owner/page")
    assert done.code == 0, done.err
    assert f"{hub.endpoint}/spaces/owner/page (public)" in done.out
    space = hub.models["spaces/owner/page"]
    assert (space.sdk, space.private, list(hub.models)) == ("gradio", False, ["spaces/owner/page"])
    files = space.commits[space.branches["main"]]
    assert {"README.md", "app.py", "requirements.txt", "bundle/bundle.json", "edgetext/__init__.py"} <= files.keys()
    assert files["README.md"] == (tmp_path / "space" / "README.md").read_bytes()
    assert not any(".pyc" in name or "tuning/" in name for name in files)
    whole = b"".join(files.values())
    assert SECRET.encode() not in whole and b"/home/someone" not in whole
    again = edgetext("push", tmp_path / "space", "owner/page")
    assert again.code == 0, again.err
    assert space.commits[space.branches["main"]] == files


def test_a_space_that_cannot_be_pushed_is_not_made(
    edgetext: Commands, hub: StandIn, bundle: Path, tmp_path: Path
) -> None:
    for words, said in ((("--push", "owner/page"), "no token"), (("--private",), "--push OWNER/NAME")):
        done = edgetext("space", bundle, "-o", tmp_path / "space", *words, token=None)
        assert (done.code, list(hub.models), (tmp_path / "space").exists()) == (2, [], False)
        assert said in done.err


def test_what_the_user_wrote_into_the_card_stays(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    (bundle / "README.md").write_text("---\nlicense: mit\nlanguage: fr\n---\nMine.\n", "utf-8")
    assert edgetext("push", bundle, NAME, "--language", "en").code == 0
    card = files_of(hub.models[NAME])["README.md"]
    block = block_of(card)
    assert (block["license"], block["language"]) == ("mit", "en") and card.endswith(b"---\nMine.\n")
    (bundle / "README.md").write_text("---\n[not: a: block\n---\n", "utf-8")
    done = edgetext("push", bundle, NAME)
    assert done.code == 2 and "README.md" in done.err and done.err.count("error:") == 1


def test_texts_are_sent_where_asked_and_gone_with_the_next_push(
    edgetext: Commands, hub: StandIn, bundle: Path
) -> None:
    done = edgetext("push", bundle, NAME, "--with-texts", "--private")
    assert done.code == 0 and "texts that are sent: tuning/calibration.jsonl" in done.err
    model = hub.models[NAME]
    assert files_of(model)["tuning/gate.jsonl"] == (bundle / "tuning" / "gate.jsonl").read_bytes()
    assert json.loads(files_of(model)["bundle.json"])["examples"] == EXAMPLES
    model.commits[model.branches["main"]]["samples.md"] = b"somebody's own"
    done = edgetext("push", bundle, NAME)
    assert done.code == 0 and f"{NAME} is there and private, and stays so" in done.err
    assert "tuning/gate.jsonl" not in files_of(model) and "samples.md" in files_of(model)
    assert model.private, "a model that is there keeps what its owner chose"


def test_a_branch_is_made_where_it_is_missing(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    assert edgetext("push", bundle, NAME, "--revision", "next/one").code == 0
    model = hub.models[NAME]
    assert "bundle.json" in files_of(model, "next/one") and files_of(model) == {}


def test_a_checkpoint_arrives_without_the_folders_it_came_from(
    edgetext: Commands, hub: StandIn, checkpoint: Path, tmp_path: Path
) -> None:
    assert edgetext("push", checkpoint, NAME).code == 0
    files = files_of(hub.models[NAME])
    assert {*files} == {file.name for file in checkpoint.iterdir()} | {"README.md"}
    assert not [name for name, content in files.items() if b"someone" in content]
    there, here = open_checkpoint(unpacked(files, tmp_path / "fetched")), open_checkpoint(checkpoint)
    assert there.split and here.split
    assert there.split.parts == here.split.parts and there.split.sources[0].uri == "rows.csv"
    (source,) = {result["dataset"]["name"] for result in block_of(files["README.md"])["model-index"][0]["results"]}
    assert source == "rows.csv"
    assert there.figures == here.figures and there.labels == here.labels
    block = block_of(files["README.md"])
    assert b'pipeline("text-classification", "owner/tiny")' in files["README.md"]
    assert block["library_name"] == "transformers" and b"`food`, `not_food`" in files["README.md"]
    metrics = {
        (result["dataset"]["split"], metric["type"]): metric["value"]
        for result in block["model-index"][0]["results"]
        for metric in result["metrics"]
    }
    assert metrics["validation", "accuracy"] == 1.0 and metrics["test", "accuracy"] == pytest.approx(7 / 9)


@pytest.mark.parametrize(
    ("name", "token", "said"),
    [
        (NAME, None, "hf auth login"),
        (NAME, "hf_stranger", "does not accept the token"),
        (NAME, "hf_reader", "may read alone"),
        ("somebody/tiny", "hf_writer", "may not write there"),
        ("tiny", "hf_writer", "has no owner"),
        ("owner/ti ny", "hf_writer", "is no name"),
        ("owner/tiny/more", "hf_writer", "is no name"),
        ("../tiny", "hf_writer", "is no name"),
    ],
)
def test_what_cannot_be_pushed_is_one_sentence(
    edgetext: Commands, hub: StandIn, bundle: Path, name: str, token: str | None, said: str
) -> None:
    done = edgetext("push", bundle, name, token=token)
    errors = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    assert done.code == 2 and len(errors) == 1 and said in errors[0], done.err
    assert hub.models == {}


def test_a_model_of_another_kind_is_left_alone(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    hub.models[NAME] = HubModel()
    before = hub.models[NAME].add({"pytorch_model.bin": b"", "README.md": b""})
    done = edgetext("push", bundle, NAME)
    assert done.code == 2 and "holds no bundle" in done.err and "pytorch_model.bin" in done.err
    hub.models[NAME].add({"README.md": b""})
    done = edgetext("push", bundle, NAME, "--private")
    assert done.code == 2 and "public already" in done.err
    assert len(hub.models[NAME].commits) == 2 and before in hub.models[NAME].commits


@pytest.mark.parametrize(
    ("breaks_at", "after", "left"),
    [
        ("/whoami", False, "cannot be pushed to"),
        ("/repos/create", False, "nothing was sent"),
        ("/preupload/", False, "private and empty"),
        ("/info/lfs/", False, "private and empty"),
        ("/commit/", False, "private and empty"),
        ("/commit/", True, "all of it had arrived before that"),
    ],
)
def test_a_connection_that_breaks_leaves_nothing_half_public(
    edgetext: Commands, hub: StandIn, bundle: Path, breaks_at: str, after: bool, left: str
) -> None:
    hub.breaks_at, hub.breaks_after = breaks_at, after
    done = edgetext("push", bundle, NAME)
    assert done.code == 2 and left in done.err and "the connection broke" in done.err, done.err
    assert "Traceback" not in done.err
    model = hub.models.get(NAME)
    assert model is None or (model.private and bool(files_of(model)) == after)


def test_an_old_model_is_as_it_was_after_a_break(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    assert edgetext("push", bundle, NAME).code == 0
    before = hub.models[NAME].branches["main"]
    (bundle / "README.md").write_text("Another.\n", "utf-8")
    hub.breaks_at = "/commit/"
    done = edgetext("push", bundle, NAME)
    assert done.code == 2 and f"nothing of it is on the Hub: {NAME} is as it was" in done.err
    assert hub.models[NAME].branches["main"] == before


def test_a_bundle_that_was_changed_is_not_sent(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    with (bundle / "onnx" / "model_quantized.onnx").open("ab") as stream:
        stream.write(b"x")
    done = edgetext("push", bundle, NAME)
    assert done.code == 2 and "is not the file that was exported" in done.err and hub.models == {}
    (bundle / "onnx" / "model_quantized.onnx").unlink()
    (bundle / "onnx" / "model_quantized.onnx").symlink_to(OLD / "bundle" / "onnx" / "model_quantized.onnx")
    done = edgetext("push", bundle, NAME)
    assert done.code == 2 and "link that leaves the bundle's folder" in done.err


def test_other_folders_are_not_sent(edgetext: Commands, hub: StandIn, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none", OLD / "rows.csv", "hub:owner/tiny@v1"):
        done = edgetext("push", folder, NAME)
        assert done.code == 2 and str(folder) in done.err
    assert hub.calls == []


def test_whether_it_can_be_pushed_is_known_before_anything_begins(
    edgetext: Commands, hub: StandIn, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    for words in (
        ("run", OLD / "rows.csv", "-o", made),
        ("train", OLD / "rows.csv", "-o", made),
        ("export", OLD / "checkpoint", "--data", OLD / "rows.csv", "-o", made),
    ):
        done = edgetext(*words, "--push-to-hub", NAME, token=None)
        assert done.code == 2 and "hf auth login" in done.err
        done = edgetext(*words, "--push-to-hub", "tiny")
        assert done.code == 2 and "has no owner" in done.err
        done = edgetext(*words, "--private")
        assert done.code == 2 and "--private goes with --push-to-hub" in done.err
    assert not made.exists() and hub.models == {}


def test_what_a_command_made_is_pushed(edgetext: Commands, hub: StandIn, bundle: Path) -> None:
    done = edgetext("made", bundle, "--push-to-hub", NAME, "--private")
    assert done.code == 0 and f"/{NAME} (private)" in done.err and done.out == "", "its output is the command's own"
    hub.breaks_at = "/commit/"
    (bundle / "README.md").write_text("Another.\n", "utf-8")
    done = edgetext("made", bundle, "--push-to-hub", NAME)
    assert done.code == 2 and f"{bundle} is whole, and  edgetext push {bundle} {NAME}  sends it" in done.err
    assert edgetext("made", bundle).code == 0


def test_a_data_set_is_named_as_the_hub_does() -> None:
    for source, name in {
        "hub:a/b:de@v1": "a/b",
        "builtin:food_not_food": "food_not_food",
        "my rows.csv": "my rows.csv",
    }.items():
        figure = MeasuredFigure("test", "accuracy", 0.5, "accuracy")
        card = render_card(
            CardFacts("", "edgetext", (), data=(source,), figures=(figure,)), NAME, license=None, language=None
        )
        data = block_of(card)["model-index"][0]["results"][0]["dataset"]
        assert data == {"name": name, "type": name.replace(" ", "_"), "split": "test"}


def test_paths_lose_their_folders_and_other_texts_stay() -> None:
    kept = ["hub:owner/name", "owner/name", "and/or", "https://example.org/a/b", "2026-11-28", "/food", "a/b.csv"]
    assert without_folders(kept) == [*kept[:5], "food", "a/b.csv"]
    cut = {
        "/home/someone/a b/rows.csv": "rows.csv",
        "C:\\Users\\someone\\rows.csv": "rows.csv",
        "--test=/home/someone/test.csv ~/x/y.csv": "--test=test.csv y.csv",
        "/home/someone/rows.csv: left out 1 row": "rows.csv: left out 1 row",
    }
    assert without_folders({"notes": list(cut)}) == {"notes": list(cut.values())}


def test_parts_of_a_folder_are_known_by_their_paths() -> None:
    assert belongs("onnx/model_quantized.onnx", BUNDLE) and belongs("tuning/gate.jsonl", BUNDLE)
    assert not belongs("gate.jsonl", BUNDLE) and not belongs("onnx/tuning/gate.jsonl", BUNDLE)
    assert belongs("model-00001-of-00002.safetensors", CHECKPOINT) and not belongs("bundle.json", CHECKPOINT)
