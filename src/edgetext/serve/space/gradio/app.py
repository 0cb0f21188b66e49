"""The Space: edgetext's demo page for the bundle beside this file. Start it with  python app.py."""

import os
from contextlib import closing, suppress
from pathlib import Path

from edgetext import Predictor
from edgetext.serve.demo import start

HERE = Path(__file__).resolve().parent
PORT = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
NAMES = [
    name for name in os.environ.get("SPACE_HOST", "").split(",") if name
]  # Hugging Face says them to the Space

with Predictor(HERE / "bundle") as classify:
    page = start(classify, host="0.0.0.0", port=PORT, names=NAMES)
    with closing(page), suppress(KeyboardInterrupt):
        print(f"{page.url} shows the bundle; stop it with Ctrl-C", flush=True)
        page.wait()
