"""Rate limits by client or station, in sliding windows. One `RateLimits` per server."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from app.rules.record.clock import is_young

_KEYS: Final = 10_000
_HOUSEHOLD: Final = 64
"""Prefix length of the IPv6 network of one household or phone, which chooses the other bits itself."""


@dataclass(frozen=True, slots=True, eq=False)
class RateLimit:
    """At most `hits` for one key in `seconds`. Compared by identity: each has windows of its own."""

    hits: int
    seconds: float


class RateWindow:
    """Sliding-window rate limit per key, for the `_KEYS` that were seen last.

    Our own, because the library's memory store starts a thread for every few hits, which blocks the event loop.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def has_room(self, key: str, now: float) -> bool:
        """Count a hit at `now` (seconds) unless the span is full; say whether it was counted."""
        hits = self._hits.setdefault(key, deque())
        self._hits.move_to_end(key)
        if len(self._hits) > _KEYS:
            self._hits.popitem(last=False)
        if self.is_full(key, now):
            return False
        hits.append(now)
        return True

    def is_full(self, key: str, now: float) -> bool:
        """Whether nothing more would be counted at `now`; counts nothing."""
        hits = self._hits.get(key, deque())
        while hits and not is_young(hits[0], self._limit.seconds, now):
            hits.popleft()
        return len(hits) >= self._limit.hits


class RateLimits:
    """The windows of all limits of one server, on the steady clock unless told otherwise."""

    def __init__(self) -> None:
        self._windows: dict[RateLimit, RateWindow] = {}

    def has_room(self, limit: RateLimit, key: str, now: float | None = None) -> bool:
        """Count a hit unless the span is full; say whether it was counted."""
        return self._window(limit).has_room(key, time.monotonic() if now is None else now)

    def is_full(self, limit: RateLimit, key: str) -> bool:
        """Whether nothing more would be counted now; counts nothing."""
        return self._window(limit).is_full(key, time.monotonic())

    def _window(self, limit: RateLimit) -> RateWindow:
        return self._windows.setdefault(limit, RateWindow(limit))


def network_of(scope: Mapping[str, Any]) -> str:
    """Return the rate limit's key of a client: its IPv4 address, or its IPv6 /64 network."""
    return _network(str((scope.get("client") or ("",))[0]))


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(IPv6Network((int(address), _HOUSEHOLD), strict=False)) if isinstance(address, IPv6Address) else host
