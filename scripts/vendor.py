"""Copies the few files from outside that we serve into static/vendor, with a manifest of what they are.

`make vendor` runs it after `npm ci`, so every file has passed the lockfile's sha512. The result is committed:
whoever runs the product needs no Node, and tests/project/test_vendor.py sees any byte that changed since.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from base64 import b64encode
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENDOR = ROOT / "static" / "vendor"


@dataclass(frozen=True)
class Wanted:
    """A file to serve, and where its package has it."""

    file: str
    package: str
    source: str


@dataclass(frozen=True)
class Vendored:
    """What the manifest says of one file."""

    file: str
    package: str
    version: str
    licence: str
    integrity: str
    sha384: str


WANTED = (
    Wanted("htmx.min.js", "htmx.org", "dist/htmx.min.js"),
    Wanted("htmx.LICENSE.txt", "htmx.org", "LICENSE"),
    Wanted("tokens.css", "@digital-go-jp/design-tokens", "dist/tokens.css"),
    Wanted("tokens.LICENSE.txt", "@digital-go-jp/design-tokens", "LICENSE"),
)


def sha384(path: Path) -> str:
    """The digest of a file, as a browser's `integrity` attribute writes it."""
    return "sha384-" + b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def copy(wanted: Wanted, locked: dict[str, str]) -> Vendored:
    """Copy one file and say what it is; `locked` is its package's entry in the lockfile."""
    target = VENDOR / wanted.file
    shutil.copyfile(ROOT / "node_modules" / wanted.package / wanted.source, target)
    return Vendored(
        file=wanted.file,
        package=wanted.package,
        version=locked["version"],
        licence=locked["license"],
        integrity=locked["integrity"],
        sha384=sha384(target),
    )


def main() -> int:
    """Fill static/vendor anew."""
    packages: dict[str, dict[str, str]] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    files = [copy(wanted, packages[f"node_modules/{wanted.package}"]) for wanted in WANTED]
    manifest = json.dumps([asdict(file) for file in files], indent=2)
    (VENDOR / "manifest.json").write_text(manifest + "\n")
    for file in files:
        print(f"{file.file}  {file.package} {file.version}  {file.sha384}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
