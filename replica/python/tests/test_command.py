"""`python -m warmpath`, as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from typing import Any

from tests import support
from tests.support import RouterCase, free_port, needs_router
from warmpath import Replica

OPTIONS = ("--app", "any-model", "--origin", "http://127.0.0.1:2", "--replica", "r")


def warmpath(*arguments: str, **variables: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "warmpath", *arguments],
        env={"PYTHONPATH": str(support.PACKAGE), "WARMPATH_TOKEN": support.TOKEN, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


class Usage(unittest.TestCase):
    def test_help_names_every_variable_of_a_replica(self) -> None:
        status, out, _ = warmpath("--help")
        self.assertEqual(status, 0)
        for name in ("APP", "ROUTER", "TOKEN", "ORIGIN", "REPLICA", "CONCURRENCY", "HINT_SLOTS"):
            self.assertIn(f"WARMPATH_{name}", out)

    def test_bad_usage_is_2_and_names_the_option(self) -> None:
        for arguments, word in (
            (["--app", "-"], "app"),
            ([], "WARMPATH_ROUTER"),
            (["--hints", "ä"], "hints"),
            (["--no"], "--no"),
        ):
            router = [] if not arguments else ["--router", "http://127.0.0.1:1"]
            status, out, err = warmpath(*OPTIONS, *router, *arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn(word, err)

    def test_print_sends_nothing_and_shows_no_token(self) -> None:
        status, out, err = warmpath(*OPTIONS, "--router", "http://127.0.0.1:1", "--hints", "a,b", "--print")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(
            json.loads(out),
            {
                "app": "any-model",
                "replica": "r",
                "origin": "http://127.0.0.1:2",
                "hints": ["a", "b"],
                "concurrency": 1,
                "status": "starting",
            },
        )
        self.assertNotIn(support.TOKEN, out)


@needs_router()
class Sending(RouterCase):
    def test_one_heartbeat_is_accepted_and_a_second_process_is_told_of_the_first(self) -> None:
        status, out, err = warmpath(*OPTIONS, WARMPATH_ROUTER=self.router.url)
        self.assertEqual((status, err), (0, ""))
        self.assertIn(self.router.url, out)
        self.assertEqual(self.router.shows("any-model", "r")["status"], "starting")
        its: dict[str, Any] = {
            "app": "any-model",
            "router": self.router.url,
            "token": support.TOKEN,
            "origin": "http://127.0.0.1:2",
        }
        with Replica(**its, replica="r", probe=False):
            self.router.shows("any-model", "r", status="ready")
            status, out, err = warmpath(*OPTIONS, WARMPATH_ROUTER=self.router.url)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("stale_heartbeat", err)
            self.router.shows("any-model", "r", status="ready")

    def test_what_is_wrong_is_1_and_named(self) -> None:
        for variables, word in (
            ({"WARMPATH_ROUTER": self.router.url, "WARMPATH_TOKEN": "wrong"}, "WARMPATH_TOKEN"),
            ({"WARMPATH_ROUTER": f"http://127.0.0.1:{free_port()}"}, "can't be reached"),
        ):
            status, out, err = warmpath(*OPTIONS, **variables)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(word, err)


if __name__ == "__main__":
    unittest.main()
