"""Hands the choices to the eligibility system, and asks it what it knows. When it is slow or down, nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from app.ports.office import Worklist
from app.ports.outside import Eligibility, EligibilityGateway, NotRegistered, Unavailable
from app.ports.store import Departure, ReadOnly, Written
from app.rules.record.evidence import EventType, hashed
from app.rules.visit.flow import Registration, Visit
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


@dataclass(frozen=True)
class Registrar:
    """Registration by the gateway, for the bedside."""

    bedside: Bedside
    worklist: Worklist
    gateway: EligibilityGateway | None
    """None where no system takes registrations from here: then only who tapped is known."""

    @property
    def begun(self) -> Registration:
        """What a visit's registration is as soon as it is proven who tapped."""
        return Registration.PENDING if self.gateway else Registration.PROVEN

    def is_fresh(self, departure: Departure) -> bool:
        """Whether a way out may still be used."""
        age = abs(self.bedside.clock.now() - departure.issued_at)
        return departure.spent_at is None and age < MAX_AGE[Purpose.HANDOFF]

    async def register(self, seat: Seat) -> None:
        """Register what the record says was confirmed, if that is open. Raises `ReadOnly` where it is in doubt."""
        visit = seat.visit
        if visit.registration is not Registration.PENDING or self.gateway is None:
            return
        followed = await self.worklist.followed(seat.facility.id, visit.id)
        if followed is None or followed.doubt:
            raise ReadOnly(seat.facility.id)
        choices = followed.visit.choices
        key = hashed(f"register {visit.id} {sorted(choices.items())}")
        try:
            await self.gateway.register(visit.subject, seat.facility.code, choices, key)
        except Unavailable:
            return
        except NotRegistered:
            await self._settle(visit, choices, Registration.REFUSED, EventType.REFUSED)
        else:
            await self._settle(visit, choices, Registration.ACCEPTED, EventType.REGISTERED)

    async def _settle(self, visit: Visit, choices: Mapping[str, str], outcome: Registration, event: EventType) -> None:
        """Write what the system has answered, whatever another tab has written meanwhile: it is so over there."""
        for _ in range(TRIES):
            # Where the choices were changed meanwhile, nothing is registered for those: only the record tells of it.
            is_awaited = visit.registration is Registration.PENDING and visit.choices == choices
            times = {**visit.times, outcome.value: self.bedside.clock.now()}
            after = replace(visit, registration=outcome, times=times) if is_awaited else visit
            key = hashed(f"{event}{visit.id}{visit.version}")
            written = await self.bedside.write(once(visit, key), after, (event, {"choices": {**choices}}))
            if written in {Written.DONE, Written.REPEATED}:
                return
            found = await self.bedside.store.visit(visit.id)
            if found is None:
                break
            visit = found
        log.error("registration_not_recorded", reason=event.value)

    async def eligibility(self, seat: Seat) -> Answered:
        """Ask what the system knows about this person; it is shown now and stored nowhere."""
        since = seat.visit.times.get("held_by_staff", 0)
        left = NAME_SHOWN - abs(self.bedside.clock.now() - since)
        if seat.visit.registration is not Registration.ACCEPTED or self.gateway is None:
            return Answered(None, left)
        try:
            return Answered(await self.gateway.eligibility(seat.visit.subject, seat.facility.code), left)
        except (Unavailable, NotRegistered):
            return Answered(None, left)
