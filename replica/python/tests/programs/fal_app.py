"""A `fal.App` with `provide_hints()`, served by fal and joined by the middleware; argument `setup`: by a line in `setup`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import fal
from pydantic import BaseModel

from warmpath import Replica
from warmpath.asgi import WarmpathMiddleware


class Input(BaseModel):
    model: str


class Runner(fal.App):  # type: ignore[no-untyped-call]
    models: dict[str, str]

    def setup(self) -> None:
        # Longer than one look at the hints, which are not there before.
        time.sleep(0.5)
        self.models = {}
        if "setup" in sys.argv:
            Replica(replica="r", hints=self.provide_hints).start()

    def provide_hints(self) -> list[str]:
        return list(self.models)

    def _add_extra_middlewares(self, app: Any) -> None:
        super()._add_extra_middlewares(app)
        if "setup" not in sys.argv:
            app.add_middleware(WarmpathMiddleware, replica=Replica(replica="r", hints=self.provide_hints))

    @fal.endpoint("/")
    def run(self, input: Input) -> dict[str, str]:
        return {"image": self.models.setdefault(input.model, input.model)}

    @fal.endpoint("/slow")
    def slow(self) -> str:
        while not Path(os.environ["HOLD"]).exists():
            time.sleep(0.01)
        return "done"


asyncio.run(Runner(_allow_init=True).serve(port=int(os.environ["PORT"]), metrics_port=int(os.environ["METRICS_PORT"])))
