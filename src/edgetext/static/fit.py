"""Trains a table of word vectors (``runtime/static.py``) on a model's answers, and on labels where there are some.

The vectors begin as those of the model's own encoder (``static/vectors.py``), those of pairs of neighbours at zero.
A target is half the label and half the model's probabilities: what a small model learns from a large one's answers
is more than the labels say (G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", arXiv
1503.02531). One row in ten trains nothing: the temperature is fitted on these, and what labels the table should not
be trusted with is found there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import Checkpoint
from edgetext.errors import InputError, ModelError, needs_extra
from edgetext.metrics.decisions import fit_temperature
from edgetext.metrics.trust import Cascade, certainty, label_losses
from edgetext.progress import Progress
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.graph import Graph
from edgetext.runtime.static import HASH_FACTOR, StaticModel, StaticTable
from edgetext.static.vectors import token_vectors

with needs_extra("train"):
    import numpy as np
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, embedding_bag, log_softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgetext.task import Answers, FloatArray, Task, Text

STEP = "first stage: learning"
DEFAULT_MEGABYTES = 8.0
MOST_ROWS = 30_000
"""Rows that a table learns from; of more, some are drawn."""

_SIZES = ((128, 16381), (112, 16381), (96, 16381), (80, 16381), (64, 16381), (64, 8191), (48, 8191), (32, 8191),
          (24, 4093), (16, 4093), (16, 2039), (8, 1021))  # fmt: skip
"""Dimensions and buckets, prime numbers of them, from the size that measured best down."""

_READ = 8_000  # tokens whose vectors are read: on BANKING77 as good as all 30,522, in a quarter of the time
_BATCH, _RATE, _SOFT = 64, 0.01, 0.5
_EPOCHS, _STEPS = 20, 3000  # what training stops at, whichever comes first
_ASIDE, _MOST_ASIDE = 10, 2000
_AGREE = 0.02  # of the deviation of logits: how far those of the quantized table may be off in the mean
_DOUBTED_FROM, _DOUBTED = 0.7, 0.5  # at this margin, a label that loses half of its texts is not trusted


@dataclass(frozen=True)
class Lesson:
    """What a table learns from.

    Attributes:
        texts: The texts.
        labels: Of each text; ``None`` where nobody knows them, so that the model's answer alone teaches.
        answers: The model's probabilities, float32, shape (texts, labels); NaN in a row where it was not asked, so
            that the label alone teaches.
    """

    texts: Sequence[Text]
    labels: Sequence[tuple[str, ...] | None]
    answers: FloatArray


@dataclass(frozen=True)
class StaticSettings:
    """How large a table is made, and how.

    Attributes:
        megabytes: The largest size of its file.
        seed: Of the rows set aside, of their order, and of the linear layer's first weights.

    Raises:
        InputError: A size below 0.
    """

    megabytes: float = DEFAULT_MEGABYTES
    seed: int = 42

    def __post_init__(self) -> None:
        """Refuses sizes that are none."""
        if not self.megabytes > 0:
            raise InputError(f"--first-stage-mb must be above 0, found {self.megabytes:g}")


@dataclass(frozen=True)
class Fitted:
    """A table, and what was learned about it.

    Attributes:
        table: Its logits are calibrated as they are, at a temperature of 1.
        withheld: Labels that it should not be trusted with, as the rows set aside have it.
    """

    table: StaticTable
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weights:
    """A table before it is quantized: vectors of tokens and pairs, and the linear layer; all float32."""

    vectors: FloatArray
    weight: FloatArray
    bias: FloatArray
    buckets: int


def fit_static(
    checkpoint: Checkpoint, tokenizer: bytes, lesson: Lesson, settings: StaticSettings, progress: Progress
) -> Fitted:
    """Makes a table of word vectors that answers as the model does.

    Args:
        checkpoint: The fine-tuned model, whose task the table has.
        tokenizer: The ``tokenizer.json`` whose ids the table is for; its tokens are the checkpoint's, or some of
            them.
        lesson: What it learns from.
        settings: How large it is made.
        progress: Told of the tokens read, and of each epoch.

    Raises:
        ModelError: There is too little to learn from, the vocabulary is too large for the size, or the encoder
            cannot read single tokens.
    """
    made = load_tokenizer(tokenizer)
    vocabulary: dict[str, int] = made.get_vocab(with_added_tokens=True)
    encoder = Encoder(made, checkpoint.max_length, Graph(("input_ids",), "int64", "logits"))
    lesson = _drawn(lesson, settings.seed)
    rows = [encoder.encode(text).ids for text in lesson.texts]
    dimensions, buckets = table_size(max(vocabulary.values()) + 1, len(checkpoint.labels), settings.megabytes)
    vectors = token_vectors(checkpoint, vocabulary, _to_read(vocabulary, rows), dimensions, progress)
    task = replace(checkpoint.task, temperature=1.0)
    learned, aside = _parts(len(rows), settings.seed)
    targets = make_targets(task, lesson)
    begin = untrained(vectors, buckets, len(task.labels), settings.seed)
    weights = train(task, begin, [rows[place] for place in learned], targets[learned], settings.seed, progress)
    held = [rows[place] for place in aside]
    weights = _calibrated(task, weights, held, targets[aside])
    table = quantize(weights)
    check_quantized(weights, table, held)
    return Fitted(table, _doubted(task, StaticModel(table).logits(held), targets[aside]))


def table_size(vocabulary: int, labels: int, megabytes: float) -> tuple[int, int]:
    """Finds how many dimensions and buckets fit, as many as measured best where they do.

    Raises:
        ModelError: Not even the smallest table fits.
    """
    for dimensions, buckets in _SIZES:
        size = (vocabulary + buckets) * (dimensions + 4) + 4 * (dimensions + 1) * labels + 1024
        if size <= megabytes * 1e6:
            return dimensions, buckets
    raise ModelError(
        f"vectors of {vocabulary} tokens do not fit into {megabytes:g} MB: give more with --first-stage-mb, "
        "or --trim-vocabulary"
    )


def make_targets(task: Task, lesson: Lesson) -> FloatArray:
    """Mixes labels and the model's answers, half and half, or one of them where the other is not known.

    Raises:
        ModelError: A text has neither.
    """
    known = np.array([label is not None for label in lesson.labels])
    asked = ~np.isnan(lesson.answers).any(axis=1)
    if not (known | asked).all():
        raise ModelError("a text has neither a label nor an answer of the model to learn from")
    given = task.encode([labels for labels in lesson.labels if labels is not None])
    borne = np.zeros(lesson.answers.shape, np.float32)
    borne[known] = np.eye(len(task.labels))[given] if task.one_label else given
    share = np.where(known & asked, _SOFT, asked.astype(float))[:, None].astype(np.float32)
    return np.asarray(borne * (1 - share) + np.nan_to_num(lesson.answers) * share, np.float32)


def train(
    task: Task,
    begin: Weights,
    rows: Sequence[Sequence[int]],
    targets: FloatArray,
    seed: int,
    progress: Progress,
) -> Weights:
    """Trains vectors and linear layer; the recipe is fixed, so that no row chooses anything.

    Args:
        task: Whose loss it is: softmax cross entropy for one label, binary for several.
        begin: What they are before.
        rows: Token ids of the texts.
        targets: Probabilities, shape (texts, labels).
        seed: Of the order of the texts.
        progress: Told of each epoch.
    """
    table, weight, bias = (torch.tensor(part) for part in (begin.vectors, begin.weight, begin.bias))
    for part in (table, weight, bias):
        part.requires_grad_()
    optimizers: list[Any] = [torch.optim.SparseAdam([table], lr=_RATE), torch.optim.Adam([weight, bias], lr=_RATE)]
    bags = [places(row, len(table) - begin.buckets, begin.buckets) for row in rows]
    goal, random = torch.from_numpy(targets), np.random.default_rng(seed)
    epochs = max(1, min(_EPOCHS, _STEPS * _BATCH // len(bags)))
    with _one_thread():
        for epoch in range(epochs):
            progress.step(STEP, epoch, epochs)
            order = random.permutation(len(bags))
            for first in range(0, len(order), _BATCH):
                chosen = order[first : first + _BATCH]
                logits = _means([bags[place] for place in chosen], table) @ weight + bias
                _loss(task, logits, goal[chosen]).backward()
                for optimizer in optimizers:
                    optimizer.step()
                    optimizer.zero_grad()
    progress.step(STEP, epochs, epochs)
    learned = [part.detach().numpy() for part in (table, weight, bias)]
    return Weights(learned[0], learned[1], learned[2], begin.buckets)


def untrained(vectors: FloatArray, buckets: int, labels: int, seed: int) -> Weights:
    """What training begins with: pairs of neighbours at zero, and a layer that is drawn as torch draws one."""
    dimensions = vectors.shape[1]
    spread = dimensions**-0.5
    drawn = np.random.default_rng(seed).uniform(-spread, spread, (dimensions + 1, labels)).astype(np.float32)
    table = np.concatenate([vectors, np.zeros((buckets, dimensions), np.float32)])
    return Weights(table, drawn[:-1], drawn[-1], buckets)


def places(row: Sequence[int], vocabulary: int, buckets: int) -> NDArray[np.int64]:
    """Finds the rows of a table that a text's tokens and its pairs of neighbours have (``runtime/static.py``)."""
    ids = np.asarray(row, np.int64)
    if not buckets:
        return ids
    return np.concatenate((ids, (ids[:-1] * HASH_FACTOR + ids[1:]) % buckets + vocabulary))


def quantize(weights: Weights) -> StaticTable:
    """Rounds the vectors to int8, each by a scale of its own."""
    largest = np.abs(weights.vectors).max(axis=1)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    table = np.rint(weights.vectors / scale[:, None]).astype(np.int8)
    return StaticTable(table, scale, weights.weight, weights.bias, weights.buckets)


def check_quantized(weights: Weights, table: StaticTable, rows: Sequence[Sequence[int]]) -> None:
    """Compares the quantized table's logits with those that it was made of, by value.

    Raises:
        ModelError: They differ by more than rounding.
    """
    exact = _logits(weights, rows)
    off = float(np.abs(StaticModel(table).logits(rows) - exact).mean())
    if not off <= _AGREE * max(float(exact.std()), 1e-6):
        raise ModelError(f"its logits in int8 are {off:.3g} away from those in float32")


def _drawn(lesson: Lesson, seed: int) -> Lesson:
    """Some of the rows where there are many."""
    count = len(lesson.texts)
    if count < 2 * _ASIDE:
        raise ModelError(f"there are {count} texts to learn from, and {2 * _ASIDE} are the fewest that will do")
    if count <= MOST_ROWS:
        return lesson
    chosen = np.sort(np.random.default_rng(seed).permutation(count)[:MOST_ROWS])
    texts, labels = ([column[place] for place in chosen] for column in (lesson.texts, lesson.labels))
    return Lesson(texts, labels, lesson.answers[chosen])


def _parts(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that train, and those that are set aside."""
    order = np.random.default_rng(seed).permutation(count)
    aside = min(count // _ASIDE, _MOST_ASIDE)
    return np.sort(order[aside:]), np.sort(order[:aside])


def _to_read(vocabulary: Mapping[str, int], rows: Sequence[Sequence[int]]) -> list[int]:
    """The tokens whose vectors are worth the time: those of the texts, and the first of the others."""
    seen = {token for row in rows for token in row}
    others = sorted(set(vocabulary.values()) - seen)
    return sorted([*(seen & set(vocabulary.values())), *others[: max(0, _READ - len(seen))]])


def _means(bags: Sequence[NDArray[np.int64]], table: Any) -> Any:
    """The mean vector of each text, as torch computes it and its gradient."""
    first = np.cumsum([0, *(len(places) for places in bags[:-1])])
    return embedding_bag(
        torch.from_numpy(np.concatenate(bags)), table, torch.from_numpy(first), mode="mean", sparse=True
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps torch to one thread: a step takes milliseconds, and threads that wait for each other make it longer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loss(task: Task, logits: Any, targets: Any) -> Any:
    if task.one_label:
        return -(targets * log_softmax(logits, dim=-1)).sum(dim=-1).mean()
    return binary_cross_entropy_with_logits(logits, targets)


def _logits(weights: Weights, rows: Sequence[Sequence[int]]) -> FloatArray:
    vocabulary = len(weights.vectors) - weights.buckets
    with torch.inference_mode():
        means = _means(
            [places(row, vocabulary, weights.buckets) for row in rows], torch.from_numpy(weights.vectors)
        )
    return np.asarray(means.numpy() @ weights.weight + weights.bias)


def _calibrated(task: Task, weights: Weights, rows: Sequence[Sequence[int]], targets: FloatArray) -> Weights:
    """Folds the temperature into the layer that makes answers most likely on rows that trained nothing."""
    temperature = np.float32(fit_temperature(task, _logits(weights, rows), _answers(task, targets)))
    return replace(weights, weight=weights.weight / temperature, bias=weights.bias / temperature)


def _doubted(task: Task, logits: FloatArray, targets: FloatArray) -> tuple[str, ...]:
    """The labels that sure answers lose, and those that are given in their place."""
    probabilities, truth = task.probabilities(logits), _answers(task, targets)
    first = task.answers(probabilities)
    cascade = Cascade(task, truth, truth, truth, first, certainty(task, probabilities))
    missed, misled = label_losses(cascade, cascade.answered(_DOUBTED_FROM))
    return tuple(
        label for label, lost in zip(task.labels, np.maximum(missed, misled), strict=True) if lost > _DOUBTED
    )


def _answers(task: Task, targets: FloatArray) -> Answers:
    """What a target says is right: the label where there is one, else the model's answer."""
    return task.answers(targets)
