"""Heartbeats over a WebSocket: frames, the real router, and a server that calls, closes and breaks off as routers rarely do."""

from __future__ import annotations

import contextlib
import json
import logging
import ssl
import threading
import unittest
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tests import support
from tests.support import OddRouter, Router, needs, needs_router, times, until
from tests.test_replica import failures, heartbeats_of, replica_of
from warmpath import Replica
from warmpath._websocket import PING, TEXT, Broken, Frames, encoded

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection


def unmasked(frame: bytes) -> bytes:
    """A client's frame as a server would send it: no mask. For the lengths of the tests."""
    begin = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    mask, payload = frame[begin : begin + 4], frame[begin + 4 :]
    return frame[:1] + bytes([frame[1] & 0x7F]) + frame[2:begin] + bytes(c ^ mask[i % 4] for i, c in enumerate(payload))


class FrameTests(unittest.TestCase):
    def test_the_example_of_the_rfc(self) -> None:
        self.assertEqual(encoded(TEXT, b"Hello", bytes.fromhex("37fa213d")).hex(), "818537fa213d7f9f4d5158")

    def test_every_length_goes_there_and_back_in_pieces_of_any_size(self) -> None:
        for length in (0, 1, 125, 126, 127, 65_535, 65_536):
            payload = bytes(n % 251 for n in range(length))
            sent = unmasked(encoded(TEXT, payload, b"mask"))
            for size in (1, 7, len(sent)):
                frames = Frames()
                got = []
                for start in range(0, len(sent), size):
                    frames.feed(sent[start : start + size])
                    got.append(frames.next())
                self.assertEqual(got[-1], (TEXT, payload))
                self.assertEqual(set(got[:-1]) - {None}, set())

    def test_a_heartbeat_at_every_bound_is_masked(self) -> None:
        payload = bytes(n % 256 for n in range(267_264))
        self.assertEqual(unmasked(encoded(TEXT, payload, b"\x01\x02\x03\x04"))[10:], payload)

    def test_fragments_make_one_message_and_control_frames_come_between(self) -> None:
        frames = Frames()
        frames.feed(bytes([0x01, 2]) + b"ab" + bytes([0x80 | PING, 1]) + b"p" + bytes([0x80, 1]) + b"c")
        self.assertEqual([frames.next() for _ in range(3)], [(PING, b"p"), (TEXT, b"abc"), None])

    def test_what_no_router_sends_is_refused(self) -> None:
        for data in (
            bytes([0xC1, 0]),  # a reserved bit
            bytes([0x81, 0x80]),  # a mask
            bytes([0x80, 0]),  # goes on, and nothing has begun
            bytes([0x01, 0, 0x01, 0]),  # begins twice
            bytes([0x81, 127]) + (1 << 40).to_bytes(8, "big"),
        ):
            with self.subTest(data.hex()), self.assertRaises(Broken):
                frames = Frames()
                frames.feed(data)
                while frames.next() is not None:
                    pass
        with self.assertRaises(Broken):
            Frames().feed(bytes(200_000))


def is_open(replica: Replica) -> bool:
    its = heartbeats_of(replica)._socket
    return its is not None and its._socket is not None


@needs_router()
class RealRouter(unittest.TestCase):
    def setUp(self) -> None:
        self.router = Router(HEARTBEAT_INTERVAL_MS="60000")
        self.addCleanup(self.router.close)

    def test_everything_goes_over_one_connection(self) -> None:
        hints = ["a"]
        with replica_of(self.router.url, hints=hints, websocket=True) as replica:
            self.router.shows("any-model", "r", hints=["a"], sequence=1)
            self.assertTrue(is_open(replica))
            for sequence in range(2, 8):
                hints.append("x" * 500 + str(sequence))
                replica.changed()
                self.router.shows("any-model", "r", hints=hints, sequence=sequence)
            replica.drain()
            self.router.shows("any-model", "r", status="draining", sequence=8)
        self.assertEqual(self.router.replicas("any-model"), {})

    def test_a_heartbeat_of_all_hints_fits(self) -> None:
        hints = [f"{n:03d}" + "\\" * 509 for n in range(256)]
        with replica_of(self.router.url, hints=hints, websocket=True) as replica:
            self.router.shows("any-model", "r", hints=hints, sequence=1)
            self.assertTrue(is_open(replica))

    def test_a_router_that_restarts_is_joined_again_at_once_by_a_new_connection(self) -> None:
        with support.logged(logging.INFO) as records, replica_of(self.router.url, hints=["a"], websocket=True) as replica:
            self.router.shows("any-model", "r")
            for forgetting in (False, True):
                self.router.stop()
                # The interval is a minute: it has noticed by itself.
                until("it has noticed", partial(failures, replica, 1))
                self.router.start(forgetting=forgetting)
                until("it is accepted", partial(failures, replica, 0))
                self.router.shows("any-model", "r", hints=["a"])
                # The next heartbeat after a pause opens one again.
                until("it is open", lambda: self.beats(replica) and is_open(replica))
            self.assertIn("POST until their WebSocket is open", "\n".join(record.getMessage() for record in records))

    def beats(self, replica: Replica) -> bool:
        heartbeats_of(replica)._due_at = 0.0
        replica.changed()
        return True

    def test_a_mistake_is_said_as_for_a_post(self) -> None:
        with support.logged() as records, replica_of(self.router.url, token="wrong", websocket=True):
            until("it is said", lambda: records)
        self.assertIn("argument token", records[0].getMessage())


@needs("websockets")
class OddSockets(unittest.TestCase):
    def serve(self, handle: Callable[[ServerConnection, int], None], tls: ssl.SSLContext | None = None) -> str:
        """A server whose connections are handled so; the number counts them. Gives its URL."""
        from websockets.sync.server import serve

        count = iter(range(1, 1000))
        server = serve(
            lambda connection: handle(connection, next(count)), "127.0.0.1", 0, logger=logging.getLogger("odd"), ssl=tls
        )
        logging.getLogger("odd").setLevel(logging.CRITICAL)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"{'http' if tls is None else 'https'}://127.0.0.1:{server.socket.getsockname()[1]}"

    @staticmethod
    def take(connection: ServerConnection, reports: list[Any]) -> None:
        """One heartbeat, accepted with an interval of a minute."""
        reports.append(json.loads(connection.recv()))
        connection.send(times(60_000)[2].decode())

    def take_all(self, connection: ServerConnection, reports: list[Any]) -> None:
        """Until the other side closes, the last word of which is that it stops."""
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            while True:
                self.take(connection, reports)

    def test_the_router_may_call_for_a_report_and_ping(self) -> None:
        reports: list[Any] = []
        ponged = threading.Event()

        def handle(connection: ServerConnection, number: int) -> None:
            self.take(connection, reports)
            for _ in range(3):
                connection.send('{"type":"beat_now"}')
                self.take(connection, reports)
            if connection.ping().wait(support.WITHIN):
                ponged.set()
            self.take_all(connection, reports)

        with replica_of(self.serve(handle), websocket=True):
            until("four reports", lambda: len(reports) == 4)
            self.assertTrue(ponged.wait(support.WITHIN))
        self.assertEqual([report["sequence"] for report in reports], [1, 2, 3, 4, 5])
        self.assertEqual(reports[-1]["status"], "stopped")

    @needs("cryptography")
    def test_it_speaks_tls_and_a_certificate_of_nobody_it_trusts_is_refused(self) -> None:
        reports: list[Any] = []
        tls, trusted = support.certificate(self)
        url = self.serve(lambda connection, number: self.take_all(connection, reports), tls)
        with trusted, replica_of(url, websocket=True, hints=["x" * 500 + str(n) for n in range(200)]) as replica:
            until("a report", lambda: len(reports) == 1)
            self.assertTrue(is_open(replica))
            until("it knows", partial(failures, replica, 0))
        self.assertEqual([report["status"] for report in reports], ["ready", "stopped"])
        with support.logged() as records, replica_of(url, websocket=True):
            until("it is said", lambda: records)
        self.assertIn("certificate", records[0].getMessage().lower())
        self.assertEqual(len(reports), 2)

    def test_a_connection_that_ends_is_opened_again_with_a_report(self) -> None:
        reports: list[Any] = []

        def handle(connection: ServerConnection, number: int) -> None:
            self.take(connection, reports)
            if number == 1:
                connection.close(1000, "a deploy")
            elif number == 2:
                connection.socket.close()
            elif number == 3:
                connection.send("no JSON")
            self.take_all(connection, reports)

        with replica_of(self.serve(handle), websocket=True):
            until("four reports", lambda: len(reports) >= 4)

    def test_a_refusal_in_a_frame_is_a_failure_that_closes_nothing(self) -> None:
        reports: list[Any] = []

        def handle(connection: ServerConnection, number: int) -> None:
            reports.append(json.loads(connection.recv()))
            problem = {
                "type": "urn:x",
                "status": 422,
                "error_type": "invalid_heartbeat",
                "field": "hints",
                "detail": "hints is bad.",
            }
            connection.send(json.dumps(problem))
            self.take(connection, reports)
            self.take_all(connection, reports)

        with support.logged() as records, replica_of(self.serve(handle), websocket=True) as replica:
            until("it was accepted", lambda: len(reports) == 2)
            self.assertTrue(is_open(replica))
            until("it knows", partial(failures, replica, 0))
        self.assertEqual(len(records), 1)
        self.assertIn("argument hints", records[0].getMessage())

    def test_what_answers_no_handshake_is_reported_to_by_post(self) -> None:
        router = OddRouter(lambda report, count: times(20))
        self.addCleanup(router.close)
        router.reports.clear()
        with replica_of(router.url, websocket=True) as replica:
            until("five reports", lambda: len(router.reports) >= 5)
            self.assertFalse(is_open(replica))
        sequences = [report["sequence"] for report in router.reports]
        self.assertEqual(sequences, sorted(set(sequences)))


if __name__ == "__main__":
    unittest.main()
