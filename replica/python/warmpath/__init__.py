"""Joins a Python process to a Warmpath router as a replica, in one line. Needs the standard library alone.

`Replica` sends heartbeats. `warmpath.asgi` is a middleware for FastAPI, Starlette and `fal.App`, `warmpath.client` is for
those who send requests, `warmpath.signature` tells whether a request came through the router.
"""

from .replica import Replica

__all__ = ["Replica", "__version__"]
__version__ = "0.1.0"
