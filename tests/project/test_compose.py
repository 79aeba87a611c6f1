"""The containers: alone for practice, or two nodes on one database behind one proxy."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings, UnsafeSettings

ROOT = Path(__file__).parents[2]
ENV = {
    "KAZASU_ORIGIN": "https://kazasu.example",
    "KAZASU_SECRET_KEYS": "a-key-of-32-characters-or-more-for-both",
    "KAZASU_RECORD_KEY": "a-key-of-32-characters-or-more-for-records",
    "POSTGRES_PASSWORD": "geheim",
}
_HOLE = re.compile(r"\$\{(\w+)(?::-((?:[^${}]|\$\{[^}]*\})*))?\}")


def filled(value: Any, env: dict[str, str]) -> Any:
    """Return what Compose makes of a value with these variables."""
    if isinstance(value, dict):
        return {name: filled(each, env) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, env) for each in value]
    if not isinstance(value, str):
        return value
    return _HOLE.sub(lambda hole: env.get(hole[1]) or filled(hole[2] or "", env), value)


def services(env: dict[str, str] = ENV) -> dict[str, Any]:
    found: dict[str, Any] = filled(yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8")), env)["services"]
    return found


@pytest.fixture
def caddyfile() -> str:
    return (ROOT / "Caddyfile").read_text("utf-8")


def test_without_a_profile_the_practice_station_starts_alone() -> None:
    alone = [name for name, each in services({}).items() if "profiles" not in each]
    assert alone == ["kazasu"]
    practice = services({})["kazasu"]
    assert practice["ports"] == ["127.0.0.1:8000:8000"]
    assert practice["environment"] == {"KAZASU_ORIGIN": "http://127.0.0.1:8000"}
    assert {tuple(each["profiles"]) for name, each in services().items() if name != "kazasu"} == {("two-nodes",)}


def test_both_nodes_are_the_same_but_for_their_folder() -> None:
    one, two = services()["node-1"], services()["node-2"]
    assert one | {"volumes": None} == two | {"volumes": None}
    assert one["volumes"] != two["volumes"]


def test_the_settings_of_a_node_are_safe_and_those_of_an_empty_file_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (services()["node-1"]["environment"] | ENV).items():
        monkeypatch.setenv(name, value)
    settings = Settings(data=tmp_path)
    settings.check()
    assert settings.is_shared
    assert settings.is_secure
    for missing in ("KAZASU_ORIGIN", "KAZASU_SECRET_KEYS", "KAZASU_RECORD_KEY"):
        with monkeypatch.context() as without:
            without.setenv(missing, "")
            unsafe = Settings(data=tmp_path)
        with pytest.raises(UnsafeSettings, match=missing):
            unsafe.check()


def test_only_the_proxy_is_believed_and_only_it_is_reached_from_outside() -> None:
    made, written = services(), yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    proxy = made["caddy"]["networks"]["inside"]["ipv4_address"]
    assert made["node-1"]["environment"]["KAZASU_TRUSTED_PROXIES"] == proxy
    assert ipaddress.ip_address(proxy) in ipaddress.ip_network(
        written["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    )
    assert [name for name, each in made.items() if each.get("ports")] == ["kazasu", "caddy"]
    assert made["node-1"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_the_database_sorts_by_bytes() -> None:
    assert "--locale=C --encoding=UTF8" in services()["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]


def test_every_volume_is_named() -> None:
    named = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["volumes"]
    mounted = {each.partition(":")[0] for service in services().values() for each in service["volumes"]}
    assert {volume for volume in mounted if not volume.startswith(".")} == set(named)


def test_the_proxy_asks_both_nodes_whether_they_are_ready(caddyfile: str) -> None:
    nodes = [f"{name}:8000" for name in services() if name.startswith("node-")]
    assert f"reverse_proxy {' '.join(nodes)} {{" in caddyfile
    assert "health_uri /readyz" in caddyfile
    assert "trusted_proxies" not in caddyfile  # Caddy then tells the true address, whatever a client claims
    assert caddyfile.count("{\n") == len(re.findall(r"(?m)^\s*\}$", caddyfile))
