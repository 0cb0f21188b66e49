"""What a loaded classifier says of many texts, by torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgetext.foreign.load import tokenize
from edgetext.progress import Progress
from edgetext.task import parts_of

if TYPE_CHECKING:
    from edgetext.task import FloatArray, Text

_BATCH = 32  # texts in a forward pass


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
    import numpy as np
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
