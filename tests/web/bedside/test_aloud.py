"""Reading aloud as the server prepares it: on the patient's pages, out of sight until a script finds a voice."""

from __future__ import annotations

from tests.web.bedside.nurse import Nurse
from tests.web.bedside.page import Element, Page


def places(page: Page) -> list[Element]:
    """Return where buttons may come to stand."""
    return [each for each in page.root.all("p") if "data-aloud" in each.attrs]


def reads_aloud(page: Page) -> bool:
    """Whether a page brings what reading aloud needs, all of it and once; nothing of it is in sight."""
    assert all("hidden" in place.attrs and not place.children for place in places(page))
    scripts = [each for each in page.root.all("script") if "/aloud." in each.attrs["src"]]
    words = [each for each in page.root.all("template") if each.attrs.get("id") == "aloud"]
    assert len(scripts) == len(words) == min(1, len(places(page)))
    assert all(each.attrs.get("type") == "module" for each in scripts)
    return bool(scripts)


async def test_the_patients_pages_can_be_read_aloud_and_the_nurses_are_not(nurse: Nurse) -> None:
    assert not reads_aloud(await nurse.starts())
    assert reads_aloud(await nurse.needs())
    assert reads_aloud(await nurse.press("/visit/hand-over"))
    assert reads_aloud(await nurse.get("/visit/look"))
    await nurse.get("/visit/ready")
    page = await nurse.reaches("consent")
    assert reads_aloud(page)
    assert len(places(page)) == 1 + 5
    page = await nurse.press("/visit/consent", **nurse._all(over_40=True))
    assert reads_aloud(page)
    assert len(places(page)) == 1
    assert reads_aloud(await nurse.press("/visit/check", confirmed="yes"))
    assert not reads_aloud(await nurse.comes_back())


async def test_its_words_have_their_readings(nurse: Nurse) -> None:
    await nurse.needs()
    page = await nurse.press("/visit/look", furigana="on")
    (template,) = page.root.all("template")
    assert [each.text for each in template.all("span")] == ["読み上げる", "止める"]
    assert [each.tag for each in template.all("span")[1].children] == ["ruby"]
