"""Builders with good defaults for tests of the flow."""

from __future__ import annotations

from collections.abc import Iterable

from app.rules.visit import journey
from app.rules.visit.flow import FLOW, STEPS, applying
from app.rules.visit.step import Step
from app.rules.visit.visit import Intent, Route, Visit

NOW = 1_795_000_000
"""A moment in November 2026."""


def a_visit(
    *, over_40: bool = True, intent: str = Intent.FIRST, upto: str = "consent", route: Route = Route.PRACTICE
) -> Visit:
    """Return a visit answered in the ordinary way up to (not including) the step `upto`."""
    visit = Visit(id="v" * 22, facility="hinatazaka", opened_at=NOW, touched_at=NOW, route=route)
    for step in FLOW:
        if step.id == upto:
            break
        if not step.leaves and step in applying(visit):
            visit = journey.record(step, ordinary(step, visit, over_40=over_40, intent=intent), visit)
    return visit


def ordinary(step: Step, visit: Visit, *, over_40: bool = True, intent: str = Intent.FIRST) -> dict[str, str]:
    """Return the ordinary answers of a step: the first option of all that must be answered, as `FLOW` offers them."""
    answer = {each.name: next(iter(each.options)) for each in step.questions(visit) if each.missing}
    if step.id == "age":
        answer |= {"over_40": "yes" if over_40 else "no"}
    if step is FLOW[0]:
        age = {} if visit.route is Route.OFFICIAL else {"over_40": "yes" if over_40 else "no"}
        answer |= {**age, "intent": intent}
        answer |= {"go_on": "yes"} if intent in {Intent.CONTINUES, Intent.WITHDRAW} else {}
    return answer


def choose(visit: Visit, agreed: Iterable[str]) -> dict[str, str]:
    """Return choices that agree to some items and decline the others."""
    chosen = set(agreed)
    return {item.id: "agree" if item.id in chosen else "decline" for item in visit.items}


def answered(visit: Visit, step: str, **given: str) -> Visit:
    """Return the visit with a step answered."""
    return journey.record(STEPS[step], given, visit)
