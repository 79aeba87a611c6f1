"""What a submitted page does to a visit and leaves in its record, page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.rules.content import ITEMS
from app.rules.record.event import EventType
from app.rules.visit import journey
from app.rules.visit.flow import STEPS, path, recorded_choices
from app.rules.visit.step import Step
from app.rules.visit.submission import (
    Submitted,
    Wrong,
    drafted,
    is_since,
    is_submittable,
    settled,
    submission,
    taking_up,
)
from app.rules.visit.visit import Holder, Intent, Registration, Route, Visit
from app.rules.words.languages import BY_CODE, wording
from tests.rules.visits import a_visit, answered, choose, ordinary

ALL: dict[str, Any] = {item.id: "agree" for item in ITEMS}


def submitted(step: str, visit: Visit, sent: Any = None, language: str = "ja") -> Submitted:
    found = submission(STEPS[step], visit, ordinary(STEPS[step], visit) if sent is None else sent, language)
    assert isinstance(found, Submitted)
    return found


def officially(upto: str) -> Visit:
    return replace(a_visit(upto=upto), route=Route.OFFICIAL)


@pytest.mark.parametrize(
    ("step", "sent", "is_one"),
    [
        ("need", {}, True),
        ("reinquiry", {}, False),
        ("reinquiry", {"go_on": "yes"}, True),
        ("another-way", {}, True),
        ("done", {}, False),
        ("done", {"go_on": "yes"}, False),
    ],
)
def test_a_page_is_submitted_if_it_asks_something_or_is_a_way_out_not_taken(
    step: str, sent: dict[str, str], is_one: bool
) -> None:
    assert is_submittable(STEPS[step], a_visit(upto="need"), sent) is is_one


@pytest.mark.parametrize(
    ("step", "kind", "body"),
    [
        ("need", EventType.NEED_ANSWERED, {"reference": "", "over_40": "yes", "intent": "first"}),
        ("ready", EventType.READY_ANSWERED, {"ready": "all"}),
        (
            "consent",
            EventType.ITEMS_ANSWERED,
            {"choices": ALL, "not_asked": {}, "wording": wording(BY_CODE["ja"], ITEMS), "lang": "ja"},
        ),
        ("check", EventType.CONFIRMED, {"choices": ALL, "operator": "yes"}),
        ("result", EventType.REPORTED, {"report": "done"}),
    ],
)
def test_an_answer_is_recorded_with_all_that_it_says(step: str, kind: EventType, body: dict[str, Any]) -> None:
    visit = a_visit(upto=step)
    found = submitted(step, visit)
    assert found.events[0] == (kind, body)
    assert found.visit.answers == journey.record(STEPS[step], ordinary(STEPS[step], visit), visit).answers
    assert (found.is_draft, found.departs) == (False, step == "check")


def test_a_number_is_recorded_as_it_was_given() -> None:
    ((_, body),) = submitted(
        "need", a_visit(upto="need"), {"over_40": "no", "intent": "first", "reference": "T-1"}
    ).events
    assert body == {"reference": "T-1", "over_40": "no", "intent": "first"}


def test_confirming_hands_off_the_choices_and_departs() -> None:
    visit = a_visit(upto="check")
    found = submitted("check", visit)
    assert found.events[1:] == ((EventType.HANDED_OFF, {"choices": ALL}),)
    assert found.departs


def test_confirming_a_withdrawal_says_so_in_its_language_and_declines_all() -> None:
    none: dict[str, Any] = dict.fromkeys(ALL, "decline")
    found = submitted("revoke", a_visit(intent="withdraw", upto="revoke"), language="ko")
    assert found.events == (
        (EventType.CONFIRMED, {"choices": none, "operator": "yes", "withdraws": True, "lang": "ko"}),
        (EventType.HANDED_OFF, {"choices": none}),
    )


def test_another_tap_of_the_card_departs_again_and_answers_nothing() -> None:
    visit = a_visit(upto="handoff")
    found = submitted("handoff", visit, {"again": "yes"})
    assert found == Submitted(visit, ((EventType.HANDED_OFF, {"choices": ALL}),), departs=True)
    assert isinstance(submission(STEPS["ready"], a_visit(upto="ready"), {"again": "yes"}, "ja"), Wrong)


def test_a_way_out_that_is_not_taken_is_recorded_with_its_page() -> None:
    visit = answered(a_visit(upto="need"), "need", over_40="yes", intent="continues")
    found = submitted("reinquiry", visit, {"go_on": "yes"})
    assert found == Submitted(journey.go_on(STEPS["reinquiry"], visit), ((EventType.WENT_ON, {"from": "reinquiry"}),))


def test_filling_all_alike_is_a_draft_that_records_nothing_and_keeps_other_drafts() -> None:
    visit = replace(a_visit(upto="consent"), draft={"need": {"over_40": "yes"}})
    found = submitted("consent", visit, {"fill": "decline"})
    assert found.visit.draft == {"need": {"over_40": "yes"}, "consent": dict.fromkeys(ALL, "decline")}
    assert (found.visit.answers, found.events, found.is_draft, found.departs) == (visit.answers, (), True, False)
    assert submitted("consent", visit, {"fill": "perhaps"}).visit.draft["consent"] == {}
    assert isinstance(submission(STEPS["ready"], a_visit(upto="ready"), {"fill": "all"}, "ja"), Wrong)


def test_what_is_missing_is_named_and_what_is_valid_is_shown_again() -> None:
    visit = a_visit(upto="consent")
    found = submission(STEPS["consent"], visit, {"surgery": "agree", "clinical_drug": "perhaps"}, "ko")
    assert isinstance(found, Wrong)
    assert found.wrong.keys() == ALL.keys() - {"surgery"}
    assert found.given == {"surgery": "agree"}


@pytest.mark.parametrize(("step", "language"), [("consent", "ko"), ("check", "ja"), ("need", "ja"), ("result", "ja")])
def test_the_language_of_the_page_stays_where_items_are_read(step: str, language: str) -> None:
    assert submitted(step, a_visit(upto=step), language="ko").visit.language == language


def test_who_reports_has_come_back_and_both_are_recorded() -> None:
    found = submitted("result", officially("handoff"), {"report": "done"})
    assert found.events == (
        (EventType.RETURNED, {"outcome": "by_hand"}),
        (EventType.REPORTED, {"report": "done"}),
    )


def test_items_that_were_not_asked_have_their_reason() -> None:
    younger = a_visit(over_40=False, upto="consent")
    ((_, body),) = submitted("consent", younger).events
    assert body["not_asked"] == {"health_checkup": "under 40"}
    assert body["choices"] == {**ALL, "health_checkup": "not_asked"}
    there = submitted("consent", officially("consent"), {"there": "yes"})
    ((_, body),) = there.events
    assert body["not_asked"] == dict.fromkeys(ALL, "chosen on the official page")
    assert body["choices"] == recorded_choices(there.visit) == dict.fromkeys(ALL, "not_asked")


def test_a_changed_answer_records_its_own_step_alone() -> None:
    visit = a_visit(upto="handoff")
    found = submitted("consent", visit, choose(visit, {"surgery"}))
    assert [kind for kind, _ in found.events] == [EventType.ITEMS_ANSWERED]
    assert "check" not in found.visit.answers


@pytest.mark.parametrize("step", [step for step in STEPS.values() if step.asks is None], ids=lambda step: step.id)
def test_a_page_that_asks_nothing_has_no_event(step: Step) -> None:
    with pytest.raises(KeyError, match=step.id):
        step.event(a_visit())


def test_a_step_of_no_event_of_its_own_is_recorded_by_its_name() -> None:
    asks = STEPS["ready"].asks
    assert asks is not None
    step = replace(STEPS["ready"], asks=replace(asks, event=EventType.ANSWERED))
    assert step.event(a_visit()) == (EventType.ANSWERED, {"step": "ready", "ready": "all"})


@pytest.mark.parametrize(("intent", "is_other"), [("first", False), ("withdraw", True)])
def test_a_page_is_called_otherwise_only_where_all_is_withdrawn(intent: str, is_other: bool) -> None:
    step, visit = STEPS["ready"], a_visit(intent=intent, upto="ready")
    assert step.called(visit) == (step.withdrawing if is_other else step.title)
    assert STEPS["handoff"].called(visit) == STEPS["handoff"].title


def test_people_are_out_from_the_handoff_to_the_report_on_the_official_route_alone() -> None:
    walk = {
        upto: journey.is_out(officially(upto)) for upto in ("need", "consent", "check", "handoff", "result", "done")
    }
    assert walk == {"need": False, "consent": False, "check": False, "handoff": True, "result": True, "done": False}
    assert not journey.is_out(a_visit(upto="handoff"))


def test_the_check_page_lists_what_was_chosen_in_the_order_of_the_items() -> None:
    def items(visit: Visit) -> list[tuple[str, str, str]]:
        return [(row.step.id, row.question.name, row.value) for row in journey.checked(visit) if row.question.item]

    assert items(a_visit(upto="consent")) == []
    assert items(a_visit(upto="check")) == [("consent", item, "agree") for item in ALL]
    assert len(items(a_visit(over_40=False, upto="check"))) == 4
    assert items(answered(officially("consent"), "consent", there="yes")) == []


def test_a_proven_patient_is_identified_and_another_one_comes_back_by_hand() -> None:
    proven = replace(a_visit(upto="handoff"), registration=Registration.PENDING)
    assert [tuple(STEPS["handoff"].questions(each)[0].options) for each in (proven, a_visit(upto="handoff"))] == [
        ("identified",),
        ("by_hand",),
    ]


# --- drafts ---------------------------------------------------------------------------------------------------------


def test_a_draft_holds_what_is_valid_and_since_which_version_nothing_else_was_written() -> None:
    consent, before = STEPS["consent"], replace(a_visit(upto="consent"), version=5)
    first = drafted(consent, before, {"surgery": "agree", "limit_amount": "perhaps", "unheard": "of"})
    assert first is not None
    assert first.draft[consent.id] == {"surgery": "agree"}
    second = drafted(consent, replace(first, version=7), {"surgery": "decline"})
    assert second is not None
    assert second.draft[consent.id] == {"surgery": "decline"}
    assert [is_since(second, version) for version in (4, 5, 6, 7, 8)] == [False, True, True, True, False]
    assert not is_since(before, 5)
    assert settled(second).draft == {consent.id: {"surgery": "decline"}}
    assert not is_since(settled(second), 7)


@pytest.mark.parametrize("step", ["ready", "check", "done"])
def test_a_step_that_keeps_no_drafts_has_none(step: str) -> None:
    assert drafted(STEPS[step], a_visit(upto=step), {"ready": "all"}) is None


# --- the short way --------------------------------------------------------------------------------------------------


def test_the_short_way_departs_at_the_gate_once_and_hands_off_no_choice() -> None:
    gate = submitted("need", officially("need"), {"intent": Intent.SHORT})
    assert gate.departs
    assert [kind for kind, _ in gate.events] == [EventType.NEED_ANSWERED]
    again = submitted("need", replace(gate.visit, departure="d"), {"intent": Intent.SHORT})
    assert not again.departs
    page = submitted("official", gate.visit, {"opened": "yes"})
    not_asked = dict.fromkeys((item.id for item in ITEMS), "not_asked")
    assert page.events == ((EventType.HANDED_OFF, {"choices": not_asked}),)


@pytest.mark.parametrize("route", Route)
def test_who_may_go_the_short_way_and_when_the_age_is_asked(route: Route) -> None:
    visit = a_visit(upto="need", route=route)
    asked = {each.name: each for each in STEPS["need"].questions(visit)}
    assert ("short" in asked["intent"].options) is (route is not Route.IDENTITY)
    assert bool(asked["over_40"].missing) is (route is not Route.OFFICIAL)
    for intent, is_asked in (
        ("short", False),
        ("first", True),
        ("continues", True),
        ("change", True),
        ("withdraw", False),
    ):
        after = answered(visit, "need", intent=intent, go_on="yes")
        is_later = route is Route.OFFICIAL and is_asked
        assert (STEPS["age"] in path(after)) is is_later, intent
        known = answered(visit, "need", intent=intent, go_on="yes", over_40="yes")
        assert STEPS["age"] not in path(known)


@pytest.mark.parametrize(("intent", "more"), [("short", ["operator", "explained"]), ("first", [])])
def test_who_pressed_and_how_it_was_explained_is_asked_of_the_short_way_alone(intent: str, more: list[str]) -> None:
    visit = a_visit(upto="result", intent=intent, route=Route.OFFICIAL)
    report, *others = STEPS["result"].questions(visit)
    assert [each.name for each in others] == more
    assert "answered" not in report.options
    accepted = replace(visit, registration=Registration.ACCEPTED)
    assert "answered" in STEPS["result"].questions(accepted)[0].options


# --- the way out ----------------------------------------------------------------------------------------------------


def test_what_is_missing_and_a_stop_lead_to_the_other_ways() -> None:
    ready, other = STEPS["ready"], STEPS["another-way"]
    lacking = answered(a_visit(upto="ready"), "ready", ready="missing")
    assert path(lacking)[-2:] == (ready, other)
    whole = answered(a_visit(upto="ready"), "ready", ready="all")
    assert other not in path(whole)
    stopped = answered(a_visit(upto="ready"), "another-way", reason="stopped")
    assert path(stopped)[-1] is other
    assert ready not in path(stopped)
    later = answered(whole, "another-way", reason="stopped")
    assert path(later)[-2:] == (ready, other)


# --- the phone is taken ---------------------------------------------------------------------------------------------

TO_PATIENT = (EventType.PHONE_PASSED, {"to": "patient"})


def test_one_press_takes_the_phone_and_answers_the_page_of_the_three_things() -> None:
    taken = taking_up(STEPS["ready"], a_visit(upto="ready"), {"ready": "all"}, "ja")
    assert taken.events == (TO_PATIENT, (EventType.READY_ANSWERED, {"ready": "all"}))
    assert taken.visit.holder is Holder.PATIENT
    steps = path(taken.visit)
    assert journey.furthest(taken.visit) is steps[steps.index(STEPS["ready"]) + 1]
    assert not taken.is_draft


def test_who_lacks_something_never_took_the_phone() -> None:
    taken = taking_up(STEPS["ready"], a_visit(upto="ready"), {"ready": "missing"}, "ja")
    assert taken.events == ((EventType.READY_ANSWERED, {"ready": "missing"}),)
    assert taken.visit.holder is Holder.STAFF
    assert journey.furthest(taken.visit) is STEPS["another-way"]


@pytest.mark.parametrize(
    ("step", "sent"), [("ready", {}), ("ready", {"ready": "perhaps"}), ("check", {"confirmed": "yes"})]
)
def test_elsewhere_and_without_an_answer_it_is_taken_and_nothing_more(step: str, sent: dict[str, str]) -> None:
    visit = a_visit(upto=step)
    taken = taking_up(STEPS[step], visit, sent, "ja")
    assert taken.events == (TO_PATIENT,)
    assert taken.visit == replace(visit, holder=Holder.PATIENT)
    assert taken.is_draft


def test_practice_asks_the_age_of_all_but_the_short_way() -> None:
    for route, intent, is_needed in (
        (Route.PRACTICE, "short", False),
        (Route.PRACTICE, "first", True),
        (Route.OFFICIAL, "first", False),
        (Route.IDENTITY, "first", True),
    ):
        wrong = journey.errors(STEPS["need"], a_visit(upto="need", route=route), {"intent": intent})
        assert ("over_40" in wrong) is is_needed, (route, intent)
