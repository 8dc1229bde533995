"""Serves `app.py` as a replica: one line joins it. Settings come from the variables of replica/python/README.md, and PORT."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn
from fal.toolkit.file.file import BUILT_IN_REPOSITORIES

try:
    import warmpath
except ModuleNotFoundError:
    # Not installed: the one beside this folder.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "replica" / "python"))
    import warmpath

from app import AnyModelRunner

from warmpath.asgi import WarmpathMiddleware

# fal uploads images to its CDN, which takes an account. Here an image is a data URI in the answer.
BUILT_IN_REPOSITORIES["fal_v3"] = BUILT_IN_REPOSITORIES["in_memory"]

runner = AnyModelRunner(_allow_init=True)
app = runner._build_app()
app.add_middleware(WarmpathMiddleware, replica=warmpath.Replica(hints=runner.provide_hints))

if __name__ == "__main__":
    # Idle connections stay open for longer than the router keeps them.
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", timeout_keep_alive=300)
