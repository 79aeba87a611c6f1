"""When a person of a file is one of the list, and when a file says less than is known already. Pure."""

from __future__ import annotations

from app.rules.record.clock import AHEAD


def may_be_same(born: str | None, other: str | None) -> bool:
    """Whether two people with one reference number may be the same: numbers are assigned by hand, birth dates are not.

    Both are keyed hashes of a birth date, empty or None where it is not stored.
    """
    return not (born and other and born != other)


def is_outdated(made_at: int, *, seen_at: int, now: int) -> bool:
    """Whether a file is older than what is known of a person; what lies far ahead of now came by a wrong clock."""
    return made_at < seen_at < now + AHEAD
