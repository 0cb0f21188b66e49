"""Which labels of the rows are probably wrong, by confident learning.

Source: C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
Journal of Artificial Intelligence Research 70 (2021), arXiv:1911.00068: the confident joint (equations 1 and 2),
its calibration (equation 3), and pruning by noise rate, with thresholds of 0.9 at most. As in their own package
cleanlab, a row is left out whose label is the most probable one. cleanlab itself brings pandas and takes seconds to
import, which a bundle's errors can do without. Multi label: every label by itself, there or not.

The probabilities must be out of sample. Those of a model on rows that it was trained on are not; there TF-IDF with
logistic regression judges, which never saw the row. Elsewhere it gives a second opinion: confident learning takes a
model's confident mistakes for wrong labels, and where another kind of classifier agrees that is more often true.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgetext.errors import needs_extra
from edgetext.progress import Progress
from edgetext.task import Answers

_FOLDS = 5
_SEED = 0
_WORD = r"\w+|[^\w\s]"  # every text holds one, one of emoji too
_SURE = 0.9
"""The highest threshold: of a sure model's probabilities half lie below their mean, which then tells nothing.

On planted errors of a model that is always right, means alone find 4 to 10 of 10; with it 8 to 10 are found."""


@dataclass(frozen=True)
class Suspect:
    """A row whose label is probably wrong.

    Attributes:
        place: Of the row, counted from 0.
        instead: The class indices that fit better.
        margin: How much more probable they are than what the row says, 0 to 1.
    """

    place: int
    instead: tuple[int, ...]
    margin: float


def suspects(given: Answers, probabilities: npt.NDArray[Any]) -> list[Suspect]:
    """Finds the rows whose labels are probably wrong, the surest first.

    Args:
        given: The labels of the rows: class indices, shape (rows,), or whether a row bears a label,
            shape (rows, labels).
        probabilities: Out of sample, shape (rows, labels).
    """
    wide = probabilities.astype(np.float64)
    if given.ndim == 1:
        found = [
            Suspect(place, (int(wide[place].argmax()),), float(wide[place].max() - wide[place, given[place]]))
            for place in _noisy(np.asarray(given, np.int64), wide)
        ]
    else:
        found = _of_each_label(np.asarray(given, np.bool_), wide)
    return sorted(found, key=lambda suspect: (-suspect.margin, suspect.place))


def possible_folds(given: Answers) -> int:
    """Says into how many folds rows can be cut so that the others of each hold two labels; below 2 for too few."""
    if given.ndim == 2:
        return min(_FOLDS, len(given))
    counts = sorted(np.bincount(np.asarray(given, np.int64)).tolist())
    return min(_FOLDS, counts[-2] if len(counts) > 1 else 0)


def out_of_fold(texts: Sequence[str], given: Answers, labels: int, progress: Progress) -> npt.NDArray[np.float64]:
    """Asks TF-IDF with logistic regression about each row, fitted on the rows of the other folds.

    Args:
        texts: One a row.
        given: As for ``suspects``; ``possible_folds`` says at least 2 of them.
        labels: How many there are.
        progress: Told of each fold.

    Returns:
        Probabilities, shape (rows, labels).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    with needs_extra("train"):
        from sklearn.model_selection import KFold, StratifiedKFold
    kind, number = KFold if given.ndim == 2 else StratifiedKFold, possible_folds(given)
    found = np.zeros((len(texts), labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label with fewer rows than folds
        folds = list(kind(number, shuffle=True, random_state=_SEED).split(np.zeros(len(texts)), given))
    for fold, (_, asked) in enumerate(folds):
        progress.step("second opinion", fold, number)
        found[asked] = second_opinion(texts, given, asked, labels)
    progress.step("second opinion", number, number)
    return found


def second_opinion(
    texts: Sequence[str], given: Answers, asked: npt.NDArray[np.int64], labels: int
) -> npt.NDArray[np.float64]:
    """Asks TF-IDF with logistic regression about some rows, fitted on all others.

    Args:
        texts: One a row.
        given: As for ``suspects``; the other rows hold at least two labels.
        asked: The places of the rows to ask about.
        labels: How many there are.

    Returns:
        Probabilities, shape (rows asked about, labels).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    with needs_extra("train"):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
    others = np.setdiff1d(np.arange(len(texts)), asked)
    words, linear = TfidfVectorizer(token_pattern=_WORD), LogisticRegression(max_iter=1000)
    classifier = OneVsRestClassifier(linear) if given.ndim == 2 else linear
    features = words.fit_transform([texts[place] for place in others])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label that none or all of the others bear
        classifier.fit(features, np.asarray(given)[others].astype(np.int64))
        answered = classifier.predict_proba(words.transform([texts[place] for place in asked]))
    found = np.zeros((len(asked), labels))
    found[:, np.arange(labels) if given.ndim == 2 else classifier.classes_] = answered
    return found


def _of_each_label(given: npt.NDArray[np.bool_], probabilities: npt.NDArray[np.float64]) -> list[Suspect]:
    """Asks about every label by itself; what fits better has the doubtful ones turned over."""
    doubtful = np.zeros(given.shape, np.bool_)
    for label in range(given.shape[1]):
        there = probabilities[:, label]
        both = np.stack([1 - there, there], axis=1)
        doubtful[_noisy(given[:, label].astype(np.int64), both), label] = True
    distance = np.where(doubtful, np.abs(2 * probabilities - 1), 0).max(axis=1, initial=0)
    return [
        Suspect(int(place), tuple(np.flatnonzero(given[place] ^ doubtful[place]).tolist()), float(distance[place]))
        for place in np.flatnonzero(doubtful.any(axis=1))
    ]


def _noisy(given: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> list[int]:
    """Finds the places that pruning by noise rate takes out, in order."""
    found: set[int] = set()
    doubtful = probabilities.argmax(axis=1) != given
    joint = _joint(given, probabilities)
    for label, other in zip(*np.nonzero(joint), strict=True):
        if label == other:
            continue
        places = np.flatnonzero(given == label)
        margin = probabilities[places, other] - probabilities[places, label]
        widest = places[np.argsort(-margin, kind="stable")][: joint[label, other]]
        found.update(widest[doubtful[widest]].tolist())
    return sorted(found)


def _joint(given: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Estimates how many rows with one label truly have another, shape (labels, labels): given, true."""
    labels = probabilities.shape[1]
    rows = np.bincount(given, minlength=labels)
    own = np.bincount(given, weights=probabilities[np.arange(len(given)), given], minlength=labels)
    mean = np.minimum(own / np.maximum(rows, 1), _SURE)  # of the probabilities that a label has on its own rows
    thresholds = np.where(rows > 0, mean, np.inf)
    reached = np.where(probabilities >= thresholds - 1e-9, probabilities, -1.0)
    confident = reached.max(axis=1) >= 0
    counts = np.zeros((labels, labels))
    np.add.at(counts, (given[confident], reached.argmax(axis=1)[confident]), 1)
    scale = rows / np.maximum(counts.sum(axis=1), 1)  # each row sums up to the label's rows again
    return np.asarray(np.rint(counts * scale[:, None]), np.int64)
