"""Passkeys: the honest one is taken, every lie is refused in the same way, and nothing that comes in breaks anything."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.passkeys import MAX_ANSWER, WebAuthnPasskeys, is_possible
from app.ports.outside import NotProven, Passkey
from tests.web.office.authenticator import Authenticator, bytes_of, text_of

ORIGIN: Final = "https://kazasu.example.jp"
RP_ID: Final = "kazasu.example.jp"
PASSKEYS: Final = WebAuthnPasskeys(RP_ID, "かざす", ORIGIN)
OLD: Final = b"asked yesterday, answered since."


def honest(**lies: Any) -> Authenticator:
    return Authenticator(ORIGIN, RP_ID).but(**lies)


def register(device: Authenticator) -> Passkey:
    options, challenge = PASSKEYS.options_to_create("account-1", "花子", [])
    return PASSKEYS.created(device.create(options), challenge)


def prove(device: Authenticator, passkey: Passkey) -> int:
    options, challenge = PASSKEYS.options_to_get([passkey.id])
    return PASSKEYS.proven(device.get(options), challenge, passkey)


# --- what is asked ----------------------------------------------------------------------------------------------


def test_a_passkey_is_asked_for_that_is_two_factors_by_itself() -> None:
    text, challenge = PASSKEYS.options_to_create("account-1", "花子", [b"known"])
    asked = json.loads(text)
    assert asked["rp"] == {"id": RP_ID, "name": "かざす"}
    assert asked["user"] == {"id": text_of(b"account-1"), "name": "花子", "displayName": "花子"}
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert asked["attestation"] == "none"
    assert [one["id"] for one in asked["excludeCredentials"]] == [text_of(b"known")]
    assert bytes_of(asked["challenge"]) == challenge


def test_a_proof_is_asked_for_with_the_user_verified() -> None:
    text, challenge = PASSKEYS.options_to_get([b"one", b"two"])
    asked = json.loads(text)
    assert (asked["rpId"], asked["userVerification"]) == (RP_ID, "required")
    assert [one["id"] for one in asked["allowCredentials"]] == [text_of(b"one"), text_of(b"two")]
    assert bytes_of(asked["challenge"]) == challenge
    assert json.loads(PASSKEYS.options_to_get()[0])["allowCredentials"] == []


def test_every_challenge_is_new() -> None:
    challenges = {PASSKEYS.options_to_get()[1] for _ in range(50)}
    challenges |= {PASSKEYS.options_to_create("account-1", "花子", [])[1] for _ in range(50)}
    assert len(challenges) == 100
    assert all(len(challenge) >= 32 for challenge in challenges)


# --- the honest one ---------------------------------------------------------------------------------------------


def test_the_honest_one_is_taken_again_and_again() -> None:
    device = honest()
    passkey = register(device)
    assert passkey.id == device.id
    for count in (1, 2, 3):
        assert prove(device, passkey) == count
        passkey = Passkey(passkey.id, passkey.public_key, count)


def test_a_passkey_that_does_not_count_is_taken_too() -> None:
    device = honest(counts=False)
    passkey = register(device)
    assert [prove(device, passkey) for _ in range(2)] == [0, 0]


def test_an_answer_says_which_passkey_to_look_up() -> None:
    device = honest()
    register(device)
    assert PASSKEYS.credential_id(device.get(PASSKEYS.options_to_get()[0])) == device.id


# --- every lie --------------------------------------------------------------------------------------------------

LIES: Final[dict[str, dict[str, Any]]] = {
    "another origin": {"origin": "https://kazasu.example.jp.evil.example"},
    "plain http": {"origin": "http://kazasu.example.jp"},
    "another port": {"origin": "https://kazasu.example.jp:8443"},
    "another rp id": {"rp_id": "example.jp"},
    "nobody there": {"present": False},
    "nobody verified": {"verified": False},
    "an old challenge": {"challenge": OLD},
    "no challenge": {"challenge": b""},
}


@pytest.mark.parametrize("lie", [*LIES.values(), {"kind": "webauthn.get"}], ids=[*LIES, "a proof instead"])
def test_a_lie_makes_no_passkey(lie: dict[str, Any]) -> None:
    with pytest.raises(NotProven):
        register(honest(**lie))


@pytest.mark.parametrize(
    "lie",
    [*LIES.values(), {"kind": "webauthn.create"}, {"tampers": True}, {"id": b"another passkey"}],
    ids=[*LIES, "a registration instead", "a tampered signature", "another passkey"],
)
def test_a_lie_proves_nothing(lie: dict[str, Any]) -> None:
    device = honest()
    passkey = register(device)
    with pytest.raises(NotProven):
        prove(device.but(**lie), passkey)
    assert prove(device, passkey) == 1


def test_another_key_proves_nothing() -> None:
    device = honest()
    passkey = register(device)
    with pytest.raises(NotProven):
        prove(device.with_other_key(), passkey)


@pytest.mark.parametrize("count", [0, 6, 7], ids=["from the start", "going back", "standing still"])
def test_a_copy_is_noticed_by_its_count(count: int) -> None:
    device = honest()
    passkey = register(device)
    ahead = Passkey(passkey.id, passkey.public_key, sign_count=7)
    with pytest.raises(NotProven):
        prove(device.but(count=count, counts=False), ahead)
    assert prove(device.but(count=7), ahead) == 8


def test_an_answer_proves_nothing_to_the_next_question() -> None:
    device = honest(counts=False)
    passkey = register(device)
    options, challenge = PASSKEYS.options_to_get()
    answer = device.get(options)
    assert PASSKEYS.proven(answer, challenge, passkey) == 0
    with pytest.raises(NotProven):
        PASSKEYS.proven(answer, PASSKEYS.options_to_get()[1], passkey)


def test_a_passkey_of_another_kind_of_key_is_not_made() -> None:
    """P-521 with SHA-512 is none of the kinds that were asked for."""
    options, challenge = PASSKEYS.options_to_create("account-1", "花子", [])
    answer = json.loads(honest().create(options))
    made = cbor2.loads(bytes_of(answer["response"]["attestationObject"]))
    made["authData"] = made["authData"].replace(b"\x03\x26", b"\x03\x38\x23", 1)
    answer["response"]["attestationObject"] = text_of(cbor2.dumps(made))
    with pytest.raises(NotProven):
        PASSKEYS.created(json.dumps(answer), challenge)


# --- anything at all --------------------------------------------------------------------------------------------

JSONS: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(text_of),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
DEEP: Final = '{"response":' * 600 + "1" + "}" * 600
ENDLESS: Final = text_of(cbor2.dumps({"fmt": "none", "attStmt": {}}) + b"\x9b" + b"\xff" * 8)


def refuses(answer: str) -> None:
    passkey = Passkey(b"id", b"no key at all", 0)
    for read in (
        lambda: PASSKEYS.created(answer, OLD),
        lambda: PASSKEYS.proven(answer, OLD, passkey),
    ):
        with pytest.raises(NotProven):
            read()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "[" * 8000,
        DEEP,
        "\ud800",
        '"\\ud800"',
        "x" * 10_000_000,
        '{"id":' + "9" * 5000 + "}",
    ],
    ids=["empty", "null", "list", "object", "cut", "brackets", "deep", "surrogate", "escaped", "huge", "number"],
)
def test_what_is_no_answer_proves_nothing(answer: str) -> None:
    refuses(answer)
    with pytest.raises(NotProven):
        PASSKEYS.credential_id(answer)


@given(st.text())
def test_any_text_proves_nothing(answer: str) -> None:
    refuses(answer)


@given(JSONS)
def test_any_json_proves_nothing(answer: object) -> None:
    refuses(json.dumps(answer))


ASKED: Final = PASSKEYS.options_to_create("account-1", "花子", [])
MADE: Final = honest()
CREATED: Final[dict[str, Any]] = json.loads(MADE.create(ASKED[0]))
PASSKEY: Final = PASSKEYS.created(json.dumps(CREATED), ASKED[1])
WANTED: Final = PASSKEYS.options_to_get()
PROVED: Final[dict[str, Any]] = json.loads(MADE.get(WANTED[0]))


def take_created(answer: str) -> object:
    return PASSKEYS.created(answer, ASKED[1])


def take_proved(answer: str) -> object:
    return PASSKEYS.proven(answer, WANTED[1], PASSKEY)


TAKERS: Final = ((CREATED, take_created), (PROVED, take_proved))


@pytest.mark.parametrize(("honest_answer", "take"), TAKERS, ids=["created", "proved"])
@given(data=st.data())
def test_one_part_of_another_kind_is_refused_or_no_matter(
    honest_answer: dict[str, Any], take: Callable[[str], object], data: st.DataObject
) -> None:
    """Swaps any part for anything: the outcome is the honest one or `NotProven`, and never another exception."""
    answer = json.loads(json.dumps(honest_answer))
    place = data.draw(st.sampled_from([answer, answer["response"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSONS)
    try:
        taken = take(json.dumps(answer))
    except NotProven:
        return
    assert taken == take(json.dumps(honest_answer))


@pytest.mark.parametrize(("honest_answer", "take"), TAKERS, ids=["created", "proved"])
@given(data=st.data())
def test_turned_bytes_break_nothing(
    honest_answer: dict[str, Any], take: Callable[[str], object], data: st.DataObject
) -> None:
    """Turns bytes inside the binary parts, CBOR included."""
    answer = json.loads(json.dumps(honest_answer))
    part = data.draw(st.sampled_from(sorted(answer["response"])))
    content = bytearray(bytes_of(answer["response"][part]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    answer["response"][part] = text_of(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        take(json.dumps(answer))
    except NotProven:
        return


def test_a_list_without_end_takes_no_memory() -> None:
    answer = {**CREATED, "response": {**CREATED["response"], "attestationObject": ENDLESS}}
    refuses(json.dumps(answer))


def test_an_honest_answer_is_far_from_the_limit() -> None:
    assert max(len(json.dumps(CREATED)), len(json.dumps(PROVED))) < MAX_ANSWER / 4


def test_a_longer_answer_is_not_even_read() -> None:
    with pytest.raises(NotProven) as refused:
        PASSKEYS.proven(json.dumps(PROVED) + " " * MAX_ANSWER, WANTED[1], PASSKEY)
    assert isinstance(refused.value.__cause__, ValueError)


# --- where ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://kazasu.example.jp",
        "https://kazasu:8443",
        "http://localhost:8000",
        "http://a.localhost",
        "https://localhost",
    ],
)
def test_browsers_make_passkeys_for(origin: str) -> None:
    assert is_possible(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8000",
        "https://192.168.1.20",
        "https://[::1]:8000",
        "https://2130706433",
        "https://0x7f.0x1",
        "http://kazasu.example.jp",
        "http://localhost.example.jp",
        "ftp://localhost",
        "https://",
        "https://[",
        "",
        "localhost",
    ],
)
def test_browsers_make_no_passkeys_for(origin: str) -> None:
    assert not is_possible(origin)


def test_the_library_is_not_loaded_at_the_start() -> None:
    look = "import sys, app.adapters.passkeys; sys.exit('webauthn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
