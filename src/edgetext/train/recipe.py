"""The recipe: what fine-tuning does where the user leaves the choice to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.train.arguments import TrainArguments

SMALL_ROWS = 2000
FEW_LABELS = 20
USUAL_EPOCHS = 7
FEWEST_EPOCHS = 3
MOST_EPOCHS = {True: 20, False: 40}  # with one label a text, and with any number
FEWEST_STEPS = 200
STEPS_PER_LABEL = {True: 5, False: 40}
ENOUGH_STEPS = 2500
TOKENS_AT_ONCE = 1 << 13
_CPU_FEATURES = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class Preset:
    """What a preset changes.

    Slower lower layers and smoothed labels make MiniLM learn faster: BANKING77's validation accuracy after the
    first of seven epochs was 0.771 with both, and 0.723 with neither, from the same seed. On NLU++ hotels (several
    labels a text) slower lower layers and steps of 3e-4 reached 0.81 of micro F1 on the test rows, equal ones and
    2e-4 0.79; an average of the weights over the last hundred steps changed nothing there. Two passes that must
    agree gained nothing on BANKING77 (0.928 of the test rows after ten epochs; 0.925 to 0.934 by default), nor did
    twice the epochs (0.931), nor the logits of two models of other seeds to learn (0.925; the two together 0.933).
    Beside hints two passes had 0.933 where one has 0.931. Hints made the probabilities truer: with seeds 42 to 44
    the mean cross entropy of the test rows was 0.272, 0.266 and 0.269 with them, 0.284, 0.305 and 0.294 without;
    accuracy 0.9312, 0.9305, 0.9325, and 0.9341, 0.9247, 0.9302.

    Attributes:
        epochs: Times as many epochs as rows and labels ask for.
        layer_decay: How much slower a layer learns than the one above it, as a factor.
        label_smoothing: How much of a row's probability goes to the other labels; with one label a text.
        consistency: Weight of the agreement of two passes with different dropout (R-Drop); 0 makes one pass.
        patience: Epochs without a better one after which training ends; never fewer than half of all.
        hints: How much of a row's probability goes to what TF-IDF, fitted on other rows, takes for likely, where
            there are many labels, one a text (``trainer.hinted_loss``); half of the smoothing then.
        mean_steps: Steps before the first epoch in which the first token learns the mean of all
            (``first_token.py``), where the base is an encoder of sentences and many labels have few rows.
    """

    epochs: float = 1.0
    layer_decay: float = 0.9
    label_smoothing: float = 0.1
    consistency: float = 0.0
    patience: int = 5
    hints: float = 0.2
    mean_steps: int = 300


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(epochs=0.4, hints=0.0, mean_steps=150),
    "default": Preset(),
    "best": Preset(epochs=1.5, consistency=1.0),
}


@dataclass(frozen=True)
class Facts:
    """What the recipe looks at.

    Attributes:
        rows: How many rows are trained on.
        labels: How many labels there are.
        one_label: Whether a text bears exactly one.
        hidden_size: Width of the model, by which the learning rate is chosen.
        max_length: The length that the texts ask for, in tokens.
        precision: What pays on this machine: ``fp32``, ``bf16`` or ``fp16``.
        taught: Whether a teacher's logits are learned, which say of every label how likely it is: labels are not
            smoothed then. Nor do lower layers learn more slowly, since the layers between them are gone.
        means: Whether the base says what a text is about by the mean of its tokens' vectors.
    """

    rows: int
    labels: int
    hidden_size: int
    max_length: int
    one_label: bool = True
    precision: str = "fp32"
    taught: bool = False
    means: bool = False


@dataclass(frozen=True)
class Recipe:
    """Every choice of fine-tuning, made; the attributes are those of ``TrainArguments`` and ``Preset``.

    Attributes:
        fp16: Whether matrix products run in float16, which has no range to spare; bfloat16 goes before.
        accumulation: In how many pieces a batch goes through the model, so that long texts fit into memory.
        options: What else ``TrainingArguments`` is given.
    """

    epochs: int
    learning_rate: float
    batch_size: int
    max_length: int
    bf16: bool
    warmup_ratio: float
    scheduler: str
    weight_decay: float
    seed: int
    preset: str = "default"
    fp16: bool = False
    layer_decay: float = 1.0
    label_smoothing: float = 0.0
    consistency: float = 0.0
    patience: int = 5
    accumulation: int = 1
    hints: float = 0.0
    mean_steps: int = 0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


def make_recipe(
    arguments: TrainArguments,
    facts: Facts,
    chosen: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Recipe:
    """Fills in what the user left open.

    Args:
        arguments: The user's choices.
        facts: What is known of rows, model and machine.
        chosen: Fields of the recipe that the user chose by an option of ``TrainingArguments``.
        options: Other such options.
    """
    preset = PRESETS[arguments.preset]
    batch_size = arguments.batch_size or (16 if facts.rows < SMALL_ROWS else 32)
    max_length = arguments.max_length or facts.max_length
    usual = epochs_for(math.ceil(facts.rows / batch_size), facts.labels, one_label=facts.one_label)
    epochs = arguments.epochs or max(1, round(usual * preset.epochs))
    hints = preset.hints if _takes_hints(facts) else 0.0
    recipe = Recipe(
        epochs=epochs,
        learning_rate=arguments.learning_rate or _rate(facts),
        batch_size=batch_size,
        max_length=max_length,
        bf16=facts.precision == "bf16" if arguments.bf16 is None else arguments.bf16,
        fp16=facts.precision == "fp16" and arguments.bf16 is None,
        warmup_ratio=arguments.warmup_ratio,
        scheduler=arguments.scheduler,
        weight_decay=arguments.weight_decay,
        layer_decay=1.0 if facts.taught else preset.layer_decay,
        label_smoothing=preset.label_smoothing * (0.5 if hints else 1.0) if _is_smoothed(facts) else 0.0,
        consistency=preset.consistency,
        patience=max(preset.patience, epochs // 2),
        accumulation=pieces_for(batch_size, max_length),
        hints=hints,
        mean_steps=preset.mean_steps if _learns_mean(facts) else 0,
        seed=arguments.seed,
        preset=arguments.preset,
        options=dict(options or {}),
    )
    return replace(recipe, **(chosen or {}))


def epochs_for(steps_per_epoch: int, labels: int, *, one_label: bool = True) -> int:
    """Chooses the epochs by the steps that one has.

    Seven is where MiniLM stopped rising on BANKING77 (10,003 rows, 77 labels). Few rows get more, until the
    model has taken 200 steps, or five for each label (20 epochs at most); many rows get fewer, as far as 2,500
    steps go (3 at least). Where a text bears any number of labels it is forty steps for each (40 epochs at most):
    on NLU++ hotels (684 rows, 40 labels, one seed) 36 epochs with steps of 5e-4 ended at a micro F1 of 0.810 on the
    120 validation rows, 19 with 3e-4 at 0.782 with the loss still falling; on the test rows 0.795 and 0.756.
    """
    for_many = max(FEWEST_EPOCHS, min(USUAL_EPOCHS, ENOUGH_STEPS // steps_per_epoch))
    wanted = max(FEWEST_STEPS, STEPS_PER_LABEL[one_label] * labels)
    for_few = min(MOST_EPOCHS[one_label], math.ceil(wanted / steps_per_epoch))
    return max(for_many, for_few)


def learning_rate_for(hidden_size: int, labels: int, *, one_label: bool = True) -> float:
    """Chooses the learning rate by the model's width, and for narrow models by what there is to learn.

    Wide models get 5e-5 and 2e-5, the upper and the lower end of what the BERT paper (Devlin et al. 2019, appendix
    A.3) recommends for its base and large models. MiniLM (384) was measured: many labels need large steps
    (BANKING77: 0.927 with 2.5e-4, 0.888 with 1e-4; with 8 rows a label 0.74 with 2.5e-4, 0.54 with 5e-5), few
    labels small ones (food_not_food, 600 rows: 0.963 with 5e-5, 0.953 with 1e-4, 0.940 with 2.5e-4). With slower
    lower layers these take 1e-4 (of 1,200 validation and 400 test rows 0.9425 and 0.9625; 5e-5: 0.9408 and 0.9575).
    Many labels of which a text bears any number take 5e-4 (see ``epochs_for``).
    """
    if hidden_size > 768:
        return 2e-5
    if hidden_size > 384:
        return 5e-5
    if labels <= FEW_LABELS:
        return 1e-4
    return 2.5e-4 if one_label else 5e-4


def _rate(facts: Facts) -> float:
    return learning_rate_for(facts.hidden_size, facts.labels, one_label=facts.one_label)


def _is_smoothed(facts: Facts) -> bool:
    return facts.one_label and not facts.taught


def _takes_hints(facts: Facts) -> bool:
    """Tells whether it pays to say which labels are near to each other: of two there is nothing to say.

    With fewer rows than labels there is nobody to say it.
    """
    return _is_smoothed(facts) and FEW_LABELS < facts.labels <= facts.rows


def _learns_mean(facts: Facts) -> bool:
    """Tells whether steps before the first epoch pay; see ``first_token.py`` for what was measured."""
    return facts.means and facts.rows < SMALL_ROWS and facts.labels > FEW_LABELS and not facts.taught


def pieces_for(batch_size: int, max_length: int) -> int:
    """Chooses in how many pieces a batch goes through the model: 8,192 tokens at most, or one text, at once.

    With BERT's base model that takes about 3 GB; the steps stay what they are.
    """
    return min(batch_size, math.ceil(batch_size * max_length / TOKENS_AT_ONCE))


def device() -> str:
    """Names what this machine trains on: ``cuda`` where there is such a device, else ``cpu``."""
    with needs_extra("train"):
        import torch
    return "cuda" if torch.cuda.is_available() else "cpu"


def best_precision() -> str:
    """Chooses ``bf16`` where the hardware multiplies it, ``fp16`` on other GPUs, else ``fp32``.

    On a CPU with AVX512_BF16 fine-tuning MiniLM was 2.7 times faster with bfloat16; without such instructions it is
    slower than float32.
    """
    with needs_extra("train"):
        import torch
    if device() == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    ask = getattr(torch.cpu, "get_capabilities", None)  # not in older torch
    features = ask() if ask else dict.fromkeys(_linux_flags(), True)
    return "bf16" if any(features.get(name) for name in _CPU_FEATURES) else "fp32"


def _linux_flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return []
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
