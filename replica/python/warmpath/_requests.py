"""How many requests are being served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Requests:
    """Counts. Nobody counts until `counted` is set: a zero would tell the router that slots it holds are free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counted = False
        self.in_flight = 0
        """Requests whose answer is not complete."""
        self.running = 0
        """Requests whose handler has not returned. The process should not end under them."""

    def begin(self) -> Request:
        with self._lock:
            self.counted = True
            self.in_flight += 1
            self.running += 1
        return Request(self, self._lock)

    @contextmanager
    def one(self) -> Iterator[None]:
        request = self.begin()
        try:
            yield
        finally:
            request.end()


class Request:
    """One that is being served."""

    def __init__(self, requests: Requests, lock: threading.Lock) -> None:
        self._requests = requests
        self._lock = lock
        self._answered = False

    def answered(self) -> None:
        """Its answer's last byte is about to be sent. With that byte the router sends the next request. Once is enough."""
        with self._lock:
            if not self._answered:
                self._answered = True
                self._requests.in_flight -= 1

    def end(self) -> None:
        """Its handler has returned. Is called once."""
        self.answered()
        with self._lock:
            self._requests.running -= 1
