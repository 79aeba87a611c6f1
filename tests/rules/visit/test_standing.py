"""Where a visit stands for the office: what was said, what was seen, and what wants doing are never one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from app.rules.record.evidence import VisitState, state
from app.rules.visit import journey
from app.rules.visit.consent import Choice
from app.rules.visit.copy import Wish
from app.rules.visit.flow import STEPS
from app.rules.visit.standing import (
    DONE,
    NEEDY,
    UNDERWAY,
    Closed,
    Closing,
    Followed,
    Sight,
    Standing,
    StandingWish,
    Truth,
    Verdict,
    as_chosen,
    closes_too_late,
    compared,
    has_copy,
    is_news,
    may_suffice,
    named,
    neediest_first,
    repeats,
    standing,
    truth,
    with_wish,
)
from app.rules.visit.visit import Route, Visit
from app.rules.words.dates import day_of
from tests.rules.visits import NOW, a_visit, answered

LATER = NOW + UNDERWAY
FLAGS = ("surgery", "clinical", "drug", "health_checkup", "limit_amount", "specific_disease")


def reported(report: str) -> Visit:
    return answered(a_visit(upto="result"), "result", report=report)


def sight(*, found: bool = True, **flags: bool) -> Sight:
    return Sight(LATER, "さくら", found, {flag: flags.get(flag, True) for flag in FLAGS} if found else {})


def followed(visit: Visit, saw: Sight | None = None, closed: Closed | None = None) -> Followed:
    return Followed(visit, NOW, saw, closed)


@pytest.mark.parametrize(
    ("report", "where"),
    [
        ("done", Standing.REPORTED),
        ("trouble", Standing.TROUBLE),
        ("stopped", Standing.STOPPED),
        ("later", Standing.UNREPORTED),
    ],
)
def test_what_was_said_is_a_report_and_no_more(report: str, where: Standing) -> None:
    assert standing(followed(reported(report)), LATER) is where
    assert where not in DONE


def test_a_visit_without_a_report_waits_until_it_is_surely_over() -> None:
    visit = a_visit(upto="result")
    assert standing(followed(visit), NOW) is Standing.UNDERWAY
    assert standing(followed(visit), NOW + UNDERWAY - 1) is Standing.UNDERWAY
    assert standing(followed(visit), NOW + UNDERWAY) is Standing.UNREPORTED
    assert standing(followed(replace(visit, ended=True)), NOW) is Standing.UNREPORTED


TODAY = day_of(LATER)


@pytest.mark.parametrize(
    ("saw", "suffices"),
    [
        (None, False),
        (sight(), True),
        (sight(found=False), False),
        (sight(**dict.fromkeys(FLAGS, False)), False),
        (replace(sight(), available_until=f"{TODAY:%Y/%m/%d} 23:59"), True),
        (replace(sight(), available_until=f"{TODAY - timedelta(days=1):%Y/%m/%d} 23:59"), False),
        (replace(sight(), available_until="2099/2/30"), False),
        (replace(sight(), available_until="令和99年"), False),
    ],
)
def test_a_registration_that_ended_or_is_gone_sends_nobody_home(saw: Sight | None, suffices: bool) -> None:
    assert may_suffice(saw, TODAY) is suffices


def test_a_withdrawal_is_compared_whatever_was_to_be_chosen_there_before() -> None:
    visit = replace(a_visit(upto="consent"), route=Route.OFFICIAL)
    visit = journey.record(STEPS["consent"], {"there": "yes"}, visit)
    visit = journey.record(STEPS["check"], {"confirmed": "patient"}, visit)
    visit = journey.record(STEPS["need"], {"over_40": "yes", "intent": "withdraw"}, visit)
    visit = journey.record(STEPS["revoke"], {"confirmed": "patient"}, journey.go_on(STEPS["withdrawal"], visit))
    visit = journey.record(STEPS["result"], {"report": "done"}, visit)
    assert visit.withdraws
    assert truth(visit, sight()) is Truth.DIFFERS
    assert truth(visit, sight(found=False)) is Truth.SEEN


def test_only_the_office_can_see() -> None:
    everything = reported("done")
    assert standing(followed(everything, sight()), LATER) is Standing.SEEN
    assert standing(followed(everything, sight(surgery=False)), LATER) is Standing.DIFFERS
    assert standing(followed(everything, sight(found=False)), LATER) is Standing.NOT_FOUND
    partly = replace(sight(), flags={flag: True for flag in FLAGS if flag != "surgery"})
    assert standing(followed(everything, partly), LATER) is Standing.UNCLEAR
    asked = {Standing.DISPUTED, Standing.WITHDRAWAL_ASKED, Standing.CHANGE_ASKED, Standing.OTHER_NAME}
    assert {Standing.ALTERED, *asked, Standing.DIFFERS, Standing.NOT_FOUND, Standing.UNCLEAR, Standing.TROUBLE} == NEEDY


def test_the_patient_is_told_no_more_than_the_office_knows() -> None:
    partly = replace(sight(), flags={flag: True for flag in FLAGS if flag != "surgery"})
    for saw, says in (
        (sight(), Truth.SEEN),
        (sight(surgery=False), Truth.DIFFERS),
        (sight(found=False), Truth.NOT_FOUND),
        (partly, Truth.UNCLEAR),
    ):
        visit = reported("done")
        assert truth(visit, saw) is says
        assert (says is Truth.SEEN) == (standing(followed(visit, saw), LATER) in DONE), "確 on the copy is done here"
    told = {report: truth(reported(report), None) for report in ("done", "trouble", "stopped", "later")}
    assert list(told.values()) == [Truth.REPORTED, Truth.TROUBLE, Truth.STOPPED, Truth.CHOSEN]


def test_after_a_withdrawal_nothing_given_is_what_was_chosen() -> None:
    withdrawn = a_visit(intent="withdraw", upto="done")
    nothing = replace(sight(), flags=dict.fromkeys(FLAGS, False))
    assert standing(followed(withdrawn, nothing), LATER) is Standing.SEEN
    assert standing(followed(withdrawn, sight(found=False)), LATER) is Standing.SEEN
    assert standing(followed(withdrawn, sight()), LATER) is Standing.DIFFERS


def test_closing_ends_whatever_was_seen() -> None:
    closed = Closed(LATER, "さくら", Closing.ELSEWHERE)
    for saw in (None, sight(), sight(found=False)):
        assert standing(followed(reported("trouble"), saw, closed), LATER) is Standing.CLOSED


@pytest.mark.parametrize("clinical,drug", list(product([True, False, None], repeat=2)))  # noqa: PT006 - reads better
def test_one_question_with_two_columns_matches_only_as_a_whole(clinical: bool | None, drug: bool | None) -> None:
    flags = {name: there for name, there in (("clinical", clinical), ("drug", drug)) if there is not None}
    saw = Sight(LATER, "さくら", found=True, flags=flags)
    found = next(each for each in compared(reported("done"), saw) if each.item.id == "clinical_drug")
    assert found.chosen is Choice.AGREE
    if False in flags.values():
        assert found.verdict is Verdict.DIFFERS
    else:
        assert found.verdict is (Verdict.MATCHES if len(flags) == len(found.item.flags) else Verdict.NOT_LOOKED_AT)
        assert standing(followed(reported("done"), saw), LATER) is Standing.UNCLEAR


def test_what_was_chosen_on_the_official_page_is_compared_with_nothing() -> None:
    visit = a_visit(upto="consent")
    there = replace(visit, answers={**visit.answers, "consent": {"there": "yes"}})
    assert {each.verdict for each in compared(there, sight())} == {Verdict.NOT_CHOSEN_HERE}
    assert {each.chosen for each in compared(there, sight())} == {Choice.NOT_ASKED}


def test_under_forty_nobody_asks_for_the_checkup() -> None:
    young = a_visit(over_40=False, upto="result")
    assert "health_checkup" not in {each.item.id for each in compared(young, sight())}


def test_the_neediest_come_first_and_among_them_the_oldest() -> None:
    visits = [
        Followed(reported("done"), 3),
        Followed(reported("trouble"), 2),
        Followed(reported("trouble"), 1),
        Followed(reported("done"), 4, sight(found=False)),
    ]
    placed = [(place, each.handed_off_at) for place, each in neediest_first(visits, LATER)]
    assert placed == [
        (Standing.TROUBLE, 1),
        (Standing.TROUBLE, 2),
        (Standing.NOT_FOUND, 4),
        (Standing.REPORTED, 3),
    ]


def test_a_visit_is_called_by_six_letters_that_are_not_its_id() -> None:
    visit = a_visit()
    assert len(visit.code) == 6
    assert visit.code.isalpha()
    assert replace(visit, id="w" * 22).code != visit.code


def test_a_wish_repeats_only_itself() -> None:
    asked = (StandingWish(1, Wish.CHANGE),)
    assert repeats(asked, StandingWish(2, Wish.CHANGE))
    assert not repeats(asked, StandingWish(2, Wish.DISAGREE))


def test_a_page_from_before_a_wish_closes_too_late() -> None:
    asked = (StandingWish(1, Wish.CHANGE),)
    assert not closes_too_late(asked, named(asked))
    assert closes_too_late((*asked, StandingWish(2, Wish.WITHDRAW)), named(asked))
    assert closes_too_late((StandingWish(2, Wish.CHANGE),), named(asked))


@pytest.mark.parametrize(
    ("before", "after", "was_closed", "news"),
    [
        ("done", "done", False, False),
        ("done", "trouble", False, True),
        ("later", "done", False, False),
        ("later", "done", True, True),
        ("later", "later", True, False),
        ("trouble", "stopped", False, True),
    ],
)
def test_a_report_is_news_unless_the_office_has_seen_that_success(
    before: str, after: str, was_closed: bool, news: bool
) -> None:
    assert is_news(reported(before), reported(after), was_closed=was_closed) is news


@pytest.mark.parametrize("was_closed", [True, False])
def test_another_choice_is_news_in_any_case(was_closed: bool) -> None:
    visit = a_visit(upto="check")
    other = replace(visit, answers={**visit.answers, "consent": {**visit.answers["consent"], "surgery": "decline"}})
    assert is_news(visit, other, was_closed=was_closed)
    assert is_news(visit, a_visit(intent="withdraw", upto="handoff"), was_closed=was_closed)
    assert not is_news(visit, visit, was_closed=was_closed)


def test_what_was_seen_of_an_item_is_a_choice_only_if_its_flags_agree() -> None:
    items = a_visit().items
    assert as_chosen(sight(), items) == {item.id: "agree" for item in items}
    mixed = as_chosen(sight(clinical=False, surgery=False), items)
    assert mixed["surgery"] == "decline"
    assert "clinical_drug" not in mixed
    unseen = Sight(LATER, "さくら", found=True, flags={"clinical": True, "limit_amount": False})
    assert as_chosen(unseen, items) == {"limit_amount": "decline"}


def test_who_took_another_way_has_no_copy_and_everybody_else_has() -> None:
    lacking = answered(answered(a_visit(upto="ready"), "ready", ready="missing"), "another-way", reason="no_card")
    assert not has_copy(lacking)
    assert has_copy(a_visit(upto="handoff"))
    assert has_copy(a_visit(upto="check"))


def test_wishes_stand_most_urgent_first_and_the_first_decides_where_a_visit_stands() -> None:
    change, withdraw, disagree = (
        StandingWish(NOW + n, Wish(name)) for n, name in enumerate(("change", "withdraw", "disagree"))
    )
    found = with_wish(with_wish((change,), disagree), withdraw)
    assert found == (disagree, withdraw, change)
    assert named(found) == f"disagree@{NOW + 2} withdraw@{NOW + 1} change@{NOW}"
    assert standing(replace(followed(reported("done")), asked=found), LATER) is Standing.DISPUTED
    assert standing(replace(followed(reported("done")), asked=(change,)), LATER) is Standing.CHANGE_ASKED


def test_both_values_of_an_item_stand_beside_each_other() -> None:
    visit = a_visit(upto="result")
    row = next(each for each in compared(visit, sight(clinical=False)) if each.item.id == "clinical_drug")
    assert (row.chosen, row.seen) == (Choice.AGREE, (("clinical", False), ("drug", True)))


# --- the short way ------------------------------------------------------------------------------------------------


def shortly(upto: str = "result", **given: str) -> Visit:
    visit = a_visit(intent="short", route=Route.OFFICIAL, upto=upto)
    return answered(visit, upto, **given) if given else visit


@pytest.mark.parametrize(
    ("report", "where", "told"),
    [
        ("done", Standing.REPORTED, Truth.REPORTED),
        ("other_name", Standing.OTHER_NAME, Truth.OTHER_NAME),
        ("already", Standing.REPORTED, Truth.ALREADY),
        ("stopped", Standing.STOPPED, Truth.STOPPED),
        ("later", Standing.UNREPORTED, Truth.CHOSEN),
    ],
)
def test_what_the_official_page_said_stands_as_it_was_told(report: str, where: Standing, told: Truth) -> None:
    visit = shortly(report=report)
    assert standing(followed(visit), LATER) is where
    assert truth(visit, None) is told


def test_another_institutions_name_comes_before_everything_that_waits() -> None:
    waiting = [followed(reported("trouble")), followed(shortly(report="other_name")), followed(reported("done"))]
    (first, _), *_rest = neediest_first(waiting, LATER)
    assert first is Standing.OTHER_NAME
    assert Standing.OTHER_NAME in NEEDY


def test_that_the_page_was_opened_is_told_apart_from_a_page_that_was_not() -> None:
    assert state(shortly(upto="official")) is VisitState.DRAFT
    assert state(shortly()) is VisitState.HANDED_OFF
    assert standing(followed(shortly()), LATER) is Standing.UNREPORTED


def test_nothing_was_chosen_here_and_nothing_ever_matches() -> None:
    visit = shortly(report="done")
    assert {each.verdict for each in compared(visit, sight())} == {Verdict.NOT_CHOSEN_HERE}
    assert standing(followed(visit, sight()), LATER) is Standing.SEEN
    assert [each.item.id for each in compared(visit, sight())][2] == "health_checkup", "the age is the official page's"


def test_who_stopped_before_the_way_out_was_open_is_told_from_who_stopped_later() -> None:
    early = answered(a_visit(upto="consent"), "another-way", reason="stopped")
    late = answered(a_visit(upto="handoff"), "another-way", reason="stopped")
    assert (state(early), state(late)) == (VisitState.STOPPED, VisitState.STOPPED)
    assert standing(followed(early), LATER) is Standing.STOPPED
    assert standing(followed(late), LATER) is Standing.STOPPED_OUTSIDE
    assert not has_copy(early)


def test_a_short_visit_that_stopped_may_be_registered_whatever_was_told_of_the_page() -> None:
    for visit in (shortly(upto="official"), shortly()):
        stopped = answered(visit, "another-way", reason="stopped")
        assert standing(followed(stopped), LATER) is Standing.STOPPED_OUTSIDE
    assert not shortly(upto="official").is_handed_off
