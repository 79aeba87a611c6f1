"""The visit as far as it is known, and the facts that its answers state. Pure; `flow` declares its steps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from app.rules.content import ITEMS
from app.rules.visit.consent import Choice, Item, asked
from app.rules.words.furigana import spoken
from app.rules.words.languages import OFFICIAL

Answer: TypeAlias = Mapping[str, str]

NOTHING: Final[Answer] = MappingProxyType({})


class Intent(StrEnum):
    """What is to be done at this visit."""

    SHORT = "short"
    """Register, and choose on the official page alone: the short way."""
    FIRST = "first"
    """Register, and read and choose here first."""
    CONTINUES = "continues"
    CHANGE = "change"
    WITHDRAW = "withdraw"


class Report(StrEnum):
    """What was reported of the official screen after the card."""

    ANSWERED = "answered"
    """As the eligibility system answered."""
    DONE = "done"
    OTHER_NAME = "other_name"
    """Another institution's name stood there: nothing was agreed to."""
    ALREADY = "already"
    """It said that something is registered already."""
    TROUBLE = "trouble"
    STOPPED = "stopped"
    LATER = "later"


class Route(StrEnum):
    """How identity and registration happen: one setting of the server, kept with every visit."""

    PRACTICE = "practice"
    OFFICIAL = "official"
    IDENTITY = "identity"


class Holder(StrEnum):
    """Who holds the phone."""

    STAFF = "staff"
    PATIENT = "patient"


class Registration(StrEnum):
    """What the eligibility system has answered; never more than that (design: three claims)."""

    NONE = "none"
    PROVEN = "proven"
    """The identity is proven; this route registers nothing here, so the registration is unknown."""
    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Visit:
    """One occasion of care, as far as it is known. It holds no name, no birth date and no number of the card.

    Times are whole seconds since 1970 in UTC, by the server's clock.
    """

    id: str
    facility: str
    opened_at: int
    touched_at: int
    version: int = 1
    holder: Holder = Holder.STAFF
    answers: Mapping[str, Answer] = field(default_factory=dict)
    draft: Mapping[str, Answer] = field(default_factory=dict)
    departure: str = ""
    subject: str = ""
    registration: Registration = Registration.NONE
    reason: str = ""
    times: Mapping[str, int] = field(default_factory=dict)
    ended: bool = False
    route: Route = Route.PRACTICE
    language: str = OFFICIAL.code
    """The language in which the patient read and answered the consent items."""
    earlier: Mapping[str, str] = field(default_factory=dict)
    """Item to choice as the office last saw it: known only where the office itself gave the number."""
    transcribed_by: str = ""
    """Who of the office transcribed it from paper (`app.rules.visit.transcript`); empty for a visit made here."""
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was worked out of this very visit, so that a request asks once; it goes with the visit."""

    def answer(self, step: str, name: str) -> str:
        """Return one given answer, or an empty string."""
        return self.answers.get(step, NOTHING).get(name, "")

    @property
    def code(self) -> str:
        """Six letters by which people call this visit on the telephone; no secret."""
        return spoken(int.from_bytes(hashlib.sha256(b"visit\0" + self.id.encode()).digest()))

    @property
    def reference(self) -> str:
        """The station's own number for the patient (照会番号); empty without."""
        return self.answer("need", "reference")

    @property
    def intent(self) -> str:
        """What is to be done at this visit (`Intent`); empty before it is said."""
        return self.answer("need", "intent")

    @property
    def report(self) -> str:
        """What was reported of the official screen (`Report`); empty before."""
        return self.answer("result", "report")

    @property
    def over_40(self) -> bool:
        """Whether the nurse said that the patient is 40 or over; the official screen decides in the end."""
        return "yes" in {self.answer("need", "over_40"), self.answer("age", "over_40")}

    @property
    def is_short(self) -> bool:
        """Whether it goes the short way."""
        return self.intent == Intent.SHORT

    @property
    def registers_there(self) -> bool:
        """Whether it registers on the official page, from which people come back by hand.

        In practice the short way does, on the practice reception Web.
        """
        return self.route is Route.OFFICIAL or self.is_short

    @property
    def is_stopped(self) -> bool:
        """Whether the patient wanted no more of it today (「今日はやめる」)."""
        return self.answer("another-way", "reason") == "stopped"

    @property
    def is_handed_off(self) -> bool:
        """Whether the way to the official side was opened, as far as is known."""
        return self.is_confirmed or bool(self.answer("official", "opened"))

    @property
    def may_be_registered(self) -> bool:
        """Whether a registration may stand though the visit stopped.

        On the short way always: without scripts, or on a lost line, nothing tells that the official page was opened.
        """
        return self.is_handed_off or self.is_short

    @property
    def chooses_there(self) -> bool:
        """Whether the patient chooses on the official page only: nothing was chosen here."""
        return self.is_short or (not self.withdraws and bool(self.answer("consent", "there")))

    @property
    def withdraws(self) -> bool:
        """Whether all consents are withdrawn here, with the card; without this, a withdrawal is left to the office."""
        return self.intent == Intent.WITHDRAW and bool(self.answer("need", "go_on"))

    @property
    def _confirming(self) -> str:
        """The step that confirms what the card is to do in this visit."""
        return "revoke" if self.withdraws else "check"

    @property
    def is_confirmed(self) -> bool:
        """Whether the patient confirmed what the card is to do."""
        return self._confirming in self.answers

    @property
    def confirmed_at(self) -> int:
        """The time of `is_confirmed`; 0 without."""
        return self.times.get(self._confirming, 0) if self.is_confirmed else 0

    @property
    def out_since(self) -> int:
        """When the way to the official side was opened: on the short way at the gate; 0 before."""
        return self.times.get("need", 0) if self.is_short else self.confirmed_at

    @property
    def operator(self) -> str:
        """Who pressed the confirming button (a key of `OPERATORS`); empty before that."""
        return self.answer(self._confirming, "confirmed") or self.answer("result", "operator")

    @property
    def transcribed_at(self) -> int:
        """When the office transcribed it from paper; 0 when it did not."""
        return self.times.get("transcribed", 0)

    def choice(self, item: str) -> str:
        """Return the choice for an item; withdrawing everything declines each."""
        return Choice.DECLINE.value if self.withdraws else self.answer("consent", item)

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen here of each item that this patient is asked."""
        return {item.id: self.choice(item.id) for item in self.items}

    @property
    def items(self) -> tuple[Item, ...]:
        """The consent items this patient is asked, in the official order."""
        if "items" not in self.memo:
            over_40 = self.over_40 or self.withdraws or self.is_short
            self.memo["items"] = asked(ITEMS, at=self.opened_at, over_40=over_40)
        found: tuple[Item, ...] = self.memo["items"]
        return found
