"""Heartbeats over a WebSocket (docs/protocol.md, Over a WebSocket), by as much of RFC 6455 as they need."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import os
import random
import socket
import ssl
import time
from urllib.parse import quote, urlsplit

from . import _limits, _pace
from ._exchange import HEARTBEAT_PATH, Answer, Report, answer_of
from ._settings import Settings, address_of

log = logging.getLogger("warmpath")

CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NORMAL_CLOSURE = (1000).to_bytes(2, "big")


class Broken(Exception):
    """The connection can't be used any more, or never could."""


class HeartbeatSocket:
    """A connection that is opened when it is needed, and again after it broke, with growing pauses. One thread uses it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._random = random.Random()
        self._socket: socket.socket | None = None
        self._frames = Frames()
        self._failures = 0
        self._open_at = 0.0

    def exchange(self, report: Report, timeout: float) -> Answer | None:
        """Sends a heartbeat and waits for its answer. None: there is no connection, or it broke, perhaps after it had arrived."""
        deadline = time.monotonic() + timeout
        try:
            if self._socket is None:
                if time.monotonic() < self._open_at:
                    return None
                self._open(deadline)
            self._send(TEXT, json.dumps(report).encode(), deadline)
            while True:
                told = self._next_text(deadline)
                if told.get("type") != "beat_now":
                    self._failures = 0
                    return _answer_of(told)
        except (OSError, ValueError, Broken) as error:
            self._drop(error)
            return None

    def due_in(self) -> float | None:
        """Seconds after which a report is due whatever the interval; None: by the interval alone. Does not wait.

        At once if the router asks for one. In a moment if the connection has ended: at a restart, those of all replicas do.
        """
        if self._socket is None:
            return None
        try:
            return 0.0 if self._next_text(deadline=None).get("type") == "beat_now" else None
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except (OSError, ValueError, Broken) as error:
            self._drop(error)
            return _limits.REOPEN_SPREAD * self._random.random()

    def close(self) -> None:
        """Says goodbye and does not wait for an answer. Never fails."""
        if self._socket is None:
            return
        with contextlib.suppress(OSError, Broken):
            self._send(CLOSE, _NORMAL_CLOSURE, time.monotonic() + _limits.PROBE_TIMEOUT)
        self._socket.close()
        self._socket = None

    def _open(self, deadline: float) -> None:
        url = urlsplit(self._settings.router)
        address = address_of(self._settings.router)
        self._frames = Frames()
        self._socket = socket.create_connection(address, timeout=_left(deadline))
        if url.scheme.lower() == "https":
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=address[0])
        key = base64.b64encode(os.urandom(16))
        head = (
            f"GET {HEARTBEAT_PATH}?app={quote(self._settings.app, safe='')} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            f"Authorization: Bearer {self._settings.token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode()}\r\n\r\n"
        )
        self._write(head.encode(), deadline)
        answer = b""
        while b"\r\n\r\n" not in answer:
            if len(answer) > _limits.ANSWER_BYTES_MAX:
                raise Broken("the handshake's answer has no end")
            answer += self._read(deadline)
        answer, _, rest = answer.partition(b"\r\n\r\n")
        status, *lines = answer.decode("latin-1").split("\r\n")
        if status.split(" ")[1:2] != ["101"]:
            raise Broken(f"the handshake was answered {status!r}")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        accept = base64.b64encode(hashlib.sha1(key + _ACCEPT_SUFFIX, usedforsecurity=False).digest()).decode()
        if headers.get("sec-websocket-accept") != accept:
            raise Broken("the handshake's answer does not fit its key")
        self._frames.feed(rest)

    def _next_text(self, deadline: float | None) -> dict[str, object]:
        """The next text as JSON. Without a deadline it raises BlockingIOError, or TLS's like, if none has come yet."""
        while True:
            frame = self._frames.next()
            if frame is None:
                self._frames.feed(self._read(deadline))
                continue
            opcode, payload = frame
            if opcode == TEXT:
                told = json.loads(payload)
                if not isinstance(told, dict):
                    raise Broken("a frame is no JSON object")
                return told
            if opcode == PING:
                self._send(PONG, payload, time.monotonic() + _limits.PROBE_TIMEOUT)
            elif opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1005
                raise Broken(f"the router has closed it: {code} {payload[2:].decode('utf-8', 'replace')}".rstrip())

    def _send(self, opcode: int, payload: bytes, deadline: float) -> None:
        self._write(encoded(opcode, payload, os.urandom(4)), deadline)

    def _write(self, data: bytes, deadline: float) -> None:
        its = self._connection()
        its.settimeout(_left(deadline))
        its.sendall(data)

    def _read(self, deadline: float | None) -> bytes:
        its = self._connection()
        its.settimeout(0.0 if deadline is None else _left(deadline))
        data = its.recv(8192)
        if not data:
            raise Broken("the connection has ended")
        return data

    def _connection(self) -> socket.socket:
        if self._socket is None:
            raise Broken("there is no connection")
        return self._socket

    def _drop(self, error: Exception) -> None:
        """POST does the work until the next attempt, which is the next heartbeat if the connection was good until now."""
        pause = _pace.pause_after_failure(self._failures, self._random.random()) if self._failures > 0 else 0.0
        self._open_at = time.monotonic() + pause
        self._failures += 1
        level = logging.INFO if self._failures == 1 else logging.DEBUG
        log.log(level, "heartbeats go by POST until their WebSocket is open: %s", error)
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Frames:
    """What has come of the router's frames, taken apart as far as it goes. Raises Broken at what no router sends."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._message = bytearray()
        self._kind: int | None = None

    def feed(self, data: bytes) -> None:
        self._bytes += data
        if len(self._bytes) + len(self._message) > 2 * _limits.ANSWER_BYTES_MAX:
            raise Broken("a message is too long")

    def next(self) -> tuple[int, bytes] | None:
        """The next whole message or control frame; None: it has not come yet."""
        while True:
            frame = self._frame()
            if frame is None:
                return None
            is_last, opcode, payload = frame
            if opcode >= CLOSE:
                return opcode, payload
            if (opcode == CONTINUATION) == (self._kind is None):
                raise Broken("a message begins or goes on out of turn")
            self._kind = opcode if self._kind is None else self._kind
            self._message += payload
            if is_last:
                message = (self._kind, bytes(self._message))
                self._kind = None
                self._message.clear()
                return message

    def _frame(self) -> tuple[bool, int, bytes] | None:
        its = self._bytes
        if len(its) < 2:
            return None
        if its[0] & 0x70 or its[1] & 0x80:
            raise Broken("a frame has bits that nobody has agreed on, or a mask")
        length, begin = its[1] & 0x7F, 2
        if length > 125:
            begin = 4 if length == 126 else 10
            if len(its) < begin:
                return None
            length = int.from_bytes(its[2:begin], "big")
        if length > _limits.ANSWER_BYTES_MAX:
            raise Broken("a frame is too long")
        if len(its) < begin + length:
            return None
        frame = (bool(its[0] & 0x80), its[0] & 0x0F, bytes(its[begin : begin + length]))
        del its[: begin + length]
        return frame


def encoded(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """A whole frame of a client. `mask`: four random bytes."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65_536:
        head = bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + length.to_bytes(8, "big")
    # As one number: a heartbeat may have 261 KiB, and a loop over bytes would keep the other threads waiting.
    repeated = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + masked.to_bytes(length, "big")


def _answer_of(told: dict[str, object]) -> Answer:
    """A frame is what a POST would be answered. A problem has its status, and its Retry-After in milliseconds."""
    status = told.get("status", 200)
    after = told.get("retry_after_ms")
    seconds = str(-(-int(after) // 1000)) if isinstance(after, (int, float)) else None
    return answer_of(status if isinstance(status, int) else 0, json.dumps(told).encode(), seconds)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
