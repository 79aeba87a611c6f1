"""What the terminal's files say of a person, and what that means: nothing is guessed, and two answers stay two."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.terminal.consent_list import (
    COLUMNS,
    ConsentState,
    Incoming,
    Insured,
    ListedPerson,
    MergedFlag,
    PersonNames,
    Turn,
    as_json,
    first_end,
    from_json,
    incoming,
    merged_flags,
    newest_day,
    packed,
    state,
    turned,
    united,
    unpacked,
    without_names,
)
from app.rules.terminal.exchange import STALE, MergeOutcome, Stage, Taken, Upload
from app.rules.terminal.preview import LINES, Preview, PreviewLine, preview
from app.rules.terminal.values import (
    FLAGS,
    Answer02,
    Consent,
    Encoding,
    Header,
    Meaning,
    Odd,
    OddValue,
    Person,
    Reading,
    Result,
    Unknown,
)
from tests.rules.people import LISTED, TARO, a_consent, a_person, insured
from tests.rules.visits import NOW

DAY = 86_400
DRUG = "drug"


def with_drug(*codes: str) -> tuple[Insured, ...]:
    """Return one insurance for each code of the drug flag, all else given."""
    return tuple(insured(f"{n:02}", drug=code) for n, code in enumerate(codes))


def every(code: str) -> dict[str, Any]:
    """Return all that the list shows with one code."""
    return dict.fromkeys(LISTED, code)


def known(results: tuple[Insured, ...], references: tuple[str, ...] = (), validity: str = "1") -> ListedPerson:
    return ListedPerson("p", "hinatazaka", references, validity, results, NOW)


# --- one flag over all insurances ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "meaning"),
    [
        (("1",), Meaning.GIVEN),
        (("0",), Meaning.NOT_GIVEN),
        (("2",), Meaning.EXPIRED),
        (("3",), Meaning.UNOBTAINABLE),
        (("7",), Meaning.UNKNOWN),
        (("1", "1"), Meaning.GIVEN),
        (("1", "0"), Meaning.UNKNOWN),
        (("1", "2"), Meaning.UNKNOWN),
        (("1", ""), Meaning.GIVEN),
        (("0", "2", "0"), Meaning.UNKNOWN),
    ],
)
def test_insurances_that_differ_make_no_meaning(codes: tuple[str, ...], meaning: Meaning) -> None:
    drug = merged_flags(with_drug(*codes))[DRUG]
    assert drug.meaning is meaning
    assert drug.codes == tuple(dict.fromkeys(code for code in codes if code))
    assert drug.is_mixed is (len(drug.codes) > 1)


def test_the_lists_six_come_first_in_its_order_and_the_rest_as_it_came() -> None:
    new = replace(insured(), consents=(a_consent("NewThing"), a_consent("allergy"), *reversed(insured().consents)))
    assert list(merged_flags((new,))) == [*LISTED, "NewThing", "allergy"]
    assert [flag.column for flag in COLUMNS] == ["手術", "診療", "薬剤", "特健", "特適", "特疾"]


@pytest.mark.parametrize("flag", [each for each in FLAGS.values() if not each.codes])
def test_a_flag_whose_table_nobody_knows_means_nothing(flag: object) -> None:
    name = getattr(flag, "id", "")
    found = merged_flags((replace(insured(), consents=(a_consent(name, "1"),)),))[name]
    assert (found.meaning, found.codes) == (Meaning.UNKNOWN, ("1",))


def test_a_flag_that_did_not_come_is_not_there() -> None:
    assert DRUG not in merged_flags((insured(drug=""),))
    assert merged_flags(()) == {}


def test_times_are_the_given_ones_of_the_newest_consent_and_the_first_end() -> None:
    later = insured(at=NOW + DAY, until=NOW + 10 * DAY)
    found = merged_flags((insured(at=NOW, until=NOW + 30 * DAY), later))[DRUG]
    assert (found.consented_at, found.available_until) == (NOW + DAY, NOW + 10 * DAY)
    lapsed = insured(at=NOW - 99 * DAY, until=NOW - DAY, drug="2")
    found = merged_flags((lapsed, insured(at=NOW, until=NOW + DAY)))[DRUG]
    assert (found.consented_at, found.available_until) == (NOW, NOW + DAY)


# --- the person as a whole ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "whole"),
    [
        ("111111", ConsentState.GIVEN),
        ("000001", ConsentState.GIVEN),
        ("200001", ConsentState.GIVEN),
        ("200000", ConsentState.EXPIRED),
        ("222222", ConsentState.EXPIRED),
        ("000000", ConsentState.NONE),
        ("000007", ConsentState.UNKNOWN),
        ("000003", ConsentState.UNKNOWN),
        ("777777", ConsentState.UNKNOWN),
    ],
)
def test_the_whole_is_given_if_anything_is_and_none_only_if_all_is_known(codes: str, whole: ConsentState) -> None:
    found: dict[str, Any] = dict(zip(LISTED, codes, strict=True))
    assert state((insured(**found),)) is whole


def test_whoever_has_no_insurance_or_only_new_flags_is_unknown() -> None:
    assert state(()) is ConsentState.UNKNOWN
    assert state((Insured("01", ()),)) is ConsentState.UNKNOWN
    assert state((Insured("01", (a_consent("allergy", "0"), a_consent("NewThing", "0"))),)) is ConsentState.UNKNOWN


def test_a_flag_nobody_knows_does_not_hide_that_nothing_is_given() -> None:
    none = insured(**every("0"))
    assert state((replace(none, consents=(*none.consents, a_consent("allergy", "1"))),)) is ConsentState.NONE


def test_the_day_is_the_newest_consents_in_japan() -> None:
    midnight = NOW // DAY * DAY + 15 * 3600
    assert newest_day((insured(at=midnight - 1),)) == 20261118
    assert newest_day((insured(at=midnight),)) == 20261119
    assert newest_day((insured(at=midnight), insured(at=NOW - 9 * DAY))) == 20261119
    assert newest_day((insured(**every("0")),)) == 0
    assert known((insured(at=midnight),)).consented_on == date(2026, 11, 19)
    assert known(()).consented_on is None


def test_an_end_counts_only_of_what_is_given_and_is_never_computed() -> None:
    assert first_end((insured(until=NOW + DAY), insured(until=NOW + 2 * DAY))) == NOW + DAY
    gone = every("2")
    assert first_end((insured(until=NOW - DAY, **gone), insured(until=NOW + DAY))) == NOW + DAY
    assert first_end((insured(until=None),)) is None
    assert first_end(()) is None


# --- who comes in a file ------------------------------------------------------------------------------------


def a_result(**given_: Any) -> Result:
    return replace(Result("01", name="髙﨑　𠮷男", kana="ﾀｶｻｷ ﾖｼｵ", sex="1", birthdate="19600602"), **given_)


def test_numbers_are_kept_once_each_in_one_spelling() -> None:
    person = Person(references=("Ａ-0001", "A-0001 ", "　", "A-0001-OLD"), results=(a_result(),))
    assert incoming(person).references == ("A-0001", "A-0001-OLD")


def test_a_sex_that_the_front_omits_is_taken_from_the_back() -> None:
    assert incoming(Person(results=(a_result(sex="3", sex_on_back="2"),))).names == replace(TARO, sex="2")
    assert incoming(Person(results=(a_result(sex="3"),))).names == replace(TARO, sex="3")
    assert incoming(Person(results=(a_result(sex="1", sex_on_back="2"),))).names == TARO


def test_the_first_insurance_that_names_somebody_does() -> None:
    nobody = Result(card="A1")
    assert incoming(Person(results=(nobody, a_result()))).names == TARO
    assert incoming(Person(results=(nobody,))).names is None
    assert incoming(Person()).results == ()


def test_nothing_of_the_card_and_the_insurer_comes_in() -> None:
    secret = a_result(insurer_number="06990014", insurer_name="架空健保", name_of_other="別名", kana_of_other="ﾍﾞﾂﾒｲ")
    kept = packed([incoming(Person(results=(secret,)))]).decode()
    assert not [each for each in ("06990014", "架空健保", "別名", "ﾍﾞﾂﾒｲ") if each in kept]


@pytest.mark.parametrize("born", ["", "1960060", "19600231", "昭和35年"])
def test_a_birth_date_that_does_not_exist_is_none(born: str) -> None:
    assert PersonNames("見本", "ﾐﾎﾝ", born).born_on is None


def test_without_names_all_else_stays() -> None:
    person = a_person("A-0001")
    assert without_names(person) == replace(person, names=None)


# --- what changed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "turn"),
    [
        (("1",), ("0",), {Turn.WITHDRAWN: [DRUG]}),
        (("1",), ("2",), {Turn.LAPSED: [DRUG]}),
        (("1",), ("3",), {}),
        (("1",), ("7",), {}),
        (("1",), ("",), {}),
        (("1",), ("1", "0"), {}),
        (("1", "0"), ("0",), {}),
        (("7",), ("0",), {}),
        (("0",), ("1",), {}),
        (("2",), ("0",), {}),
        (("1", "1"), ("0", "0"), {Turn.WITHDRAWN: [DRUG]}),
    ],
)
def test_only_what_was_given_ends_and_only_by_a_code_that_says_so(
    before: tuple[str, ...], after: tuple[str, ...], turn: dict[Turn, list[str]]
) -> None:
    assert turned(with_drug(*before), with_drug(*after)) == turn


def test_several_ends_stay_apart() -> None:
    after = (insured(drug="0", surgery="0", clinical="2"),)
    assert turned((insured(),), after) == {Turn.WITHDRAWN: ["surgery", DRUG], Turn.LAPSED: ["clinical"]}
    assert turned((insured(),), ()) == {}


def test_people_are_counted_by_what_was_known_of_them() -> None:
    same, gone = known((insured(),)), known((insured(drug="0", clinical="2"),))
    taken = [Taken(None, same), Taken(same, same), Taken(same, gone), Taken(same, replace(same, validity="2"))]
    assert MergeOutcome().with_people(taken) == MergeOutcome(new=1, same=1, changed=2, withdrawn=1, lapsed=1)
    assert MergeOutcome(matched=2).with_people([]) == MergeOutcome(matched=2)


@pytest.mark.parametrize(
    "after", [known((insured(drug="0"),)), known((insured(),), ("A-1",)), known((insured(),), (), "2"), known(())]
)
def test_whatever_differs_is_a_change(after: ListedPerson) -> None:
    assert not Taken(known((insured(),)), after).is_same
    assert Taken(after, replace(after, id="q", seen_at=0)).is_same


def test_a_person_whom_a_newer_file_had_is_counted_as_older_alone() -> None:
    before, after = known((insured(),)), known((insured(),), validity="2")
    assert MergeOutcome(older=1).with_people([Taken(before, after, is_older=True)]) == MergeOutcome(older=2)


@pytest.mark.parametrize(
    ("stage", "passed", "is_left"),
    [
        (Stage.TAKING, STALE, False),
        (Stage.TAKING, STALE + 1, True),
        (Stage.TAKING, -STALE, False),
        (Stage.TAKING, -STALE - 1, True),
        (Stage.WAITING, 99, False),
        (Stage.TAKEN, 99, False),
    ],
)
def test_an_import_is_left_when_it_stalls_by_any_clock(stage: Stage, passed: int, is_left: bool) -> None:
    file = Upload("id", "hinatazaka", stage, 0, "by", preview(a_reading(), []), 0, touched_at=NOW)
    assert file.is_left(NOW + passed) is is_left


def test_who_stands_several_times_in_a_file_is_one_person_with_all_numbers_and_insurances() -> None:
    one = a_person("A-1", "A-2", results=(insured("01"),))
    again = a_person("A-2", "A-3", results=(insured("01"), insured("03")), validity="2")
    same, other, nobody = replace(one, person_hash="h1"), replace(again, person_hash="h2"), replace(one, person_hash="")
    joined = replace(same, references=("A-1", "A-2", "A-3"), results=(insured("01"), insured("03")))
    assert united([same, other, replace(again, person_hash="h1")]) == [joined, other]
    assert united([nobody, nobody]) == [nobody, nobody]
    assert united([]) == []


# --- as it is kept ------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
consents = st.builds(Consent, st.one_of(st.sampled_from([*FLAGS]), texts), texts, texts, texts)
results = st.lists(st.builds(Insured, texts, st.lists(consents, max_size=4).map(tuple)), max_size=3).map(tuple)
people = st.builds(
    Incoming,
    st.lists(texts, max_size=3).map(tuple),
    texts,
    results,
    st.one_of(st.none(), st.builds(PersonNames, texts, texts, texts, texts)),
    texts,
    texts,
)


@given(st.lists(people, max_size=4))
def test_who_waits_comes_back_as_they_were(waiting: list[Incoming]) -> None:
    assert unpacked(packed(waiting)) == waiting


@given(results, st.lists(texts, max_size=3).map(tuple))
def test_what_is_kept_comes_back_and_names_nobody(kept: tuple[Insured, ...], references: tuple[str, ...]) -> None:
    assert from_json(as_json(kept, references)) == (kept, references)
    assert set(json.loads(as_json(kept, references))) == {"references", "results"}


@given(results, results)
def test_nothing_ends_twice_and_nothing_ends_by_itself(before: tuple[Insured, ...], after: tuple[Insured, ...]) -> None:
    assert turned(before, before) == {}
    ended = [flag for flags in turned(before, after).values() for flag in flags]
    assert len(ended) == len(set(ended))
    assert all(merged_flags(before)[flag].meaning is Meaning.GIVEN for flag in ended)


@given(results)
def test_no_meaning_comes_from_codes_that_differ(kept: tuple[Insured, ...]) -> None:
    for mark in merged_flags(kept).values():
        assert isinstance(mark, MergedFlag)
        assert not mark.is_mixed or mark.meaning is Meaning.UNKNOWN


# --- the preview --------------------------------------------------------------------------------------------


def a_reading(problems: int = 0) -> Reading:
    odd = tuple(OddValue(Odd.CODE, n + 1, n, "Sex1", "x" * 99) for n in range(problems))
    header = Header(executed="20261118090000", key="K-1")
    return Reading(Answer02(header), Encoding.SHIFT_JIS, odd, problems, (Unknown("New", 3, 7),))


def test_a_preview_counts_and_names_nobody() -> None:
    people = [a_person("A-1"), a_person(drug="0"), a_person("A-2", validity="2", results=with_drug("1", "0"))]
    shown = preview(a_reading(), people)
    assert (shown.persons, shown.without_reference, shown.several) == (3, 1, 1)
    assert shown.flags[DRUG] == {"given": 1, "not_given": 1, "unknown": 1}
    assert shown.validities == {"1": 2, "2": 1}
    assert (shown.encoding, shown.key, shown.unknown) == ("Shift_JIS", "K-1", (("New", 3, 7),))
    assert not [each for each in ("髙﨑", "ﾀｶｻｷ", "19600602", "A-1") if each in shown.as_json()]


def test_a_preview_shows_the_first_odd_lines_and_counts_the_rest() -> None:
    shown = preview(a_reading(LINES + 5), [])
    assert (len(shown.lines), shown.line_count) == (LINES, LINES + 5)
    assert {len(each.raw) for each in shown.lines} == {40}


def test_a_preview_tells_when_the_file_was_made_and_where_each_odd_value_stands() -> None:
    shown = preview(a_reading(2), [a_person(drug="0"), a_person(drug="0")])
    assert shown.executed_at == 1_794_960_000  # 2026-11-18 09:00 in Japan
    assert shown.lines[1] == PreviewLine("code", 2, 1, "Sex1", "x" * 40)
    assert shown.flags[DRUG] == {"not_given": 2}


def test_a_person_keeps_their_validity_and_a_woman_her_sex_on_the_front() -> None:
    found = incoming(Person(validity="2", results=(a_result(sex="2", sex_on_back="1"),)))
    assert (found.validity, found.names) == ("2", replace(TARO, sex="2"))


def test_an_insurance_keeps_its_card() -> None:
    assert [each.card for each in incoming(Person(results=(a_result(), Result(card="A1")))).results] == ["01", "A1"]


def test_a_preview_comes_back_as_it_was() -> None:
    shown = preview(a_reading(2), [a_person("A-1")])
    assert Preview.from_json(shown.as_json()) == shown
