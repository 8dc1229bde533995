"""Advice of the router on what to load while the replica is idle, and the thread that follows it."""

from __future__ import annotations

import logging
import threading
from typing import Callable

log = logging.getLogger("warmpath")

OnAdvice = Callable[[list[str], list[str]], object]
"""Takes the hints to load, and those to evict for them."""


class Follower:
    """Calls the function in a thread of its own, and not again before that has ended: advice that comes meanwhile is ignored."""

    def __init__(self, on_advice: OnAdvice | None) -> None:
        self._on_advice = on_advice
        self._thread: threading.Thread | None = None

    def take(self, load: tuple[str, ...], evict: tuple[str, ...], done: Callable[[], None]) -> None:
        """`done` is called when the function has ended. Called by one thread alone. Never raises."""
        if self._on_advice is None or not load or (self._thread is not None and self._thread.is_alive()):
            return
        arguments = (self._on_advice, list(load), list(evict), done)
        self._thread = threading.Thread(target=_follow, args=arguments, name="warmpath advice", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # No thread can be had: the system has no more, or the interpreter ends.
            self._thread = None


def _follow(on_advice: OnAdvice, load: list[str], evict: list[str], done: Callable[[], None]) -> None:
    try:
        on_advice(load, evict)
    except Exception:
        log.exception("advice to load %s could not be followed", ", ".join(load))
    done()
