"""A page to try a bundle in the browser: type a text, read its label.

It listens on this machine only unless told otherwise, and neither the page nor the server asks anything of another.
Whatever Gradio serves beside what the page asks for, uploads and files among it, is not reachable.
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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgetext.errors import EdgetextError, InputError, needs_extra
from edgetext.runtime.predictor import Predictor
from edgetext.serve.guard import Guard, own_names
from edgetext.serve.listening import ServerThread, listen, url

STYLE = Path(__file__).parent / "demo.css"
PATHS = ("/", "/favicon.ico", "/theme.css", "/assets/", "/static/", "/gradio_api/run/")
"""What the page asks for."""

_TEMPORARY = "GRADIO_TEMP_DIR"
_MOST_LABELS = 5
_MOST_EXAMPLES = 8
_PROMPT = "Type a text to see its label."
# Without the queue an answer comes back on its own request: one that the queue streams while somebody types on can
# get lost.
_AT_ONCE = {"show_progress": "hidden", "api_name": False, "queue": False}

Answer = tuple[dict[str, float] | None, str]


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


def answer(classify: Predictor, text: str) -> Answer:
    """Classifies one text for the page.

    Returns:
        The highest probabilities by label, and a line of HTML that tells how long it took; no probabilities
        and a sentence where the text cannot be classified.
    """
    if not text or not text.strip():
        return None, _line(_PROMPT)
    begun = time.perf_counter()
    try:
        prediction = classify(text, top_k=_MOST_LABELS)
    except EdgetextError as error:
        return None, _line(str(error), kind="error")
    took = (time.perf_counter() - begun) * 1e3
    notes = [f"Predicted in <b>{took:.1f} ms</b> on the CPU"]
    if classify.task == "multi_label":
        notes.append(f"labels given: {html.escape(', '.join(prediction.labels) or 'none')}")
    if prediction.truncated:
        notes.append(f"only the first {classify.max_length} tokens were read")
    return dict(prediction.scores), _line(" · ".join(notes), escaped=True)


def examples(classify: Predictor) -> list[str]:
    """Lists the texts to try that the bundle brings; any others might be about something else than its labels."""
    return list(classify.manifest.extra.get("examples", ()))[:_MOST_EXAMPLES]


def build(classify: Predictor) -> Any:
    """Makes the page.

    Args:
        classify: The predictor that answers.

    Returns:
        A ``gradio.Blocks``.

    Raises:
        MissingExtraError: Gradio is not installed.
    """
    with needs_extra("demo"):
        import gradio as gr

    with gr.Blocks(analytics_enabled=False, title=f"{_name(classify)} · edgetext") as page:
        gr.HTML(_header(classify))
        box = gr.Textbox(
            label="Text",
            lines=3,
            max_lines=12,
            placeholder="Type or paste a text …",
            autofocus=True,
            elem_id="text",
        )
        button = gr.Button("Classify", variant="primary", elem_id="classify")
        label = gr.Label(label="Label", num_top_classes=_MOST_LABELS, show_label=False, elem_id="label")
        status = gr.HTML(_line(_PROMPT), elem_id="status")

        def reply(text: str) -> Answer:
            return answer(classify, text)

        # Typing and choosing an example both change the box, so that one event answers both.
        common = {"fn": reply, "inputs": box, "outputs": [label, status], **_AT_ONCE}
        gr.on([button.click, box.submit], **common)
        box.change(**common, trigger_mode="always_last")
        _add_examples(gr, examples(classify), box)
    return page


def _add_examples(gr: Any, texts: Sequence[str], box: Any) -> None:
    """Adds buttons rather than ``gr.Examples``, whose table throws errors in the browser while it is loading."""
    if not texts:
        return
    gr.HTML("<p class='try'>Examples</p>")
    with gr.Row(elem_id="examples"):
        for text in texts:
            gr.Button(text, size="sm", min_width=0).click(partial(str, text), outputs=box, **_AT_ONCE)


def start(
    classify: Predictor,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    names: Sequence[str] = (),
    browser: bool = False,
    listening: socket.socket | None = None,
) -> Page:
    """Serves the page and gives back at once.

    Args:
        classify: The predictor that answers.
        host: The address to listen on.
        port: The port; the first free one from 7860 on if not given.
        names: Names that the page may be opened under, beside those of this machine.
        browser: Whether to open the page in the user's browser.
        listening: What ``listen(host, port)`` gave, where that was called before.

    Raises:
        InputError: The port is taken, the address is not one of this machine, or there is no temporary folder.
        MissingExtraError: Gradio is not installed.
    """
    taken = listening or listen(host, port)
    with ExitStack() as stack:
        stack.callback(taken.close)
        _stay_at_home(stack)
        warnings.filterwarnings("ignore", module=r"gradio(\..*)?")  # about what it calls itself, at every request
        app = Guard(_application(classify), is_own=own_names(host, names), paths=PATHS)
        classify("a text")  # the first run allocates; no visitor should wait for it
        server = ServerThread(app, taken)
        stack.callback(server.close)
        address = url(host, taken)
        if browser:
            webbrowser.open(address)
        return Page(address, server.wait, stack.pop_all().close)


def _application(classify: Predictor) -> Any:
    """Makes the page an ASGI application; Gradio is asked for it, and left out of serving it."""
    page = build(classify)
    with needs_extra("demo"):
        import gradio as gr
        from fastapi import FastAPI
    style = f"<style>{STYLE.read_text('utf-8')}</style>"  # Gradio's own option for it drops media queries
    bare = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    look: Any = {"theme": _theme(gr), "head": style, "footer_links": [], "ssr_mode": False}
    return gr.mount_gradio_app(bare, page, path="/", **look, show_error=True, enable_monitoring=False)


def _stay_at_home(stack: ExitStack) -> None:
    """Sets what Gradio reads from the environment: a temporary folder that goes with the page."""
    if _TEMPORARY in os.environ:
        return
    try:
        folder = stack.enter_context(TemporaryDirectory(prefix="edgetext-demo-", ignore_cleanup_errors=True))
    except OSError as error:
        raise InputError(f"the page needs a temporary folder, and none can be made: {error.strerror}") from error
    os.environ[_TEMPORARY] = folder
    stack.callback(os.environ.pop, _TEMPORARY, None)


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
    return f"<header class='head'><h1>{html.escape(_name(classify))}</h1><p class='facts'>{chips}</p></header>"


def _name(classify: Predictor) -> str:
    folder = classify.path.resolve()
    return folder.parent.name if folder.name == "bundle" else folder.name


def _line(text: str, *, kind: str = "note", escaped: bool = False) -> str:
    return f"<p class='status {kind}' role='status'>{text if escaped else html.escape(text)}</p>"
