"""The practice eligibility system's own rules: who is known, what is registered, and what may be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from app.ports.outside import Clock
from app.practice.memory import Memory
from app.practice.people import PracticePerson, age_on
from app.rules.words.dates import JST

AVAILABLE_DAYS: Final = 30
"""A rule of the practice world only: agreed information may be seen until the end of the 30th day.

The real rule is not public, so the product shows an end that it receives and computes none.
"""
_FROM_AGE: Final = {"health_checkup": 40}
_WITHOUT_END: Final = frozenset({"limit_amount", "specific_disease"})
"""For these two the terminal's files carry no end either."""
_KEPT: Final = 24 * 3600


class Mood(StrEnum):
    """How the system behaves today."""

    NORMAL = "normal"
    SLOW = "slow"
    FAILING = "failing"
    SILENT = "silent"


class UnknownPerson(Exception):
    """No person has this pseudonym."""


class NotRegisteredAsInsurance(Exception):
    """The card identifies somebody, but is not registered as an insurance card."""


class KeyReused(Exception):
    """The same idempotency key came with another body."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a station wants registered for a person: each item, and whether it was agreed to."""

    subject: str
    facility: str
    choices: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class RegisteredConsent:
    """What is registered about one item."""

    item: str
    agreed: bool
    consented_at: datetime
    available_until: datetime | None


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration, which is also the answer to every repetition of it."""

    fingerprint: str
    at: datetime
    consents: tuple[RegisteredConsent, ...]
    is_repeated: bool = False


class System:
    """People, registrations and the mood."""

    def __init__(self, people: Mapping[str, PracticePerson], clock: Clock) -> None:
        self.mood = Mood.NORMAL
        self._people = people
        self._clock = clock
        self._by_key: Memory[Registered] = Memory(clock, seconds=_KEPT)
        self._registered: Memory[Registered] = Memory(clock, seconds=_KEPT)
        self.registrations = 0
        """How many registrations were really made; repetitions do not count."""

    def register(self, key: str, fingerprint: str, order: Order) -> Registered:
        """Store a station's choices, idempotent by key. Raises `KeyReused` for the same key with other content."""
        before = self._by_key.get(key)
        if before is not None:
            if before.fingerprint != fingerprint:
                raise KeyReused
            return Registered(fingerprint, before.at, before.consents, is_repeated=True)
        consents = self._consents(self._person(order.subject), order.choices)
        made = Registered(fingerprint, self.now(), consents)
        self._by_key.put(key, made)
        self._registered.put(f"{order.facility}\0{order.subject}", made)
        self.registrations += 1
        return made

    def subject_of(self, person: PracticePerson) -> str:
        """Return the pseudonym under which this system knows a person."""
        return next(subject for subject, each in self._people.items() if each is person)

    def answer(self, subject: str, facility: str) -> tuple[PracticePerson, tuple[RegisteredConsent, ...]]:
        """Return the person and what this station holds for them, which may be empty."""
        person = self._person(subject)
        registration = self._registered.get(f"{facility}\0{subject}")
        return person, registration.consents if registration else ()

    def registrations_of(self, facility: str) -> tuple[tuple[PracticePerson, Registered], ...]:
        """Return everybody for whom this station has registered, with the last registration, the newest first."""
        of_all = ((key.partition("\0"), registered) for key, registered in reversed(self._registered.items()))
        return tuple((self._people[subject], made) for (at, _, subject), made in of_all if at == facility)

    def now(self) -> datetime:
        """Return this moment in Japan."""
        return datetime.fromtimestamp(self._clock.now(), UTC).astimezone(JST)

    def _person(self, subject: str) -> PracticePerson:
        person = self._people.get(subject)
        if person is None:
            raise UnknownPerson
        if not person.registered:
            raise NotRegisteredAsInsurance
        return person

    def _consents(self, person: PracticePerson, choices: Mapping[str, bool]) -> tuple[RegisteredConsent, ...]:
        """Return the consents to items for this person's age: the official side decides who is old enough."""
        now = self.now()
        today = now.date()
        age = age_on(person.born(today), today)
        asked = [(item, agreed) for item, agreed in choices.items() if age >= _FROM_AGE.get(item, 0)]
        return tuple(
            RegisteredConsent(item, agreed, now, end_of(item, today) if agreed else None) for item, agreed in asked
        )


def end_of(item: str, today: date) -> datetime | None:
    """Return until when information may be seen that was agreed to today; None where there is no end."""
    if item in _WITHOUT_END:
        return None
    return datetime.combine(today + timedelta(days=AVAILABLE_DAYS), time(23, 59, 59), JST)
