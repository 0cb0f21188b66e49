"""Tiny random classifiers of the architectures that edgetext promises, each with a tokenizer of its own kind.

The tokenizers are trained on a few lines and saved as the fast class that the architecture's own checkpoints name,
so that ``AutoTokenizer`` opens them. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny_tokenizers import (
    ALBERT_LIKE,
    BERT_LIKE,
    DEBERTA_LIKE,
    MODERN_LIKE,
    MPNET_LIKE,
    ROBERTA_LIKE,
    Specials,
    byte_pairs,
    frame,
    sentence_piece,
    word_piece,
)
from tokenizers import Tokenizer, processors

from edgetext.foreign.load import Source, load_tokenizer

LABELS = ("food", "not_food", "unclear")
MAX_LENGTH = 48

TEXTS = (
    "a bowl of ramen", "crème brûlée, déjà vu", "🍕🌮 for two 👩‍🍳", "", "the old bridge in winter is no food",
    "Ünïcödé ∑ 日本 ラーメン", "no", "a red car on the road " * 12,
)  # fmt: skip
"""Accents, emoji, characters that no corpus held, an empty text, and one far over ``MAX_LENGTH``."""

PAIRS = (("a bowl of ramen", "it is food"), ("the dog " * 40, "sat near the window " * 30))


@dataclass(frozen=True)
class Architecture:
    """How to make one.

    Attributes:
        name: What people call it; a folder's name too.
        model_type: What transformers calls it.
        tokenizer_class: The fast class that its checkpoints name.
        train: Makes its kind of tokenizer.
        specials: Its special tokens.
        config: What its config needs beside the sizes that all share.
        segments: Whether the second text of a pair has token type 1.
        double_end: Whether two ends part the texts of a pair, as in RoBERTa.
        offset: How many places of the position table come before the first token's.
        sees_padding: Whether its answer depends on how far a text is padded, in torch as well.
    """

    name: str
    model_type: str
    tokenizer_class: str
    train: Callable[[Specials], Tokenizer]
    specials: Specials
    config: Mapping[str, Any] = field(default_factory=dict)
    segments: bool = True
    double_end: bool = False
    offset: int = 0
    sees_padding: bool = False


SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.25,  # at the usual 0.02 every text gets nearly the same answer
}

_DEBERTA = {"relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True}
_DEBERTA |= {"pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0}
# It has no normalization that would bring large random weights back into range.
_MOBILE = {"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16, "initializer_range": 0.15}

ARCHITECTURES = (
    Architecture("BERT", "bert", "BertTokenizerFast", word_piece, BERT_LIKE),
    Architecture(
        "DistilBERT",
        "distilbert",
        "DistilBertTokenizerFast",
        word_piece,
        BERT_LIKE,
        {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 2},
    ),
    Architecture(
        "RoBERTa",
        "roberta",
        "RobertaTokenizerFast",
        byte_pairs,
        ROBERTA_LIKE,
        {"type_vocab_size": 1},
        segments=False,
        double_end=True,
        offset=2,
    ),
    Architecture(
        "XLM-RoBERTa",
        "xlm-roberta",
        "XLMRobertaTokenizerFast",
        sentence_piece,
        ROBERTA_LIKE,
        {"type_vocab_size": 1},
        segments=False,
        double_end=True,
        offset=2,
    ),
    Architecture("ELECTRA", "electra", "ElectraTokenizerFast", word_piece, BERT_LIKE, {"embedding_size": 16}),
    Architecture("ALBERT", "albert", "AlbertTokenizerFast", sentence_piece, ALBERT_LIKE, {"embedding_size": 16}),
    Architecture(
        "MPNet", "mpnet", "MPNetTokenizerFast", word_piece, MPNET_LIKE, segments=False, double_end=True, offset=2
    ),
    Architecture("MobileBERT", "mobilebert", "MobileBertTokenizerFast", word_piece, BERT_LIKE, _MOBILE),
    Architecture(
        "DeBERTa-v2",
        "deberta-v2",
        "DebertaV2TokenizerFast",
        sentence_piece,
        DEBERTA_LIKE,
        {**_DEBERTA, "conv_kernel_size": 3, "conv_act": "gelu"},
    ),
    Architecture("DeBERTa-v3", "deberta-v2", "DebertaV2TokenizerFast", sentence_piece, DEBERTA_LIKE, _DEBERTA),
    Architecture(
        "ModernBERT",
        "modernbert",
        "PreTrainedTokenizerFast",
        byte_pairs,
        MODERN_LIKE,
        {"global_attn_every_n_layers": 2, "local_attention": 8, "reference_compile": False},
        segments=False,
    ),
    Architecture(
        "ConvBERT",
        "convbert",
        "ConvBertTokenizerFast",
        word_piece,
        BERT_LIKE,
        {"embedding_size": 32},
        sees_padding=True,
    ),
)


def make_checkpoint(
    architecture: Architecture, folder: Path, dtype: torch.dtype = torch.float32, positions: int = MAX_LENGTH
) -> Path:
    """Writes a random classifier and its tokenizer as transformers saves them.

    Args:
        architecture: Which.
        folder: Where.
        dtype: What the weights are saved as.
        positions: For how many tokens there are positions.
    """
    tokenizer = make_tokenizer(architecture)
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        architecture.model_type,
        **(SIZES | dict(architecture.config)),
        vocab_size=len(tokenizer),
        max_position_embeddings=positions + architecture.offset,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        problem_type="single_label_classification",
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "cls", "sep")},
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(architecture: Architecture) -> Any:
    """Trains the architecture's kind of tokenizer and gives it as the class that its checkpoints name."""
    specials = architecture.specials
    tokenizer = architecture.train(specials)
    tokenizer.post_processor = _frame(architecture, tokenizer)
    return getattr(transformers, architecture.tokenizer_class)(
        tokenizer_object=tokenizer,
        model_max_length=MAX_LENGTH,
        cls_token=specials.start,
        bos_token=specials.start,
        sep_token=specials.end,
        eos_token=specials.end,
        pad_token=specials.pad,
        unk_token=specials.unknown,
        mask_token=specials.mask,
        # What a checkpoint says whose tokenizer has no class of its own.
        **({"model_input_names": ["input_ids", "attention_mask"]} if architecture.name == "ModernBERT" else {}),
    )


def _frame(architecture: Architecture, tokenizer: Tokenizer) -> Any:
    specials = architecture.specials
    if architecture.tokenizer_class == "RobertaTokenizerFast":  # the class looks into this very processor
        start, end = ((name, tokenizer.token_to_id(name)) for name in (specials.start, specials.end))
        return processors.RobertaProcessing(end, start, add_prefix_space=False)
    return frame(tokenizer, specials, segments=architecture.segments, ends=2 if architecture.double_end else 1)


def torch_logits(checkpoint: Path, texts: Sequence[str | tuple[str, str]], *, pad: bool = False) -> torch.Tensor:
    """Gives what transformers itself answers, of shape (texts, labels).

    Args:
        checkpoint: The classifier.
        texts: Texts and pairs.
        pad: Whether every text is padded to ``MAX_LENGTH``; as it is otherwise.
    """
    # transformers 5 alone would split texts as real checkpoints of the class do, not as this one's file says.
    tokenizer = load_tokenizer(Source("the checkpoint", str(checkpoint)), extra="train")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32).eval()
    settings = {"truncation": True, "max_length": MAX_LENGTH, "padding": "max_length" if pad else False}
    rows = []
    with torch.inference_mode():
        for text in texts:
            parts = text if isinstance(text, tuple) else (text,)
            rows.append(model(**tokenizer(*parts, return_tensors="pt", **settings)).logits[0])
    return torch.stack(rows)
