"""A second tap finds nothing: what comes by pointer while a page pauses does nothing; keys act, and so does a later press.

Where a visit is walked, time runs, and every press is followed by three more at the same place: what is tested is time.
Where a page is looked at in its 100th, 300th, 600th and 1,200th millisecond, its time stands still and is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Final, TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route
from playwright.sync_api import Error as PlaywrightError

from app.main import PRACTICE_STATION
from app.rules.record.evidence import hashed
from app.rules.visit import journey
from app.rules.visit import visit as visits
from app.rules.visit.flow import FLOW, STEPS
from app.rules.visit.step import Step
from app.rules.visit.visit import Holder, Visit
from app.tokens import new_secret
from app.web.bedside import seat
from app.web.bedside import visit as visit_pages
from tests.adapters.samples import opened, telling
from tests.browser import craft
from tests.browser.nurse import HANAKO
from tests.browser.phone import Look
from tests.browser.server import Server
from tests.browser.unseen import Unseen, untold
from tests.rules.visits import a_visit, answered

pytestmark = pytest.mark.browser

LOOKS: Final = (Look(), Look("390×664", height=664))
WITHOUT_SCRIPT: Final = tuple(replace(look, name=f"{look}, no JavaScript", scripts=False) for look in LOOKS)
EARLY: Final = (100, 300, 600)
LATE: Final = 1200
PAUSE: Final = 690
"""Milliseconds after its painting in which a page takes no press, but for one frame."""
IN_TIME: Final = 600
"""Milliseconds after its painting until which a test can still touch a page that surely pauses."""
_SILENT: Final = "this phone answers no more"
_SET: Final = "(ms) => document.getAnimations().forEach((one) => { one.currentTime = ms })"
_IN_SIGHT: Final = """() => [...document.querySelectorAll("a[href], button, label, summary, input, select, textarea")]
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([one, box]) => box.width > 1 && box.height > 1 && one.checkVisibility({ visibilityProperty: true }))
    .map(([one, { x, y, width, height }]) => [one, x + width / 2, y + height / 2])
    .filter(([, , y]) => y > 0 && y < innerHeight)
    .map(([one, x, y]) => ({ x, y, found: one.contains(document.elementFromPoint(x, y)), words: one.innerText }))"""
_DONE: Final = """() => [
    ...[...document.querySelectorAll("input")].filter((one) => one.checked !== one.defaultChecked).map(({ name }) => name),
    ...[...document.querySelectorAll("details[open]")].map(() => "unfolded"),
    ...(document.activeElement.matches("input:not([type=radio], [type=checkbox])") ? ["types"] : []),
]"""
_PAINTED: Final = """() => {
    const painted = performance.getEntriesByType("paint")[0]?.startTime;
    return [location.pathname, painted ? performance.now() - painted : 0];
}"""
_LONG_UNPAINTED: Final = "new Promise((done) => setTimeout(done, 1000))"
_RUNS: Final = """new Promise((done) => requestAnimationFrame(function look() {
    const sheet = document.getAnimations().find((one) => one.animationName === "kz-pause");
    const painted = performance.getEntriesByType("paint")[0];
    if (sheet?.currentTime && painted) done([sheet.currentTime, performance.now() - painted.startTime]);
    else if (painted && performance.now() > painted.startTime + 2000) done(null);
    else requestAnimationFrame(look);
}))"""
_FLAT: Final = """() => [...document.querySelectorAll(".kz-button, .kz-row, .kz-choice, .kz-toggle")]
    .filter((one) => !one.matches(":has(:checked), [aria-pressed=true]"))
    .map((one) => getComputedStyle(one)).map(({ boxShadow, translate }) =>
        /^none$| 0px 0px 0px 0px$/.test(boxShadow) && translate === "0px 4px")"""


class Stalled(Exception):
    """This machine was too slow to touch a page in time: what happened proves nothing."""


@dataclass
class Finger:
    """A fingertip on a phone: it touches what the browser finds there, and waits for nothing."""

    page: Page
    server: Server
    asked: list[tuple[str, str]] = field(default_factory=list)
    """What the server was asked for since the last press: method and path."""
    tried: set[str] = field(default_factory=set)
    """What was touched again while the next page paused."""
    missed: set[str] = field(default_factory=set)
    """What was not, as this machine was too slow."""

    def __post_init__(self) -> None:
        """Watch what goes to the server."""
        self._wire = self.page.context.new_cdp_session(self.page)
        self.page.on("request", self._asks)

    def _asks(self, request: Request) -> None:
        if request.redirected_from is None and (request.is_navigation_request() or request.method == "POST"):
            self.asked.append((request.method, request.url.removeprefix(self.server.origin).partition("?")[0]))

    @property
    def path(self) -> str:
        """Where the phone stands."""
        return self.page.url.removeprefix(self.server.origin).partition("?")[0].partition("#")[0]

    @property
    def acts(self) -> list[Any]:
        """What was done since the last press: to the server, or on the page at hand."""
        return [*self.asked, *self.page.evaluate(_DONE)]

    def sits_down(self, visit: Visit, address: str) -> None:
        """Open a page of a visit that has come so far."""
        now, session = self.server.clock.now(), new_secret()
        visit = replace(visit, id=new_secret(), facility=PRACTICE_STATION.id, opened_at=now, touched_at=now)
        self.server.ask(self.server.kazasu.store.write(telling(opened(visit, session=hashed(session)))))
        self.page.context.add_cookies([{"name": "visit", "value": session, "url": self.server.origin}])
        self.opens(address)

    def opens(self, address: str) -> None:
        """Open a page."""
        self.page.goto(self.server.origin + address)
        self.asked.clear()

    def stops_time(self) -> None:
        """Let every page stand in the first moment of its painting, until its time is set."""
        self._wire.send("Animation.enable")
        self._wire.send("Animation.setPlaybackRate", {"playbackRate": 0})

    def sets_time(self, ms: int) -> None:
        """Let the page at hand have been painted so many milliseconds ago."""
        self.page.evaluate(_SET, ms)

    def finds(self) -> list[dict[str, Any]]:
        """Return what of the page can be pressed, where its middle is, and whether a touch there would find it."""
        found: list[dict[str, Any]] = self.page.evaluate(_IN_SIGHT)
        return found

    def touches(self, x: float, y: float) -> None:
        """Touch the glass for a moment."""
        self.begins_to_touch(x, y)
        self.lets_go()

    def begins_to_touch(self, x: float, y: float) -> None:
        """Put the finger down."""
        self._wire.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})

    def lets_go(self) -> None:
        """Lift the finger."""
        self._wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def moves(self, gesture: str, **how: float) -> None:
        """Move the page under the fingers."""
        self._wire.send(f"Input.{gesture}", {"x": 195, "y": 400, **how})

    def presses(self, selector: str, *again: int) -> str:
        """Press something as soon as it can be pressed, and touch its place again so many milliseconds later.

        Return the address that it goes to.
        """
        what = self.page.locator(selector).first
        what.tap(trial=True)
        box = what.bounding_box()
        assert box is not None
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        address: str = what.evaluate("(one) => new URL(one.form?.action ?? one.href ?? location).pathname")
        before, first = self.path, perf_counter()
        self.asked.clear()
        self.touches(*place)
        for ms in again:
            self.page.wait_for_timeout(max(0, ms - 1000 * (perf_counter() - first)))
            began, painted = perf_counter(), self._painted(before)
            if painted > IN_TIME:
                break
            self.touches(*place)
            self._painted(before)  # what was touched has been told by now
            if painted + 1000 * (perf_counter() - began) > PAUSE:
                raise Stalled
            if painted:
                self.tried.add(selector)
        if again and selector not in self.tried:
            self.missed.add(selector)
        return address

    def _painted(self, before: str) -> float:
        """Return how many milliseconds ago the page was painted that comes after this one; 0 before it is."""
        with suppress(PlaywrightError):  # it is just coming
            path, ms = self.page.evaluate(_PAINTED)
            return 0 if path == before else float(ms)
        return 0

    def passes_by(self) -> None:
        """Answer each page that no story tells."""
        for _ in untold(lambda: self.path):
            self.presses("fieldset label")
            self.presses(".kz-form > .kz-button")
            self.waits()

    def waits(self) -> None:
        """Wait until the page at hand takes a press."""
        self.page.locator("main :is(a, button)").first.tap(trial=True)


Takes: TypeAlias = Callable[..., Finger]


@pytest.fixture
def takes(browser: Browser, server: Server) -> Iterator[Takes]:
    """Return what takes a phone into the hand; `bare` leaves out the rule under test, as if there were none."""
    with ExitStack() as held:

        def taken(look: Look, *, bare: bool = False) -> Finger:
            context = browser.new_context(
                **look.settings, java_script_enabled=look.scripts, service_workers="block" if bare else "allow"
            )
            held.callback(context.close)
            held.callback(_gives_up(context).cancel)
            if bare:
                context.route("**/static/app.*.css", _without_the_rule)
            return Finger(context.new_page(), server)

        yield taken


def _gives_up(context: BrowserContext) -> asyncio.TimerHandle:
    """Close a phone after two minutes: a touch that meets a navigation is sometimes never answered, and has no deadline."""
    loop: asyncio.AbstractEventLoop = context._loop
    return loop.call_later(120, lambda: loop.create_task(context._impl_obj.close(_SILENT)))


def _without_the_rule(route: Route) -> None:
    answer = route.fetch()
    sheet = answer.text()
    assert "visibility: visible" in sheet
    route.fulfill(response=answer, body=sheet.replace("visibility: visible", "visibility: hidden"))


# --- while time runs ---------------------------------------------------------------------------------------------------

TO_THE_PATIENT: Final = (
    ("form button", "/visit/need"),
    ("[name=intent][value=first]", "/visit/hand-over"),
    ("form[action='/visit/hand-over'] button", "/visit/consent"),
)
TO_THE_APP: Final = (
    ("form[action='/visit/consent'] button:not([name])", "/visit/check"),
    ("form[action='/visit/check'] button", "/visit/handoff"),
    ("a[href*='/authorize?']", "/practice/"),
)
TO_THE_END: Final = (
    ("form[action='/visit/hand-over'] button", "/visit/result"),
    ("[name=report]", "/visit/done"),
    ("form[action='/visit/end'] button", "/f/"),
)
TO_ANOTHER_WAY: Final = (
    (".kz-stop button", "/visit/hand-over"),
    ("form[action='/visit/hand-over'] button", "/visit/another-way"),
)
ALL_READY: Final = "[name=ready][value=all]"
AFTER_READY: Final = f"/visit/{journey.furthest(answered(a_visit(upto='ready'), 'ready', ready='all')).id}"
RECEIVED: Final = "form[action='/visit/hand-over'] button"
STAYS: Final = {
    "[name=intent][value=first]": "label:has([name=over_40])",
    "form[action='/visit/consent'] button:not([name])": "[name=fill]",
}
"""What is to be answered on the same page first."""


def walks(finger: Finger, *way: tuple[str, str]) -> list[str]:
    """Go this way, pressing everything four times; return what the second, third and fourth time have done."""
    found = []
    for selector, to in way:
        if selector in STAYS:
            finger.presses(STAYS[selector])
        own = finger.presses(selector, *EARLY)
        finger.waits()
        meant = {("POST", own), ("GET", own), ("GET", finger.path)}
        found += [f"{act} after {selector}" for act in finger.acts if act not in meant]
        finger.passes_by()
        assert finger.path.startswith(to), f"{selector} leads to {finger.path}"
    return found


def in_time(takes: Takes, look: Look, story: Callable[[Finger], list[str]]) -> list[str]:
    """Let this happen until every press was followed by another in time; return what all of them have done."""
    tried: set[str] = set()
    found: list[str] = []
    for _ in range(5):
        finger = takes(look)
        try:
            found += story(finger)
            if finger.missed <= (tried := tried | finger.tried):
                return found
        except Stalled:
            tried |= finger.tried
        except PlaywrightError as error:
            if _SILENT not in error.message:
                raise
    raise Stalled


def a_visit_to_its_end(finger: Finger) -> list[str]:
    """Walk a visit from the entry to the entry; the app is not ours."""
    finger.opens(f"/f/{finger.server.link}")
    found = walks(finger, *TO_THE_PATIENT, *TO_THE_APP)
    finger.opens("/visit/handoff")
    app = finger.page.locator("a[href*='/authorize?']").get_attribute("href")
    finger.opens(Unseen(finger.page.context, finger.server.origin).goes_through_the_app(app or "", HANAKO))
    return found + walks(finger, *TO_THE_END)


def a_visit_to_another_way(finger: Finger) -> list[str]:
    """Walk a visit in which the phone is handed to the patient and back."""
    finger.opens(f"/f/{finger.server.link}")
    return walks(finger, *TO_THE_PATIENT, *TO_ANOTHER_WAY)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_visit_is_walked_with_nothing_but_double_taps(takes: Takes, look: Look) -> None:
    assert in_time(takes, look, a_visit_to_its_end) == []


@pytest.mark.parametrize("look", WITHOUT_SCRIPT, ids=str)
def test_the_phone_changes_hands_by_double_taps_without_a_script(takes: Takes, look: Look) -> None:
    assert in_time(takes, look, a_visit_to_another_way) == []


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_second_tap_that_goes_through_is_noticed(takes: Takes, look: Look) -> None:
    finger = takes(look, bare=True)
    finger.sits_down(replace(a_visit(upto="result"), holder=Holder.PATIENT), "/visit/hand-over")
    goes_through = finger.page.expect_request(lambda each: each.method == "POST" and each.url.endswith("/visit/result"))
    with goes_through, suppress(Stalled):
        finger.presses(RECEIVED, *EARLY)


def _kept_in(waiting: list[Route]) -> Callable[[Route], None]:
    return lambda route: waiting.append(route)  # noqa: PLW0108 - looked at by its arguments


def test_the_time_begins_when_the_page_is_painted(takes: Takes) -> None:
    seen = None
    for _ in range(3):  # a slow machine may look when the pause is over
        finger, waiting = takes(LOOKS[1]), list[Route]()
        finger.page.route("**/static/app.*.css", _kept_in(waiting))
        finger.page.goto(finger.server.origin + "/visit", wait_until="commit")
        finger.page.evaluate(_LONG_UNPAINTED)
        waiting.pop().continue_()
        seen = finger.page.evaluate(_RUNS)
        if seen:
            break
    assert seen
    ran, painted = seen
    assert ran < painted + 100


# --- where nothing of ours guards the page but the server ----------------------------------------------------------------


@dataclass
class Milliseconds:
    """The server's clock of a hand-over."""

    at: int = 1_000_000

    def __call__(self) -> int:
        return self.at


HAND_OVERS: Final = {
    "to the patient": (a_visit(upto="ready"), AFTER_READY),
    "to staff": (replace(a_visit(upto="result"), holder=Holder.PATIENT), "/visit/result"),
}


@pytest.mark.parametrize("look", WITHOUT_SCRIPT, ids=str)
@pytest.mark.parametrize("hand_over", HAND_OVERS)
def test_a_hand_over_shows_itself_again(
    takes: Takes, monkeypatch: pytest.MonkeyPatch, look: Look, hand_over: str
) -> None:
    now, (visit, to) = Milliseconds(), HAND_OVERS[hand_over]
    monkeypatch.setattr(seat, "milliseconds", now)
    finger = takes(look, bare=True)
    finger.sits_down(visit, "/visit/hand-over")
    came_to = []
    for ms in (*EARLY, LATE):
        now.at += ms
        with finger.page.expect_navigation(wait_until="load"):
            finger.presses(RECEIVED)
        came_to.append(finger.path)
    assert came_to == ["/visit/hand-over"] * len(EARLY) + [to]


def test_a_hand_over_that_takes_every_press_is_noticed(takes: Takes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_pages, "is_too_early", lambda *_: False)
    finger = takes(WITHOUT_SCRIPT[1], bare=True)
    finger.sits_down(a_visit(upto="ready"), "/visit/hand-over")
    with finger.page.expect_navigation(wait_until="load"):
        finger.presses(RECEIVED)
    assert finger.path == AFTER_READY


# --- while time stands still -------------------------------------------------------------------------------------------


def on_the_way_to(step: Step) -> Visit:
    """Return a visit that stands at this step, with the phone in the hand that it is for."""
    met = {
        "reinquiry": ("need", {"over_40": "yes", "intent": "continues"}),
        "withdrawal": ("need", {"over_40": "yes", "intent": "withdraw"}),
        "another-way": ("ready", {"ready": "missing"}),
        "error-code": ("result", {"report": "trouble"}),
    }
    before, given = met.get(step.id, (step.id, {}))
    intent = {"revoke": "withdraw", "official": "short"}.get(step.id, "first")
    route = visits.Route.OFFICIAL if step.id in {"age", "official"} else visits.Route.PRACTICE
    visit = a_visit(upto=before, intent=intent, route=route)
    visit = answered(visit, before, **given) if given else visit
    assert journey.furthest(visit) is step
    return replace(visit, holder=step.held_by(visit))


def dead(finger: Finger) -> list[Any]:
    """Touch all that is in sight of a page that pauses, on both phones; return what that did."""
    for look in LOOKS:
        finger.page.set_viewport_size({"width": look.width, "height": look.height})
        for ms in EARLY:
            finger.sets_time(ms)
            places = finger.finds()
            assert places, "nothing can be pressed here at any time"
            found = [f"{each['words']} in its {ms}th millisecond" for each in places if each["found"]]
            if found:
                return found
        for each in places:
            finger.touches(each["x"], each["y"])
    return finger.acts


def alive(finger: Finger) -> bool:
    """Whether all that is in sight can be pressed later."""
    finger.sets_time(LATE)
    return all(each["found"] for each in finger.finds())


@pytest.fixture
def still(takes: Takes, look: Look) -> Finger:
    """Return a phone on which no time passes."""
    finger = takes(look)
    finger.stops_time()
    return finger


@pytest.mark.parametrize("step", FLOW, ids=lambda step: step.id)
def test_nothing_of_a_step_can_be_pressed_while_it_pauses(still: Finger, step: Step) -> None:
    still.sits_down(on_the_way_to(step), f"/visit/{step.id}")
    assert still.path == f"/visit/{step.id}"
    assert dead(still) == []
    assert alive(still)


@pytest.mark.parametrize("address", ["/visit/look", "/return", "/f/{}", "/f/{}/today", "/f/{}/continue"])
def test_nor_anything_of_a_page_beside_the_steps(still: Finger, address: str) -> None:
    visit = a_visit(upto="handoff" if address == "/return" else "ready")
    still.sits_down(replace(visit, holder=Holder.PATIENT), address.format(still.server.link))
    assert dead(still) == []
    assert alive(still)


@pytest.mark.parametrize("hand_over", HAND_OVERS)
def test_where_the_phone_changes_hands_it_takes_longer(still: Finger, hand_over: str) -> None:
    still.sits_down(HAND_OVERS[hand_over][0], "/visit/hand-over")
    assert dead(still) == []
    still.sets_time(950)
    assert not any(each["found"] for each in still.finds())
    assert alive(still)


@pytest.mark.parametrize(
    "address", ["/", "/nowhere", "/visit", "/guide/trouble", "/guide/ready", "/review", "/practice/"]
)
def test_nor_anything_of_a_page_that_a_tap_may_lead_to(still: Finger, address: str) -> None:
    still.opens(address)
    assert dead(still) == []
    assert alive(still)


def test_a_page_without_the_rule_is_noticed(takes: Takes) -> None:
    finger = takes(LOOKS[1], bare=True)
    finger.stops_time()
    finger.sits_down(on_the_way_to(STEPS["consent"]), "/visit/consent")
    assert dead(finger)


@pytest.mark.parametrize(
    "look", [Look("still", still=True), Look("forced colours", forced_colors=True), Look("dark", dark=True)], ids=str
)
@pytest.mark.parametrize("step", ["need", "consent", "result"])
def test_what_cannot_be_pressed_yet_lies_flat_and_can_be_read(still: Finger, step: str) -> None:
    still.sits_down(on_the_way_to(STEPS[step]), f"/visit/{step}")
    assert dead(still) == []
    assert set(still.page.evaluate(_FLAT)) == {True}
    assert craft.pale_letters(still.page) == []
    assert alive(still)


@pytest.fixture
def ready(still: Finger) -> Finger:
    """Return a phone that shows a page in its 100th millisecond."""
    still.sits_down(on_the_way_to(STEPS["ready"]), "/visit/ready")
    still.sets_time(EARLY[0])
    return still


def test_keys_need_not_wait(ready: Finger) -> None:
    ready.page.locator(ALL_READY).focus()
    with ready.page.expect_navigation():
        ready.page.keyboard.press("Enter")
    assert ready.path == AFTER_READY


def test_what_reads_the_screen_to_somebody_need_not_wait(ready: Finger) -> None:
    with ready.page.expect_navigation():
        ready.page.locator(ALL_READY).evaluate("(one) => one.click()")
    assert ready.path == AFTER_READY


def test_a_press_that_began_too_early_does_nothing_when_it_ends(ready: Finger) -> None:
    place = next((each["x"], each["y"]) for each in ready.finds() if each["words"] == "そろっています")
    ready.begins_to_touch(*place)
    assert alive(ready)
    ready.lets_go()
    assert ready.acts == []
    with ready.page.expect_navigation():
        ready.touches(*place)


def test_a_page_from_the_back_forward_cache_pauses_anew(ready: Finger) -> None:
    assert alive(ready)
    with ready.page.expect_navigation():
        ready.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    ready.asked.clear()
    assert dead(ready) == []


def test_a_page_that_pauses_can_be_moved_and_enlarged(ready: Finger) -> None:
    ready.moves("synthesizeScrollGesture", xDistance=0, yDistance=-200)
    assert ready.page.evaluate("scrollY") > 0
    ready.moves("synthesizePinchGesture", scaleFactor=2)
    assert ready.page.evaluate("visualViewport.scale") > 1
    assert dead(ready) == []
