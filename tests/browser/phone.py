"""The phone at the bedside: a real browser that counts taps and judges every page it is shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from tests.browser import craft
from tests.browser.server import Server
from tests.browser.unseen import Unseen, bare, untold

PATIENCE: Final = 8_000
"""Milliseconds after which a tap that leads nowhere is a failure."""
_WATCH: Final = """addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    globalThis.kazasuSaw?.(`${violatedDirective} ${blockedURI}`))"""
_BARE: Final = """(elements) => elements.map((element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("rt, rp").forEach((reading) => reading.remove());
    return copy.textContent.replace(/[\\s\\u200b]+/g, "");
})"""
UNPAUSED: Final = """() => {
    document.getAnimations().filter((one) => /(pause|flat)$/.test(one.animationName)).forEach((one) => one.finish());
    document.querySelectorAll("[name=made]").forEach((field) => { field.value = 0 });
}"""
"""Makes a page as old as one that somebody has read: for itself, and for the server."""
_WORKER_IN_CHARGE: Final = """(patience) => Promise.race([
    navigator.serviceWorker.ready.then(async () => {
        while (!(await caches.match("/offline"))) await new Promise((later) => setTimeout(later, 20));
        return Boolean(navigator.serviceWorker.controller);
    }),
    new Promise((_, reject) => setTimeout(() => reject(new Error("no service worker")), patience)),
])"""
_STATUS_NOTE: Final = re.compile(r"the server responded with a status of (?P<status>\d+)")
_BROKEN: Final = 500
_NO_WORKER: Final = "Service Worker registration blocked"
_WITHOUT_A_LINE: Final = "net::ERR", "Couldn't load preload assets"
"""What Chromium says without a line: of an address, and of the drawings on its own page."""


@dataclass(frozen=True)
class Look:
    """What kind of phone it is, and how it is held and set."""

    name: str = "390×844"
    width: int = 390
    height: int = 844
    large_text: bool = False
    dark: bool = False
    scripts: bool = True
    forced_colors: bool = False
    still: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def settings(self) -> dict[str, Any]:
        """What the browser is told about it."""
        return {
            "viewport": {"width": self.width, "height": self.height},
            "is_mobile": True,
            "has_touch": True,
            "locale": "ja-JP",
            "color_scheme": "dark" if self.dark else "light",
            "forced_colors": "active" if self.forced_colors else "none",
            "reduced_motion": "reduce" if self.still else "no-preference",
        }


SQUEEZED: Final = (
    Look("320 px", width=320),
    Look("320 px, 200 %", width=320, large_text=True),
    Look("390 px, 200 %", large_text=True),
    Look("768 px", width=768, height=1024),
    Look("landscape", width=844, height=390),
)
"""Every page that is new to these tests is measured in these sizes too."""


class Judged:
    """What was looked at closely by now, by any worker: whatever a page shows for the first time."""

    def __init__(self, folder: Path) -> None:
        """Keep one empty file for each thing in a folder that all workers share."""
        self._folder = folder
        self._known: set[str] = set()
        folder.mkdir(exist_ok=True)

    def is_new(self, *thing: object) -> bool:
        """Whether nobody has looked at this yet; from now on somebody has."""
        name = hashlib.sha256(repr(thing).encode()).hexdigest()
        if name in self._known:
            return False
        self._known.add(name)
        try:
            (self._folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class Phone:
    """One browser window, held by whoever acts."""

    def __init__(self, context: BrowserContext, server: Server, look: Look, judged: Judged) -> None:
        """Open a window and begin to watch it."""
        self.context = context
        self.server = server
        self.look = look
        self.taps = 0
        self.noticed: list[str] = []
        """What went wrong unseen: console errors, violations of the content policy, requests to others."""
        self.expects_no_line = False
        self.is_tabbed = False
        """Whether every page is gone through with the keyboard too."""
        self.judges = True
        """Off only where a test plants a defect and wants to see another check find it."""
        self._judged = judged
        context.set_default_timeout(PATIENCE)
        context.expose_binding("kazasuSaw", lambda _, what: self.noticed.append(f"content policy: {what}"))
        context.add_init_script(_WATCH)
        context.on("console", self._hears)
        context.on("request", self._asks)
        context.on("response", self._answers)
        self._wires: dict[Page, CDPSession] = {}
        self.page = self._open_tab()

    def _open_tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.noticed.append(f"script: {error}"))
        self._wires[page] = self.context.new_cdp_session(page)
        self._tell(page, "Emulation.setScriptExecutionDisabled", value=not self.look.scripts)
        return page

    def another_tab(self) -> Page:
        """Open a second tab and hold that one; return the first."""
        before, self.page = self.page, self._open_tab()
        return before

    def _tell(self, page: Page, command: str, **values: bool) -> None:
        self._wires[page].send(command, dict(values))

    def _scripts(self, *, on: bool) -> None:
        """Switch scripts off as a person does; axe needs them on for a moment."""
        self._tell(self.page, "Emulation.setScriptExecutionDisabled", value=not on)

    # --- what is watched ----------------------------------------------------------------------------------------

    def _hears(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"} or message.text.startswith(_NO_WORKER):
            return
        answered = _STATUS_NOTE.search(message.text)
        if answered and (int(answered["status"]) < _BROKEN or self.expects_no_line):
            return  # an answer like 422 is on purpose: what it says is judged as a page
        if self.expects_no_line and any(each in message.text for each in _WITHOUT_A_LINE):
            return
        self.noticed.append(f"console: {message.text}")

    def _asks(self, request: Request) -> None:
        if not request.url.startswith((self.server.origin, "data:", "blob:", *self.server.friends)):
            self.noticed.append(f"another origin: {request.url}")

    def _answers(self, response: Response) -> None:
        if response.status >= _BROKEN and not self.expects_no_line:
            self.noticed.append(f"{response.status}: {response.url}")

    def complains_of(self, what: str) -> bool:
        """Whether this was noticed by now; forgets it, for it was planted."""
        self.page.wait_for_timeout(200)
        noticed, self.noticed = self.noticed, []
        return any(one.startswith(what) for one in noticed)

    # --- what is seen -------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Where the window stands."""
        return urlsplit(self.page.url).path

    @property
    def is_ours(self) -> bool:
        """Whether the page is the product's, not the practice world's."""
        return not self.path.startswith("/practice/")

    @property
    def heading(self) -> str:
        """The page's heading, without readings."""
        words: list[str] = self.page.get_by_role("heading", level=1).evaluate_all(_BARE)
        return words[0]

    @property
    def words(self) -> str:
        """All that can be read on the page, without readings and blanks."""
        text: str = self.page.locator("body").evaluate(
            """(body) => {
                const readings = [...body.querySelectorAll("rt, rp")];
                readings.forEach((one) => { one.hidden = true; one.style.display = "none"; });
                const text = body.innerText.replace(/[\\s\\u200b]+/g, "");
                readings.forEach((one) => { one.hidden = false; one.style.display = ""; });
                return text;
            }"""
        )
        return text

    def shows(self, css: str) -> bool:
        """Whether there is such an element."""
        return self.page.locator(css).count() > 0

    def cookies(self) -> dict[str, str]:
        """Return the cookies that the browser holds."""
        return {each["name"]: each["value"] for each in self.context.cookies()}

    def takes_cookie(self, name: str, value: str) -> None:
        """Set a cookie of the server."""
        self.context.add_cookies([{"name": name, "value": value, "url": self.server.origin}])

    def reads(self, *sentences: str) -> None:
        """Find each of these on the page."""
        words = self.words
        for sentence in sentences:
            assert bare(sentence) in words, f"「{sentence}」 is not on 「{self.heading}」: {words}"

    def does_not_read(self, *sentences: str) -> None:
        """Find none of these on the page."""
        words = self.words
        for sentence in sentences:
            assert bare(sentence) not in words, f"「{sentence}」 is on 「{self.heading}」"

    def stands_at(self, heading: str) -> None:
        """Have this page before one's eyes."""
        assert self.heading == heading, f"stands at 「{self.heading}」 ({self.page.url}), not at 「{heading}」"

    def find(self, role: str, words: str, within: Locator | None = None) -> Locator:
        """Return the control with these words, whatever readings stand above them."""
        roles: Any = role
        candidates = (within or self.page).get_by_role(roles)
        names: list[str] = candidates.evaluate_all(_BARE)
        sought = bare(words)
        places = [name == sought for name in names] if sought in names else [name.startswith(sought) for name in names]
        assert any(places), f"no {role} 「{words}」 on 「{self.heading}」: {names}"
        return candidates.nth(places.index(True))

    def choice(self, question: str, answer: str) -> Locator:
        """Return the row of one answer to one question."""
        groups = self.page.locator("fieldset")
        legends: list[str] = groups.locator("legend").evaluate_all(_BARE)
        place = next((place for place, legend in enumerate(legends) if legend.startswith(bare(question))), None)
        assert place is not None, f"nothing asks 「{question}」: {legends}"
        rows = groups.nth(place).locator("label")
        words: list[str] = rows.evaluate_all(_BARE)
        return rows.nth(words.index(bare(answer)))

    @property
    def questions(self) -> list[str]:
        """What the page asks, in its order."""
        found: list[str] = self.page.locator("fieldset legend").evaluate_all(_BARE)
        return found

    # --- what is done -------------------------------------------------------------------------------------------

    def opens(self, address: str) -> None:
        """Open an address, as the camera, the icon or a bookmark does."""
        self.page.goto(address if address.startswith("http") else self.server.origin + address)
        self.skips_the_pause()
        self.looks_it_over()

    def taps_on(self, what: Locator) -> None:
        """Tap on something that stays on this page."""
        self.taps += self.is_ours
        what.tap()

    def presses(self, words: str, *, role: str = "button") -> None:
        """Press a button and arrive on the page it leads to."""
        button = self.find(role, words)
        with self.arrives():
            self.taps_on(button)

    def follows(self, words: str) -> None:
        """Follow a link."""
        self.presses(words, role="link")

    def answers(self, question: str, answer: str) -> None:
        """Choose one of the answers to a question."""
        self.taps_on(self.choice(question, answer))

    def unfolds(self, words: str) -> None:
        """Open what is folded away."""
        folded = self.page.locator("summary")
        names: list[str] = folded.evaluate_all(_BARE)
        self.taps_on(folded.nth(next(place for place, name in enumerate(names) if name.startswith(bare(words)))))

    def fills_in(self, label: str, text: str) -> None:
        """Type something."""
        self.page.get_by_label(label, exact=True).fill(text)

    @contextmanager
    def arrives(self) -> Iterator[None]:
        """Wait until what happens inside has led to a page, and look that over."""
        with self.page.expect_navigation(wait_until="load"):
            yield
        self.skips_the_pause()
        self.looks_it_over()

    def skips_the_pause(self) -> None:
        """Let the time be over in which a page takes no press: tests of other things have nothing to wait for."""
        self.page.evaluate(UNPAUSED)

    def passes_by(self) -> None:
        """Answer each page that no story tells: every question with its first answer."""
        for _ in untold(lambda: self.path):
            for group in self.page.locator("fieldset").all():
                group.locator("label").first.tap()
            with self.arrives():
                self.page.locator(".kz-form > .kz-button").last.tap()

    def hurries_to_the_card(self, *, over_40: bool, reference: str = "") -> None:
        """Make the way to the card unseen: other stories walk it step by step."""
        unseen = Unseen(self.context, self.server.origin)
        unseen.comes_to_the_card(f"/f/{self.server.link}", over_40=over_40, reference=reference)
        self.opens("/visit")

    def hurries_through_the_app(self, app: str, who: str) -> None:
        """Go through the practice app to its good end unseen, and come back."""
        self.opens(Unseen(self.context, self.server.origin).goes_through_the_app(app, who))

    # --- what is judged -----------------------------------------------------------------------------------------

    def looks_it_over(self) -> None:
        """Judge the page at hand: always what can be measured at once, closely what is new."""
        if not self.judges:
            return
        seen = craft.seen(self._enlarged(), ours=self.is_ours)
        found = seen.complaints + (craft.moving(self.page) if self.look.still else [])
        place = re.sub(r"/[\w-]{10,}", "/-", self.path), seen.title, self.look.forced_colors
        new = [kind for kind in seen.kinds if self._judged.is_new(*place, kind)]
        if new:
            found += self._looks_closely()
        if self.is_tabbed:
            found += craft.ways_of_focus(self.page)
        found += self.noticed
        self.noticed = []
        assert not found, f"「{seen.title}」 ({self.look}, {self.page.url}): {found}"

    def _enlarged(self) -> Page:
        if self.look.large_text:
            self.page.evaluate(craft.DOUBLE)
        return self.page

    def _looks_closely(self) -> list[str]:
        """Ask axe, in light and in dark, and measure the page in every other size."""
        self._scripts(on=True)
        found = craft.violations(self.page)
        if not self.look.forced_colors:  # there the person's own colours hold
            self.page.emulate_media(color_scheme="light" if self.look.dark else "dark")
            found += [f"the other colours: {one}" for one in craft.pale_letters(self.page)]
            self.page.emulate_media(color_scheme="dark" if self.look.dark else "light")
        self._scripts(on=self.look.scripts)
        return found + self._measured_in_every_size()

    def _measured_in_every_size(self) -> list[str]:
        """Measure the page as other phones would show it, and put everything back."""
        found = []
        for look in SQUEEZED:
            self._is_as_large_as(look)
            is_enlarged = look.large_text and not self.look.large_text
            wrong = craft.complaints_at(self.page, look.width, ours=self.is_ours, enlarged=is_enlarged)
            found += [f"{look}: {one}" for one in wrong]
        self._is_as_large_as(self.look)
        return found

    def _is_as_large_as(self, look: Look) -> None:
        """Change the screen alone: the driver's own way moves the window too."""
        is_mobile = self.look.settings["is_mobile"]
        is_upright = is_mobile and look.height > look.width
        kind, angle = "portraitPrimary" if is_upright else "landscapePrimary", 90 if is_mobile and not is_upright else 0
        screen = {"width": look.width, "height": look.height, "screenWidth": look.width, "screenHeight": look.height}
        how = {"mobile": is_mobile, "deviceScaleFactor": 1, "screenOrientation": {"type": kind, "angle": angle}}
        self._wires[self.page].send("Emulation.setDeviceMetricsOverride", {**screen, **how})
        self._tell(self.page, "Emulation.resetPageScaleFactor")

    def is_ready_for_dead_zones(self) -> None:
        """Wait until the service worker looks after this page, and keeps what it shows without a line."""
        if not self.page.evaluate(_WORKER_IN_CHARGE, PATIENCE):  # it began while the page was on its way
            self.opens(self.page.url)
        assert self.page.evaluate(_WORKER_IN_CHARGE, PATIENCE)

    def tries(self, words: str) -> None:
        """Press a button while nothing gets through; the page stays."""
        self.taps_on(self.find("button", words))

    def presses_twice(self, words: str) -> None:
        """Press a button twice, as trembling fingers do."""
        button = self.find("button", words)
        with self.arrives():
            button.evaluate("(button) => { button.click(); button.click(); }")

    def lets_time_pass(self, seconds: int) -> None:
        """Show the page as it looks so many seconds after it was opened."""
        self.page.evaluate(
            "(ms) => document.getAnimations().forEach((one) => { one.currentTime = ms })", 1000 * seconds
        )

    def ask_chromium(self, question: str) -> dict[str, Any]:
        """Ask the browser itself."""
        return self._wires[self.page].send(question)

    @property
    def letter_size(self) -> float:
        """How large letters are, in pixels."""
        return float(self.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)"))

    @property
    def readings(self) -> int:
        """How many words have their reading above them."""
        return self.page.locator("rt").count()

    def shows_soon(self, sentence: str) -> None:
        """Wait for a sentence that comes without anybody pressing."""
        expect(self.page.locator("body")).to_contain_text(sentence, timeout=PATIENCE)


def new_phone(browser: Browser, server: Server, look: Look, judged: Judged) -> Phone:
    """Return a phone that has never been here."""
    workers: Literal["allow", "block"] = "allow" if server.has_worker else "block"
    return Phone(browser.new_context(**look.settings, service_workers=workers), server, look, judged)


OpenProfile: TypeAlias = Callable[..., AbstractContextManager[Phone]]
"""Opens a browser that keeps its profile on disk: `with open_profile(server, folder) as phone`."""
