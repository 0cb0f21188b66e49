"""Trains tiny tokenizers of the kinds that encoders use: WordPiece, byte-level BPE, SentencePiece's Unigram."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCABULARY = 400

CORPUS = (
    "a bowl of ramen with a soft egg", "fried rice and salad on a plate", "the old bridge in winter",
    "a red car on the road", "crème brûlée and a café au lait", "Grüße aus der Küche, naïve piñata",
    "日本のラーメン と 寿司", "горячий суп и хлеб", "a pizza 🍕 and a taco 🌮 for two",
    "is it food? no, it is not!", "the dog sat near the window; the cat slept",
    "12 apples, 3 pears & 7 plums cost $4.50",
)  # fmt: skip


@dataclass(frozen=True)
class Specials:
    """The special tokens of a tokenizer, and where its vocabulary has them.

    Attributes:
        order: The tokens with the lowest ids, in order.
        start: Opens every text.
        end: Closes every text.
        pad: Fills up.
        unknown: Stands for what the vocabulary has not.
        mask: Never met by a classifier, expected by the class.
    """

    order: tuple[str, ...]
    start: str
    end: str
    pad: str
    unknown: str
    mask: str


BERT_LIKE = Specials(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
ROBERTA_LIKE = Specials(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<s>", "</s>", "<pad>", "<unk>", "<mask>")
MPNET_LIKE = Specials(("<s>", "<pad>", "</s>", "[UNK]", "<mask>"), "<s>", "</s>", "<pad>", "[UNK]", "<mask>")
ALBERT_LIKE = Specials(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), "[CLS]", "[SEP]", "<pad>", "<unk>", "[MASK]")
DEBERTA_LIKE = Specials(
    ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"), "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"
)
MODERN_LIKE = Specials(("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"), "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")


def word_piece(specials: Specials) -> Tokenizer:
    """Trains a lower-casing WordPiece tokenizer."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=specials.unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=list(specials.order), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_pairs(specials: Specials) -> Tokenizer:
    """Trains a byte-level BPE tokenizer: no text is unknown to it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(specials.order),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentence_piece(specials: Specials) -> Tokenizer:
    """Trains a Unigram tokenizer that marks spaces, as SentencePiece does."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(specials.order),
        unk_token=specials.unknown,
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def frame(tokenizer: Tokenizer, specials: Specials, *, segments: bool, ends: int) -> processors.TemplateProcessing:
    """Gives the special tokens around a text and a pair.

    Args:
        tokenizer: The trained one.
        specials: Its special tokens.
        segments: Whether the second text of a pair has token type 1.
        ends: How many end tokens part the two.
    """
    start, end, second = specials.start, specials.end, ":1" if segments else ""
    return processors.TemplateProcessing(
        single=[start, "$A", end],
        pair=[start, "$A", *[end] * ends, f"$B{second}", f"{end}{second}"],
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (start, end)],
    )
