"""The gateway adapter with the practice eligibility system, in each of its moods."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ports.outside import Eligibility, Insurance, NotRegistered, Unavailable
from app.practice.app import PracticeWorld
from app.practice.people import PracticePerson, load_people
from app.practice.system import AVAILABLE_DAYS, Mood
from app.rules.words.dates import day_of
from tests.adapters.line import Line
from tests.practice.world import API_KEY, CLIENT, NOW, ORIGIN, STATION, Clock, a_gateway, a_world

BASE: Final = f"{ORIGIN}/practice/eligibility"
PEOPLE: Final = {person.id: person for person in load_people()}
ALL: Final = ("surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease")
EVERYTHING: Final = dict.fromkeys(ALL, "agree")


def subject(who: str = "hanako") -> str:
    return PEOPLE[who].subject(CLIENT)


def line_to(world: PracticeWorld, *, attempts: int = 3) -> Line:
    return Line(httpx.ASGITransport(world.app), attempts=attempts)


# --- with the practice system ---


async def test_it_works() -> None:
    world = a_world()
    gateway = a_gateway(world.app)
    await gateway.register(subject(), STATION, {"surgery": "agree", "clinical_drug": "decline"}, "key")
    found = await gateway.eligibility(subject(), STATION)
    assert found == Eligibility(
        name="練習　花子",
        kana="ﾚﾝｼｭｳ ﾊﾅｺ",
        valid=True,
        insurances=(Insurance("39990015", "練習県後期高齢者医療広域連合", valid=True),),
        consents={"surgery": True, "clinical_drug": False},
        available_until=found.available_until,
        limit_amount=None,
        specific_disease=None,
    )
    assert found.available_until is not None
    assert (day_of(found.available_until) - day_of(NOW)).days == AVAILABLE_DAYS
    await gateway.close()


async def test_without_a_registration_only_the_eligibility_is_known() -> None:
    found = await a_gateway(a_world().app).eligibility(subject("nagai"), STATION)
    assert (found.consents, found.available_until) == ({}, None)
    assert (found.limit_amount, found.specific_disease) == (None, None)


async def test_declining_everything_still_shows_the_eligibility() -> None:
    gateway = a_gateway(a_world().app)
    await gateway.register(subject("nagai"), STATION, dict.fromkeys(ALL, "decline"), "key")
    found = await gateway.eligibility(subject("nagai"), STATION)
    assert found.valid
    assert found.consents == dict.fromkeys(ALL, False)
    assert (found.available_until, found.limit_amount, found.specific_disease) == (None, None, None)


@given(st.dictionaries(st.sampled_from(ALL), st.sampled_from(["agree", "decline"]), min_size=1))
def test_nothing_is_told_but_what_was_agreed_to(choices: dict[str, str]) -> None:
    async def told() -> Eligibility:
        gateway = a_gateway(a_world().app)
        await gateway.register(subject("nagai"), STATION, choices, "key")
        return await gateway.eligibility(subject("nagai"), STATION)

    found = asyncio.run(told())
    assert found.consents == {item: choice == "agree" for item, choice in choices.items()}
    assert (found.limit_amount is not None) == (choices.get("limit_amount") == "agree")
    assert (found.specific_disease is not None) == (choices.get("specific_disease") == "agree")


async def test_another_station_sees_no_consent_of_this_one() -> None:
    gateway = a_gateway(a_world().app)
    await gateway.register(subject(), STATION, EVERYTHING, "key")
    assert (await gateway.eligibility(subject(), "9960000017")).consents == {}


@pytest.mark.parametrize(("who", "asked"), [("neri", True), ("mihon", False), ("hanako", True)])
async def test_the_official_side_decides_who_is_asked_about_the_checkup(who: str, *, asked: bool) -> None:
    gateway = a_gateway(a_world().app)
    await gateway.register(subject(who), STATION, EVERYTHING, "key")
    assert ("health_checkup" in (await gateway.eligibility(subject(who), STATION)).consents) is asked


@pytest.mark.parametrize("person", [person for person in PEOPLE.values() if person.registered], ids=lambda one: one.id)
async def test_everybody_is_told_as_the_file_says(person: PracticePerson) -> None:
    found = await a_gateway(a_world().app).eligibility(person.subject(CLIENT), STATION)
    assert (found.name, found.kana, found.valid) == (person.name, person.kana, person.valid)
    assert [one.insurer_number for one in found.insurances] == [one.insurer_number for one in person.insurances]
    assert all(len(one.insurer_number) == 8 for one in found.insurances)


async def test_a_card_that_is_no_insurance_card_is_refused_both_ways() -> None:
    gateway = a_gateway(a_world().app)
    with pytest.raises(NotRegistered):
        await gateway.register(subject("mitouroku"), STATION, EVERYTHING, "key")
    with pytest.raises(NotRegistered):
        await gateway.eligibility(subject("mitouroku"), STATION)


async def test_an_unknown_person_a_wrong_key_and_a_malformed_order_are_unavailable() -> None:
    world = a_world()
    with pytest.raises(Unavailable):
        await a_gateway(world.app).eligibility("nobody", STATION)
    with pytest.raises(Unavailable):
        await a_gateway(world.app, api_key="another").eligibility(subject(), STATION)
    with pytest.raises(Unavailable):
        await a_gateway(world.app).register(subject(), STATION, {"surgery": "not_asked"}, "key")
    assert world.system.registrations == 0


# --- idempotency ---


async def test_the_same_key_is_the_same_registration() -> None:
    world = a_world()
    gateway = a_gateway(world.app)
    for _ in range(3):
        await gateway.register(subject(), STATION, EVERYTHING, "key")
    assert world.system.registrations == 1


async def test_the_same_key_with_other_choices_changes_nothing() -> None:
    world = a_world()
    gateway = a_gateway(world.app)
    await gateway.register(subject(), STATION, {"surgery": "agree"}, "key")
    with pytest.raises(Unavailable):
        await gateway.register(subject(), STATION, {"surgery": "decline"}, "key")
    assert (await gateway.eligibility(subject(), STATION)).consents == {"surgery": True}


async def test_a_new_key_replaces_what_was_chosen_before() -> None:
    clock = Clock()
    world = a_world(clock)
    gateway = a_gateway(world.app)
    await gateway.register(subject(), STATION, {"surgery": "agree"}, "key")
    clock.at += 60
    await gateway.register(subject(), STATION, {"surgery": "decline"}, "another-key")
    assert (await gateway.eligibility(subject(), STATION)).consents == {"surgery": False}
    assert world.system.registrations == 2


# --- moods ---


async def test_slow_is_waited_for_within_the_deadline() -> None:
    world = a_world()
    world.mood = Mood.SLOW
    await a_gateway(world.app).register(subject(), STATION, EVERYTHING, "key")
    assert world.system.registrations == 1


async def test_too_slow_is_unavailable_at_the_deadline() -> None:
    world = a_world()
    world.mood = Mood.SLOW
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await a_gateway(world.app, deadline=0.05).register(subject(), STATION, EVERYTHING, "key")
    assert asyncio.get_running_loop().time() - began < 0.2


async def test_failing_is_unavailable_after_three_attempts() -> None:
    world = a_world()
    world.mood = Mood.FAILING
    line = line_to(world)
    with pytest.raises(Unavailable):
        await line.gateway.register(subject(), STATION, EVERYTHING, "key")
    assert len(line.calls) == 3
    assert len({call.headers["Idempotency-Key"] for call in line.calls}) == 1
    assert world.system.registrations == 0


async def test_a_lost_answer_is_asked_for_again_and_registered_once() -> None:
    world = a_world()
    world.mood = Mood.SILENT
    line = line_to(world)
    await line.gateway.register(subject(), STATION, EVERYTHING, "key")
    assert len(line.calls) == 2
    assert world.system.registrations == 1
    await line.gateway.eligibility(subject(), STATION)


async def test_a_lost_answer_without_another_attempt_is_found_by_the_next_submission() -> None:
    world = a_world()
    world.mood = Mood.SILENT
    once = line_to(world, attempts=1)
    with pytest.raises(Unavailable):
        await once.gateway.register(subject(), STATION, EVERYTHING, "key")
    await once.gateway.register(subject(), STATION, EVERYTHING, "key")
    assert world.system.registrations == 1


# --- what we send ---


async def test_the_pseudonym_and_the_key_stand_in_no_address() -> None:
    line = line_to(a_world())
    await line.gateway.register(subject(), STATION, EVERYTHING, "the-key")
    await line.gateway.eligibility(subject(), STATION)
    for call in line.calls:
        assert subject() not in str(call.url)
        assert "the-key" not in str(call.url)
        assert call.headers["authorization"] == f"Bearer {API_KEY}"
    assert line.calls[1].url.params == httpx.QueryParams(facility_code=STATION)
