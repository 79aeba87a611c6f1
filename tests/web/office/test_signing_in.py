"""Signing in: who comes in, who does not, for how long, and that nothing tells the two apart from outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.main import Kazasu
from app.rules.record.evidence import hashed
from app.rules.station.account import ABSOLUTE, IDLE
from app.web.office import desk
from app.web.office.desk import LIVE, TOUCH, inside
from app.web.office.signin import TRIES
from tests.web.bedside.nurse import StillClock, commits
from tests.web.office.authenticator import Authenticator
from tests.web.office.clerk import ORIGIN, STEP, Clerk, everything
from tests.web.office.test_doors import enrolling


def is_signed_in(clerk: Clerk) -> bool:
    return clerk.page is not None and clerk.page.path == "/office"


async def test_name_password_and_code_open_the_office(clerk: Clerk) -> None:
    page = await clerk.signs_in("sakura")
    assert (page.path, page.h1) == ("/office", "はじめの画面")
    cookie = next(each for each in clerk.http.cookies.jar if each.name == "office")
    assert cookie.has_nonstandard_attr("HttpOnly")


@pytest.mark.parametrize(
    "wrong",
    [{"password": "renshu-0000-0000-0000"}, {"code": "000000"}, {"login": "nobody"}, {"login": ""}, {"code": ""}],
    ids=str,
)
async def test_anything_wrong_is_said_in_the_same_words(clerk: Clerk, wrong: dict[str, str]) -> None:
    page = await clerk.signs_in("sakura", expect=422, **wrong)
    assert "名前、パスワード、コードのどれかがちがいます" in page.text
    assert "office" not in clerk.http.cookies
    assert page.source.count(clerk.account("sakura").password) == 1  # the practice note, not the field


@pytest.mark.threat("T15")
async def test_whether_an_account_exists_changes_neither_work_nor_words(
    kazasu: Kazasu, clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[int] = []
    hasher: Any = getattr(kazasu.desk.secrets, "_hasher")  # noqa: B009 - private on purpose
    right = type(hasher).verify

    def counted(self: Any, kept: str, password: str) -> bool:
        worked.append(len(kept))
        return bool(right(self, kept, password))

    monkeypatch.setattr(type(hasher), "verify", counted)
    known = await clerk.signs_in("sakura", expect=422, password="wrong-wrong-wrong")
    unknown = await clerk.signs_in("sakura", expect=422, login="nobody", password="wrong-wrong-wrong")
    assert len(worked) == 2
    assert worked[0] == worked[1]
    varying = re.compile(r'name="(?:challenge|login)" value="[^"]*"|value="(?:sakura|nobody)"|data-options="[^"]*"')
    assert varying.sub("", known.source) == varying.sub("", unknown.source)


async def test_a_code_counts_once(browser: Callable[[], Clerk], clock: StillClock) -> None:
    first, second = browser(), browser()
    code = first.code("sakura")
    await first.signs_in("sakura", code=code)
    await second.signs_in("sakura", expect=422, code=code)
    clock.pass_(STEP)
    await second.signs_in("sakura", expect=422, code=code)  # the one before is still near enough, but used
    await second.signs_in("sakura")
    assert is_signed_in(second)


async def test_an_older_code_than_the_last_one_is_refused(browser: Callable[[], Clerk], clock: StillClock) -> None:
    one, two = browser(), browser()
    before = one.code("sakura")
    clock.pass_(STEP)
    await one.signs_in("sakura")
    await two.signs_in("sakura", expect=422, code=before)


async def test_who_tries_too_often_waits(clerk: Clerk, clock: StillClock) -> None:
    for _ in range(TRIES):
        await clerk.signs_in("sakura", expect=422, password="wrong-wrong-wrong")
    page = await clerk.signs_in("sakura", expect=429)
    assert "15分ほど休みます" in page.text
    page = await clerk.signs_in("sakura", expect=422, login="haru", password="wrong-wrong-wrong")
    clock.pass_(15 * 60)
    await clerk.signs_in("sakura")
    assert is_signed_in(clerk)


@pytest.mark.parametrize(("waits", "in_time"), [(IDLE - 1, True), (IDLE, False)])
async def test_a_sign_in_lasts_fifteen_minutes_to_the_second(
    admin: Clerk, clock: StillClock, waits: int, *, in_time: bool
) -> None:
    clock.pass_(waits)
    page = await admin.get("/office/links")
    assert (page.path == "/office/links") is in_time


@pytest.mark.parametrize(("late", "in_time"), [(-1, True), (0, False)])
async def test_a_sign_in_lasts_twelve_hours_to_the_second(
    admin: Clerk, clock: StillClock, late: int, *, in_time: bool
) -> None:
    passed = 0
    while passed + IDLE - 1 < ABSOLUTE + late:
        clock.pass_(IDLE - 1)
        passed += IDLE - 1
        await admin.get("/office")
    clock.pass_(ABSOLUTE + late - passed)
    page = await admin.get("/office/links")
    assert (page.path == "/office/links") is in_time


async def test_after_the_pause_one_comes_back_to_the_same_place(admin: Clerk, clock: StillClock) -> None:
    clock.pass_(IDLE)
    page = await admin.get("/office/prints?only=dead")
    assert page.path == "/office/sign-in"
    to = page.form_fields("/office/sign-in")["next"]
    assert to == "/office/prints?only=dead"
    page = await admin.press(
        "/office/sign-in", login="sakura", password=admin.account("sakura").password, code=admin.code("sakura")
    )
    assert page.path == "/office/prints"


async def test_a_page_that_looks_for_news_keeps_nobody_signed_in(admin: Clerk, clock: StillClock) -> None:
    clock.pass_(IDLE - 1)
    answer = await admin.http.get("/office/prints", headers={"Kazasu-Live": "1"})
    assert answer.status_code == 200
    clock.pass_(1)
    assert (await admin.http.get("/office/prints", headers={"Kazasu-Live": "1"})).status_code == 204
    assert (await admin.get("/office")).path == "/office/sign-in"


async def test_a_part_of_a_page_asks_the_whole_page_to_sign_in(admin: Clerk, clock: StillClock) -> None:
    clock.pass_(IDLE)
    answer = await admin.http.get("/office/prints?only=dead", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == "/office/sign-in?next=/office/prints%3Fonly%3Ddead"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/office",
        "/office//evil.example",
        "/office/../visit",
        "/office/x/../../visit",
        "/office/second-factor",
        "/office\\evil",
        "/officeevil",
        "/office/sign-out",
        "/office/sign-in",
        "/office?next=//evil.example",
        "javascript:alert(1)",
        "/office/\r\nSet-Cookie: a=b",
        "",
    ],
)
async def test_no_way_leads_out_of_the_office(clerk: Clerk, address: str) -> None:
    assert inside(address) == "/office"
    await clerk.get("/office/sign-in")
    page = await clerk.press(
        "/office/sign-in",
        next=address,
        login="sakura",
        password=clerk.account("sakura").password,
        code=clerk.code("sakura"),
    )
    assert page.path == "/office"


async def test_signing_out_is_dead_on_the_server(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    kept = admin.http.cookies["office"]
    await admin.press("/office/sign-out")
    thief = browser()
    thief.http.cookies.set("office", kept)
    assert (await thief.get("/office")).path == "/office/sign-in"


async def test_the_cookie_changes_at_each_sign_in_and_the_old_one_is_dead(
    admin: Clerk, browser: Callable[[], Clerk], clock: StillClock
) -> None:
    kept = admin.http.cookies["office"]
    clock.pass_(STEP)
    admin.http.headers["Cookie"] = f"office={kept}"
    clock.pass_(IDLE)
    del admin.http.headers["Cookie"]
    await admin.signs_in("sakura")
    assert admin.http.cookies["office"] != kept
    thief = browser()
    thief.http.cookies.set("office", kept)
    assert (await thief.get("/office")).path == "/office/sign-in"


async def test_a_form_of_another_browser_is_refused(admin: Clerk, staff: Clerk) -> None:
    await staff.get("/office")
    assert staff.page is not None
    token = staff.page.form_fields("/office/sign-out")["token"]
    await admin.send("/office/links/checked", {"token": token, "which": "entry"}, expect=403)


# --- recovery codes ---------------------------------------------------------------------------------------------


async def recovery_codes(clerk: Clerk) -> list[str]:
    await clerk.get("/office/account")
    page = await clerk.press("/office/account/recovery")
    return [each.text for each in page.root.all("code")]


async def test_a_recovery_code_counts_once(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    codes = await recovery_codes(admin)
    assert len(set(codes)) == 10
    one, two = browser(), browser()
    await one.signs_in("sakura", code=codes[0].upper())
    assert is_signed_in(one)
    await two.signs_in("sakura", expect=422, code=codes[0])
    await two.signs_in("sakura", code=codes[1])
    assert "残り8個" in (await two.get("/office/account")).text


async def test_new_recovery_codes_kill_the_old_ones(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    old = await recovery_codes(admin)
    await recovery_codes(admin)
    await browser().signs_in("sakura", expect=422, code=old[0])


async def test_no_secret_is_kept_as_it_is(admin: Clerk, kazasu: Kazasu) -> None:
    codes = await recovery_codes(admin)
    dump = everything(kazasu)
    account = admin.account("sakura")
    for secret in (account.password, account.totp, admin.http.cookies["office"], *codes):
        assert secret not in dump
        assert secret.replace("-", "") not in dump
    assert hashed(admin.http.cookies["office"]) in dump


# --- passkeys ---------------------------------------------------------------------------------------------------


def options(clerk: Clerk, which: str) -> str:
    assert clerk.page is not None
    return next(
        each.attrs["data-options"] for each in clerk.page.root.all("button") if each.attrs.get("data-passkey") == which
    )


async def with_passkey(admin: Clerk) -> Authenticator:
    device = Authenticator(ORIGIN, "localhost")
    await admin.get("/office/account")
    page = await admin.press("/office/account/passkey", credential=device.create(options(admin, "create")))
    assert "パスキー" in page.text
    return device


async def test_a_passkey_opens_the_office_by_itself(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    device = await with_passkey(admin)
    one = browser()
    await one.get("/office/sign-in")
    page = await one.press("/office/sign-in/passkey", credential=device.get(options(one, "get")))
    assert page.path == "/office"
    assert "事務 さくら" in page.text


async def test_an_answer_of_a_passkey_counts_once(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    device = await with_passkey(admin)
    one, two = browser(), browser()
    page = await one.get("/office/sign-in")
    sent = {**page.form_fields("/office/sign-in/passkey"), "credential": device.get(options(one, "get"))}
    await one.send("/office/sign-in/passkey", sent)
    page = await two.send("/office/sign-in/passkey", sent, expect=422)
    assert "パスキーを確かめられませんでした" in page.text


async def test_a_removed_passkey_is_dead(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    device = await with_passkey(admin)
    await admin.get("/office/account")
    await admin.press("/office/account/passkey/remove")
    one = browser()
    await one.get("/office/sign-in")
    await one.press("/office/sign-in/passkey", expect=422, credential=device.get(options(one, "get")))


@pytest.mark.parametrize("challenge", ["", "x", "bm90IG91cnM.aaaaaa.bbbb"])
async def test_a_challenge_that_is_not_ours_is_refused(
    admin: Clerk, browser: Callable[[], Clerk], challenge: str
) -> None:
    device = await with_passkey(admin)
    one = browser()
    await one.get("/office/sign-in")
    credential = device.get(options(one, "get"))
    await one.press("/office/sign-in/passkey", expect=422, credential=credential, challenge=challenge)


async def test_who_has_stopped_halfway_can_sign_in_after_all(kazasu: Kazasu, clerk: Clerk) -> None:
    await enrolling(kazasu, clerk)
    await clerk.get("/office/sign-in")
    page = await clerk.press(
        "/office/sign-in", login="haru", password=clerk.account("haru").password, code=clerk.code("haru")
    )
    assert page.path == "/office"


async def test_without_scripts_the_cover_comes_by_the_style_sheet(admin: Clerk) -> None:
    page = await admin.get("/office")
    assert "data-cover hidden" in page.source
    sheet = next(each.attrs["href"] for each in page.root.all("link") if "office." in each.attrs["href"])
    assert f"animation: kz-cover 1ms {IDLE}s forwards" in (await admin.http.get(sheet)).text


async def test_a_passkey_that_is_known_is_not_taken_again(admin: Clerk) -> None:
    device = await with_passkey(admin)
    await admin.get("/office/account")
    page = await admin.press("/office/account/passkey", expect=422, credential=device.create(options(admin, "create")))
    assert "パスキーを作れませんでした" in page.text


async def test_what_was_used_is_swept(kazasu: Kazasu, admin: Clerk, clock: StillClock) -> None:
    office: Any = kazasu.desk.office
    assert await office.spend("x", clock.now())
    clock.pass_(8 * 24 * 3600)
    await office.tidy(clock.now())
    assert await office.spend("x", clock.now())
    assert await office.sign_ins(facility="hinatazaka") == ()


# --- looking writes nothing -----------------------------------------------------------------------------------------


async def test_looking_prolongs_a_sign_in_once_a_minute_and_a_page_that_asks_by_itself_never(
    staff: Clerk, kazasu: Kazasu, clock: StillClock
) -> None:
    before = commits(kazasu)
    await staff.get("/office")
    assert commits(kazasu) == before
    clock.pass_(TOUCH)
    await staff.http.get("/office/visits", headers={LIVE: "1"})
    assert commits(kazasu) == before
    for _ in range(2):
        await staff.get("/office")
        assert commits(kazasu) == before + 1


async def test_a_page_that_writes_is_noticed(
    staff: Clerk, kazasu: Kazasu, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "TOUCH", 0)
    with pytest.raises(AssertionError, match="wrote something"):
        await staff.get("/office")
