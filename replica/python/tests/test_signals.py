"""SIGTERM and the end of a process: the router hears of it first, and requests that run are finished."""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from collections.abc import Sequence
from pathlib import Path

from tests import support
from tests.support import Program, Reply, RouterCase, free_port, needs_router, until


class InFlight:
    """A request that has got the first half of its answer; `release` lets it have the second."""

    def __init__(self, case: RouterCase, app: str, hold: Path) -> None:
        self._hold = hold
        self._reply: Reply | None = None
        self._thread = threading.Thread(target=self._send, args=(case, app), daemon=True)
        self._thread.start()
        until("it runs", lambda: any(each["in_flight"] == 1 for each in case.router.replicas(app).values()))

    def _send(self, case: RouterCase, app: str) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._reply = case.router.send(f"/{app}/slow")

    def release(self) -> Reply:
        self._hold.touch()
        self._thread.join(support.WITHIN)
        assert self._reply is not None
        return self._reply


def can_unshare() -> bool:
    command = ("unshare", "--pid", "--fork", "--kill-child", "true")
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


@needs_router()
class Terminating(RouterCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="warmpath-test-python-")
        self.addCleanup(folder.cleanup)
        self.hold = Path(folder.name) / "hold"

    def program(self, app: str, *flags: str, runner: Sequence[str] = (), **variables: str) -> Program:
        variables = {"WARMPATH_APP": app, "WARMPATH_ROUTER": self.router.url, "HOLD": str(self.hold), **variables}
        program = Program("plain.py", *flags, runner=runner, **variables)
        self.addCleanup(program.close)
        return program

    def joined(self, app: str, *flags: str) -> Program:
        program = self.program(app, *flags)
        self.router.shows(app, "r", status="ready")
        return program

    @staticmethod
    def child_of(program: Program) -> str:
        """The process id of its forked child, when there is one."""
        its: str = until("there is a child", lambda: re.search(r"^child (\d+)\n", program.log, re.MULTILINE))[1]
        return its

    def test_without_a_handler_it_drains_finishes_stops_and_dies_of_the_signal(self) -> None:
        program = self.joined("no-handler")
        request = InFlight(self, "no-handler", self.hold)
        program.term()
        self.router.shows("no-handler", "r", status="draining")
        self.assertEqual(self.router.send("/no-handler/x", headers={"x-fal-request-timeout": "0.2"}).status, 504)
        self.assertIsNone(program.process.poll())
        self.assertEqual(request.release().text, "first-last")
        self.assertEqual(program.ended(), -signal.SIGTERM)
        # The time to live is three minutes: it has said so.
        self.assertEqual(self.router.replicas("no-handler"), {})

    @unittest.skipUnless(can_unshare(), "there are no process namespaces here")
    def test_the_first_process_of_a_container_ends_too(self) -> None:
        # The kernel spares such a process the default action.
        program = self.program("container", runner=("unshare", "--pid", "--fork", "--kill-child"))
        self.router.shows("container", "r", status="ready")
        its = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
        subprocess.run(["kill", "-TERM", *its], check=True)
        self.assertEqual(program.ended(), 128 + signal.SIGTERM)
        self.assertEqual(self.router.replicas("container"), {})

    def test_a_second_signal_does_not_wait_for_requests(self) -> None:
        program = self.joined("impatient")
        InFlight(self, "impatient", self.hold)
        program.term()
        self.router.shows("impatient", "r", status="draining")
        program.term()
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.router.lost("impatient", "r")

    def test_a_replica_that_drains_already_waits_for_its_requests_too(self) -> None:
        program = self.joined("drains")
        request = InFlight(self, "drains", self.hold)
        support.send(program.port, "/drain")
        self.router.shows("drains", "r", status="draining")
        program.term()
        self.assertEqual(support.send(program.port, "/held").status, 200)
        self.assertEqual(request.release().text, "first-last")
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.assertEqual(self.router.replicas("drains"), {})

    def test_requests_that_nobody_counts_are_not_waited_for(self) -> None:
        program = self.joined("uncounted", "uncounted")
        program.term()
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.assertEqual(self.router.replicas("uncounted"), {})

    def test_a_handler_that_was_there_gets_the_signal_after_the_router(self) -> None:
        program = self.joined("handler", "handler")
        program.term()
        self.assertEqual(program.ended(), 0)
        # The handler, the end of the program, then the end of the process, which says stopped.
        self.assertEqual(program.log, "handler\nend\n")
        self.assertEqual(self.router.replicas("handler"), {})

    def test_two_replicas_in_one_process_both_leave(self) -> None:
        program = self.joined("first-of-two", "two")
        self.router.shows("other", "r")
        request = InFlight(self, "first-of-two", self.hold)
        program.term()
        # The one that runs nothing need not wait for the other.
        self.router.lost("other", "r")
        self.router.shows("first-of-two", "r", status="draining")
        self.assertEqual(request.release().text, "first-last")
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.assertEqual((self.router.replicas("first-of-two"), self.router.replicas("other")), ({}, {}))

    def test_signals_can_be_left_alone(self) -> None:
        program = self.joined("alone", "alone")
        program.term()
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.router.shows("alone", "r", status="ready")

    def test_the_end_of_the_program_says_stopped(self) -> None:
        program = self.program("ends", "begin")
        self.assertEqual(program.ended(), 0)
        self.assertEqual((program.log, self.router.replicas("ends")), ("end\n", {}))

    def test_a_signal_without_a_router_still_ends_the_process(self) -> None:
        program = self.program("routerless", WARMPATH_ROUTER=f"http://127.0.0.1:{free_port()}")
        until("it runs", lambda: "can't be reached" in program.log)
        program.term()
        self.assertEqual(program.ended(), -signal.SIGTERM)

    def test_a_forked_child_says_nothing_of_its_parent_and_dies_of_a_signal(self) -> None:
        program = self.joined("forks", "fork")
        subprocess.run(["kill", "-TERM", self.child_of(program)], check=True)
        until("the child has ended", lambda: f"child ended with {int(signal.SIGTERM)}" in program.log)
        self.router.shows("forks", "r", status="ready")
        program.term()
        self.assertEqual(program.ended(), -signal.SIGTERM)
        self.assertEqual(self.router.replicas("forks"), {})

    def test_a_forked_child_may_be_a_replica_itself(self) -> None:
        program = self.joined("children", "fork", "joins")
        child = self.child_of(program)
        first = self.router.shows("children", "r")["incarnation"]
        self.assertEqual(first, int(until("it has said", lambda: re.search(r"incarnation (\d+)\n", program.log))[1]))
        subprocess.run(["kill", "-TERM", child], check=True)
        until("the child has ended", lambda: f"child ended with {int(signal.SIGTERM)}" in program.log)
        self.router.lost("children", "r")

    def test_a_forked_child_that_ends_as_programs_do_says_nothing_either(self) -> None:
        program = self.program("forked", "fork", "begin")
        self.assertEqual(program.ended(), 0)
        self.assertIn("child ended with 0\n", program.log)
        self.assertNotIn("Traceback", program.log)
        self.assertEqual(self.router.replicas("forked"), {})


class NoMainThread(unittest.TestCase):
    def test_in_another_thread_signals_are_left_alone(self) -> None:
        code = (
            "import signal, threading, warmpath\n"
            "its = warmpath.Replica(app='a', router='http://127.0.0.1:9', token='t', origin='http://127.0.0.1:9')\n"
            "thread = threading.Thread(target=its.start); thread.start(); thread.join()\n"
            "print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
            "its.stop(); its.start(); print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
            "its.stop(); print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(support.PACKAGE)}, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.stdout.split(), ["True", "False", "True"], done.stderr)


if __name__ == "__main__":
    unittest.main()
