"""What is kept no longer than it should be, and what is written down outside the database before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.evidence import Head
from app.ports import Ledger, Store
from app.restoring import Erasure


async def note_heads(store: Store, ledger: Ledger, now: int) -> None:
    """Write into the ledger how far each record has come; one that is held says nothing."""
    heads = await store.heads()
    await asyncio.to_thread(ledger.note, heads, now)


async def erase(store: Store, ledger: Ledger, erasures: Sequence[Erasure], by: str, now: int) -> None:
    """Erase people: first the ledger knows, then their keys are destroyed. What happens in between is made up for."""
    if erasures:
        await asyncio.to_thread(ledger.erase, erasures, now)
        await store.erase(erasures, by)


async def retain(store: Store, ledger: Ledger, now: int) -> tuple[int, int]:
    """Remove settled visits and people whose time at their station is over; return how many of each."""
    visits, people = await store.purge(now), 0
    while due := await store.overdue(now):
        await erase(store, ledger, due, "retention", now)
        people += len(due)
    return visits, people


async def accept(store: Store, ledger: Ledger, facility: str, by: str, now: int) -> Head | None:
    """Let a held record go on, and let the ledger follow it from there; None when it is not held."""
    head = await store.accept(facility, by, now)
    if head is not None:
        await asyncio.to_thread(ledger.accept, facility, head, now)
    return head
