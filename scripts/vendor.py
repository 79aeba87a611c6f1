"""Brings the few files from outside that we serve into static/vendor, with a manifest of what they are.

`make vendor` runs it after `npm ci`, so every file has passed the lockfile's sha512. The result is committed:
whoever runs the product needs no Node, and tests/project/test_vendor.py sees any byte that changed since.

A file is copied byte for byte. Only a module that imports its neighbours by their plain names is joined with them,
because we serve files under hashed names: esbuild does it, pinned in the same lockfile, and always the same way.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
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
    is_joined: bool = False
    """Whether it takes its neighbours in the package along."""


@dataclass(frozen=True)
class Vendored:
    """What the manifest says of one file."""

    file: str
    package: str
    version: str
    licence: str
    integrity: str
    sha384: str
    joined_by: str


WANTED = (
    Wanted("htmx.min.js", "htmx.org", "dist/htmx.min.js"),
    Wanted("htmx.LICENSE.txt", "htmx.org", "LICENSE"),
    Wanted("qr.js", "qr", "decode.js", is_joined=True),
    Wanted("qr.LICENSE.txt", "qr", "LICENSE-MIT"),
    Wanted("tokens.css", "@digital-go-jp/design-tokens", "dist/tokens.css"),
    Wanted("tokens.LICENSE.txt", "@digital-go-jp/design-tokens", "LICENSE"),
)


def sha384(path: Path) -> str:
    """The digest of a file, as a browser's `integrity` attribute writes it."""
    return "sha384-" + b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def join(source: Path, target: Path) -> None:
    """Write a module and all that it imports as one module."""
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    how = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning")
    subprocess.run([esbuild, source, f"--outfile={target}", *how], check=True, cwd=ROOT)


def bring(wanted: Wanted, packages: dict[str, dict[str, str]], folder: Path = VENDOR) -> Vendored:
    """Put one file into the folder and say what it is; `packages` are the lockfile's."""
    source, target = ROOT / "node_modules" / wanted.package / wanted.source, folder / wanted.file
    if wanted.is_joined:
        join(source, target)
    else:
        shutil.copyfile(source, target)
    locked = packages[f"node_modules/{wanted.package}"]
    return Vendored(
        file=wanted.file,
        package=wanted.package,
        version=locked["version"],
        licence=locked["license"],
        integrity=locked["integrity"],
        sha384=sha384(target),
        joined_by=f"esbuild {packages['node_modules/esbuild']['version']}" if wanted.is_joined else "",
    )


def main() -> int:
    """Fill static/vendor anew."""
    packages: dict[str, dict[str, str]] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    files = [bring(wanted, packages) for wanted in WANTED]
    manifest = json.dumps([_said(file) for file in files], indent=2)
    (VENDOR / "manifest.json").write_text(manifest + "\n")
    for file in files:
        print(f"{file.file}  {file.package} {file.version}  {file.sha384}")
    return 0


def _said(file: Vendored) -> dict[str, str]:
    return {name: value for name, value in asdict(file).items() if value}


if __name__ == "__main__":
    sys.exit(main())
