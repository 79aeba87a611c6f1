"""A bedside on the identity route: our pages in one browser, the provider's app on the same phone."""

from __future__ import annotations

from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from markupsafe import escape

from app.adapters.oidc.client_keys import KeyRing
from app.main import PRACTICE_STATION, Kazasu
from app.ports.outside import Clock
from app.ports.store import Departure
from app.practice.app import PracticeWorld, create_practice
from app.rules.record.evidence import hashed
from app.rules.station.station import Official
from app.rules.visit.visit import Visit
from app.tokens import Sealed
from tests.adapters.samples import visit_of
from tests.practice.fault import FaultyMyna
from tests.practice.world import Browser, answer_in, tapped
from tests.web.bedside.nurse import Nurse, must_be_guarded
from tests.web.bedside.page import Page

ORIGIN = "https://kazasu.example"
AT = "https://app.example"
ISSUER = f"{AT}/practice/myna"
CLIENT = "RP00000001"
RETURN = f"{ORIGIN}/return"
OFFICIAL = "https://reception.example.jp/r/abc123?facility=xyz"
HERE = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


def a_provider(ring: KeyRing, clock: Clock) -> PracticeWorld:
    """Return a provider of its own at another origin, where the key that signs now is registered."""
    with patch("app.practice.app.Myna", FaultyMyna):
        return create_practice(
            origin=AT,
            client_id=CLIENT,
            client_jwk=ring.signing().as_dict(private=False),
            redirect_uri=RETURN,
            api_key="not used on this route",
            station=PRACTICE_STATION,
            clock=clock,
            static=lambda name: f"/static/{name}",
            words=escape,
        )


class Bedside(Nurse):
    """A nurse and a patient with one phone, over TLS as far as the pages can tell."""

    def __init__(self, kazasu: Kazasu, provider: PracticeWorld) -> None:
        super().__init__(kazasu)
        self.provider = provider
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(kazasu.asgi), base_url=ORIGIN, headers=HERE)

    def _read(self, answer: httpx.Response, expect: int) -> Page:
        page = Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)
        assert page.status == expect, (page.status, answer.url.path, page.title if page.source else "")
        must_be_guarded(answer)
        assert page.complaints() == [], answer.url.path
        assert "Traceback" not in page.source
        self.page = page
        return page

    async def send(
        self, address: str, fields: dict[str, str], *, expect: int = 200, headers: dict[str, str] | None = None
    ) -> Page:
        return await super().send(address, fields, expect=expect, headers=HERE if headers is None else headers)

    @property
    def out(self) -> str:
        """The link to the app on the page at hand."""
        assert self.page is not None
        return next(href for each in self.page.root.all("a") if (href := each.attrs["href"]).startswith(AT))

    @property
    def state(self) -> str:
        """What has to come back with the person."""
        return answer_in(self.out)["state"]

    async def taps(self, who: str = "練習　花子") -> str:
        """Tap the card in the app; return the address that leads back."""
        return await tapped(self.provider.app, self.out, who)

    async def presses_in_the_app(self, *labels: str) -> str:
        """Press these in the app; return the address that leads back."""
        browser = Browser(self.provider.app)
        await browser.open(self.out)
        for label in labels:
            await browser.press(label)
        return browser.came_back

    async def comes_back(self, who: str = "練習　花子") -> Page:
        await self.get(await self.taps(who))
        return await self.press("/visit/hand-over")

    async def visit(self) -> Visit:
        """The visit as the store has it."""
        found = await visit_of(self.kazasu.store, hashed(self.http.cookies["__Host-visit"]))
        assert found is not None
        return found

    async def departure(self) -> Departure:
        """The way out as the store has it."""
        found = await self.kazasu.store.departure((await self.visit()).departure)
        assert found is not None
        return found

    async def enters_the_official_address(self) -> None:
        """Let the office enter where registrations are made."""
        desk = self.kazasu.desk
        sealed = desk.sealer.seal(Sealed.ADDRESS, OFFICIAL)
        host = urlsplit(OFFICIAL).hostname or ""
        new = Official(PRACTICE_STATION.id, 0, sealed, host, OFFICIAL[-4:], "", desk.clock.now())
        await desk.office.replace_official(new)


def changed(address: str, **values: str) -> str:
    """Return a return address with some parameters changed; an empty value takes one out."""
    params = dict(parse_qsl(urlsplit(address).query)) | values
    return "/return?" + urlencode({name: value for name, value in params.items() if value})
