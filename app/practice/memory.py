"""The practice world's store: in this process, with expiry and a maximum number of entries."""

from __future__ import annotations

from typing import Generic, TypeVar

from app.ports.outside import Clock

V = TypeVar("V")


class Memory(Generic[V]):
    """Values by key that expire after `seconds`; above `room` entries, the oldest is evicted."""

    def __init__(self, clock: Clock, *, seconds: int, room: int = 2_000) -> None:
        self._clock = clock
        self._seconds = seconds
        self._room = room
        self._kept: dict[str, tuple[int, V]] = {}

    def __len__(self) -> int:
        self._fade()
        return len(self._kept)

    def put(self, key: str, value: V) -> None:
        """Store a value; its time starts now, also for a known key."""
        self._kept.pop(key, None)
        self._fade()
        if len(self._kept) >= self._room:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock.now() + self._seconds, value)

    def get(self, key: str) -> V | None:
        """Return a value that has not expired."""
        until, value = self._kept.get(key, (0, None))
        return value if self._clock.now() < until else None

    def items(self) -> list[tuple[str, V]]:
        """Return all keys and values that have not expired, the oldest first."""
        self._fade()
        return [(key, value) for key, (_, value) in self._kept.items()]

    def take(self, key: str) -> V | None:
        """Return and remove a value: a second call for the same key returns None."""
        value = self.get(key)
        self._kept.pop(key, None)
        return value

    def clear(self) -> None:
        """Remove everything."""
        self._kept.clear()

    def _fade(self) -> None:
        """Remove expired values; all have the same lifetime, so the oldest are first."""
        now = self._clock.now()
        while self._kept:
            key = next(iter(self._kept))
            if self._kept[key][0] > now:
                return
            del self._kept[key]
