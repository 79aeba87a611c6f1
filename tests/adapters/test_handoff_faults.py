"""The practice provider does everything wrong that a provider can do, one thing at a time: what comes of it.

Declined, Refused and Unavailable are what the pages know. After each, an honest provider is believed again at once.
"""

from __future__ import annotations

import pytest

from app.adapters.handoff_oidc import OpenIdHandoff
from app.ports import Decline, Declined, Identity, Refused, Unavailable
from app.practice import fault as faults
from app.practice.app import PracticeWorld
from app.practice.fault import OF_THE_LINE, ON_THE_WAY_BACK, REFUSALS, Fault
from app.practice.people import load_people
from tests.practice.world import CLIENT, DEPARTURE, Clock, a_handoff, a_world, answer_in, tapped

HANAKO = Identity(load_people()[0].subject(CLIENT))
OUTCOMES: dict[Fault, type[Exception] | None] = {
    Fault.NONE: None,
    Fault.ANOTHER_ISSUER: Refused,
    Fault.ANOTHER_AUDIENCE: Refused,
    Fault.SEVERAL_AUDIENCES: Refused,
    Fault.ANOTHER_ASKER: Refused,
    Fault.ANOTHER_NONCE: Refused,
    Fault.NO_NONCE: Refused,
    Fault.NO_SUBJECT: Refused,
    Fault.NO_EXPIRY: Refused,
    Fault.NO_ISSUE_TIME: Refused,
    Fault.EXPIRED: Refused,
    Fault.FROM_THE_FUTURE: Refused,
    Fault.NOT_YET: Refused,
    Fault.OLD: Refused,
    Fault.EARLIER_TAP: Refused,
    Fault.UNSIGNED: Refused,
    Fault.SHARED_SECRET: Refused,
    Fault.RSA: Refused,
    Fault.UNKNOWN_KEY: Refused,
    Fault.FORGED: Refused,
    **dict.fromkeys(REFUSALS, Refused),
    Fault.ACCESS_DENIED: Declined,
    Fault.SERVER_ERROR: Unavailable,
    Fault.TEMPORARILY_UNAVAILABLE: Unavailable,
    **dict.fromkeys(ON_THE_WAY_BACK),
    Fault.DOWN: Unavailable,
    Fault.BUSY: Unavailable,
    Fault.SLOW: Unavailable,
    Fault.REDIRECTING: Refused,
    Fault.TRUNCATED: Refused,
    Fault.OVERSIZED: Unavailable,
    Fault.PACKED: Unavailable,
    Fault.NO_JSON: Refused,
    Fault.SAID_TWICE: Refused,
}
"""What comes of a fault in the ID token or at the token endpoint; the way back is the pages' (tests/identity)."""


@pytest.fixture(autouse=True)
def _a_short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 1.0)


async def identified(world: PracticeWorld, handoff: OpenIdHandoff) -> Identity:
    """Go out, tap, and come back to a provider that does something wrong from the tap on."""
    came_back = await tapped(world.app, await handoff.address(DEPARTURE, "state"))
    return await handoff.identify(DEPARTURE, answer_in(came_back)["code"])


def test_every_fault_has_an_outcome() -> None:
    assert set(OUTCOMES) == set(Fault)


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_has_its_outcome_and_leaves_no_trace(fault: Fault) -> None:
    world, expected = a_world(), OUTCOMES[fault]
    handoff = a_handoff(world.app, deadline=0.5)
    world.provider.misbehave(fault)
    if expected is None:
        assert await identified(world, handoff) == HANAKO
    else:
        with pytest.raises(expected) as caught:
            await identified(world, handoff)
        assert not isinstance(caught.value, Declined) or caught.value.reason is Decline.PIN_LOCKED
    world.provider.misbehave(Fault.NONE)
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("fault", OF_THE_LINE)
async def test_no_link_is_shown_while_discovery_fails(fault: Fault) -> None:
    world = a_world()
    handoff = a_handoff(world.app, deadline=0.5)
    world.provider.misbehave(fault, at="discovery")
    with pytest.raises(Unavailable):
        await handoff.address(DEPARTURE, "state")
    world.provider.misbehave(Fault.NONE)
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("fault", OF_THE_LINE)
async def test_without_its_keys_no_token_is_believed(fault: Fault) -> None:
    world = a_world()
    handoff = a_handoff(world.app, deadline=0.5)
    world.provider.misbehave(fault, at="jwks")
    with pytest.raises(Unavailable):
        await identified(world, handoff)
    world.provider.misbehave(Fault.NONE)
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("apart", [-60, 60])
async def test_clocks_a_minute_apart_still_meet(apart: int) -> None:
    theirs, ours = Clock(), Clock()
    world = a_world(theirs)
    handoff = a_handoff(world.app, ours)
    theirs.at += apart
    # What it says to us is looked at here; what we say to it, below.
    world.provider._door._clock = ours
    assert await identified(world, handoff) == HANAKO
    await handoff.close()


@pytest.mark.parametrize("apart", [-61, 61])
async def test_clocks_further_apart_do_not(apart: int) -> None:
    theirs, ours = Clock(), Clock()
    world = a_world(theirs)
    handoff = a_handoff(world.app, ours)
    theirs.at += apart
    world.provider._door._clock = ours
    with pytest.raises(Refused):
        await identified(world, handoff)
    await handoff.close()


@pytest.mark.parametrize(("apart", "holds"), [(-11, False), (-10, True), (49, True), (50, False)])
async def test_our_assertion_holds_at_a_provider_without_leeway(apart: int, holds: bool) -> None:
    theirs, ours = Clock(), Clock()
    world = a_world(theirs)
    handoff = a_handoff(world.app, ours)
    theirs.at += apart
    if holds:
        assert await identified(world, handoff) == HANAKO
    else:
        with pytest.raises(Refused):
            await identified(world, handoff)
    await handoff.close()


async def test_a_key_changed_under_one_name_is_looked_up_once_more() -> None:
    world = a_world()
    handoff = a_handoff(world.app)
    assert await identified(world, handoff) == HANAKO
    world.provider.rotate_under_one_name()
    assert await identified(world, handoff) == HANAKO
    await handoff.close()
