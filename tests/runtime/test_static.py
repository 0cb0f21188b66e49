"""The table of word vectors: what it computes, whatever the company, and what a damaged file brings."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgetext.errors import BundleError
from edgetext.runtime.held import Held
from edgetext.runtime.static import HASH_FACTOR, StaticModel, StaticTable, read_static, write_static

VOCABULARY, BUCKETS, DIMENSIONS, LABELS = 50, 13, 8, 3


@pytest.fixture
def table() -> StaticTable:
    random = np.random.default_rng(7)
    rows = VOCABULARY + BUCKETS
    return StaticTable(
        random.integers(-127, 128, (rows, DIMENSIONS)).astype(np.int8),
        random.uniform(0.01, 0.1, rows).astype(np.float32),
        random.normal(size=(DIMENSIONS, LABELS)).astype(np.float32),
        random.normal(size=LABELS).astype(np.float32),
        BUCKETS,
    )


def by_hand(table: StaticTable, row: list[int]) -> list[float]:
    buckets = table.buckets
    pairs = [VOCABULARY + (HASH_FACTOR * a + b) % buckets for a, b in pairwise(row)] if buckets else []
    vectors = [float(table.scale[place]) * table.table[place].astype(np.float64) for place in (*row, *pairs)]
    mean = sum(vectors, np.zeros(DIMENSIONS)) / len(vectors)
    return list(mean @ table.weight.astype(np.float64) + table.bias)


@pytest.mark.parametrize("buckets", [BUCKETS, 0])
def test_a_text_gets_the_mean_of_its_vectors_alone_and_in_company(table: StaticTable, buckets: int) -> None:
    if not buckets:
        table = replace(table, table=table.table[:VOCABULARY], scale=table.scale[:VOCABULARY], buckets=0)
    random = np.random.default_rng(1)
    rows = [random.integers(0, VOCABULARY, random.integers(1, 30)).tolist() for _ in range(200)]
    rows[5], rows[199] = [3], [4]
    model = StaticModel(table)
    expected = np.array([by_hand(table, row) for row in rows])
    assert model.vocabulary == VOCABULARY
    assert np.allclose(model.logits(rows), expected, atol=1e-5)
    assert np.allclose(np.concatenate([model.logits([row]) for row in rows]), expected, atol=1e-5)
    assert model.logits([]).shape == (0, LABELS)


def test_what_is_written_is_read(table: StaticTable, tmp_path: Path) -> None:
    write_static(tmp_path / "t.safetensors", table)
    with closing(Held(tmp_path / "t.safetensors")) as held:
        found = read_static(held)
    assert found.buckets == BUCKETS
    for name in ("table", "scale", "weight", "bias"):
        assert np.array_equal(getattr(found, name), getattr(table, name))
        assert not getattr(found, name).flags.writeable


def test_parts_that_do_not_fit_together_are_not_written(table: StaticTable, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scale"):
        write_static(tmp_path / "t", replace(table, scale=table.scale[1:]))
    assert not list(tmp_path.iterdir())


def cut(content: bytes) -> bytes:
    return content[:-5]


def beyond(content: bytes) -> bytes:
    return with_header(content, lambda header: header["table"].update(data_offsets=[0, 1 << 40]))


def negative(content: bytes) -> bytes:
    return with_header(content, lambda header: header["table"].update(data_offsets=[-504, 0]))


def other_format(content: bytes) -> bytes:
    return with_header(content, lambda header: header["__metadata__"].update(format="another"))


def too_many_buckets(content: bytes) -> bytes:
    return with_header(content, lambda header: header["__metadata__"].update(buckets="63"))


def huge_shape(content: bytes) -> bytes:
    return with_header(content, lambda header: header["scale"].update(shape=[1 << 62, 4]))


def not_a_number(content: bytes) -> bytes:
    begin = 8 + int.from_bytes(content[:8], "little")  # of a float32 part: the largest numbers come first
    return content[:begin] + np.float32("nan").tobytes() + content[begin + 4 :]


def no_header(content: bytes) -> bytes:
    return (1 << 60).to_bytes(8, "little") + content[8:]


def with_header(content: bytes, change) -> bytes:  # type: ignore[no-untyped-def]
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.mark.parametrize(
    "damage", [cut, beyond, negative, other_format, too_many_buckets, huge_shape, not_a_number, no_header]
)
def test_a_damaged_file_is_one_sentence(damage, table: StaticTable, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "t.safetensors"
    write_static(file, table)
    file.write_bytes(damage(file.read_bytes()))
    with closing(Held(file)) as held, pytest.raises(BundleError, match="no table of word vectors"):
        read_static(held)


def test_the_same_table_makes_the_same_file(table: StaticTable, tmp_path: Path) -> None:
    for number in range(8):
        write_static(tmp_path / f"{number}.safetensors", table)
    assert len({(tmp_path / f"{number}.safetensors").read_bytes() for number in range(8)}) == 1
