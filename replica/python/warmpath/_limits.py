"""Every bound of this package, with its reason. Times are in seconds."""

from __future__ import annotations

HINTS_MAX = 256
"""Hints of one replica. The router refuses a heartbeat with more."""

HINT_CHARACTERS_MAX = 512
"""The router's bound, like those that follow."""

HINTS_PER_REQUEST_MAX = 8
COST_MAX = 86_400
REQUEST_TIMEOUT_MAX = 999_999_999
"""The router reads twelve digits. This is 31 years."""

CONCURRENCY_MAX = 10_000
REPLICA_ID_CHARACTERS_MAX = 256
ORIGIN_CHARACTERS_MAX = 300

HINTS_HEADER_BYTES_MAX = 8192
"""Of X-Fal-Runner-Hints. Proxies refuse longer headers, and with the header the whole answer. Heartbeats carry longer lists."""

ANSWER_BYTES_MAX = 65_536
"""Of the router's answer to a heartbeat. A real one has some hundred bytes."""

ANSWER_TIMEOUT = 5.0
"""From a heartbeat to the end of its answer. A healthy router takes milliseconds; the shortest time to live is 15."""

GOODBYE_TIMEOUT = 2.0
"""The same for `draining` and `stopped`. Somebody waits for the process to end."""

STOP_TIMEOUT = 3.0
"""How long `stop` waits for its thread: a goodbye, and what it takes to wake up."""

FIRST_INTERVAL = 5.0
"""Between heartbeats, until the router's first answer names the interval. It is the router's default."""

INTERVAL_MIN = 0.01
INTERVAL_MAX = 300.0
"""An interval outside these bounds is not believed."""

RETRY_FIRST = 1.0
"""The pause after the first heartbeat that failed. A time to live has room for several tries."""

RETRY_MAX = 30.0
"""The longest pause. The replica is listed again at most this long after its router is back, give or take the jitter."""

POLL = 0.25
"""How often the list of hints is looked at. A call of the list's function and a comparison, four times a second."""

NEWS_GAP = 0.1
"""Between heartbeats that say what has changed. Changes that come faster go out together."""

REOPEN_SPREAD = 1.0
"""Within this time a replica reports whose WebSocket has ended. At a restart of the router all of them do."""

PROBE_TIMEOUT = 1.0
"""For a connection to the replica's own port."""

DRAIN_TIMEOUT = 25.0
"""How long SIGTERM waits for running requests by default. Kubernetes kills after 30."""

SIGNATURE_AGE_MAX = 300
"""How far a signature's time may be from now (docs/protocol.md, Signature)."""
