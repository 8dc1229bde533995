"""`python -m warmpath`: one heartbeat, to see on a replica's machine whether it can join."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from . import _limits, _settings
from ._exchange import Accepted, post
from ._hints import HintSource


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 accepted, 1 refused or not reached, 2 bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m warmpath",
        description="Sends one heartbeat as a replica of this machine would, and prints what the router answers. Where "
        "an option is missing its variable counts. The replica is listed until its time to live is over. With the status "
        "`starting` it gets no requests. A replica of the same id that is there already stays as it is, and the answer is 409.",
    )
    for name, (variable, *_) in _settings.VARIABLES.items():
        # A token on a command line is seen by every user of the machine.
        if name not in ("token", "signing_key", "websocket"):
            parser.add_argument(f"--{name.replace('_', '-')}", help=f"or {variable}")
    parser.add_argument("--hints", help="what it holds warm, with commas; empty: nothing yet (default: no specialty)")
    parser.add_argument("--status", choices=("starting", "ready", "draining", "stopped"), default="starting")
    parser.add_argument("--print", action="store_true", help="print the heartbeat and send nothing")
    parser.epilog = "The token is read from WARMPATH_TOKEN."
    options = parser.parse_args(arguments)
    try:
        settings = _settings.settings(
            app=options.app,
            router=options.router,
            token=None,
            origin=options.origin,
            replica=options.replica,
            concurrency=options.concurrency,
            hint_slots=options.hint_slots,
            websocket=None,
        )
        hints = HintSource(None if options.hints is None else [each for each in options.hints.split(",") if each.strip()])
    except ValueError as error:
        parser.error(str(error))
    # Without an incarnation: it must not take the place of the process that it asks for.
    report = {
        "app": settings.app,
        "replica": settings.replica,
        "origin": settings.origin,
        "hints": hints.read(),
        "hint_slots": settings.hint_slots,
        "concurrency": settings.concurrency,
        "status": options.status,
    }
    report = {name: value for name, value in report.items() if value is not None}
    if options.print:
        print(json.dumps(report, indent=2))
        return 0
    answer = post(settings, report, _limits.ANSWER_TIMEOUT)
    if not isinstance(answer, Accepted):
        print(f"error: {answer.problem}", file=sys.stderr)
        return 1
    print(f"accepted by {settings.router}: the next heartbeat is due in {answer.interval:g} s")
    for warning in answer.warnings:
        print(f"warning: {warning}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
