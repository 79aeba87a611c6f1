"""High contrast: chosen for the visit, whoever holds the phone, and there for whoever's phone asks for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.web.kit.pages import Look
from tests.web.bedside.nurse import Nurse
from tests.web.bedside.page import Page

STATIC = Path(__file__).parents[3] / "static"
STRONG_AS_THEY_ARE = {"patient", "on-patient", "staff", "on-staff", "panel", "focus", "focus-in"}
"""Who holds the phone, what lies under a drawing, and the ring of focus."""


def sheet(page: Page) -> dict[str, str]:
    """Return the attributes of the link to the sheet of high contrast."""
    (found,) = [each.attrs for each in page.root.all("link") if "/contrast." in each.attrs["href"]]
    return found


def is_on(page: Page) -> bool:
    """Whether a page is shown in high contrast to everybody, and says so."""
    said = "data-contrast" in page.root.all("html")[0].attrs
    assert said == ("media" not in sheet(page))
    return said


async def chosen(nurse: Nurse, **given: Any) -> Page:
    """Choose how the hand-over page reads."""
    return await nurse.press("/visit/look", **given)


async def test_it_is_chosen_and_given_up(nurse: Nurse) -> None:
    assert not is_on(await nurse.needs())
    page = await chosen(nurse, contrast="on")
    assert is_on(page)
    page = await nurse.get("/visit/look")
    (toggle,) = [each.attrs for each in page.root.all("button") if each.attrs.get("name") == "contrast"]
    assert (toggle["aria-pressed"], toggle["value"]) == ("true", "off")
    assert is_on(await chosen(nurse, size="l", furigana="on"))
    page = await chosen(nurse, contrast="off")
    assert not is_on(page)
    assert page.root.all("html")[0].attrs.keys() >= {"data-text", "data-ruby"}


async def test_it_holds_for_whoever_holds_the_phone(nurse: Nurse) -> None:
    await nurse.needs()
    await chosen(nurse, contrast="on")
    assert is_on(await nurse.press("/visit/hand-over"))
    assert is_on(await nurse.get("/visit/need"))
    assert is_on(await nurse.get("/guide/trouble"))


async def test_the_phone_itself_may_ask_for_it(nurse: Nurse) -> None:
    page = await nurse.needs()
    assert sheet(page)["media"] == "(prefers-contrast:more)"


async def test_a_look_of_before_still_counts(nurse: Nurse) -> None:
    await nurse.needs()
    nurse.http.cookies.set("look", "l1pja")
    page = await nurse.get("/visit/hand-over")
    assert page.root.all("html")[0].attrs["data-text"] == "l"
    assert not is_on(page)


@pytest.mark.parametrize("contrast", [True, False])
def test_every_look_has_a_cookie_of_its_own(contrast: bool) -> None:
    assert str(Look("l", True, is_patients=True, contrast=contrast)) == "l1pja" + "+" * contrast


def roles(css: str) -> set[str]:
    """Return the roles to which a sheet gives colours."""
    return set(re.findall(r"^ +--kz-([\w-]+):", css, re.MULTILINE))


def in_the_dark() -> str:
    """Return that part of the common sheet which gives every colour anew."""
    css = (STATIC / "app.css").read_text(encoding="utf-8")
    return css[css.index("@media (prefers-color-scheme: dark)") : css.index("/* Ground */")]


def test_no_colour_is_forgotten() -> None:
    given = roles((STATIC / "contrast.css").read_text(encoding="utf-8"))
    assert roles(in_the_dark()) - given == STRONG_AS_THEY_ARE
    assert given <= roles(in_the_dark())


def test_a_forgotten_colour_is_noticed() -> None:
    assert roles("  --kz-new: #123456;\n  color: var(--kz-new)") == {"new"}
