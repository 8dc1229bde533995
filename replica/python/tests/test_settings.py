"""Arguments and environment variables: what counts, and what a bad one is told."""

from __future__ import annotations

import os
import unittest
from typing import Any
from unittest import mock

from tests import support as support
from warmpath import Replica

GOOD: dict[str, Any] = {
    "app": "any-model",
    "router": "http://127.0.0.1:1",
    "token": "very-secret",
    "origin": "http://127.0.0.1:2",
}


class Arguments(unittest.TestCase):
    def test_a_bad_one_is_a_value_error_that_names_it(self) -> None:
        for name, bad in (
            *(("app", each) for each in ("", "-x", "a/b/c", "a b", 7, "ä", "a\n")),
            *(
                ("router", each)
                for each in ("router", "ftp://x", "http://u:p@x", "http://x/y", "http://x:99999", "http://x?y", 7)
            ),
            *(("token", each) for each in ("", "a b", "a\nb", "ä", 7)),
            *(("origin", each) for each in ("gpu-1", "http://", "http://x:0", "https://x/path", "http://" + "x" * 300, 7)),
            *(("replica", each) for each in ("", ".", "..", "a b", "x" * 257, 7)),
            *(("hints", each) for each in ("sdxl", b"sdxl", 7, ["a,b"], ["ä"], [7], ["x" * 513], [str(n) for n in range(257)])),
            *(("hint_slots", each) for each in (-1, 257, 1.5, "x", True)),
            *(("concurrency", each) for each in (0, 10_001, 1.5, "1.5", False)),
            *(("websocket", each) for each in ("yes", "", 1)),
            *(("in_flight", each) for each in (0, "1")),
            *(("on_advice", each) for each in (True, "f")),
            *(("probe", each) for each in ("x", "x:", ":1", "x:0", "x:99999", "x:y", 1, None)),
            *(("drain_timeout", each) for each in (-1, float("inf"), float("nan"), "1", None)),
        ):
            with self.subTest(name=name, bad=bad), self.assertRaises(ValueError) as raised:
                Replica(**{**GOOD, name: bad})
            self.assertEqual(str(raised.exception).split(" ", 1)[0].rstrip(":"), name)

    def test_a_missing_one_is_named_with_its_variable(self) -> None:
        for name in ("app", "router", "token", "origin"):
            with self.subTest(name), self.assertRaisesRegex(ValueError, f"^{name} is missing: .*WARMPATH_{name.upper()}"):
                Replica(**{**GOOD, name: None})

    def test_the_token_is_shown_nowhere(self) -> None:
        replica = Replica(**GOOD)
        self.assertNotIn("very-secret", repr(replica) + repr(replica._settings))
        with self.assertRaises(ValueError) as raised:
            Replica(**{**GOOD, "token": "very secret"})
        self.assertNotIn("secret", str(raised.exception))

    def test_the_default_id_is_the_host_and_the_port_of_the_origin(self) -> None:
        with mock.patch("socket.gethostname", return_value="gpu-1"):
            self.assertEqual(Replica(**GOOD).replica, "gpu-1:2")
            self.assertEqual(Replica(**{**GOOD, "origin": "https://gpu-1.example.com/"}).replica, "gpu-1")
        with mock.patch("socket.gethostname", return_value="gpu ä"), self.assertRaisesRegex(ValueError, "^replica "):
            Replica(**GOOD)


class Variables(unittest.TestCase):
    def test_all_settings_may_come_from_variables_and_arguments_go_before_them(self) -> None:
        variables = {
            "WARMPATH_APP": "acme/any-model",
            "WARMPATH_ROUTER": "https://router.example.com/",
            "WARMPATH_HEARTBEAT_TOKEN": "from-cli",
            "WARMPATH_ORIGIN": "https://gpu-1.example.com",
            "WARMPATH_REPLICA": "gpu-1",
            "WARMPATH_CONCURRENCY": "4",
            "WARMPATH_HINT_SLOTS": "0",
            "WARMPATH_WEBSOCKET": "true",
        }
        with mock.patch.dict(os.environ, variables):
            its = Replica()._settings
            self.assertEqual(
                (its.app, its.router, its.token, its.origin, its.replica, its.concurrency, its.hint_slots),
                ("acme/any-model", "https://router.example.com", "from-cli", "https://gpu-1.example.com", "gpu-1", 4, 0),
            )
            self.assertTrue(its.websocket)
            self.assertFalse(Replica(websocket=False)._settings.websocket)
            self.assertEqual(Replica(app="other", concurrency=2)._settings.app, "other")
            os.environ["WARMPATH_TOKEN"] = "first"
            self.assertEqual(Replica()._settings.token, "first")

    def test_an_empty_one_counts_as_unset_and_a_bad_one_is_named(self) -> None:
        with mock.patch.dict(os.environ, {"WARMPATH_CONCURRENCY": ""}):
            self.assertEqual(Replica(**GOOD)._settings.concurrency, 1)
        with (
            mock.patch.dict(os.environ, {"WARMPATH_CONCURRENCY": "many"}),
            self.assertRaisesRegex(ValueError, r"^concurrency \(from WARMPATH_CONCURRENCY\) must be .* 1 to 10000, not 'many'$"),
        ):
            Replica(**GOOD)


if __name__ == "__main__":
    unittest.main()
