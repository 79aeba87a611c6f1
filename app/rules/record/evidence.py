"""Events, states and the tamper-evident hash chain. Pure.

One chain per station. An entry holds ids, a type, a time and the hash of a body: no names, no choices. The body is
hashed with 128 random bits, so that its few possible contents cannot be guessed from the hash; retention may remove
nothing but bodies.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.rules.record.event import Body, Event, Json
from app.rules.visit.visit import Intent, Registration, Report, Visit

_JSON: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
GENESIS: Final = "0" * 64
_EVENT: Final = b"kazasu/event/1\0"
_BODY: Final = b"kazasu/body/1\0"


class VisitState(StrEnum):
    """What may be claimed of a visit, and never more."""

    DRAFT = "draft"
    HANDED_OFF = "handed_off"
    REPORTED = "reported"
    ANOTHER_WAY = "another_way"
    STOPPED = "stopped"
    """The patient wanted no more of it today; `Visit.may_be_registered` says whether something may stand."""
    TRANSCRIBED = "transcribed"
    """Chosen on paper and transcribed by the office; nothing is known of a card."""


REACHED_THE_OFFICE: Final = frozenset(
    {VisitState.HANDED_OFF, VisitState.REPORTED, VisitState.STOPPED, VisitState.TRANSCRIBED}
)
"""States that the office sees; a visit transcribed from paper starts with one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a station's chain."""

    seq: int
    facility: str
    event_id: str
    visit: str
    type: str
    at: int
    body_hash: str
    prev_hash: str

    def hashed(self) -> str:
        """Return this entry's hash: SHA-256 over tag, previous hash and the canonical entry (hex)."""
        row: dict[str, Json] = {
            "at": self.at,
            "body_hash": self.body_hash,
            "event_id": self.event_id,
            "facility": self.facility,
            "seq": self.seq,
            "type": self.type,
            "visit": self.visit,
        }
        return hashlib.sha256(_EVENT + bytes.fromhex(self.prev_hash) + canonical(row)).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: number of entries and hash of the last. Printed on every copy."""

    size: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        """Return the form printed on copies, `size-hash`."""
        return f"{self.size}-{self.hash}"


def hashed(secret: str) -> str:
    """Return SHA-256 (hex) of a secret: the only form in which it is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def canonical(value: Json) -> bytes:
    """Return RFC 8785 JSON for strings, whole numbers below 2^53, booleans, null, lists and ASCII-keyed objects."""
    return _JSON.encode(value).encode()


def body_hash(nonce: bytes, body: Body) -> str:
    """Return SHA-256 (hex) of a body with its 128-bit nonce."""
    return hashlib.sha256(_BODY + nonce + canonical(dict(body))).hexdigest()


def chained(head: Head, facility: str, visit: str, event: Event) -> tuple[Entry, bytes, Head]:
    """Return the event's entry after `head`, the nonce of its body, and the new head."""
    nonce = secrets.token_bytes(16)
    entry = Entry(
        seq=head.size + 1,
        facility=facility,
        event_id=secrets.token_hex(16),
        visit=visit,
        type=event.type.value,
        at=event.at,
        body_hash=body_hash(nonce, event.body),
        prev_hash=head.hash,
    )
    return entry, nonce, Head(entry.seq, entry.hashed())


def state(visit: Visit) -> VisitState:
    """Return what may be claimed of this visit today."""
    if visit.transcribed_by:
        return VisitState.TRANSCRIBED
    if visit.report in set(Report) - {Report.LATER}:
        return VisitState.REPORTED
    if visit.is_stopped:
        return VisitState.STOPPED
    wants_to_withdraw = visit.intent == Intent.WITHDRAW and not visit.withdraws
    if visit.answer("another-way", "reason") or wants_to_withdraw:
        return VisitState.ANOTHER_WAY
    if visit.registration is not Registration.NONE or visit.is_handed_off:
        return VisitState.HANDED_OFF
    return VisitState.DRAFT
