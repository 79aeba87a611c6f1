"""The judge judged: a good page is praised, and each planted defect is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import craft
from tests.browser.nurse import Nurse
from tests.browser.phone import Look, Phone

pytestmark = pytest.mark.browser

GOOD = """<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>同意 – かざす</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { margin: 0; font-size: 18px } main { padding: 16px }
  .card { border: 1px solid #666; padding: 16px } h2 { line-height: 2 } rt { font-size: .5em }
  label { display: flex; min-height: 56px } button { min-height: 56px } summary { min-height: 44px }
  a.alone { display: inline-block; min-height: 44px; min-width: 44px }
  :focus-visible { outline: 4px solid black }
</style></head><body><main><h1>同意</h1>
<p>くわしくは<a href="/guide">案内のページ</a>を読んでください。</p>
<div class="card"><h2><ruby>手術<rp>（</rp><rt>しゅじゅつ</rt><rp>）</rp></ruby></h2>
<label><input type="radio" name="surgery"><span>同意する</span></label><button>つぎへ</button>
<details><summary>くわしく</summary>あとで</details><p><a class="alone" href="/visit">変更</a></p></div>
</main></body></html>"""

DEFECTS = {
    "scrolls sideways": ("<h1>同意</h1>", '<h1>同意</h1><div style="width: 500px; height: 2px"></div>'),
    "off the screen": ("<h1>同意</h1>", '<h1>同意</h1><p style="margin-left: -40px">はみだす</p>'),
    "its mark is off the screen": ("<h1>同意</h1>", '<h1>同意</h1><ul style="padding: 0"><li>手術</li></ul>'),
    "outside its card": ("つぎへ", '<span style="white-space: nowrap; letter-spacing: 80px">つぎへ進みます</span>'),
    "outside its card: <rt>": ("<h2>", '<h2 style="margin: -20px 0 0; line-height: 1">'),
    "small: <button>": ("<button>", '<button style="min-height: 12px; height: 12px">'),
    "small: <label>": ("<label>", '<label style="min-height: 50px">'),
    "small: <a> 変更": ('<a class="alone" href="/visit">', '<a href="/visit">'),
    "2 h1": ("<h2>", "<h1>同意</h1><h2>"),
    "0 h1": ("<h1>同意</h1>", ""),
    "the title": ("<title>同意", "<title>選択"),
    "lang is": ('lang="ja"', ""),
    "a field for digits: pin": ("<button>", '<input name="pin" inputmode="numeric" style="min-height: 44px"><button>'),
    "a field for digits: number": ("<button>", '<input name="number" maxlength="12" style="min-height: 44px"><button>'),
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return an empty page on an ordinary phone."""
    context = browser.new_context(**Look().settings)
    yield context.new_page()
    context.close()


def test_a_good_page_is_praised(page: Page) -> None:
    page.set_content(GOOD)
    assert craft.complaints(page) == []
    assert craft.violations(page) == []
    assert craft.ways_of_focus(page) == []
    assert craft.moving(page) == []


@pytest.mark.parametrize("complaint", DEFECTS)
def test_a_defect_is_noticed(page: Page, complaint: str) -> None:
    was, became = DEFECTS[complaint]
    assert was in GOOD
    page.set_content(GOOD.replace(was, became))
    assert [one for one in craft.complaints(page) if one.startswith(complaint)], craft.complaints(page)


def test_axe_sees_what_it_is_for(page: Page) -> None:
    page.set_content(GOOD.replace("<span>同意する</span>", '<span style="color: #bbb">').replace("<h1", "<h4"))
    assert {one.partition(":")[0] for one in craft.violations(page)} >= {"label", "page-has-heading-one"}


def test_axe_sees_pale_letters(page: Page) -> None:
    page.set_content(GOOD.replace("<h1>", '<h1 style="color: #bbb">'))
    assert [one.partition(":")[0] for one in craft.violations(page)] == ["color-contrast"]


def test_what_moves_is_noticed(page: Page) -> None:
    page.set_content(
        GOOD.replace("<h1>", '<h1 style="animation: away 2s infinite">').replace(
            "<style>", "<style>@keyframes away { to { margin-left: 9px } }"
        )
    )
    assert craft.moving(page) == ["moves: away"]


def test_what_breaks_the_content_policy_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">rot</p>')")
    assert phone.complains_of("content policy: style-src")


def test_a_request_to_another_origin_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.page.evaluate("new Image().src = 'http://example.com/pixel'; setTimeout(() => {}, 50)")
    assert phone.complains_of("another origin")


def test_a_console_error_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.page.evaluate("console.error('oh')")
    assert phone.complains_of("console: oh")


def test_a_script_that_fails_is_noticed(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.page.evaluate("setTimeout(() => { throw new Error('oh') })")
    assert phone.complains_of("script:")


def test_a_page_that_is_badly_made_stops_the_story(nurse: Nurse, phone: Phone) -> None:
    nurse.opens_the_entry()
    phone.page.evaluate("document.querySelector('button').style.height = '12px'")
    phone.page.evaluate("document.querySelector('button').style.minHeight = '12px'")
    with pytest.raises(AssertionError, match="small: <button>"):
        phone.looks_it_over()
