"""A replica of an app, for as long as it reports to the router."""

from __future__ import annotations

import atexit
import functools
import inspect
import logging
import os
import threading
import time
import weakref
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Callable, TypeVar, cast

from . import _limits, _settings
from ._advice import Follower, OnAdvice
from ._heartbeats import Heartbeats
from ._hints import Hints, HintSource
from ._probe import Probe
from ._requests import Requests
from ._signals import SignalHook

log = logging.getLogger("warmpath")

Function = TypeVar("Function", bound=Callable[..., Any])

_incarnations = threading.Lock()
_last_incarnation = 0


class Replica:
    """Joins an app at a router and stays there until it is stopped.

    A context manager, a decorator of a function that runs as long as the replica, or `start` and `stop`::

        with Replica(app="any-model", hints=models.keys, hint_slots=3):
            serve()

    Where an argument is None, its environment variable counts: `WARMPATH_APP`, `WARMPATH_ROUTER`, `WARMPATH_TOKEN`,
    `WARMPATH_ORIGIN`, `WARMPATH_REPLICA`, `WARMPATH_CONCURRENCY`, `WARMPATH_HINT_SLOTS`, `WARMPATH_WEBSOCKET`. A bad value is a
    ValueError that names the argument. From then on nothing raises: what goes wrong is logged as `warmpath`, and the replica
    goes on serving.

    app: the app's name.
    router: where the router is, `https://router.example.com`.
    token: one of the router's `HEARTBEAT_TOKENS`.
    origin: where the router reaches this replica, `https://gpu-1.example.com`.
    replica: its id, unique in its app and the same after a restart. Default: the host's name, and the port if `origin` has one.
    hints: what it holds warm: a function that gives the list, or a list. It is read four times a second, in another thread,
        and with each answer. None: the replica does not specialise. Hints that can't be sent are left out.
    hint_slots: how many hints it can hold at once, 0 to 256. None: unknown.
    concurrency: how many requests it takes at once, 1 to 10,000. Default: 1.
    in_flight: a function that gives how many requests it is serving. None: what the middleware or `request` counts, if one
        is used.
    on_advice: a function of two lists of hints that loads the first and evicts the second, if it wants to: while the replica is
        idle the router advises it to load what a client has announced and nobody holds. It is called in a thread of its own,
        and not again before it has ended. What it raises is logged. None: advice is ignored.
    websocket: whether heartbeats go over a WebSocket, which costs a large fleet less, and by POST while there is none.
        Default: by POST alone.
    probe: while the origin refuses connections from here the replica is `starting`, and gets no requests. `host:port`: the
        same for that address, which is better if the origin is a proxy. False: it is ready at once.
    handle_signals: whether SIGTERM makes it `draining`. The handler that was there then gets the signal. If there was none, the
        process ends by the signal after the requests that are counted, or after `drain_timeout` seconds. A second SIGTERM
        does not wait. Needs `start` in the main thread, else signals are left alone.
    """

    def __init__(
        self,
        *,
        app: str | None = None,
        router: str | None = None,
        token: str | None = None,
        origin: str | None = None,
        replica: str | None = None,
        hints: Hints = None,
        hint_slots: int | None = None,
        concurrency: int | None = None,
        in_flight: Callable[[], int] | None = None,
        on_advice: OnAdvice | None = None,
        websocket: bool | None = None,
        probe: bool | str = True,
        handle_signals: bool = True,
        drain_timeout: float = _limits.DRAIN_TIMEOUT,
    ) -> None:
        self._settings = _settings.settings(
            app=app,
            router=router,
            token=token,
            origin=origin,
            replica=replica,
            concurrency=concurrency,
            hint_slots=hint_slots,
            websocket=websocket,
        )
        self._hints = HintSource(hints)
        if in_flight is not None and not callable(in_flight):
            raise ValueError(f"in_flight must be a function, not {in_flight!r}")
        self._in_flight = in_flight
        if on_advice is not None and not callable(on_advice):
            raise ValueError(f"on_advice must be a function, not {on_advice!r}")
        self._on_advice = on_advice
        self._probed = self._address_of(probe)
        if not isinstance(drain_timeout, (int, float)) or not 0 <= drain_timeout < float("inf"):
            raise ValueError(f"drain_timeout must be seconds of at least 0, not {drain_timeout!r}")
        self._drain_timeout = drain_timeout
        self._handles_signals = handle_signals
        self._requests = Requests()
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=functools.partial(_reset_in_child, weakref.ref(self)))

    def __repr__(self) -> str:
        return f"Replica(app={self.app!r}, replica={self.replica!r}, router={self._settings.router!r})"

    # What it is.

    @property
    def app(self) -> str:
        """The app's name."""
        return self._settings.app

    @property
    def replica(self) -> str:
        """Its id."""
        return self._settings.replica

    @property
    def hints(self) -> list[str] | None:
        """What it holds now, as the router is told. None: it does not specialise. Never raises."""
        return self._hints.read()

    @property
    def in_flight(self) -> int | None:
        """Requests that it is serving. None: nobody counts."""
        if self._in_flight is None:
            return self._requests.in_flight if self._requests.counted else None
        try:
            return max(0, int(self._in_flight()))
        except Exception:
            log.debug("in_flight can't be read", exc_info=True)
            return None

    def request(self) -> AbstractContextManager[None]:
        """Counts a request for as long as the context. Not needed with the middleware."""
        return self._requests.one()

    # What it does.

    def start(self, *, ready: bool = True) -> Replica:
        """Begins to report, in a thread of its own. Each `start` needs its `stop`; the last one counts.

        ready: False: it is `starting` until `ready` is called.
        """
        with self._lock:
            self._users += 1
            if self._heartbeats is None:
                self._begin(ready)
        self._take_signals()
        return self

    def ready(self) -> None:
        """It may get requests, once it listens."""
        self._tell(lambda heartbeats: heartbeats.ready())

    def changed(self) -> None:
        """Its hints may have changed: the router is told at once if they have. Else it hears within a quarter of a second."""
        self._tell(lambda heartbeats: heartbeats.look())

    def drain(self) -> None:
        """It gets nothing new from now on, finishes what it has, and is stopped later."""
        self._tell(lambda heartbeats: heartbeats.drain())

    def stop(self) -> None:
        """Says that it stops, and waits for that for 3 seconds at most. Without a `start` it does nothing."""
        with self._lock:
            if self._users == 0:
                return
            if self._users > 1:
                self._users -= 1
                return
            heartbeats, hook = self._leave()
        self._finish(heartbeats, hook)

    def __enter__(self) -> Replica:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __call__(self, function: Function) -> Function:
        """Decorates a function, or a coroutine function: the replica is there while it runs."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def waits(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast(Function, waits)

        @functools.wraps(function)
        def runs(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast(Function, runs)

    # How.

    def _address_of(self, probe: bool | str) -> tuple[str, int] | None:
        if isinstance(probe, str):
            return _settings.address("probe", probe)
        if not isinstance(probe, bool):
            raise ValueError(f"probe must be True, False or host:port, not {probe!r}")
        return _settings.address_of(self._settings.origin) if probe else None

    def _reset(self) -> None:
        # A signal handler may come in while its thread has the lock.
        self._lock = threading.RLock()
        self._users = 0
        self._heartbeats: Heartbeats | None = None
        self._hook: SignalHook | None = None
        self._held: SignalHook | None = None

    def _begin(self, ready: bool) -> None:
        heartbeats = Heartbeats(
            self._settings,
            incarnation=_next_incarnation(),
            hints=self._hints,
            in_flight=lambda: self.in_flight,
            probe=Probe(self._probed),
            follower=Follower(self._on_advice),
            ready=ready,
        )
        try:
            heartbeats.start()
        except RuntimeError:
            # No thread can be had: the system has no more, or the interpreter ends.
            log.exception("heartbeats can't be sent")
            return
        self._heartbeats = heartbeats
        atexit.register(self._end)

    def _end(self) -> None:
        """Whoever still uses it. Returns in bounded time."""
        with self._lock:
            heartbeats, hook = self._leave()
        self._finish(heartbeats, hook)

    def _leave(self) -> tuple[Heartbeats | None, SignalHook | None]:
        """Under the lock: from here on a `start` begins anew."""
        its = (self._heartbeats, self._hook)
        self._users, self._heartbeats, self._hook = 0, None, None
        return its

    def _finish(self, heartbeats: Heartbeats | None, hook: SignalHook | None) -> None:
        if heartbeats is None:
            return
        if self._heartbeats is None:
            atexit.unregister(self._end)
        heartbeats.finish(_limits.STOP_TIMEOUT)
        if hook is not None:
            hook.remove()
        self._pass_on()

    def _tell(self, word: Callable[[Heartbeats], None]) -> None:
        heartbeats = self._heartbeats
        if heartbeats is not None:
            word(heartbeats)

    def _take_signals(self) -> None:
        """Stands before whatever handles SIGTERM now, such as a server that has started since the last time."""
        if not self._handles_signals or self._heartbeats is None or not SignalHook.is_possible():
            return
        if self._hook is not None and self._hook.is_installed:
            return
        self._hook = SignalHook(self._hold, self._end)
        self._hook.install()

    def _hold(self, hook: SignalHook) -> bool:
        """Called by a signal's handler: takes no lock. True: the signal comes again when the router has been told."""
        heartbeats = self._heartbeats
        if heartbeats is None or heartbeats.finishes or heartbeats.is_held:
            self._held = None
            return False
        end = time.monotonic() + self._drain_timeout

        def passed_on() -> bool:
            if hook.ends_process and self._requests.running > 0 and time.monotonic() < end:
                return False
            self._pass_on()
            return True

        self._held = hook
        heartbeats.hold(passed_on)
        return True

    def _pass_on(self) -> None:
        hook, self._held = self._held, None
        if hook is not None:
            hook.release()


def _next_incarnation() -> int:
    """Milliseconds since 1970, and higher than any before in this process."""
    global _last_incarnation
    with _incarnations:
        _last_incarnation = max(_last_incarnation + 1, time.time_ns() // 1_000_000)
        return _last_incarnation


def _reset_in_child(replica: weakref.ref[Replica]) -> None:
    """A forked child has its parent's handlers and no thread that reports. It is no replica until it starts to be one."""
    its = replica()
    if its is not None:
        atexit.unregister(its._end)
        its._requests = Requests()
        its._reset()
