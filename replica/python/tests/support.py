"""The real router as a process, replicas as processes, and waiting with a bound."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import importlib.util
import ipaddress
import json
import logging
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest import mock
from urllib.parse import quote

PACKAGE = Path(__file__).resolve().parent.parent
PROJECT = PACKAGE.parent.parent
PROGRAMS = PACKAGE / "tests" / "programs"
NODE = PROJECT / "node_modules" / ".bin" / "node"

Test = TypeVar("Test")

TOKEN = "beat-token"
ADMIN = "admin-token"
WITHIN = 20.0

# The package of this folder, whether or not one is installed.
if str(PACKAGE) not in sys.path:
    sys.path.insert(0, str(PACKAGE))
# Variables of whoever runs the tests are not settings of what is tested.
for _name in [each for each in os.environ if each.startswith("WARMPATH_")]:
    del os.environ[_name]


def needs(*modules: str) -> Callable[[Test], Test]:
    """Skips a test where a package is missing, unless REQUIRE_PYTHON says that all must be there."""
    missing = [each for each in modules if importlib.util.find_spec(each) is None]
    return _skip_unless(not missing, f"not installed: {', '.join(missing)}")


def needs_router() -> Callable[[Test], Test]:
    return _skip_unless(NODE.exists(), "npm ci has not been run, so there is no router")


def _skip_unless(there: bool, why: str) -> Callable[[Test], Test]:
    def decorate(test: Test) -> Test:
        if there or os.environ.get("REQUIRE_PYTHON") == "1":
            return test
        skipped: Test = unittest.skip(why)(test)  # type: ignore[type-var]
        return skipped

    return decorate


def until(what: str, condition: Callable[[], Any], within: float = WITHIN) -> Any:
    """Polls until the condition gives something true, and gives that. Fails with `what`."""
    deadline = time.monotonic() + within
    while True:
        its = condition()
        if its:
            return its
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.01)


class Reply:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    port: int, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class Router:
    """`scripts/serve.ts` with settings for loopback, and a state folder of its own."""

    def __init__(self, **settings: str) -> None:
        self.settings = {
            "HEARTBEAT_TOKENS": TOKEN,
            "ADMIN_TOKEN": ADMIN,
            "ALLOW_PRIVATE_ORIGINS": "true",
            "HEARTBEAT_INTERVAL_MS": "60000",
            **settings,
        }
        self.port = 0
        self._folder = tempfile.mkdtemp(prefix="warmpath-test-python-")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the router)
        self._process: subprocess.Popen[str] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, forgetting: bool = False) -> None:
        if forgetting:
            shutil.rmtree(self._folder, ignore_errors=True)
        process = subprocess.Popen(
            [str(NODE), str(PROJECT / "scripts" / "serve.ts")],
            env={
                "PATH": f"{NODE.parent}:{os.environ['PATH']}",
                "HOME": os.environ.get("HOME", "/"),
                "PORT": str(self.port),
                "STATE_DIR": self._folder,
                **self.settings,
            },
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("ready "):
            self._log.seek(0)
            raise AssertionError(f"the router did not start:\n{self._log.read().decode()}")
        self.port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WITHIN)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def close(self) -> None:
        self.stop()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def send(self, target: str, **how: Any) -> Reply:
        return send(self.port, target, **how)

    def announce(self, app: str, hint: str) -> None:
        """An administrator announces the hint."""
        headers = {"authorization": f"Bearer {ADMIN}"}
        reply = self.send(f"/-/apps/{quote(app, safe='')}/warm?hint={quote(hint)}", method="POST", headers=headers)
        assert reply.status == 200, reply.text

    def replicas(self, app: str) -> dict[str, Any]:
        """The app's replicas by id, as the router believes them to be; empty: the app has none."""
        headers = {"authorization": f"Bearer {ADMIN}"}
        reply = self.send(f"/-/apps/{quote(app, safe='')}", headers=headers)
        if reply.status == 404:
            return {}
        assert reply.status == 200, reply.text
        return {each["replica"]: each for each in reply.json()["replicas"]}

    def shows(self, app: str, replica: str, **fields: Any) -> dict[str, Any]:
        """Waits until the router shows a replica like that, and gives the whole of it."""

        def found() -> Any:
            its = self.replicas(app).get(replica)
            return its is not None and all(its[name] == value for name, value in fields.items()) and its

        found_one: dict[str, Any] = until(f"{app} has {replica} with {fields}, not {self.replicas(app)}", found)
        return found_one

    def lost(self, app: str, replica: str) -> None:
        until(f"{app} has no {replica}", lambda: replica not in self.replicas(app))


class RouterCase(unittest.TestCase):
    """Tests that share one real router."""

    SETTINGS: ClassVar[Mapping[str, str]] = {}
    router: Router

    @classmethod
    def setUpClass(cls) -> None:
        cls.router = Router(**cls.SETTINGS)
        cls.addClassCleanup(cls.router.close)


class OddRouter:
    """Answers heartbeats as a test says, for what a real router does too rarely: redirects, nonsense, silence."""

    def __init__(self, answer: Callable[[dict[str, Any], int], tuple[int, dict[str, str], bytes] | None]) -> None:
        self.reports: list[dict[str, Any]] = []
        self.gets = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                report = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.reports.append(report)
                answered = answer(report, len(outer.reports))
                if answered is None:
                    self.close_connection = True
                    return
                status, headers, body = answered
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def do_GET(self) -> None:
                outer.gets += 1
                self.send_error(405)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def times(next_ms: int) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"time_to_live_ms": 3 * next_ms, "next_heartbeat_ms": next_ms}).encode()


class Program:
    """A program of the folder `programs` in a process of its own."""

    def __init__(self, name: str, *arguments: str, runner: Sequence[str] = (), **variables: str) -> None:
        self.port = free_port()
        self._log: list[str] = []
        self.process = subprocess.Popen(
            [*runner, sys.executable, str(PROGRAMS / name), *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PACKAGE),
                "PORT": str(self.port),
                "WARMPATH_ORIGIN": f"http://127.0.0.1:{self.port}",
                "WARMPATH_TOKEN": TOKEN,
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._log.append(line)

    @property
    def log(self) -> str:
        return "".join(self._log)

    def term(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Its exit status, when it has ended; below 0: by that signal."""
        try:
            status = self.process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs on:\n{self.log}") from None
        self._reader.join(WITHIN)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WITHIN)
        self._reader.join(WITHIN)
        assert self.process.stdout is not None
        self.process.stdout.close()


def certificate(case: unittest.TestCase) -> tuple[ssl.SSLContext, contextlib.AbstractContextManager[object]]:
    """What a server on loopback needs for TLS, and a context in which its certificate is trusted, as a user's would be."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    its = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tempfile.TemporaryDirectory(prefix="warmpath-test-python-")
    case.addCleanup(folder.cleanup)
    file = Path(folder.name) / "both.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + its.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(file)})


def free_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    try:
        return int(server.server_address[1])
    finally:
        server.server_close()


@contextlib.contextmanager
def logged(level: int = logging.WARNING) -> Iterator[list[logging.LogRecord]]:
    """What is logged as `warmpath` meanwhile, from that level on."""
    records: list[logging.LogRecord] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    log = logging.getLogger("warmpath")
    handler = Keeps(level)
    before = (log.level, log.propagate)
    log.addHandler(handler)
    log.setLevel(level)
    log.propagate = False
    try:
        yield records
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
