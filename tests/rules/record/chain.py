"""A check of a chain, entry by entry, beside the product's own."""

from __future__ import annotations

from collections.abc import Iterable

from app.rules.record.evidence import Entry, Head


def broken_link(entries: Iterable[tuple[Entry, str]]) -> int | None:
    """Return the first sequence number at which a chain is invalid, or None. Each item: entry and its stored hash."""
    head = Head()
    for entry, stored in entries:
        fits = entry.seq == head.size + 1 and entry.prev_hash == head.hash and entry.hashed() == stored
        if not fits:
            return entry.seq
        head = Head(entry.seq, stored)
    return None
