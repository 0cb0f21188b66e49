"""Tokenizers that are made to fail: an error of ours, whatever the Rust below does, and the process goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgetext import BundleError, Predictor

BACKTRACKING, SLOW = {"Regex": "^(a+)+$"}, "a" * 31 + "!"
LARGEST = 2**32 - 1


def template(*single: dict[str, Any], ids: tuple[int, ...] = (2,)) -> dict[str, Any]:
    pair = [{"Sequence": {"id": name, "type_id": 0}} for name in "AB"]
    special = {"X": {"id": "X", "ids": list(ids), "tokens": ["X"] * len(ids)}}
    return {
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
    }


def sequence(name: str) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": 0}}


def special(name: str, type_id: int = 0) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": type_id}}


def unigram(*vocabulary: tuple[str, float], unknown: int | None = None) -> dict[str, Any]:
    return {
        "model": {"type": "Unigram", "unk_id": unknown, "vocab": [*map(list, vocabulary)], "byte_fallback": False}
    }


# By name: the fields of tokenizer.json that are replaced, and a text.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a pre-tokenizer's pattern that backtracks": (
        {"pre_tokenizer": {"type": "Split", "pattern": BACKTRACKING, "behavior": "Isolated", "invert": False}},
        SLOW,
    ),
    "a normalizer's pattern that backtracks": (
        {"normalizer": {"type": "Replace", "pattern": BACKTRACKING, "content": "x"}},
        SLOW,
    ),
    "characters mapped out of a table": (
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAP////////8A"}},
        "abc\u0301",
    ),
    "a character map that is cut off": (
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        "abc",
    ),
    "pieces of length 0": ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "abc"),
    "a special token that is not there": (template(special("Y"), sequence("A")), "abc"),
    "the second text of one": (template(sequence("B")), "abc"),
    "a special token beyond the table": (template(special("X"), sequence("A"), ids=(LARGEST,)), "abc"),
    "a segment beyond the table": (template(special("X", LARGEST), sequence("A")), "abc"),
    "more special tokens than the model reads": (template(special("X"), sequence("A"), ids=(2,) * 200), "abc"),
    "no vocabulary": (unigram(), "abc"),
    "no token for the unknown": (unigram(("a", 0.0)), "zzz"),
    "an unknown token out of the vocabulary": (unigram(("a", 0.0), unknown=7), "zzz"),
    "words without the unknown one": ({"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "U"}}, "zzz"),
    "pairs without the unknown one": (
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "U"}},
        "zzz",
    ),
    "a merge within a letter": (
        {
            "model": {
                "type": "BPE",
                "vocab": {"a": 0, "##b": 1, "a##b": 2},
                "merges": [["a", "##b"]],
                "continuing_subword_prefix": "####",
            }
        },
        "ab",
    ),
    "a vocabulary of a number beyond the table": (
        {"model": {"type": "WordLevel", "vocab": {"abc": 2**31, "[UNK]": 0}, "unk_token": "[UNK]"}},
        "abc",
    ),
}
ANSWERED: dict[str, tuple[dict[str, Any], str]] = {
    "an empty pattern": (
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": False}},
        "abc",
    ),
    "an empty text replaced": (
        {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "x"}},
        "abc",
    ),
    "scores beyond all numbers": (unigram(("<unk>", 0.0), ("a", -1e308), ("aa", 1e308), unknown=0), "aaab"),
    "an empty token": (unigram(("<unk>", 0.0), ("", 0.0), unknown=0), "aab"),
    "padding of a billion tokens": (
        {
            "padding": {
                "strategy": {"Fixed": 10**9},
                "direction": "Left",
                "pad_to_multiple_of": 7,
                "pad_id": 2,
                "pad_type_id": 9,
                "pad_token": "x",
            }
        },
        "abc",
    ),
    "truncation to nothing": (
        {"truncation": {"direction": "Left", "max_length": 0, "strategy": "OnlySecond", "stride": 9}},
        "abc",
    ),
    "a decoder that backtracks": ({"decoder": {"type": "Replace", "pattern": BACKTRACKING, "content": "x"}}, SLOW),
    "text that grows eighteenfold": ({"normalizer": {"type": "NFKD"}}, "\ufdfa" * 500),
    "one word of no letters": ({"pre_tokenizer": {"type": "CharDelimiterSplit", "delimiter": "\0"}}, "a\0b"),
}


@pytest.fixture(scope="module")
def folder(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile") / "bundle"
    shutil.copytree(tiny_bundle, place)
    return place


def hostile(folder: Path, tiny_bundle: Path, fields: dict[str, Any]) -> Path:
    description = json.loads((tiny_bundle / "tokenizer.json").read_text("utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps({**description, **fields}), "utf-8")
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_a_tokenizer_that_fails_is_an_error_of_the_bundle(folder: Path, tiny_bundle: Path, name: str) -> None:
    fields, text = REFUSED[name]
    for ask in (lambda classify: classify(text), lambda classify: classify.predict(["a dog", text] * 3)):
        with (
            pytest.raises(BundleError) as caught,
            Predictor(hostile(folder, tiny_bundle, fields), verify=False) as classify,
        ):
            ask(classify)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
        assert caught.value.__suppress_context__ or caught.value.__cause__


@pytest.mark.parametrize("name", ANSWERED)
def test_a_tokenizer_that_is_only_odd_is_used(folder: Path, tiny_bundle: Path, name: str) -> None:
    fields, text = ANSWERED[name]
    with Predictor(hostile(folder, tiny_bundle, fields), verify=False) as classify:
        assert [found.label in classify.labels for found in classify.predict([text, "a dog"])] == [True, True]


def test_the_text_that_it_fails_on_is_named_and_others_are_answered(folder: Path, tiny_bundle: Path) -> None:
    fields, text = REFUSED["a normalizer's pattern that backtracks"]
    with Predictor(hostile(folder, tiny_bundle, fields), verify=False) as classify:
        with pytest.raises(BundleError, match="cannot tokenize text 2"):
            classify.predict(["a dog", "a cat", text])
        with pytest.raises(BundleError, match="cannot tokenize the text"):
            classify((text, "a dog"))
        assert classify("a dog").label in classify.labels


def test_the_command_says_it_in_one_line(folder: Path, tiny_bundle: Path) -> None:
    fields, text = REFUSED["a normalizer's pattern that backtracks"]
    place = hostile(folder, tiny_bundle, fields)
    manifest = json.loads((tiny_bundle / "bundle.json").read_text("utf-8"))
    (place / "bundle.json").write_text(json.dumps({**manifest, "files": {}}), "utf-8")
    command = [sys.executable, "-m", "edgetext", "predict", str(place), "a dog", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "cannot tokenize text 1" in done.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, TimeoutError])
def test_what_a_signal_raises_passes(tiny_bundle: Path, kind: type[BaseException]) -> None:
    def strike(*_: object) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, strike)
    try:
        with Predictor(tiny_bundle) as classify, pytest.raises(kind):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            end = time.monotonic() + 10
            while time.monotonic() < end:
                classify.count_tokens("a dog in the park " * 2000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
