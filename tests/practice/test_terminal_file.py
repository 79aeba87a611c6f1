"""The practice terminal's files: each is read as it was meant, or refused for exactly the reason that it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

import pytest

from app.practice.people import load_people
from app.practice.system import RegisteredConsent, end_of
from app.practice.terminal import (
    COLUMNS,
    EVERYBODY,
    Consented,
    ConsentWindow,
    Fault,
    MadeFile,
    Options,
    Packing,
    Twist,
    make_file,
    make_receipt,
    spoiled,
)
from app.rules.terminal.read import read, read_request
from app.rules.terminal.values import (
    Answer01,
    Answer02,
    Encoding,
    FileKind,
    Meaning,
    Odd,
    Outcome,
    Person,
    Reading,
    Request01,
    UnreadableFile,
    UnreadableReason,
    Unwritable,
)
from app.rules.words.dates import JST

STATION: Final = "9960000009"
AT: Final = datetime(2026, 11, 18, 10, 32, 0, tzinfo=JST)
MADE: Final = AT + timedelta(hours=3)
WINDOW: Final = ConsentWindow(date(2026, 11, 16), date(2026, 11, 18))
PEOPLE: Final = {person.id: person for person in load_people()}
ITEMS: Final = ("surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease")
ALL: Final = {stem: flag.id for stem, flag in COLUMNS.items()}


def consented(who: str, at: datetime = AT, *, number: str = "", declined: tuple[str, ...] = ()) -> Consented:
    held = (
        RegisteredConsent(item, item not in declined, at, None if item in declined else end_of(item, at.date()))
        for item in ITEMS
    )
    return Consented(PEOPLE[who], at, tuple(held), number)


NEWEST = consented("neri", number="A-0002")
OLDER = consented("futatsu", AT - timedelta(hours=1), number="A-0001", declined=("health_checkup",))
LIST: Final = (NEWEST, OLDER)


def made(
    options: Options | None = None, people: tuple[Consented, ...] = LIST, window: ConsentWindow = WINDOW
) -> MadeFile:
    return make_file(
        people, facility_code=STATION, window=window, made_at=MADE, options=options or Options(), key="KEY-1"
    )


def seen(file: MadeFile) -> Reading:
    return read(file.content, facility_code=STATION, filename=file.name)


def persons(file: MadeFile) -> tuple[Person, ...]:
    answer = seen(file).answer
    assert isinstance(answer, Answer02)
    return answer.persons


def meanings(person: Person) -> dict[str, Meaning]:
    return {
        consent.flag.id if consent.flag else consent.name: consent.meaning for consent in person.results[0].consents
    }


# --- as registered ---


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("packing", list(Packing))
def test_what_was_registered_is_read_back_in_all_letters_and_packings(encoding: Encoding, packing: Packing) -> None:
    file = made(Options(encoding, packing))
    assert file.name == f"OQSmuhvq02res_202611180001.{packing}"
    found = seen(file)
    assert (found.encoding, found.problem_count, found.unknown) == (encoding, 0, ())
    header = found.answer.header
    assert (header.facility_code, header.key, header.outcome) == (STATION, "KEY-1", Outcome.DONE)
    assert header.executed_at == MADE.timestamp()
    newest, older = persons(file)
    assert (newest.references, newest.validity, len(newest.results)) == (("A-0002",), "1", 1)
    assert (older.references, older.validity, len(older.results)) == (("A-0001",), "1", 2)
    assert older.results[1].card == "A1"
    result = newest.results[0]
    assert (result.name, result.kana, result.sex, result.born_on) == ("髙橋　練", "ﾀｶﾊｼ ﾈﾘ", "3", date(1986, 11, 18))


def test_times_are_those_of_the_registration_and_ends_as_the_system_holds_them() -> None:
    by_flag = {ALL[consent.name]: consent for consent in persons(made())[0].consents}
    assert {consent.time for consent in by_flag.values()} == {"20261118103200"}
    ends = {flag: consent.available for flag, consent in by_flag.items()}
    assert {flag for flag, end in ends.items() if not end} == {"limit_amount", "specific_disease"}
    assert {end for end in ends.values() if end} == {"20261218235959"}


def test_declined_and_not_asked_are_the_same_in_the_file() -> None:
    not_asked = replace(NEWEST, consents=tuple(held for held in NEWEST.consents if held.item != "health_checkup"))
    for each in (not_asked, consented("neri", declined=("health_checkup",))):
        (person,) = persons(made(people=(each,)))
        assert meanings(person)["health_checkup"] is Meaning.NOT_GIVEN
        assert [consent.time for consent in person.consents if not consent.time] == [""]


def test_only_the_window_is_in_the_file() -> None:
    before = consented("shippei", AT - timedelta(days=3))
    edge = consented("hanako", AT - timedelta(days=2))
    names = [person.results[0].name for person in persons(made(people=(NEWEST, edge, before)))]
    assert names == ["髙橋　練", "練習　花子"]
    assert persons(made(window=ConsentWindow(date(2026, 1, 1), date(2026, 1, 2)))) == ()


def test_an_insurance_that_does_not_hold_is_said() -> None:
    (person,) = persons(made(people=(consented("mukou"),)))
    assert person.validity == "2"


def test_a_letter_that_shift_jis_lacks_is_named_and_utf_8_has_it() -> None:
    people = (consented("kaku"),)
    with pytest.raises(Unwritable) as lost:
        made(people=people)
    assert lost.value.letter == "𠮷"
    (person,) = persons(made(Options(Encoding.UTF_8), people=people))
    assert person.results[0].name == "𠮷田　架空"


def test_a_receipt_says_where_the_answer_waits() -> None:
    request = Request01(STATION, "KEY-7", WINDOW.begins, WINDOW.ends)
    file = make_receipt(request, reception="2611180001", made_at=MADE, counter=3)
    found = seen(file)
    assert file.name == "OQSmuhvq01res_202611180003.xml"
    assert isinstance(found.answer, Answer01)
    assert (found.answer.reception, found.answer.header.key, found.problem_count) == ("2611180001", "KEY-7", 0)


# --- what differs ---

CONSENTS_OF: Final[Mapping[Twist, Mapping[str, Meaning]]] = {
    Twist.ONE_DIFFERS: {"drug": Meaning.NOT_GIVEN},
    Twist.EXPIRED: {**dict.fromkeys(ALL.values(), Meaning.EXPIRED), "limit_amount": Meaning.NOT_GIVEN},
    Twist.WITHDRAWN: dict.fromkeys(ALL.values(), Meaning.NOT_GIVEN),
    Twist.INVALID: {},
    Twist.INSURANCE_CHANGED: {},
    Twist.ONLY_AID: {},
    Twist.NO_REFERENCE: {},
    Twist.TWO_REFERENCES: {},
    Twist.TWO_INSURANCES: {},
    Twist.UNKNOWN_CODE: {"drug": Meaning.UNKNOWN},
    Twist.UNKNOWN_FLAG: {"NewThing": Meaning.UNKNOWN},
    Twist.UNKNOWN_ELEMENTS: {},
}
VALIDITY_OF: Final = {Twist.INVALID: "2", Twist.INSURANCE_CHANGED: "3", Twist.ONLY_AID: "6"}
REFERENCES_OF: Final = {Twist.NO_REFERENCE: (), Twist.TWO_REFERENCES: ("A-0002", "OLD-A-0002")}


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("twist", list(Twist))
def test_every_twist_is_read_and_changes_what_it_says_and_nothing_else(twist: Twist, encoding: Encoding) -> None:
    file = made(Options(encoding, twists=frozenset({twist})))
    newest, older = persons(file)
    assert meanings(newest) == {**dict.fromkeys(ALL.values(), Meaning.GIVEN), **CONSENTS_OF[twist]}
    assert newest.validity == VALIDITY_OF.get(twist, "1")
    assert newest.references == REFERENCES_OF.get(twist, ("A-0002",))
    assert len(newest.results) == (2 if twist is Twist.TWO_INSURANCES else 1)
    assert older == persons(made(Options(encoding)))[1], "the other person is as registered"
    found = seen(file)
    assert [problem.odd for problem in found.problems] == ([Odd.CODE] if twist is Twist.UNKNOWN_CODE else [])
    unknown = {element.name for element in found.unknown}
    is_new = twist is Twist.UNKNOWN_ELEMENTS
    assert unknown == ({"LayoutVersion", "NewUnitInfo", "NewUnitDate", "NewResultList"} if is_new else set())


@pytest.mark.parametrize("flag", list(ALL.values()))
def test_any_one_flag_can_differ_in_both_directions(flag: str) -> None:
    options = Options(twists=frozenset({Twist.ONE_DIFFERS}), item=flag)
    given = dict.fromkeys(ALL.values(), Meaning.GIVEN)
    assert meanings(persons(made(options))[0]) == given | {flag: Meaning.NOT_GIVEN}
    (person,) = persons(made(options, people=(consented("neri", declined=ITEMS),)))
    assert meanings(person) == dict.fromkeys(ALL.values(), Meaning.NOT_GIVEN) | {flag: Meaning.GIVEN}
    (new,) = (consent for consent in person.consents if consent.meaning is Meaning.GIVEN)
    has_no_end = flag in {"limit_amount", "specific_disease"}
    assert (new.time, new.available) == ("20261118103200", "" if has_no_end else "20261218235959")


def test_what_expired_has_ended_before_the_file_was_made() -> None:
    options = Options(twists=frozenset({Twist.EXPIRED}))
    for consent in persons(made(options))[0].consents:
        assert consent.available_until is None or consent.available_until < MADE.timestamp()


@pytest.mark.parametrize(("whom", "changed"), [("", [0]), ("neri", [0]), ("futatsu", [1]), (EVERYBODY, [0, 1])])
def test_a_twist_is_of_whom_it_should_be(whom: str, changed: list[int]) -> None:
    options = Options(twists=frozenset({Twist.NO_REFERENCE}), whom=whom)
    assert [n for n, person in enumerate(persons(made(options))) if not person.references] == changed


def test_twists_come_together() -> None:
    twists = frozenset({Twist.WITHDRAWN, Twist.ONLY_AID, Twist.TWO_REFERENCES, Twist.UNKNOWN_FLAG})
    (newest, _) = persons(made(Options(twists=twists)))
    assert (newest.validity, len(newest.references)) == ("6", 2)
    assert meanings(newest) == dict.fromkeys(ALL.values(), Meaning.NOT_GIVEN) | {"NewThing": Meaning.UNKNOWN}


# --- what is wrong ---

EXPECTED: Final[Mapping[Fault, UnreadableReason | Outcome]] = {
    Fault.PROCESSING: Outcome.PROCESSING,
    Fault.FAILED: Outcome.FAILED,
    Fault.WRONG_STATION: UnreadableReason.WRONG_STATION,
    Fault.REQUEST: UnreadableReason.REQUEST,
    Fault.ONLINE_CARE: UnreadableReason.OTHER_KIND,
    Fault.CUT: UnreadableReason.CUT_OFF,
    Fault.BROKEN_XML: UnreadableReason.BROKEN,
    Fault.OTHER_LETTERS: UnreadableReason.LETTERS,
}
REQUEST = Request01(STATION, "KEY-7", WINDOW.begins, WINDOW.ends)


def judged(file: MadeFile) -> UnreadableReason | Outcome:
    try:
        return seen(file).answer.header.outcome
    except UnreadableFile as fault:
        return fault.reason


@pytest.mark.parametrize("packing", list(Packing))
@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_is_met_with_the_one_reason_it_was_made_for(
    fault: Fault, encoding: Encoding, packing: Packing
) -> None:
    options = Options(encoding, packing, fault=fault)
    assert judged(made(options)) is EXPECTED[fault]
    assert judged(make_receipt(REQUEST, reception="1", made_at=MADE, options=options)) is EXPECTED[fault]
    assert judged(made(replace(options, fault=None))) is Outcome.DONE, "control: without it all is well"


@pytest.mark.parametrize("fault", [Fault.PROCESSING, Fault.FAILED])
def test_an_answer_that_is_not_ready_names_nobody(fault: Fault) -> None:
    assert persons(made(Options(fault=fault))) == ()


def test_a_request_in_place_of_an_answer_is_a_good_request() -> None:
    file = made(Options(fault=Fault.REQUEST))
    assert file.name.startswith(FileKind.REQUEST_01)
    assert read_request(file.content) == Request01(STATION, "KEY-1", WINDOW.begins, WINDOW.ends)


def test_a_file_of_nobody_can_be_spoiled_too() -> None:
    nobody = made(people=())
    assert judged(nobody) is Outcome.DONE
    for fault in (Fault.CUT, Fault.BROKEN_XML, Fault.OTHER_LETTERS):
        assert judged(replace(nobody, content=spoiled(nobody.content, fault))) is EXPECTED[fault]


def test_what_is_no_fault_of_bytes_leaves_them_alone() -> None:
    content = made().content
    for fault in set(Fault) - {Fault.CUT, Fault.BROKEN_XML, Fault.OTHER_LETTERS}:
        assert spoiled(content, fault) == content
    assert spoiled(content, None) == content
