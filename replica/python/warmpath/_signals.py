"""SIGTERM: the router hears of it first, then the handler that was there before."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Callable, Optional, Union

Handler = Union[Callable[[int, Optional[FrameType]], object], int, signal.Handlers]


class SignalHook:
    """Stands before the handler of SIGTERM that is there now.

    `hold` is asked when the signal comes. If it gives True the signal is held back until `release`, else it is passed on
    at once. `before_death` is called before the default action, which ends the process without further ado.
    """

    def __init__(self, hold: Callable[[SignalHook], bool], before_death: Callable[[], None]) -> None:
        self._hold = hold
        self._before_death = before_death
        self._previous: Handler | None = None

    @staticmethod
    def is_possible() -> bool:
        """In the main thread of a system that can send a signal to a thread. A handler that is not Python's is left alone."""
        return (
            hasattr(signal, "pthread_kill")
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is not None
        )

    def install(self) -> None:
        self._previous = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self)

    def remove(self) -> None:
        """Puts the handler before it back. Does nothing if another stands before this one, or in another thread: it passes on."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is self:
            signal.signal(signal.SIGTERM, self._previous)

    @property
    def is_installed(self) -> bool:
        return signal.getsignal(signal.SIGTERM) is self

    @property
    def ends_process(self) -> bool:
        """Whether passing the signal on ends the process at once, with the requests that run."""
        before = self._previous
        return before.ends_process if isinstance(before, SignalHook) else before == signal.SIG_DFL

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._hold(self):
            return
        if self.ends_process:
            self._before_death()
        if callable(self._previous):
            self._previous(number, frame)
        elif self._previous == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # Still here: the first process of a container is spared by the default action. It is no replica any more.
            raise SystemExit(128 + number)

    def release(self) -> None:
        """Sends the signal again, to the main thread, where handlers run. From any thread."""
        main = threading.main_thread().ident
        if main is not None and self._previous != signal.SIG_IGN and not _is_asyncio(self._previous):
            signal.pthread_kill(main, signal.SIGTERM)


def _is_asyncio(handler: Handler | None) -> bool:
    """asyncio's handler does nothing: the loop hears of a signal by a file descriptor, at once, whoever holds the signal back."""
    return getattr(handler, "__module__", None) == "asyncio.unix_events"
