"""One heartbeat to the router, and what it answers. Whatever goes wrong is an answer too: nothing here raises."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Union

from . import _limits, _pace
from ._settings import VARIABLES, Settings

Report = Mapping[str, object]

HEARTBEAT_PATH = "/-/heartbeat"


@dataclass(frozen=True)
class Accepted:
    """The router has taken the heartbeat."""

    interval: float
    """Seconds to the next one."""
    time_to_live: float | None
    """Seconds without a heartbeat after which the replica is gone."""
    warnings: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    evict: tuple[str, ...] = ()
    """Hints that an idle replica should load, and those to evict for them."""


@dataclass(frozen=True)
class Failed:
    """It has not."""

    problem: str
    """In words, with the field, the argument or the variable to correct if there is one."""
    kind: str
    """What makes two problems the same one."""
    mistaken: bool = False
    """Somebody has to correct something: trying again will not do."""
    retry_after: float | None = None


Answer = Union[Accepted, Failed]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: the token is for the router that was named."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post(settings: Settings, report: Report, timeout: float) -> Answer:
    """Sends a heartbeat. `timeout`: seconds for each step, such as connecting, and for the whole answer."""
    request = urllib.request.Request(
        settings.router + HEARTBEAT_PATH,
        data=json.dumps(report).encode(),
        headers={"authorization": f"Bearer {settings.token}", "content-type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout) as response:
            return answer_of(response.status, _read(response, timeout), None)
    except urllib.error.HTTPError as error:
        with error:
            try:
                body = _read(error, timeout)
            except (OSError, http.client.HTTPException):
                body = b""
            return answer_of(error.code, body, error.headers.get("retry-after"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return unreached(settings, error)


def unreached(settings: Settings, error: Exception) -> Failed:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    words = str(reason) or type(reason).__name__
    return Failed(f"{settings.router} can't be reached: {words}", kind="unreached")


def answer_of(status: int, body: bytes, retry_after: str | None) -> Answer:
    """From the router's status, body and Retry-After to what it means."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return Failed(f"the answer has status {status} and is no JSON: is this a Warmpath router?", kind=f"status {status}")
    if status != 200:
        return _refusal(status, told, _seconds(retry_after))
    live = told.get("time_to_live_ms")
    return Accepted(
        interval=_pace.interval_of(told.get("next_heartbeat_ms")),
        time_to_live=live / 1000 if isinstance(live, (int, float)) else None,
        warnings=_texts(told.get("warnings")),
        load=_texts(told.get("load")),
        evict=_texts(told.get("evict")),
    )


def _texts(told: object) -> tuple[str, ...]:
    return tuple(str(each) for each in told) if isinstance(told, list) else ()


def _refusal(status: int, told: Mapping[str, Any], retry_after: float | None) -> Failed:
    kind = str(told.get("error_type") or f"status {status}")
    detail = str(told.get("detail") or told.get("title") or f"status {status}")
    field = told.get("field")
    advice = _advice(kind, field, told)
    return Failed(
        problem=f"{detail} ({status} {kind}{advice})",
        kind=f"{kind} {field}",
        mistaken=400 <= status < 500 and status != 429,
        retry_after=retry_after,
    )


def _advice(kind: str, field: object, told: Mapping[str, Any]) -> str:
    """What to look at, or nothing."""
    if isinstance(field, str):
        argument = field.split(".", 1)[0]
        variable = VARIABLES.get(argument)
        return f"; field {field}, argument {argument}" + (f" or {variable[0]}" if variable else "")
    if kind == "unauthorized":
        return f"; argument token or {VARIABLES['token'][0]}, and HEARTBEAT_TOKENS of the router"
    if kind == "forbidden":
        return "; arguments token and app"
    if kind == "stale_heartbeat":
        return "; another process uses this replica's id, or it has just stopped, or somebody deleted it"
    if kind == "origin_taken":
        return f"; argument origin: the replica {told.get('replica')} has it"
    return ""


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _read(response: IO[bytes], timeout: float) -> bytes:
    """The body up to its bound, within the time: a byte now and then does not make it longer."""
    deadline = time.monotonic() + timeout
    body = b""
    while len(body) < _limits.ANSWER_BYTES_MAX and time.monotonic() < deadline:
        piece = response.read1(8192) if isinstance(response, http.client.HTTPResponse) else response.read(8192)
        if not piece:
            break
        body += piece
    return body
