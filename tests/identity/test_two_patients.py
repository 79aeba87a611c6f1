"""Two patients, one phone: the provider's session of the first is alive, and proves nothing about the second.

The provider is an independent, certified implementation in a process of its own. On its page a tap is a button.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import pytest
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from app.adapters.oidc.answers import LEEWAY, Claims
from app.adapters.oidc.check import examine
from app.adapters.oidc.client_keys import KeyRing
from app.adapters.oidc.handoff import OpenIdHandoff
from app.main import PRACTICE_STATION, Kazasu
from app.ports.outside import Declined, Identity
from app.ports.store import Departure
from app.rules.record.event import EventType
from app.rules.visit.visit import Registration
from app.settings import Settings
from tests.adapters.provider import outcome, signed
from tests.identity.patient import AT, CLIENT, RETURN, Bedside
from tests.practice.world import answer_in
from tests.web.bedside.nurse import StillClock

pytestmark = pytest.mark.slow

BEGUN: Final = int(time.time())
"""When the clocks stand at first: a browser measures the life of cookies by the real one."""
TAKES: Final = 5
"""Seconds from a way out to the tap."""
LOST: Final[Mapping[str, str]] = {"max_age": ""}
LOOSE: Final[Mapping[str, str]] = {"max_age": "3600"}
"""A way out that takes a session for an hour: the provider then says when the tap was."""
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]+)"/>')

Stated = dict[str, Any]


# --- the provider, the line to it, and the phone ---


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the one key that the provider knows of us."""
    file = tmp_path_factory.mktemp("keys") / "identity-keys.json"
    KeyRing(file).new(BEGUN)
    return file


@pytest.fixture(scope="module")
def port(kept: Path) -> Iterator[int]:
    """Return where the provider listens, in a process of its own."""
    node = shutil.which("node")
    assert node, "`make test` installs it"
    key = KeyRing(kept).signing().as_dict(private=False)
    agreed = {"issuer": AT, "client_id": CLIENT, "redirect_uri": RETURN, "jwk": key}
    script = Path(__file__).with_name("certified.mjs")
    with subprocess.Popen([node, str(script), json.dumps(agreed)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@dataclass
class There:
    """Where the provider is and what its clock says: so much ahead of ours."""

    port: int
    clock: StillClock
    ahead: int = 0


class Line(httpx.AsyncHTTPTransport):
    """What is sent to the provider's origin arrives at its port: TLS ends before it, as behind any proxy.

    Where `stated` is given, ID tokens after the first one state what it makes of them, signed with a key that the
    provider then seems to publish.
    """

    def __init__(self, there: There, stated: Callable[[Stated, Stated], Stated] | None = None) -> None:
        super().__init__(verify=_NO_TLS)
        self._there, self._stated = there, stated
        self._key = ECKey.generate_key("P-256", auto_kid=True)
        self._first: Stated = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._there.port)
        now = str(self._there.clock.at + self._there.ahead)
        headers = {**request.headers, "X-Forwarded-Proto": "https", "X-Now": now}
        sent = httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)
        answer = await super().handle_async_request(sent)
        if self._stated is None or request.url.path not in {"/jwks", "/token"} or answer.status_code != httpx.codes.OK:
            return answer
        said = json.loads(await answer.aread())
        await answer.aclose()
        return httpx.Response(answer.status_code, json=self._changed(said, self._stated))

    def _changed(self, said: Stated, stated: Callable[[Stated, Stated], Stated]) -> Stated:
        if "keys" in said:
            return {"keys": [*said["keys"], self._key.as_dict(private=False)]}
        claims = json.loads(base64.urlsafe_b64decode(said["id_token"].split(".")[1] + "=="))
        if not self._first:
            self._first = claims
            return said
        found = {name: value for name, value in stated(claims, self._first).items() if value is not None}
        return {**said, "id_token": signed(self._key, found)}


class Phone:
    """The phone's browser at the provider, with its cookies, in the hand of whoever has it."""

    def __init__(self, there: There) -> None:
        self.http = httpx.AsyncClient(transport=Line(there))

    async def opens(self, address: str, form: Mapping[str, str] | None = None) -> str:
        """Go where an address or a form leads: to the page where a card is tapped, or back to us."""
        while not address.startswith(RETURN):
            answer = await self.http.request("POST" if form else "GET", address, data=dict(form) if form else None)
            assert answer.status_code in {200, 303}, answer.text
            if answer.is_redirect:
                address, form = urljoin(address, answer.headers["location"]), None
            elif "document.forms[0].submit()" in answer.text:  # another person is signed out first
                action = re.findall('action="([^"]+)"', answer.text)[0]
                address, form = html.unescape(action), dict(_HIDDEN.findall(answer.text))
            else:
                return address
        return address

    async def taps(self, out: str, form: Mapping[str, str]) -> str:
        """Follow the way out, be asked, and tap or give up; return what leads back."""
        page = await self.opens(out)
        assert is_asked(page), "answered without a tap"
        return await self.opens(page, form)


def is_asked(address: str) -> bool:
    return address.startswith(f"{AT}/tap/")


def changed(out: str, values: Mapping[str, str]) -> str:
    """Return a way out with some parameters changed; an empty value takes one out."""
    url = httpx.URL(out)
    return str(url.copy_with(params={name: value for name, value in {**url.params, **values}.items() if value}))


@pytest.fixture
def clock() -> StillClock:
    """Return our clock: it stands until a test moves it."""
    found = StillClock()
    found.at = BEGUN
    return found


@pytest.fixture
def there(port: int, clock: StillClock) -> There:
    """Return where the provider is; its clock goes with ours."""
    return There(port, clock)


@pytest.fixture
async def phone(there: There) -> AsyncIterator[Phone]:
    """Return the one phone."""
    found = Phone(there)
    async with found.http:
        yield found


# --- variations ---


@dataclass(frozen=True)
class Variation:
    """How the second patient goes, and what comes of it."""

    name: str
    what: str
    apart: int = 40
    """Seconds from the first patient's tap to the second one's way out."""
    ahead: int = 0
    out: Mapping[str, str] = field(default_factory=dict)
    """What is changed in the way out before the provider sees it."""
    taps: Mapping[str, str] = field(default_factory=dict)
    """What is sent from the provider's page, if it asks; nothing if the phone is laid down there."""
    stated: Callable[[Stated, Stated], Stated] | None = None
    """What the ID token states, made of what it would state and of what the first patient's stated."""
    acr_values: str = ""
    is_firsts_code: bool = False
    is_restarted: bool = False


B: Final[Mapping[str, str]] = {"who": "b"}
STOPS: Final[Mapping[str, str]] = {"error": "access_denied"}
VARIATIONS: Final = (
    # for max_age=0 the provider asks, however short ago the first tap was
    Variation("nobody taps", "asked"),
    Variation("nobody taps in the second of the first tap", "asked", apart=0),
    Variation("the second taps", "proven as b", taps=B),
    Variation("the first taps once more", "proven as a", taps={"who": "a"}),
    Variation("the second stops", "declined cancelled", taps=STOPS),
    Variation(
        "the second stops, in words of the provider's own",
        "declined cancelled",
        taps={**STOPS, "error_description": "End-User aborted interaction"},
    ),
    Variation("it may not ask", "declined unknown, refused other", out={"prompt": "none"}),
    # where it does not ask, its token gives it away
    Variation("max_age is lost", "refused auth_time", out=LOST),
    Variation("max_age is lost and it may not ask", "refused auth_time", out={**LOST, "prompt": "none"}),
    Variation("a session is good for an hour", "refused session", out=LOOSE),
    Variation("a second apart", "refused session", out=LOOSE, apart=1),
    Variation("fifty minutes apart", "refused session", out=LOOSE, apart=3000),
    Variation("the provider's clock ahead", "refused session", out=LOOSE, ahead=40),
    Variation("the provider's clock behind", "refused session", out=LOOSE, ahead=-40),
    # what the token of a true tap may say, and what not
    Variation("no auth_time", "refused auth_time", taps=B, stated=lambda now, _: {**now, "auth_time": None}),
    Variation(
        "the first one's auth_time",
        "refused session",
        taps=B,
        stated=lambda now, first: {**now, "auth_time": first["auth_time"]},
    ),
    Variation("auth_time to come", "refused time", taps=B, stated=lambda now, _: {**now, "auth_time": now["iat"] + 9}),
    Variation("auth_time in letters", "refused claims", taps=B, stated=lambda now, _: {**now, "auth_time": "now"}),
    Variation(
        "moments with a fraction",
        "proven as b",
        taps=B,
        stated=lambda now, _: {**now, "auth_time": now["iat"] - 0.5, "exp": now["exp"] + 0.5},
    ),
    Variation("issued long ago", "refused time", taps=B, stated=lambda now, _: {**now, "iat": now["iat"] - 61}),
    Variation(
        "the first one's nonce", "refused claims", taps=B, stated=lambda now, first: {**now, "nonce": first["nonce"]}
    ),
    Variation("the first one's token", "refused claims", taps=B, stated=lambda _, first: first),
    Variation("the first one's code", "refused code", taps=B, is_firsts_code=True),
    Variation(
        "the first one's code after a restart",
        "refused invalid_grant",
        taps=B,
        is_firsts_code=True,
        is_restarted=True,
    ),
    # where a level was asked for
    Variation("the level that was asked for", "proven as b", taps={**B, "acr": "aal3"}, acr_values="aal3 crl"),
    Variation("another level", "refused acr", taps={**B, "acr": "aal1"}, acr_values="aal3 crl"),
    Variation("no level", "refused acr", taps=B, acr_values="aal3 crl"),
)


async def comes_back(handoff: OpenIdHandoff, departure: Departure, address: str) -> Identity:
    """Take what came back, as the pages do."""
    answer = answer_in(address)
    if "error" in answer:
        raise Declined(handoff.declined(answer["error"], answer.get("error_description", "")))
    return await handoff.identify(departure, answer["code"])


@dataclass
class Walk:
    """Two ways out from one phone, one after the other."""

    there: There
    phone: Phone
    kept: Path
    case: Variation

    def __post_init__(self) -> None:
        self.there.ahead = self.case.ahead
        self.line = Line(self.there, self.case.stated)
        self.handoff = self._started()

    def _started(self) -> OpenIdHandoff:
        return OpenIdHandoff(
            issuer=AT,
            client_id=CLIENT,
            redirect_uri=RETURN,
            key=KeyRing(self.kept).signing,
            http=lambda: httpx.AsyncClient(transport=self.line),
            clock=self.there.clock,
            acr_values=self.case.acr_values,
        )

    async def _way_out(self, who: str) -> tuple[Departure, str]:
        verifier = f"verifier-of-{who}".ljust(43, "-")
        departure = Departure("departure", "visit", "session", f"nonce-of-{who}", verifier, self.there.clock.at)
        return departure, await self.handoff.address(departure, f"state-of-{who}")

    async def first(self) -> str:
        """The first patient taps and is proven; return what came back."""
        departure, out = await self._way_out("a")
        self.there.clock.pass_(TAKES)
        back = await self.phone.taps(out, {"who": "a", "acr": self.case.acr_values.partition(" ")[0]})
        assert await comes_back(self.handoff, departure, back) == Identity("a")
        return back

    async def second(self, firsts: str) -> str:
        """The second patient has the phone now; return what is known of them in the end."""
        if self.case.is_restarted:
            self.handoff = self._started()
        departure, out = await self._way_out("b")
        self.there.clock.pass_(TAKES if self.case.apart else 0)
        back = await self.phone.opens(changed(out, self.case.out))
        if is_asked(back):
            if not self.case.taps:
                return "asked"
            back = await self.phone.opens(back, self.case.taps)
        proven: list[Identity] = []

        async def identified() -> Identity:
            proven.append(await comes_back(self.handoff, departure, firsts if self.case.is_firsts_code else back))
            return proven[0]

        said = await outcome(identified())
        return f"{said} as {proven[0].subject}" if proven else said

    async def both(self) -> str:
        """Let both go; return what is known of the second."""
        async with self.line:
            firsts = await self.first()
            self.there.clock.pass_(self.case.apart)
            return await self.second(firsts)


@pytest.mark.threat("T35")
@pytest.mark.threat("T06")
@pytest.mark.parametrize("case", VARIATIONS, ids=lambda case: case.name)
async def test_the_second_patient_is_proven_by_a_tap_of_their_own_or_not_at_all(
    there: There, phone: Phone, kept: Path, case: Variation
) -> None:
    assert await Walk(there, phone, kept, case).both() == case.what


@pytest.mark.parametrize("name", ["a session is good for an hour", "a second apart"])
async def test_the_first_patients_tap_taken_for_the_seconds_is_noticed(
    there: There, phone: Phone, kept: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With a minute's leeway, as it stood here before, whoever has the phone is proven to be the first patient."""

    def is_within_a_minute(token: Claims, seconds: int) -> bool:
        return token.auth_time is not None and token.iat - token.auth_time <= seconds + LEEWAY

    monkeypatch.setattr(Claims, "_is_tapped_within", is_within_a_minute)
    (case,) = (each for each in VARIATIONS if each.name == name)
    assert await Walk(there, phone, kept, case).both() == "proven as a"


async def test_before_the_first_patient_the_check_finds_nothing_wrong(there: There, clock: StillClock) -> None:
    found = await examine(AT, httpx.AsyncClient(transport=Line(there)), clock, 2.0)
    assert [each.says for each in found if not each.is_right] == []
    assert "claims_supported: auth_time among" in " ".join(each.says for each in found)


# --- through the pages ---


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with this provider's name."""
    return settings.model_copy(update={"identity_issuer": AT})


@pytest.fixture
def ring(settings: Settings, kept: Path) -> KeyRing:
    """Return our keys: the one that the provider knows."""
    shutil.copy(kept, settings.identity_keys)
    return KeyRing(settings.identity_keys)


@pytest.fixture
def provider(ring: KeyRing, there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """Join the application to the provider."""
    monkeypatch.setattr("app.main.line", lambda deadline: httpx.AsyncClient(transport=Line(there), timeout=deadline))


async def proofs(kazasu: Kazasu) -> int:
    """How often the record says that somebody was proven."""
    found = [each.entry.type async for each in kazasu.store.export(PRACTICE_STATION.id)]
    return found.count(EventType.IDENTIFIED)


async def is_proven_and_ends(bedside: Bedside, phone: Phone, who: str) -> None:
    """Tap, come back, and end the visit as it is usual."""
    await bedside.get(await phone.taps(bedside.out, {"who": who}))
    visit = await bedside.visit()
    assert (visit.registration, visit.subject) == (Registration.PROVEN, who)
    await bedside.press("/visit/hand-over")
    await bedside.press("/visit/result", report="done")
    await bedside.press("/visit/end")


@pytest.mark.threat("T06")
@pytest.mark.parametrize(("out", "word"), [(LOOSE, "session"), (LOST, "auth_time")])
async def test_on_one_phone_each_visit_asks_for_a_tap_of_its_own(
    bedside: Bedside, kazasu: Kazasu, phone: Phone, clock: StillClock, out: Mapping[str, str], word: str
) -> None:
    await bedside.confirmed()
    await is_proven_and_ends(bedside, phone, "a")
    clock.pass_(40)
    await bedside.confirmed(surgery="decline")
    assert is_asked(await phone.opens(bedside.out))

    back = await phone.opens(changed(bedside.out, out))
    assert back.startswith(RETURN), "the first patient's session is alive"
    with capture_logs() as lines:
        page = await bedside.get(back)
    assert "本人確認の結果を受け取れませんでした" in page.text
    said = [(line["event"], line["reason"]) for line in lines if line["event"].startswith("identity")]
    assert said == [("identity refused", word)]
    visit = await bedside.visit()
    assert (visit.registration, visit.subject) == (Registration.NONE, "")
    assert visit.answers["consent"]["surgery"] == "decline"

    await bedside.get(await phone.taps(bedside.out, {**STOPS, "error_description": "End-User aborted interaction"}))
    assert ((await bedside.visit()).subject, await proofs(kazasu)) == ("", 1)
    await is_proven_and_ends(bedside, phone, "b")
    assert await proofs(kazasu) == 2
