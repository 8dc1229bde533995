"""Whether a request came through the router: `x-warmpath-signature` (docs/protocol.md, Signature)."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable

from . import _limits

_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def fault(
    keys: str | Iterable[str],
    header: str | None,
    method: str,
    target: str | Iterable[str],
    replica: str,
    *,
    now: float | None = None,
) -> str | None:
    """Why a signature is not good, or None: it is.

    keys: the router's `ORIGIN_SIGNING_KEY`, or several of which one must fit, while it is changed.
    header: the value of `x-warmpath-signature`; None: the request has none.
    target: path and query as they stood on the wire, or several readings of which one must fit.
    replica: this replica's id.
    now: seconds since 1970. None: the clock's.
    """
    if header is None:
        return "there is no x-warmpath-signature"
    match = _HEADER.fullmatch(header)
    if match is None:
        return "x-warmpath-signature is malformed"
    age = (time.time() if now is None else now) - int(match[1])
    if abs(age) > _limits.SIGNATURE_AGE_MAX:
        return f"x-warmpath-signature is {abs(age):.0f} s {'old' if age > 0 else 'ahead'}: the clocks differ, or it is a replay"
    fits = False
    for key in (keys,) if isinstance(keys, str) else keys:
        for each in (target,) if isinstance(target, str) else target:
            text = "\n".join((match[1], method, each, replica))
            made = hmac.new(key.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
            fits |= hmac.compare_digest(made, match[2])
    return None if fits else "x-warmpath-signature does not fit the request, this replica and the key"


def is_from_router(
    keys: str | Iterable[str],
    header: str | None,
    method: str,
    target: str,
    replica: str,
    *,
    now: float | None = None,
) -> bool:
    """Whether a request is signed by the router for this replica, with `fault`'s arguments. Compares in constant time."""
    return fault(keys, header, method, target, replica, now=now) is None
