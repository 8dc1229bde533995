"""Whether the replica listens yet."""

from __future__ import annotations

import logging
import socket

from . import _limits

log = logging.getLogger("warmpath")

_PATIENCE = 10.0
"""Seconds of refused connections after which that is said once."""


class Probe:
    """Connects to an address until something listens there, and never again after that."""

    def __init__(self, address: tuple[str, int] | None) -> None:
        self._address = address
        self._first_refusal: float | None = None
        self._said = False

    def listens(self, now: float) -> bool:
        """Whether a connection can be made, as far as this machine can tell.

        Refused means no. Anything else that goes wrong, such as a name that is known elsewhere only, tells nothing, and then
        the answer is yes. `now`: seconds of a monotonic clock.
        """
        if self._address is None:
            return True
        try:
            socket.create_connection(self._address, timeout=_limits.PROBE_TIMEOUT).close()
        except ConnectionRefusedError:
            self._wait(now)
            return False
        except OSError as error:
            log.info("%s:%d can't be reached from here (%s), so the replica counts as ready", *self._address, error)
        self._address = None
        return True

    def _wait(self, now: float) -> None:
        if self._first_refusal is None:
            self._first_refusal = now
        if self._address is None or self._said or now - self._first_refusal < _PATIENCE:
            return
        self._said = True
        log.warning(
            "nothing listens at %s:%d yet, so the router is told that the replica is starting; "
            "if it listens elsewhere, pass probe='host:port', or probe=False",
            *self._address,
        )
