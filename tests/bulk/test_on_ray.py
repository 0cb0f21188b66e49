"""Part files on Ray: what two workers write is what one process writes, whoever dies over it; and the service."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pyarrow
import pyarrow.parquet
import pytest
import ray

from edgetext import InputError, Predictor
from edgetext.bulk.job import CHUNK_ROWS, FileJob
from edgetext.bulk.on_ray import Cluster, PartsOutcome, find_parts, predict_parts, written_name
from edgetext.cli.main import main
from edgetext.errors import DataError
from edgetext.runtime.batching import WINDOW_TEXTS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # of Ray about itself

WORDS = ["ramen", "dog", "park", "soup", "cat", "bus", "egg", "a", "the", "Crème brûlée"]
ROWS = (CHUNK_ROWS + 1200, 700, 300)


def text(number: int) -> str:
    return " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 2 + number % 13))


def write_parts(folder: Path, rows: Iterable[int] = ROWS) -> list[Path]:
    folder.mkdir()
    parts, first = [], 0
    for place, count in enumerate(rows):
        numbers = range(first, first := first + count)
        table = pyarrow.table(
            {
                "id": pyarrow.array(numbers, pyarrow.int32()),
                "text": list(map(text, numbers)),
                "tags": [["x"]] * count,
            }
        )
        parts.append(folder / f"part-{place}.parquet")
        pyarrow.parquet.write_table(table, parts[-1], row_group_size=1000)
    return parts


class Mortal(Predictor):
    """Kills its own process, once: where a row of the second chunk is read and nobody has died yet."""

    marker: Path
    read = 0

    def stream(self, texts: Any, top_k: int | None = None, *, window: int = WINDOW_TEXTS) -> Iterator[Any]:
        return super().stream(self._counted(texts), top_k, window=window)

    def _counted(self, texts: Iterable[Any]) -> Iterator[Any]:
        for text in texts:
            self.read += 1
            if self.read > CHUNK_ROWS + 500 and not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield text


def open_mortal(bundle: Path, marker: Path) -> Predictor:
    classify = Mortal(bundle, profile="throughput", threads=1)
    classify.marker = marker
    return classify


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Begins a Ray of two workers, for all tests of this module."""
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    ray.init("local", num_cpus=2, object_store_memory=100 << 20, **quiet)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield Cluster(workers=2)
    ray.shutdown()


def predict(opens: Any, pattern: Path, output: Path, cluster: Cluster, rejects: Path | None = None) -> PartsOutcome:
    job = FileJob(output, rejects=rejects)
    return predict_parts(opens, find_parts(pattern), job, cluster, lambda *_: None, lambda _: None)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_a_killed_worker_loses_and_repeats_nothing(tiny_first: Path, tmp_path: Path, cluster: Cluster) -> None:
    parts = write_parts(tmp_path / "rows")
    opens = partial(open_mortal, tiny_first, tmp_path / "died")
    done = predict(opens, tmp_path / "rows" / "part-*.parquet", tmp_path / "out", cluster)
    assert (tmp_path / "died").exists()
    assert (done.rows, done.rejected, done.died) == (sum(ROWS), 0, 1)
    assert sum(done.answered) == sum(ROWS) - CHUNK_ROWS  # the first chunk was kept, by a worker that told nobody
    assert names(tmp_path) == {"rows", "out", "died"}
    assert names(tmp_path / "out") == {*(part.name for part in parts), "_edgetext.json"}
    assert pyarrow.parquet.read_table(tmp_path / "out")["id"].to_pylist() == list(range(sum(ROWS)))
    for part in parts:
        alone = tmp_path / f"alone-{part.name}"
        assert main(["predict", str(tiny_first), "-i", str(part), "-o", str(alone)]) == 0
        assert pyarrow.parquet.read_table(tmp_path / "out" / part.name).equals(pyarrow.parquet.read_table(alone))


@pytest.mark.slow
def test_the_command_takes_every_format_and_sets_broken_rows_aside(
    tiny_bundle: Path, tmp_path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows"
    rows.mkdir()
    (rows / "a.csv").write_text('id,text\n1,"a dog, a park"\n2\n3,ramen\n', "utf-8")
    (rows / "b.jsonl").write_text('{"text": "soup", "deep": {"x": [1]}}\nbroken\n{"text": "egg"}\n', "utf-8")
    (rows / "c.txt").write_text("a bus\n\nthe cat\n", "utf-8")
    words = ["predict", str(tiny_bundle), "--engine", "ray", "-i", f"{rows}/*", "-o", str(tmp_path / "out")]
    assert main([*words, "--rejects", str(tmp_path / "aside"), "--top-k", "2"]) == 0
    assert f"7 rows -> {tmp_path / 'out'}, 2 broken rows" in capsys.readouterr().err
    for part in ("a.csv", "b.jsonl", "c.txt"):
        written = tmp_path / "out" / written_name(Path(part))
        alone, broken = tmp_path / written.name, tmp_path / f"{written.name}.jsonl"
        once = ["predict", str(tiny_bundle), "-i", str(rows / part), "-o", str(alone), "--top-k", "2"]
        assert main([*once, "--rejects", str(broken)]) == 0
        assert written.read_bytes() == alone.read_bytes()
        assert (tmp_path / "aside" / broken.name).read_bytes() == broken.read_bytes()
    facts = json.loads((tmp_path / "out" / "_edgetext.json").read_text("utf-8"))
    assert [(part["output"], part["rows"], part["rejected"]) for part in facts["parts"]] == [
        ("a.csv", 2, 1),
        ("b.jsonl", 2, 1),
        ("c.csv", 3, 0),
    ]
    assert main(words) == 2  # the folder is there
    assert main([*words, "--overwrite", "--workers", "1"]) == 2  # and a broken row stops it
    said = capsys.readouterr().err
    assert "already exists" in said
    assert "--rejects sets such rows aside\n" in said
    assert json.loads((tmp_path / "out" / "_edgetext.json").read_text("utf-8")) == facts


@pytest.mark.slow
def test_a_worker_that_finds_another_bundle_refuses(
    tiny_bundle: Path, tiny_several: Path, tmp_path: Path, cluster: Cluster
) -> None:
    write_parts(tmp_path / "rows", [5])
    begun = os.getpid()

    def opens() -> Predictor:
        return Predictor(tiny_bundle if os.getpid() == begun else tiny_several)

    with pytest.raises(InputError, match="is another bundle"):
        predict(opens, tmp_path / "rows" / "*", tmp_path / "out", cluster)
    assert names(tmp_path) == {"rows"}


def test_a_pattern_names_parts_that_can_be_read_and_told_apart(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv.gz", "a.tsv", "note.docx", "in [x].csv"):
        (tmp_path / name).touch()
    assert find_parts(tmp_path / "*.csv") == (tmp_path / "b.csv", tmp_path / "in [x].csv")
    assert find_parts(tmp_path / "in [x].csv") == (tmp_path / "in [x].csv",)
    for pattern, error, culprit in [
        ("*.jsonl", DataError, "no such file"),
        ("*.docx", DataError, "note.docx"),
        ("", DataError, "is a folder"),
        ("a.*", InputError, "would both be written as a.csv"),
    ]:
        with pytest.raises(error, match=culprit):
            find_parts(tmp_path / pattern)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "out"], "give --input and --output too"),
        (["-i", "rows/*.csv", "-o", "out", "--resume"], "--resume does not go with --engine ray"),
        (["-i", "rows/*.csv", "-o", "out", "--threads", "2"], "--workers"),
        (["-i", "rows/*.csv", "-o", "out", "--workers", "0"], "found 0"),
        (["-i", "rows/*.csv", "-o", "rows"], "holds the input"),
        (["-i", "rows/*.csv", "-o", "out", "--rejects", "out"], "must be different folders"),
        (["-i", "rows/*.csv", "-o", "out", "--engine", "local", "--workers", "2"], "--workers is for --engine ray"),
    ],
)
def test_what_cannot_work_on_ray_is_refused(
    words: list[str],
    said: str,
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("text\na dog\n")
    assert main(["predict", str(tiny_bundle), "--engine", "ray", *words]) == 2
    assert said in capsys.readouterr().err
    assert names(tmp_path) == {"rows"}


@pytest.mark.slow
def test_the_deployment_of_the_examples_answers_in_batches(
    tiny_static: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray import serve  # slow to import

    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "examples")
    example = importlib.import_module("ray_serve")
    ray.cloudpickle.register_pickle_by_value(example)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    try:
        serve.run(example.app({"bundle": str(tiny_static)}))
        texts = [text(number) for number in range(40)]

        def ask(texts: Any) -> tuple[int, Any]:
            request = Request(f"http://127.0.0.1:{port}/", json.dumps({"texts": texts}).encode())
            try:
                with urlopen(request, timeout=30) as answer:
                    return answer.status, json.load(answer)
            except HTTPError as refused:
                return refused.code, json.load(refused)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, [texts[first : first + 5] for first in range(0, 40, 5)]))
        assert {status for status, _ in answers} == {200}
        labels = [found["label"] for _, body in answers for found in body["predictions"]]
        with Predictor(tiny_static) as classify:
            assert labels == [found.label for found in classify.predict(texts)]
        assert [ask(wrong)[0] for wrong in ("a text", [], [1])] == [422, 422, 422]
    finally:
        serve.shutdown()
