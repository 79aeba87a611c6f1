"""Our keys at the identity provider: made, put to use and retired by command, and never open to others."""

from __future__ import annotations

import json
import multiprocessing
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.adapters.oidc.check import examine
from app.adapters.oidc.client_keys import KeyInUse, KeyRing, NoSuchKey, UnusableKeys
from app.cli.__main__ import main
from app.settings import Settings, UnsafeSettings
from tests.adapters.provider import Provider
from tests.practice.world import ISSUER, NOW, Clock

Typed = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "identity-keys.json"


# --- the file ---


def test_the_first_key_signs_and_the_next_one_waits(file: Path) -> None:
    ring = KeyRing(file)
    first, second = ring.new(NOW), ring.new(NOW)
    assert ring.signing().kid == first.kid != second.kid
    ring.use(str(second.kid))
    assert ring.signing().kid == second.kid
    with pytest.raises(KeyInUse):
        ring.retire(str(second.kid))
    ring.retire(str(first.kid))
    assert [key["kid"] for key in ring.kept().public()["keys"]] == [second.kid]
    for change in (ring.use, ring.retire):
        with pytest.raises(NoSuchKey):
            change("unknown")


def test_only_its_owner_may_read_it_and_nothing_else_is_left(file: Path) -> None:
    KeyRing(file).new(NOW)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_open_to_others_is_not_used(file: Path, mode: int) -> None:
    ring = KeyRing(file)
    ring.new(NOW)
    file.chmod(mode)
    with pytest.raises(UnusableKeys, match="chmod 600"):
        ring.signing()
    file.chmod(0o600)
    assert ring.signing().is_private


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    KeyRing(tmp_path / "elsewhere.json").new(NOW)
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(UnusableKeys):
        KeyRing(file).signing()


@pytest.mark.parametrize(
    "damage", ["", "{}", "[]", '{"keys": [], "signs": ""}', '{"keys": [{"kty": "oct", "k": "AA"}], "signs": "a"}']
)
def test_a_damaged_file_is_said_and_not_overwritten(file: Path, damage: str) -> None:
    ring = KeyRing(file)
    ring.new(NOW)
    file.write_text(damage)
    for act in (ring.signing, lambda: ring.new(NOW)):
        with pytest.raises(UnusableKeys, match="damaged"):
            act()
    assert file.read_text() == damage


def test_the_key_that_signs_must_be_a_private_one(file: Path) -> None:
    ring = KeyRing(file)
    made = ring.new(NOW)
    file.write_text(json.dumps({"keys": [made.as_dict(private=False)], "signs": made.kid}))
    with pytest.raises(UnusableKeys):
        ring.signing()


def _makes_three(file: Path) -> None:
    for _ in range(3):
        KeyRing(file).new(NOW)


def test_commands_at_the_same_moment_lose_no_key(file: Path) -> None:
    processes = [multiprocessing.get_context("spawn").Process(target=_makes_three, args=(file,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(KeyRing(file).kept().keys) == 9


# --- the commands ---


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("KAZASU_DATA", str(tmp_path))
    monkeypatch.setenv("KAZASU_ORIGIN", "https://kazasu.example")
    monkeypatch.setenv("KAZASU_IDENTITY_ISSUER", "https://issuer.example/realms/main")
    monkeypatch.setenv("KAZASU_IDENTITY_CLIENT_ID", "RP00000001")

    def run(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main(("identity", *words)) == status
        said = capsys.readouterr()
        return said.out + said.err

    return run


def test_a_key_from_its_making_to_its_end(typed: Typed, tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "identity-keys.json")
    assert "it signs from now on" in typed("new-key")
    first = ring.kept().signs
    said = typed("new-key")
    second = next(str(key.kid) for key in ring.kept().keys if key.kid != first)
    assert f"kazasu identity use {second}" in said
    assert "signs; put another one to use first" in typed("retire", first, status=2)
    assert "no restart" in typed("use", second)
    assert "gone" in typed("retire", first)
    assert ring.kept().signs == second
    for command in ("use", "retire"):
        assert "no such key" in typed(command, first, status=2)


def test_what_is_to_be_registered_is_shown_and_no_secret(typed: Typed, tmp_path: Path) -> None:
    made = typed("new-key")
    shown = typed("show")
    for says in ("https://issuer.example/realms/main", "RP00000001", "https://kazasu.example/return"):
        assert says in shown
    private = json.loads((tmp_path / "identity-keys.json").read_text())["keys"][0]
    for said in (made, shown):
        assert private["kid"] in said
        assert private["x"] in said
        assert private["d"] not in said
        assert '"d"' not in said


def test_a_damaged_file_is_a_sentence(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "identity-keys.json").write_text("{")
    (tmp_path / "identity-keys.json").chmod(0o600)
    assert "damaged" in typed("show", status=2)


def test_checking_needs_a_key_first(typed: Typed) -> None:
    assert "new-key" in typed("check", status=2)


# --- the settings ---

GOOD = {
    "origin": "https://kazasu.example",
    "identity_issuer": "https://issuer.example/realms/main",
    "identity_client_id": "RP00000001",
}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"identity_issuer": ""}, "ISSUER"),
        ({"identity_issuer": "http://issuer.example"}, "ISSUER"),
        ({"identity_issuer": "https://issuer.example?a=1"}, "ISSUER"),
        ({"identity_issuer": "https://name@issuer.example"}, "ISSUER"),
        ({"identity_client_id": ""}, "CLIENT_ID"),
        ({"identity_client_id": "RP-1"}, "CLIENT_ID"),
        ({"identity_client_id": "ＲＰ１"}, "CLIENT_ID"),
        ({"identity_client_id": "R" * 256}, "CLIENT_ID"),
        ({"identity_client_id": "R" * 255}, ""),
        ({"identity_acr_values": "aal3 crl"}, ""),
        ({"identity_acr_values": "aal3  crl"}, "ACR_VALUES"),
        ({"origin": "http://kazasu.example"}, "ORIGIN"),
        ({"origin": "https://" + "k" * 240}, ""),
        ({"origin": "https://" + "k" * 241}, "ORIGIN"),
    ],
)
def test_settings_that_cannot_be_registered_are_refused(changed: dict[str, str], says: str) -> None:
    settings = Settings(**{**GOOD, **changed})  # type: ignore[arg-type]
    if not says:
        settings.check_identity()
        return
    with pytest.raises(UnsafeSettings, match=says):
        settings.check_identity()


def test_the_return_address_is_exactly_one() -> None:
    assert Settings(origin="https://kazasu.example/").return_address == "https://kazasu.example/return"


# --- the check ---


async def wrong_at(provider: Provider, clock: Clock | None = None) -> list[str]:
    """What the check finds wrong at a provider."""
    http = httpx.AsyncClient(transport=httpx.MockTransport(provider.handle))
    found = await examine(ISSUER, http, clock or Clock(), 1.0)
    assert found
    return [each.says.partition(":")[0] for each in found if not each.is_right]


async def test_at_an_honest_provider_nothing_is_wrong() -> None:
    assert await wrong_at(Provider()) == []


@pytest.mark.parametrize(
    ("discovery", "wrong"),
    [
        ({"issuer": f"{ISSUER}/"}, ["issuer"]),
        ({"code_challenge_methods_supported": ["plain"]}, ["code_challenge_methods_supported"]),
        ({"claims_supported": ["sub", "iss"]}, ["claims_supported"]),
        ({"id_token_signing_alg_values_supported": ["RS256"]}, ["id_token_signing_alg_values_supported"]),
        ({"token_endpoint_auth_methods_supported": ["client_secret_post"]}, ["token_endpoint_auth_methods_supported"]),
        ({"token_endpoint": "http://elsewhere.example/"}, ["authorization_endpoint", "token_endpoint", "jwks_uri"]),
        ({"jwks_uri": 7}, ["discovery"]),
    ],
)
async def test_what_is_wrong_is_named(discovery: dict[str, object], wrong: list[str]) -> None:
    assert await wrong_at(Provider(discovery=discovery)) == wrong


async def test_keys_that_are_none_and_clocks_that_differ_are_named() -> None:
    assert await wrong_at(Provider(answers={"jwks": lambda: httpx.Response(200, json={"keys": []})})) == ["keys"]
    dated = Provider()
    document = dated._openid_configuration()
    date = {"date": "Thu, 01 Jan 1970 00:00:31 GMT"}
    dated.answers["openid-configuration"] = lambda: httpx.Response(200, json=document, headers=date)
    assert [await wrong_at(dated, Clock(at)) for at in (0, 1, 31, 36, 37)] == [["clock"], [], [], [], ["clock"]]


async def test_an_issuer_that_is_away_is_said() -> None:
    def away() -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert await wrong_at(Provider(answers={"openid-configuration": away})) == ["http"]
