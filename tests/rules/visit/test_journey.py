"""The journey: derived from FLOW alone, so a step added there is tested here before anyone writes a test for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, groupby

import pytest

from app.rules.content import EXITS, ITEMS
from app.rules.record.evidence import VisitState, state
from app.rules.visit import journey
from app.rules.visit.consent import complete
from app.rules.visit.flow import FLOW, STEPS, path
from app.rules.visit.step import Step
from app.rules.visit.visit import Holder, Registration, Report, Route, Visit
from tests.rules.visits import NOW, a_visit, answered, choose, ordinary

HOUR = 3600
ASIDE = {"error-code", "revoke", "age", "official"}
"""Pages that only some visits have, although they are no way out."""
MAIN = tuple(step for step in FLOW if not step.leaves and step.id not in ASIDE)
WAYS_OUT = tuple(step for step in FLOW if step.leaves)


def test_it_works() -> None:
    assert [step.id for step in path(a_visit())] == [step.id for step in MAIN]


WITHDRAWING = path(a_visit(intent="withdraw", upto="ready"))
"""The other flow: everything is withdrawn with the card."""
SHORT = path(a_visit(intent="short", route=Route.OFFICIAL, upto="official"))
"""The short way: everything is chosen on the official page."""
WAYS = {"first": MAIN, "withdraw": WITHDRAWING, "short": SHORT}
WALKS = [(intent, step) for intent, way in WAYS.items() for step in way]


@pytest.mark.parametrize(("intent", "step"), WALKS, ids=lambda each: each.id if isinstance(each, Step) else each)
def test_a_step_opens_when_all_before_it_are_answered_and_not_earlier(intent: str, step: Step) -> None:
    route, way = Route.OFFICIAL if intent == "short" else Route.PRACTICE, WAYS[intent]
    visit = a_visit(intent=intent, route=route, upto=step.id)
    assert journey.furthest(visit) is step
    later = way[way.index(step) + 1 + step.by_hand(visit) :]
    assert not any(journey.is_reachable(each, visit) for each in later)
    assert all(journey.is_reachable(each, visit) for each in way[: way.index(step) + 1])


@pytest.mark.parametrize("step", FLOW, ids=lambda step: step.id)
def test_every_required_question_has_words_for_what_is_missing(step: Step) -> None:
    visit = a_visit(upto="consent")
    wrong = journey.errors(step, visit, {})
    required = {question.name for question in step.questions(visit) if question.missing}
    assert set(wrong) == required
    assert all(message for message in wrong.values())


@pytest.mark.parametrize("step", FLOW, ids=lambda step: step.id)
def test_an_answer_that_is_not_offered_is_never_kept(step: Step) -> None:
    visit = a_visit(upto=step.id) if not step.leaves else a_visit()
    for question in step.questions(visit):
        if question.options:
            given = {**ordinary(step, visit), question.name: "something-else"}
            assert question.name in journey.errors(step, visit, given)
            assert question.name not in journey.fit(step, visit, given)


def test_fields_nobody_asked_for_are_dropped() -> None:
    visit = answered(a_visit(upto="need"), "need", over_40="yes", intent="first", name="練習 花子", holder="staff")
    assert set(visit.answers["need"]) == {"over_40", "intent"}


def test_n_of_m_counts_the_pages_that_everybody_has() -> None:
    visit = a_visit()
    counted = [step for step in MAIN if step.counted]
    assert [journey.position(step, visit) for step in counted] == [
        (n, len(counted)) for n in range(1, len(counted) + 1)
    ]
    assert journey.position(STEPS["done"], visit) is None


def test_the_phone_changes_hands_where_the_flow_says_so() -> None:
    assert [holder for holder, _ in groupby(step.holder for step in MAIN)] == [
        Holder.STAFF,
        Holder.PATIENT,
        Holder.STAFF,
    ]
    ready = STEPS["ready"]
    assert journey.needs_hand_over(ready, a_visit(upto="ready"))
    assert not journey.needs_hand_over(ready, journey.handed_over(a_visit(upto="ready"), Holder.PATIENT))


def test_after_the_card_there_is_no_way_back_into_the_choices() -> None:
    assert journey.back(STEPS["result"], a_visit(upto="result")) is None
    assert journey.back(STEPS["check"], a_visit(upto="check")) is STEPS["consent"]


def test_a_failed_tap_that_was_reported_is_not_unsaid_by_going_back() -> None:
    failed = answered(officially("result"), "result", report="trouble")
    assert path(failed)[-2:] == (STEPS["error-code"], STEPS["done"])
    assert journey.back(STEPS["error-code"], failed) is None
    assert journey.back(STEPS["done"], failed) is None


@pytest.mark.parametrize(
    ("since_opened", "since_touched", "is_open"),
    [
        (12 * HOUR - 1, 0, True),
        (12 * HOUR, 0, False),
        (0, HOUR // 2 - 1, True),
        (0, HOUR // 2, False),
        (-12 * HOUR, 0, False),
        (0, -HOUR // 2, False),
    ],
)
def test_a_visit_ends_half_an_hour_after_its_last_answer_and_in_any_case_after_twelve(
    since_opened: int, since_touched: int, is_open: bool
) -> None:
    visit = replace(a_visit(), opened_at=NOW - since_opened, touched_at=NOW - since_touched)
    assert journey.is_open(visit, NOW) is is_open


# --- all choices ---------------------------------------------------------------------------------------------------

OVER = [item.id for item in a_visit().items]
UNDER = [item.id for item in a_visit(over_40=False).items]
ALL_OVER = [set(some) for size in range(6) for some in combinations(OVER, size)]
ALL_UNDER = [set(some) for size in range(5) for some in combinations(UNDER, size)]


def test_there_are_32_choices_over_40_and_16_under() -> None:
    assert (len(ALL_OVER), len(ALL_UNDER)) == (32, 16)


@pytest.mark.parametrize("agreed", ALL_OVER, ids=lambda some: "+".join(sorted(some)) or "none")
def test_every_choice_over_40_reaches_the_check_and_is_kept_as_given(agreed: set[str]) -> None:
    visit = a_visit()
    visit = answered(visit, "consent", **choose(visit, agreed))
    assert journey.furthest(visit) is STEPS["check"]
    kept = complete(ITEMS, dict(visit.answers["consent"]), at=NOW)
    assert {item for item, choice in kept.items() if choice == "agree"} == agreed
    assert {item for item, choice in kept.items() if choice == "decline"} == set(OVER) - agreed


@pytest.mark.parametrize("agreed", ALL_UNDER, ids=lambda some: "+".join(sorted(some)) or "none")
def test_every_choice_under_40_leaves_the_checkup_not_asked(agreed: set[str]) -> None:
    visit = a_visit(over_40=False)
    visit = answered(visit, "consent", **choose(visit, agreed))
    assert journey.furthest(visit) is STEPS["check"]
    kept = complete(ITEMS, dict(visit.answers["consent"]), at=NOW)
    assert kept["health_checkup"] == "not_asked"
    assert {item for item, choice in kept.items() if choice == "agree"} == agreed


# --- changing an answer -----------------------------------------------------------------------------------------------


def test_changing_a_choice_reopens_the_check_and_nothing_before_it() -> None:
    visit = a_visit(upto="handoff")
    changed = answered(visit, "consent", **choose(visit, {"surgery"}))
    assert journey.furthest(changed) is STEPS["check"]
    assert {"need", "ready", "consent"} <= set(changed.answers)


def test_submitting_the_same_choices_again_voids_nothing() -> None:
    visit = a_visit(upto="handoff")
    again = answered(visit, "consent", **visit.answers["consent"])
    assert again.answers == visit.answers


def test_a_way_out_made_for_other_choices_is_void() -> None:
    visit = replace(a_visit(upto="handoff"), departure="d1")
    assert answered(visit, "consent", **choose(visit, set())).departure == ""
    assert answered(visit, "consent", **visit.answers["consent"]).departure == "d1"


def test_becoming_40_asks_only_for_the_checkup_and_keeps_the_rest() -> None:
    visit = a_visit(over_40=False, upto="handoff")
    older = answered(visit, "need", over_40="yes", intent="first")
    assert journey.furthest(older) is STEPS["consent"]
    assert set(journey.errors(STEPS["consent"], older, older.answers["consent"])) == {"health_checkup"}
    assert older.answers["consent"] == visit.answers["consent"]
    assert "check" not in older.answers


def test_becoming_younger_drops_the_checkup_and_reopens_the_check() -> None:
    visit = a_visit(upto="handoff")
    younger = answered(visit, "need", over_40="no", intent="first")
    assert "health_checkup" not in younger.answers["consent"]
    assert journey.furthest(younger) is STEPS["check"]


# --- ways out with dignity -----------------------------------------------------------------------------------------------


def test_care_that_continues_leads_to_the_office_and_one_may_go_on_all_the_same() -> None:
    visit = answered(a_visit(upto="need"), "need", over_40="yes", intent="continues")
    assert journey.furthest(visit) is STEPS["reinquiry"]
    assert not journey.is_reachable(STEPS["ready"], visit)
    assert journey.furthest(journey.go_on(STEPS["reinquiry"], visit)) is STEPS["ready"]


def test_a_wish_to_withdraw_has_its_page() -> None:
    visit = answered(a_visit(upto="need"), "need", over_40="yes", intent="withdraw")
    assert journey.furthest(visit) is STEPS["withdrawal"]
    assert state(visit) is VisitState.ANOTHER_WAY


def test_withdrawing_with_the_card_asks_no_item_and_declines_them_all() -> None:
    assert [step.id for step in MAIN if step not in WITHDRAWING] == ["consent", "check"]
    assert [step.id for step in WITHDRAWING if step not in MAIN] == ["revoke"]
    visit = a_visit(intent="withdraw", upto="handoff", over_40=False)
    assert state(visit) is VisitState.HANDED_OFF
    assert {item.id: visit.choice(item.id) for item in visit.items} == {item.id: "decline" for item in ITEMS}


def test_withdrawing_is_as_few_pages_as_agreeing() -> None:
    way_out = 1  # the page that offers the office's way first
    assert len(WITHDRAWING) + way_out <= len(MAIN)


def test_who_changes_the_mind_about_withdrawing_confirms_anew() -> None:
    visit = a_visit(intent="withdraw", upto="handoff")
    other = answered(visit, "need", over_40="yes", intent="first")
    assert journey.furthest(other) is STEPS["consent"]
    assert not other.is_confirmed
    assert "revoke" not in other.answers


def test_who_withdraws_after_confirming_choices_confirms_that_anew() -> None:
    chosen = replace(a_visit(upto="handoff"), registration=Registration.ACCEPTED, subject="s", departure="d")
    wanting = answered(chosen, "need", over_40="yes", intent="withdraw")
    visit = journey.go_on(STEPS["withdrawal"], wanting)
    assert journey.furthest(visit) is STEPS["revoke"]
    assert not visit.is_confirmed
    assert (visit.operator, visit.registration, visit.subject, visit.departure) == ("", Registration.NONE, "", "")
    withdrawn = answered(visit, "revoke", confirmed="child")
    assert withdrawn.operator == "child"
    back = answered(withdrawn, "need", over_40="yes", intent="first")
    assert journey.furthest(back) is STEPS["check"], "what was chosen is still there, and is confirmed anew"


def test_another_hand_at_the_check_needs_another_tap() -> None:
    tapped = answered(
        replace(a_visit(upto="handoff"), registration=Registration.ACCEPTED, subject="s"),
        "handoff",
        outcome="identified",
    )
    same = answered(tapped, "check", confirmed="yes")
    assert same == tapped
    other = answered(tapped, "check", confirmed="spouse")
    assert (other.operator, other.registration, other.subject) == ("spouse", Registration.NONE, "")
    assert journey.furthest(other) is STEPS["handoff"]


@pytest.mark.parametrize("reason", EXITS)
def test_whatever_is_missing_has_a_way_on_that_is_never_no_care(reason: str) -> None:
    lacking = answered(a_visit(upto="ready"), "ready", ready="missing")
    assert journey.furthest(lacking) is STEPS["another-way"]
    told = answered(lacking, "another-way", reason=reason)
    assert journey.furthest(told) is STEPS["another-way"]
    way = EXITS[reason]
    assert way.next
    assert "受けられません" not in way.title + way.next + "".join(way.also)
    assert journey.furthest(journey.go_on(STEPS["another-way"], told)) is STEPS["ready"]


def test_every_reason_has_content_and_every_content_a_reason() -> None:
    assert set(EXITS) == {way.id for way in EXITS.values()}


def test_trouble_at_the_card_does_not_lose_the_choices() -> None:
    visit: Visit = answered(a_visit(upto="handoff"), "another-way", reason="pin_locked")
    assert journey.furthest(visit) is STEPS["another-way"]
    back = journey.go_on(STEPS["another-way"], visit)
    assert journey.furthest(back) is STEPS["handoff"]
    assert back.answers["consent"] == visit.answers["consent"]


# --- the official route ------------------------------------------------------------------------------------------------


def officially(upto: str) -> Visit:
    return replace(a_visit(upto=upto), route=Route.OFFICIAL)


def test_whoever_comes_back_by_any_way_may_report_at_once() -> None:
    out = officially("handoff")
    assert journey.furthest(out) is STEPS["handoff"]
    assert journey.is_reachable(STEPS["result"], out)
    assert not journey.is_reachable(STEPS["done"], out)
    reported = answered(out, "result", report="done")
    assert reported.answers["handoff"] == {"outcome": "by_hand"}
    assert journey.furthest(reported) is STEPS["done"]


def test_nobody_reports_before_the_choices_are_confirmed() -> None:
    assert not journey.is_reachable(STEPS["result"], officially("check"))
    assert not journey.is_reachable(STEPS["handoff"], officially("check"))


def test_in_practice_the_card_comes_before_the_result() -> None:
    assert not journey.is_reachable(STEPS["result"], a_visit(upto="handoff"))


def test_on_the_official_route_the_nurse_opens_the_page() -> None:
    assert STEPS["handoff"].held_by(officially("handoff")) is Holder.STAFF
    assert STEPS["handoff"].held_by(a_visit(upto="handoff")) is Holder.PATIENT


def test_choosing_there_is_an_answer_of_its_own_and_chooses_nothing_here() -> None:
    visit = answered(officially("consent"), "consent", there="yes", surgery="agree")
    assert visit.answers["consent"] == {"there": "yes"}
    assert journey.furthest(visit) is STEPS["check"]
    assert set(complete(ITEMS, dict(visit.answers["consent"]), at=NOW).values()) == {"not_asked"}


def test_choosing_there_is_not_offered_in_practice() -> None:
    visit = answered(a_visit(upto="consent"), "consent", there="yes")
    assert journey.furthest(visit) is STEPS["consent"]


def test_choosing_here_after_all_puts_the_choices_in_its_place() -> None:
    visit = answered(officially("consent"), "consent", there="yes")
    visit = answered(visit, "check", confirmed="yes")
    chosen = answered(visit, "consent", **choose(visit, {"surgery"}))
    assert not chosen.chooses_there
    assert journey.furthest(chosen) is STEPS["check"]


def test_an_older_patient_may_still_choose_there() -> None:
    visit = answered(officially("consent"), "consent", there="yes")
    younger = answered(visit, "need", over_40="no", intent="first")
    assert younger.answers["consent"] == {"there": "yes"}


def test_only_an_error_asks_for_its_number() -> None:
    asks = [
        journey.furthest(answered(officially("result"), "result", report=report)).id for report in tuple(Report)[1:]
    ]
    assert asks == ["done" if report is not Report.TROUBLE else "error-code" for report in tuple(Report)[1:]]


def test_the_number_of_an_error_may_be_missing_and_is_never_four_or_twelve_digits() -> None:
    visit = answered(officially("result"), "result", report="trouble")
    step = STEPS["error-code"]
    assert [
        bool(journey.errors(step, visit, {"code": code})) for code in ("", "OQC-OWSE0900000", "1234", "123456789012")
    ] == [False, False, True, True]
    assert journey.furthest(answered(visit, "error-code")) is STEPS["done"]


@pytest.mark.parametrize("typed", ["T-0001", "Ｔ－０００１", " T-0001 "])
def test_a_number_is_kept_as_it_is_looked_up(typed: str) -> None:
    given = {"over_40": "yes", "intent": "first", "reference": typed}
    assert journey.record(STEPS["need"], given, a_visit()).reference == "T-0001"


@pytest.mark.parametrize("route", list(Route))
def test_an_item_that_is_no_longer_asked_is_dropped_behind_an_exit_too(route: Route) -> None:
    confirmed = replace(a_visit(upto="handoff"), route=route, departure="d1")
    younger = answered(confirmed, "need", over_40="no", intent="continues")
    assert set(younger.answers["consent"]) == {item.id for item in younger.items}
    assert (younger.is_confirmed, younger.departure) == (False, "")
    on = journey.go_on(STEPS["reinquiry"], younger)
    assert journey.furthest(on) is STEPS["check"]
