"""What every library is asked: short, long, with marks, accents and other scripts."""

from __future__ import annotations

TEXTS = (
    "a bowl of ramen with egg",
    "food",
    "Fried rice, and a SALAD!",
    "the old bridge in winter: 12 steps down to the river",
    "crème brûlée 寿司 🍣 — naïve café",
    "a very long walk through the city and over the road to the mountain",
)
# transformers.js cuts a text that is too long with its final [SEP], which transformers and edgetext keep: there,
# such texts get other scores.
TOO_LONG = "a very long walk through the city and over the road to the mountain and by the sea " * 20
