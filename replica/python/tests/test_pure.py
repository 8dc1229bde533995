"""Hints, pace, signatures and answers, without a router."""

from __future__ import annotations

import json
import re
import threading
import unittest
from collections.abc import Iterator

from tests import support
from warmpath import Replica, _limits, _pace, signature
from warmpath._exchange import Accepted, Failed, answer_of
from warmpath._hints import HintSource


class Hints(unittest.TestCase):
    def test_any_iterable_of_texts_will_do_trimmed_and_without_duplicates(self) -> None:
        models = {"sdxl": 1, " flux ": 2}
        self.assertEqual(HintSource(models.keys).read(), ["sdxl", "flux"])
        self.assertEqual(HintSource(models.keys()).read(), ["sdxl", "flux"])
        self.assertEqual(HintSource(lambda: (each for each in ("a", "", "a", "b"))).read(), ["a", "b"])
        self.assertEqual(HintSource([]).read(), [])

    def test_none_means_no_specialty_also_from_an_app_that_implements_no_hints(self) -> None:
        def provide_hints() -> list[str]:
            raise NotImplementedError

        for source in (HintSource(None), HintSource(lambda: None), HintSource(provide_hints)):
            self.assertIsNone(source.read())

    def test_a_list_is_read_again_each_time(self) -> None:
        models = ["sdxl"]
        source = HintSource(models)
        models.append("flux")
        self.assertEqual(source.read(), ["sdxl", "flux"])

    def test_what_cannot_be_a_hint_is_left_out_and_said_once(self) -> None:
        source = HintSource(lambda: ["good", "a,b", "ä", "x" * 513, 7])  # type: ignore[list-item]
        with support.logged() as records:
            for _ in range(3):
                self.assertEqual(source.read(), ["good"])
        self.assertEqual(len(records), 4)

    def test_more_than_256_are_cut(self) -> None:
        with support.logged() as records:
            self.assertEqual(len(HintSource(lambda: map(str, range(300))).read() or ()), 256)
        self.assertEqual(len(records), 1)

    def test_a_function_that_fails_leaves_the_last_list_and_is_said_once_until_it_works_again(self) -> None:
        answers: Iterator[object] = iter([["a"], ValueError("no"), ValueError("no"), ["b"], 7])

        def hints() -> list[str]:
            its = next(answers)
            if isinstance(its, Exception):
                raise its
            return its  # type: ignore[return-value]

        source = HintSource(hints)
        with support.logged() as records:
            self.assertEqual([source.read() for _ in range(5)], [["a"], ["a"], ["a"], ["b"], ["b"]])
        self.assertEqual(len(records), 2)

    def test_a_dict_may_change_in_another_thread_meanwhile(self) -> None:
        models: dict[str, int] = {}
        done = threading.Event()

        def churn() -> None:
            number = 0
            while not done.is_set():
                models[f"m{number % 50}"] = number
                models.pop(f"m{(number * 7) % 50}", None)
                number += 1

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            source = HintSource(models.keys)
            for _ in range(2000):
                self.assertIsNotNone(source.read())
        finally:
            done.set()
            thread.join()


class Pace(unittest.TestCase):
    def test_the_interval_is_the_routers_within_bounds(self) -> None:
        for asked, seconds in ((5000, 5.0), (0, 0.01), (-5, 0.01), (1e12, 300.0), (None, 5.0), ("5", 5.0), (True, 5.0)):
            self.assertEqual(_pace.interval_of(asked), seconds, asked)
        self.assertEqual(_pace.interval_of(float("nan")), 5.0)

    def test_the_pause_is_spread_around_it(self) -> None:
        self.assertEqual([_pace.pause_after_success(10.0, drawn) for drawn in (0.0, 0.5)], [9.5, 10.0])
        self.assertLess(_pace.pause_after_success(10.0, 0.999), 10.5)

    def test_failures_double_the_pause_up_to_a_bound_and_retry_after_lengthens_it(self) -> None:
        self.assertEqual([_pace.pause_after_failure(n, 0.5) for n in (1, 2, 3, 4, 5, 6, 1000)], [1, 2, 4, 8, 16, 30, 30])
        self.assertEqual(_pace.pause_after_failure(1, 0.5, 10.0), 10.0)
        self.assertEqual(_pace.pause_after_failure(1, 0.5, 0.0), 1.0)
        self.assertEqual(_pace.pause_after_failure(1, 0.5, 1e9), 30.0)
        self.assertEqual([_pace.pause_after_failure(1, drawn) for drawn in (0.0, 1.0)], [0.75, 1.25])


PROTOCOL = (support.PROJECT / "docs" / "protocol.md").read_text() if (support.PROJECT / "docs").is_dir() else ""
VECTORS = re.findall(r"^\| `(.+?)` +\| `(.+?)` +\| `(.+?)` +\| `(.+?)` +\| `([0-9a-f]{64})` \|$", PROTOCOL, re.MULTILINE)
AT = 1_764_000_000


class Signature(unittest.TestCase):
    KEY, METHOD, TARGET, REPLICA, V1 = (
        "warmpath-test-key",
        "POST",
        "/v1/images?size=512",
        "gpu-1",
        "6f45aac6fea6f2b6be32edbfc5206d90918494932698580590c4a6cc8f7b6a86",
    )

    def check(self, header: str | None, **others: object) -> bool:
        its = {"keys": self.KEY, "method": self.METHOD, "target": self.TARGET, "replica": self.REPLICA, "now": AT, **others}
        return signature.is_from_router(header=header, **its)  # type: ignore[arg-type]

    @unittest.skipUnless(PROTOCOL, "the documents are not here")
    def test_the_vectors_of_the_protocol_fit(self) -> None:
        self.assertEqual(len(VECTORS), 8)
        for key, method, target, replica, v1 in VECTORS:
            with self.subTest(method=method, target=target):
                self.assertTrue(signature.is_from_router(key, f"t={AT},v1={v1}", method, target, replica, now=AT))

    def test_anything_else_does_not(self) -> None:
        good = f"t={AT},v1={self.V1}"
        self.assertTrue(self.check(good))
        for header in (
            None,
            "",
            "t=,v1=",
            good.upper(),
            f" {good}",
            f"{good}\n",
            f"t={AT},v1={self.V1[:-1]}",
            f"t=-1,v1={self.V1}",
        ):
            self.assertFalse(self.check(header), header)
        self.assertFalse(self.check(f"t={AT + 1},v1={self.V1}"))
        self.assertFalse(self.check(f"t=\u0661{str(AT)[1:]},v1={self.V1}"))
        others = {"keys": "other", "method": "GET", "target": "/v1/images", "replica": "gpu-2"}
        for name, value in others.items():
            self.assertFalse(self.check(good, **{name: value}), name)
        self.assertFalse(self.check(good, keys=[]))

    def test_it_holds_for_300_seconds_both_ways(self) -> None:
        good = f"t={AT},v1={self.V1}"
        self.assertEqual([self.check(good, now=AT + away) for away in (-301, -300, 300, 300.5)], [False, True, True, False])

    def test_either_key_fits_while_one_replaces_the_other(self) -> None:
        self.assertTrue(self.check(f"t={AT},v1={self.V1}", keys=["new", self.KEY]))


class Answers(unittest.TestCase):
    def test_an_accepted_heartbeat(self) -> None:
        told = {"time_to_live_ms": 15000, "next_heartbeat_ms": 5000, "warnings": ["unknown field gpu"]}
        self.assertEqual(answer_of(200, json.dumps(told).encode(), None), Accepted(5.0, 15.0, ("unknown field gpu",)))
        self.assertEqual(answer_of(200, b"{}", None), Accepted(5.0, None))

    def test_nonsense_is_a_failure(self) -> None:
        for body in (b"", b"<html>", b"[]", b"\xff", b"null"):
            failed = answer_of(200, body, None)
            self.assertIsInstance(failed, Failed, body)

    def test_a_refusal_names_field_argument_and_variable(self) -> None:
        body = json.dumps({"error_type": "invalid_heartbeat", "field": "hint_slots", "detail": "hint_slots is bad."}).encode()
        failed = answer_of(422, body, None)
        assert isinstance(failed, Failed)
        self.assertTrue(failed.mistaken)
        for word in ("hint_slots is bad.", "422", "field hint_slots", "argument hint_slots", "WARMPATH_HINT_SLOTS"):
            self.assertIn(word, failed.problem)

    def test_too_many_and_faults_of_the_router_are_nobodys_mistake(self) -> None:
        limited = answer_of(429, b'{"error_type":"rate_limited"}', "7")
        assert isinstance(limited, Failed)
        self.assertEqual((limited.mistaken, limited.retry_after), (False, 7.0))
        broken = answer_of(500, b"{}", "x")
        assert isinstance(broken, Failed)
        self.assertEqual((broken.mistaken, broken.retry_after), (False, None))


class Counting(unittest.TestCase):
    def replica(self, **more: object) -> Replica:
        its = {"app": "a", "router": "http://127.0.0.1:1", "token": "t", "origin": "http://127.0.0.1:2", **more}
        return Replica(**its)  # type: ignore[arg-type]

    def test_nobody_counts_until_somebody_does(self) -> None:
        replica = self.replica()
        self.assertIsNone(replica.in_flight)
        with replica.request():
            with replica.request():
                self.assertEqual(replica.in_flight, 2)
            self.assertEqual(replica.in_flight, 1)
        self.assertEqual(replica.in_flight, 0)

    def test_a_function_counts_instead_and_may_fail(self) -> None:
        self.assertEqual(self.replica(in_flight=lambda: 3).in_flight, 3)
        self.assertEqual(self.replica(in_flight=lambda: -3).in_flight, 0)
        self.assertIsNone(self.replica(in_flight=lambda: 1 // 0).in_flight)

    def test_an_answer_may_be_complete_before_its_handler_returns(self) -> None:
        requests = self.replica()._requests
        request = requests.begin()
        request.answered()
        request.answered()
        self.assertEqual((requests.in_flight, requests.running), (0, 1))
        request.end()
        self.assertEqual((requests.in_flight, requests.running), (0, 0))

    def test_many_threads(self) -> None:
        replica = self.replica()

        def work() -> None:
            for _ in range(500):
                with replica.request():
                    pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((replica.in_flight, replica._requests.running), (0, 0))


class Bounds(unittest.TestCase):
    def test_a_heartbeat_at_every_bound_fits_the_routers_limit(self) -> None:
        hints = [f"{n:04d}" + "\\" * 508 for n in range(_limits.HINTS_MAX)]
        self.assertEqual(HintSource(hints).read(), hints)
        self.assertLess(len(json.dumps({"hints": hints})), 261 * 1024)


if __name__ == "__main__":
    unittest.main()
