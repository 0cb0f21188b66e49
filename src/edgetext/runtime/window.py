"""One window of a stream: its texts, and the batches that they were cut into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgetext.errors import InputError
from edgetext.runtime.batching import batches
from edgetext.runtime.calls import CLOSED
from edgetext.runtime.encode import Encoded
from edgetext.runtime.prediction import FloatArray

if TYPE_CHECKING:
    from concurrent.futures import Future

    from edgetext.runtime.engine import Engine


class Window:
    """Has the batches of a window run, by the engine's threads or at once.

    Args:
        engine: What runs them.
        encoded: The texts, in order.

    Raises:
        InputError: The predictor was closed.
    """

    def __init__(self, engine: Engine, encoded: list[Encoded]) -> None:
        """Starts the batches; see the class for the arguments."""
        self._engine = engine
        self._encoded = encoded
        self._rows = [row for item in encoded for row in (item, *item.more)]
        self._logits = engine.empty(len(self._rows))
        cut = batches([len(row.ids) for row in self._rows], texts=engine.batch_texts)
        started = [engine.start(self, places) for places in cut]
        self._futures = [future for future in started if future is not None]

    def run(self, places: list[int]) -> None:
        """Runs one batch and puts its logits where they belong."""
        self._logits[places] = self._engine.run_rows([self._rows[place] for place in places])

    def finish(self) -> tuple[FloatArray, list[bool]]:
        """Waits for the batches; gives logits, a row a text, and which texts were cut.

        Raises:
            InputError: The predictor was closed meanwhile, or the process was forked.
        """
        self._engine.check_process()
        try:
            for future in self._futures:
                _wait(future)
        except BaseException:
            self.cancel()
            raise
        return self._by_text(), [item.truncated for item in self._encoded]

    def cancel(self) -> None:
        """Drops the batches that have not begun."""
        for future in self._futures:
            future.cancel()

    def _by_text(self) -> FloatArray:
        if len(self._rows) == len(self._encoded):
            return self._logits
        found, first = self._engine.empty(len(self._encoded)), 0
        for number, item in enumerate(self._encoded):
            count = 1 + len(item.more)
            found[number] = self._engine.joined(self._logits[first : first + count])
            first += count
        return found


def _wait(future: Future[None]) -> None:
    from concurrent.futures import CancelledError  # loaded by whoever made the future

    try:
        future.result()
    except CancelledError:
        raise InputError(CLOSED) from None
