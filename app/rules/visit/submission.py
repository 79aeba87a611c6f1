"""What a submitted step does: visit and answers in, the visit and its events out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from app.rules.record.event import Body, EventType
from app.rules.visit import journey
from app.rules.visit.flow import FLOW, recorded_choices
from app.rules.visit.step import Step
from app.rules.visit.visit import Answer, Visit

Said: TypeAlias = tuple[EventType, Body]


@dataclass(frozen=True, slots=True)
class Wrong:
    """An invalid submission: question name to message, and the valid answers, to be shown again."""

    wrong: Mapping[str, str]
    given: Answer


@dataclass(frozen=True, slots=True)
class Submitted:
    """A valid submission: the visit after it, and what is recorded."""

    visit: Visit
    events: tuple[Said, ...] = ()
    is_draft: bool = False
    """Whether the same page is shown next: with answers that can still be changed, or unanswered."""
    departs: bool = False
    """Whether the way out of here comes next: a new departure is due."""


def is_submittable(step: Step, visit: Visit, sent: Answer) -> bool:
    """Whether a page has anything to submit: a way out is taken by leaving it alone."""
    return _goes_on(step, sent) or bool(step.questions(visit, sent))


def submission(step: Step, visit: Visit, sent: Answer, language: str) -> Submitted | Wrong:
    """Return what a submitted step does; `language` is the code in which its page was read."""
    if _goes_on(step, sent):
        return Submitted(journey.go_on(step, visit), ((EventType.WENT_ON, {"from": step.id}),))
    if step.taps_card and "again" in sent:
        return _departing(visit)
    if step.asks and step.asks.can_fill and "fill" in sent:
        return Submitted(_filled(step, visit, sent["fill"]), is_draft=True)
    wrong = journey.errors(step, visit, sent)
    if wrong:
        return Wrong(wrong, journey.fit(step, visit, sent))
    after = journey.record(step, sent, visit)
    if step.asks and step.asks.in_language(after):
        after = replace(after, language=language)
    said = tuple(each.event(after) for each in FLOW if _is_new(each, step, visit, after))
    if step.to_the_card:
        return _departing(after, said)
    goes_out = journey.furthest(after).by_hand(after) and not after.departure
    return Submitted(after, said, departs=goes_out)


def taking_up(step: Step, visit: Visit, sent: Answer, language: str) -> Submitted:
    """Return what taking the phone at a step does: it has arrived, and the page is answered if it is answered there.

    Where the answer leads to a page of whoever held the phone, it has not changed hands. Without an answer the step's
    own page comes next (`is_draft`).
    """
    passed = (EventType.PHONE_PASSED, {"to": step.held_by(visit).value})
    arrived = journey.handed_over(visit, step.held_by(visit))
    found = submission(step, arrived, sent, language) if step.taken_up else None
    if not isinstance(found, Submitted):
        return Submitted(arrived, (passed,), is_draft=True)
    if journey.furthest(found.visit).held_by(found.visit) is visit.holder:
        return replace(found, visit=journey.handed_over(found.visit, visit.holder))
    return replace(found, events=(passed, *found.events))


_SINCE: Final = ""
"""The name under which a draft keeps the version since which nothing but drafts was written."""


def is_since(visit: Visit, version: int) -> bool:
    """Whether nothing but drafts was written since this version of the visit."""
    since = visit.draft.get(_SINCE)
    return since is not None and int(since["version"]) <= version <= visit.version


def settled(visit: Visit) -> Visit:
    """Return the visit as it is written by anything but a draft."""
    return replace(visit, draft={step: given for step, given in visit.draft.items() if step != _SINCE})


def drafted(step: Step, visit: Visit, sent: Answer) -> Visit | None:
    """Return the visit with the valid answers of a step as its draft; None for a step that keeps none."""
    if step.asks is None or not step.asks.drafts:
        return None
    since = unsaid(visit)
    return replace(since, draft={**since.draft, step.id: journey.fit(step, visit, sent)})


def unsaid(visit: Visit) -> Visit:
    """Return the visit as it is written by what says nothing: pages from before stay as good as new."""
    return replace(visit, draft={_SINCE: {"version": str(visit.version)}, **visit.draft})


def _goes_on(step: Step, sent: Answer) -> bool:
    return bool(step.goes_on and sent.get("go_on"))


def _is_new(each: Step, submitted: Step, before: Visit, after: Visit) -> bool:
    """Whether a step is answered by this submission: itself, or the `by_hand` step before it."""
    return each is submitted or each.id in after.answers.keys() - before.answers.keys()


def _departing(visit: Visit, said: tuple[Said, ...] = ()) -> Submitted:
    handed_off = EventType.HANDED_OFF, {"choices": recorded_choices(visit)}
    return Submitted(visit, (*said, handed_off), departs=True)


def _filled(step: Step, visit: Visit, option: str) -> Visit:
    """Return the visit with a draft that answers every question of a step alike, as far as it is offered."""
    draft = {each.name: option for each in step.questions(visit) if option in each.options}
    return replace(visit, draft={**visit.draft, step.id: draft})
