"""The floor that a transformer must beat to be worth its size: TF-IDF and logistic regression, by scikit-learn.

Words, pairs of words, and runs of two to four characters inside words, so that an ending or a typing error does not
make a word a stranger. On BANKING77 it is right for 0.916 of the test rows, fitted in 17 s on one core.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgetext.errors import needs_extra
from edgetext.progress import Progress
from edgetext.task import FloatArray, Task, Text

NAME = "TF-IDF with logistic regression"
MOST_DECISIONS = 2_000_000
"""Rows times labels that are fitted, about half a minute's work: of more, rows that are drawn by a fixed seed."""
_NEVER = -1e3  # the score of a label that was never seen
FOLDS = 5
STRENGTH = 10.0
"""The inverse of the regularization (scikit-learn's ``C``)."""


def fit_baseline(task: Task, texts: Sequence[Text], labels: Sequence[Sequence[str]]) -> Baseline:
    """Fits it on training rows, in seconds.

    Args:
        task: What is decided.
        texts: Of the rows; a pair counts as one text.
        labels: Of each.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    with needs_extra("train"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
    rows = _drawn(len(texts), MOST_DECISIONS // len(task.labels))
    words = make_words()
    features = words.fit_transform([_joined(texts[row]) for row in rows])
    classifier = OneVsRestClassifier(LogisticRegression(C=STRENGTH, solver="liblinear", random_state=0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Label .* is present in all training examples")
        classifier.fit(features, task.encode([labels[row] for row in rows]).astype(int))
    return Baseline(task, words, classifier, len(rows))


def cross_fitted_baseline(
    task: Task, texts: Sequence[Text], labels: Sequence[Sequence[str]], seed: int, progress: Progress
) -> FloatArray:
    """Asks it about each training row, fitted on the rows of the other folds: what it says of texts that are new.

    Args:
        task: What is decided.
        texts: Of the rows, ``FOLDS`` at least.
        labels: Of each.
        seed: Of the folds.
        progress: Told of each fold.

    Returns:
        Probabilities, float32, shape (texts, labels).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    with needs_extra("train"):
        from sklearn.model_selection import KFold
    found = np.zeros((len(texts), len(task.labels)), np.float32)
    folds = KFold(FOLDS, shuffle=True, random_state=seed).split(texts)
    for fold, (others, asked) in enumerate(folds):
        progress.step("hints", fold, FOLDS)
        model = fit_baseline(task, [texts[row] for row in others], [labels[row] for row in others])
        found[asked] = task.probabilities(model.logits([texts[row] for row in asked]))
    progress.step("hints", FOLDS, FOLDS)
    return found


def make_words() -> Any:
    """Makes the vectorizer, not fitted yet.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    with needs_extra("train"):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_union
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
    )


class Baseline:
    """A linear classifier over word and character frequencies, from ``fit_baseline``.

    Attributes:
        rows: How many rows it was fitted on.
    """

    def __init__(self, task: Task, words: Any, classifier: Any, rows: int) -> None:
        self._labels = len(task.labels)
        self.rows = rows
        self._words = words
        self._classifier = classifier

    @property
    def size(self) -> int:
        """Bytes of its arrays and of its vocabulary."""
        words = [one for _, one in self._words.transformer_list]
        arrays = [one.idf_ for one in words]
        for linear in self._classifier.estimators_:  # for a label of all rows, or of none, a constant stands in
            arrays += [getattr(linear, name) for name in ("coef_", "intercept_") if hasattr(linear, name)]
        vocabulary = sum(len(word.encode("utf-8")) for one in words for word in one.vocabulary_)
        return int(sum(array.nbytes for array in arrays)) + vocabulary

    def features(self, texts: Sequence[Text]) -> Any:
        """Finds the words and characters of texts, and their weights, as a sparse matrix."""
        return self._words.transform([_joined(text) for text in texts])

    def logits(self, texts: Sequence[Text]) -> FloatArray:
        """Scores texts, float32, shape (texts, labels): as a model's logits, for ``Task`` to make answers of."""
        scores = self._classifier.decision_function(self.features(texts))
        if scores.ndim == 1:  # scikit-learn has one score for two classes
            scores = np.stack([-scores, scores], axis=1) / 2
        whole = np.full((len(texts), self._labels), _NEVER, np.float32)
        whole[:, self._classifier.classes_] = scores  # a rare label may not be among the rows that were drawn
        return whole


def _drawn(rows: int, most: int) -> list[int]:
    """Chooses the rows to fit on: all, unless they are too many."""
    if rows <= most:
        return list(range(rows))
    drawn: list[int] = np.sort(np.random.default_rng(0).permutation(rows)[:most]).tolist()
    return drawn


def _joined(text: Text) -> str:
    return text if isinstance(text, str) else "\n".join(text)
