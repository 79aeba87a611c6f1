"""A memo transcribed from paper: what may be typed, what it makes of a visit, and what it never claims."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.rules.content import ITEMS
from app.rules.record.event import EventType
from app.rules.record.evidence import VisitState, state
from app.rules.visit.consent import Choice
from app.rules.visit.flow import OPERATORS
from app.rules.visit.standing import NEEDY, UNDERWAY, Followed, Sight, Standing, Truth, compared, standing, truth
from app.rules.visit.transcript import OLDEST, Transcript, items_of, paper_code, shown_again, typed
from app.rules.visit.visit import Route, Visit
from app.rules.words.dates import day_of
from app.rules.words.languages import BY_CODE, LANGUAGES, OFFICIAL, wording_hash
from tests.rules.visits import NOW

TODAY = day_of(NOW)
RIGHT = {
    "day": TODAY.isoformat(),
    "reference": "A-0042",
    "over_40": "yes",
    **{item.id: "agree" for item in ITEMS},
    "operator": "yes",
    "language": "ja",
    "paper_code": paper_code(OFFICIAL, items_of(TODAY)),
}


def paper(**given: str) -> Transcript:
    found, wrong = typed({**RIGHT, **given}, TODAY)
    assert found is not None, wrong
    return found


def visit(**given: str) -> Visit:
    return paper(**given).visit("v" * 32, "hinatazaka", Route.OFFICIAL, by="受付 はる", now=NOW)


def followed(of: Visit, sight: Sight | None = None) -> Followed:
    return Followed(of, of.touched_at, sight)


# --- what may be typed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "where", "says"),
    [
        ({"day": ""}, "day", "訪問した日"),
        ({"day": (TODAY + timedelta(days=1)).isoformat()}, "day", "訪問した日"),
        ({"day": (TODAY - timedelta(days=OLDEST + 1)).isoformat()}, "day", "訪問した日"),
        ({"day": "２０２６-11-22"}, "day", "訪問した日"),
        ({"day": "20261120"}, "day", "訪問した日"),
        ({"reference": "123456789018"}, "reference", "マイナンバー"),
        ({"reference": "１２３４　５６７８　９０１８"}, "reference", "マイナンバー"),
        ({"reference": "練習 花子"}, "reference", "半角の英数字"),
        ({"over_40": ""}, "over_40", "はい"),
        ({"surgery": ""}, "surgery", "1つえらんで"),
        ({"surgery": "maybe"}, "surgery", "1つえらんで"),
        ({"over_40": "no"}, "health_checkup", "40歳未満"),
        ({"operator": "nobody"}, "operator", "印を付けた人"),
        ({"language": "xx"}, "language", "紙のことば"),
        ({"paper_code": ""}, "paper_code", "6文字"),
        ({"paper_code": "ABCDEF"}, "paper_code", "古い紙なら"),
        ({"language": "en"}, "paper_code", "日本語"),
        (dict.fromkeys((item.id for item in ITEMS), "not_asked"), "surgery", "印が1つもありません"),
    ],
)
def test_what_cannot_be_on_a_paper_is_asked_again(given: dict[str, str], where: str, says: str) -> None:
    found, wrong = typed({**RIGHT, **given}, TODAY)
    assert found is None
    assert list(wrong) == [where]
    assert says in wrong[where]


@pytest.mark.parametrize("before", [0, 1, OLDEST])
def test_a_paper_of_the_last_ninety_days_may_be_transcribed(before: int) -> None:
    day = TODAY - timedelta(days=before)
    assert paper(day=day.isoformat()).day == day


def test_what_is_wrong_comes_in_the_papers_order() -> None:
    assert list(typed({}, TODAY)[1]) == [
        *("day", "over_40"),
        *(item.id for item in ITEMS),
        *("operator", "language"),
    ]


def test_four_digits_may_be_the_stations_own_number() -> None:
    assert paper(reference="０１２３").reference == "0123"


@pytest.mark.threat("T11")
def test_a_my_number_is_never_shown_again() -> None:
    assert shown_again({**RIGHT, "reference": "1234-5678-9018"})["reference"] == ""
    assert shown_again({**RIGHT, "reference": "A 42"})["reference"] == "A 42"
    assert shown_again({**RIGHT, "paper_code": "123456789018"})["paper_code"] == ""


def test_the_checkup_may_be_left_out_of_a_paper_of_somebody_under_forty() -> None:
    for given in ("", "not_asked"):
        assert paper(over_40="no", health_checkup=given).choices["health_checkup"] is Choice.NOT_ASKED


# --- which words were read --------------------------------------------------------------------------------------


def test_every_language_has_letters_of_its_own() -> None:
    assert len({paper_code(language, ITEMS) for language in LANGUAGES}) == len(LANGUAGES)


def test_other_words_have_other_letters() -> None:
    changed = replace(ITEMS[0], wording=replace(ITEMS[0].wording, sentence="ちがう文"))
    assert paper_code(OFFICIAL, (changed, *ITEMS[1:])) != paper_code(OFFICIAL, ITEMS)


def test_letters_are_read_however_they_are_typed() -> None:
    letters = RIGHT["paper_code"]
    assert paper(paper_code=f"{letters[:3].lower()} {letters[3:]}").paper_code == letters


def test_the_record_keeps_the_words_only_where_the_paper_shows_them() -> None:
    body = paper().event(by="account", now=NOW).body
    words = {item.id: {"version": item.version, "sha256": wording_hash(OFFICIAL, item)} for item in ITEMS}
    assert (body["mark"], body["wording"]) == (RIGHT["paper_code"], words)
    older = paper(paper_code="ABCDEF", unmarked="yes").event(by="account", now=NOW).body
    assert (older["mark"], older["wording"]) == ("", {})


# --- what it makes of a visit -----------------------------------------------------------------------------------


def test_the_record_says_by_whom_of_which_day_and_what_was_marked() -> None:
    event = paper(day="2026-11-01", surgery="decline", limit_amount="not_asked", operator="child").event(
        by="account", now=NOW
    )
    assert (event.type, event.at) == (EventType.TRANSCRIBED, NOW)
    assert event.body["by"] == "account"
    assert event.body["day"] == "2026-11-01"
    assert event.body["operator"] == "child"
    assert event.body["lang"] == "ja"
    choices, reasons = event.body["choices"], event.body["not_asked"]
    assert isinstance(choices, dict)
    assert {choices[item] for item in ("clinical_drug", "health_checkup", "specific_disease")} == {"agree"}
    assert (choices["surgery"], choices["limit_amount"]) == ("decline", "not_asked")
    assert reasons == {"limit_amount": "not asked on the paper"}
    assert event.body["reference"] == "A-0042"


def test_under_forty_the_record_says_why_the_checkup_was_not_asked() -> None:
    body = paper(over_40="no", health_checkup="").event(by="account", now=NOW).body
    assert body["not_asked"] == {"health_checkup": "under 40"}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("language", BY_CODE)
def test_the_visit_is_what_stands_on_the_paper(operator: str, language: str) -> None:
    letters = paper_code(BY_CODE[language], items_of(TODAY))
    made = visit(operator=operator, language=language, paper_code=letters, surgery="decline")
    assert (made.operator, made.language, made.transcribed_by) == (operator, language, "受付 はる")
    assert day_of(made.opened_at) == TODAY
    assert made.opened_at <= NOW
    assert made.transcribed_at == NOW
    assert made.reference == "A-0042"
    assert [made.choice(item.id) for item in made.items][:2] == ["decline", "agree"]
    assert not made.withdraws


def test_it_claims_that_it_was_transcribed_and_nothing_more() -> None:
    made = visit()
    assert state(made) is VisitState.TRANSCRIBED
    for now in (NOW, NOW + UNDERWAY, NOW + 10**7):
        assert standing(followed(made), now) is Standing.TRANSCRIBED
    assert Standing.TRANSCRIBED not in NEEDY
    assert truth(made, None) is Truth.CHOSEN


def test_what_the_office_sees_stands_beside_it_as_beside_any_other() -> None:
    made = visit(limit_amount="not_asked")
    flags = {flag: True for item in ITEMS for flag in item.flags}
    seen = Sight(NOW, "さくら", found=True, flags=flags)
    assert standing(followed(made, seen), NOW) is Standing.SEEN
    fewer = replace(seen, flags={**flags, "surgery": False})
    assert standing(followed(made, fewer), NOW) is Standing.DIFFERS
    unasked = next(each for each in compared(made, seen) if each.item.id == "limit_amount")
    assert unasked.chosen is Choice.NOT_ASKED


def test_the_same_paper_has_the_same_fingerprint_and_any_other_another() -> None:
    others = [
        paper(**given)
        for given in (
            {"day": date(2026, 11, 1).isoformat()},
            {"reference": ""},
            {"surgery": "decline"},
            {"operator": "staff"},
            {"unmarked": "yes"},
        )
    ]
    prints = [each.fingerprint() for each in (paper(), *others)]
    assert paper().fingerprint() == prints[0]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize(
    ("given", "need"),
    [
        ({}, {"over_40": "yes", "reference": "A-0042"}),
        ({"reference": ""}, {"over_40": "yes"}),
        ({"over_40": "no", "health_checkup": "not_asked"}, {"over_40": "no", "reference": "A-0042"}),
    ],
)
def test_a_transcribed_visit_has_its_place_its_moment_and_the_nurses_answers(
    given: dict[str, str], need: dict[str, str]
) -> None:
    made = visit(**given)
    assert made.answers["need"] == need
    assert (made.id, made.facility, made.route, made.touched_at) == ("v" * 32, "hinatazaka", Route.OFFICIAL, NOW)


def test_what_a_grown_up_was_not_asked_is_no_question_of_age() -> None:
    body = paper(health_checkup="not_asked", surgery="not_asked").event(by="account-1", now=NOW).body
    assert body["not_asked"] == dict.fromkeys(("surgery", "health_checkup"), "not asked on the paper")
    younger = paper(over_40="no", health_checkup="not_asked", surgery="not_asked").event(by="account-1", now=NOW).body
    assert younger["not_asked"] == {"surgery": "not asked on the paper", "health_checkup": "under 40"}


def test_the_form_is_shown_again_with_its_number_and_the_papers_letters() -> None:
    assert shown_again({"reference": "1234", "paper_code": "abc def", "x": "y"}) == {
        "reference": "1234",
        "paper_code": "ABCDEF",
        "x": "y",
    }
    assert shown_again({}) == {"reference": "", "paper_code": ""}
