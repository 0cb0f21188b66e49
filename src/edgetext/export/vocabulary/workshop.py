"""A trimmed vocabulary in an export: every candidate inherits it, and the gate compares with the model before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from edgetext.checkpoint import Checkpoint
from edgetext.data.held_out import held_out
from edgetext.errors import DataError, InputError
from edgetext.export.candidates import FP32, Workshop, make_variant
from edgetext.export.gate import judge
from edgetext.export.vocabulary.trim import trim_vocabulary

MANIFEST_FIELD = "vocabulary"


def training_texts(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Gives the texts that the checkpoint was trained on.

    Raises:
        DataError: The checkpoint has no record of its rows; the file is missing, or is not the one that was used.
    """
    if checkpoint.split is None:
        raise DataError(
            f"{checkpoint.path} has no split.json, which tells the training texts that --trim-vocabulary needs: "
            "train it with edgetext, or leave the option out"
        )
    return tuple(example.text for example in held_out(checkpoint.split, "train"))


def trim_workshop(shop: Workshop, training: Sequence[str], size: int) -> Workshop:
    """Trims the workshop's fp32 graph and tokenizer, once the graph before has answered the held-out texts.

    Args:
        shop: Before the search; its files are changed.
        training: Texts that choose the tokens.
        size: How many tokens to keep.

    Returns:
        The workshop with the trimmed graph as ``fp32``, and the answers of the one before as the reference.

    Raises:
        ModelError: The tokenizer is no WordPiece, or the graph's table cannot be cut.
        InputError: ``size`` is no positive number, or the gate says that trimming alone loses too much.
    """
    shop.open([])
    reference = shop.answers(FP32)
    trim = trim_vocabulary(shop.folder, training, shop.texts, size)
    before = shop.manifest.variant(FP32)
    trimmed = make_variant(shop.folder, FP32, before.file, precision=FP32, scheme=FP32)
    shop = replace(shop, manifest=replace(shop.manifest, variants=(trimmed,)), reference=reference)
    shop.open([])
    verdict = judge(
        reference,
        shop.answers(FP32),
        shop.truth,
        shop.settings.max_drop,
        thresholds=shop.manifest.thresholds,
    )
    if verdict.decision == "failed":
        raise InputError(
            f"--trim-vocabulary {size} alone loses {100 * verdict.loss:.2f} points of {verdict.metric} on "
            f"{verdict.rows} held-out texts, over the margin of {100 * verdict.max_drop:g}: keep more tokens"
        )
    shop.progress.note(trim.sentence)
    told = {**asdict(trim), "loss": verdict.loss, "decision": verdict.decision}
    kept = replace(trimmed, evaluation={**before.evaluation, MANIFEST_FIELD: told})
    return replace(shop, manifest=replace(shop.manifest, variants=(kept,)))
