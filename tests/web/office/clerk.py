"""Somebody of the office in a browser without a screen: every page must be well made."""

from __future__ import annotations

import html
from typing import Any

import httpx
from sqlalchemy import select

from app.adapters.sql.schema.conventions import metadata
from app.main import PRACTICE_STATION, Kazasu
from app.web.office.desk import TOUCH, PracticeAccount
from tests.web.bedside.nurse import commits, must_be_guarded
from tests.web.bedside.page import Page

ORIGIN = "http://localhost:8000"
BROWSER = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (Windows) Chrome/150"}
STEP = 30


class Clerk:
    """Drives one browser through the office."""

    def __init__(self, kazasu: Kazasu, origin: str = ORIGIN) -> None:
        """Open a browser."""
        self.kazasu = kazasu
        headers = {**BROWSER, "Origin": origin}
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(kazasu.asgi), base_url=origin, headers=headers)
        self.page: Page | None = None
        self.looked_at = kazasu.clock.now()

    def _read(self, answer: httpx.Response, expect: int) -> Page:
        page = Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)
        assert page.status == expect, (page.status, str(answer.url), page.title if page.source else "")
        must_be_guarded(answer)
        if "text/html" in answer.headers.get("content-type", ""):
            complaints = page.complaints()
            assert complaints == [], (answer.url.path, complaints)
        self.page = page
        return page

    async def get(self, address: str, *, expect: int = 200) -> Page:
        """Open a page, going where it sends us."""
        before, last, self.looked_at = commits(self.kazasu), self.looked_at, self.kazasu.clock.now()
        answer = await self.http.get(html.unescape(address), follow_redirects=True)
        touches = int(abs(self.looked_at - last) >= TOUCH)
        assert commits(self.kazasu) - before <= touches, f"looking at {address} wrote something"
        return self._read(answer, expect)

    async def send(self, address: str, fields: dict[str, str], *, expect: int = 200, **more: Any) -> Page:
        """Send a form as it is, going where that leads."""
        answer = await self.http.post(address, data=fields, follow_redirects=True, **more)
        return self._read(answer, expect)

    async def press(self, action: str, /, *, expect: int = 200, nth: int = 0, **given: Any) -> Page:
        """Fill in the form of the page at hand and send it."""
        assert self.page is not None
        return await self.send(action, {**self.page.form_fields(action, nth), **given}, expect=expect)

    def token(self) -> str:
        """Return what the forms of this browser's sign-in carry, at the practice station."""
        return self.kazasu.signer.form(f"{self.http.cookies.get('office') or ''}\0{PRACTICE_STATION.id}")

    # --- signing in ---------------------------------------------------------------------------------------------

    def account(self, login: str) -> PracticeAccount:
        """Return a practice account."""
        return next(each for each in self.kazasu.desk.practice if each.login == login)

    def code(self, login: str) -> str:
        """Return the one-time code that the practice account's authenticator shows now."""
        return self.kazasu.desk.secrets.code(self.account(login).totp, self.kazasu.clock.now())

    async def signs_in(self, who: str, to: str = "/office", *, expect: int = 200, **given: Any) -> Page:
        """Sign in with what is right, but for what is given."""
        right = {"login": who, "password": self.account(who).password, "code": self.code(who)}
        await self.get(f"/office/sign-in?next={to}")
        return await self.press("/office/sign-in", expect=expect, **{**right, **given})


def everything(kazasu: Kazasu) -> str:
    """Return all that the database holds, as its words stand in it."""
    office: Any = kazasu.desk.office
    return "\n".join(str(office.database.rows(select(table))) for table in metadata.sorted_tables)
