"""Monitoring: liveness, readiness, and metrics for Prometheus."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import shutil
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from app.ports.outside import Clock, Unavailable
from app.ports.store import Ledger, Pulse, Store
from app.rules.record.gap import LedgerState
from app.web.kit.parts import Part

ENOUGH: Final = 64 * 1024 * 1024
"""Bytes that must be free on the disk of the data folder; with less, the next write may fail."""
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_ROUTES: Final = 500
"""Most counters; further routes count as `other`, so that invented addresses do not fill the memory."""
router = APIRouter()
_FORWARDED: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})


@dataclass
class Tally:
    """Counts answers: by route and kind of status, and how long they took."""

    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    took: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (method, route, f"{status // 100}xx")
        if key not in self.answers and len(self.answers) >= _ROUTES:
            key = (method, "other", key[2])
        self.answers[key] += 1
        self.took[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def lines(self) -> Iterator[str]:
        """Yield the counts in the text format of Prometheus."""
        yield from _head("kazasu_requests_total", "counter", "Answers by route and kind of status.")
        for (method, route, status), count in sorted(self.answers.items()):
            yield f'kazasu_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield from _head("kazasu_request_seconds", "histogram", "How long answers took.")
        total = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.took, strict=True):
            total += count
            yield f'kazasu_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"kazasu_request_seconds_sum {self.seconds:.6f}"
        yield f"kazasu_request_seconds_count {total}"


@dataclass(frozen=True, slots=True)
class _State:
    """All checks of one moment; None where a check was unavailable."""

    is_ready: bool
    pulse: Pulse | None
    free: int
    known: LedgerState | None
    read_only: int
    is_clock_right: bool

    def checks(self) -> dict[str, bool]:
        """Return each check by name: whether it passes."""
        return {
            "store": self.is_ready and self.pulse is not None,
            "schema": self.pulse is not None and self.pulse.is_current,
            "disk": self.free >= ENOUGH,
            "clock": self.is_clock_right,
            "ledger": self.known is not None,
            "record": self.pulse is None or not self.pulse.broken,
        }


NEEDED: Final = ("store", "schema", "disk")
"""Checks that must pass for readiness; the others need a person, but no other server."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What monitoring looks at."""

    store: Store
    ledger: Ledger
    clock: Clock
    is_clock_right: Callable[[], bool]
    tally: Tally
    folder: Path
    token: str

    async def state(self) -> _State:
        """Make all checks."""
        is_ready = await self.store.is_ready()
        try:
            pulse, read_only = await self.store.pulse(), len(await self.store.all_held())
        except Unavailable:
            pulse, read_only = None, 0
        free, known = shutil.disk_usage(self.folder).free, await self._known()
        return _State(is_ready, pulse, free, known, read_only=read_only, is_clock_right=self.is_clock_right())

    async def _known(self) -> LedgerState | None:
        try:
            return await asyncio.to_thread(self.ledger.look)
        except Unavailable:
            return None

    def may_read(self, request: Request) -> bool:
        """Whether a request may read the metrics."""
        if self.token:
            given = request.headers.get("authorization", "")
            return hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self.token}".encode())
        # A proxy on this machine also connects from loopback: what it forwards is refused.
        came_by_proxy = any(name in _FORWARDED for name in request.headers)
        return not came_by_proxy and _is_here(request.client.host if request.client else "")


TheWatch: TypeAlias = Annotated[Watch, Depends(Part("watch"))]


@router.get("/healthz")
async def healthz() -> Response:
    """Answer 200: the process is alive."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def readyz(watch: TheWatch) -> Response:
    """Answer 503 unless all `NEEDED` checks pass; `attention` when something else needs a person."""
    state = await watch.state()
    checks = state.checks()
    can_serve = all(checks[name] for name in NEEDED)
    is_well = all(checks.values()) and not state.read_only
    status = "unavailable" if not can_serve else "ok" if is_well else "attention"
    return JSONResponse(
        {"status": status, **checks, "read_only": state.read_only}, status_code=200 if can_serve else 503
    )


@router.get("/metrics")
async def metrics(request: Request, watch: TheWatch) -> Response:
    """Answer the metrics for the bearer token; without a configured token, to this machine only."""
    if not watch.may_read(request):
        return PlainTextResponse("forbidden\n", status_code=403)
    lines = [*watch.tally.lines(), *_gauges(await watch.state(), watch.clock.now())]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _gauges(state: _State, now: int) -> Iterator[str]:
    checks = state.checks()
    yield from _head("kazasu_ready", "gauge", "What is right (1) and what is not (0).")
    for name, is_right in checks.items():
        yield f'kazasu_ready{{check="{name}"}} {int(is_right)}'
    for name, (kind, says, value) in _values(state, now).items():
        yield from _head(name, kind, says)
        yield f"{name} {value}"


def _values(state: _State, now: int) -> Mapping[str, tuple[str, str, int]]:
    found: dict[str, tuple[str, str, int]] = {
        "kazasu_stations_read_only": ("gauge", "Stations whose record is older than it was.", state.read_only),
        "kazasu_disk_free_bytes": ("gauge", "Free on the disk of the data folder.", state.free),
    }
    if state.pulse:
        pulse = state.pulse
        found |= {
            "kazasu_stations": ("gauge", "Stations that have a record.", pulse.records),
            "kazasu_record_entries": ("gauge", "Entries in all records together.", pulse.entries),
            "kazasu_writes_waiting": ("gauge", "Writes that wait for the next commit.", pulse.waiting),
            "kazasu_commits_total": ("counter", "Commits.", pulse.commits),
            "kazasu_writes_total": ("counter", "Writes that shared these commits.", pulse.writes),
        }
    if state.known and state.known.backed_up_at:
        age = max(now - state.known.backed_up_at, 0)
        found["kazasu_backup_age_seconds"] = ("gauge", "Seconds since the last backup.", age)
    return found


def _head(name: str, kind: str, says: str) -> Iterator[str]:
    yield f"# HELP {name} {says}"
    yield f"# TYPE {name} {kind}"
