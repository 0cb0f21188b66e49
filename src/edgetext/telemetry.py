"""What the libraries under edgetext would send home, turned off; standard library only.

An app that classifies on its own machine does so in the name of privacy as a rule. onnxruntime's wheels for Linux,
from 1.32 on, look a host up within seconds of the import, and write a database under the user's cache and a file
into the temporary folder; ``onnxruntime.disable_telemetry_events()`` comes too late for all three. Gradio posts
what a page is made of, and Hugging Face's clients count what is loaded.
"""

from __future__ import annotations

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # transformers asks it too
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # of datasets and of evaluate
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment variable by environment variable, the value that turns it off. Each library reads its own when it is
imported, and processes that are started inherit them."""


def turn_off() -> None:
    """Sets each of ``SWITCHES`` that is not set: whoever wants telemetry says so in the environment."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
