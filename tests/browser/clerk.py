"""The office in the words of its clerk, at a desk with a screen, a mouse and a keyboard, or with only the keyboard."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Locator, expect

from app.rules.station.account import Account, Role, SignIn
from app.rules.station.station import Link, Printed, Station, new_token
from app.tokens import Sealed, new_secret
from tests.browser import craft
from tests.browser.phone import Judged, Look, Phone
from tests.browser.server import Server
from tests.browser.unseen import bare

OFFICIAL: Final = "https://reception.example.go.jp/houmon/start?k=abc123"
PASSWORD: Final = "aoi-sora-to-shiroi-kumo"
SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STUB_PRINT: Final = "globalThis.timesPrinted = 0; globalThis.print = () => { timesPrinted += 1; };"
"""The browser's own dialogue would stop a test; what counts is that it was asked for."""
_FOCUS: Final = Path(__file__).with_name("focus.js").read_text(encoding="utf-8")
_SHEET: Final = re.compile(r"/office/(memo$|prints/(entry|official)/|leaflet$|(consents|visits/[^/]+)/print)")
_HAS_FOCUS: Final = "(element) => element === document.activeElement"
_RING: Final = 3.9
_MOST_STEPS: Final = 90
_numbers = itertools.count(1)


@dataclass(frozen=True)
class DeskLook(Look):
    """The office's screen: wide, with a mouse."""

    name: str = "1389×868"
    width: int = 1389
    height: int = 868

    @property
    def settings(self) -> dict[str, Any]:
        """What the browser is told about it."""
        return {**super().settings, "is_mobile": False, "has_touch": False}


class Desk(Phone):
    """A browser window in the office. It counts what one clicks and fills in; nothing is tapped."""

    def __init__(self, browser: Browser, server: Server, look: Look, judged: Judged) -> None:
        """Open a window in which nobody is signed in."""
        context = browser.new_context(**look.settings, service_workers="block")
        context.add_init_script(STUB_PRINT)
        super().__init__(context, server, look, judged)
        self.clicks = 0
        """Clicks and field entries."""

    @property
    def is_ours(self) -> bool:
        """Not the bedside: here stand fields for passwords and codes."""
        return False

    def taps_on(self, what: Locator) -> None:
        """Click."""
        self.clicks += 1
        what.click()

    def fills_in(self, label: str, text: str) -> None:
        """Click into a field and type: one entry."""
        self.clicks += 1
        self.field(label).fill(text)

    def field(self, label: str) -> Locator:
        """Return the field with this label."""
        return self.page.get_by_label(label, exact=True)

    def looks_it_over(self) -> None:
        """Judge an office page; the printed sheets are judged where they are at home."""
        if _SHEET.match(self.path):
            return
        # What htmx is still exchanging is paler until it has settled.
        expect(self.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
        super().looks_it_over()
        title, heading = bare(self.page.title()), self.heading
        assert title.removeprefix("エラー：").startswith(heading), f"the title {title} does not begin with {heading}"

    def _looks_closely(self) -> list[str]:
        """Everything from the ordinary desk; from another one only what axe finds as the page stands there."""
        if self.look == DeskLook():
            return super()._looks_closely()
        self._scripts(on=True)
        found = craft.violations(self.page)
        self._scripts(on=self.look.scripts)
        return found

    @property
    def times_printed(self) -> int:
        """How often this page has opened the browser's dialogue."""
        return int(self.page.evaluate("timesPrinted"))

    @property
    def has_focus_on_the_error(self) -> bool:
        """Whether the summary of what is wrong has taken the focus."""
        return bool(self.page.locator(".kz-errors").evaluate(_HAS_FOCUS))

    def stays(self) -> None:
        """Mark this page, so that one can tell whether another one has come."""
        self.page.evaluate("globalThis.marked = true")

    @property
    def has_stayed(self) -> bool:
        """Whether this is still the page that was marked."""
        return bool(self.page.evaluate("globalThis.marked === true"))


class KeyboardDesk(Desk):
    """The same without a mouse: everything is reached by Tab, with a ring that can be seen."""

    def taps_on(self, what: Locator) -> None:
        """Go there and press it."""
        self.clicks += 1
        self.goes_to(what)
        is_ticked = what.evaluate("(element) => ['checkbox', 'radio'].includes(element.type)")
        self.page.keyboard.press("Space" if is_ticked else "Enter")

    def fills_in(self, label: str, text: str) -> None:
        """Go to the field and type."""
        self.clicks += 1
        self.goes_to(self.field(label))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def goes_to(self, what: Locator) -> None:
        """Press Tab until it has the focus; every stop on the way shows its ring."""
        for _ in range(_MOST_STEPS):
            self.page.keyboard.press("Tab")
            at: dict[str, Any] | None = self.page.evaluate(_FOCUS, "here")
            assert at is None or at["ring"] >= _RING, f"no ring: {at}"
            assert at is None or not at["covered"], f"covered: {at}"
            if what.evaluate(_HAS_FOCUS):
                return
        raise AssertionError(f"{what} is not reached by Tab on 「{self.heading}」")


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in."""

    login: str
    name: str
    role: Role
    facility: Station
    id: str


class Clerk:
    """Somebody of an office of their own, so that no test finds another one's prints."""

    def __init__(self, desk: Desk, *, role: Role = Role.ADMIN) -> None:
        """Open a station with its entry, and an account in it."""
        self.desk = desk
        self.server = desk.server
        number = next(_numbers)
        facility = Station(f"office{number}", "あおば台訪問看護ステーション", "9960000009", "03-0000-0001")
        link = Link(new_token(), facility.id, 1, self.server.clock.now())
        self.server.ask(self.server.kazasu.store.add_facility(facility, link))
        self.person = self._joined(facility, role)

    def _joined(self, facility: Station, role: Role) -> Person:
        kazasu, login = self.server.kazasu, f"clerk{next(_numbers)}"
        password = self.server.ask(kazasu.desk.secrets.hashed(PASSWORD))
        totp, now = kazasu.desk.sealer.seal(Sealed.ONE_TIME, SECRET), self.server.clock.now()
        account = Account(new_secret(), login, "青葉 しおり", password, totp, created_at=now)
        self.server.ask(kazasu.desk.office.add(account, facility.id, role))
        return Person(login, account.name, role, facility, account.id)

    def brings_a_colleague(self, role: Role = Role.STAFF) -> Person:
        """Give somebody else of the station an account."""
        return self._joined(self.person.facility, role)

    def also_belongs_to(self, facility: Station) -> None:
        """Work for a second station too."""
        self.server.ask(self.server.kazasu.desk.office.add_member(self.person.id, facility.id, self.person.role))

    # --- signing in ---------------------------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """What the authenticator shows now."""
        return self.server.kazasu.desk.secrets.code(SECRET, self.server.clock.now())

    def waits_for_the_next_code(self) -> None:
        """Wait half a minute: a code counts once."""
        self.server.clock.ahead += 30

    def enters(self, *, person: Person | None = None, password: str = PASSWORD, at: str = "/office") -> None:
        """Open a page of the office and sign in on the way."""
        self.desk.opens(at)
        self.signs_in(person=person, password=password)

    def signs_in(self, *, person: Person | None = None, password: str = PASSWORD) -> None:
        """Fill in the three fields and press ログイン."""
        self.desk.fills_in("名前（ログイン用）", (person or self.person).login)
        self.desk.fills_in("パスワード", password)
        self.desk.fills_in("コード", self.code)
        self.desk.presses("ログイン")

    def comes_in_unseen(self, person: Person | None = None) -> None:
        """Stand in the office without the way there, which other stories walk."""
        desk, who = self.server.kazasu.desk, person or self.person
        now = self.server.clock.now()
        begun = SignIn(new_secret(), "", who.id, who.facility.id, full=True, opened_at=now, used_at=now)
        signed, secret = desk.under_new_secret(begun)
        self.server.ask(desk.office.sign_in(signed))
        self.desk.takes_cookie(desk.cookie, secret)

    # --- what a clerk does --------------------------------------------------------------------------------------

    def pastes(self, address: str) -> None:
        """Paste an official address and have it looked at."""
        self.desk.opens("/office/links")
        self.desk.fills_in("URLを貼りつける", address)
        self.desk.presses("URLを確かめる")

    def confirms_the_host(self, host: str) -> None:
        """Compare the host in large letters, and say that it is right."""
        self.desk.stands_at("この住所で合っていますか")
        assert bare(self.desk.page.locator(".kz-host").inner_text()) == host
        self.desk.presses("合っています")

    def takes_in_the_official_address(self, address: str = OFFICIAL) -> None:
        """Paste it and confirm its host."""
        self.pastes(address)
        self.confirms_the_host(address.split("/")[2])
        self.desk.reads("公式のURLを替えました")

    def replaces_the_entry(self) -> None:
        """Read what will stop, tick that it was read, and replace the entry."""
        self.desk.opens("/office/links")
        self.desk.follows("入口を新しくする")
        self.desk.taps_on(self.desk.field("使えなくなるものを確かめました"))
        self.desk.presses("入口を新しくする")
        self.desk.reads("入口を新しくしました")

    def prints(self, sheet: str) -> None:
        """Print one of the sheets of the list."""
        self.desk.opens("/office/prints")
        self.desk.presses(f"印刷する：{sheet}")

    def invites(self, name: str) -> str:
        """Invite somebody; return the one-time address."""
        self.desk.opens("/office/accounts")
        self.desk.fills_in("お名前", name)
        self.desk.taps_on(self.desk.page.locator("input[name=role][value=staff]"))
        self.desk.presses("招待を作る")
        self.desk.reads(f"{name} さんの招待ができました")
        return self.desk.field("招待のURL").input_value()

    def has_printed(self, count: int) -> None:
        """Let so many prints stand in the list, one a minute; the oldest has the most copies."""
        office, now = self.server.kazasu.desk.office, self.server.clock.now()
        for number in range(count, 0, -1):
            kept = ("entry", 1, "poster", number, now - 60 * number, self.person.name)
            self.server.ask(office.print(Printed(new_secret(), self.person.facility.id, *kept)))
