"""Whom of the terminal's files a visit belongs to: one ground is certain, the rest is offered with its grounds."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.terminal.consent_list import Incoming, Insured, ListedPerson
from app.rules.terminal.matching import (
    SLACK,
    UNTOLD,
    Ground,
    candidates,
    certain,
    grounds,
    is_contested,
    says_all,
    sight,
    window,
)
from app.rules.visit.standing import Followed, Standing, Verdict, compared, standing
from app.rules.visit.visit import Report
from app.rules.words.dates import format_time
from tests.rules.people import LISTED, a_consent, a_person, insured
from tests.rules.visits import NOW, a_visit, answered

HOUR, DAY = 3600, 86_400
MIDNIGHT = NOW // DAY * DAY + 15 * HOUR
"""When a day begins in Japan."""
_count = itertools.count()


def followed(
    reference: str = "T-0001", *, report: str = "done", handed_off: int = NOW, told: int | None = None
) -> Followed:
    """Return a visit in which all was agreed to; the report came five minutes after the handoff."""
    visit = a_visit(upto="result")
    if report:
        visit = answered(visit, "result", report=report)
        visit = replace(visit, times={"result": handed_off + 300 if told is None else told})
    need = {**visit.answers["need"], "reference": reference}
    return Followed(replace(visit, answers={**visit.answers, "need": need}), handed_off)


def known(person: Incoming) -> ListedPerson:
    """Return a person as the list holds them."""
    return ListedPerson(f"p{next(_count):03}", "hinatazaka", person.references, person.validity, person.results, NOW)


def at(moment: int, *references: str, **codes: Any) -> ListedPerson:
    """Return somebody who decided at a moment."""
    return known(a_person(*references, at=moment, **codes))


def test_number_and_day_together_are_certain() -> None:
    right = at(NOW + 60, "T-0001")
    assert certain(followed(), [at(NOW + 60, "T-0002"), right]) == right
    assert grounds(followed(), right) == (Ground.REFERENCE, Ground.BETWEEN, Ground.SAME_DAY, Ground.ITEMS)


@pytest.mark.parametrize("typed", ["Ｔ-0001", " T-0001 ", "T-0001"])
def test_a_number_is_the_same_in_any_width(typed: str) -> None:
    right = at(NOW + 60, "T-0001")
    assert certain(followed(typed), [right]) == right


def test_one_of_several_numbers_is_enough() -> None:
    right = at(NOW + 60, "OLD-1", "T-0001")
    assert certain(followed(), [right]) == right


def test_two_people_with_the_same_number_are_offered_and_none_is_certain() -> None:
    both = [at(NOW + 60, "T-0001"), at(NOW + 90, "T-0001")]
    assert certain(followed(), both) is None
    assert [each.known for each in candidates(followed(), both)] == both


def another(visit: Followed) -> Followed:
    return replace(visit, visit=replace(visit.visit, id="w" * 22))


def test_of_two_visits_of_one_day_the_moment_tells_which_one_it_was() -> None:
    morning, noon = followed(), another(followed(handed_off=NOW + HOUR))
    person = at(NOW + HOUR + 60, "T-0001")
    assert not is_contested(noon, person, (morning, noon))
    assert is_contested(morning, person, (morning, noon))
    assert not is_contested(morning, person, (morning,))
    assert not is_contested(morning, person, (morning, another(followed("T-0002"))))
    assert not is_contested(morning, person, (morning, another(followed(handed_off=NOW - 2 * DAY))))


def test_where_the_moment_lies_in_both_visits_neither_is_certain() -> None:
    first, second = followed(), another(followed(handed_off=NOW + 120))
    person = at(NOW + 200, "T-0001")
    assert is_contested(first, person, (first, second))
    assert is_contested(second, person, (first, second))


def test_the_number_on_another_day_is_offered_and_not_certain() -> None:
    earlier = at(NOW - 30 * DAY, "T-0001")
    assert certain(followed(), [earlier]) is None
    (offered,) = candidates(followed(), [earlier])
    assert offered.grounds == (Ground.REFERENCE, Ground.OTHER_DAY, Ground.ITEMS)


def test_who_has_the_number_and_decided_nothing_is_not_certain() -> None:
    never = at(NOW + 60, "T-0001", **dict.fromkeys(LISTED, "0"))
    assert certain(followed(), [never]) is None


def test_without_a_number_the_moment_offers_and_nothing_is_certain() -> None:
    near, far = at(NOW + 60, "T-0009"), at(NOW + 3 * HOUR)
    visit = followed("")
    assert certain(visit, [near, far]) is None
    (offered,) = candidates(visit, [near, far])
    assert (offered.known, offered.grounds) == (near, (Ground.BETWEEN, Ground.SAME_DAY, Ground.ITEMS))


def test_another_number_speaks_against_and_who_has_none_comes_first() -> None:
    other, none = at(NOW + 60, "T-0009"), at(NOW + 60)
    assert [each.known for each in candidates(followed(), [other, none])] == [none, other]
    assert Ground.OTHER_REFERENCE in grounds(followed(), other)
    assert not {Ground.REFERENCE, Ground.OTHER_REFERENCE} & set(grounds(followed(), none))


def test_items_that_differ_speak_against_and_stay_offered() -> None:
    same, other = at(NOW + 60), at(NOW + 60, drug="0")
    assert [each.known for each in candidates(followed(""), [other, same])] == [same, other]
    assert Ground.ITEMS_DIFFER in grounds(followed(""), other)
    assert certain(followed(), [at(NOW + 60, "T-0001", drug="0")]) is not None


def test_items_that_a_file_leaves_open_are_not_called_the_same() -> None:
    both = insured("01", at=NOW + 60), insured("A1", at=NOW + 60, drug="0")
    found = grounds(followed(), known(a_person("T-0001", results=both)))
    assert not {Ground.ITEMS, Ground.ITEMS_DIFFER} & set(found)


def test_what_is_chosen_on_the_official_page_speaks_neither_way() -> None:
    there = followed()
    there = replace(there, visit=replace(there.visit, answers={**there.visit.answers, "consent": {"there": "yes"}}))
    assert not {Ground.ITEMS, Ground.ITEMS_DIFFER} & set(grounds(there, at(NOW + 60, "T-0001")))


# --- between which moments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "told", "ends"),
    [
        ("done", NOW + 300, NOW + 300),
        ("trouble", NOW + 300, NOW + 300),
        ("", None, NOW + UNTOLD),
        ("later", NOW + 300, NOW + 300 + UNTOLD),
        ("done", NOW - 60, NOW + UNTOLD),
    ],
)
def test_the_window_ends_when_somebody_told_that_it_was_done(report: str, told: int | None, ends: int) -> None:
    assert window(followed(report=report, told=told)) == (NOW - SLACK, ends + SLACK)


@pytest.mark.parametrize(
    ("moment", "is_near"),
    [
        (NOW - SLACK - 1, False),
        (NOW - SLACK, True),
        (NOW + 300 + SLACK, True),
        (NOW + 300 + SLACK + 1, False),
    ],
)
def test_the_clocks_may_differ_by_five_minutes_and_no_more(moment: int, is_near: bool) -> None:
    assert bool(candidates(followed(""), [at(moment)])) is is_near


def test_a_visit_around_midnight_has_two_days() -> None:
    visit = followed(handed_off=MIDNIGHT - 120, told=MIDNIGHT + 240)
    for then in (MIDNIGHT - 60, MIDNIGHT + 60):
        assert certain(visit, [right := at(then, "T-0001")]) == right
    assert certain(visit, [at(MIDNIGHT + DAY + 60, "T-0001")]) is None
    assert certain(visit, [at(MIDNIGHT - DAY - 60, "T-0001")]) is None


def test_a_minute_before_midnight_is_not_the_day_of_a_visit_after_it() -> None:
    visit = followed(handed_off=MIDNIGHT + HOUR, told=MIDNIGHT + HOUR + 60)
    assert certain(visit, [at(MIDNIGHT - 1, "T-0001")]) is None
    assert certain(visit, [right := at(MIDNIGHT, "T-0001")]) == right


def test_a_day_between_handoff_and_a_late_report_is_the_visits() -> None:
    visit = followed(told=NOW + 2 * DAY)
    assert Ground.SAME_DAY in grounds(visit, at(NOW + DAY, "T-0001"))
    assert Ground.OTHER_DAY not in grounds(visit, at(NOW + DAY, "T-0001"))


# --- what a file says, in the form of a screen ------------------------------------------------------------------


def on_paper(reference: str = "T-0001") -> Followed:
    """Return a visit of that day which was transcribed from paper three days later."""
    visit, later = followed(reference, report="").visit, MIDNIGHT + 3 * DAY + HOUR
    times = {"transcribed": later}
    visit = replace(visit, id="p" * 22, opened_at=MIDNIGHT, times=times, transcribed_by="受付 はる", ended=True)
    return Followed(visit, later)


@pytest.mark.parametrize("moment", [MIDNIGHT, MIDNIGHT + 12 * HOUR, MIDNIGHT + DAY - 1])
def test_paper_with_a_number_is_certain_on_the_day_of_its_visit(moment: int) -> None:
    person = at(moment, "T-0001")
    assert certain(on_paper(), [person]) == person
    assert Ground.BETWEEN not in grounds(on_paper(), person)


@pytest.mark.parametrize("moment", [MIDNIGHT - 1, MIDNIGHT + DAY, MIDNIGHT + 3 * DAY + HOUR])
def test_on_any_other_day_it_is_offered_and_not_certain(moment: int) -> None:
    person = at(moment, "T-0001")
    assert certain(on_paper(), [person]) is None
    assert [each.known for each in candidates(on_paper(), [person])] == [person]


def test_paper_without_a_number_offers_nobody() -> None:
    assert candidates(on_paper(""), [at(MIDNIGHT + HOUR), at(MIDNIGHT + HOUR, "T-0001")]) == ()


def test_paper_gives_way_to_a_visit_that_was_walked_here_on_the_same_day() -> None:
    paper, walked = on_paper(), followed(handed_off=MIDNIGHT + 12 * HOUR)
    person = at(MIDNIGHT + 12 * HOUR + 60, "T-0001")
    assert is_contested(paper, person, [paper, walked])
    assert not is_contested(walked, person, [paper, walked])


def test_two_insurances_that_say_the_same_are_one_answer() -> None:
    both = known(a_person("T-0001", results=(insured("01", at=NOW + 60), insured("A1", at=NOW + 60))))
    assert sight(both, NOW, "さくら").flags == dict.fromkeys(LISTED, True)
    assert says_all(followed().visit, both)


def test_two_insurances_that_differ_are_no_answer() -> None:
    both = known(a_person("T-0001", results=(insured("01", at=NOW + 60), insured("A1", at=NOW + 60, drug="0"))))
    seen = sight(both, NOW, "さくら")
    assert "drug" not in seen.flags
    assert seen.meanings["drug"] == "mixed"
    assert certain(followed(), [both]) == both
    assert not says_all(followed().visit, both)


@pytest.mark.parametrize("code", ["", "3", "7"])
def test_what_the_file_does_not_say_of_an_item_is_for_a_person_to_judge(code: str) -> None:
    assert not says_all(followed().visit, at(NOW + 60, "T-0001", drug=code))
    assert says_all(followed().visit, at(NOW + 60, "T-0001"))


def test_what_is_not_asked_of_the_patient_need_not_be_said() -> None:
    assert says_all(a_visit(over_40=False, upto="result"), at(NOW, health_checkup=""))
    assert not says_all(a_visit(upto="result"), at(NOW, health_checkup=""))


@pytest.mark.parametrize(("code", "is_given"), [("1", True), ("0", False), ("2", False)])
def test_what_ended_is_not_given(code: str, is_given: bool) -> None:
    seen = sight(at(NOW, drug=code), NOW, "さくら")
    assert seen.flags["drug"] is is_given
    drug = next(each for each in compared(followed().visit, seen) if "drug" in each.item.flags)
    assert drug.verdict is (Verdict.MATCHES if is_given else Verdict.DIFFERS)
    assert standing(replace(followed(), sight=seen), NOW) is (Standing.SEEN if is_given else Standing.DIFFERS)


def test_an_end_is_shown_as_it_came_and_never_computed() -> None:
    assert sight(at(NOW), NOW, "").available_until == format_time(NOW + 30 * DAY)
    endless = known(a_person(results=(Insured("01", (a_consent("drug"),)),)))
    assert sight(endless, NOW, "").available_until == ""


# --- whatever comes ---------------------------------------------------------------------------------------------

moments = st.integers(NOW - 3 * DAY, NOW + 3 * DAY)
numbers = st.sampled_from(["T-0001", "T-0002", "Ｔ-0001"])
codes = st.sampled_from(["", "0", "1", "2", "3", "7"])


@st.composite
def anybody(draw: st.DrawFn) -> ListedPerson:
    results = st.builds(
        lambda at, codes: insured(at=at, **codes), moments, st.fixed_dictionaries(dict.fromkeys(LISTED, codes))
    )
    references = ["T-0001" if each.startswith("Ｔ") else each for each in draw(st.lists(numbers, max_size=2))]
    return known(a_person(*references, results=tuple(draw(st.lists(results, max_size=2)))))


@st.composite
def any_visit(draw: st.DrawFn) -> Followed:
    told = draw(st.one_of(st.none(), moments))
    return followed(
        draw(st.one_of(st.just(""), numbers)),
        report=draw(st.sampled_from(["", *Report])),
        handed_off=draw(moments),
        told=told,
    )


@given(any_visit(), st.lists(anybody(), max_size=5))
def test_the_certain_one_has_number_and_day_and_nobody_else_has(visit: Followed, people: list[ListedPerson]) -> None:
    offered = candidates(visit, people)
    found = certain(visit, people)
    by_number = [each for each in offered if each.is_by_number]
    if found is not None:
        assert [each.known for each in by_number] == [found]
    else:
        assert len(by_number) != 1
    assert [each.weight for each in offered] == sorted((each.weight for each in offered), reverse=True)
    assert all({Ground.REFERENCE, Ground.BETWEEN} & set(each.grounds) for each in offered)


@given(any_visit(), st.lists(anybody(), max_size=4).flatmap(st.permutations))
def test_the_order_of_a_file_decides_nothing(visit: Followed, people: list[ListedPerson]) -> None:
    assert candidates(visit, people) == candidates(visit, reversed(people))
    assert certain(visit, people) == certain(visit, reversed(people))


@given(any_visit(), anybody())
def test_where_a_file_says_all_every_item_has_a_verdict(visit: Followed, person: ListedPerson) -> None:
    verdicts = {each.verdict for each in compared(visit.visit, sight(person, NOW, ""))}
    if says_all(visit.visit, person):
        assert verdicts <= {Verdict.MATCHES, Verdict.DIFFERS}


@given(any_visit(), anybody())
def test_grounds_never_contradict_each_other(visit: Followed, person: ListedPerson) -> None:
    found = set(grounds(visit, person))
    for pair in (
        {Ground.REFERENCE, Ground.OTHER_REFERENCE},
        {Ground.SAME_DAY, Ground.OTHER_DAY},
        {Ground.ITEMS, Ground.ITEMS_DIFFER},
    ):
        assert not pair <= found
    begins, ends = window(visit)
    assert begins < ends


def test_a_paper_may_have_been_filled_in_at_any_second_of_its_day() -> None:
    paper = followed()
    paper = replace(paper, visit=replace(paper.visit, transcribed_by="clerk", opened_at=MIDNIGHT))
    assert window(paper) == (MIDNIGHT, MIDNIGHT + DAY - 1)
