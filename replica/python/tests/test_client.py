"""The client's headers, in `requests` and `httpx`, and what the real router makes of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import unittest
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests import support
from tests.support import RouterCase, needs, needs_router
from warmpath import Replica
from warmpath.client import Hint, hint_headers


class Headers(unittest.TestCase):
    def test_all_of_them(self) -> None:
        self.assertEqual(
            hint_headers(["sdxl", " flux "], priority="low", timeout=30, cost=2.5, prewarm="upscale", no_retry=True),
            {
                "X-Fal-Runner-Hint": "sdxl,flux",
                "X-Fal-Queue-Priority": "low",
                "X-Fal-Request-Timeout": "30",
                "X-Warmpath-Cost": "2.5",
                "X-Warmpath-Prewarm": "upscale",
                "X-Fal-No-Retry": "1",
            },
        )
        self.assertEqual(hint_headers("sdxl"), {"X-Fal-Runner-Hint": "sdxl"})
        self.assertEqual(hint_headers(), {})

    def test_numbers_are_written_as_the_router_reads_them(self) -> None:
        for seconds, text in ((1e-7, "0.0000001"), (100, "100"), (0.1, "0.1"), (999_999_999, "999999999")):
            self.assertEqual(hint_headers(timeout=seconds)["X-Fal-Request-Timeout"], text)

    def test_a_bad_one_is_named(self) -> None:
        for name, bad in (
            *(("hints", each) for each in ("", "a,b", "ä", [7], list("abcdefghi"))),
            *(("prewarm", each) for each in ("", "a,b", [7])),
            *(("priority", each) for each in ("", "urgent", 1)),
            *(("timeout", each) for each in (0, -1, float("nan"), float("inf"), 1e-12, 1e12, "1", True)),
            *(("cost", each) for each in (0, 86_401, "1")),
        ):
            with self.subTest(name=name, bad=bad), self.assertRaisesRegex(ValueError, f"^{name}:? "):
                hint_headers(**dict[str, Any]({name: bad}))
        with self.assertRaisesRegex(ValueError, "^from_json "):
            Hint("sdxl", from_json="model")

    def test_neither_library_is_imported(self) -> None:
        code = "import warmpath.client, sys; print({'requests', 'httpx'} & set(sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(support.PACKAGE)}, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.stdout.strip(), "set()", done.stderr)


class Echo(BaseHTTPRequestHandler):
    """A replica that answers with the hint that the test's client sent in a header of the same request, as JSON."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if "content-length" in self.headers:
            self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


@needs_router()
@needs("requests", "httpx")
class Libraries(RouterCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for name in ("sdxl", "flux"):
            server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            replica = Replica(
                app="any-model",
                router=cls.router.url,
                token=support.TOKEN,
                origin=f"http://127.0.0.1:{server.server_address[1]}",
                replica=name,
                hints=[name],
                concurrency=4,
            )
            cls.addClassCleanup(replica.start().stop)
            cls.addClassCleanup(server.server_close)
            cls.addClassCleanup(server.shutdown)
            cls.router.shows("any-model", name, status="ready")
        cls.url = f"{cls.router.url}/any-model/"

    url = ""

    def served(self, response: Any) -> tuple[str, str]:
        self.assertEqual(response.status_code, 200, response.text)
        return response.headers["x-fal-served-from"], response.headers["x-warmpath-reason"]

    def test_requests_one_by_one_and_by_session(self) -> None:
        import requests

        for hint in ("flux", "sdxl", "flux"):
            self.assertEqual(self.served(requests.post(self.url, json={}, auth=Hint(hint), timeout=20)), (hint, "hint_match"))
            reply = requests.get(self.url, headers=Hint(hint).headers, timeout=20)
            self.assertEqual(self.served(reply), (hint, "hint_match"))
        with requests.Session() as session:
            session.auth = Hint(from_json="model", priority="high", timeout=30)
            for model in ("flux", "sdxl"):
                self.assertEqual(self.served(session.post(self.url, json={"model": model}, timeout=20)), (model, "hint_match"))
            self.assertEqual(self.served(session.get(self.url, timeout=20))[1], "least_loaded")
            own = session.post(self.url, json={"model": "sdxl"}, headers={"x-fal-runner-hint": "flux"}, timeout=20)
            self.assertEqual(self.served(own), ("flux", "hint_match"))

    def test_httpx_one_by_one_by_client_and_by_hook(self) -> None:
        import httpx

        for hint in ("flux", "sdxl"):
            self.assertEqual(self.served(httpx.post(self.url, json={}, auth=Hint(hint))), (hint, "hint_match"))
            with httpx.Client(headers=Hint(hint).headers) as client:
                self.assertEqual(self.served(client.get(self.url)), (hint, "hint_match"))
        with httpx.Client(auth=Hint(from_json="model")) as client:
            for model in ("flux", "sdxl"):
                self.assertEqual(self.served(client.post(self.url, json={"model": model})), (model, "hint_match"))

            def pieces() -> Iterator[bytes]:
                yield b'{"model": "flux"}'

            self.assertEqual(self.served(client.post(self.url, content=pieces()))[1], "least_loaded")
        with httpx.Client(event_hooks={"request": [Hint("flux")]}) as client:
            self.assertEqual(self.served(client.get(self.url)), ("flux", "hint_match"))

    def test_httpx_in_coroutines(self) -> None:
        import httpx

        async def sends() -> Any:
            async with httpx.AsyncClient(auth=Hint(from_json="model")) as client:
                return await client.post(self.url, json={"model": "flux"})

        self.assertEqual(self.served(asyncio.run(sends())), ("flux", "hint_match"))

    def test_a_body_without_a_hint_is_sent_without_one(self) -> None:
        import requests

        auth = Hint(from_json="model")
        for body in (b"", b"not json", b"[]", b"7", b"{}", b'{"model": 7}', b'{"model": "a,b"}', b'{"model": ""}', b"\xff"):
            with self.subTest(body):
                reply = requests.post(self.url, data=body, auth=auth, timeout=20)
                self.assertEqual(self.served(reply)[1], "least_loaded")

    def test_the_router_takes_every_header(self) -> None:
        import requests

        auth = Hint("sdxl", "flux", priority="high", timeout=1e-7 + 5, cost=2.5, no_retry=True)
        self.assertEqual(self.served(requests.post(self.url, auth=auth, timeout=20)), ("sdxl", "hint_match"))


if __name__ == "__main__":
    unittest.main()
