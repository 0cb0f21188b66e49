"""What is no regular file is refused at once, what is too large or no sound JSON with its reason."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from edgetext.errors import BundleError, InputError, ModelError
from edgetext.reading import DEEPEST_JSON, MOST_CONTAINERS, read_bytes, read_json, read_object


def lone_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def bound_socket(folder: Path) -> Path:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "s"))
    server.close()
    return folder / "s"


def link_to(target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "link").symlink_to(target)
        return folder / "link"

    return make


NO_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a pipe that nobody writes to": (lone_pipe, "is a pipe"),
    "a socket": (bound_socket, "cannot be read"),
    "a folder": (lambda folder: folder, "is a folder"),
    "an endless device": (lambda folder: Path("/dev/zero"), "is a device"),
    "a link to an endless device": (link_to("/dev/zero"), "is a device"),
    "a link to itself": (link_to("link"), "cannot be read"),
    "nothing": (lambda folder: folder / "nothing", "cannot be read"),
    "a NUL in the name": (lambda folder: folder / "a\0b", "cannot be read"),
    "a name that is too long": (lambda folder: folder / ("x" * 5000), "cannot be read"),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are named otherwise")
@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", NO_FILES)
def test_only_a_regular_file_is_opened(tmp_path: Path, name: str) -> None:
    make, message = NO_FILES[name]
    with pytest.raises(BundleError, match=message):
        read_json(make(tmp_path), error=BundleError)


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert read_bytes(file, 100) == b"x" * 100
    with pytest.raises(InputError, match="larger than"):
        read_bytes(file, 99)
    os.truncate(file, 1 << 40)  # sparse: of a terabyte nothing may be read
    with pytest.raises(ModelError, match="larger than 16 MB"):
        read_json(file, error=ModelError)


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[1,]", b"NaN", b"[-Infinity]", b"1e999", b'{"a": -1e400}', b"9" * 400, b"-" + b"1" * 5000,
        b"0." + b"1" * 400, nested(DEEPEST_JSON + 1), nested(480), b"[" * 100_000, b'{"a": "\\ud800"}',
        b'["\\uDFFF\\uD800"]', b'{"\\udc00": 1}', b'"\xff"', b'"\xed\xa0\x80"', "é".encode("utf-16"),
        b"[" + b"[]," * MOST_CONTAINERS + b"0]",
    ],
    ids=lambda content: content[:20],
)  # fmt: skip
def test_what_is_no_sound_json_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.json is damaged"):
        read_json(file, error=ModelError)


@pytest.mark.parametrize(
    "value",
    [
        10**30,
        -1.5e300,
        5e-324,
        {"": {"a b": [None, True, "é\u2028"]}},
        json.loads(nested(DEEPEST_JSON)),
        "😀\ufffe",
    ],
)
def test_what_is_sound_is_given_as_it_is(tmp_path: Path, value: object) -> None:
    for content in (json.dumps(value).encode(), b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode()):
        (tmp_path / "x.json").write_bytes(content)
        assert read_json(tmp_path / "x.json") == value


def test_an_object_is_one(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError, match="must hold a JSON object"):
        read_object(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert read_object(tmp_path / "x.json") == {"a": 1}
