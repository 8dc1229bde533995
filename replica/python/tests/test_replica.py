"""A replica and the real router: joining, pace, news, a router that is away, threads, decorators."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
import unittest
from functools import partial
from typing import Any

from tests import support
from tests.support import OddRouter, Router, RouterCase, free_port, needs, needs_router, times, until
from warmpath import Replica
from warmpath._heartbeats import Heartbeats


def replica_of(router: str, **more: Any) -> Replica:
    its = {"app": "any-model", "router": router, "token": support.TOKEN, "replica": "r", "probe": False, "handle_signals": False}
    return Replica(**{**its, "origin": "http://127.0.0.1:2", **more})


class Looks:
    """A function of hints that knows how often it was called."""

    def __init__(self, models: dict[str, int]) -> None:
        self._models = models
        self._count = 0

    def __call__(self) -> list[str]:
        self._count += 1
        return list(self._models)

    def several(self) -> None:
        """Waits until the hints were looked at so often that news would have gone out."""
        before = self._count
        until("several looks", lambda: self._count >= before + 4)


def heartbeats_of(replica: Replica) -> Heartbeats:
    assert replica._heartbeats is not None
    return replica._heartbeats


def tried(replica: Replica, times: int) -> bool:
    return heartbeats_of(replica)._sequence >= times


def failures(replica: Replica, number: int) -> bool:
    """Whether that many heartbeats in a row have failed, or more; 0: the last one was accepted."""
    its = heartbeats_of(replica)._failures
    return its >= number if number > 0 else its == 0


@needs_router()
class Joining(RouterCase):
    def replica(self, app: str, **more: Any) -> Replica:
        return replica_of(self.router.url, app=app, **more)

    def test_everything_that_it_says_arrives_and_it_is_gone_when_it_stops(self) -> None:
        with self.replica("joins", hints=["sdxl", "flux"], hint_slots=3, concurrency=2, in_flight=lambda: 1) as replica:
            its = self.router.shows("joins", "r", status="ready")
            self.assertEqual(
                {name: its[name] for name in ("origin", "hints", "hint_slots", "concurrency", "sequence")},
                {"origin": "http://127.0.0.1:2", "hints": ["sdxl", "flux"], "hint_slots": 3, "concurrency": 2, "sequence": 1},
            )
            self.assertGreater(its["incarnation"], 1_700_000_000_000)
            self.assertEqual(repr(replica), f"Replica(app='joins', replica='r', router='{self.router.url}')")
        self.assertEqual(self.router.replicas("joins"), {})

    def test_without_hints_it_does_not_specialise(self) -> None:
        with self.replica("plain"):
            self.assertIsNone(self.router.shows("plain", "r")["hints"])

    def test_it_is_starting_until_it_listens(self) -> None:
        port = free_port()
        with self.replica("listens", origin=f"http://127.0.0.1:{port}", probe=True):
            self.router.shows("listens", "r", status="starting")
            with socket.create_server(("127.0.0.1", port)):
                self.router.shows("listens", "r", status="ready")

    def test_another_address_can_be_asked_and_a_name_that_is_unknown_here_tells_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            with self.replica("asked", probe=f"127.0.0.1:{server.getsockname()[1]}"):
                self.router.shows("asked", "r", status="ready")
            with self.replica("elsewhere", origin="http://gpu-1.gpu.invalid", probe=True):
                self.router.shows("elsewhere", "r", status="ready")

    def test_it_is_starting_until_it_says_that_it_is_ready(self) -> None:
        replica = self.replica("later").start(ready=False)
        try:
            self.router.shows("later", "r", status="starting")
            replica.ready()
            self.router.shows("later", "r", status="ready")
            replica.drain()
            self.router.shows("later", "r", status="draining")
        finally:
            replica.stop()

    def test_the_next_start_is_a_new_incarnation_from_sequence_1(self) -> None:
        replica = self.replica("again")
        seen = []
        for _ in range(2):
            with replica:
                seen.append(self.router.shows("again", "r", sequence=1)["incarnation"])
        self.assertGreater(seen[1], seen[0])

    def test_news_of_hints_go_out_at_once_by_themselves_and_when_told(self) -> None:
        # The interval is a minute: nothing arrives but what is news.
        models = {"sdxl": 1}
        looks = Looks(models)
        with self.replica("news", hints=looks) as replica:
            self.router.shows("news", "r", hints=["sdxl"], sequence=1)
            models["flux"] = 2
            self.router.shows("news", "r", hints=["sdxl", "flux"], sequence=2)
            del models["sdxl"]
            replica.changed()
            self.router.shows("news", "r", hints=["flux"], sequence=3)
            # The same hints in another order, or the same again, are no news.
            models["sdxl"] = models.pop("flux")
            models["flux"] = 1
            self.router.shows("news", "r", sequence=4)
            order = list(models)
            models.pop("sdxl"), models.setdefault("sdxl", 1)
            self.assertNotEqual(list(models), order)
            replica.changed()
            looks.several()
            models["last"] = 1
            self.router.shows("news", "r", hints=["flux", "sdxl", "last"], sequence=5)

    def test_advice_is_followed_in_a_thread_of_its_own_one_call_at_a_time(self) -> None:
        held, calls, loaded = ["old"], [], threading.Event()

        def on_advice(load: list[str], evict: list[str]) -> None:
            calls.append((threading.current_thread() is threading.main_thread(), load, evict))
            loaded.wait(support.WITHIN)
            held[:] = load
            raise RuntimeError("its own")

        with support.logged(logging.ERROR) as records:
            with self.replica("advised", hints=lambda: list(held), hint_slots=1, on_advice=on_advice):
                self.router.shows("advised", "r", hints=["old"])
                self.router.announce("advised", "new")
                held.append("another")
                until("it is advised", lambda: calls)
                self.router.shows("advised", "r", hints=["old", "another"], loading=["new"])
                loaded.set()
                self.router.shows("advised", "r", hints=["new"], loading=[])
            self.assertEqual(calls, [(False, ["new"], ["old"])])
        self.assertEqual([each.getMessage() for each in records], ["advice to load new could not be followed"])

    def test_two_threads_may_use_one_replica_and_the_last_one_ends_it(self) -> None:
        replica = self.replica("threads")
        inside, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

        def use(mine: threading.Event) -> None:
            with replica:
                inside.wait(support.WITHIN)
                mine.wait(support.WITHIN)

        threads = [threading.Thread(target=use, args=(each,)) for each in leave]
        for thread in threads:
            thread.start()
        inside.wait(support.WITHIN)
        incarnation = self.router.shows("threads", "r", status="ready")["incarnation"]
        leave[0].set()
        threads[0].join()
        self.assertEqual(self.router.shows("threads", "r", status="ready")["incarnation"], incarnation)
        leave[1].set()
        threads[1].join()
        self.assertEqual(self.router.replicas("threads"), {})

    def test_two_replicas_in_one_process_do_not_disturb_each_other(self) -> None:
        with self.replica("one"), self.replica("two", hints=["x"]):
            self.router.shows("one", "r", hints=None)
            self.router.shows("two", "r", hints=["x"])
        self.assertEqual(self.router.replicas("one") | self.router.replicas("two"), {})

    def test_it_decorates_functions_and_coroutines(self) -> None:
        @self.replica("decorates")
        def main(number: int, *, by: int) -> int:
            """Its own words."""
            self.router.shows("decorates", "r", status="ready")
            return number * by

        @self.replica("awaits")
        async def waits(number: int) -> int:
            await asyncio.to_thread(self.router.shows, "awaits", "r", status="ready")
            return number

        @self.replica("raises")
        def raises() -> None:
            self.router.shows("raises", "r")
            raise KeyError("its own")

        self.assertEqual(main(3, by=2), 6)
        self.assertEqual((main.__name__, main.__doc__), ("main", "Its own words."))
        self.assertEqual(asyncio.run(waits(4)), 4)
        with self.assertRaisesRegex(KeyError, "its own"):
            raises()
        for app in ("decorates", "awaits", "raises"):
            self.assertEqual(self.router.replicas(app), {}, app)

    def test_stop_without_start_does_nothing(self) -> None:
        replica = self.replica("never")
        replica.stop()
        replica.changed()
        replica.drain()
        with replica:
            self.router.shows("never", "r", status="ready")
        replica.stop()

    def test_a_mistake_is_said_once_with_the_field_and_the_argument(self) -> None:
        for name, bad, words in (
            ("token", "wrong", ("401", "argument token", "WARMPATH_TOKEN", "HEARTBEAT_TOKENS")),
            ("origin", self.router.url, ("422", "field origin", "argument origin", "WARMPATH_ORIGIN")),
        ):
            with self.subTest(name), support.logged() as records, self.replica("mistaken", **{name: bad}) as replica:
                until("it is said", partial(bool, records))
                self.assertEqual(records[0].levelno, logging.ERROR)
                for word in words:
                    self.assertIn(word, records[0].getMessage())
                until("it has tried again", partial(tried, replica, 2))
                self.assertEqual(len(records), 1)
                self.assertNotIn(support.TOKEN, records[0].getMessage())

    def test_an_id_or_an_origin_that_another_process_has_is_said(self) -> None:
        with self.replica("twice"):
            self.router.shows("twice", "r")
            with support.logged() as records, self.replica("twice", replica="s"):
                until("the router warns", lambda: records)
                self.assertIn("origin was that of the replica r", records[0].getMessage())
        older = self.replica("older")
        newer = self.replica("older")
        with older:
            first = self.router.shows("older", "r")["incarnation"]
            with newer:
                until("the newer is there", lambda: self.router.replicas("older")["r"]["incarnation"] > first)
                with support.logged() as records:
                    older._hints._hints = ["news"]
                    older.changed()
                    until("it is told", lambda: records)
                self.assertIn("another process uses this replica's id", records[0].getMessage())


@needs_router()
class Pace(unittest.TestCase):
    def test_it_keeps_the_interval_of_the_router(self) -> None:
        router = Router(HEARTBEAT_INTERVAL_MS="50")
        self.addCleanup(router.close)
        with replica_of(router.url):
            # By its own default it would take a minute.
            until("twelve heartbeats", lambda: router.replicas("any-model").get("r", {}).get("sequence", 0) >= 12)

    def test_a_router_that_is_away_a_while_is_joined_again_and_so_is_one_that_has_forgotten_everything(self) -> None:
        router = Router()
        self.addCleanup(router.close)
        with replica_of(router.url, hints=["a"]) as replica:
            joined = router.shows("any-model", "r")
            for forgetting in (False, True):
                router.stop()
                heartbeats = heartbeats_of(replica)
                heartbeats._due_at = 0.0  # The interval is a minute; the next one is due now.
                with support.logged() as records:
                    replica.changed()
                    until("it has failed twice", partial(failures, replica, 2))
                    self.assertEqual([record.levelno for record in records], [logging.WARNING])
                    self.assertIn(router.url, records[0].getMessage())
                    router.start(forgetting=forgetting)
                    its = until("it is back", lambda: router.replicas("any-model").get("r"))
                    until("it knows", partial(failures, replica, 0))
                self.assertEqual((its["incarnation"], its["hints"]), (joined["incarnation"], ["a"]))
        self.assertEqual(router.replicas("any-model"), {})

    def test_it_starts_and_stops_while_there_is_no_router(self) -> None:
        with support.logged() as records, replica_of(f"http://127.0.0.1:{free_port()}"):
            until("it is said", lambda: records)
        self.assertEqual([record.levelno for record in records][:1], [logging.WARNING])
        self.assertEqual([thread for thread in threading.enumerate() if thread.name.startswith("warmpath")], [])


class OddAnswers(unittest.TestCase):
    """What a real router answers too rarely for a test."""

    def test_the_pace_follows_each_answer(self) -> None:
        hints = ["a"]
        router = OddRouter(lambda report, count: times(20 if count < 5 else 60_000))
        self.addCleanup(router.close)
        with replica_of(router.url, hints=hints):
            until("five", lambda: len(router.reports) == 5)
            hints.append("b")
            until("six", lambda: len(router.reports) == 6)
        self.assertEqual([report["sequence"] for report in router.reports], [1, 2, 3, 4, 5, 6, 7])
        self.assertEqual([report["hints"] for report in router.reports[4:6]], [["a"], ["a", "b"]])
        self.assertEqual([report["status"] for report in router.reports[5:]], ["ready", "stopped"])

    def test_news_wait_while_the_router_fails_but_draining_does_not(self) -> None:
        hints = {"a": 1}
        looks = Looks(hints)
        failing: tuple[int, dict[str, str], bytes] = (503, {}, b"{}")
        router = OddRouter(lambda report, count: failing if count < 3 else times(60_000))
        self.addCleanup(router.close)
        with support.logged(), replica_of(router.url, hints=looks) as replica:
            until("one", partial(failures, replica, 1))
            heartbeats_of(replica)._due_at += 60.0
            hints["b"] = 1
            looks.several()
            replica.drain()
            until("two", lambda: len(router.reports) == 2)
            self.assertEqual((router.reports[1]["status"], router.reports[1]["hints"]), ("draining", ["a", "b"]))

    def test_nonsense_redirects_and_broken_answers_are_survived_and_the_token_goes_nowhere_else(self) -> None:
        elsewhere = OddRouter(lambda report, count: times(20))
        answers: list[tuple[int, dict[str, str], bytes] | None] = [
            None,
            (200, {}, b"<html>"),
            (302, {"location": f"{elsewhere.url}/-/heartbeat"}, b""),
            (200, {"content-length": "1000"}, b"{"),
            (429, {"retry-after": "1"}, json.dumps({"error_type": "rate_limited", "detail": "Too fast."}).encode()),
            (200, {}, json.dumps({"next_heartbeat_ms": "soon", "warnings": 7}).encode()),
        ]
        router = OddRouter(lambda report, count: answers[count - 1] if count <= len(answers) else times(60_000))
        self.addCleanup(router.close)
        self.addCleanup(elsewhere.close)
        with support.logged() as records, replica_of(router.url) as replica:
            heartbeats = heartbeats_of(replica)

            def hurried() -> bool:
                heartbeats._due_at = 0.0 if len(router.reports) < len(answers) else heartbeats._due_at
                return len(router.reports) >= len(answers)

            until("all were answered", hurried)
            until("it has joined", partial(failures, replica, 0))
        self.assertEqual((elsewhere.reports, elsewhere.gets), ([], 0))
        text = "\n".join(record.getMessage() for record in records)
        self.assertEqual(len(records), 5, text)
        for word in ("can't be reached", "status 200 and is no JSON", "status 302", "Too fast."):
            self.assertIn(word, text)

    @needs("cryptography")
    def test_it_speaks_tls_and_a_certificate_of_nobody_it_trusts_is_refused(self) -> None:
        router = OddRouter(lambda report, count: times(60_000))
        tls, trusted = support.certificate(self)
        router.server.socket = tls.wrap_socket(router.server.socket, server_side=True)
        self.addCleanup(router.close)
        url = router.url.replace("http:", "https:")
        with trusted, replica_of(url) as replica:
            until("it has joined", lambda: tried(replica, 1) and failures(replica, 0))
        self.assertEqual([report["status"] for report in router.reports], ["ready", "stopped"])
        with support.logged() as records, replica_of(url):
            until("it is said", lambda: records)
        self.assertIn("certificate", records[0].getMessage().lower())
        self.assertEqual(len(router.reports), 2)

    def test_a_router_that_says_nothing_does_not_keep_the_process(self) -> None:
        with contextlib.ExitStack() as stack, support.logged():
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            replica = replica_of(f"http://127.0.0.1:{server.getsockname()[1]}")
            thread = heartbeats_of(replica.start())
            silent, _ = server.accept()
            replica.stop()
            silent.close()
            until("its thread has ended too", lambda: not thread.is_alive())

    def test_a_report_that_cannot_be_made_is_logged_and_stops_nothing(self) -> None:
        router = OddRouter(lambda report, count: times(60_000))
        self.addCleanup(router.close)
        replica = replica_of(router.url)
        replica._settings.__dict__["app"] = object()
        with support.logged() as records, replica:
            until("it is said", lambda: records)
        self.assertEqual(router.reports, [])
        self.assertIsNotNone(records[0].exc_info)


if __name__ == "__main__":
    unittest.main()
