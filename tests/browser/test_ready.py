"""Ready before leaving, on the very phone: one question after the other, remembered here, anew where a day or a code is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, expect

from app.main import PRACTICE_STATION
from app.rules.content.ready import READY
from app.web.bedside.seat import STATION_COOKIE
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server
from tests.browser.test_offline_guide import FILLED
from tests.web.guide.test_browsers import android, iphone

pytestmark = [pytest.mark.browser, pytest.mark.worker]

ADDRESS = "/guide/ready"
SAFARI = iphone("Version/26.0 Mobile/15E148 Safari/604.1")
BARE = iphone("Mobile/15E148")
LINE = iphone("Mobile/15E148 Safari Line/15.16.0")
CHROME = android("Chrome/141.0.0.0 Mobile Safari/537.36")
QUESTIONS = len(READY.rows_for("iphone")) - 1
"""What an iPhone is asked: its version, it says itself."""
NO_BATTERY = "delete Navigator.prototype.getBattery;"
ICON = "Object.defineProperty(Navigator.prototype, 'standalone', { get: () => true });"
NOTHING_KEPT = """for (const name of ["getItem", "setItem", "removeItem"])
    Storage.prototype[name] = () => { throw new DOMException("no", "SecurityError"); };"""
PRIVATE = """navigator.storage.estimate = async () => ({ quota: 1e6 });
Object.defineProperty(performance, "memory", { value: { jsHeapSizeLimit: 4e9 } });"""
BATTERY = """navigator.constructor.prototype.getBattery = async () =>
    globalThis.battery ??= Object.assign(new EventTarget(), { level: 0.1, charging: false });"""
CHARGED = "battery.charging = true; battery.dispatchEvent(new Event('chargingchange'));"

Take: TypeAlias = Callable[..., Phone]


@pytest.fixture
def take(browser: Browser, server: Server, judged: Judged) -> Iterator[Take]:
    """Return what takes a phone out of a pocket: how it introduces itself, what is different about it.

    Its pages are judged where a test says so: elsewhere it is the same page in the same states.
    """
    held: list[Phone] = []

    def one(
        said: str = SAFARI,
        *,
        before: str = NO_BATTERY,
        look: Look | None = None,
        station: bool = True,
        judges: bool = False,
    ) -> Phone:
        look = look or Look()
        phone = Phone(browser.new_context(**look.settings, user_agent=said), server, look, judged)
        phone.judges = judges
        phone.context.add_init_script(before)
        if station:
            phone.context.add_cookies([{"name": STATION_COOKIE, "value": PRACTICE_STATION.id, "url": server.origin}])
        held.append(phone)
        return phone

    yield one
    noticed = [each for phone in held for each in phone.noticed]
    for phone in held:
        phone.context.close()
    assert not noticed, noticed


def counts(phone: Phone, left: int) -> None:
    """Read how many are left, at the top."""
    top = phone.page.locator("[data-overall]")
    if left:
        expect(top.locator("[data-left]")).to_have_text(str(left))
    expect(top.locator(f"[data-when={'look' if left else 'go'}]")).to_be_visible()
    expect(top.locator(f"[data-when={'go' if left else 'look'}]")).to_be_hidden()


def answers(phone: Phone, how: str = "yes") -> str:
    """Answer the question that is open; return which one it was."""
    open_one = phone.page.locator("[data-ask][data-open]")
    expect(open_one).to_have_count(1)
    name = open_one.get_attribute("data-ask")
    assert name
    phone.taps_on(open_one.locator(f"[data-answer={how}]"))
    return name


def opened(phone: Phone) -> str:
    return phone.page.locator("[data-ask][data-open]").get_attribute("data-ask") or ""


def shows(phone: Phone, sight: str, state: str) -> None:
    """Have something before one's eyes that the phone found out by itself, in this state."""
    shown = phone.page.locator(f"[data-sight={sight}] [data-says]").locator("visible=true")
    expect(shown).to_have_count(1)
    expect(shown).to_have_attribute("data-state", state)


# --- from the first question to the door ---------------------------------------------------------------------------


def test_one_question_after_the_other_leads_to_the_door(take: Take) -> None:
    phone = take(judges=True)
    phone.opens(ADDRESS)
    counts(phone, QUESTIONS)
    asked = [answers(phone) for _ in range(QUESTIONS)]
    assert len(set(asked)) == QUESTIONS
    order = phone.page.locator("[data-ask]").evaluate_all("(rows) => rows.map((row) => row.dataset.ask)")
    assert asked == [name for name in order if name in asked], "from top to bottom"
    counts(phone, 0)
    phone.shows_soon("出発できます")
    phone.looks_it_over()
    phone.page.reload()
    counts(phone, 0)
    phone.taps_on(phone.find("button", "はじめから確かめる"))
    counts(phone, QUESTIONS)
    phone.page.reload()
    counts(phone, QUESTIONS)


def test_a_no_says_the_one_thing_to_do_and_is_not_forgotten(take: Take) -> None:
    phone = take(CHROME, judges=True)
    phone.opens(ADDRESS)
    name = answers(phone, "no")
    row = phone.page.locator(f"[data-ask={name}]")
    expect(row).to_have_attribute("data-state", "no")
    expect(row.locator("[data-todo]")).to_be_visible()
    expect(row.get_by_role("link", name="公式の案内で確かめる")).to_be_visible()
    phone.looks_it_over()
    left = len(READY.rows_for("android"))
    counts(phone, left)
    phone.taps_on(phone.find("button", "つぎの質問へ"))
    assert opened(phone) not in {"", name}
    phone.page.reload()
    expect(row).to_have_attribute("data-state", "no")
    phone.taps_on(row.locator("[data-turn]"))
    answers(phone)
    expect(row).to_have_attribute("data-state", "yes")
    counts(phone, left - 1)


def test_what_is_of_the_day_is_asked_again_the_next_day(take: Take) -> None:
    phone = take()
    phone.page.clock.set_fixed_time("2026-11-24T08:00:00+09:00")
    phone.opens(ADDRESS)
    for _ in range(QUESTIONS):
        answers(phone)
    phone.reads("はい（11/24に確認）")
    phone.page.clock.set_fixed_time("2026-11-25T08:00:00+09:00")
    phone.page.reload()
    daily = {row.id for row in READY.rows if row.daily}
    counts(phone, len(daily))
    assert {answers(phone) for _ in daily} == daily
    counts(phone, 0)


def test_another_revision_asks_about_the_printed_card_again(take: Take, server: Server) -> None:
    phone = take()
    phone.opens(ADDRESS)
    for _ in range(QUESTIONS):
        answers(phone)
    server.replace_the_link()
    phone.page.reload()
    counts(phone, 1)
    assert opened(phone) == "bag"


def test_with_the_keyboard_one_goes_from_answer_to_answer(take: Take) -> None:
    phone = take(judges=True)
    phone.is_tabbed = True
    phone.opens(ADDRESS)
    first = phone.page.locator("[data-ask][data-open] [data-answer=yes]")
    first.focus()
    seen = []
    for _ in range(QUESTIONS):
        expect(phone.page.locator("[data-ask][data-open] [data-answer=yes]")).to_be_focused()
        seen.append(opened(phone))
        phone.page.keyboard.press("Enter")
    assert len(set(seen)) == QUESTIONS
    counts(phone, 0)
    expect(phone.find("button", "はじめから確かめる")).to_be_focused()


def test_where_nothing_can_be_kept_the_answers_hold_as_long_as_the_page(take: Take) -> None:
    phone = take(before=NO_BATTERY + NOTHING_KEPT)
    phone.opens(ADDRESS)
    answers(phone)
    counts(phone, QUESTIONS - 1)
    phone.page.reload()
    counts(phone, QUESTIONS)


def test_nothing_of_it_leaves_the_phone(take: Take) -> None:
    phone = take()
    phone.opens(ADDRESS)
    sent: list[str] = []
    phone.context.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    for _ in range(QUESTIONS):
        answers(phone)
    assert not [each for each in sent if not each.startswith("GET ") or "?" in each]
    assert phone.page.evaluate("Object.keys(localStorage)") == ["kazasu-ready"]
    kept = phone.page.evaluate("Object.values(JSON.parse(localStorage['kazasu-ready'])).map((one) => Object.keys(one))")
    assert {name for each in kept for name in each} <= {"answer", "day", "revision"}


# --- what the phone shows by itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "before", "sight", "state", "left"),
    [
        (LINE, NO_BATTERY, "browser", "bad", QUESTIONS + 1),
        (BARE, NO_BATTERY, "browser", "bad", QUESTIONS + 1),
        (BARE, NO_BATTERY + ICON, "browser", "ok", QUESTIONS + 1),
        (BARE, NO_BATTERY + ICON, "icon", "warn", QUESTIONS + 1),
        (SAFARI, NO_BATTERY, "browser", "ok", QUESTIONS),
    ],
    ids=["in LINE", "in some app", "an icon", "an icon is no tab", "Safari"],
)
def test_an_apps_own_browser_is_red_and_an_icon_yellow(
    take: Take, said: str, before: str, sight: str, state: str, left: int
) -> None:
    phone = take(said, before=before, judges=state == "bad" or sight == "icon")
    phone.opens(ADDRESS)
    shows(phone, sight, state)
    counts(phone, left)


def test_the_battery_answers_for_itself(take: Take) -> None:
    phone = take(before=BATTERY)
    phone.opens(ADDRESS)
    row = phone.page.locator("[data-ask=battery]")
    expect(row).to_have_attribute("data-state", "no")
    expect(row).to_contain_text("電池が")
    phone.page.evaluate(CHARGED)
    expect(row).to_have_attribute("data-state", "yes")
    expect(row.locator("[data-turn]")).to_be_hidden()


@pytest.mark.parametrize(("before", "is_hinted"), [(NO_BATTERY + PRIVATE, True), (NO_BATTERY, False)])
def test_a_private_tab_is_hinted_at_and_never_claimed(take: Take, before: str, *, is_hinted: bool) -> None:
    phone = take(before=before)
    phone.opens(ADDRESS)
    row = phone.page.locator("[data-ask=private]")
    phone.taps_on(row.locator("[data-turn]"))
    expect(row.locator("[data-hint]")).to_be_visible(visible=is_hinted)
    expect(row).to_have_attribute("data-state", "open")


def test_a_cut_line_is_yellow_and_no_network_is_red(take: Take, server: Server) -> None:
    phone = take()
    phone.opens(ADDRESS)
    assert phone.page.evaluate(FILLED)
    shows(phone, "net", "ok")
    shows(phone, "kept", "ok")
    phone.reads("電波のない場所でも、読めます")
    phone.expects_no_line = True
    server.cut()
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    shows(phone, "net", "warn")
    phone.context.set_offline(True)
    shows(phone, "net", "bad")
    phone.reads("電波がありません", "登録には電波が要ります")
    phone.page.reload()
    shows(phone, "station", "open")
    expect(phone.page.locator("[data-sight=net] [data-says=ok]")).to_be_hidden()
    phone.reads("つながったときは、第")
    answers(phone)
    server.mend()
    phone.context.set_offline(False)
    shows(phone, "net", "ok")
    shows(phone, "station", "ok")


def test_a_phone_of_no_station_is_told_to_read_the_code(take: Take) -> None:
    phone = take(station=False)
    phone.opens(ADDRESS)
    shows(phone, "station", "warn")
    counts(phone, QUESTIONS + 1)


# --- every phone, and without a script -----------------------------------------------------------------------------


def test_without_a_script_everything_stands_there_to_be_ticked(take: Take) -> None:
    phone = take(look=Look("no JavaScript", scripts=False), judges=True)
    phone.opens(ADDRESS)
    boxes = phone.page.get_by_role("checkbox")
    assert boxes.count() == len(READY.rows_for("iphone"))
    for box in boxes.all():
        phone.taps_on(box)
        expect(box).to_be_checked()
    assert phone.page.get_by_role("button").count() == 0
    phone.reads("一つずつ、見てください", "いいえ・わからないときは")


@pytest.mark.parametrize(
    "look",
    [
        Look("forced colours", forced_colors=True),
        Look("320 px, 200 %, dark", width=320, large_text=True, dark=True),
    ],
    ids=str,
)
def test_it_fits_every_phone(take: Take, look: Look) -> None:
    phone = take(CHROME, look=look, judges=True)
    phone.opens(ADDRESS)
    answers(phone, "no")
    phone.opens(ADDRESS)
    expect(phone.page.locator("[data-state=no] [data-turn]")).to_be_visible()
    phone.taps_on(phone.page.locator("[data-state=no] [data-turn]"))
    expect(phone.page.locator("[data-todo]").first).to_be_visible()
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
