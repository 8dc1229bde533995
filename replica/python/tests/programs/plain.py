"""A replica on Python's own HTTP server, with no handler of SIGTERM unless it is asked for one.

Arguments: `handler`: SIGTERM has a handler, which ends the program; `alone`: signals are left alone; `two`: a second app;
`uncounted`: requests are not counted; `fork`: there is a forked child, which sleeps; `joins`: and is a replica; `begin`: both end
at once. A request for /slow answers its first half, and its second when the file HOLD is there. /drain drains, and /held answers
whether a signal is held back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from warmpath import Replica

flags = set(sys.argv[1:])
port = int(os.environ["PORT"])
replica = Replica(replica="r", hints=["sdxl"], handle_signals="alone" not in flags)
others = [Replica(app="other", replica="r", handle_signals="alone" not in flags)] if "two" in flags else []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/drain":
            replica.drain()
        end = time.monotonic() + 30
        while self.path == "/held" and replica._held is None and time.monotonic() < end:
            time.sleep(0.01)
        with contextlib.nullcontext() if "uncounted" in flags else replica.request():
            self.send_response(200)
            self.send_header("content-length", "10")
            self.end_headers()
            self.wfile.write(b"first")
            self.wfile.flush()
            while self.path == "/slow" and not Path(os.environ["HOLD"]).exists() and time.monotonic() < end:
                time.sleep(0.01)
            self.wfile.write(b"-last")

    def log_message(self, format: str, *args: object) -> None:
        pass


def ends(number: int, frame: object) -> None:
    print("handler", flush=True)
    threading.Thread(target=server.shutdown).start()


server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
if "handler" in flags:
    signal.signal(signal.SIGTERM, ends)
if "fork" in flags:
    # Started before the fork: the child has the handler of its parent, and no thread.
    replica.start()
    child = os.fork()
    if child == 0:
        if "joins" in flags:
            replica.start()
            assert replica._heartbeats is not None
            print(f"incarnation {replica._heartbeats._incarnation}", flush=True)
        print(f"child {os.getpid()}", flush=True)
        # Falls off the end as a program does, after a signal of its parent at the latest.
        time.sleep(0.0 if "begin" in flags else 30.0)
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    print(f"child ended with {status}", flush=True)
for each in [replica, *others]:
    each.start()
if "begin" not in flags:
    server.serve_forever(poll_interval=0.05)
print("end", flush=True)
