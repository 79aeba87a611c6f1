"""The practice provider does everything wrong that a provider can do, one thing at a time: what comes of it.

Each leaves one line with one word, and after each an honest provider is believed again at once.
"""

from __future__ import annotations

import pytest

from app.adapters.oidc.handoff import OpenIdHandoff
from app.ports.outside import Identity
from app.practice.app import PracticeWorld
from app.practice.people import load_people
from tests.adapters.provider import outcome
from tests.practice import fault as faults
from tests.practice.fault import OF_THE_LINE, ON_THE_WAY_BACK, REFUSALS, Fault, misbehave
from tests.practice.world import CLIENT, DEPARTURE, Clock, a_handoff, a_world, answer_in, tapped

HANAKO = Identity(load_people()[0].subject(CLIENT))
OUTCOMES: dict[Fault, str] = {
    Fault.NONE: "proven",
    Fault.ANOTHER_ISSUER: "refused claims",
    Fault.ANOTHER_AUDIENCE: "refused claims",
    Fault.SEVERAL_AUDIENCES: "refused claims",
    Fault.ANOTHER_ASKER: "refused claims",
    Fault.ANOTHER_NONCE: "refused claims",
    Fault.NO_NONCE: "refused claims",
    Fault.NO_SUBJECT: "refused claims",
    Fault.NO_EXPIRY: "refused claims",
    Fault.NO_ISSUE_TIME: "refused claims",
    Fault.EXPIRED: "refused time",
    Fault.FROM_THE_FUTURE: "refused time",
    Fault.NOT_YET: "refused time",
    Fault.OLD: "refused time",
    Fault.UNSIGNED: "refused token",
    Fault.SHARED_SECRET: "refused token",
    Fault.RSA: "refused token",
    Fault.UNKNOWN_KEY: "refused signature",
    Fault.FORGED: "refused signature",
    **dict.fromkeys(REFUSALS, "refused other"),
    Fault.ACCESS_DENIED: "declined pin_locked",
    Fault.INVALID_REQUEST: "refused invalid_request",
    Fault.INVALID_CLIENT: "refused invalid_client",
    Fault.INVALID_GRANT: "refused invalid_grant",
    Fault.INVALID_SCOPE: "refused invalid_scope",
    Fault.UNAUTHORIZED_CLIENT: "refused unauthorized_client",
    Fault.SERVER_ERROR: "unavailable server_error",
    Fault.TEMPORARILY_UNAVAILABLE: "unavailable temporarily_unavailable",
    **dict.fromkeys(ON_THE_WAY_BACK, "proven"),
    Fault.DOWN: "unavailable status",
    Fault.BUSY: "unavailable status",
    Fault.SLOW: "unavailable timeout",
    Fault.REDIRECTING: "refused no_token",
    Fault.TRUNCATED: "refused no_token",
    Fault.OVERSIZED: "unavailable answer",
    Fault.PACKED: "unavailable answer",
    Fault.NO_JSON: "refused no_token",
    Fault.SAID_TWICE: "refused no_token",
}
"""What comes of a fault in the ID token or at the token endpoint; the way back is the pages' (tests/identity)."""
OF_A_DOCUMENT: dict[Fault, str] = {
    **dict.fromkeys(OF_THE_LINE, "unavailable answer"),
    Fault.DOWN: "unavailable status",
    Fault.BUSY: "unavailable status",
    Fault.SLOW: "unavailable timeout",
    Fault.REDIRECTING: "unavailable status",
}
"""What comes of a fault where the provider's addresses or keys are."""


@pytest.fixture(autouse=True)
def _a_short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 1.0)


async def identified(world: PracticeWorld, handoff: OpenIdHandoff) -> Identity:
    """Go out, tap, and come back to a provider that does something wrong from the tap on."""
    came_back = await tapped(world.app, await handoff.address(DEPARTURE, "state"))
    return await handoff.identify(DEPARTURE, answer_in(came_back)["code"])


def test_every_fault_has_an_outcome() -> None:
    assert set(OUTCOMES) == set(Fault)
    assert set(OF_A_DOCUMENT) == set(OF_THE_LINE)


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_has_its_outcome_and_leaves_no_trace(fault: Fault) -> None:
    world = a_world()
    handoff = a_handoff(world.app, deadline=0.5)
    misbehave(world, fault)
    assert await outcome(identified(world, handoff)) == OUTCOMES[fault]
    misbehave(world, Fault.NONE)
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("fault", OF_THE_LINE)
async def test_no_link_is_shown_while_discovery_fails(fault: Fault) -> None:
    world = a_world()
    handoff = a_handoff(world.app, deadline=0.5)
    misbehave(world, fault, at="discovery")
    assert await outcome(handoff.address(DEPARTURE, "state")) == OF_A_DOCUMENT[fault]
    misbehave(world, Fault.NONE)
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("fault", OF_THE_LINE)
async def test_without_its_keys_no_token_is_believed(fault: Fault) -> None:
    world = a_world()
    handoff = a_handoff(world.app, deadline=0.5)
    misbehave(world, fault, at="jwks")
    assert await outcome(identified(world, handoff)) == OF_A_DOCUMENT[fault]
    misbehave(world, Fault.NONE)
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("apart", [-60, 60])
async def test_clocks_a_minute_apart_still_meet(apart: int) -> None:
    theirs, ours = Clock(), Clock()
    world = a_world(theirs)
    handoff = a_handoff(world.app, ours)
    theirs.at += apart
    # What it says to us is looked at here; what we say to it, below.
    world.provider._client_check._clock = ours
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("apart", [-61, 61])
async def test_clocks_further_apart_do_not(apart: int) -> None:
    theirs, ours = Clock(), Clock()
    world = a_world(theirs)
    handoff = a_handoff(world.app, ours)
    theirs.at += apart
    world.provider._client_check._clock = ours
    assert await outcome(identified(world, handoff)) == "refused time"
    await handoff.close()


@pytest.mark.parametrize(("apart", "holds"), [(-11, False), (-10, True), (49, True), (50, False)])
async def test_our_assertion_holds_at_a_provider_without_leeway(apart: int, holds: bool) -> None:
    theirs, ours = Clock(), Clock()
    world = a_world(theirs)
    handoff = a_handoff(world.app, ours)
    theirs.at += apart
    assert await outcome(identified(world, handoff)) == ("proven" if holds else "refused invalid_client")
    await handoff.close()


async def test_a_key_changed_under_one_name_is_looked_up_once_more() -> None:
    world = a_world()
    handoff = a_handoff(world.app)
    assert await identified(world, handoff) == HANAKO
    world.provider.rotate_under_one_name()
    assert await identified(world, handoff) == HANAKO
    await handoff.close()
