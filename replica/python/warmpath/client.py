"""For those who send requests: the headers that the router reads, and one object that puts them into `requests` and `httpx`.

    session = requests.Session()
    session.auth = Hint("sdxl")                     # each request of the session
    httpx.post(url, json=body, auth=Hint("sdxl"))   # one request
    httpx.Client(auth=Hint(from_json="model"))      # each request names its hint in its own body

Both libraries call what they are given as `auth` with each request, so neither is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from . import _limits
from ._hints import hint_fault

Request = TypeVar("Request")

PRIORITIES = ("low", "normal", "high")


def hint_headers(
    hints: str | Iterable[str] = (),
    *,
    priority: str | None = None,
    timeout: float | None = None,
    cost: float | None = None,
    prewarm: str | Iterable[str] = (),
    no_retry: bool = False,
) -> dict[str, str]:
    """The headers of a request to the router, for any HTTP client (docs/protocol.md, Client requests).

    hints: one hint, or up to 8 in order of preference; none: any replica.
    priority: `low`, `normal` or `high`.
    timeout: seconds until the request must have been sent to a replica, above 0. How long the answer takes does not count.
    cost: seconds that serving the request will take, above 0 and at most 86,400. They need not be real ones.
    prewarm: one hint, or up to 8, that later requests will name: idle replicas may load them meanwhile.
    no_retry: never send the request to a second replica.

    Raises ValueError for the first argument that the router would refuse, with its name.
    """
    headers: dict[str, str] = {}
    named = _hints_of("hints", hints)
    if named:
        headers["X-Fal-Runner-Hint"] = ",".join(named)
    announced = _hints_of("prewarm", prewarm)
    if announced:
        headers["X-Warmpath-Prewarm"] = ",".join(announced)
    if priority is not None:
        if priority not in PRIORITIES:
            raise ValueError(f"priority must be low, normal or high, not {priority!r}")
        headers["X-Fal-Queue-Priority"] = priority
    if timeout is not None:
        headers["X-Fal-Request-Timeout"] = _seconds("timeout", timeout, _limits.REQUEST_TIMEOUT_MAX)
    if cost is not None:
        headers["X-Warmpath-Cost"] = _seconds("cost", cost, _limits.COST_MAX)
    if no_retry:
        headers["X-Fal-No-Retry"] = "1"
    return headers


class Hint:
    """Adds these headers to requests: the `auth` of a request, a session or a client, and a request hook of `httpx.Client`.

    hints, priority, timeout, cost, prewarm, no_retry: as of `hint_headers`.
    from_json: the field of a JSON body whose text is the hint, if there is no other. A body that has none, or whose text can't
        be a hint, is sent without a hint.

    A header that the request has already stays as it is. Where `auth` is taken, `headers=hint.headers` does the same without
    `from_json`.
    """

    def __init__(
        self,
        *hints: str,
        from_json: str | None = None,
        priority: str | None = None,
        timeout: float | None = None,
        cost: float | None = None,
        prewarm: str | Iterable[str] = (),
        no_retry: bool = False,
    ) -> None:
        if from_json is not None and (not isinstance(from_json, str) or hints):
            raise ValueError("from_json must be a field's name, and there must be no hints beside it")
        self.headers: Mapping[str, str] = hint_headers(
            hints, priority=priority, timeout=timeout, cost=cost, prewarm=prewarm, no_retry=no_retry
        )
        self._from_json = from_json

    def __call__(self, request: Request) -> Request:
        """Adds the headers, and gives the request back."""
        its: Any = request
        for name, value in self.headers.items():
            its.headers.setdefault(name, value)
        if self._from_json is not None and "X-Fal-Runner-Hint" not in its.headers:
            hint = _field_of(_body_of(its), self._from_json)
            if hint is not None:
                its.headers["X-Fal-Runner-Hint"] = hint
        return request


def _hints_of(name: str, hints: str | Iterable[str]) -> list[str]:
    named = [hints] if isinstance(hints, str) else list(hints)
    for each in named:
        fault = hint_fault(each.strip() if isinstance(each, str) else each)
        if fault is not None:
            raise ValueError(f"{name}: {each!r} {fault}")
    if len(named) > _limits.HINTS_PER_REQUEST_MAX:
        raise ValueError(f"{name} has more than {_limits.HINTS_PER_REQUEST_MAX} hints")
    return [each.strip() for each in named]


def _seconds(name: str, value: float, most: int) -> str:
    # The router reads decimal digits alone, no exponent.
    text = f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, (int, float)) and not isinstance(value, bool) else "0"
    if text == "0" or not 0 < value <= most:
        raise ValueError(f"{name} must be seconds above 0 and at most {most}, not {value!r}")
    return text


def _body_of(request: Any) -> Any:
    """The whole body, if it is in memory: `body` in requests, `content` in httpx, where that of a stream can't be read."""
    try:
        return request.content if hasattr(type(request), "content") else request.body
    except (AttributeError, RuntimeError):
        return None


def _field_of(body: Any, field: str) -> str | None:
    try:
        its = json.loads(body)[field] if isinstance(body, (str, bytes)) and body else None
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return its.strip() if isinstance(its, str) and hint_fault(its.strip()) is None else None
