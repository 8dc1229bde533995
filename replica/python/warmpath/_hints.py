"""Which hints a replica holds: from a function or a list, as the router can take them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Callable, Optional, Union

from . import _limits

Hints = Union[Callable[[], Optional[Iterable[str]]], Iterable[str], None]
"""A function that gives what is held now, or a list. None: the replica does not specialise."""

log = logging.getLogger("warmpath")
_HINT = re.compile(r"[ -+\--~]+")


def hint_fault(hint: object) -> str | None:
    """Why a text, trimmed, can't be a hint; None: it can."""
    if not isinstance(hint, str):
        return "is no text"
    if len(hint) > _limits.HINT_CHARACTERS_MAX:
        return f"is longer than {_limits.HINT_CHARACTERS_MAX} characters"
    if not _HINT.fullmatch(hint):
        return "must be printable ASCII without a comma"
    return None


class HintSource:
    """Reads the hints. After its construction nothing it is given can make it fail: it logs once and goes on with what it has."""

    def __init__(self, hints: Hints) -> None:
        if isinstance(hints, (str, bytes)) or not (hints is None or callable(hints) or isinstance(hints, Iterable)):
            raise ValueError(f"hints must be a function or a list of texts, not {hints!r}")
        self._hints = hints
        self._last: list[str] | None = None
        self._said: set[str] = set()
        if hints is not None and not callable(hints):
            self._last = self._take(hints, strict=True)

    def read(self) -> list[str] | None:
        """What is held now, without duplicates, at most 256. None: no specialty."""
        try:
            its = self._hints() if callable(self._hints) else self._hints
            self._last = None if its is None else self._take(its, strict=False)
            self._said.discard("failed")
        except NotImplementedError:
            # What provide_hints() of a fal.App does if it is not overridden.
            self._last = None
        except Exception:
            self._once("failed", "the hints can't be read; the router keeps the last list", exc_info=True)
        return self._last

    def _take(self, its: Iterable[str], *, strict: bool) -> list[str]:
        kept: dict[str, None] = {}
        # The copy is made at once: another thread may be changing the dict whose keys these are.
        for each in list(its):
            hint = each.strip() if isinstance(each, str) else each
            fault = None if hint == "" else hint_fault(hint)
            if fault is not None:
                if strict:
                    raise ValueError(f"hints: {each!r} {fault}")
                self._once(f"{each!r}", f"the hint {each!r} is left out: it {fault}")
            elif hint != "":
                kept[hint] = None
        if len(kept) > _limits.HINTS_MAX:
            if strict:
                raise ValueError(f"hints has more than {_limits.HINTS_MAX} hints")
            self._once("many", f"only the first {_limits.HINTS_MAX} of {len(kept)} hints are told")
        return list(kept)[: _limits.HINTS_MAX]

    def _once(self, key: str, message: str, *, exc_info: bool = False) -> None:
        if key in self._said or len(self._said) >= _limits.HINTS_MAX:
            return
        self._said.add(key)
        log.warning("%s", message, exc_info=exc_info)
