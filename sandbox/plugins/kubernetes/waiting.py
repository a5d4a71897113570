"""Waiting that ends: when it is done, when time is up, or when the user stops the engine."""

import threading
import time
from collections.abc import Callable

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 0.5


class StoppedError(Exception):
    """The user asked the engine to stop."""


class TimedOutError(Exception):
    """The time allowed is over."""


class Waiter:
    """Pauses that a cancellation ends at once; one for each provider process."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End all waiting, now and from now on."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def pause(self, seconds: float) -> None:
        """Sleep; raises StoppedError as soon as the waiter is stopped."""
        if self._stopped.wait(seconds):
            raise StoppedError

    def until(self, is_done: Callable[[], bool], *, timeout: float) -> None:
        """Ask again and again, less and less often, until the answer is yes.

        `timeout` is in seconds. Raises TimedOutError, or StoppedError when the waiter is stopped.
        """
        end = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not is_done():
            left = end - time.monotonic()
            if left <= 0:
                raise TimedOutError
            self.pause(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
