"""A nurse's browser without a screen: every page it sees must be well made."""

from __future__ import annotations

import html
from typing import Any, Self

import httpx

from app.main import PRACTICE_STATION, Kazasu
from app.rules.record.evidence import hashed
from app.rules.visit.flow import STEPS, path
from app.rules.visit.visit import Visit
from tests.adapters.samples import visit_of
from tests.practice.world import tapped
from tests.rules.visits import NOW, ordinary
from tests.web.bedside.page import Page

ORIGIN = "http://127.0.0.1:8000"
BROWSER = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


class StillClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        """Begin on a day in November 2026."""
        self.at = NOW

    def now(self) -> int:
        """Return the moment."""
        return self.at

    def pass_(self, seconds: int) -> None:
        """Let time go by."""
        self.at += seconds


class Nurse:
    """Drives one browser through the visit."""

    def __init__(self, kazasu: Kazasu, origin: str = ORIGIN) -> None:
        """Open a browser at the address of the server."""
        self.kazasu = kazasu
        self.origin = origin
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(kazasu.asgi), base_url=origin)
        self.page: Page | None = None
        self.token = ""
        self.is_among_others = False
        """Whether others submit at the same time, so that commits say nothing of one page."""

    async def __aenter__(self) -> Self:
        """Find the station's link."""
        link = await self.kazasu.store.live_link(PRACTICE_STATION.id)
        assert link is not None
        self.token = link.token
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the browser."""
        await self.http.aclose()

    def _read(self, answer: httpx.Response, expect: int) -> Page:
        page = Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)
        assert page.status == expect, (page.status, answer.url.path, page.title if page.source else "")
        must_be_guarded(answer)
        if "text/html" in answer.headers.get("content-type", "") and not answer.url.path.startswith("/practice"):
            assert page.complaints() == [], answer.url.path
        self.page = page
        return page

    async def get(self, address: str, *, expect: int = 200) -> Page:
        """Open a page, going where it sends us."""
        before = commits(self.kazasu)
        answer = await self.http.get(html.unescape(address), follow_redirects=True)
        came_back = any(each.url.path == "/return" for each in (*answer.history, answer))
        wrote = commits(self.kazasu) != before
        assert came_back or self.is_among_others or not wrote, f"looking at {address} wrote something"
        return self._read(answer, expect)

    async def send(
        self,
        address: str,
        fields: dict[str, str],
        *,
        expect: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Page:
        """Send a form as it is, going where that leads."""
        own = {**BROWSER, "Origin": self.origin}
        answer = await self.http.post(
            address, data=fields, headers=own if headers is None else headers, follow_redirects=True
        )
        return self._read(answer, expect)

    async def press(self, address: str, *, expect: int = 200, **given: Any) -> Page:
        """Fill in the form of the page at hand and send it."""
        assert self.page is not None
        return await self.send(address, {**self.page.form_fields(address), **given}, expect=expect)

    # --- the ordinary visit ---------------------------------------------------------------------------------------

    async def starts(self) -> Page:
        """Tap はじめる on the station's entry."""
        await self.get(f"/f/{self.token}")
        return await self.send(f"/f/{self.token}", {"start": "1"})

    async def needs(self, *, over_40: bool = True, intent: str = "first", reference: str = "") -> Page:
        """Answer the gate, and go on to the hand-over."""
        await self.starts()
        given: dict[str, Any] = {"over_40": "yes" if over_40 else "no", "intent": intent, "reference": reference}
        return await self.press("/visit/need", **given)

    async def reaches(self, step: str) -> Page:
        """Answer every page before this step's in the ordinary way, and hand the phone over where the flow says so."""
        assert self.page is not None
        while self.page.path != f"/visit/{step}":
            at, visit = self.page.path.removeprefix("/visit/"), await self.visit()
            assert at == "hand-over" or at in {each.id for each in path(visit)}, self.page.path
            given: dict[str, Any] = {} if at == "hand-over" else ordinary(STEPS[at], visit)
            await self.press(self.page.path, **given)
        return self.page

    async def visit(self) -> Visit:
        """Return the visit of this browser as it is stored."""
        found = await visit_of(self.kazasu.store, hashed(self.http.cookies[self.kazasu.desk.bedside.cookie]))
        assert found is not None
        return found

    async def is_ready(self, *, over_40: bool = True) -> Page:
        """Hand the phone to the patient, who answers everything before the choices."""
        await self.needs(over_40=over_40)
        return await self.reaches("consent")

    async def chose(self, *, over_40: bool = True, **choices: Any) -> Page:
        """Let the patient choose; what is not named is agreed to."""
        await self.is_ready(over_40=over_40)
        return await self.press("/visit/consent", **{**self._all(over_40=over_40), **choices})

    @staticmethod
    def _all(*, over_40: bool) -> dict[str, Any]:
        items = ["surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease"]
        return {item: "agree" for item in items if over_40 or item != "health_checkup"}

    async def confirmed(self, *, over_40: bool = True, **choices: Any) -> Page:
        """Let the patient confirm what was chosen: the way to the card is open."""
        await self.chose(over_40=over_40, **choices)
        return await self.press("/visit/check", confirmed="yes")

    async def taps_the_card(self, who: str = "練習　花子") -> str:
        """Walk the practice app to its success and return the address that leads back."""
        assert self.page is not None
        return await tapped(self.kazasu.world.app, self.page.link("アプリを開く"), who)

    async def comes_back(self, who: str = "練習　花子") -> Page:
        """Tap the card, come back, and hand the phone to the nurse."""
        await self.get(await self.taps_the_card(who))
        return await self.press("/visit/hand-over")


def commits(kazasu: Kazasu) -> int:
    """Return how many transactions have been committed."""
    office: Any = kazasu.desk.office
    return int(office.database.writer.commits)


def must_be_guarded(answer: httpx.Response) -> None:
    """Refuse an answer without the headers that every route and status carries."""
    headers = answer.headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-")
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers
    if not answer.url.path.startswith("/static/"):
        assert headers["cache-control"] in {"no-store", "no-cache"}, answer.url.path
