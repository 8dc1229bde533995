"""fal's own `fal.App` behind the real router, and the example of the folder examples/fal-app."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from tests import support
from tests.support import Program, Reply, RouterCase, free_port, needs, needs_router, until


@needs_router()
@needs("fal")
class FalApp(RouterCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="warmpath-test-python-")
        self.addCleanup(folder.cleanup)
        self.hold = Path(folder.name) / "hold"

    def joined(self, app: str, *flags: str) -> Program:
        variables = {"WARMPATH_APP": app, "WARMPATH_ROUTER": self.router.url, "HOLD": str(self.hold)}
        program = Program("fal_app.py", *flags, **variables, METRICS_PORT=str(free_port()), HOME=str(self.hold.parent))
        self.addCleanup(program.close)
        self.router.shows(app, "r", status="ready", hints=[])
        self.assertNotIn("Traceback", program.log)
        return program

    def runs(self, app: str, model: str) -> Reply:
        headers = {"content-type": "application/json", "x-fal-runner-hint": model}
        return self.router.send(f"/{app}/", method="POST", headers=headers, body=b'{"model": "%s"}' % model.encode())

    def check(self, app: str) -> None:
        cold = self.runs(app, "sdxl")
        self.assertEqual((cold.status, cold.headers["x-fal-runner-hints"]), (200, "sdxl"), cold.text)
        self.assertEqual(self.runs(app, "sdxl").headers["x-warmpath-reason"], "hint_match")
        self.assertEqual(self.runs(app, "flux").headers["x-fal-runner-hints"], "sdxl,flux")
        self.router.shows(app, "r", hints=["sdxl", "flux"])
        self.assertEqual(self.router.send(f"/{app}/nothing").headers["x-fal-runner-hints"], "sdxl,flux")

    def test_with_the_middleware_it_joins_drains_and_leaves(self) -> None:
        program = self.joined("by-middleware")
        self.check("by-middleware")
        replies: list[Reply] = []
        sends = threading.Thread(
            target=lambda: replies.append(self.router.send("/by-middleware/slow", method="POST")), daemon=True
        )
        sends.start()
        until("it runs", lambda: self.router.replicas("by-middleware")["r"]["in_flight"] == 1)
        program.term()
        self.router.shows("by-middleware", "r", status="draining")
        self.hold.touch()
        sends.join(support.WITHIN)
        self.assertEqual([reply.text for reply in replies], ['"done"'])
        program.ended()
        self.assertEqual(self.router.replicas("by-middleware"), {})

    def test_with_a_line_in_setup_it_joins_and_drains(self) -> None:
        program = self.joined("by-setup", "setup")
        self.check("by-setup")
        program.term()
        program.ended()
        until("it gets nothing new", lambda: self.router.replicas("by-setup").get("r", {}).get("status") != "ready")


@needs_router()
@needs("fal")
class Example(unittest.TestCase):
    def test_the_pages_program_runs_behind_the_router(self) -> None:
        with tempfile.TemporaryDirectory(prefix="warmpath-test-python-") as folder:
            done = subprocess.run(
                [sys.executable, str(support.PROJECT / "examples" / "fal-app" / "demo.py"), "--once", "--requests", "6"],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": folder,
                    "TMPDIR": folder,
                    "STAND_IN_LOAD_SECONDS": "0.2",
                    "STAND_IN_DRAW_SECONDS": "0.01",
                },
                capture_output=True,
                text=True,
                timeout=120,
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            rows = re.findall(r"^ *(\d+) +(\w+) +(gpu-[12]) +(\w+) +[\d.]+$", done.stdout, re.MULTILINE)
            self.assertEqual([row[1] for row in rows], ["sdxl", "flux", "sdxl", "pixart", "flux", "sdxl"])
            # Each model is loaded once, and found again.
            self.assertEqual([row[3] == "hint_match" for row in rows], [False, False, True, False, True, True])
            home: dict[str, str] = {}
            for _, model, replica, _ in rows:
                self.assertEqual(home.setdefault(model, replica), replica)
            self.assertIn("simulated", done.stdout)
            self.assertEqual([each.name for each in Path(folder).iterdir() if each.name.startswith("warmpath")], [])


if __name__ == "__main__":
    unittest.main()
