"""Hands the choices to the eligibility system, and asks it what it knows. When it is slow or down, nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from app.evidence import EventType
from app.flow import Registration, Visit
from app.ports import Departure, Eligibility, EligibilityGateway, NotRegistered, Unavailable
from app.tokens import MAX_AGE, Purpose, hashed
from app.web.bedside import Bedside, Seat
from app.web.forms import Form

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

    async def register(self, seat: Seat) -> Visit:
        """Register what was confirmed, if that is still open; return the visit as it then is."""
        visit = seat.visit
        if visit.registration is not Registration.PENDING or self.gateway is None:
            return visit
        try:
            choices = {item.id: visit.choice(item.id) for item in visit.items}
            once = hashed(f"register {visit.id} {sorted(choices.items())}")
            await self.gateway.register(visit.subject, seat.facility.code, choices, once)
        except Unavailable:
            return visit
        except NotRegistered:
            return await self._settle(visit, Registration.REFUSED, EventType.REFUSED)
        return await self._settle(visit, Registration.ACCEPTED, EventType.REGISTERED)

    async def _settle(self, visit: Visit, outcome: Registration, event: EventType) -> Visit:
        times = {**visit.times, outcome.value: self.bedside.clock.now()}
        after = replace(visit, registration=outcome, times=times)
        once = Form(visit.id, visit.version, hashed(f"{event}{visit.id}{visit.version}"), "", {})
        await self.bedside.write(once, after, (event, {}))
        return after

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
