"""Rebuilds a visit by replaying its entries, oldest first. Pure.

Copy and office show the rebuilt visit. The stored rows (visit, follow-up) are compared with it: a difference means that
somebody wrote into the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final, TypeAlias, TypeVar

from app.rules.record.event import EventType
from app.rules.record.evidence import REACHED_THE_OFFICE, Entry, state
from app.rules.visit import journey
from app.rules.visit.consent import TOO_YOUNG, Choice
from app.rules.visit.copy import Wish
from app.rules.visit.flow import STEPS
from app.rules.visit.standing import Closed, Closing, Doubt, Followed, Sight, StandingWish, is_news, with_wish
from app.rules.visit.visit import NOTHING, Answer, Registration, Route, Visit
from app.rules.words.dates import JST

Replayed: TypeAlias = tuple[Entry, Mapping[str, Any]]
"""An entry with its body, empty where there is none."""

Signed = TypeVar("Signed", Sight, Closed)


class UnreadableRecord(Exception):
    """The entries of a visit lack its beginning, or contain what no version has written."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A visit and the office's follow-up, rebuilt from the record."""

    visit: Visit
    reached_at: int | None = None
    """When it first reached the office."""
    sight: Sight | None = None
    closed: Closed | None = None
    asked: tuple[StandingWish, ...] = ()
    person: str = ""
    """The matched person of the terminal's files."""
    tells_number: bool = True
    """Whether it contains the reference number, even an empty one; not in records from before 0.4."""

    def shown(self, kept: Followed) -> Followed:
        """Return the visit to show: the record's values, and stored values only for what no record contains."""
        told = {name: getattr(self.visit, name) for name in _TOLD}
        if not self.tells_number:
            told["answers"] = _with_number(self.visit.answers, kept.visit.reference)
        by = (kept.visit.transcribed_by or self.visit.transcribed_by) if self.visit.transcribed_by else ""
        times = {**kept.visit.times, **self.visit.times}
        return replace(
            kept,
            visit=replace(kept.visit, times=times, transcribed_by=by, **told),
            handed_off_at=self.reached_at or kept.handed_off_at,
            sight=_by(self.sight, kept.sight),
            closed=_by(self.closed, kept.closed),
            asked=self.asked,
            doubt=Doubt.NONE if self.fits(kept) else Doubt.DIFFERS,
        )

    def fits(self, kept: Followed) -> bool:
        """Whether the stored visit and follow-up equal the record."""
        number = kept.visit.reference
        answers = self.visit.answers if self.tells_number else _with_number(self.visit.answers, number)
        if _stated(replace(self.visit, answers=answers)) != _stated(kept.visit):
            return False
        office = _by(self.sight, kept.sight), _by(self.closed, kept.closed), self.asked, self.person
        given = kept.sight, kept.closed, kept.asked, kept.person
        return (self.reached_at or 0, office) == (kept.handed_off_at, given)


_TOLD: Final = ("answers", "registration", "language", "route", "opened_at")
"""The fields of a visit that its record contains."""


def rebuilt(facility: str, entries: Iterable[Replayed]) -> Rebuilt:
    """Replay the entries of one visit. Raises `UnreadableRecord`."""
    found: Rebuilt | None = None
    try:
        for entry, body in entries:
            if found is None:
                begun = _BEGINNINGS[entry.type](Visit(entry.visit, facility, entry.at, entry.at), body)
                found = Rebuilt(begun, tells_number="reference" in body or entry.type == EventType.OPENED)
            elif entry.type in _OFFICE:
                found = _OFFICE[entry.type](found, entry.at, body)
            elif entry.type in _BEDSIDE:
                found = _walked(found, _BEDSIDE[entry.type](found.visit, entry.at, body))
            if entry.type == EventType.NEED_ANSWERED:
                found = replace(found, tells_number="reference" in body)
            if found.reached_at is None and state(found.visit) in REACHED_THE_OFFICE:
                found = replace(found, reached_at=entry.at)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UnreadableRecord from error
    if found is None:
        raise UnreadableRecord
    return found


def _with_number(answers: Mapping[str, Answer], number: str) -> dict[str, Answer]:
    return {**answers, "need": {**answers.get("need", NOTHING), **({"reference": number} if number else {})}}


def _by(told: Signed | None, kept: Signed | None) -> Signed | None:
    """Replace the record's `by`, an account's id, by the stored name if both have the same time."""
    return replace(told, by=kept.by) if told and kept and told.at == kept.at else told


def _walked(before: Rebuilt, visit: Visit) -> Rebuilt:
    """Return the visit after a step; `is_news` reopens a visit that the office had closed."""
    is_open_again = before.closed is not None and is_news(before.visit, visit, was_closed=True)
    return replace(before, visit=visit, closed=None if is_open_again else before.closed)


def _stated(visit: Visit) -> tuple[object, ...]:
    answers = {step: dict(given) for step, given in visit.answers.items()}
    return answers, visit.registration, visit.language, visit.route, visit.opened_at, bool(visit.transcribed_by)


# --- what is said at the bedside --------------------------------------------------------------------------------


def _answered(visit: Visit, step: str, at: int, answer: Answer) -> Visit:
    after = journey.recorded(STEPS[step], {name: given for name, given in answer.items() if given}, visit)
    return replace(after, times={**after.times, step: at})


def _opened(visit: Visit, body: Mapping[str, Any]) -> Visit:
    return replace(visit, route=Route(body.get("route", Route.PRACTICE)))


def _need(visit: Visit, at: int, body: Mapping[str, Any]) -> Visit:
    return _answered(visit, "need", at, _without("from", body))


def _without(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def _items(visit: Visit, at: int, body: Mapping[str, Any]) -> Visit:
    return replace(_answered(visit, "consent", at, _chosen(body)), language=body["lang"])


def _chosen(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the choices of a body; without any, they are made on the official page."""
    chosen = {item: choice for item, choice in body["choices"].items() if Choice(choice) is not Choice.NOT_ASKED}
    return chosen or {"there": "yes"}


def _confirmed(visit: Visit, at: int, body: Mapping[str, Any]) -> Visit:
    if body.get("withdraws"):
        return replace(_answered(visit, "revoke", at, {"confirmed": body["operator"]}), language=body["lang"])
    chosen = journey.recorded(STEPS["consent"], _chosen(body), visit)
    return _answered(chosen, "check", at, {"confirmed": body["operator"]})


def _handed_off(visit: Visit, at: int, _: Mapping[str, Any]) -> Visit:
    """On the short way, opening the official page is what its step asks; elsewhere the card follows a confirmation."""
    return _answered(visit, "official", at, {"opened": "yes"}) if visit.is_short else visit


def _returned(visit: Visit, at: int, body: Mapping[str, Any]) -> Visit:
    is_answer = body["outcome"] in {"by_hand", "identified"}
    return _answered(visit, "handoff", at, body) if is_answer else visit


def _identified(visit: Visit, at: int, body: Mapping[str, Any]) -> Visit:
    began = Registration.PENDING if visit.route is Route.PRACTICE else Registration.PROVEN
    proven = replace(visit, registration=Registration(body.get("registration", began)))
    return _answered(proven, "handoff", at, {"outcome": "identified"})


def _settled(visit: Visit, at: int, body: Mapping[str, Any], outcome: Registration) -> Visit:
    if visit.registration is not Registration.PENDING or body.get("choices", visit.choices) != visit.choices:
        return visit  # the choices were changed while the system answered
    return replace(visit, registration=outcome, times={**visit.times, outcome.value: at})


def _reported(visit: Visit, at: int, body: Mapping[str, Any]) -> Visit:
    answer = {name: given for name, given in body.items() if name != "lang"}
    after = _answered(visit, "result" if "report" in body else "error-code", at, answer)
    return replace(after, language=body.get("lang", visit.language))


def _transcribed(visit: Visit, body: Mapping[str, Any]) -> Visit:
    opened_at = int(datetime.combine(date.fromisoformat(body["day"]), time(), JST).timestamp())
    is_younger = any(reason.startswith(TOO_YOUNG) for reason in body["not_asked"].values())
    need = {"over_40": "no" if is_younger else "yes"}
    answers = {
        "need": {**need, "reference": body["reference"]} if body.get("reference") else need,
        "consent": dict(body["choices"]),
        "check": {"confirmed": body["operator"]},
    }
    times = {"transcribed": visit.touched_at}
    by, language = body["by"], body["lang"]
    return replace(visit, opened_at=opened_at, answers=answers, times=times, transcribed_by=by, language=language)


_BEGINNINGS: Final[Mapping[str, Callable[[Visit, Mapping[str, Any]], Visit]]] = {
    EventType.OPENED: _opened,
    EventType.TRANSCRIBED: _transcribed,
}
_BEDSIDE: Final[Mapping[str, Callable[[Visit, int, Mapping[str, Any]], Visit]]] = {
    EventType.NEED_ANSWERED: _need,
    EventType.ANSWERED: lambda visit, at, body: _answered(visit, body["step"], at, _without("step", body)),
    EventType.READY_ANSWERED: lambda visit, at, body: _answered(visit, "ready", at, body),
    EventType.ANOTHER_WAY: lambda visit, at, body: _answered(visit, "another-way", at, body),
    EventType.ITEMS_ANSWERED: _items,
    EventType.CONFIRMED: _confirmed,
    EventType.HANDED_OFF: _handed_off,
    EventType.RETURNED: _returned,
    EventType.IDENTIFIED: _identified,
    EventType.REGISTERED: lambda visit, at, body: _settled(visit, at, body, Registration.ACCEPTED),
    EventType.REFUSED: lambda visit, at, body: _settled(visit, at, body, Registration.REFUSED),
    EventType.REPORTED: _reported,
    EventType.WENT_ON: lambda visit, _, body: journey.go_on(STEPS[body["from"]], visit),
}

# --- what the office does ---------------------------------------------------------------------------------------


def _verified(before: Rebuilt, at: int, body: Mapping[str, Any]) -> Rebuilt:
    day = body["consented_on"]
    sight = Sight(
        at=at,
        by=body["by"],
        found=body["found"],
        flags=body["flags"],
        consented_on=date.fromisoformat(day) if day else None,
        available_until=body["available_until"],
        source=body.get("from", "screen"),
        meanings=body.get("meanings", {}),
    )
    return replace(before, sight=sight, closed=None, person=body.get("person") or before.person)


def _closed(before: Rebuilt, at: int, body: Mapping[str, Any]) -> Rebuilt:
    return replace(before, closed=Closed(at, body["by"], Closing(body["why"])), asked=())


def _asked(before: Rebuilt, at: int, body: Mapping[str, Any]) -> Rebuilt:
    return replace(before, asked=with_wish(before.asked, StandingWish(at, Wish(body["what"]))), closed=None)


_OFFICE: Final[Mapping[str, Callable[[Rebuilt, int, Mapping[str, Any]], Rebuilt]]] = {
    EventType.VERIFIED: _verified,
    EventType.CLOSED: _closed,
    EventType.ASKED: _asked,
}
