"""What a fine-tuned classifier says of many texts, by torch, in batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.errors import needs_extra
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import Source, check_embeddings, check_numbers, load_classifier, load_tokenizer, tokenize
from edgetext.progress import Progress
from edgetext.task import FloatArray, Text, parts_of

_BATCH = 32  # texts in a forward pass


def torch_logits(
    folder: Path, texts: Sequence[Text], max_length: int, progress: Progress, *, extra: str
) -> FloatArray:
    """Computes a checkpoint's logits, on a GPU where torch has one.

    Args:
        folder: The checkpoint's.
        texts: What to answer.
        max_length: The most tokens that are read of a text.
        progress: Told how many texts are done.
        extra: What brings transformers, for the message where it is missing.

    Returns:
        Float32, shape (texts, labels), the labels in the checkpoint's order.

    Raises:
        ModelError: The checkpoint cannot be loaded whole.
        MissingExtraError: torch is not installed.
    """
    with needs_extra(extra), clean_room(folder) as room:
        source = Source(str(folder), str(room))
        tokenizer = load_tokenizer(source, extra=extra)
        model = load_classifier(source, extra=extra)
    check_numbers(source.name, model.named_parameters())
    check_embeddings(source.name, tokenizer, model)
    return ask(model, tokenizer, texts, max_length, progress)


def ask(
    model: Any, tokenizer: Any, texts: Sequence[Text], max_length: int, progress: Progress, step: str = "answers"
) -> FloatArray:
    """Computes logits, on a GPU where torch has one; the model stays there, without dropout.

    Args:
        model: From ``load_classifier``.
        tokenizer: From ``load_tokenizer``.
        texts: In any order; those of like length go through together.
        max_length: In tokens; longer texts are cut there.
        progress: Told how many texts are done.
        step: What to call that.

    Returns:
        Float32, shape (texts, labels).
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.eval().to(device)
    order = sorted(range(len(texts)), key=lambda place: sum(map(len, parts_of(texts[place]))))  # little padding
    logits = np.empty((len(texts), model.config.num_labels), np.float32)
    for start in range(0, len(texts), _BATCH):
        progress.step(step, start, len(texts))
        places = order[start : start + _BATCH]
        inputs = tokenize(
            tokenizer, [texts[place] for place in places], max_length, padding=True, return_tensors="pt"
        )
        with torch.inference_mode():
            logits[places] = model(**inputs.to(device)).logits.float().cpu().numpy()
    progress.step(step, len(texts), len(texts))
    return logits
