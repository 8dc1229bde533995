"""When the next heartbeat is due. Pure: the randomness is passed in, as a number from 0 up to 1. Times are in seconds."""

from __future__ import annotations

from . import _limits


def interval_of(answered_ms: object) -> float:
    """The interval that the router asked for, within bounds; the default if it said none."""
    if not isinstance(answered_ms, (int, float)) or isinstance(answered_ms, bool) or answered_ms != answered_ms:
        return _limits.FIRST_INTERVAL
    return min(max(answered_ms / 1000, _limits.INTERVAL_MIN), _limits.INTERVAL_MAX)


def pause_after_success(interval: float, drawn: float) -> float:
    """A twentieth more or less than the interval, so that replicas which started together do not beat together for ever."""
    return interval * (0.95 + 0.1 * drawn)


def pause_after_failure(failures: int, drawn: float, retry_after: float | None = None) -> float:
    """A second after the first failure in a row, twice as long after each further one up to a bound, a quarter more or less.

    `retry_after`: what the router asked for. It makes the pause longer, within the same bound.
    """
    doubled = _limits.RETRY_FIRST * 2.0 ** min(failures - 1, 10)
    asked = 0.0 if retry_after is None else retry_after
    return min(max(doubled, asked), _limits.RETRY_MAX) * (0.75 + 0.5 * drawn)
