"""Spaces: what is in the folder, the page in a real browser from a plain file server, and the app as a process."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from edgetext import Predictor
from edgetext.cli.main import main
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.encode import Encoder
from edgetext.runtime.graph import Graph
from edgetext.serve.listening import listen
from edgetext.serve.space.make import SpaceSettings, make_space
from edgetext.serve.space.vendored import ONNXRUNTIME_WEB, TOKENIZERS
from edgetext.task import Text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

INTEROP = Path(__file__).parents[1] / "interop"
NODE_MODULES = INTEROP / "node_modules"
PATIENCE_MS = 60_000
TOLERANCE = 1e-3
EXAMPLE = "a slice of pizza"  # of conftest

TEXTS = (
    "a bowl of ramen", "soup", "egg", "the road to the mountain", "a dog in the park", "beef stew",
    "rain over the city", "Fried RICE, with egg!", "naïve café 東京 🍜 ½ e\u0301", "[SEP] in a text",
    "fresh fruit salad " * 40, "x" * 300, "\t\u200b ?",
)  # fmt: skip
PAIRS = (
    ("a bowl of ramen", "hot soup"), ("hot soup", "a bowl of ramen"), ("a dog in the park " * 9, "soup"),
    ("soup", "a dog in the park " * 9), ("hot soup and bread " * 9, "a dog in the park " * 12), ("", "soup"),
)  # fmt: skip
ASK = """async (rows) => {
  const classifier = await (await import("./page.js")).ready;
  const answers = [];
  for (const row of rows) answers.push(await classifier.classify(row));
  return answers;
}"""

needs_packages = pytest.mark.skipif(
    not (NODE_MODULES / ONNXRUNTIME_WEB.name).is_dir(),
    reason="onnxruntime-web is not installed: run  make tests/interop/node_modules",
)
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    """Gives the address of a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """What ``python -m http.server`` answers with, without its log."""

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def bundles(
    bundle_with_examples: Path, tiny_several: Path, tiny_pairs: Path, tiny_first: Path, tiny_static: Path
) -> dict[str, Path]:
    return {
        "single": bundle_with_examples,
        "several": tiny_several,
        "pairs": tiny_pairs,
        "first": tiny_first,
        "static": tiny_static,
    }


@pytest.fixture(scope="module")
def site(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Gives a folder with a static Space for each bundle, and the address of a plain file server of it."""
    folder = tmp_path_factory.mktemp("site")
    settings = SpaceSettings("static", title="Food <or> not", with_texts=True, vendor=NODE_MODULES)
    for name, bundle in bundles.items():
        make_space(bundle, folder / name, settings)
    with serving(partial(Quiet, directory=str(folder))) as address:
        yield folder, address


@pytest.fixture(scope="module")
def opened(browser: Browser, site: tuple[Path, str]) -> Callable[[str], tuple[Page, list[str]]]:
    """Opens the page of a bundle once, its model loaded; beside it is a list of what should not have happened."""

    @cache
    def open_page(name: str) -> tuple[Page, list[str]]:
        wrong: list[str] = []
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: note_outside(request.url, site[1], wrong))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
        page.goto(f"{site[1]}{name}/")
        page.wait_for_selector("#classify:enabled")
        return page, wrong

    return open_page


def note_outside(url: str, address: str, wrong: list[str]) -> None:
    if not url.startswith((address, "data:")):
        wrong.append(url)


@pytest.fixture
def visit(opened: Callable[[str], tuple[Page, list[str]]]) -> Iterator[Callable[[str], Page]]:
    """Shows the page of a bundle with empty boxes; nothing may go wrong in it, and nothing leave it."""
    visited: list[list[str]] = []

    def show(name: str) -> Page:
        page, wrong = opened(name)
        visited.append(wrong)
        for box in page.locator("textarea").all():
            box.fill("")
        page.locator("h1").click()  # where the keyboard goes on from
        return page

    yield show
    assert visited and not any(visited)


def shown(page: Page, text: str) -> str:
    """Types a text and gives what the page says of how it was answered."""
    page.get_by_label("Text").fill(text)
    page.wait_for_selector("#status >> text=Predicted in")
    return page.locator("#status").inner_text()


@needs_packages
@pytest.mark.parametrize("name", ["single", "several", "pairs", "first", "static"])
def test_answers_are_those_of_the_predictor(
    name: str, visit: Callable[[str], Page], bundles: dict[str, Path], tried: Callable[[str, int], None]
) -> None:
    texts: Sequence[Text] = PAIRS if name == "pairs" else TEXTS
    answers = visit(name).evaluate(ASK, [[text] if isinstance(text, str) else list(text) for text in texts])
    with Predictor(bundles[name]) as classify:
        expected = [classify(text) for text in texts]
        labels = classify.labels
    for answer, prediction in zip(answers, expected, strict=True):
        scores = dict(zip(labels, answer["probabilities"], strict=True))
        assert scores == pytest.approx(dict(prediction.scores), abs=TOLERANCE)
        assert tuple(labels[n] for n in answer["given"]) == prediction.labels
        assert (answer["truncated"], answer["stage"]) == (prediction.truncated, prediction.stage)
        assert answer["sure"] == prediction.sure
    assert len({round(prediction.score, 2) for prediction in expected}) > 3, "texts that get the same prove nothing"
    assert {prediction.stage for prediction in expected} == ({"first", "model"} if name == "first" else {"model"})
    tried("texts that a browser answered", len(texts))


# Which letter was answered last while a text is typed, the bars alone tell.
SHOWS = """(expected) => {
  const bars = [...document.querySelectorAll(".bars li")].map((bar) => bar.innerText.split("\\n"));
  const fits = ([label, percent], n) => bars[n]?.[0] === label && Math.abs(parseFloat(bars[n][1]) - percent) < 0.7;
  return bars.length === expected.length && expected.every(fits);
}"""
ENCODE = """async ([description, maxLength, rows]) => {
  const { Encoder } = await import("./tokens.js");
  const encoder = new Encoder(description, maxLength);
  return rows.map((row) => encoder.encode(row)).map(({ ids, types, truncated }) => [ids, types, truncated]);
}"""


def roberta_like() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text for pair in PAIRS for text in pair], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    return tokenizer


def xlm_roberta_like() -> Tokenizer:
    pieces = [("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(f"▁{word}", -3.0) for word in ("a", "soup", "hot", "bowl", "ramen", "fresh", "fruit")]
    tokenizer = Tokenizer(
        models.Unigram([*pieces, *((letter, -9.0) for letter in "abcdefghiklmnoprstuwé")], unk_id=2)
    )
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = [("<s>", 0), ("</s>", 1)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=special
    )
    tokenizer.add_special_tokens(["<s>", "</s>", "<unk>"])
    return tokenizer


@needs_packages
@pytest.mark.parametrize("make", [roberta_like, xlm_roberta_like])
def test_other_tokenizers_give_the_same_tokens(make: Callable[[], Tokenizer], visit: Callable[[str], Page]) -> None:
    tokenizer = make()
    description = json.loads(tokenizer.to_str())
    encoder = Encoder(tokenizer, 12, Graph(("input_ids", "token_type_ids"), "int64", "logits"))
    rows = [*((text,) for text in TEXTS), *PAIRS]
    found = visit("static").evaluate(ENCODE, [description, 12, [list(row) for row in rows]])
    expected = [encoder.encode(row[0] if len(row) == 1 else row) for row in rows]
    assert [ids for ids, *_ in found] == [encoded.ids for encoded in expected]
    assert [truncated for *_, truncated in found] == [encoded.truncated for encoded in expected]


@needs_packages
def test_a_text_is_typed_and_classified_by_keyboard_alone(
    visit: Callable[[str], Page], bundles: dict[str, Path]
) -> None:
    page = visit("single")
    assert page.title() == "Food <or> not · edgetext" and page.locator("h1").inner_text() == "Food <or> not"
    page.keyboard.press("Tab")
    page.keyboard.type("a bowl of ramen")
    with Predictor(bundles["single"]) as classify:
        expected = classify("a bowl of ramen")
    page.wait_for_function(SHOWS, arg=[[label, 100 * score] for label, score in expected.scores.items()])
    assert page.locator("#label h2").inner_text() == expected.label
    assert " ms in this browser" in page.locator("#status").inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "classify"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_label("Text").input_value() == EXAMPLE
    page.get_by_label("Text").fill(" ")
    page.wait_for_selector("#status >> text=Type a text to see its label.")
    assert page.locator("#label").inner_text() == ""


@needs_packages
def test_labels_that_are_given_stand_first_with_their_thresholds(
    visit: Callable[[str], Page], bundles: dict[str, Path]
) -> None:
    page = visit("several")
    shown(page, "fresh fruit salad")
    with Predictor(bundles["several"]) as classify:
        expected = classify("fresh fruit salad")
    given = len(expected.labels)
    assert 0 < given < 3
    assert page.locator(".given-count").inner_text().startswith(f"{given} of 3 labels given")
    assert page.locator(".bars .given b").all_inner_texts() == list(expected.labels)
    assert page.locator(".bars .limit").count() == 3


@needs_packages
def test_a_pair_has_two_boxes_and_says_how_sure_it_is(visit: Callable[[str], Page]) -> None:
    page = visit("pairs")
    page.get_by_label("Premise").fill("a bowl of ramen")
    page.wait_for_selector("#status >> text=Type both texts")
    page.get_by_label("Hypothesis").fill("hot soup")
    page.wait_for_selector("#status >> text=by a least confidence of 42%")


@needs_packages
def test_it_says_who_answered_and_what_was_left_unread(
    visit: Callable[[str], Page], bundles: dict[str, Path]
) -> None:
    page = visit("first")
    with Predictor(bundles["first"]) as classify:
        stages = {classify(text).stage: text for text in TEXTS if not classify(text).truncated}
    assert shown(page, stages["first"]).endswith("by the first stage")
    page.get_by_label("Text").fill("")
    page.wait_for_selector("#status >> text=Type a text")
    assert shown(page, stages["model"]).endswith("by the model")
    page.get_by_label("Text").fill("fresh fruit salad " * 40)
    page.wait_for_selector("#status >> text=only the first 32 tokens were read")


@needs_packages
def test_another_model_answers_where_the_default_one_cannot_be_run(
    visit: Callable[[str], Page], site: tuple[Path, str], bundles: dict[str, Path]
) -> None:
    shutil.copytree(site[0] / "single", site[0] / "broken")
    model = site[0] / "broken/bundle/onnx/model_quantized.onnx"
    model.write_bytes(b"\0" * model.stat().st_size)
    page = visit("broken")
    (answer,) = page.evaluate(ASK, [[TEXTS[0]]])
    with Predictor(bundles["single"], variant="fp32") as classify:
        assert max(answer["probabilities"]) == pytest.approx(classify(TEXTS[0]).score, abs=TOLERANCE)
    assert "fp32 answers here, and not int8" in page.locator("#variant").inner_text()
    assert "fp32" in page.locator("#facts").inner_text()


@needs_packages
def test_a_phone_shows_all_of_it_without_scrolling_sideways_light_and_dark(visit: Callable[[str], Page]) -> None:
    page = visit("several")
    wide = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    for scheme, background in (("dark", "rgb(11, 15, 25)"), ("light", "rgb(255, 255, 255)")):
        page.emulate_media(color_scheme=scheme)
        shown(page, f"a very long walk {scheme} " * 30)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
    page.set_viewport_size(wide)


@needs_packages
def test_the_page_may_ask_nobody_else(browser: Browser, site: tuple[Path, str]) -> None:
    page = browser.new_page()
    page.goto(f"{site[1]}static/")
    tell = """url => new Promise(async (done) => {
      document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
      await fetch(url).then(() => done("it answered"), () => 0);
    })"""
    with serving(Quiet) as elsewhere:
        assert page.evaluate(tell, elsewhere) == "connect-src"
    page.close()


@needs_packages
def test_a_static_space_is_whole_and_names_its_settings(bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "space"
    settings = SpaceSettings("static", title='Food: "not"?', license="apache-2.0", vendor=NODE_MODULES)
    space = make_space(bundles["single"], folder, settings)
    front = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---")[1])
    assert front.items() >= {"title": 'Food: "not"?', "sdk": "static", "license": "apache-2.0"}.items()
    assert (folder / front["app_file"]).is_file()
    for package in ("tokenizers", "onnxruntime-web"):
        assert "icense" in (folder / "vendor" / package / "LICENSE").read_text("utf-8")
    assert space.bytes == sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    table_only = make_space(bundles["static"], tmp_path / "table", settings)
    assert not (table_only.path / "vendor/onnxruntime-web").exists() and table_only.bytes < 1e6
    one = make_space(
        bundles["single"], tmp_path / "one", SpaceSettings("static", variant="fp32", vendor=NODE_MODULES)
    )
    assert [file.name for file in (one.path / "bundle/onnx").iterdir()] == ["model.onnx"]


def test_a_folder_without_a_manifest_is_one_line(
    bundles: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = shutil.copytree(bundles["single"], tmp_path / "plain")
    (plain / "bundle.json").unlink()
    assert main(["space", str(plain), "-o", str(tmp_path / "space")]) == 2
    assert "has no bundle.json" in capsys.readouterr().err
    assert main(["space", str(bundles["single"]), "-o", str(tmp_path / "space"), "--vendor", str(tmp_path)]) == 2
    assert "--vendor goes with --kind static" in capsys.readouterr().err
    assert not (tmp_path / "space").exists()


def test_texts_of_the_data_stay_at_home_unless_asked_for(
    bundles: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shutil.copytree(bundles["single"], tmp_path / "bundle")
    (bundle / "tuning").mkdir()
    (bundle / "tuning/gate.jsonl").write_text('{"text": "a secret"}\n', "utf-8")
    assert main(["space", str(bundle), "-o", str(tmp_path / "without")]) == 0
    said = capsys.readouterr().out
    assert "2 examples, tuning/gate.jsonl" in said
    assert not (tmp_path / "without/bundle/tuning").exists()
    assert "examples" not in open_bundle(tmp_path / "without/bundle").manifest.extra
    assert all(EXAMPLE not in file.read_text("utf-8", "replace") for file in (tmp_path / "without").rglob("*.json"))
    assert main(["space", str(bundle), "-o", str(tmp_path / "with"), "--with-texts"]) == 0
    assert "left out" not in capsys.readouterr().out
    assert (tmp_path / "with/bundle/tuning/gate.jsonl").is_file()
    assert EXAMPLE in open_bundle(tmp_path / "with/bundle").manifest.extra["examples"]


def test_the_app_starts_from_a_copy_of_its_folder_and_answers(
    bundles: dict[str, Path], browser: Browser, tmp_path: Path
) -> None:
    made = make_space(bundles["first"], tmp_path / "made", SpaceSettings(title="Food or not")).path
    home = shutil.copytree(made, tmp_path / "home" / "app")
    (home / "edgetext/serve/demo.css").write_text("/* of the copy */", "utf-8")
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"GRADIO_SERVER_PORT": str(port), "SPACE_HOST": "owner-name.hf.space", "HOME": "/dev/null/none"}
    program = [sys.executable, "app.py"]
    with subprocess.Popen(program, cwd=home, env=environment, stdout=-1, text=True) as process, ended(process):
        assert process.stdout
        assert process.stdout.readline().startswith(f"http://localhost:{port}/")
        page = ask(port, "GET", "/", "owner-name.hf.space")
        assert "of the copy" in page and "Food or not" in page
        body = json.dumps({"data": ["a bowl of ramen"], "fn_index": 0})
        scores, line = json.loads(ask(port, "POST", "/gradio_api/run/predict", "owner-name.hf.space", body))["data"]
        assert ask(port, "GET", "/", "evil.example").startswith("this server does not go by that name")
        shown, wrong = see_app(browser, f"http://localhost:{port}/", "a bowl of ramen")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    with Predictor(bundles["first"]) as classify:
        expected = classify("a bowl of ramen")
    found = {entry["label"]: entry["confidence"] for entry in scores["confidences"]}
    assert found == pytest.approx(dict(expected.scores), abs=TOLERANCE)
    assert ("by the first stage" in line) == (expected.stage == "first")
    assert expected.label in shown and wrong == []


def see_app(browser: Browser, address: str, text: str) -> tuple[str, list[str]]:
    """Types a text into the app on a phone, and gives what it shows, and what should not happen."""
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_default_timeout(PATIENCE_MS)
    page.on(
        "request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((address, "data:")) else None
    )
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(address, wait_until="networkidle")
    page.get_by_label("Text").fill(text)
    page.locator("#classify").click()
    page.get_by_text("Predicted in").wait_for()
    shown = page.locator("#label").inner_text()
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("it is wider than a phone")
    page.close()
    return shown, wrong


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Ends the process where the block fails: nothing else would."""
    try:
        yield
    finally:
        process.kill()


def ask(port: int, method: str, path: str, host: str, body: str | None = None) -> str:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, {"Host": host, "Content-Type": "application/json"})
        return connection.getresponse().read().decode()


def test_a_space_of_gradio_pins_what_is_installed_and_takes_the_default_model(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    folder = make_space(bundles["single"], tmp_path / "space", SpaceSettings()).path
    lines = (folder / "requirements.txt").read_text("utf-8").splitlines()
    names = ("gradio", "numpy", "onnxruntime", "tokenizers")
    assert [line for line in lines if not line.startswith("#")] == [f"{name}=={version(name)}" for name in names]
    front = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---")[1])
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (front["sdk"], front["app_file"], front["python_version"]) == ("gradio", "app.py", python)
    assert [variant.name for variant in open_bundle(folder / "bundle").manifest.variants] == ["int8"]
    with Predictor(folder / "bundle") as copy, Predictor(bundles["single"]) as classify:
        assert copy("soup") == classify("soup")


def test_only_a_space_that_edgetext_wrote_is_replaced(
    bundles: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["space", str(bundles["single"]), "-o", str(tmp_path / "space")]
    assert main(command) == 0
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "space/edgetext/__pycache__").mkdir()
    assert main([*command, "--overwrite"]) == 0
    (tmp_path / "space/bundle/notes.txt").write_text("mine", "utf-8")
    assert main([*command, "--overwrite"]) == 2
    assert "bundle/notes.txt" in capsys.readouterr().err
    assert (tmp_path / "space/bundle/notes.txt").read_text("utf-8") == "mine"


@pytest.mark.parametrize("missing", ["npm", "package", "version"])
def test_what_npm_should_have_brought_is_one_sentence_and_leaves_nothing(
    missing: str,
    bundles: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["space", str(bundles["static"]), "-o", str(tmp_path / "space"), "--kind", "static"]
    if missing == "npm":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        (tmp_path / "modules").mkdir()
        command += ["--vendor", str(tmp_path / "modules")]
    if missing == "version":
        for name in TOKENIZERS.files:
            file = tmp_path / "modules" / TOKENIZERS.name / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("of another version", "utf-8")
    assert main(command) == 2
    said = capsys.readouterr().err
    assert TOKENIZERS.spec in said and said.count("\n") == 1
    assert not (tmp_path / "space").exists() and not list(tmp_path.glob(".*"))


@needs_npm
def test_without_a_network_npm_is_quoted(
    bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    assert main(["space", str(bundles["static"]), "-o", str(tmp_path / "space"), "--kind", "static"]) == 2
    said = capsys.readouterr().err
    assert "ECONNREFUSED" in said and "--vendor" in said and said.count("\n") == 1
    assert not (tmp_path / "space").exists()


@needs_npm
@needs_packages
def test_npm_fetches_what_is_pinned(
    bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(partial(Registry, packed(TOKENIZERS.name))) as registry:
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_registry", registry)
        make_space(bundles["static"], tmp_path / "space", SpaceSettings("static"))
    fetched = (tmp_path / "space/vendor/tokenizers/tokenizers.min.mjs").read_bytes()
    assert hashlib.sha256(fetched).hexdigest() == TOKENIZERS.files["dist/tokenizers.min.mjs"]


def packed(name: str) -> bytes:
    """Gives an installed package as a registry keeps it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(NODE_MODULES / name, "package")
    return content.getvalue()


class Registry(BaseHTTPRequestHandler):
    """A registry that has one package, in the version that is pinned."""

    def __init__(self, archive: bytes, *rest: Any) -> None:
        self.archive = archive
        super().__init__(*rest)

    def do_GET(self) -> None:
        name, pinned = TOKENIZERS.name, TOKENIZERS.version
        digest = base64.b64encode(hashlib.sha512(self.archive).digest()).decode()
        place = f"http://{self.headers['Host']}/package.tgz"
        one = {"name": name, "version": pinned, "dist": {"tarball": place, "integrity": f"sha512-{digest}"}}
        about = {"name": name, "dist-tags": {"latest": pinned}, "versions": {pinned: one}}
        body = self.archive if self.path.endswith(".tgz") else json.dumps(about).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def test_the_pins_are_what_the_other_tests_install() -> None:
    packages = json.loads((INTEROP / "package-lock.json").read_text("utf-8"))["packages"]
    for package in (TOKENIZERS, ONNXRUNTIME_WEB):
        assert packages[f"node_modules/{package.name}"]["version"] == package.version
