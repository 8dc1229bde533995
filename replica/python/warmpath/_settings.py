"""What a replica says of itself, and to which router: from arguments, else from environment variables, else a default.

A bad value is a ValueError that begins with the argument's name. It never shows the token.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass, field
from typing import Callable, NoReturn, TypeVar
from urllib.parse import urlsplit

from . import _limits

T = TypeVar("T")

_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?")
_VISIBLE = re.compile(r"[!-~]+")
_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*|\[[0-9a-f:.]+\])"
    r"(?::[1-9]\d{0,4})?/?",
    re.IGNORECASE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes in a variable that are no UTF-8."""
_PORTS = {"http": 80, "https": 443}

VARIABLES = {
    "app": ("WARMPATH_APP",),
    "router": ("WARMPATH_ROUTER",),
    # The second is what `npx warmpath` reads.
    "token": ("WARMPATH_TOKEN", "WARMPATH_HEARTBEAT_TOKEN"),
    "origin": ("WARMPATH_ORIGIN",),
    "replica": ("WARMPATH_REPLICA",),
    "concurrency": ("WARMPATH_CONCURRENCY",),
    "hint_slots": ("WARMPATH_HINT_SLOTS",),
    "websocket": ("WARMPATH_WEBSOCKET",),
    "signing_key": ("WARMPATH_SIGNING_KEY",),
}
"""By argument, the variables that stand in for it. The first that is set and not empty counts."""


@dataclass(frozen=True)
class Settings:
    """A replica's settings, checked."""

    app: str
    router: str
    """`scheme://host[:port]`, without a slash at its end."""
    token: str = field(repr=False)
    origin: str
    """`scheme://host[:port]`, without a slash at its end."""
    replica: str
    concurrency: int
    hint_slots: int | None
    websocket: bool


def settings(
    *,
    app: str | None,
    router: str | None,
    token: str | None,
    origin: str | None,
    replica: str | None,
    concurrency: int | None,
    hint_slots: int | None,
    websocket: bool | None,
) -> Settings:
    """Reads and checks them all, in this order. Raises ValueError for the first that is bad or missing."""
    checked_app = required("app", app, _app)
    checked_router = required("router", router, _origin)
    checked_token = required("token", token, _token)
    checked_origin = required("origin", origin, _origin)
    return Settings(
        app=checked_app,
        router=checked_router,
        token=checked_token,
        origin=checked_origin,
        replica=optional("replica", replica, _replica) or _checked("replica", default_replica(checked_origin), _replica),
        concurrency=optional("concurrency", concurrency, _whole(1, _limits.CONCURRENCY_MAX)) or 1,
        hint_slots=optional("hint_slots", hint_slots, _whole(0, _limits.HINTS_MAX)),
        websocket=optional("websocket", websocket, _boolean) or False,
    )


def optional(name: str, given: object, check: Callable[[object], T]) -> T | None:
    """The argument's value, or its variable's, or None. The check raises ValueError, to which the argument's name is added."""
    if given is not None:
        return _checked(name, given, check)
    for variable in VARIABLES[name]:
        text = os.environ.get(variable)
        if text:
            return _checked(f"{name} (from {variable})", text, check)
    return None


def required(name: str, given: object, check: Callable[[object], T]) -> T:
    """The same, and neither is a ValueError that names both."""
    value = optional(name, given, check)
    if value is None:
        raise ValueError(f"{name} is missing: pass {name}= or set {VARIABLES[name][0]}")
    return value


def default_replica(origin: str) -> str:
    """The host's name, and the port that the origin names: a host may run several replicas. Both outlive a restart."""
    port = urlsplit(origin).port
    return socket.gethostname() if port is None else f"{socket.gethostname()}:{port}"


def address_of(origin: str) -> tuple[str, int]:
    """Host and port of an origin."""
    url = urlsplit(origin)
    return url.hostname or "", url.port or _PORTS[url.scheme.lower()]


def address(name: str, text: str) -> tuple[str, int]:
    """`host:port` as a pair. Raises ValueError with the argument's name."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{name} must be True, False or host:port, not {text!r}")
    return host.strip("[]"), int(port)


def signing_keys(given: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """The keys of which one must have signed a request; none: no signature is asked for."""
    return optional("signing_key", given, _keys) or ()


def _checked(name: str, value: object, check: Callable[[object], T]) -> T:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _refuse(rule: str, value: object) -> NoReturn:
    raise ValueError(f"must be {rule}, not {value!r}")


def _app(value: object) -> str:
    if not isinstance(value, str) or not _APP.fullmatch(value):
        _refuse("a letter or digit, then up to 127 of letters, digits and ._- (one / may join two of these)", value)
    return value


def _origin(value: object) -> str:
    if not isinstance(value, str) or len(value) > _limits.ORIGIN_CHARACTERS_MAX or not _ORIGIN.fullmatch(value):
        _refuse("scheme://host[:port] with http or https, without user, path or query", value)
    try:
        urlsplit(value).port  # noqa: B018 (it raises)
    except ValueError:
        _refuse("scheme://host[:port] with a port below 65536", value)
    return value.rstrip("/")


def _token(value: object) -> str:
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        raise ValueError("must be visible ASCII without spaces")
    return value


def _replica(value: object) -> str:
    longest = _limits.REPLICA_ID_CHARACTERS_MAX
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value) or len(value) > longest or value in (".", ".."):
        _refuse(f"1 to {longest} visible ASCII characters, and neither . nor ..", value)
    return value


def _keys(value: object) -> tuple[str, ...]:
    keys = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else ()
    if not keys or not all(isinstance(key, str) and key and not _SURROGATE.search(key) for key in keys):
        raise ValueError("must be a text in UTF-8 or several, none of them empty")
    return keys


def _boolean(value: object) -> bool:
    if not isinstance(value, bool) and value not in ("true", "false"):
        _refuse("true or false", value)
    return value is True or value == "true"


def _whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:20])
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            _refuse(f"a whole number from {low} to {high}", value)
        return value

    return check
