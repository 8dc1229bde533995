"""The thread that reports to the router, whatever becomes of the router.

One thread sends everything, so reports are in order. Others only leave word (`ready`, `drain`, `hold`, `look`, `finish`), without
a lock, because a signal handler may be among them.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from queue import Empty, SimpleQueue
from typing import Callable, Optional

from . import _limits, _pace
from ._advice import Follower
from ._exchange import Accepted, Answer, Failed, Report, post
from ._hints import HintSource
from ._probe import Probe
from ._settings import Settings
from ._websocket import HeartbeatSocket

log = logging.getLogger("warmpath")

Key = tuple[str, Optional[frozenset[str]]]


class Heartbeats(threading.Thread):
    """Reports from `start` until `finish`."""

    def __init__(
        self,
        settings: Settings,
        *,
        incarnation: int,
        hints: HintSource,
        in_flight: Callable[[], int | None],
        probe: Probe,
        follower: Follower,
        ready: bool,
    ) -> None:
        super().__init__(name=f"warmpath {settings.app} {settings.replica}", daemon=True)
        self._settings = settings
        self._incarnation = incarnation
        self._hints = hints
        self._in_flight = in_flight
        self._probe = probe
        self._follower = follower
        self._socket = HeartbeatSocket(settings) if settings.websocket else None
        self._random = random.Random()
        self._word: SimpleQueue[None] = SimpleQueue()
        self._is_ready = ready
        self._listens = False
        self._drains = False
        self.finishes = False
        self.is_held = False
        self._told: Callable[[], bool] | None = None
        self._sequence = 0
        self._failures = 0
        self._due_at = 0.0
        self._tried_at = -_limits.NEWS_GAP
        self._tried: Key | None = None
        self._trouble: str | None = None
        self._warnings: tuple[str, ...] = ()
        self._joined = False

    # Left by other threads.

    def ready(self) -> None:
        self._is_ready = True
        self._word.put(None)

    def drain(self) -> None:
        """From now on `draining`."""
        self._drains = True
        self._word.put(None)

    def hold(self, told: Callable[[], bool]) -> None:
        """The same, and `told` is called every moment after the router was told, or could not be told, until it gives True."""
        self.is_held = True
        self._told = told
        self.drain()

    def look(self) -> None:
        """Something may have changed."""
        self._word.put(None)

    def finish(self, timeout: float) -> None:
        """Says `stopped` and ends the thread. Waits for that, but no longer than `timeout`."""
        self.finishes = True
        self._word.put(None)
        if threading.current_thread() is not self:
            self.join(timeout)

    # The thread's own.

    def run(self) -> None:
        while self._tried is None or self._tried[0] != "stopped":
            try:
                pause = self._turn()
            except Exception:
                log.exception("a heartbeat could not be made")
                if self.finishes:
                    return
                pause = _limits.RETRY_MAX
            if pause > 0:
                self._sleep(pause)
        if self._socket is not None:
            self._socket.close()

    def _turn(self) -> float:
        """Does what is due, and says for how many seconds nothing else is."""
        now = time.monotonic()
        due_in = None if self._socket is None else self._socket.due_in()
        if due_in is not None:
            self._due_at = min(self._due_at, max(now + due_in, self._tried_at + _limits.NEWS_GAP))
        status = self._status(now)
        # What is still setting itself up may have nothing to read the hints from.
        hints = self._hints.read() if self._is_ready else None
        key = (status, None if hints is None else frozenset(hints))
        if self._is_due(key, now):
            self._beat(status, hints, key)
            now = time.monotonic()
        if self._told is not None and self._tried is not None and self._tried[0] == "draining" and self._told():
            self._told = None
        return min(max(self._due_at - now, 0.0), _limits.NEWS_GAP if key != self._tried else _limits.POLL)

    def _status(self, now: float) -> str:
        if self.finishes:
            return "stopped"
        if self._drains:
            return "draining"
        if self._is_ready and not self._listens:
            self._listens = self._probe.listens(now)
        return "ready" if self._listens else "starting"

    def _is_due(self, key: Key, now: float) -> bool:
        """News go out at once, but while the router is away only another status does."""
        if self._tried is None or key[0] != self._tried[0] or now >= self._due_at:
            return True
        return key != self._tried and self._failures == 0 and now >= self._tried_at + _limits.NEWS_GAP

    def _beat(self, status: str, hints: list[str] | None, key: Key) -> None:
        leaving = status in ("draining", "stopped")
        answer = self._send(status, hints, _limits.GOODBYE_TIMEOUT if leaving else _limits.ANSWER_TIMEOUT)
        self._tried = key
        self._tried_at = time.monotonic()
        if isinstance(answer, Accepted):
            self._accepted(answer)
        else:
            self._failed(answer, status)

    def _send(self, status: str, hints: list[str] | None, timeout: float) -> Answer:
        if self._socket is not None:
            answer = self._socket.exchange(self._report(status, hints), timeout)
            if answer is not None:
                return answer
        return post(self._settings, self._report(status, hints), timeout)

    def _report(self, status: str, hints: list[str] | None) -> Report:
        self._sequence += 1
        report = {
            "app": self._settings.app,
            "replica": self._settings.replica,
            "origin": self._settings.origin,
            "incarnation": self._incarnation,
            "sequence": self._sequence,
            "hints": hints,
            "hint_slots": self._settings.hint_slots,
            "concurrency": self._settings.concurrency,
            "in_flight": self._in_flight(),
            "status": status,
        }
        return {name: value for name, value in report.items() if value is not None}

    def _accepted(self, answer: Accepted) -> None:
        self._failures = 0
        self._due_at = self._tried_at + _pace.pause_after_success(answer.interval, self._random.random())
        if not self._joined:
            self._joined = True
            log.info("%s has joined %s at %s", self._settings.replica, self._settings.app, self._settings.router)
        elif self._trouble is not None:
            log.info("the router accepts heartbeats again")
        self._trouble = None
        if answer.warnings != self._warnings:
            log.warning("the router warns: %s", "; ".join(answer.warnings) or "no more")
        self._warnings = answer.warnings
        if not self.finishes and not self._drains:
            self._follower.take(answer.load, answer.evict, self.look)

    def _failed(self, failure: Failed, status: str) -> None:
        self._failures += 1
        self._due_at = self._tried_at + _pace.pause_after_failure(self._failures, self._random.random(), failure.retry_after)
        what = "the router was not told that the replica stops" if status == "stopped" else "a heartbeat failed"
        known = failure.kind == self._trouble
        level = logging.DEBUG if known else logging.ERROR if failure.mistaken else logging.WARNING
        after = "" if known or status == "stopped" else "; it is tried again, and this is said once"
        log.log(level, "%s: %s%s", what, failure.problem, after)
        self._trouble = failure.kind

    def _sleep(self, seconds: float) -> None:
        try:
            self._word.get(timeout=seconds)
            while True:
                self._word.get_nowait()
        except Empty:
            pass
