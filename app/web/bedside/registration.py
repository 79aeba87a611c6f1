"""Sends the choices to the eligibility system and queries it. While it is unavailable, a visit stays PENDING."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from app.ports.outside import Eligibility, NotRegistered, Unavailable
from app.ports.store import Departure, ReadOnly, Written
from app.rules.record.event import EventType
from app.rules.record.evidence import hashed
from app.rules.visit.visit import Registration, Visit
from app.tokens import MAX_AGE, Purpose
from app.web.bedside.seat import TRIES, Bedside, Seat, once

log = structlog.get_logger()
NAME_SHOWN: Final = 5 * 60
"""Seconds for which a page with a name may be shown after the nurse took the phone (design: idle limits)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the result page knows: the system's answer, if any, and for how many more seconds names may be shown."""

    eligibility: Eligibility | None
    name_shown_for: int

    @property
    def shows_name(self) -> bool:
        """Whether the person's name may be shown now."""
        return self.eligibility is not None and self.name_shown_for > 0


def begun(bedside: Bedside) -> Registration:
    """Return the registration state of a visit once the tapper is identified."""
    return Registration.PENDING if bedside.gateway else Registration.PROVEN


def is_fresh(departure: Departure, now: int) -> bool:
    """Whether a departure is unspent and younger than `MAX_AGE[Purpose.HANDOFF]` seconds."""
    return departure.spent_at is None and abs(now - departure.issued_at) < MAX_AGE[Purpose.HANDOFF]


async def register(bedside: Bedside, seat: Seat) -> None:
    """Send the record's choices if PENDING, idempotent per visit and choices. Raises `ReadOnly` on a `Doubt`."""
    visit = seat.visit
    if visit.registration is not Registration.PENDING or bedside.gateway is None:
        return
    followed = await bedside.worklist.followed(seat.facility.id, visit.id)
    if followed is None or followed.doubt:
        raise ReadOnly(seat.facility.id)
    choices = followed.visit.choices
    key = hashed(f"register {visit.id} {sorted(choices.items())}")
    try:
        await bedside.gateway.register(visit.subject, seat.facility.code, choices, key)
    except Unavailable:
        return
    except NotRegistered:
        await _settle(bedside, visit, choices, Registration.REFUSED, EventType.REFUSED)
    else:
        await _settle(bedside, visit, choices, Registration.ACCEPTED, EventType.REGISTERED)


async def _settle(
    bedside: Bedside, visit: Visit, choices: Mapping[str, str], outcome: Registration, event: EventType
) -> None:
    """Record the gateway's answer; after a concurrent write, retry on the new version up to `TRIES` times."""
    for _ in range(TRIES):
        # If the choices changed meanwhile, the answer is not about them: it goes into the record only.
        is_awaited = visit.registration is Registration.PENDING and visit.choices == choices
        times = {**visit.times, outcome.value: bedside.clock.now()}
        after = replace(visit, registration=outcome, times=times) if is_awaited else visit
        key = hashed(f"{event}{visit.id}{visit.version}")
        written = await bedside.write(once(visit, key), after, (event, {"choices": {**choices}}))
        if written in {Written.DONE, Written.REPEATED}:
            return
        found = await bedside.store.visit(visit.id)
        if found is None:
            break
        visit = found
    log.error("registration_not_recorded", reason=event.value)


async def eligibility(bedside: Bedside, seat: Seat) -> Answered:
    """Query the person's eligibility; the answer is shown and never stored."""
    since = seat.visit.times.get("held_by_staff", 0)
    left = NAME_SHOWN - abs(bedside.clock.now() - since)
    if seat.visit.registration is not Registration.ACCEPTED or bedside.gateway is None:
        return Answered(None, left)
    try:
        return Answered(await bedside.gateway.eligibility(seat.visit.subject, seat.facility.code), left)
    except (Unavailable, NotRegistered):
        return Answered(None, left)
