"""The trouble helper's search, as one types: what is found, what is nearest to a sentence, and without a line."""

from __future__ import annotations

import pytest

from tests.browser.phone import Phone
from tests.web.guide.test_trouble import AS_PEOPLE_SAY_IT

pytestmark = pytest.mark.browser


def found(phone: Phone) -> list[str]:
    rows = phone.page.locator("a.kz-row:visible")
    return [str(each.get_attribute("href")).rpartition("/")[2] for each in rows.all()]


def looks_for(phone: Phone, words: str) -> list[str]:
    phone.page.locator("[data-find]").fill(words)
    return found(phone)


def test_it_narrows_as_one_types_and_gives_everything_back(phone: Phone) -> None:
    phone.opens("/guide/trouble")
    first = found(phone)
    assert len(first) == 8
    locked = looks_for(phone, "ロック")
    assert {"pin-locked", "terminal-locked"} <= set(locked)
    assert f"{len(locked)}件あります" in phone.words
    heading = phone.page.locator("h1").bounding_box()
    assert heading is not None
    assert heading["height"] <= 1, "heading and list give way"
    assert looks_for(phone, "ﾛｯｸ") == looks_for(phone, "ろっく") == locked
    assert "code" in looks_for(phone, "0012")
    assert looks_for(phone, "ぬりかべ") == []
    assert "見つかりません" in phone.words
    assert looks_for(phone, "") == first
    phone.looks_it_over()


@pytest.mark.parametrize(("said", "answer"), AS_PEOPLE_SAY_IT.items())
def test_a_trouble_as_people_say_it_finds_its_row(phone: Phone, said: str, answer: str) -> None:
    phone.judges = False
    phone.opens("/guide/trouble")
    assert answer in looks_for(phone, said)


def test_a_my_number_is_taken_out_and_nothing_is_sent(phone: Phone) -> None:
    phone.opens("/guide/trouble")
    asked: list[str] = []
    phone.page.on("request", lambda request: asked.append(request.url))
    looks_for(phone, "123456789012")
    assert phone.page.locator("[data-find]").input_value() == ""
    phone.page.locator("[data-find]").fill("1234")
    phone.page.locator("[data-find]").press("Enter")
    assert asked == []


def test_what_stands_in_no_row_is_looked_for_in_the_answers(phone: Phone) -> None:
    phone.opens("/guide/trouble")
    assert "card-unreadable" not in looks_for(phone, "充電")
    phone.presses("探す")
    assert "card-unreadable" in found(phone)


def test_readings_are_no_part_of_the_words(phone: Phone) -> None:
    phone.judges = False
    phone.context.add_cookies([{"name": "look", "value": "m1pja", "url": phone.server.origin}])
    phone.opens("/guide/trouble")
    assert "card-unreadable" in looks_for(phone, "読み取れない")
