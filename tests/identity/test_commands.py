"""The identity route on the command line, as it is typed: keys, the check, and a server that refuses to start."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.adapters.oidc.client_keys import KeyRing
from app.cli.__main__ import main
from app.main import create_app
from app.practice.app import PracticeWorld
from app.rules.visit.visit import Registration
from app.settings import Settings, UnsafeSettings
from tests.identity.patient import CLIENT, ISSUER, ORIGIN, RETURN, Bedside
from tests.practice.fault import Fault, misbehave
from tests.web.bedside.nurse import StillClock

Typed = Callable[..., str]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what was served: nothing really is."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("uvicorn.run", lambda app, **given: calls.append({"app": app, **given}))
    monkeypatch.setattr("app.log.configure", lambda: None)
    return calls


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Return what runs a command with good settings and returns what it prints."""
    for name, value in {
        "ROUTE": "identity",
        "DATA": str(tmp_path),
        "ORIGIN": ORIGIN,
        "IDENTITY_ISSUER": ISSUER,
        "IDENTITY_CLIENT_ID": CLIENT,
    }.items():
        monkeypatch.setenv(f"KAZASU_{name}", value)

    def run(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == status
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return said.out + said.err

    return run


# --- keys ---------------------------------------------------------------------------------------------------


def test_what_is_to_be_registered_can_be_read_off(typed: Typed, settings: Settings) -> None:
    made = json.loads(typed("identity", "new-key").partition("kazasu:")[0])
    assert (made["kty"], made["crv"], made["use"], made["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert made["kid"] == KeyRing(settings.identity_keys).kept().signs
    shown = typed("identity", "show")
    for says in (ISSUER, CLIENT, RETURN, made["kid"], made["x"], made["y"]):
        assert says in shown
    assert '"d"' not in shown


def test_shown_before_anything_is_set_it_says_what_is_missing(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAZASU_IDENTITY_ISSUER")
    shown = typed("identity", "show")
    assert "issuer        (not set)" in shown
    assert "no key yet; kazasu identity new-key" in shown


@pytest.mark.parametrize("command", ["use", "retire"])
@pytest.mark.parametrize("kid", ["unknown", "", "../../etc/passwd", "𠮷"])
def test_a_wrong_key_id_is_said_and_changes_nothing(typed: Typed, settings: Settings, command: str, kid: str) -> None:
    typed("identity", "new-key")
    before = settings.identity_keys.read_bytes()
    assert "no such key; `kazasu identity show`" in typed("identity", command, kid, status=2)
    assert settings.identity_keys.read_bytes() == before


def test_the_key_that_signs_is_not_retired(typed: Typed, settings: Settings) -> None:
    typed("identity", "new-key")
    before = settings.identity_keys.read_bytes()
    signs = KeyRing(settings.identity_keys).kept().signs
    assert "put another one to use first" in typed("identity", "retire", signs, status=2)
    assert settings.identity_keys.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [("identity", "show"), ("identity", "check"), ("identity", "new-key"), ("identity", "use", "x"), ("serve",)],
    ids=" ".join,
)
def test_a_file_that_others_may_read_is_refused_everywhere(
    typed: Typed, settings: Settings, served: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    typed("identity", "new-key")
    settings.identity_keys.chmod(0o644)
    assert "chmod 600" in typed(*words, status=2)
    assert served == []


# --- the check ----------------------------------------------------------------------------------------------


def test_the_check_finds_nothing_wrong_at_a_good_provider(typed: Typed, provider: PracticeWorld) -> None:
    said = typed("identity", "check")
    assert f"ok     issuer: the document says {ISSUER}, as configured" in said
    assert "ok     keys: 1 for ES256" in said
    assert "WRONG" not in said


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.TRUNCATED, Fault.NO_JSON, Fault.PACKED, Fault.REDIRECTING])
def test_the_check_says_what_is_wrong(typed: Typed, provider: PracticeWorld, fault: Fault) -> None:
    misbehave(provider, fault, at="discovery")
    assert "WRONG" in typed("identity", "check", status=1)


def test_the_check_of_an_issuer_that_is_not_there_is_a_line(
    typed: Typed, provider: PracticeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAZASU_IDENTITY_ISSUER", "https://nowhere.example/realms/main")
    assert "WRONG  https://nowhere.example/realms/main: no usable answer" in typed("identity", "check", status=1)


# --- the server ---------------------------------------------------------------------------------------------


def test_it_serves(typed: Typed, settings: Settings, served: list[dict[str, Any]]) -> None:
    typed("identity", "new-key")
    said = typed("serve")
    assert [call["host"] for call in served] == ["127.0.0.1"]
    assert "練習" not in said


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"IDENTITY_ISSUER": ""}, "KAZASU_IDENTITY_ISSUER"),
        ({"IDENTITY_ISSUER": "http://app.example/realms/main"}, "KAZASU_IDENTITY_ISSUER"),
        ({"IDENTITY_CLIENT_ID": ""}, "KAZASU_IDENTITY_CLIENT_ID"),
        ({"IDENTITY_CLIENT_ID": "RP-1"}, "KAZASU_IDENTITY_CLIENT_ID"),
        ({"IDENTITY_ACR_VALUES": "aal3\ncrl"}, "KAZASU_IDENTITY_ACR_VALUES"),
        ({"ORIGIN": ""}, "KAZASU_ORIGIN: plain http"),
        ({"ORIGIN": "http://kazasu.example"}, "KAZASU_ORIGIN: plain http"),
        ({"ORIGIN": "https://kazasu.example/kazasu"}, "KAZASU_ORIGIN: an address without a path"),
        ({"ORIGIN": f"https://{'k' * 250}"}, "KAZASU_ORIGIN: https, and with /return"),
        ({"ROUTE": "identitty"}, "KAZASU_ROUTE"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_unsafe_settings_do_not_start(
    typed: Typed,
    settings: Settings,
    served: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    says: str,
) -> None:
    typed("identity", "new-key")
    for name, value in changed.items():
        monkeypatch.setenv(f"KAZASU_{name}", value)
    said = typed("serve", status=2)
    assert said.startswith("kazasu: ")
    assert says in said
    assert served == []
    assert not (settings.data / "kazasu.db").exists()


def test_without_a_key_it_does_not_start_and_says_what_to_do(
    typed: Typed, settings: Settings, served: list[dict[str, Any]]
) -> None:
    said = typed("serve", status=2)
    assert said == f"kazasu: {settings.identity_keys}: no key yet; make one with `kazasu identity new-key`\n"
    assert served == []
    assert not (settings.data / "kazasu.db").exists()


@pytest.mark.parametrize("damage", ["", "{}", '{"keys": [], "signs": "x"}'])
def test_with_a_damaged_key_it_does_not_start(settings: Settings, damage: str) -> None:
    KeyRing(settings.identity_keys).new(0)
    settings.identity_keys.write_text(damage)
    with pytest.raises(UnsafeSettings, match="damaged"):
        create_app(settings)


async def test_a_running_server_signs_with_the_key_that_is_put_to_use(
    bedside: Bedside, provider: PracticeWorld, settings: Settings, clock: StillClock
) -> None:
    by_command = KeyRing(settings.identity_keys)
    first, second = by_command.kept().signs, str(by_command.new(clock.now()).kid)

    async def proves() -> bool:
        await bedside.confirmed()
        await bedside.get(await bedside.taps())
        return (await bedside.visit()).registration is Registration.PROVEN

    assert await proves()
    provider.provider.register(by_command.kept().key(second).as_dict(private=False))
    assert await proves(), "both are registered, the first one signs"
    by_command.use(second)
    provider.provider.withdraw(first)
    by_command.retire(first)
    assert await proves(), "no restart was needed"
    settings.identity_keys.chmod(0o640)
    page = await bedside.confirmed()
    assert "アプリへの道を、用意し直します" in page.text
    settings.identity_keys.chmod(0o600)
    await bedside.press("/visit/handoff", again="yes")
    await bedside.get(await bedside.taps())
    assert (await bedside.visit()).registration is Registration.PROVEN
