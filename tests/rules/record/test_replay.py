"""A visit as its entries tell it, without a database: every step that is recorded is replayed, and a difference is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from app.rules.record import replay
from app.rules.record.event import Event, EventType
from app.rules.record.evidence import Entry
from app.rules.record.replay import Rebuilt, Replayed, UnreadableRecord, rebuilt
from app.rules.visit.flow import FLOW
from app.rules.visit.standing import Doubt, Followed
from app.rules.visit.visit import Registration, Visit
from tests.adapters.samples import FACILITY, opened, telling
from tests.rules.visits import NOW, a_visit


def entries(visit: Visit, events: Iterable[Event]) -> list[Replayed]:
    return [
        (Entry(seq, FACILITY.id, f"{seq}", visit.id, event.type, event.at, "", ""), dict(event.body))
        for seq, event in enumerate(events, 1)
    ]


def told(visit: Visit) -> Rebuilt:
    return rebuilt(FACILITY.id, entries(visit, telling(opened(visit)).events))


def kept(visit: Visit) -> Followed:
    return Followed(visit, told(visit).reached_at or 0)


def test_every_step_that_is_recorded_is_replayed() -> None:
    assert {step.asks.event for step in FLOW if step.asks} <= replay._BEDSIDE.keys()


@pytest.mark.parametrize("upto", ["need", "ready", "consent", "check"])
def test_a_visit_that_is_told_whole_is_what_is_kept(upto: str) -> None:
    visit = a_visit(upto=upto)
    assert told(visit).fits(kept(visit))


ALTERED = {
    "a choice": lambda visit: replace(visit, answers={**visit.answers, "consent": {"surgery": "decline"}}),
    "who pressed": lambda visit: replace(visit, answers={**visit.answers, "check": {"confirmed": "staff"}}),
    "a registration": lambda visit: replace(visit, registration=Registration.ACCEPTED),
    "the language": lambda visit: replace(visit, language="ko"),
    "the day": lambda visit: replace(visit, opened_at=NOW - 86_400),
}


@pytest.mark.parametrize("altered", ALTERED)
def test_what_is_kept_otherwise_is_in_doubt_and_shown_as_recorded(altered: str) -> None:
    visit = a_visit(upto="check")
    found = replace(kept(visit), visit=ALTERED[altered](visit))
    assert not told(visit).fits(found)
    shown = told(visit).shown(found)
    assert shown.doubt is Doubt.DIFFERS
    assert (shown.visit.choices, shown.visit.registration) == (visit.choices, visit.registration)


def test_a_record_without_its_beginning_tells_nothing() -> None:
    visit = a_visit(upto="check")
    with pytest.raises(UnreadableRecord):
        rebuilt(FACILITY.id, entries(visit, telling(opened(visit)).events)[1:])
    with pytest.raises(UnreadableRecord):
        rebuilt(FACILITY.id, [])


def test_an_item_that_no_version_knows_tells_nothing() -> None:
    visit = a_visit(upto="check")
    events = [
        replace(event, body={**event.body, "choices": {"surgery": "perhaps"}})
        if event.type is EventType.ITEMS_ANSWERED
        else event
        for event in telling(opened(visit)).events
    ]
    with pytest.raises(UnreadableRecord):
        rebuilt(FACILITY.id, entries(visit, events))
