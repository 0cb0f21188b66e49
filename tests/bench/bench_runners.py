"""Runners for the tests of the bench: they know the label of a text by its last word."""

import os
import signal
import time


class LastWord:
    def __init__(self, spec):
        self.spec = spec

    def one(self, text):
        return text.split()[-1]

    def many(self, texts, batch):
        return [self.one(text) for text in texts]

    def about(self):
        return {"model_bytes": 1234, "device_name": "fake"}

    def close(self):
        pass


class Wrong(LastWord):
    """Is wrong about texts that say so."""

    def one(self, text):
        return "other" if "hard" in text else super().one(text)


class Interrupting(LastWord):
    """Hangs in bulk work, as long as a user would wait before pressing Ctrl-C."""

    def many(self, texts, batch):
        time.sleep(600)


class Crashing(LastWord):
    """Works until its second round."""

    rounds = 0

    def many(self, texts, batch):
        Crashing.rounds += 1
        if Crashing.rounds > 4:
            os._exit(7)
        return super().many(texts, batch)


class PressingCtrlC(LastWord):
    """Presses Ctrl-C for the user in the throughput half of its second turn, and does not answer."""

    calls = 0

    def many(self, texts, batch):
        PressingCtrlC.calls += 1
        if PressingCtrlC.calls > 3:  # all texts, then twice a turn
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(600)
        return super().many(texts, batch)


def unable(spec):
    from edgetext.measure.runner import CannotMeasureError

    raise CannotMeasureError("no CUDA device on this machine")
