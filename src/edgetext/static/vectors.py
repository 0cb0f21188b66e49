"""A vector for every token of a vocabulary, read from a fine-tuned encoder.

Each token is read by itself, between the special tokens of a text; its vector is the mean of the last hidden
states, reduced by principal components, scaled to unit deviation, and weighted by how seldom a token of its rank
is: smooth inverse frequency under Zipf's law. Source: S. Tulkens, T. van Dongen, "Model2Vec: Fast State-of-the-Art
Static Embeddings", https://github.com/MinishLab/model2vec, 2024; the weights: S. Arora, Y. Liang, T. Ma, "A Simple
but Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import Checkpoint
from edgetext.errors import ModelError, first_line, needs_extra
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import Source, load_classifier, load_tokenizer
from edgetext.progress import Progress

with needs_extra("train"):
    import numpy as np
    import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgetext.task import FloatArray

_BATCH = 256
_ZIPF = 1e-3  # the a of a / (a + p), as Model2Vec has it
STEP = "first stage: reading tokens"


def token_vectors(
    checkpoint: Checkpoint,
    vocabulary: Mapping[str, int],
    wanted: Sequence[int],
    dimensions: int,
    progress: Progress,
) -> FloatArray:
    """Reads the vectors of tokens from the checkpoint's encoder.

    Args:
        checkpoint: The fine-tuned model.
        vocabulary: The ids of the table that is to be made by token; they may differ from the checkpoint's.
        wanted: Ids of the tokens to read; the vectors of all others are zero.
        dimensions: At most so many; an encoder with a smaller hidden size has fewer.
        progress: Told of the tokens read.

    Returns:
        Float32, shape (largest id + 1, dimensions).

    Raises:
        ModelError: The encoder cannot read single tokens.
    """
    names = {number: token for token, number in vocabulary.items()}
    with clean_room(checkpoint.path) as room:
        source = Source(str(checkpoint.path), str(room))
        tokenizer = load_tokenizer(source, extra="train")
        network = load_classifier(source, extra="train", dtype=torch.float32).eval()
    known = tokenizer.get_vocab()
    pairs = [(number, known[names[number]]) for number in wanted if names.get(number) in known]
    if not pairs:
        raise ModelError("its vocabulary shares no token with the checkpoint's")
    rows, ids = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    try:
        states = _read(network.base_model, tokenizer, ids.tolist(), progress)
    except Exception as error:  # what a model's code meets has no common root below this one
        raise ModelError(f"its encoder cannot read single tokens: {first_line(error)}") from error
    if not np.isfinite(states).all():
        raise ModelError("its encoder gives vectors that are no finite numbers")
    reduced = principal(states, dimensions) * zipf_weights(ids, len(known))[:, None]
    vectors = np.zeros((max(vocabulary.values()) + 1, reduced.shape[1]), np.float32)
    vectors[rows] = reduced
    return vectors


def principal(states: NDArray[Any], dimensions: int) -> FloatArray:
    """Centres vectors, and keeps their first principal components, scaled to a deviation of 1 over all of them."""
    centred = states.astype(np.float64) - states.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    reduced = centred @ axes[:, ::-1][:, :dimensions]
    deviation = reduced.std()
    return np.asarray(reduced / (deviation if deviation > 0 else 1.0), np.float32)


def zipf_weights(ranks: NDArray[np.int64], size: int) -> FloatArray:
    """Weighs tokens by their rank in a vocabulary of so many, the most frequent first."""
    frequency = 1 / ((ranks + 2) * np.log(max(size, 3)))
    return np.asarray(_ZIPF / (_ZIPF + frequency), np.float32)


def _read(encoder: Any, tokenizer: Any, ids: Sequence[int], progress: Progress) -> NDArray[np.float32]:
    """The mean of the last hidden states of each token, special tokens beside it included."""
    found = []
    before, after = _beside(tokenizer)
    with torch.inference_mode():
        for first in range(0, len(ids), _BATCH):
            progress.step(STEP, first, len(ids))
            batch = torch.tensor([[*before, token, *after] for token in ids[first : first + _BATCH]])
            states = encoder(input_ids=batch, attention_mask=torch.ones_like(batch))[0]
            found.append(states.mean(dim=1).float().numpy())
    progress.step(STEP, len(ids), len(ids))
    return np.concatenate(found)


def _beside(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Finds the special tokens before and after a text, by those of one."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    special, ids = encoded["special_tokens_mask"], encoded["input_ids"]
    return ids[: special.index(0)], ids[len(special) - special[::-1].index(0) :]
