"""What each entry of a record says of its visit, entry by entry, and how a stored visit is compared with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias

import pytest

from app.rules.content import ITEMS
from app.rules.record.event import EventType
from app.rules.record.evidence import Entry
from app.rules.record.replay import Rebuilt, UnreadableRecord, rebuilt
from app.rules.visit.copy import Wish
from app.rules.visit.standing import Closed, Closing, Doubt, Followed, Sight, StandingWish
from app.rules.visit.visit import Registration, Route
from tests.rules.visits import NOW

Said: TypeAlias = tuple[EventType, Mapping[str, Any]]

ALL: dict[str, Any] = {item.id: "agree" for item in ITEMS}
SOME: dict[str, Any] = {**ALL, "surgery": "decline"}
OPENED: Said = (EventType.OPENED, {"route": "practice"})
OFFICIALLY: Said = (EventType.OPENED, {"route": "official"})
NEED: Said = (EventType.NEED_ANSWERED, {"over_40": "yes", "intent": "first", "reference": "T-0001"})
READY: Said = (EventType.READY_ANSWERED, {"ready": "all"})
ITEMS_CHOSEN: Said = (EventType.ITEMS_ANSWERED, {"choices": ALL, "lang": "ja"})
CONFIRMED: Said = (EventType.CONFIRMED, {"choices": ALL, "operator": "spouse"})
IDENTIFIED: Said = (EventType.IDENTIFIED, {})
REGISTERED: Said = (EventType.REGISTERED, {"choices": ALL})
TO_THE_CARD = (OPENED, NEED, READY, ITEMS_CHOSEN, CONFIRMED)
REPORTED: Said = (EventType.REPORTED, {"report": "done"})
TRANSCRIBED: Said = (
    EventType.TRANSCRIBED,
    {
        "day": "2026-11-17",
        "by": "account-1",
        "reference": "T-0002",
        "choices": {**ALL, "health_checkup": "not_asked"},
        "not_asked": {"health_checkup": "under 40"},
        "operator": "child",
        "lang": "ko",
    },
)
VERIFIED: Said = (
    EventType.VERIFIED,
    {
        "by": "account-1",
        "found": True,
        "flags": {"drug": True},
        "consented_on": "2026-11-18",
        "available_until": "2027/11/17 23:59",
        "from": "file",
        "meanings": {"drug": "given"},
        "person": "p1",
    },
)
CLOSED: Said = (EventType.CLOSED, {"by": "account-1", "why": "mistake"})


def told(*said: Said) -> Rebuilt:
    """Replay entries that were made ten seconds apart."""
    return rebuilt(
        "hinatazaka",
        [
            (Entry(seq, "hinatazaka", f"e{seq}", "v1", kind, NOW + 10 * seq, "", ""), body)
            for seq, (kind, body) in enumerate(said)
        ],
    )


# --- at the bedside ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "route"),
    [({"route": "official"}, Route.OFFICIAL), ({"route": "practice"}, Route.PRACTICE), ({}, Route.PRACTICE)],
)
def test_a_visit_begins_at_its_station_and_moment_on_its_route(body: dict[str, Any], route: Route) -> None:
    visit = told((EventType.OPENED, body)).visit
    assert (visit.id, visit.facility, visit.opened_at, visit.touched_at) == ("v1", "hinatazaka", NOW, NOW)
    assert (visit.route, visit.answers, visit.language) == (route, {}, "ja")


def test_each_step_has_its_answer_and_the_time_of_its_entry() -> None:
    found = told(*TO_THE_CARD, (EventType.RETURNED, {"outcome": "by_hand"}), REPORTED)
    assert found.visit.answers == {
        "need": {"over_40": "yes", "intent": "first", "reference": "T-0001"},
        "ready": {"ready": "all"},
        "consent": ALL,
        "check": {"confirmed": "spouse"},
        "handoff": {"outcome": "by_hand"},
        "result": {"report": "done"},
    }
    assert found.visit.times == {
        step: NOW + 10 * place
        for place, step in enumerate(("need", "ready", "consent", "check", "handoff", "result"), 1)
    }


def test_an_answer_that_was_left_empty_is_none_and_the_page_it_came_from_is_no_answer() -> None:
    need = (EventType.NEED_ANSWERED, {"over_40": "yes", "intent": "first", "reference": "", "from": "day list"})
    assert told(OPENED, need).visit.answers == {"need": {"over_40": "yes", "intent": "first"}}


@pytest.mark.parametrize(("need", "tells"), [({"reference": "T-1"}, True), ({"reference": ""}, True), ({}, False)])
def test_a_record_tells_a_number_if_its_last_answer_has_a_place_for_one(need: dict[str, Any], tells: bool) -> None:
    assert told(OPENED).tells_number
    assert told(OPENED, (EventType.NEED_ANSWERED, {"over_40": "yes", **need})).tells_number is tells
    assert told(OPENED, (EventType.NEED_ANSWERED, {"over_40": "yes", **need}), READY).tells_number is tells
    assert told(TRANSCRIBED).tells_number
    paper = {name: value for name, value in TRANSCRIBED[1].items() if name != "reference"}
    assert not told((EventType.TRANSCRIBED, paper)).tells_number


def test_items_that_were_not_asked_are_no_choices_and_none_at_all_were_made_on_the_official_page() -> None:
    younger: Said = (EventType.ITEMS_ANSWERED, {"choices": {**ALL, "health_checkup": "not_asked"}, "lang": "en"})
    visit = told(OPENED, NEED, READY, younger).visit
    assert visit.answers["consent"] == {item: "agree" for item in ALL if item != "health_checkup"}
    assert visit.language == "en"
    none: dict[str, Any] = dict.fromkeys(ALL, "not_asked")
    there = told(OFFICIALLY, NEED, READY, (EventType.ITEMS_ANSWERED, {"choices": none, "lang": "ja"})).visit
    assert there.answers["consent"] == {"there": "yes"}
    assert there.chooses_there


def test_what_was_confirmed_is_what_was_chosen_also_where_that_was_changed_without_an_entry() -> None:
    visit = told(OPENED, NEED, READY, ITEMS_CHOSEN, (EventType.CONFIRMED, {"choices": SOME, "operator": "yes"})).visit
    assert visit.answers["consent"] == SOME
    assert visit.answers["check"] == {"confirmed": "yes"}
    assert visit.times["consent"] == NOW + 30


def test_a_confirmed_withdrawal_chooses_nothing_and_has_its_language() -> None:
    need = (EventType.NEED_ANSWERED, {"over_40": "yes", "intent": "withdraw", "go_on": "yes"})
    body: dict[str, Any] = {"withdraws": True, "operator": "child", "lang": "ko", "choices": {}}
    visit = told(OPENED, need, READY, (EventType.CONFIRMED, body)).visit
    assert visit.answers["revoke"] == {"confirmed": "child"}
    assert (visit.language, visit.withdraws, visit.times["revoke"]) == ("ko", True, NOW + 30)
    assert "consent" not in visit.answers


@pytest.mark.parametrize(
    ("outcome", "is_answer"), [("by_hand", True), ("identified", True), ("cancelled", False), ("expired", False)]
)
def test_coming_back_is_an_answer_only_with_an_outcome_that_goes_on(outcome: str, is_answer: bool) -> None:
    visit = told(*TO_THE_CARD, (EventType.RETURNED, {"outcome": outcome})).visit
    assert visit.answers.get("handoff") == ({"outcome": outcome} if is_answer else None)


@pytest.mark.parametrize(
    ("begun", "body", "registration"),
    [
        (OPENED, {}, Registration.PENDING),
        (OFFICIALLY, {}, Registration.PROVEN),
        (OFFICIALLY, {"registration": "pending"}, Registration.PENDING),
    ],
)
def test_who_is_identified_waits_in_practice_and_is_proven_elsewhere(
    begun: Said, body: dict[str, Any], registration: Registration
) -> None:
    visit = told(begun, *TO_THE_CARD[1:], (EventType.IDENTIFIED, body)).visit
    assert (visit.registration, visit.answers["handoff"]) == (registration, {"outcome": "identified"})
    assert visit.times["handoff"] == NOW + 50


@pytest.mark.parametrize(
    ("settled", "registration"),
    [(EventType.REGISTERED, Registration.ACCEPTED), (EventType.REFUSED, Registration.REFUSED)],
)
def test_the_systems_answer_counts_once_and_for_the_choices_that_it_was_asked_about(
    settled: EventType, registration: Registration
) -> None:
    for body in ({"choices": ALL}, {}):
        visit = told(*TO_THE_CARD, IDENTIFIED, (settled, body)).visit
        assert (visit.registration, visit.times[registration]) == (registration, NOW + 60)
    others = told(*TO_THE_CARD, IDENTIFIED, (settled, {"choices": SOME})).visit
    assert (others.registration, registration in others.times) == (Registration.PENDING, False)
    early = told(*TO_THE_CARD, (settled, {"choices": ALL})).visit
    assert (early.registration, registration in early.times) == (Registration.NONE, False)


def test_a_report_and_the_number_of_an_error_are_answers_of_two_steps() -> None:
    trouble, code = (EventType.REPORTED, {"report": "trouble"}), (EventType.REPORTED, {"code": "OQC-1"})
    visit = told(OFFICIALLY, *TO_THE_CARD[1:], (EventType.RETURNED, {"outcome": "by_hand"}), trouble, code).visit
    assert visit.answers["result"] == {"report": "trouble"}
    assert visit.answers["error-code"] == {"code": "OQC-1"}


def test_who_goes_on_after_all_is_no_longer_on_a_way_out() -> None:
    lacking = (EventType.READY_ANSWERED, {"ready": "missing"})
    way = (EventType.ANOTHER_WAY, {"reason": "no_card"})
    out = told(OPENED, NEED, lacking, way).visit
    assert (out.answers["another-way"], out.times["another-way"]) == ({"reason": "no_card"}, NOW + 30)
    on = told(OPENED, NEED, lacking, way, (EventType.WENT_ON, {"from": "another-way"})).visit
    assert on.answers.keys() == {"need"}


def test_what_says_nothing_of_the_visit_changes_nothing() -> None:
    visit = told(*TO_THE_CARD).visit
    for kind in (EventType.PHONE_PASSED, EventType.MOVED, EventType.COPIED, EventType.EXPORTED, EventType.LEFT):
        assert told(*TO_THE_CARD, (kind, {})).visit == visit


@pytest.mark.parametrize(
    "said",
    [
        (),
        (NEED,),
        (OPENED, (EventType.NEED_ANSWERED, {"over_40": 1, "intent": ["first"]}), (EventType.ITEMS_ANSWERED, {})),
        (OPENED, NEED, (EventType.ITEMS_ANSWERED, {"choices": {"surgery": "perhaps"}, "lang": "ja"})),
        (OPENED, (EventType.WENT_ON, {"from": "nowhere"})),
        (OPENED, (EventType.ITEMS_ANSWERED, {"choices": None, "lang": "ja"})),
        ((EventType.OPENED, {"route": "by sea"}),),
        ((EventType.TRANSCRIBED, {**TRANSCRIBED[1], "day": "yesterday"}),),
        (*TO_THE_CARD, (EventType.CLOSED, {"by": "account-1", "why": "because"})),
    ],
)
def test_what_no_version_has_written_is_unreadable(said: tuple[Said, ...]) -> None:
    with pytest.raises(UnreadableRecord):
        told(*said)


# --- from paper ---------------------------------------------------------------------------------------------------


def test_a_paper_begins_on_its_day_in_japan_and_says_what_was_marked() -> None:
    found = told(TRANSCRIBED)
    visit = found.visit
    assert visit.opened_at == 1_794_841_200  # 2026-11-17 00:00 in Japan
    assert visit.answers == {
        "need": {"over_40": "no", "reference": "T-0002"},
        "consent": {**ALL, "health_checkup": "not_asked"},
        "check": {"confirmed": "child"},
    }
    assert (visit.times, visit.transcribed_by, visit.language) == ({"transcribed": NOW}, "account-1", "ko")
    assert found.reached_at == NOW


@pytest.mark.parametrize("reason", ["not asked on the paper", "not shown"])
def test_a_paper_of_somebody_older_is_known_by_why_an_item_was_not_asked(reason: str) -> None:
    body: dict[str, Any] = {**TRANSCRIBED[1], "not_asked": {"health_checkup": reason}, "reference": ""}
    assert told((EventType.TRANSCRIBED, body)).visit.answers["need"] == {"over_40": "yes"}


# --- at the office ------------------------------------------------------------------------------------------------


def test_a_sight_has_every_field_of_its_entry() -> None:
    found = told(*TO_THE_CARD, VERIFIED)
    assert found.sight == Sight(
        at=NOW + 50,
        by="account-1",
        found=True,
        flags={"drug": True},
        consented_on=date(2026, 11, 18),
        available_until="2027/11/17 23:59",
        source="file",
        meanings={"drug": "given"},
    )
    assert found.person == "p1"


def test_a_screen_that_was_read_names_no_person_and_has_no_meanings() -> None:
    bare: Said = (
        EventType.VERIFIED,
        {"by": "a", "found": False, "flags": {}, "consented_on": "", "available_until": ""},
    )
    found = told(*TO_THE_CARD, bare)
    assert found.sight == Sight(NOW + 50, "a", found=False, flags={})
    assert (found.sight.source, found.person) == ("screen", "")
    assert told(*TO_THE_CARD, VERIFIED, bare).person == "p1"


def test_a_visit_is_closed_with_its_reason_and_its_wishes_are_answered_by_that() -> None:
    wish = (EventType.ASKED, {"what": "withdraw"})
    asked = told(*TO_THE_CARD, CLOSED, wish)
    assert asked.asked == (StandingWish(NOW + 60, Wish.WITHDRAW),)
    assert asked.closed is None
    closed = told(*TO_THE_CARD, wish, CLOSED)
    assert (closed.closed, closed.asked) == (Closed(NOW + 60, "account-1", Closing.MISTAKE), ())
    assert told(*TO_THE_CARD, CLOSED, VERIFIED).closed is None


def test_wishes_stay_beside_each_other() -> None:
    found = told(*TO_THE_CARD, (EventType.ASKED, {"what": "change"}), (EventType.ASKED, {"what": "disagree"}))
    assert [each.what for each in found.asked] == [Wish.DISAGREE, Wish.CHANGE]


def test_news_from_the_bedside_open_a_closed_visit_again_and_other_steps_do_not() -> None:
    assert told(*TO_THE_CARD, CLOSED, REPORTED).closed is None
    assert told(*TO_THE_CARD, CLOSED, (EventType.ITEMS_ANSWERED, {"choices": SOME, "lang": "ja"})).closed is None
    assert told(*TO_THE_CARD, CLOSED, (EventType.RETURNED, {"outcome": "by_hand"})).closed is not None


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        (TO_THE_CARD[:4], None),
        (TO_THE_CARD, NOW + 40),
        ((*TO_THE_CARD, REPORTED), NOW + 40),
        ((OPENED, NEED, (EventType.ANOTHER_WAY, {"reason": "no_card"})), None),
        ((OPENED, (EventType.NEED_ANSWERED, {"intent": "withdraw"})), None),
    ],
)
def test_a_visit_reaches_the_office_when_it_is_first_confirmed(said: tuple[Said, ...], reached: int | None) -> None:
    assert told(*said).reached_at == reached


# --- beside what is stored ----------------------------------------------------------------------------------------

WHOLE = (*TO_THE_CARD, REPORTED, (EventType.ASKED, {"what": "change"}), VERIFIED)


def stored(found: Rebuilt) -> Followed:
    """Return what the tables hold of such a record: names of people in place of their accounts' ids."""
    return Followed(
        found.visit,
        found.reached_at or 0,
        sight=replace(found.sight, by="事務 さくら") if found.sight else None,
        closed=replace(found.closed, by="事務 さくら") if found.closed else None,
        person=found.person,
        asked=found.asked,
    )


def of_visit(**changed: Any) -> Callable[[Followed], Followed]:
    return lambda kept: replace(kept, visit=replace(kept.visit, **changed))


STRANGE: dict[str, Callable[[Followed], Followed]] = {
    "another answer": lambda kept: of_visit(answers={**kept.visit.answers, "ready": {"ready": "missing"}})(kept),
    "another number": lambda kept: of_visit(
        answers={**kept.visit.answers, "need": {**kept.visit.answers["need"], "reference": "T-9"}}
    )(kept),
    "a registration": of_visit(registration=Registration.ACCEPTED),
    "a language": of_visit(language="ko"),
    "a route": of_visit(route=Route.OFFICIAL),
    "another day": of_visit(opened_at=NOW - 86_400),
    "a transcriber": of_visit(transcribed_by="事務 さくら"),
    "another handoff": lambda kept: replace(kept, handed_off_at=kept.handed_off_at + 1),
    "no sight": lambda kept: replace(kept, sight=None),
    "another sight": lambda kept: replace(kept, sight=replace(kept.sight, found=False)),  # type: ignore[type-var]
    "an older sight": lambda kept: replace(kept, sight=replace(kept.sight, at=NOW)),  # type: ignore[type-var]
    "a closing": lambda kept: replace(kept, closed=Closed(NOW, "事務 さくら", Closing.MISTAKE)),
    "no wish": lambda kept: replace(kept, asked=()),
    "another person": lambda kept: replace(kept, person="p2"),
}


@pytest.mark.parametrize("said", [(OPENED,), TO_THE_CARD, WHOLE, (TRANSCRIBED,), (*TO_THE_CARD, CLOSED)])
def test_what_is_stored_as_recorded_is_shown_without_a_doubt(said: tuple[Said, ...]) -> None:
    found = told(*said)
    kept = stored(found)
    assert found.fits(kept)
    assert found.shown(kept) == replace(kept, visit=replace(kept.visit, transcribed_by=kept.visit.transcribed_by))


@pytest.mark.parametrize("strange", STRANGE)
def test_whatever_is_stored_otherwise_is_a_doubt_and_the_record_is_shown(strange: str) -> None:
    found = told(*WHOLE)
    kept = stored(found)
    altered = STRANGE[strange](kept)
    assert not found.fits(altered)
    shown = found.shown(altered)
    assert shown.doubt is Doubt.DIFFERS
    assert (shown.visit, shown.handed_off_at, shown.asked) == (kept.visit, kept.handed_off_at, kept.asked)
    assert shown.closed is None
    assert shown.sight is not None
    assert shown.sight.found


def test_a_name_is_shown_for_an_account_only_where_both_tell_of_the_same_moment() -> None:
    found = told(*WHOLE)
    kept = stored(found)
    assert kept.sight is not None
    same, other = found.shown(kept).sight, found.shown(replace(kept, sight=replace(kept.sight, at=NOW))).sight
    assert [each.by for each in (same, other) if each] == ["事務 さくら", "account-1"]
    closed = told(*TO_THE_CARD, CLOSED)
    shown = closed.shown(stored(closed)).closed
    assert shown is not None
    assert shown.by == "事務 さくら"


def test_a_record_that_tells_no_number_takes_the_stored_one() -> None:
    need = (EventType.NEED_ANSWERED, {"over_40": "yes", "intent": "first"})
    found = told(OPENED, need)
    for number in ("T-0001", ""):
        answers = {"need": {"over_40": "yes", "intent": "first", **({"reference": number} if number else {})}}
        kept = of_visit(answers=answers)(stored(found))
        assert found.fits(kept)
        assert found.shown(kept).visit.answers == answers
    elsewhere = of_visit(answers={"need": {"over_40": "no", "intent": "first", "reference": "T-0001"}})(stored(found))
    assert not found.fits(elsewhere)
    assert found.shown(elsewhere).visit.answers == {
        "need": {"over_40": "yes", "intent": "first", "reference": "T-0001"}
    }


def test_a_transcriber_is_shown_by_the_stored_name_and_only_where_the_record_has_one() -> None:
    paper = told(TRANSCRIBED)
    named = of_visit(transcribed_by="受付 はる")(stored(paper))
    assert paper.fits(named)
    assert paper.shown(named).visit.transcribed_by == "受付 はる"
    assert paper.shown(of_visit(transcribed_by="")(stored(paper))).visit.transcribed_by == "account-1"
    walked = told(*WHOLE)
    assert walked.shown(of_visit(transcribed_by="受付 はる")(stored(walked))).visit.transcribed_by == ""


def test_times_that_only_the_stored_visit_knows_stay_and_the_records_own_win() -> None:
    found = told(*WHOLE)
    kept = of_visit(times={"need": 1, "done": NOW + 500})(stored(found))
    assert found.fits(kept)
    assert found.shown(kept).visit.times == {**found.visit.times, "done": NOW + 500}


def test_a_visit_that_never_reached_the_office_by_its_record_keeps_the_stored_moment() -> None:
    found = told(*TO_THE_CARD[:4])
    kept = replace(stored(found), handed_off_at=NOW + 7)
    assert found.shown(kept).handed_off_at == NOW + 7
    assert not found.fits(kept)


def test_on_the_short_way_opening_the_official_page_is_an_answer_and_elsewhere_it_is_none() -> None:
    none: dict[str, Any] = dict.fromkeys(ALL, "not_asked")
    short = (EventType.NEED_ANSWERED, {"intent": "short", "reference": ""})
    out = told(OFFICIALLY, short, (EventType.HANDED_OFF, {"choices": none}))
    assert out.visit.answers == {"need": {"intent": "short"}, "official": {"opened": "yes"}}
    assert out.reached_at is not None
    assert told(OFFICIALLY, short).reached_at is None
    full = told(OPENED, NEED, READY, ITEMS_CHOSEN, (EventType.HANDED_OFF, {"choices": ALL}))
    assert "official" not in full.visit.answers
