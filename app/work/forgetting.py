"""Erasure, retention and acceptance, each in step with the ledger outside the database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from app.ports.store import Ledger, ReadOnly, Store
from app.rules.record.evidence import Head
from app.rules.record.gap import Erasure


async def note(store: Store, ledger: Ledger, now: int, since: int = 0) -> None:
    """Write the heads of all records into the ledger, and erasures since `since` that other nodes did."""
    heads, erased = await store.heads(), await store.erased(since)
    await asyncio.to_thread(_note, ledger, heads, erased, now)


def _note(ledger: Ledger, heads: Mapping[str, Head], erased: Sequence[Erasure], now: int) -> None:
    ledger.note(heads, now)
    known = {each.person for each in ledger.known().erasures} if erased else set()
    ledger.erase([each for each in erased if each.person not in known], now)


async def erase(store: Store, ledger: Ledger, erasures: Sequence[Erasure], by: str, now: int) -> None:
    """Erase people: first in the ledger, so that the next start repeats what a crash prevented in the database."""
    for facility in {each.facility for each in erasures}:
        if await store.gap(facility):
            raise ReadOnly(facility)  # before the ledger says what the database refuses
    if erasures:
        await asyncio.to_thread(ledger.erase, erasures, now)
        await store.erase(erasures, by)


async def delete_over(store: Store, ledger: Ledger, now: int) -> tuple[int, int]:
    """Remove settled visits and people past their station's retention; return how many of each."""
    visits, people = await store.purge(now), 0
    while due := await store.overdue(now):
        await erase(store, ledger, due, "retention", now)
        people += len(due)
    return visits, people


async def accept(store: Store, ledger: Ledger, facility: str, by: str, now: int) -> Head | None:
    """Make a read-only record writable again, and write its head into the ledger; None when it is not read-only."""
    head = await store.accept(facility, by, now)
    if head is not None:
        await asyncio.to_thread(ledger.accept, facility, head, now)
    return head
