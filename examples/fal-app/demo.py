"""`python demo.py`: the router, two replicas of `app.py`, and requests for three models. Ends everything that it started."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
NODE = PROJECT / "node_modules" / ".bin" / "node"
MODELS = ("sdxl", "flux", "sdxl", "pixart", "flux", "sdxl", "pixart", "flux", "sdxl", "sdxl", "flux", "pixart")
START_SECONDS = 60
END_SECONDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=len(MODELS), help="how many are sent (%(default)s)")
    parser.add_argument("--once", action="store_true", help="end after them, and not with Ctrl-C")
    options = parser.parse_args()
    if options.requests < 0:
        parser.error(f"--requests must be at least 0, not {options.requests}")
    missing = [name for name in ("fal", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"not installed: {', '.join(missing)} (README.md says how)")
    if not NODE.exists():
        parser.error("the router is not installed: run npm ci in the project's folder")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        try:
            run(stack, options.requests, stay=not options.once)
        except KeyboardInterrupt:
            return 0
    return 0


def run(stack: ExitStack, requests: int, *, stay: bool) -> None:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="warmpath-fal-app-"))
    settings = {"HEARTBEAT_TOKENS": "secret", "ADMIN_TOKEN": "admin", "ALLOW_PRIVATE_ORIGINS": "true"}
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    serve = [str(NODE), str(PROJECT / "scripts" / "serve.ts")]
    router = start(stack, serve, {**settings, "PATH": path, "PORT": "0", "STATE_DIR": folder})
    threading.Thread(target=tell_trouble, args=(router.stderr or [],), daemon=True).start()
    line = router.stdout.readline() if router.stdout else ""
    if not line.startswith("ready "):
        raise SystemExit("the router did not start")
    url = line.split()[1]
    print(f"The router is ready at {url}. Models and images are simulated (diffusers/).", flush=True)
    for number in (1, 2):
        port = free_port()
        joins = {
            "WARMPATH_ROUTER": url,
            "WARMPATH_TOKEN": "secret",
            "WARMPATH_APP": "any-model",
            "WARMPATH_REPLICA": f"gpu-{number}",
            "WARMPATH_ORIGIN": f"http://127.0.0.1:{port}",
        }
        start(stack, [sys.executable, str(HERE / "replica.py")], {**joins, "PORT": str(port)}, quiet=True)
    wait_for_replicas(url, 2)
    print("\n #  model   replica  reason        seconds", flush=True)
    for number in range(requests):
        ask(url, number + 1, MODELS[number % len(MODELS)])
    if stay:
        body = json.dumps({"model": "sdxl", "prompt": "a castle"})
        print(f"\nTry: curl -i -H 'content-type: application/json' -H 'x-fal-runner-hint: sdxl' -d '{body}' {url}/any-model/")
        print("Ctrl-C ends everything.", flush=True)
        signal.pause()


def start(stack: ExitStack, command: Sequence[str], variables: dict[str, str], *, quiet: bool = False) -> subprocess.Popen[str]:
    output = subprocess.DEVNULL if quiet else subprocess.PIPE
    # A group of its own: Ctrl-C comes here alone, and the replicas end before their router.
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        cwd=HERE,
        stdout=output,
        stderr=None if quiet else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stack.callback(end, process)
    return process


def tell_trouble(lines: Iterable[str]) -> None:
    """Prints the router's log, but for what happens to replicas: that is to be seen."""
    for line in lines:
        if '"message":"event"' not in line:
            sys.stderr.write(line)


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def wait_for_replicas(url: str, wanted: int) -> None:
    request = urllib.request.Request(f"{url}/-/apps/any-model", headers={"authorization": "Bearer admin"})
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=END_SECONDS) as response:
                ready = [each for each in json.load(response)["replicas"] if each["status"] == "ready"]
        except urllib.error.HTTPError:
            ready = []
        if len(ready) == wanted:
            return
        time.sleep(0.05)
    raise SystemExit(f"no {wanted} replicas were ready within {START_SECONDS} s")


def ask(url: str, number: int, model: str) -> None:
    body = json.dumps({"model": model, "prompt": "a lighthouse at dusk"}).encode()
    headers = {"content-type": "application/json", "x-fal-runner-hint": model}
    began = time.monotonic()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/any-model/", data=body, headers=headers), timeout=60) as response:
        image = json.load(response)["image"]["url"]
        replica, reason = response.headers["x-fal-served-from"], response.headers["x-warmpath-reason"]
    if not image.startswith("data:image/"):
        raise SystemExit(f"no image: {image[:60]}")
    print(f"{number:2}  {model:6}  {replica:7}  {reason:12}  {time.monotonic() - began:7.1f}", flush=True)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
