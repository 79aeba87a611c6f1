"""Stations, changes and departures with good defaults, and the stores that the contract is tested on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from app.ports.store import Change, Departure, Store, Submission
from app.rules.record.event import Event, EventType, Json
from app.rules.record.evidence import hashed
from app.rules.station.station import Link, Station
from app.rules.visit.flow import FLOW, applying
from app.rules.visit.visit import Visit
from tests.rules.visits import NOW, a_visit

FACILITY = Station("hinatazaka", "ひなた坂訪問看護ステーション", "1312345678", "03-0000-0000")
LINK = Link("abcdefghjkmn", FACILITY.id, revision=1, issued_at=NOW)
SESSION = hashed("a browser")
RECORD_KEY = b"a record key of the tests, 32 letters"

_count = itertools.count()


@dataclass
class StillClock:
    """A clock that stands until a test moves it."""

    time: int = NOW

    def now(self) -> int:
        return self.time


def opened(visit: Visit | None = None, session: str = SESSION) -> Change:
    """Return the first change of a visit."""
    return a_change(visit or a_visit(upto="need"), EventType.OPENED, session=session)


def a_change(
    visit: Visit,
    kind: EventType = EventType.CONFIRMED,
    *,
    key: str = "",
    session: str = "",
    body: dict[str, Json] | None = None,
) -> Change:
    """Return a change that leads to this visit, with one event, that tells nothing, and a key of its own."""
    key = key or f"key-{next(_count)}"
    event = Event(kind, visit.touched_at, body or {"n": 1})
    return Change(visit, (event,), a_submission(visit, key), session=session)


def telling(change: Change) -> Change:
    """Return a change with events that tell all that its visit says, as the pages write them."""
    visit = change.visit
    begins = change.events[0].type is EventType.OPENED
    begun = Event(EventType.OPENED, visit.opened_at, {"holder": visit.holder.value, "route": visit.route.value})
    return replace(change, events=(*((begun,) if begins else ()), *told(visit)))


def a_submission(visit: Visit, key: str = "") -> Submission:
    """Return what writes a visit at its version."""
    key = key or f"key-{next(_count)}"
    return Submission(key, visit.version - 1, f"print of {key}")


def told(visit: Visit) -> tuple[Event, ...]:
    """Return events whose bodies say what a visit says, in the order of its steps."""
    # What was chosen before everything was withdrawn was told before.
    need = {name: given for name, given in visit.answers.get("need", {}).items() if name != "go_on"}
    chosen = replace(visit, answers={**visit.answers, "need": need})
    asked = [step for step in FLOW if step.asks and step.id in visit.answers]
    said = [step.event(visit if step in applying(visit) else chosen) for step in asked] or [(EventType.MOVED, {})]
    return tuple(Event(kind, visit.touched_at, body) for kind, body in said)


def after(visit: Visit, seconds: int = 1) -> Visit:
    """Return the visit as its next change may leave it."""
    return replace(visit, version=visit.version + 1, touched_at=visit.touched_at + seconds)


def handed_off(visit: Visit) -> Visit:
    """Return the visit with its choices confirmed, as its next change may leave it."""
    return replace(after(visit), answers=a_visit(upto="handoff").answers)


def a_departure(visit: Visit, *, session: str = SESSION, name: str = "departure") -> Departure:
    """Return a way out for a visit, made when it was last touched."""
    return Departure(name, visit.id, session, "nonce", "verifier", issued_at=visit.touched_at)


async def visit_of(store: Store, session: str = SESSION) -> Visit | None:
    """Return the visit of a browser session, or None where it has none."""
    found = await store.bedside(session)
    return found[0] if found else None
