"""The PWA's routes: manifest, service worker, offline page, and the icon's start address."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import brotli
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.ports.store import Store
from app.web.bedside.seat import STATION_COOKIE
from app.web.kit.assets import Assets, takes_brotli
from app.web.kit.pages import Look, Pages

KEPT: Final = ("vendor/tokens.css", "app.css", "icons.svg", "icons/favicon.svg", "pictures/offline.svg")
"""Static files that the service worker precaches for the offline page; others are cached when first shown."""
_LARGE: Final = 20_000
_BEST, _QUICK = 11, 5
"""Brotli qualities: above `_LARGE` bytes, the best one would block the event loop for a fifth of a second."""


class Keeps(Protocol):
    """Public pages without personal data, which the service worker may cache for offline use."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the static files that these pages need."""
        ...

    async def kept(self, request: Request) -> dict[str, str]:
        """Return the HTML of each page by address."""
        ...


@dataclass(frozen=True)
class Pwa:
    """The routes around the visit."""

    pages: Pages
    assets: Assets
    store: Store
    practice_station: bool
    shelf: tuple[Keeps, ...] = ()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/start", self.start, methods=["GET"]),
            Route("/offline", self.offline, methods=["GET"]),
            Route("/guide-kept", self.bundle, methods=["GET"]),
            Route("/manifest.webmanifest", self.manifest, methods=["GET"]),
            Route("/sw.js", self.worker, methods=["GET"]),
            Route("/favicon.ico", self.favicon, methods=["GET"]),
            Route("/static/{path:path}", self.assets.serve, methods=["GET"]),
        ]

    async def home(self, request: Request) -> Response:
        """Show the home page; on a practice server with the stations' entries."""
        stations = []
        if self.practice_station:
            for facility in await self.store.facilities():
                link = await self.store.live_link(facility.id)
                stations += [(facility, link)] if link else []
        return self.pages.respond(request, "home.html", look=Look.of(request).in_japanese(), stations=stations)

    async def start(self, request: Request) -> Response:
        """Redirect the icon to the entry of the station last used on this phone, or to `/`."""
        link = await self.store.live_link(request.cookies.get(STATION_COOKIE, ""))
        return RedirectResponse(f"/f/{link.token}" if link else "/", status_code=303)

    async def offline(self, request: Request) -> Response:
        """Show what works offline and what does not; in the default look, since the service worker caches it."""
        return self.pages.respond(request, "offline.html", look=Look())

    async def manifest(self, request: Request) -> Response:
        """Answer the web app manifest."""
        found = {
            "name": "かざす 訪問先での同意登録",
            "short_name": "かざす",
            "lang": "ja",
            "id": "/start",
            "start_url": "/start",
            "scope": "/",
            "display": "standalone",
            "background_color": "#ffffff",
            "theme_color": "#ffffff",
            "icons": [
                {"src": self.assets.url("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"},
                {"src": self.assets.url("icons/icon-512.png"), "sizes": "512x512", "type": "image/png"},
                {
                    "src": self.assets.url("icons/maskable-512.png"),
                    "sizes": "512x512",
                    "type": "image/png",
                    "purpose": "maskable",
                },
            ],
        }
        headers = {"Cache-Control": "no-cache"}
        return packed(request, json.dumps(found, ensure_ascii=False), "application/manifest+json", headers)

    async def bundle(self, request: Request) -> Response:
        """Answer the guide as JSON for the service worker: pages, static files, and a version, which is the ETag."""
        pages = {address: html for each in self.shelf for address, html in (await each.kept(request)).items()}
        # Includes KEPT: the worker's next release deletes its own cache, and these pages must stay complete.
        files = sorted(
            {self.assets.url(name) for files in (KEPT, *(each.files for each in self.shelf)) for name in files}
        )
        content = {"pages": pages, "files": files}
        version = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        headers = {"Cache-Control": "no-cache", "ETag": f'"{version}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        found = json.dumps({"version": version, **content}, ensure_ascii=False)
        return packed(request, found, "application/json", headers)

    async def worker(self, request: Request) -> Response:
        """Answer the service worker, with its version and precache list prepended."""
        kept = [self.assets.url(name) for name in KEPT]
        version = hashlib.sha256(json.dumps(kept).encode() + self.assets["sw.js"].content).hexdigest()[:10]
        head = f"const VERSION = {json.dumps(version)};\nconst KEPT = {json.dumps(kept)};\n"
        headers = {"Cache-Control": "no-cache"}
        return packed(request, head + self.assets["sw.js"].content.decode(), "text/javascript", headers)

    async def favicon(self, _: Request) -> Response:
        """Redirect the conventional address to the SVG icon."""
        return RedirectResponse(self.assets.url("icons/favicon.svg"), status_code=308)


def packed(request: Request, text: str, media_type: str, headers: dict[str, str]) -> Response:
    """Answer a public text, compressed where the browser accepts brotli."""
    content = text.encode()
    if takes_brotli(request):
        content = brotli.compress(content, quality=_QUICK) if len(content) > _LARGE else _compressed(content)
        headers = {**headers, "Content-Encoding": "br"}
    return Response(content, media_type=media_type, headers={**headers, "Vary": "Accept-Encoding"})


@lru_cache(maxsize=8)
def _compressed(content: bytes) -> bytes:
    """Compress what is asked for again and again: a browser fetches its service worker on every page."""
    packed: bytes = brotli.compress(content, quality=_BEST)
    return packed
