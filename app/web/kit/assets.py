"""Static files under content-hashed addresses, cached as immutable for a year."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import brotli
from starlette.requests import Request
from starlette.responses import Response

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}
_BEST: Final = 11
_COMMENT: Final = re.compile(rb"/\*.*?\*/\s*", re.DOTALL)
_COMMENT_LINE: Final = re.compile(rb"^ *//.*\n", re.MULTILINE)
_MARKS: Final = (b"{", b"}", b";")
"""Around these a style sheet needs no blanks; safe because no sheet of ours quotes one."""
FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One static file as served."""

    url: str
    type: str
    content: bytes

    @cached_property
    def packed(self) -> bytes:
        """The content in brotli, compressed on first use."""
        packed: bytes = brotli.compress(self.content, quality=_BEST)
        return packed


class Assets:
    """All static files of a known type below a folder, read once."""

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in TYPES)
        self._by_name = {path.relative_to(folder).as_posix(): _asset(folder, path) for path in files}
        self._by_url = {asset.url: asset for asset in self._by_name.values()}

    def __getitem__(self, name: str) -> Asset:
        """Return the file `name`, such as `app.css` or `pictures/card-tap.svg`."""
        return self._by_name[name]

    def url(self, name: str) -> str:
        """Return the hashed address of a file; raises `KeyError` for an unknown name, in templates at compile time."""
        return self._by_name[name].url

    def answer(self, request: Request) -> Response:
        """Answer one static file, compressed where the browser accepts brotli."""
        asset = self._by_url.get(request.url.path)
        if asset is None:
            return Response(status_code=404, headers={"Cache-Control": "no-store"})
        headers = {"Cache-Control": FOR_EVER, "Content-Type": asset.type}
        if asset.type == TYPES[".png"]:
            return Response(asset.content, headers=headers)
        headers["Vary"] = "Accept-Encoding"
        if takes_brotli(request):
            return Response(asset.packed, headers={**headers, "Content-Encoding": "br"})
        return Response(asset.content, headers=headers)


def takes_brotli(request: Request) -> bool:
    """Whether the browser takes brotli."""
    return "br" in request.headers.get("accept-encoding", "").replace(" ", "").split(",")


def _asset(folder: Path, path: Path) -> Asset:
    content = path.read_bytes()
    # Without comments a phone's download is a tenth smaller; vendored files stay unchanged.
    if path.suffix == ".js" and "vendor" not in path.parts:
        content = _COMMENT_LINE.sub(b"", content)
    if path.suffix == ".css" and "vendor" not in path.parts:
        content = _COMMENT.sub(b"", content)
        for mark in _MARKS:
            content = mark.join(map(bytes.strip, content.split(mark)))
    digest = hashlib.sha256(content).hexdigest()[:10]
    name = path.relative_to(folder).as_posix()
    stem = name.removesuffix(path.suffix)
    return Asset(f"/static/{stem}.{digest}{path.suffix}", TYPES[path.suffix], content)
