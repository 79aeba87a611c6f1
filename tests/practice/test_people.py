"""The invented patients: nobody is missing, ages fit on any day, and what is remembered stays small."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.practice.memory import Memory
from app.practice.people import Birthday, PracticePerson, age_on, load_people
from tests.practice.world import Clock

PEOPLE = load_people()


@pytest.mark.parametrize("age", [9, 39, 40, 76, 82])
def test_every_age_that_matters_is_there(age: int) -> None:
    assert any(person.age == age for person in PEOPLE)


def test_every_situation_is_there() -> None:
    assert any(len(person.insurances) > 1 and person.insurances[1].kind == "A1" for person in PEOPLE)
    for situation in (
        [person for person in PEOPLE if not person.registered],
        [person for person in PEOPLE if not person.certificate_valid],
        [person for person in PEOPLE if not person.valid],
        [person for person in PEOPLE if person.limit_amount],
        [person for person in PEOPLE if person.specific_disease],
    ):
        assert situation
    assert set("髙﨑𠮷") <= set("".join(person.name for person in PEOPLE))


def test_ids_and_numbers_are_unique_and_of_their_form() -> None:
    assert len({person.id for person in PEOPLE}) == len({person.number for person in PEOPLE}) == len(PEOPLE)
    assert all(len(person.number) == 4 and person.number.isascii() and person.number.isdigit() for person in PEOPLE)
    assert all(person.id.isascii() and person.id.isalpha() for person in PEOPLE), "a digit-free request needs these"


def test_kana_is_half_width_and_insurers_have_eight_characters() -> None:
    assert all(set(person.kana) <= {" ", *map(chr, range(0xFF66, 0xFFA0))} for person in PEOPLE)
    insurers = {insurance.insurer_number for person in PEOPLE for insurance in person.insurances}
    assert insurers == {"06990014", "12990016", "39990015", "  990010"}


@given(st.sampled_from(PEOPLE), st.dates(date(2020, 1, 1), date(2120, 12, 31)))
def test_everybody_has_the_stated_age_on_any_day(person: PracticePerson, today: date) -> None:
    born = person.born(today)
    assert age_on(born, today) == person.age
    if person.birthday is Birthday.TOMORROW:
        assert age_on(born, today + timedelta(days=1)) == person.age + 1


def test_a_birthday_on_a_leap_day_comes_on_the_first_of_march() -> None:
    assert age_on(date(1986, 3, 1), date(2026, 2, 28)) == 39
    assert PEOPLE[-1].born(date(2029, 7, 29)) == date(1939, 3, 1)
    leapling = next(person for person in PEOPLE if person.birthday is Birthday.TODAY)
    assert leapling.born(date(2028, 2, 29)) == date(1988, 2, 29)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 40))), st.integers(1, 5))
def test_memory_fades_and_never_holds_more_than_its_room(steps: list[tuple[str, int]], room: int) -> None:
    clock = Clock(0)
    memory: Memory[int] = Memory(clock, seconds=60, room=room)
    last: dict[str, int] = {}
    for key, wait in steps:
        clock.at += wait
        memory.put(key, clock.at)
        last[key] = clock.at
        assert memory.get(key) == clock.at
        assert len(memory) <= room
    for key, at in last.items():
        assert memory.get(key) in {None, at}
        if clock.at >= at + 60:
            assert memory.get(key) is None


def test_what_was_taken_is_gone() -> None:
    memory: Memory[str] = Memory(Clock(), seconds=60)
    memory.put("code", "grant")
    assert (memory.take("code"), memory.take("code")) == ("grant", None)
    memory.put("code", "grant")
    memory.clear()
    assert memory.get("code") is None


KINDS = {"01": "被保険者証（一般）", "07": "自衛官診療証", "A1": "医療扶助"}
"""What is known of the code table of card kinds."""
UNDER_70, FROM_70 = set("アイウエオ"), {"現役並みⅠ", "現役並みⅡ", "現役並みⅢ", "一般", "区分Ⅰ", "区分Ⅱ"}


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.id)
def test_no_value_stands_outside_the_code_tables(person: PracticePerson) -> None:
    assert person.sex in {"1", "2", "3"}
    for insurance in person.insurances:
        assert insurance.kind in KINDS
        assert insurance.kind != "07", "nobody here serves in the Self-Defence Forces"
        assert (insurance.kind == "A1") == insurance.insurer_number.startswith("12")
        assert (person.age >= 75) == insurance.insurer_number.startswith("39"), "75 and over have a system of their own"
    if person.limit_amount:
        scale = person.limit_amount.removeprefix("適用区分 ").removesuffix("（練習の値）")
        assert scale in (FROM_70 if person.age >= 70 else UNDER_70)
