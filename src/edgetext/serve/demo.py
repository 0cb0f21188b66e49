"""A page to try a bundle in the browser: type a text, drop a file of them, and read the report of the bench.

It listens on this machine only unless told otherwise, and neither the page nor the server asks anything of another.
Whatever Gradio serves beside what the page asks for, its uploads and files among it, is not reachable.
"""

from __future__ import annotations

import html
import os
import socket
import time
import warnings
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edgetext.errors import EdgetextError, InputError, needs_extra
from edgetext.runtime.bundle import title_of
from edgetext.runtime.prediction import FIRST, Prediction
from edgetext.runtime.predictor import Predictor
from edgetext.serve.file_desk import FILES, MOST_FILE_BYTES, FileDesk, draw_desk
from edgetext.serve.guard import Guard, own_names
from edgetext.serve.listening import ServerThread, listen, url
from edgetext.serve.report_tab import FRAME, REPORT, add_report
from edgetext.task import MultiLabel

STYLE, SCRIPT = Path(__file__).parent / "demo.css", Path(__file__).parent / "demo.js"
PATHS = ("/", "/favicon.ico", "/theme.css", "/assets/", "/static/", "/gradio_api/run/", FILES, REPORT)
"""What the page asks for."""

_TEMPORARY = "GRADIO_TEMP_DIR"
_MOST_LABELS = 5
_MOST_EXAMPLES = 8
_MOST_BARS = 8
# Without the queue an answer comes back on its own request: one that the queue streams while somebody types on can
# get lost.
_AT_ONCE = {"show_progress": "hidden", "api_name": False, "queue": False}

Answer = tuple[dict[str, float] | str | None, str]


@dataclass(frozen=True)
class Page:
    """A page that is being served.

    Attributes:
        url: Where to open it.
        wait: Blocks until the process is interrupted.
        close: Stops serving.
    """

    url: str
    wait: Callable[[], None]
    close: Callable[[], None]


def answer(classify: Predictor, *texts: str, least: float | None = None) -> Answer:
    """Classifies one text, or one pair of texts, for the page.

    Args:
        classify: The predictor.
        texts: The text, or both texts of a pair.
        least: The confidence from which on an answer is sure, in place of the bundle's.

    Returns:
        The highest probabilities by label, as bars in HTML where a text may bear several labels; and a line of HTML
        that tells how long it took. No probabilities and a sentence where the text cannot be classified.
    """
    nothing = None if classify.task.one_label else ""
    if not all(text and text.strip() for text in texts):
        return nothing, _line(_prompt(classify))
    begun = time.perf_counter()
    try:
        prediction = classify(texts[0] if len(texts) == 1 else (texts[0], texts[1]))
    except EdgetextError as error:
        return nothing, _line(str(error), kind="error")
    took = (time.perf_counter() - begun) * 1e3
    notes = [f"Predicted in <b>{took:.1f} ms</b> on the CPU"]
    if classify.min_confidence is not None:
        notes.append(_sureness(classify, prediction, classify.min_confidence if least is None else least))
    if classify.first_stage is not None:
        notes.append("by the first stage" if prediction.stage == FIRST else "by the model")
    if prediction.truncated:
        notes.append(f"only the first {classify.max_length} tokens were read")
    if isinstance(classify.task, MultiLabel):
        return _bars(classify.task, prediction), _line(" · ".join(notes), escaped=True)
    best = list(prediction.scores.items())[:_MOST_LABELS]
    return dict(best), _line(" · ".join(notes), escaped=True)


def _sureness(classify: Predictor, prediction: Prediction, least: float) -> str:
    """Says whether an answer is sure from a confidence on, and how sure it is."""
    probabilities = np.array([prediction.scores[label] for label in classify.labels])
    confidence = float(classify.task.confidence(probabilities))
    sure = prediction.sure if least == classify.min_confidence else confidence >= least
    words = f"{'sure' if sure else 'unsure'}, by a least confidence of {least:.0%}"
    return f"<span class='{'sure' if sure else 'unsure'}' title='confidence {confidence:.1%}'>{words}</span>"


def _bars(task: MultiLabel, prediction: Prediction) -> str:
    """Draws each label's probability beside its threshold: those that are given first, then the most probable."""
    limits = dict(zip(task.labels, task.limits.tolist(), strict=True))
    given, scores = prediction.labels, prediction.scores
    others = [label for label in scores if label not in given][: max(0, _MOST_BARS - len(given))]
    bars = [_bar(label, scores[label], limits[label], kind="given") for label in given]
    bars += [_bar(label, scores[label], limits[label], kind="other") for label in others]
    count = f"{len(given)} of {len(task.labels)} labels given; a mark is the label's threshold"
    return f"<p class='given-count'>{count}</p><ul class='bars'>{''.join(bars)}</ul>"


def _bar(label: str, score: float, limit: float, *, kind: str) -> str:
    name = html.escape(label)
    said = f"{name}: {score:.0%}, {'given' if kind == 'given' else 'not given'}, threshold {limit:.0%}"
    return (
        f"<li class='{kind}' aria-label='{said}' title='{said}'><b>{name}</b>"
        f"<i class='track'><i class='fill' style='width:{100 * score:.1f}%'></i>"
        f"<i class='limit' style='left:{100 * limit:.1f}%'></i></i><span>{score:.0%}</span></li>"
    )


def _prompt(classify: Predictor) -> str:
    texts, its = ("both texts", "their") if _of_pairs(classify) else ("a text", "its")
    return f"Type {texts} to see {its} {'label' if classify.task.one_label else 'labels'}."


def _of_pairs(classify: Predictor) -> bool:
    return bool(classify.manifest.text_pair_column)


def examples(classify: Predictor) -> list[tuple[str, ...]]:
    """Lists the texts or pairs to try that the bundle brings; others might be of other things than its labels."""
    found = [(one,) if isinstance(one, str) else tuple(one) for one in classify.manifest.extra.get("examples", ())]
    return [one for one in found if len(one) == 1 + _of_pairs(classify)][:_MOST_EXAMPLES]


def build(classify: Predictor, *, report: bool = False) -> Any:
    """Makes the page.

    Args:
        classify: The predictor that answers.
        report: Whether there is a report to show.

    Returns:
        A ``gradio.Blocks``.

    Raises:
        MissingExtraError: Gradio is not installed.
    """
    with needs_extra("demo"):
        import gradio as gr

    with gr.Blocks(
        analytics_enabled=False, title=f"{title_of(classify.path, classify.manifest)} · edgetext"
    ) as page:
        gr.HTML(_header(classify))
        with gr.Tabs():
            with gr.Tab("Try it"):
                _add_boxes(gr, classify)
            with gr.Tab("A file"):
                gr.HTML(draw_desk(classify))
            if report:
                with gr.Tab("Report"):
                    gr.HTML(FRAME)
    return page


def _add_boxes(gr: Any, classify: Predictor) -> None:
    """Adds what is typed and its answer."""
    boxes = make_boxes(gr, classify)
    button = gr.Button("Classify", variant="primary", elem_id="classify")
    if classify.task.one_label:
        label = gr.Label(label="Label", num_top_classes=_MOST_LABELS, show_label=False, elem_id="label")
    else:
        label = gr.HTML("", elem_id="label")
    status = gr.HTML(_line(_prompt(classify)), elem_id="status")
    sliders = make_sliders(gr, classify)

    def reply(*values: Any) -> Answer:
        return answer(classify, *values[: len(boxes)], least=values[len(boxes)] if sliders else None)

    # Typing and choosing an example both change the boxes, so that one event answers both.
    common = {"fn": reply, "inputs": [*boxes, *sliders], "outputs": [label, status], **_AT_ONCE}
    gr.on([button.click, *(box.submit for box in boxes)], **common)
    gr.on([one.change for one in (*boxes, *sliders)], **common, trigger_mode="always_last")
    _add_examples(gr, examples(classify), boxes)


def make_sliders(gr: Any, classify: Predictor) -> list[Any]:
    """Makes the slider for the least confidence, at the bundle's own; none where it has none."""
    if classify.min_confidence is None:
        return []
    value, label = round(classify.min_confidence, 4), "Sure from a confidence of"
    return [gr.Slider(0, 1, value=value, step=0.01, label=label, elem_id="least")]


def make_boxes(gr: Any, classify: Predictor) -> list[Any]:
    """Makes a box for the text, or one for each text of a pair, named after its column of the training rows."""
    manifest = classify.manifest
    names = (manifest.text_column, manifest.text_pair_column) if _of_pairs(classify) else ("text",)
    return [
        gr.Textbox(
            label=name[:1].upper() + name[1:] or "First text",
            lines=3 if len(names) == 1 else 2,
            max_lines=12,
            placeholder="Type or paste a text …",
            autofocus=not number,
            elem_id=f"text{number or ''}",
        )
        for number, name in enumerate(names)
    ]


def _add_examples(gr: Any, examples: Sequence[tuple[str, ...]], boxes: Sequence[Any]) -> None:
    """Adds buttons rather than ``gr.Examples``, whose table throws errors in the browser while it is loading."""
    if not examples:
        return
    gr.HTML("<p class='try'>Examples</p>")
    with gr.Row(elem_id="examples"):
        for texts in examples:
            given = texts[0] if len(texts) == 1 else list(texts)
            button = gr.Button(" · ".join(texts), size="sm", min_width=0)
            button.click(partial(copy, given), outputs=list(boxes), **_AT_ONCE)


def start(
    classify: Predictor,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    names: Sequence[str] = (),
    browser: bool = False,
    listening: socket.socket | None = None,
    report: bytes | None = None,
) -> Page:
    """Serves the page and gives back at once.

    Args:
        classify: The predictor that answers.
        host: The address to listen on.
        port: The port; the first free one from 7860 on if not given.
        names: Names that the page may be opened under, beside those of this machine.
        browser: Whether to open the page in the user's browser.
        listening: What ``listen(host, port)`` gave, where that was called before.
        report: A page of HTML to show in a tab of its own (see ``report_tab.find_report``).

    Raises:
        InputError: The port is taken, the address is not one of this machine, or there is no temporary folder.
        MissingExtraError: Gradio is not installed.
    """
    taken = listening or listen(host, port)
    with ExitStack() as stack:
        stack.callback(taken.close)
        desk = FileDesk(classify, _stay_at_home(stack))
        stack.callback(desk.close)
        warnings.filterwarnings("ignore", module=r"gradio(\..*)?")  # about what it calls itself, at every request
        larger = {FILES: MOST_FILE_BYTES}
        app = Guard(_application(classify, desk, report), is_own=own_names(host, names), paths=PATHS, larger=larger)
        # The first run allocates; no visitor should wait for it.
        classify(("a text", "another") if _of_pairs(classify) else "a text")
        server = ServerThread(app, taken)
        stack.callback(server.close)
        address = url(host, taken)
        if browser:
            webbrowser.open(address)
        return Page(address, server.wait, stack.pop_all().close)


def _application(classify: Predictor, desk: FileDesk, report: bytes | None) -> Any:
    """Makes the page an ASGI application; Gradio is asked for it, and left out of serving it."""
    page = build(classify, report=report is not None)
    with needs_extra("demo"):
        import gradio as gr
        from fastapi import FastAPI
    # Gradio's own option for a style drops media queries.
    head = f"<style>{STYLE.read_text('utf-8')}</style><script>{SCRIPT.read_text('utf-8')}</script>"
    bare = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    desk.add_to(bare)
    if report is not None:
        add_report(bare, report)
    look: Any = {"theme": _theme(gr), "head": head, "footer_links": [], "ssr_mode": False}
    return gr.mount_gradio_app(bare, page, path="/", **look, show_error=True, enable_monitoring=False)


def _stay_at_home(stack: ExitStack) -> Path:
    """Makes a temporary folder that goes with the page, and gives it to Gradio too, by the environment."""
    try:
        folder = stack.enter_context(TemporaryDirectory(prefix="edgetext-demo-", ignore_cleanup_errors=True))
    except OSError as error:
        raise InputError(f"the page needs a temporary folder, and none can be made: {error.strerror}") from error
    if _TEMPORARY not in os.environ:
        os.environ[_TEMPORARY] = str(Path(folder) / "gradio")
        stack.callback(os.environ.pop, _TEMPORARY, None)
    return Path(folder) / "files"


def _theme(gr: Any) -> Any:
    system: Sequence[str] = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono: Sequence[str] = ("ui-monospace", "Consolas", "monospace")
    return gr.themes.Base(
        primary_hue="emerald", neutral_hue="slate", text_size="lg", radius_size="lg", font=system, font_mono=mono
    )


def _header(classify: Predictor) -> str:
    variant = classify.variant
    facts = [
        f"{len(classify.labels)} labels",
        f"{variant.name}, {variant.bytes / 1e6:.1f} MB",
        f"up to {classify.max_length} tokens",
    ]
    chips = "".join(f"<span>{html.escape(fact)}</span>" for fact in facts)
    title = html.escape(title_of(classify.path, classify.manifest))
    return f"<header class='head'><h1>{title}</h1><p class='facts'>{chips}</p></header>"


def _line(text: str, *, kind: str = "note", escaped: bool = False) -> str:
    return f"<p class='status {kind}' role='status'>{text if escaped else html.escape(text)}</p>"
