"""Who may open what: every route, every role; nothing of another station; dead on the next request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.main import PRACTICE_STATION, Kazasu
from app.rules.record.evidence import hashed
from app.rules.station.account import IDLE, INVITED, Access, Account, Role
from app.rules.station.station import Link, Printed, Station, new_token
from app.tokens import Sealed, new_secret
from app.web.office.desk import Allowed
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import STEP, Clerk, everything

TABLE = Path(__file__).parent / "roles.txt"
"""Each route with the access that it needs, as a person reads it."""
TAKE_FILES = {"/office/files", "/office/links/official/picture"}
WORDS = {
    "which": "entry",
    "kind": "poster",
    "checklist": "setup",
    "visit": "a" * 22,
    "copy": "r" * 22,
    "file": "b" * 22,
    "key": "KZ0",
    "person": "p" * 22,
}
OPENED = {200, 303, 409, 422}
ROLES = ("nobody", "enrolling", "staff", "admin")
WHO_MAY = {
    Access.NOTHING: set(ROLES),
    Access.ENROLLING: {"enrolling"},
    Access.STAFF: {"staff", "admin"},
    Access.ADMIN: {"admin"},
}


class Door(NamedTuple):
    """A route of the office, as `roles.txt` has it."""

    method: str
    path: str
    need: Access


DOORS = [
    Door(method, path, Access(need))
    for method, path, need in map(str.split, TABLE.read_text(encoding="utf-8").splitlines())
]


def shown(door: Door) -> str:
    return f"{door.method} {door.path}"


def address(door: Door) -> str:
    return re.sub(r"{(\w+)}", lambda found: WORDS[found[1]], door.path)


async def test_every_route_and_who_may_open_it_stands_in_the_table(kazasu: Kazasu) -> None:
    routes = [each for each in kazasu.web.routes if isinstance(each, APIRoute) and each.path.startswith("/office")]
    needs = [(each, list(needed(each.dependant))) for each in routes]
    assert all(len(found) == 1 for _, found in needs), "each route says once who may open it"
    lines = sorted(
        f"{method} {each.path} {need}" for each, (need,) in needs for method in (each.methods or set()) - {"HEAD"}
    )
    assert lines == TABLE.read_text(encoding="utf-8").splitlines()


def needed(dependant: Dependant) -> Iterator[Access]:
    """Yield what access a route's dependencies ask for."""
    for each in dependant.dependencies:
        if isinstance(each.call, Allowed):
            yield each.call.need
        yield from needed(each)


async def enrolling(kazasu: Kazasu, clerk: Clerk) -> None:
    """Let somebody take up an invitation and stop before the second factor."""
    admin = Clerk(kazasu)
    await admin.comes_in_unseen("sakura")
    code = await invited(admin)
    await admin.http.aclose()
    await joins(clerk, code, "kari")


async def invited(admin: Clerk, name: str = "新人 あおい", role: str = "staff") -> str:
    await admin.get("/office/accounts")
    page = await admin.press("/office/accounts/invite", name=name, role=role)
    shown_once = next(each for each in page.root.all("input") if each.attrs.get("id") == "way-in")
    return shown_once.attrs["value"].partition("#")[2]


async def joins(clerk: Clerk, code: str, login: str, *, expect: int = 200) -> None:
    await clerk.get("/office/join")
    given: dict[str, Any] = {
        "invitation": code,
        "login": login,
        "name": "新人 あおい",
        "password": "kamome-ga-sora-wo-tobu",
    }
    await clerk.press("/office/join", expect=expect, **given)


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS, ids=shown)
async def test_every_door_opens_for_whom_the_table_says(
    kazasu: Kazasu, browser: Callable[[], Clerk], door: Door
) -> None:
    for role in ROLES:
        await tries(kazasu, browser(), door, role)


async def tries(kazasu: Kazasu, clerk: Clerk, door: Door, role: str) -> None:
    """Try a door as somebody in this role."""
    if role == "enrolling":
        await enrolling(kazasu, clerk)
    elif role != "nobody":
        await clerk.comes_in_unseen({"staff": "haru", "admin": "sakura"}[role])
    token = clerk.token()
    if door.path in TAKE_FILES and door.method == "POST":
        name = "picture" if door.path.endswith("/picture") else "file"
        answer = await clerk.http.post(address(door), data={"token": token}, files={name: b"x"})
    elif door.method == "POST":
        answer = await clerk.http.post(address(door), data={"token": token, "x": "1"})
    else:
        answer = await clerk.http.get(address(door))
    turned_away = answer.headers.get("location", "").startswith("/office/sign-in")
    turned_away = (turned_away and door.path != "/office/sign-out") or answer.status_code == 403
    # Who is signed in, but not as far as this door needs or further, is sent where they belong.
    sent_to = answer.headers.get("location", "")
    turned_away |= role == "enrolling" and sent_to == "/office/second-factor"
    turned_away |= door.need is Access.ENROLLING and sent_to == "/office"
    assert turned_away is (role not in WHO_MAY[door.need]), answer.status_code
    if not turned_away:
        assert answer.status_code in OPENED | {404}, answer.status_code
    elif role == "staff" and door.need is Access.ADMIN:
        assert "管理者だけ" in answer.text.replace("<ruby>", "")


# --- nothing in the patient's hands --------------------------------------------------------------------------------


@pytest.mark.threat("T25")
async def test_no_door_opens_and_no_form_counts_in_the_patients_hands(kazasu: Kazasu, staff: Clerk) -> None:
    link = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert link is not None
    await staff.get(f"/f/{link.token}")
    await staff.send(f"/f/{link.token}", {"start": "1"})
    await staff.press("/visit/need", over_40="yes", intent="first", reference="")
    await staff.press("/visit/hand-over")
    before, token = everything(kazasu), staff.token()
    for door in DOORS:
        sent: dict[str, Any] = {} if door.method == "GET" else {"data": {"token": token, "name": "x"}}
        answer = await staff.http.request(door.method, address(door), **sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/visit/hand-over"), shown(door)
    assert everything(kazasu) == before


# --- nothing of another station -----------------------------------------------------------------------------------

OTHER = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")


async def another_station(kazasu: Kazasu) -> dict[str, str]:
    """Make a second station with one of everything; return the ids of its things."""
    office, now = kazasu.desk.office, kazasu.clock.now()
    link = Link(new_token(), OTHER.id, 1, now)
    await kazasu.store.add_facility(OTHER, link)
    desk = kazasu.desk
    totp = desk.sealer.seal(Sealed.ONE_TIME, desk.practice[0].totp)
    account = Account(new_secret(), "tonari", "隣 りん", await desk.secrets.hashed("tonari-no-himitsu"), totp)
    await office.add(account, OTHER.id, Role.ADMIN)
    await office.print(Printed("their-print", OTHER.id, "entry", 1, "poster", 3, now, "隣 りん"))
    browser = Clerk(kazasu)
    await browser.get("/office/sign-in")
    code = desk.secrets.code(desk.practice[0].totp, now)
    await browser.press("/office/sign-in", login="tonari", password="tonari-no-himitsu", code=code)
    way_in = await invited(browser)
    await browser.http.aclose()
    found = await office.invitation(hashed(way_in))
    signed = (await office.sign_ins(facility=OTHER.id))[0][0]
    assert found is not None
    return {
        "account": account.id,
        "invitation": found.id,
        "sign_in": signed.id,
        "printed": "their-print",
        "facility": OTHER.id,
        "token": link.token,
        "way_in": way_in,
    }


async def state_of(kazasu: Kazasu) -> list[object]:
    office = kazasu.desk.office
    return [
        await office.people(OTHER.id),
        await office.invitations(OTHER.id),
        await office.sign_ins(facility=OTHER.id),
        await office.prints(OTHER.id),
        await office.links(OTHER.id),
        await office.officials(OTHER.id),
        await office.station(OTHER.id),
    ]


ATTACKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/office/accounts/role", {"role": "staff"}),
    ("/office/accounts/revoke", {}),
    ("/office/accounts/reset", {}),
    ("/office/accounts/invitations", {}),
    ("/office/accounts/sign-ins", {}),
    ("/office/account/sign-ins", {}),
    ("/office/account/passkey/remove", {}),
    ("/office/prints/replaced", {}),
    ("/office/switch", {}),
)


@pytest.mark.parametrize(("path", "more"), ATTACKS, ids=[path for path, _ in ATTACKS])
async def test_no_id_reaches_into_another_station(
    kazasu: Kazasu, admin: Clerk, path: str, more: dict[str, str]
) -> None:
    theirs = await another_station(kazasu)
    before = await state_of(kazasu)
    token = admin.token()
    await admin.http.post(path, data={**theirs, "token": token, **more})
    assert await state_of(kazasu) == before
    page = await admin.get("/office")
    assert "おとなり" not in page.text


async def test_no_page_shows_anything_of_another_station(kazasu: Kazasu, admin: Clerk) -> None:
    theirs = await another_station(kazasu)
    for door in DOORS:
        if door.method == "GET" and door.need in {Access.STAFF, Access.ADMIN}:
            answer = await admin.http.get(address(door))
            for known in (*theirs.values(), OTHER.name, "隣 りん"):
                assert known not in answer.text, door.path


async def test_who_belongs_to_several_switches_and_stays_apart(kazasu: Kazasu, admin: Clerk) -> None:
    theirs = await another_station(kazasu)
    office = kazasu.desk.office
    mine = (await office.account("sakura")) or pytest.fail("no account")
    await office.add_member(mine.id, OTHER.id, Role.STAFF)
    page = await admin.get("/office")
    assert "おとなり" in page.source
    page = await admin.press("/office/switch", facility=OTHER.id)
    assert "おとなり" in page.text
    assert theirs["token"][-4:] in page.text
    await admin.get("/office/accounts", expect=403)  # administrator there, staff here
    await admin.get("/office")
    await admin.press("/office/switch", facility=PRACTICE_STATION.id)
    await admin.get("/office/accounts")


# --- dead on the next request -------------------------------------------------------------------------------------


async def test_a_revoked_account_is_dead_on_the_next_request(kazasu: Kazasu, admin: Clerk, staff: Clerk) -> None:
    await staff.get("/office/prints")
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    await admin.get("/office/accounts")
    await admin.press("/office/accounts/revoke", account=who.id)
    assert (await staff.get("/office/prints")).path == "/office/sign-in"
    kazasu.clock.pass_(STEP)  # type: ignore[attr-defined]
    await staff.signs_in("haru", expect=422)


async def test_a_revoked_sign_in_is_dead_on_the_next_request(kazasu: Kazasu, admin: Clerk, staff: Clerk) -> None:
    signed = next(
        each for each, name in await kazasu.desk.office.sign_ins(facility=PRACTICE_STATION.id) if "はる" in name
    )
    await admin.get("/office/accounts")
    await admin.press("/office/accounts/sign-ins", sign_in=signed.id)
    assert (await staff.get("/office/prints")).path == "/office/sign-in"


async def test_a_lost_role_is_lost_on_the_next_request(
    kazasu: Kazasu, admin: Clerk, browser: Callable[[], Clerk]
) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    await kazasu.desk.office.set_role(PRACTICE_STATION.id, who.id, Role.ADMIN)
    second = browser()
    await second.signs_in("haru")
    await second.get("/office/accounts")
    await admin.get("/office/accounts")
    await admin.press("/office/accounts/role", account=who.id, role="staff")
    await second.get("/office/accounts", expect=403)


@pytest.mark.parametrize("path", ["/office/accounts/revoke", "/office/accounts/role"])
async def test_the_last_administrator_stays(kazasu: Kazasu, admin: Clerk, path: str) -> None:
    who = (await kazasu.desk.office.account("sakura")) or pytest.fail("no account")
    token = admin.token()
    await admin.send(path, {"token": token, "account": who.id, "role": "staff"}, expect=422)
    await admin.get("/office/accounts")


# --- invitations --------------------------------------------------------------------------------------------------


async def second_factor(clerk: Clerk, kazasu: Kazasu) -> list[str]:
    assert clerk.page is not None
    held = clerk.page.form_fields("/office/second-factor")
    secret = kazasu.desk.sealer.open(Sealed.OFFERED, held["offered"])
    code = kazasu.desk.secrets.code(secret, kazasu.clock.now())
    page = await clerk.press("/office/second-factor", code=code)
    return [each.text for each in page.root.all("code")]


async def test_an_invitation_leads_to_an_account_with_two_factors(kazasu: Kazasu, admin: Clerk, clerk: Clerk) -> None:
    await joins(clerk, await invited(admin), "aoi")
    assert clerk.page is not None
    assert clerk.page.path == "/office/second-factor"
    assert (await clerk.get("/office")).path == "/office/second-factor"  # nothing is lost by a wrong turn
    codes = await second_factor(clerk, kazasu)
    assert len(codes) == 10
    assert (await clerk.get("/office")).path == "/office"
    await clerk.get("/office/accounts", expect=403)


async def test_an_invitation_counts_once(admin: Clerk, browser: Callable[[], Clerk]) -> None:
    code = await invited(admin)
    await joins(browser(), code, "aoi")
    await joins(browser(), code, "midori", expect=422)


async def test_a_withdrawn_invitation_is_dead_on_the_next_request(admin: Clerk, clerk: Clerk) -> None:
    code = await invited(admin)
    await admin.get("/office/accounts")
    await admin.press("/office/accounts/invitations")
    await joins(clerk, code, "aoi", expect=422)


@pytest.mark.parametrize(("waits", "status"), [(INVITED - 1, 200), (INVITED, 422)])
async def test_an_invitation_lasts_a_day(
    admin: Clerk, clerk: Clerk, clock: StillClock, waits: int, status: int
) -> None:
    code = await invited(admin)
    clock.pass_(waits)
    await joins(clerk, code, "aoi", expect=status)


async def test_nobody_takes_a_login_that_is_taken(admin: Clerk, clerk: Clerk) -> None:
    code = await invited(admin)
    await joins(clerk, code, "sakura", expect=422)
    await joins(clerk, code, "aoi")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "aoi-aoi-aoi-aoi", "password-password", "x" * 129])
async def test_a_poor_password_is_refused(admin: Clerk, clerk: Clerk, password: str) -> None:
    code = await invited(admin)
    await clerk.get("/office/join")
    given: dict[str, Any] = {"invitation": code, "login": "aoi", "name": "あおい", "password": password}
    page = await clerk.press("/office/join", expect=422, **given)
    assert password not in page.source


async def test_a_reset_kills_what_was_before(
    kazasu: Kazasu, admin: Clerk, staff: Clerk, browser: Callable[[], Clerk]
) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    await admin.get("/office/accounts")
    page = await admin.press("/office/accounts/reset", account=who.id)
    code = (
        next(each for each in page.root.all("input") if each.attrs.get("id") == "way-in")
        .attrs["value"]
        .partition("#")[2]
    )
    await staff.get("/office/prints")  # until it is taken up, nothing is lost
    one = browser()
    await joins(one, code, "")
    assert (await staff.get("/office/prints")).path == "/office/sign-in"
    await second_factor(one, kazasu)
    kazasu.clock.pass_(STEP)  # type: ignore[attr-defined]
    await browser().signs_in("haru", expect=422)
    now = await kazasu.desk.office.account("haru")
    assert now is not None
    assert replace(now, password="", totp="", last_step=0) == replace(who, password="", totp="", last_step=0)


# --- what a second look found ---------------------------------------------------------------------------------------


async def reset_code(admin: Clerk, account: str) -> str:
    await admin.get("/office/accounts")
    page = await admin.press("/office/accounts/reset", account=account)
    return (
        next(each for each in page.root.all("input") if each.attrs.get("id") == "way-in")
        .attrs["value"]
        .partition("#")[2]
    )


async def test_a_reset_dies_with_the_membership(kazasu: Kazasu, admin: Clerk, staff: Clerk, clerk: Clerk) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    code = await reset_code(admin, who.id)
    await admin.press("/office/accounts/revoke", account=who.id)
    await joins(clerk, code, "", expect=422)


async def test_a_reset_gives_back_no_lost_role(kazasu: Kazasu, admin: Clerk, clerk: Clerk) -> None:
    office = kazasu.desk.office
    who = (await office.account("haru")) or pytest.fail("no account")
    await office.set_role(PRACTICE_STATION.id, who.id, Role.ADMIN)
    code = await reset_code(admin, who.id)
    await office.set_role(PRACTICE_STATION.id, who.id, Role.STAFF)
    await joins(clerk, code, "", expect=422)


async def test_only_the_newest_reset_works_and_only_once(
    kazasu: Kazasu, admin: Clerk, browser: Callable[[], Clerk]
) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    first, second = await reset_code(admin, who.id), await reset_code(admin, who.id)
    await joins(browser(), first, "", expect=422)
    await joins(browser(), second, "")
    await joins(browser(), second, "", expect=422)


async def test_a_reset_reaches_nobody_who_has_joined_another_station(
    kazasu: Kazasu, admin: Clerk, clerk: Clerk
) -> None:
    await another_station(kazasu)
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    code = await reset_code(admin, who.id)
    await kazasu.desk.office.add_member(who.id, OTHER.id, Role.STAFF)
    await joins(clerk, code, "", expect=422)


async def test_invitations_die_with_whoever_made_them(
    kazasu: Kazasu, admin: Clerk, browser: Callable[[], Clerk]
) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    await kazasu.desk.office.set_role(PRACTICE_STATION.id, who.id, Role.ADMIN)
    second = browser()
    await second.signs_in("haru")
    code = await invited(second, "えびる", "admin")
    await admin.get("/office/accounts")
    await admin.press("/office/accounts/revoke", account=who.id)
    await joins(browser(), code, "ebiru", expect=422)


async def test_a_page_of_one_station_writes_nothing_into_another(kazasu: Kazasu, admin: Clerk) -> None:
    await another_station(kazasu)
    me = (await kazasu.desk.office.account("sakura")) or pytest.fail("no account")
    await kazasu.desk.office.add_member(me.id, OTHER.id, Role.ADMIN)
    page = await admin.get("/office/links/replace")
    sent = {**page.form_fields("/office/links/replace"), "understood": "yes"}
    await admin.get("/office")
    await admin.press("/office/switch", facility=OTHER.id)
    await admin.send("/office/links/replace", sent, expect=403)
    assert [each.revision for each in await kazasu.desk.office.links(OTHER.id)] == [1]


async def test_who_comes_back_stands_where_they_stood(kazasu: Kazasu, admin: Clerk, clock: StillClock) -> None:
    await another_station(kazasu)
    me = (await kazasu.desk.office.account("sakura")) or pytest.fail("no account")
    await kazasu.desk.office.add_member(me.id, OTHER.id, Role.ADMIN)
    for place in (PRACTICE_STATION, OTHER):
        await admin.get("/office")
        await admin.press("/office/switch", facility=place.id)
        clock.pass_(IDLE)
        page = await admin.signs_in("sakura", "/office/links/replace")
        assert page.path == "/office/links/replace"
        link = (await kazasu.desk.office.links(place.id, limit=1))[0]
        assert link.tail in page.text


async def test_a_revoked_login_is_free_again(kazasu: Kazasu, admin: Clerk, browser: Callable[[], Clerk]) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    await admin.get("/office/accounts")
    await admin.press("/office/accounts/revoke", account=who.id)
    await joins(browser(), await invited(admin), "haru")
    now = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    assert now.id != who.id


async def test_revoking_twice_says_what_is_true(kazasu: Kazasu, admin: Clerk) -> None:
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    for status in (200, 422):
        await admin.send("/office/accounts/revoke", {"token": admin.token(), "account": who.id}, expect=status)
    assert admin.page is not None
    assert "この事業所にありません" in admin.page.text


async def test_who_is_in_stays_in_at_the_door_of_the_second_factor(admin: Clerk) -> None:
    assert (await admin.get("/office/second-factor")).path == "/office"
    assert (await admin.get("/office/links")).path == "/office/links"


async def test_a_japanese_space_in_a_name_is_a_space(kazasu: Kazasu, admin: Clerk, clerk: Clerk) -> None:
    code = await invited(admin, "事務　はなこ")
    await clerk.get("/office/join")
    given: dict[str, Any] = {
        "invitation": code,
        "login": "hanako",
        "name": "事務　はなこ",
        "password": "kamome-ga-sora",
    }
    await clerk.press("/office/join", **given)
    account = (await kazasu.desk.office.account("hanako")) or pytest.fail("no account")
    assert account.name == "事務 はなこ"


async def test_a_form_that_came_too_late_leads_back_to_its_page(admin: Clerk, clock: StillClock) -> None:
    await admin.get("/office/station")
    clock.pass_(IDLE)
    answer = await admin.http.post(
        "/office/station", data={"token": admin.token()}, headers={"Referer": "http://localhost:8000/office/station"}
    )
    assert answer.headers["location"] == "/office/sign-in?next=/office/station"
