"""The middleware: by itself, and in FastAPI on uvicorn behind the real router."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import signal
import tempfile
import time
import unittest
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from tests import support
from tests.support import Program, RouterCase, needs, needs_router, send, until
from tests.test_signals import InFlight
from warmpath import Replica
from warmpath.asgi import WarmpathMiddleware

Message = MutableMapping[str, Any]
Application = Callable[..., Awaitable[None]]


def replica(**more: Any) -> Replica:
    its = {"app": "a", "router": "http://127.0.0.1:1", "token": "t", "origin": "http://127.0.0.1:2", "replica": "gpu-1", **more}
    return Replica(**its)


async def answers(scope: Message, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
    await send({"type": "http.response.body", "body": b"ok"})


def scope(**more: Any) -> dict[str, Any]:
    its = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": "", "headers": []}
    return {**its, **more}


def call(middleware: WarmpathMiddleware, its: Message, *received: Message) -> list[Message]:
    """What the middleware sends for that scope."""
    sent: list[Message] = []
    incoming = list(received)

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(middleware(its, receive, send))
    return sent


class ByItself(unittest.TestCase):
    def test_answers_carry_the_hints_of_now(self) -> None:
        hints: list[str] = []
        middleware = WarmpathMiddleware(answers, replica(hints=lambda: hints))
        for header in (b"", b"sdxl", b"sdxl,a b"):
            self.assertEqual(call(middleware, scope())[0]["headers"], [(b"x", b"y"), (b"x-fal-runner-hints", header)])
            hints.append("a b" if hints else "sdxl")
        self.assertEqual(call(WarmpathMiddleware(answers, replica()), scope())[0]["headers"], [(b"x", b"y")])

    def test_a_list_that_is_too_long_for_a_header_is_not_cut_but_left_out(self) -> None:
        middleware = WarmpathMiddleware(answers, replica(hints=[f"{n:0500d}" for n in range(20)]))
        with support.logged() as records:
            for _ in range(2):
                self.assertEqual(call(middleware, scope())[0]["headers"], [(b"x", b"y")])
        self.assertEqual(len(records), 1)

    def test_the_applications_own_header_stays(self) -> None:
        async def own(scope: Message, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Fal-Runner-Hints", b"own")]})

        sent = call(WarmpathMiddleware(own, replica(hints=["sdxl"])), scope())
        self.assertEqual(sent[0]["headers"], [(b"X-Fal-Runner-Hints", b"own")])

    def test_messages_are_passed_on_as_they_are(self) -> None:
        messages: list[Message] = [
            {"type": "http.response.body", "body": b"1", "more_body": True},
            {"type": "http.response.trailers", "headers": []},
            {"type": "http.response.body", "body": b""},
        ]

        async def streams(scope: Message, receive: Any, send: Any) -> None:
            for message in messages:
                await send(message)

        sent = call(WarmpathMiddleware(streams, replica(hints=["sdxl"])), scope())
        self.assertTrue(all(one is other for one, other in zip(sent, messages)))
        self.assertEqual(len(sent), 3)

    def test_a_request_counts_until_its_last_byte_and_runs_until_its_handler_returns(self) -> None:
        its = replica()
        seen: list[tuple[int, int]] = []

        async def counts(scope: Message, receive: Any, send: Any) -> None:
            seen.append((its._requests.in_flight, its._requests.running))
            await send({"type": "http.response.body", "body": b"1", "more_body": True})
            seen.append((its._requests.in_flight, its._requests.running))
            await send({"type": "http.response.body", "body": b"2"})
            seen.append((its._requests.in_flight, its._requests.running))
            raise KeyError("its own")

        middleware = WarmpathMiddleware(counts, its)
        self.assertEqual(its.in_flight, 0)
        with self.assertRaises(KeyError):
            call(middleware, scope())
        self.assertEqual((seen, its.in_flight, its._requests.running), ([(1, 1), (1, 1), (0, 1)], 0, 0))

    def test_options_and_exempt_paths_do_not_count(self) -> None:
        its = replica()
        seen: list[int | None] = []

        async def counts(scope: Message, receive: Any, send: Any) -> None:
            seen.append(its.in_flight)

        middleware = WarmpathMiddleware(counts, its, exempt=["/health"], signing_key="key")
        call(middleware, scope(path="/health"))
        with support.logged():
            call(middleware, scope(path="/healthy"))
        call(WarmpathMiddleware(counts, its), scope(method="OPTIONS"))
        self.assertEqual(seen, [0, 0])

    def test_bad_arguments_are_named(self) -> None:
        for name, bad in (
            ("replica", None),
            ("exempt", "/health"),
            ("signing_key", ""),
            ("signing_key", []),
            ("signing_key", [1]),
            ("signing_key", "a\udcff"),
        ):
            with self.subTest(name=name, bad=bad), self.assertRaisesRegex(ValueError, f"^{name} "):
                WarmpathMiddleware(answers, **dict[str, Any]({"replica": replica(), name: bad}))

    def lifespan(self, application: Application, *received: str) -> tuple[list[str], list[str]]:
        """What the server got and what the replica was told."""
        its = replica()
        told: list[str] = []
        with (
            mock.patch.object(its, "start", lambda ready=True: told.append(f"start {ready}")),
            mock.patch.object(its, "ready", lambda: told.append("ready")),
            mock.patch.object(its, "stop", lambda: told.append("stop")),
        ):
            sent: list[Message] = []
            try:
                sent = call(WarmpathMiddleware(application, its), {"type": "lifespan"}, *[{"type": each} for each in received])
            except RuntimeError:
                told.append("raised")
        return [message["type"] for message in sent], told

    def test_it_starts_and_stops_with_the_application(self) -> None:
        async def application(scope: Message, receive: Any, send: Any) -> None:
            for which in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{which}"
                await send({"type": f"lifespan.{which}.complete"})

        sent, told = self.lifespan(application, "lifespan.startup", "lifespan.shutdown")
        self.assertEqual(told, ["start False", "ready", "stop"])
        self.assertEqual(sent, ["lifespan.startup.complete", "lifespan.shutdown.complete"])

    def test_an_application_that_does_not_start_is_no_replica(self) -> None:
        async def application(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed"})
            raise RuntimeError("its own")

        self.assertEqual(self.lifespan(application, "lifespan.startup")[1], ["start False", "stop", "raised"])

    def test_an_application_without_lifespan_is_one(self) -> None:
        async def refuses(scope: Message, receive: Any, send: Any) -> None:
            raise RuntimeError("http only")

        async def ignores(scope: Message, receive: Any, send: Any) -> None:
            pass

        self.assertEqual(self.lifespan(refuses, "lifespan.startup")[1], ["start False", "ready", "raised"])
        self.assertEqual(self.lifespan(ignores, "lifespan.startup")[1], ["start False", "ready"])


class Signed(unittest.TestCase):
    def signed(
        self, target: str, *, key: str = "key", method: str = "GET", replica: str = "gpu-1", age: int = 0
    ) -> tuple[bytes, bytes]:
        at = int(time.time()) - age
        mac = hmac.new(key.encode(), f"{at}\n{method}\n{target}\n{replica}".encode(), hashlib.sha256).hexdigest()
        return (b"x-warmpath-signature", f"t={at},v1={mac}".encode())

    def status(self, header: tuple[bytes, bytes] | None, **more: Any) -> int:
        middleware = WarmpathMiddleware(answers, replica(), signing_key=more.pop("keys", "key"))
        headers = [] if header is None else [header]
        with support.logged():
            sent = call(middleware, scope(headers=headers, **more), {"type": "websocket.connect"})
        return int(sent[0].get("status") or sent[0]["code"])

    def test_good_ones_are_admitted(self) -> None:
        self.assertEqual(self.status(self.signed("/")), 200)
        self.assertEqual(self.status(self.signed("/a%2Fb?x=1"), raw_path=b"/a%2Fb", path="/a/b", query_string=b"x=1"), 200)
        self.assertEqual(self.status(self.signed("/", key="new"), keys=["old", "new"]), 200)
        self.assertEqual(self.status(self.signed("/?")), 200)
        self.assertEqual(self.status(self.signed("/x"), raw_path=b"/base/x", path="/base/x", root_path="/base"), 200)
        self.assertEqual(self.status(self.signed("/a%20b"), path="/a b", raw_path=None), 200)

    def test_bad_old_and_missing_ones_are_refused(self) -> None:
        for header in (
            None,
            self.signed("/", key="other"),
            self.signed("/other"),
            self.signed("/", method="POST"),
            self.signed("/", replica="gpu-2"),
            self.signed("/", age=310),
            self.signed("/", age=-310),
            (b"x-warmpath-signature", b"t=1,v1=\xff"),
        ):
            with self.subTest(header):
                self.assertEqual(self.status(header), 403)
        self.assertEqual(self.status(self.signed("/x"), raw_path=b"/rootx", path="/rootx", root_path="/root"), 403)

    def test_a_websocket_is_refused_before_it_opens(self) -> None:
        self.assertEqual(self.status(None, type="websocket"), 1008)

    def test_the_refusal_is_json_and_said_once_a_kind(self) -> None:
        middleware = WarmpathMiddleware(answers, replica(), signing_key="key")
        with support.logged() as records:
            for header in (None, None, self.signed("/", age=310), self.signed("/", age=3100)):
                sent = call(middleware, scope(headers=[] if header is None else [header]))
        self.assertIn(b"application/json", dict(sent[0]["headers"]).values())
        self.assertIn("310", json.loads(sent[1]["body"])["detail"])
        self.assertEqual([record.levelno for record in records], [logging.WARNING] * 2)

    def test_the_key_may_come_from_the_variable(self) -> None:
        with mock.patch.dict("os.environ", {"WARMPATH_SIGNING_KEY": "key"}):
            middleware = WarmpathMiddleware(answers, replica())
        with support.logged():
            self.assertEqual(call(middleware, scope())[0]["status"], 403)


@needs_router()
@needs("fastapi", "uvicorn", "websockets")
class Served(RouterCase):
    SETTINGS: ClassVar = {"ORIGIN_SIGNING_KEY": "schl\u00fcssel"}

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="warmpath-test-python-")
        self.addCleanup(folder.cleanup)
        self.hold = Path(folder.name) / "hold"

    def joined(self, app: str, *flags: str, **variables: str) -> Program:
        its = {"WARMPATH_APP": app, "WARMPATH_ROUTER": self.router.url, "HOLD": str(self.hold), **variables}
        program = Program("served.py", *flags, **its)
        self.addCleanup(program.close)
        self.router.shows(app, "r", status="ready")
        return program

    def test_it_joins_when_it_listens_and_its_answers_tell_its_hints(self) -> None:
        program = self.joined("served")
        its = self.router.shows("served", "r")
        self.assertEqual((its["hints"], its["hint_slots"], its["concurrency"]), ([], 3, 4))
        first = self.router.send("/served/run/sdxl", headers={"x-fal-runner-hint": "sdxl"})
        self.assertEqual((first.status, first.headers["x-fal-runner-hints"]), (200, "sdxl"))
        second = self.router.send("/served/run/sdxl", headers={"x-fal-runner-hint": "sdxl"})
        self.assertEqual(second.headers["x-warmpath-reason"], "hint_match")
        self.assertEqual(self.router.send("/served/own").headers["x-fal-runner-hints"], "its,own")
        self.assertEqual(self.router.send("/served/health").text, '"0"')
        self.assertEqual(self.router.send("/served/nothing/here").status, 200)
        self.assertEqual(program.log, "")

    def test_it_takes_signed_requests_alone(self) -> None:
        program = self.joined("signed", WARMPATH_SIGNING_KEY="schl\u00fcssel")
        for target in ("/", "/%C3%A9t%C3%A9", "//a//b%2Fc", "/run?", "/x?prompt=a%20b%26c&price=%E2%82%AC", "/a;b=c/~d!'()*"):
            with self.subTest(target):
                reply = self.router.send(f"/signed{target}")
                self.assertEqual((reply.status, reply.json()["query"]), (200, target.partition("?")[2]), reply.text)
                self.assertEqual(send(program.port, target).status, 403)
        self.assertEqual(self.router.send("/signed/x", method="DELETE").status, 200)
        self.assertEqual(send(program.port, "/health").status, 200)
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        with connect(f"ws://127.0.0.1:{self.router.port}/signed/echo") as socket:
            socket.send("hello")
            self.assertEqual(socket.recv(), "1 hello")
        with self.assertRaises(InvalidStatus) as raised, connect(f"ws://127.0.0.1:{program.port}/echo"):
            pass
        self.assertEqual(raised.exception.response.status_code, 403)

    def test_a_request_with_another_routers_key_is_refused(self) -> None:
        self.joined("foreign", WARMPATH_SIGNING_KEY="another")
        reply = self.router.send("/foreign/run/sdxl")
        self.assertEqual((reply.status, reply.headers["x-fal-served-from"]), (403, "r"))

    def test_streams_come_piece_by_piece(self) -> None:
        import http.client

        self.joined("streams")
        connection = http.client.HTTPConnection("127.0.0.1", self.router.port, timeout=support.WITHIN)
        self.addCleanup(connection.close)
        connection.request("GET", "/streams/slow")
        response = connection.getresponse()
        self.assertEqual(response.read1(), b"first")
        self.hold.touch()
        self.assertEqual(response.read(), b"-last")

    def terminates(self, app: str, *flags: str) -> Program:
        """SIGTERM with a request in flight. The application shuts down in order, and the process dies of the signal."""
        program = self.joined(app, *flags)
        request = InFlight(self, app, self.hold)
        program.term()
        self.router.shows(app, "r", status="draining")
        self.assertEqual(self.router.send(f"/{app}/x", headers={"x-fal-request-timeout": "0.2"}).status, 504)
        self.assertEqual(request.release().text, "first-last")
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.assertEqual((program.log, self.router.replicas(app)), ("shut down\n", {}))
        return program

    def test_sigterm_drains_and_finishes_what_runs_with_the_middleware(self) -> None:
        self.terminates("middleware")

    def test_sigterm_drains_and_finishes_what_runs_with_a_context_around_the_server_too(self) -> None:
        self.terminates("around", "around")

    def test_sigterm_drains_and_finishes_what_runs_with_a_context_in_the_lifespan(self) -> None:
        self.terminates("inside", "inside")

    def test_ctrl_c_stops_it_too(self) -> None:
        program = self.joined("interrupted")
        program.process.send_signal(signal.SIGINT)
        program.ended()
        until("it is gone", lambda: self.router.replicas("interrupted") == {})


if __name__ == "__main__":
    unittest.main()
