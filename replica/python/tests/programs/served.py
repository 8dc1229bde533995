"""A FastAPI application on uvicorn, joined by the middleware; with the argument `around` by a `with` around the server too.

Argument `inside`: by a `with` in the application's own lifespan, and no middleware.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

from warmpath import Replica
from warmpath.asgi import WarmpathMiddleware

flags = set(sys.argv[1:])
models: dict[str, str] = {}
replica = Replica(replica="r", hints=models.keys, hint_slots=3, concurrency=4)


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with replica if "inside" in flags else contextlib.nullcontext():
        yield
    print("shut down", flush=True)


app = FastAPI(lifespan=lifespan)
if "inside" not in flags:
    app.add_middleware(WarmpathMiddleware, replica=replica, exempt=["/health"])


@app.api_route("/run/{model}", methods=["GET", "POST"])
async def run(model: str) -> dict[str, str]:
    return {"image": models.setdefault(model, model)}


@app.get("/slow")
async def slow() -> StreamingResponse:
    async def halves() -> AsyncIterator[bytes]:
        yield b"first"
        for _ in range(3000):
            if os.path.exists(os.environ["HOLD"]):  # noqa: ASYNC240, PTH110 (a look is quick)
                break
            await asyncio.sleep(0.01)
        yield b"-last"

    return StreamingResponse(halves(), media_type="text/plain")


@app.get("/own")
async def own(response: Response) -> str:
    response.headers["X-Fal-Runner-Hints"] = "its,own"
    return "own"


@app.get("/health")
async def health() -> str:
    return f"{replica.in_flight}"


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"{replica.in_flight} {await websocket.receive_text()}")
    await websocket.close()


@app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
async def anything(request: Request) -> dict[str, str]:
    return {"path": request.url.path, "query": request.url.query}


with replica if "around" in flags else contextlib.nullcontext():
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", timeout_keep_alive=30)
