"""Makes ``tests/data/tiny``: a random BERT encoder and its tokenizer, small enough to be committed.

Run it as ``python tests/data/make_tiny.py``; the same versions make the same files.
"""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

TEXT = """
a about all also an and animal any apple are as at bag bake baked ball banana bank be bean beef bicycle bird bowl
bread bus butter by cake can car card cat chair cheese chicken child city close coffee cold color cook cooked could
cream cup cut dish do dog door down dress drink eat egg empty field fish flower for fork fresh fried from fruit full
garden girl glass go good green grill grilled half has have he her his hot house how i ice in into is it its kitchen
knife lamp lamb lemon light like line lost man map meal meat milk money mountain my near new no noodles not of old
on onion open or orange oven over paper park parked pasta payment pepper phone photo picture pie pizza plan plate
potato quiet rain ramen red rice ride river road roast room salad salt sandwich sauce say school sea she shop side
sit slice small snow soft some soup spam spicy spoon steak stew street sugar sun sweet table taco tea that the their
there this to toast tomato top train transfer tree two under up vegetable wall warm was water what when where white
why wine winter with woman wood work yellow you young
"""
WORDS = TEXT.split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ENDINGS = ["##ed", "##ing", "##er", "##ly", "##es"]
PUNCTUATION = list(".,!?'\"-:;()&/$%")


def vocabulary() -> list[str]:
    """Gives the tokens; single characters stand in for every word that is not there."""
    characters = list(string.ascii_lowercase + string.digits)
    single = [word for word in WORDS if len(word) == 1]
    return [
        *SPECIAL,
        *PUNCTUATION,
        *characters,
        *(f"##{character}" for character in characters),
        *ENDINGS,
        *(word for word in WORDS if word not in single),
    ]


def main(folder: Path) -> None:
    """Writes the model and the tokenizer."""
    tokens = vocabulary()
    with tempfile.TemporaryDirectory() as place:
        words = Path(place, "vocab.txt")
        words.write_text("\n".join(tokens) + "\n", "utf-8")
        tokenizer = BertTokenizerFast(vocab_file=str(words), model_max_length=128)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(__file__).parent / "tiny")
