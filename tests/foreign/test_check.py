"""A model that others made: what disagrees in it is one sentence with both numbers, told before torch is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgetext.checkpoint import open_checkpoint
from edgetext.cli.main import main
from edgetext.errors import ModelError
from edgetext.foreign.clean_room import clean_room
from edgetext.train.base import resolve_base
from foreign_folder import (
    CONFIG,
    LABELS,
    POSITIONS,
    SHAPES,
    TEMPLATE,
    TOKENS,
    change,
    make_folder,
    tokenizer,
    write_json,
    write_shards,
    write_weights,
)

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90888945\n"
HEAD = {"classifier.bias": (3,), "classifier.weight": (3, 4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "model")


def whole_size(folder: Path) -> int:
    return (folder / "model.safetensors").stat().st_size


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text(POINTER)


def pointer_for_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(POINTER)


def pointer_in_a_shard(folder: Path) -> None:
    write_shards(folder, "a.safetensors", "b.safetensors")
    (folder / "b.safetensors").write_text(POINTER)


def half(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", whole_size(folder) // 2 + 200)


def half_a_header(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 60)


def half_a_shard(folder: Path) -> None:
    write_shards(folder, "a.safetensors", "b.safetensors")
    os.truncate(folder / "b.safetensors", (folder / "b.safetensors").stat().st_size - 1)


def too_long(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", whole_size(folder) + 3)


def nothing(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def text(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<!DOCTYPE html><html>Sign in</html>")


def no_shapes(folder: Path) -> None:
    header = b'{"classifier.weight": {"dtype": "F32"}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def lost_shard(folder: Path) -> None:
    write_shards(folder, "a.safetensors", "b.safetensors")
    (folder / "a.safetensors").unlink()


def shard_elsewhere(folder: Path) -> None:
    write_shards(folder, "a.safetensors")
    write_weights(folder.parent / "a.safetensors", SHAPES)
    write_json(folder / "model.safetensors.index.json", {"weight_map": dict.fromkeys(SHAPES, "../a.safetensors")})


def pickle_in_the_index(folder: Path) -> None:
    write_shards(folder, "a.safetensors")
    (folder / "a.safetensors").rename(folder / "a.bin")
    write_json(folder / "model.safetensors.index.json", {"weight_map": dict.fromkeys(SHAPES, "a.bin")})


def tensor_in_no_shard(folder: Path) -> None:
    write_shards(folder, "a.safetensors", "b.safetensors")
    write_weights(folder / "b.safetensors", HEAD)


def pickle_beside_another_file(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "x.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def whole_numbers(folder: Path) -> None:
    write_weights(folder / "model.safetensors", SHAPES, kind="I32")


def link_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
    (folder / "model.safetensors").symlink_to(folder.parent / "elsewhere.safetensors")


def link_to_nothing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("nowhere")


def pipe(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def more_tokens(folder: Path) -> None:
    write_json(folder / "tokenizer.json", tokenizer(TOKENS + 2))


def an_added_token(folder: Path) -> None:
    change(folder / "tokenizer.json", added_tokens=[{"id": TOKENS + 3, "content": "<new>"}])


def a_template_of_another_model(folder: Path) -> None:
    change(
        folder / "tokenizer.json", post_processor={"type": "BertProcessing", "cls": ["[CLS]", 101], "sep": ["x", 2]}
    )


def unigrams(folder: Path) -> None:
    model = {"type": "Unigram", "vocab": [[f"w{number}", -1.0] for number in range(TOKENS + 1)]}
    change(folder / "tokenizer.json", model=model)


def another_vocabulary(folder: Path) -> None:
    change(folder / "config.json", vocab_size=TOKENS + 9)


def more_positions(folder: Path) -> None:
    change(folder / "config.json", max_position_embeddings=POSITIONS + 9)


def more_segments(folder: Path) -> None:
    change(folder / "config.json", type_vocab_size=5)


def third_segment(folder: Path) -> None:
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 2}}, {"Sequence": {"id": "A", "type_id": 0}}]
    change(
        folder / "tokenizer.json",
        post_processor={"type": "Sequence", "processors": [{**TEMPLATE, "single": single}]},
    )


def padding_outside(folder: Path) -> None:
    change(folder / "config.json", pad_token_id=TOKENS)


def padding_that_differs(folder: Path) -> None:
    change(folder / "config.json", model_type="roberta", pad_token_id=1)


def padding_behind_the_positions(folder: Path) -> None:
    change(folder / "config.json", model_type="roberta", pad_token_id=POSITIONS)


def decoder_without_padding(folder: Path) -> None:
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", "eos_token": "w2"})


def adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    write_json(folder / "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "org/base"})


def quantized(folder: Path) -> None:
    change(folder / "config.json", quantization_config={"quant_method": "bitsandbytes"})


def damaged_config(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)


FAULTS = {
    pointer: ["model.safetensors", "a Git LFS pointer", "git lfs pull"],
    pointer_for_tokenizer: ["tokenizer.json", "a Git LFS pointer"],
    pointer_in_a_shard: ["b.safetensors", "a Git LFS pointer"],
    half: ["incomplete", "{half} bytes", "{whole}"],
    half_a_header: ["incomplete", "60 bytes"],
    half_a_shard: ["b.safetensors", "incomplete"],
    too_long: ["{whole+3} bytes", "{whole}"],
    nothing: ["incomplete", "0 bytes"],
    text: ["model.safetensors", "no safetensors file"],
    no_shapes: ["model.safetensors", "its header cannot be read"],
    lost_shard: ["incomplete", "1 of the 2 files", "a.safetensors"],
    shard_elsewhere: ["../a.safetensors", "in the same folder"],
    pickle_in_the_index: ["a.bin", "*.safetensors"],
    tensor_in_no_shard: ["1 of 5 tensors", "b.safetensors"],
    pickle_beside_another_file: ["pytorch_model.bin", "expected model.safetensors"],
    whole_numbers: ["'I32'", "before it was quantized"],
    link_out: ["model.safetensors is a link that leaves its folder"],
    link_to_nothing: ["model.safetensors is a link to nothing"],
    pipe: ["model.safetensors is no regular file"],
    more_tokens: ["largest id is 41", "40 tokens"],
    an_added_token: ["largest id is 43", "40 tokens"],
    a_template_of_another_model: ["largest id is 101", "40 tokens"],
    unigrams: ["largest id is 40", "40 tokens"],
    another_vocabulary: ["vocab_size is 49", "40 rows"],
    more_positions: ["max_position_embeddings is 25", "16 rows"],
    more_segments: ["type_vocab_size is 5", "2 rows"],
    third_segment: ["segment 2", "the model knows 2"],
    padding_outside: ["pad_token_id is 40", "40 tokens"],
    padding_that_differs: ["pad_token_id is 1", "pads with 0"],
    padding_behind_the_positions: ["pad_token_id is 16", "are 16"],
    decoder_without_padding: ["no padding token", "tokenizer.pad_token = tokenizer.eos_token"],
    adapter: ["a LoRA adapter, not a model", "merge_and_unload().save_pretrained", "org/base"],
    quantized: ["quantized already", "bitsandbytes"],
    damaged_config: ["config.json is damaged"],
}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda item: item.__name__)
def test_what_disagrees_is_one_sentence_for_export_and_for_train(spoil, folder: Path) -> None:
    whole = whole_size(folder)
    spoil(folder)
    numbers = {"{half}": str(whole // 2 + 200), "{whole}": str(whole), "{whole+3}": str(whole + 3)}
    for opens in (open_checkpoint, lambda path: resolve_base(str(path))):
        with pytest.raises(ModelError) as caught:
            opens(folder)
        said = str(caught.value)
        assert "\n" not in said and str(folder) in said
        for part in FAULTS[spoil]:
            for mark, number in numbers.items():
                part = part.replace(mark, number)
            assert part in said


def test_a_head_for_other_labels_is_refused_for_export_and_replaced_for_training(folder: Path) -> None:
    change(folder / "config.json", id2label={"0": "a", "1": "b", "2": "c"})
    with pytest.raises(ModelError, match=r"names 3 labels, and the head \(classifier\.weight\) has 2 rows"):
        open_checkpoint(folder)
    assert resolve_base(str(folder)).location == str(folder)


@pytest.mark.parametrize(
    ("head", "rows"),
    [("classifier.out_proj", 3), ("score", 5), ("logits_proj", 3), ("classification_head.out_proj", 7)],
)
def test_the_head_is_found_by_the_names_of_other_architectures(folder: Path, head: str, rows: int) -> None:
    body = {name: shape for name, shape in SHAPES.items() if not name.startswith("classifier")}
    write_weights(folder / "model.safetensors", {**body, f"{head}.weight": (rows, 4)})
    with pytest.raises(ModelError, match=f"names 2 labels, and the head .* has {rows} rows"):
        open_checkpoint(folder)


def test_a_length_that_training_records_and_the_model_lacks_is_refused(folder: Path) -> None:
    write_json(folder / "training.json", {"max_length": POSITIONS})
    assert open_checkpoint(folder).max_length == POSITIONS
    write_json(folder / "training.json", {"max_length": POSITIONS + 1})
    with pytest.raises(ModelError, match="max_length is 17 tokens, and the model has positions for 16"):
        open_checkpoint(folder)


@pytest.mark.parametrize("name", ["n_positions", "n_ctx", "max_seq_len"])
def test_the_length_has_other_names_elsewhere(folder: Path, name: str) -> None:
    write_json(folder / "config.json", {**{key: CONFIG[key] for key in CONFIG if "position" not in key}, name: 12})
    assert open_checkpoint(folder).max_length == 12


def fewer_tokens(folder: Path) -> None:
    """A tokenizer with fewer tokens than a table that was resized, or rounded up."""
    write_json(folder / "tokenizer.json", tokenizer(TOKENS - 7))


def labels_in_another_order(folder: Path) -> None:
    change(folder / "config.json", id2label={"1": LABELS[1], "0": LABELS[0]})


def sharded(folder: Path) -> None:
    write_shards(folder, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def names_that_tell_nothing(folder: Path) -> None:
    write_weights(folder / "model.safetensors", {"a.weight": (7, 7), "b": (9,)})


def more_rows_than_told(folder: Path) -> None:
    write_weights(folder / "model.safetensors", {**SHAPES, "bert.embeddings.position_embeddings.weight": (18, 4)})


def padding_of_an_encoder_that_differs(folder: Path) -> None:
    change(folder / "config.json", pad_token_id=1)


@pytest.mark.parametrize(
    "vary",
    [
        fewer_tokens, labels_in_another_order, sharded, names_that_tell_nothing, more_rows_than_told,
        padding_of_an_encoder_that_differs,
    ],
)  # fmt: skip
def test_what_is_only_unusual_opens(vary, folder: Path) -> None:
    vary(folder)
    assert open_checkpoint(folder).labels == LABELS
    assert resolve_base(str(folder)).location == str(folder)


def test_labels_that_are_only_counted_have_the_names_of_transformers(folder: Path) -> None:
    config = {name: value for name, value in CONFIG.items() if name != "id2label"}
    write_json(folder / "config.json", {**config, "num_labels": 3})
    write_weights(folder / "model.safetensors", {**SHAPES, **HEAD})
    assert open_checkpoint(folder).labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_a_snapshot_of_the_hubs_cache_is_links_to_its_blobs(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--someone--something"
    snapshot = cache / "snapshots/0123"
    (cache / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        file.rename(cache / "blobs" / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert open_checkpoint(snapshot).labels == LABELS
    with clean_room(snapshot) as room:
        assert json.loads((room / "config.json").read_text("utf-8"))["vocab_size"] == TOKENS


def test_the_clean_room_holds_no_pickle_and_is_gone_afterwards(folder: Path) -> None:
    sharded(folder)
    for name in ("pytorch_model.bin", "training_args.bin", "model.pkl", "custom.py", "adapter_model.safetensors"):
        (folder / name).write_bytes(b"\x80\x04.")
    with clean_room(folder) as room:
        assert {path.name for path in room.iterdir()} == {
            "config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors", "tokenizer.json", "tokenizer_config.json",
        }  # fmt: skip
        assert (room / "config.json").samefile(folder / "config.json")
    assert not room.exists()
    assert len(list(folder.iterdir())) == 11


HEAVY = """
import sys
from edgetext.cli.main import main
codes = [main([*words]) for words in (
    ["export", sys.argv[1], "-o", sys.argv[2]],
    ["train", sys.argv[3], "--base", sys.argv[1], "-o", sys.argv[2]],
    ["bench", sys.argv[4], "--baseline", sys.argv[1], "-o", sys.argv[2]],
)]
print(codes, sorted({"torch", "transformers", "optimum", "onnx", "datasets"} & set(sys.modules)))
"""


def test_every_command_refuses_it_before_torch_is_imported(
    folder: Path, tiny_rows: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    half(folder)
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, str(folder), str(tmp_path / "output"), str(tiny_rows), str(tiny_bundle)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[2, 2, 2] []"
    lines = done.stderr.splitlines()
    assert len(lines) == 3 and all("incomplete" in line for line in lines)
    assert not (tmp_path / "output").exists()


def test_the_sentence_reaches_the_terminal_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter(folder)
    assert main(["export", str(folder), "-o", str(folder.parent / "bundle")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("edgetext export: error: ")
