"""Vocabulary trimming: which tokens stay, what the files say afterwards, and that the kept tokens mean the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgetext.errors import InputError, ModelError
from edgetext.export.settings import ExportSettings
from edgetext.export.vocabulary import Trim, choose_tokens, trim_graph, trim_tokenizer, trim_vocabulary

TRAINING = ("a bowl of ramen with egg", "the old bridge in winter", "Fried rice, and a SALAD!")
HELD_OUT = (*TRAINING, "a bicycle on the mountain street")
_TINY = Path(__file__).parents[1] / "data" / "tiny" / "tokenizer.json"


@pytest.fixture
def exported(tiny_bundle: Path, tmp_path: Path) -> Path:
    """An exported folder: the fp32 graph and the tokenizer's files."""
    for path in tiny_bundle.glob("*.json"):
        shutil.copy(path, tmp_path)
    shutil.copy(tiny_bundle / "onnx/model.onnx", tmp_path)
    vocabulary = read(tmp_path / "tokenizer.json")["model"]["vocab"]
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    return tmp_path


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def shift_special_tokens(description: dict) -> dict:
    """Moves the special tokens to the end of the vocabulary, so that trimming has to renumber them."""
    vocabulary = description["model"]["vocab"]
    specials = [entry["content"] for entry in description["added_tokens"]]
    order = [token for token in vocabulary if token not in specials] + specials
    new = {token: number for number, token in enumerate(order)}
    description["model"]["vocab"] = new
    for entry in description["added_tokens"]:
        entry["id"] = new[entry["content"]]
    for name, special in description["post_processor"]["special_tokens"].items():
        special["ids"] = [new[name]]
    return description


def logits(model: Path, ids: list[int]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    row = np.array([ids])
    feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
    return session.run(["logits"], feeds)[0]


def test_what_was_seen_and_what_spells_anything_stays() -> None:
    description = read(_TINY)
    vocabulary = description["model"]["vocab"]
    kept = set(choose_tokens(description, TRAINING, size=1))
    seen = {number for text in TRAINING for number in Tokenizer.from_file(str(_TINY)).encode(text).ids}
    letters = {number for token, number in vocabulary.items() if len(token.removeprefix("##")) == 1}
    assert seen | letters | {0, 1, 2, 3, 4} == kept
    assert vocabulary["ramen"] in kept
    assert vocabulary["mountain"] not in kept


def test_the_rest_is_filled_up_in_the_order_of_the_vocabulary() -> None:
    description = read(_TINY)
    least = choose_tokens(description, TRAINING, size=1)
    more = choose_tokens(description, TRAINING, size=len(least) + 7)
    spare = [number for number in range(len(description["model"]["vocab"])) if number not in least]
    assert sorted(set(more) - set(least)) == spare[:7]


def test_places_that_nobody_uses_go() -> None:
    description = read(_TINY)
    vocabulary = description["model"]["vocab"]
    vocabulary["[unused0]"] = len(vocabulary)
    assert vocabulary["[unused0]"] not in choose_tokens(description, TRAINING, size=10_000)
    assert len(choose_tokens(description, TRAINING, size=10_000)) == len(vocabulary) - 1


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="abcdefghijklmnopqrstuvwxyzé ,.!寿\n", max_size=60))
def test_no_text_gets_an_unknown_token_that_it_had_not(text: str) -> None:
    description = read(_TINY)
    kept = choose_tokens(description, TRAINING, size=1)
    old = Tokenizer.from_file(str(_TINY))
    vocabulary = {token: number for token, number in description["model"]["vocab"].items() if number in kept}
    description["model"]["vocab"] = vocabulary
    new = Tokenizer.from_str(json.dumps(description))
    before, after = old.encode(text), new.encode(text)
    assert before.tokens.count("[UNK]") == after.tokens.count("[UNK]")
    if set(before.ids) <= set(kept):
        assert before.tokens == after.tokens


def test_kept_tokens_mean_what_they_meant(exported: Path, tiny_bundle: Path) -> None:
    report = trim_vocabulary(exported, TRAINING, HELD_OUT, size=150)
    old = Tokenizer.from_file(str(tiny_bundle / "tokenizer.json"))
    new = Tokenizer.from_file(str(exported / "tokenizer.json"))
    assert report == Trim(305, new.get_vocab_size(), (305 - new.get_vocab_size()) * 32 * 4, 4, 3, 0)
    assert report.sentence.endswith("3 of 4 held-out texts keep exactly their tokens")
    for text in TRAINING:
        before, after = old.encode(text), new.encode(text)
        assert before.tokens == after.tokens
        np.testing.assert_allclose(
            logits(exported / "model.onnx", after.ids),
            logits(tiny_bundle / "onnx/model.onnx", before.ids),
            atol=1e-6,
        )
    assert old.encode(HELD_OUT[3]).tokens != new.encode(HELD_OUT[3]).tokens


def test_transformers_reads_the_files(exported: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    path = exported / "tokenizer.json"
    path.write_text(json.dumps(shift_special_tokens(read(path))), encoding="utf-8")
    config = read(exported / "tokenizer_config.json")
    by_name = {entry["content"]: entry for entry in config["added_tokens_decoder"].values()}
    vocabulary = read(path)["model"]["vocab"]
    config["added_tokens_decoder"] = {str(vocabulary[name]): entry for name, entry in by_name.items()}
    (exported / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (exported / "config.json").write_text(
        json.dumps({**read(exported / "config.json"), "pad_token_id": vocabulary["[PAD]"]}), encoding="utf-8"
    )
    kept = choose_tokens(read(path), TRAINING, size=150)
    trim_tokenizer(exported, kept)
    theirs, ours = AutoTokenizer.from_pretrained(exported), Tokenizer.from_file(str(path))
    for text in HELD_OUT:
        assert theirs(text)["input_ids"] == ours.encode(text).ids
    assert theirs("a")["input_ids"][0] == ours.token_to_id("[CLS]") == kept.index(vocabulary["[CLS]"])
    read_back = AutoConfig.from_pretrained(exported)
    assert (read_back.vocab_size, read_back.pad_token_id) == (len(kept), theirs.pad_token_id)
    lines = (exported / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert {token: number for number, token in enumerate(lines)} == ours.get_vocab()


def test_other_tokenizers_are_refused_and_nothing_changes(exported: Path) -> None:
    path = exported / "tokenizer.json"
    description = read(path)
    description["model"] = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
    path.write_text(json.dumps(description), encoding="utf-8")
    before = {file.name: file.read_bytes() for file in exported.iterdir()}
    with pytest.raises(ModelError, match="needs a WordPiece tokenizer, as BERT's, and this one is BPE"):
        trim_vocabulary(exported, TRAINING, HELD_OUT)
    assert before == {file.name: file.read_bytes() for file in exported.iterdir()}


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1 token, found 0"):
        ExportSettings(trim_vocabulary=0)


def test_a_table_that_is_used_elsewhere_is_refused(exported: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    table = next(
        node.input[0] for node in model.graph.node if "input_ids" in node.input and node.op_type == "Gather"
    )
    model.graph.node.append(onnx.helper.make_node("Transpose", [table], ["elsewhere"]))
    with pytest.raises(ModelError, match="uses its token embeddings elsewhere too"):
        trim_graph(model, (0, 1, 2))


def test_a_tokenizer_with_more_tokens_than_the_table_has_rows_is_refused(exported: Path) -> None:
    with pytest.raises(ModelError, match="they do not match"):
        trim_graph(onnx.load(exported / "model.onnx"), (0, 1, 99_999))
