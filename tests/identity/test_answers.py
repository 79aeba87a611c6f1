"""Whatever comes back, or does not, is a page of ours: the choices are kept, nothing is claimed, the next tap is there."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl, urlencode, urlsplit

import anyio
import pytest
from structlog.testing import capture_logs

from app.main import PRACTICE_STATION
from app.rules.record.event import EventType
from app.rules.visit.visit import Registration
from app.tokens import Purpose
from tests.adapters.oidc.test_handoff_faults import OUTCOMES
from tests.identity.patient import ISSUER, Bedside, changed
from tests.practice import fault as faults
from tests.practice.fault import OF_THE_LINE, ON_THE_WAY_BACK, REFUSALS, Fault, misbehave
from tests.web.bedside.nurse import StillClock
from tests.web.bedside.page import Page

NOT_RECEIVED = "本人確認の結果を受け取れませんでした"
NOT_OURS = "この訪問のものと確かめられませんでした"
CANCELLED = "アプリで「やめる」が押されました"
LOCKED = "暗証番号がロックされています"
NO_WAY = "アプリへの道を、用意し直します"

OF_THE_AUTHORIZATION = (
    # RFC 6749, section 4.1.2.1
    "invalid_request",
    "unauthorized_client",
    "access_denied",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    # OpenID Connect Core, section 3.1.2.6
    "interaction_required",
    "login_required",
    "account_selection_required",
    "consent_required",
    "invalid_request_uri",
    "invalid_request_object",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
)
STRANGE = (
    "interaction_required ",
    "ACCESS_DENIED",
    "x" * 2_000,
    "<script>alert(1)</script>",
    "エラー",
    "\u202e\ud7ff\x7f",
    "{{ 7 * 7 }}",
    "%s%n",
)


@pytest.fixture(autouse=True)
def _a_short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 1.0)


async def is_unproven(bedside: Bedside) -> None:
    """Nothing was taken for proven, and what the patient chose is as it was chosen."""
    visit = await bedside.visit()
    assert (visit.registration, visit.subject) == (Registration.NONE, "")
    assert visit.answers["consent"]["surgery"] == "decline"
    assert visit.answers["consent"]["clinical_drug"] == "agree"


async def proves_after_all(bedside: Bedside) -> None:
    """The next try, with a provider that does everything right, is taken."""
    misbehave(bedside.provider, Fault.NONE)
    await bedside.get("/visit/handoff")
    await bedside.get(await bedside.taps())
    assert (await bedside.visit()).registration is Registration.PROVEN


def claims_nothing(page: Page) -> None:
    for never in ("登録完了", "登録されました", "登録したと"):
        assert never not in page.text


# --- error= -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [*OF_THE_AUTHORIZATION, *STRANGE])
async def test_every_error_is_a_page_with_the_choices_kept(bedside: Bedside, error: str) -> None:
    await bedside.confirmed(surgery="decline")
    said = {"error": error, "error_description": "why <b>not</b>", "error_uri": "https://elsewhere.example/"}
    page = await bedside.get(f"/return?{urlencode({**said, 'state': bedside.state})}")
    assert (page.status, page.path) == (200, "/visit/handoff")
    is_stopped = error == "access_denied"
    assert (CANCELLED if is_stopped else NOT_RECEIVED) in page.text
    kept = "残っています。" if is_stopped else "残っています。登録は、まだです。もう一度お願いします"
    assert kept in page.text
    claims_nothing(page)
    for theirs in (*said.values(), "not</b>", "elsewhere"):
        assert theirs not in page.source
    await is_unproven(bedside)
    await proves_after_all(bedside)


@pytest.mark.parametrize(
    ("description", "says"),
    [
        ("", CANCELLED),
        ("cancelled", CANCELLED),
        ("pin_locked", LOCKED),
        ("card_unreadable", "カードを読み取れませんでした"),
        ("certificate_expired", "期限が切れています"),
        ("something nobody has told us of", CANCELLED),
        ("unknown", CANCELLED),
    ],
)
async def test_why_it_was_stopped_is_said_if_it_is_known(bedside: Bedside, description: str, says: str) -> None:
    await bedside.confirmed(surgery="decline")
    said = {"error": "access_denied", "error_description": description, "state": bedside.state}
    page = await bedside.get(f"/return?{urlencode({name: value for name, value in said.items() if value})}")
    assert (page.status, page.path) == (200, "/visit/handoff")
    assert says in page.text
    await is_unproven(bedside)
    await proves_after_all(bedside)


async def test_an_error_wins_over_a_code_beside_it(bedside: Bedside) -> None:
    await bedside.confirmed(surgery="decline")
    page = await bedside.get(changed(await bedside.taps(), error="access_denied"))
    assert CANCELLED in page.text
    await is_unproven(bedside)


async def test_an_error_is_taken_once(bedside: Bedside) -> None:
    await bedside.confirmed(surgery="decline")
    address = f"/return?{urlencode({'error': 'access_denied', 'state': bedside.state})}"
    await bedside.get(address)
    page = await bedside.get(address, expect=400)
    assert NOT_OURS in page.text
    await is_unproven(bedside)
    await proves_after_all(bedside)


# --- what the provider does wrong ---------------------------------------------------------------------------

TOLD: dict[Fault, str] = {
    **dict.fromkeys(Fault, NOT_RECEIVED),
    Fault.NONE: "",
    Fault.ACCESS_DENIED: LOCKED,
    **dict.fromkeys(ON_THE_WAY_BACK, ""),
}
"""What the page says of a fault in the token or at the token endpoint; nothing where all went well."""


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_at_the_token_endpoint_is_a_page_and_the_next_try_works(bedside: Bedside, fault: Fault) -> None:
    await bedside.confirmed(surgery="decline")
    misbehave(bedside.provider, fault)
    back = await bedside.taps()
    with capture_logs() as lines:
        page = await bedside.get(back)
    said = [f"{line['event']} {line['reason']}" for line in lines if line["event"].startswith("identity")]
    assert said == [f"identity {OUTCOMES[fault]}"] * OUTCOMES[fault].startswith(("refused", "unavailable"))
    claims_nothing(page)
    if not TOLD[fault]:
        assert (await bedside.visit()).registration is Registration.PROVEN
        return
    assert (page.status, page.path) == (200, "/visit/handoff")
    assert TOLD[fault] in page.text
    await is_unproven(bedside)
    await proves_after_all(bedside)


@pytest.mark.parametrize("fault", REFUSALS)
async def test_an_error_instead_of_the_app_is_a_page(bedside: Bedside, fault: Fault) -> None:
    await bedside.confirmed(surgery="decline")
    misbehave(bedside.provider, fault, at="back")
    page = await bedside.get(await bedside.taps())
    assert (page.status, page.path) == (200, "/visit/handoff")
    assert (CANCELLED if fault is Fault.ACCESS_DENIED else NOT_RECEIVED) in page.text
    assert "signs" not in page.source
    await is_unproven(bedside)
    await proves_after_all(bedside)


@pytest.mark.threat("T06")
@pytest.mark.parametrize("fault", ON_THE_WAY_BACK)
async def test_a_return_that_is_not_what_was_sent_out_is_a_page(bedside: Bedside, fault: Fault) -> None:
    await bedside.confirmed(surgery="decline")
    misbehave(bedside.provider, fault, at="back")
    address = await bedside.taps()
    if fault is Fault.ANOTHER_CODE:  # it came with the right state: only the exchange can tell
        assert NOT_RECEIVED in (await bedside.get(address)).text
    else:
        page = await bedside.get(address, expect=400)
        assert NOT_OURS in page.text
        assert "えらんだ内容は、残っています。登録は、まだです。" in page.text
        assert page.link("もう一度") == "/visit/handoff"
    await is_unproven(bedside)
    await proves_after_all(bedside)


@pytest.mark.parametrize("fault", OF_THE_LINE)
async def test_while_the_provider_is_away_no_link_is_shown_and_asking_again_is_one_tap(
    bedside: Bedside, fault: Fault
) -> None:
    misbehave(bedside.provider, fault, at="discovery")
    page = await bedside.confirmed(surgery="decline")
    assert (page.status, page.path) == (200, "/visit/handoff")
    assert NO_WAY in page.text
    assert "マイナアプリを開く" not in page.text
    misbehave(bedside.provider, Fault.NONE)
    await bedside.press("/visit/handoff", again="yes")
    await proves_after_all(bedside)


@pytest.mark.parametrize("fault", OF_THE_LINE)
async def test_without_the_providers_keys_nobody_is_proven(bedside: Bedside, fault: Fault) -> None:
    await bedside.confirmed(surgery="decline")
    misbehave(bedside.provider, fault, at="jwks")
    page = await bedside.get(await bedside.taps())
    assert NOT_RECEIVED in page.text
    await is_unproven(bedside)
    await proves_after_all(bedside)


async def test_a_new_key_of_the_provider_goes_unnoticed(bedside: Bedside, clock: StillClock) -> None:
    await bedside.confirmed()
    await proves_after_all(bedside)
    for rotate in (bedside.provider.provider.rotate, bedside.provider.provider.rotate_under_one_name):
        rotate()
        await bedside.confirmed()
        await proves_after_all(bedside)
        clock.pass_(60)


# --- state, issuer, code ------------------------------------------------------------------------------------


@pytest.mark.threat("T06")
@pytest.mark.parametrize(
    "values",
    [
        {"state": ""},
        {"state": "x"},
        {"state": "." * 300},
        {"code": ""},
        {"code": "x" * 2_049},
        {"iss": "https://elsewhere.example/realms/main"},
        {"iss": f"{ISSUER}/"},
        {"iss": ISSUER.upper()},
    ],
    ids=lambda values: "-".join(f"{name}:{value[:24]}" for name, value in values.items()),
)
async def test_a_mangled_return_is_a_page_and_spends_nothing(bedside: Bedside, values: dict[str, str]) -> None:
    await bedside.confirmed(surgery="decline")
    address = await bedside.taps()
    page = await bedside.get(changed(address, **values), expect=400)
    assert NOT_OURS in page.text
    await is_unproven(bedside)
    await bedside.get(address)
    assert (await bedside.visit()).registration is Registration.PROVEN, "the true return still counts"


async def test_an_issuer_that_names_itself_rightly_and_what_nobody_knows_is_welcome(bedside: Bedside) -> None:
    await bedside.confirmed()
    await bedside.get(changed(await bedside.taps(), iss=ISSUER, session_state="abc", further="1"))
    assert (await bedside.visit()).registration is Registration.PROVEN


@pytest.mark.threat("T06")
async def test_a_state_of_another_visit_or_of_before_is_refused(bedside: Bedside) -> None:
    await bedside.confirmed()
    old = await bedside.taps()
    await bedside.confirmed(surgery="decline")
    page = await bedside.get(old, expect=400)
    assert NOT_OURS in page.text
    await is_unproven(bedside)


@pytest.mark.threat("T06")
async def test_after_ten_minutes_a_state_is_too_old(bedside: Bedside, clock: StillClock) -> None:
    await bedside.confirmed(surgery="decline")
    address = await bedside.taps()
    clock.pass_(600)
    await bedside.get(address, expect=400)
    await is_unproven(bedside)
    page = await bedside.get("/visit/handoff")
    assert NO_WAY in page.text
    await bedside.press("/visit/handoff", again="yes")
    await proves_after_all(bedside)


@pytest.mark.threat("T06")
async def test_a_state_of_another_purpose_is_refused(bedside: Bedside) -> None:
    await bedside.confirmed(surgery="decline")
    address, visit = await bedside.taps(), await bedside.visit()
    other = bedside.kazasu.signer.sign(Purpose.STATION, visit.departure, visit.id)
    await bedside.get(changed(address, state=other), expect=400)
    await is_unproven(bedside)


@pytest.mark.threat("T06")
async def test_a_return_in_another_browser_is_a_page_and_takes_nothing(bedside: Bedside) -> None:
    await bedside.confirmed()
    address = await bedside.taps()
    async with Bedside(bedside.kazasu, bedside.provider) as stranger:
        page = await stranger.get(address, expect=410)
        assert "ほかのブラウザで始めた訪問かもしれません" in page.text
        await stranger.confirmed(surgery="decline")
        await stranger.get(address, expect=400)
        await is_unproven(stranger)
    await bedside.get(address)
    assert (await bedside.visit()).registration is Registration.PROVEN


@pytest.mark.threat("T06")
async def test_a_code_comes_twice_and_counts_once(bedside: Bedside) -> None:
    await bedside.confirmed()
    address = await bedside.taps()
    await bedside.get(address)
    before = await bedside.visit()
    page = await bedside.get(address)
    assert (page.status, page.path) == (200, "/visit/hand-over")
    assert await bedside.visit() == before


@pytest.mark.threat("T06")
async def test_twenty_returns_at_once_are_one(bedside: Bedside) -> None:
    await bedside.confirmed()
    address = await bedside.taps()
    async with anyio.create_task_group() as race:
        for _ in range(20):
            race.start_soon(bedside.http.get, address)
    found = [each.entry.type async for each in bedside.kazasu.store.export(PRACTICE_STATION.id)]
    assert (found.count(EventType.RETURNED), found.count(EventType.IDENTIFIED)) == (1, 1)


@pytest.mark.threat("T06")
async def test_the_code_of_another_person_proves_nobody_here(bedside: Bedside) -> None:
    """Code injection: a stranger's true code, with our true state, was made for another nonce and verifier."""
    async with Bedside(bedside.kazasu, bedside.provider) as stranger:
        await stranger.confirmed()
        theirs = dict(parse_qsl(urlsplit(await stranger.taps("見本　二郎")).query))["code"]
    await bedside.confirmed(surgery="decline")
    page = await bedside.get(f"/return?{urlencode({'code': theirs, 'state': bedside.state})}")
    assert NOT_RECEIVED in page.text
    await is_unproven(bedside)


async def test_a_provider_that_never_answers_keeps_nobody_waiting(
    bedside: Bedside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 30.0)
    await bedside.confirmed(surgery="decline")
    misbehave(bedside.provider, Fault.SLOW)
    began = asyncio.get_running_loop().time()
    page = await bedside.get(await bedside.taps())
    assert NOT_RECEIVED in page.text
    assert asyncio.get_running_loop().time() - began < 5
    await is_unproven(bedside)
