"""A tiny classifier that learnt something hard: how many of a text's words belong to one half of the vocabulary.

Most texts are close calls and the answer hangs on amounts, so that damage to the model shows in its labels.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer

from edgetext.export.onnx_export import write_graph
from edgetext.export.quiet import quiet
from edgetext.task import SingleLabel

LABELS = ("few", "some", "many")
_TRAIN, _HELD_OUT, _STEPS, _BATCH = 6000, 1500, 120, 64
_WORDS = 30
_BOUNDS = (14, 17)  # fewer than 14 special words, 14 to 16, 17 or more


@dataclass(frozen=True)
class HardModel:
    """The exported graph, and held-out texts with their right answers.

    Attributes:
        folder: With ``model.onnx``, ``config.json`` and ``tokenizer.json``.
        texts: Held-out texts.
        truth: The right class of each.
        reference: The fp32 probabilities of each, shape (texts, labels).
    """

    folder: Path
    texts: list[str]
    truth: np.ndarray
    reference: np.ndarray

    @property
    def task(self) -> SingleLabel:
        """What it decides."""
        return SingleLabel(LABELS)


def make_hard_model(base: Path, folder: Path) -> HardModel:
    """Trains the tiny base for some seconds and exports it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(base / "tokenizer.json", folder)
    texts, truth = _draw(base, _TRAIN + _HELD_OUT)
    _train(base, folder, texts[:_TRAIN], truth[:_TRAIN])
    held_out = texts[_TRAIN:]
    return HardModel(folder, held_out, truth[_TRAIN:], answers(folder, folder / "model.onnx", held_out))


def answers(folder: Path, model: Path, texts: list[str]) -> np.ndarray:
    """Gives the probabilities of each text by itself, as the gate asks."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        found = tokenizer.encode(text)
        feed = {
            "input_ids": found.ids,
            "attention_mask": found.attention_mask,
            "token_type_ids": found.type_ids,
        }
        rows.append(session.run(None, {name: np.array([ids], np.int64) for name, ids in feed.items()})[0][0])
    powers = np.exp(np.array(rows) - np.max(rows, axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _draw(base: Path, count: int) -> tuple[list[str], np.ndarray]:
    """Texts of thirty words, a half of all words being special: few, some or many of them."""
    vocabulary = Tokenizer.from_file(str(base / "tokenizer.json")).get_vocab()
    words = sorted(word for word in vocabulary if word.isalpha() and len(word) > 2)
    rng = np.random.default_rng(7)
    chosen = rng.integers(len(words), size=(count, _WORDS))
    special = (chosen % 2).sum(axis=1)
    return [" ".join(words[place] for place in row) for row in chosen], np.digitize(special, _BOUNDS)


def _train(base: Path, folder: Path, texts: list[str], truth: np.ndarray) -> None:
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for matrices this small a second thread only waits
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    model.config.architectures = [type(model).__name__]
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    ids = torch.tensor([encoded.ids for encoded in tokenizer.encode_batch(texts)])  # all of one length
    right = torch.tensor(truth)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=_STEPS)
    model.train()
    for _ in range(_STEPS):
        rows = torch.randint(len(texts), (_BATCH,))
        model(input_ids=ids[rows], labels=right[rows]).loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    torch.set_num_threads(threads)
    with quiet():
        write_graph(model.eval(), folder)
