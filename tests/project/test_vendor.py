"""What we serve from others is byte for byte what the lockfile names."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from base64 import b64encode
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "static" / "vendor"
LOCK: dict[str, dict[str, str]] = json.loads((ROOT / "package-lock.json").read_text())["packages"]


def faults(folder: Path) -> list[str]:
    manifest: list[dict[str, str]] = json.loads((folder / "manifest.json").read_text())
    listed = {entry["file"] for entry in manifest} | {"manifest.json"}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    found = [f"{name}: listed or present, not both" for name in sorted(listed ^ present)]
    for entry in manifest:
        locked = LOCK[f"node_modules/{entry['package']}"]
        for ours, theirs in (("version", "version"), ("integrity", "integrity"), ("licence", "license")):
            if entry[ours] != locked[theirs]:
                found.append(f"{entry['file']}: {ours} is not the lockfile's")
        digest = hashlib.sha384((folder / entry["file"]).read_bytes()).digest()
        if entry["sha384"] != f"sha384-{b64encode(digest).decode()}":
            found.append(f"{entry['file']}: changed")
    return found


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VENDOR, tmp_path / "vendor"))


def test_vendored_files_are_what_the_lockfile_names() -> None:
    assert faults(VENDOR) == []


@pytest.mark.parametrize("name", ["htmx.min.js", "tokens.css", "htmx.LICENSE.txt", "tokens.LICENSE.txt"])
def test_one_more_byte_is_noticed(copied: Path, name: str) -> None:
    with (copied / name).open("ab") as file:
        file.write(b" ")
    assert faults(copied) == [f"{name}: changed"]


def test_a_file_nobody_listed_is_noticed(copied: Path) -> None:
    (copied / "more.js").write_text("")
    assert faults(copied) == ["more.js: listed or present, not both"]


@pytest.mark.parametrize("field", ["version", "integrity"])
def test_a_manifest_that_leaves_the_lockfile_is_noticed(copied: Path, field: str) -> None:
    manifest: list[dict[str, str]] = json.loads((copied / "manifest.json").read_text())
    manifest[0][field] += "0"
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert faults(copied) == [f"{manifest[0]['file']}: {field} is not the lockfile's"]


def test_versions_are_exact_and_equal_the_lockfile() -> None:
    package: dict[str, dict[str, str]] = json.loads((ROOT / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert wanted == {name: LOCK[f"node_modules/{name}"]["version"] for name in wanted}


def test_the_lockfile_holds_digests_and_no_addresses() -> None:
    packages = {name: entry for name, entry in LOCK.items() if name}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())
