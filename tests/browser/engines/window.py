"""A browser window of another engine, in which nurse and patient act as on a `Phone`.

What is found is found by one script, marked, and then pressed by the engine itself. Errors of scripts and violations of
the content policy are collected by a listener in each page.
"""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Page
from selenium.webdriver.remote.webdriver import WebDriver
from typing_extensions import override

from tests.browser.craft import DOUBLE
from tests.browser.lines import MEASURE, Breaks, judged
from tests.browser.phone import UNPAUSED, Look
from tests.browser.server import Server
from tests.browser.unseen import bare, untold

PATIENCE: Final = 10.0
"""Seconds after which a press that leads nowhere is a failure."""
WATCH: Final = """
globalThis.kazasuNoticed = [];
addEventListener("error", (event) => kazasuNoticed.push(`script: ${event.message}`));
addEventListener("unhandledrejection", (event) => kazasuNoticed.push(`script: ${event.reason}`));
addEventListener("securitypolicyviolation", (event) => kazasuNoticed.push(`content policy: ${event.violatedDirective}`));
"""
_LEFT: Final = "globalThis.kazasuLeft = true"
_ARRIVED: Final = (
    "location.protocol !== 'about:' && document.readyState === 'complete'"
    " && !globalThis.kazasuLeft && !document.documentElement.hidden"
)
"""Firefox stands at `about:blank` for a moment when it takes another process for another origin."""
_BARE: Final = """(element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("rt, rp, script, style").forEach((one) => one.remove());
    return copy.textContent.replace(/[\\s\\u200b]+/g, "");
}"""
_MARK: Final = """((css, words, within) => {
    const bare = BARE;
    document.querySelectorAll("[data-found]").forEach((one) => one.removeAttribute("data-found"));
    const group = within && [...document.querySelectorAll("fieldset")].find((one) =>
        bare(one.querySelector("legend")).startsWith(within));
    const all = [...(group || document).querySelectorAll(css)].filter((one) => one.getClientRects().length);
    const names = all.map(bare);
    const found = all[names.indexOf(words)] ?? all.find((_, place) => names[place].startsWith(words));
    found?.setAttribute("data-found", "");
    return found ? "" : `no ${css} 「${words}」: ${names}`;
})""".replace("BARE", _BARE)
_MIDDLE: Final = """(() => {
    const marked = document.querySelector("[data-found]");
    marked.scrollIntoView({ block: "nearest" });
    const { left, top, width, height } = marked.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
})()"""
_PROMISES: Final = re.compile(r"\basync\b|\.then\(")
_CSS: Final = {"button": "button, [role=button]", "link": "a[href]", "answer": "label", "fold": "summary"}


class Window(ABC):
    """One window, held by whoever acts."""

    engine: str

    def __init__(self, server: Server, look: Look) -> None:
        self.server = server
        self.look = look
        self.noticed: list[str] = []
        """What went wrong unseen."""

    # --- what an engine does ------------------------------------------------------------------------------------

    @abstractmethod
    def goes_to(self, address: str) -> None:
        """Load an address."""

    @abstractmethod
    def asks(self, script: str) -> Any:
        """Return the value of an expression in the page, once it is there."""

    @abstractmethod
    def presses_what_is_marked(self) -> None:
        """Press the marked element as a pointer does."""

    @abstractmethod
    def moves(self, where: Literal["back", "forward"]) -> None:
        """Go through the history."""

    @abstractmethod
    def cookies(self) -> dict[str, str]:
        """Return the cookies of the server."""

    @abstractmethod
    def takes_cookie(self, name: str, value: str) -> None:
        """Set a cookie of the server."""

    @abstractmethod
    def pictures(self, target: Path) -> None:
        """Save what is seen."""

    @abstractmethod
    def prints(self, target: Path) -> None:
        """Print the page at hand into a PDF."""

    # --- what people do -----------------------------------------------------------------------------------------

    def opens(self, address: str) -> None:
        """Open an address, as the camera, the icon or a bookmark does."""
        self.goes_to(address if address.startswith("http") else self.server.origin + address)
        self.settles()

    def settles(self) -> None:
        """Wait for the page, and let the time be over in which it takes no press."""
        self.waits_for(_ARRIVED)
        self.asks(f"({UNPAUSED})()")

    def waits_for(self, condition: str) -> None:
        """Wait until an expression holds."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if self.asks(condition):
                    return
            except Exception:  # noqa: BLE001, S110 - the page went away while it was asked; each engine says so otherwise
                pass
            time.sleep(0.02)
        raise AssertionError(f"{self.url}: never {condition}")

    @contextmanager
    def arrives(self) -> Iterator[None]:
        """Wait until what happens inside has led to another page."""
        self.listens()
        self.asks(_LEFT)
        yield
        self.settles()

    def listens(self) -> None:
        """Take what the page's listeners have noticed."""
        self.noticed += self.asks("globalThis.kazasuNoticed?.splice(0) ?? ['no listener']")

    def find(self, role: str, words: str, within: str = "") -> str:
        """Mark the control with these words, whatever readings stand above them."""
        lacking = self.asks(f"{_MARK}({json.dumps(_CSS[role])}, {json.dumps(bare(words))}, {json.dumps(bare(within))})")
        assert not lacking, f"{self.heading}: {lacking}"
        return words

    def taps_on(self, _: str) -> None:
        """Tap on what was found last."""
        self.presses_what_is_marked()

    def presses(self, words: str, *, role: str = "button") -> None:
        """Press a button and arrive on the page it leads to."""
        self.find(role, words)
        with self.arrives():
            self.presses_what_is_marked()

    def passes_by(self) -> None:
        """Answer each page that no story tells: every question with its first answer."""
        for _ in untold(lambda: self.path):
            self.asks("document.querySelectorAll('fieldset').forEach((one) => one.querySelector('label').click())")
            self.asks("document.querySelector('.kz-form > .kz-button').setAttribute('data-found', '')")
            with self.arrives():
                self.presses_what_is_marked()

    def follows(self, words: str) -> None:
        """Follow a link."""
        self.presses(words, role="link")

    def answers(self, question: str, answer: str) -> None:
        """Choose one of the answers to a question."""
        self.find("answer", answer, within=question)
        self.presses_what_is_marked()

    def unfolds(self, words: str) -> None:
        """Open what is folded away."""
        self.find("fold", words)
        self.presses_what_is_marked()

    def fills_in(self, label: str, text: str) -> None:
        """Write something into a field."""
        self.asks(
            f"""(() => {{ const field = [...document.querySelectorAll("label")].find((one) =>
            one.textContent.replaceAll("\\u200b", "").trim().startsWith({json.dumps(label)})).control;
            field.value = {json.dumps(text)}; field.dispatchEvent(new Event("input", {{ bubbles: true }})); }})()"""
        )

    def goes_back(self) -> None:
        """Go back as a thumb does."""
        self._goes("back")

    def goes_forward(self) -> None:
        """Go forward as a thumb does."""
        self._goes("forward")

    def _goes(self, where: Literal["back", "forward"]) -> None:
        self.moves(where)
        self.waits_for("document.readyState === 'complete' && !document.documentElement.hidden")

    # --- what people see ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the window stands."""
        return str(self.asks("location.href"))

    @property
    def path(self) -> str:
        """The same without what follows."""
        return urlsplit(self.url).path

    @property
    def heading(self) -> str:
        """The page's heading, without readings."""
        return str(self.asks("[...document.querySelectorAll('h1')].map(" + _BARE + ")[0] ?? ''"))

    @property
    def words(self) -> str:
        """All that stands on the page, without readings and blanks."""
        return str(self.asks(f"({_BARE})(document.body)"))

    @property
    def questions(self) -> list[str]:
        """What the page asks, in its order."""
        found: list[str] = self.asks(f"[...document.querySelectorAll('fieldset legend')].map({_BARE})")
        return found

    def breaks(self, width: int, *, doubled: bool = False) -> Breaks:
        """Return how the lines of the page break in this width (px), with letters twice as large if `doubled`."""
        style = "document.documentElement.style"
        self.asks(f"void ({style}.width = '{width}px')")
        if doubled:
            self.asks(f"({DOUBLE})()")
        runs = self.asks(f"({MEASURE})()")
        self.asks(f"void ({style}.width = {style}.fontSize = '')")
        return judged(runs)

    def breaks_of(self, addresses: Sequence[str], sizes: Sequence[tuple[int, bool]]) -> list[list[Breaks]]:
        """Return how the lines of other pages break, in each size: their contents take the place of this page's."""
        found = self.asks(
            f"""(async () => {{
                const style = document.documentElement.style;
                const read = async (address) =>
                    new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
                const contents = await Promise.all({json.dumps([*addresses])}.map(read));
                return {json.dumps([*sizes])}.map(([width, doubled]) => {{
                    style.width = `${{width}}px`;
                    style.fontSize = "";
                    if (doubled) ({DOUBLE})();
                    return contents.map((page) => {{
                        const has_readings = page.documentElement.hasAttribute("data-ruby");
                        document.documentElement.toggleAttribute("data-ruby", has_readings);
                        document.querySelector("main").replaceWith(document.importNode(page.querySelector("main"), true));
                        return ({MEASURE})();
                    }});
                }});
            }})()"""
        )
        return [[judged(runs) for runs in page] for page in zip(*found, strict=True)]

    def shows(self, css: str) -> bool:
        """Whether there is such an element."""
        return bool(self.asks(f"Boolean(document.querySelector({json.dumps(css)}))"))

    def stands_at(self, heading: str) -> None:
        """Have this page before one's eyes."""
        assert self.heading == bare(heading), f"stands at 「{self.heading}」 ({self.url}), not at 「{heading}」"

    def reads(self, *sentences: str) -> None:
        """Find each of these on the page."""
        words = self.words
        for sentence in sentences:
            assert bare(sentence) in words, f"「{sentence}」 is not on 「{self.heading}」: {words}"


class PlaywrightWindow(Window):
    """A window of Firefox or Chromium."""

    def __init__(self, engine: str, context: BrowserContext, server: Server, look: Look) -> None:
        super().__init__(server, look)
        self.engine = engine
        self.context = context
        context.set_default_timeout(1000 * PATIENCE)
        context.add_init_script(WATCH)
        self.page: Page = context.new_page()

    @override
    def goes_to(self, address: str) -> None:
        self.page.goto(address)

    @override
    def asks(self, script: str) -> Any:
        try:
            return self.page.evaluate(script)
        except Error:  # the page went away while it was asked: a page from memory reloads itself
            self.page.wait_for_load_state()
            return self.page.evaluate(script)

    @override
    def presses_what_is_marked(self) -> None:
        x, y = self.asks(_MIDDLE)
        self.page.mouse.click(x, y)

    @override
    def moves(self, where: Literal["back", "forward"]) -> None:
        with suppress(Error):  # it may be gone before it can answer
            self.page.evaluate(f"history.{where}()")
        self.page.wait_for_timeout(100)

    @override
    def cookies(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.context.cookies()}

    @override
    def takes_cookie(self, name: str, value: str) -> None:
        self.context.add_cookies([{"name": name, "value": value, "url": self.server.origin}])

    @override
    def pictures(self, target: Path) -> None:
        self.page.screenshot(path=target)

    @override
    def prints(self, target: Path) -> None:
        self.page.pdf(path=target, prefer_css_page_size=True, print_background=True)


class WebKitWindow(Window):
    """A window of WebKitGTK, driven over WebDriver."""

    engine = "webkit"

    def __init__(self, driver: WebDriver, server: Server, look: Look) -> None:
        super().__init__(server, look)
        self.driver = driver

    @override
    def goes_to(self, address: str) -> None:
        self.driver.get(address)

    @override
    def asks(self, script: str) -> Any:
        if not _PROMISES.search(script):
            return self.driver.execute_script(f"return ({script})")
        # It is never answered where the page goes away meanwhile: only what has to wait is asked in this way.
        return self.driver.execute_async_script(f"Promise.resolve({script}).then(arguments[arguments.length - 1])")

    @override
    def presses_what_is_marked(self) -> None:
        self.driver.find_element("css selector", "[data-found]").click()

    @override
    def moves(self, where: Literal["back", "forward"]) -> None:
        self.driver.back() if where == "back" else self.driver.forward()

    @override
    def cookies(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.driver.get_cookies()}

    @override
    def takes_cookie(self, name: str, value: str) -> None:
        if not self.url.startswith(self.server.origin):  # it takes cookies of the page at hand alone
            self.goes_to(f"{self.server.origin}/offline")
        self.driver.add_cookie({"name": name, "value": value, "path": "/"})

    @override
    def pictures(self, target: Path) -> None:
        self.driver.save_screenshot(str(target))

    @override
    def prints(self, target: Path) -> None:
        self.asks(f"webkit.messageHandlers.print.postMessage({json.dumps(str(target))})")
        until = time.monotonic() + PATIENCE
        while not (target.exists() and target.read_bytes().rstrip().endswith(b"%%EOF")):
            assert time.monotonic() < until, "nothing was printed"
            time.sleep(0.05)
