"""The PWA's routes: manifest, service worker, offline page, and the icon's start address."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

import brotli
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from app.rules.visit.visit import Route
from app.web.bedside.seat import STATION_COOKIE, TheBedside
from app.web.guide import ready, topics, trouble
from app.web.guide.contacts import TheContacts
from app.web.kit.assets import Assets, takes_brotli
from app.web.kit.pages import Look
from app.web.kit.parts import Part, ThePages, TheStore

KEPT: Final = ("vendor/tokens.css", "app.css", "icons.svg", "icons/favicon.svg", "pictures/offline.svg")
"""Static files that the service worker precaches for the offline page; others are cached when first shown."""
_LARGE: Final = 20_000
_BEST, _QUICK = 11, 5
"""Brotli qualities: above `_LARGE` bytes, the best one would block the event loop for a fifth of a second."""
_SHELF: Final = (trouble, ready, topics)
"""Rooms whose pages hold no personal data, and which the service worker caches for use offline."""
router = APIRouter()
TheAssets: TypeAlias = Annotated[Assets, Depends(Part("assets"))]


@router.get("/")
async def home(request: Request, bedside: TheBedside) -> Response:
    """Show the home page; on a practice server with the stations' entries."""
    stations = []
    if bedside.route is Route.PRACTICE:
        for facility in await bedside.store.facilities():
            link = await bedside.store.live_link(facility.id)
            stations += [(facility, link)] if link else []
    return bedside.pages.respond(request, "home.html", look=Look.of(request).in_japanese(), stations=stations)


@router.get("/start")
async def start(request: Request, store: TheStore) -> Response:
    """Redirect the icon to the entry of the station last used on this phone, or to `/`."""
    link = await store.live_link(request.cookies.get(STATION_COOKIE, ""))
    return RedirectResponse(f"/f/{link.token}" if link else "/", status_code=303)


@router.get("/offline")
async def offline(request: Request, pages: ThePages) -> Response:
    """Show what works offline and what does not; in the default look, since the service worker caches it."""
    return pages.respond(request, "offline.html", look=Look())


@router.get("/manifest.webmanifest")
async def manifest(request: Request, assets: TheAssets) -> Response:
    """Answer the web app manifest."""
    found = {
        "name": "かざす 訪問先での同意登録",
        "short_name": "かざす",
        "description": "訪問看護の同意登録を、順番に案内します。",
        "lang": "ja",
        "id": "/start",
        "start_url": "/start",
        "scope": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": [
            {"src": assets.url("icons/icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": assets.url("icons/icon-512.png"), "sizes": "512x512", "type": "image/png"},
            {
                "src": assets.url("icons/maskable-512.png"),
                "sizes": "512x512",
                "type": "image/png",
                "purpose": "maskable",
            },
        ],
    }
    headers = {"Cache-Control": "no-cache"}
    return packed(request, json.dumps(found, ensure_ascii=False), "application/manifest+json", headers)


@router.get("/guide-kept")
async def bundle(request: Request, contacts: TheContacts, assets: TheAssets) -> Response:
    """Answer the guide as JSON for the service worker: pages, static files, and a version, which is the ETag."""
    pages = {address: html for each in _SHELF for address, html in (await each.kept(request, contacts)).items()}
    # Includes KEPT: the worker's next release deletes its own cache, and these pages must stay complete.
    files = sorted({assets.url(name) for files in (KEPT, *(each.FILES for each in _SHELF)) for name in files})
    content = {"pages": pages, "files": files}
    version = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    headers = {"Cache-Control": "no-cache", "ETag": f'"{version}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    found = json.dumps({"version": version, **content}, ensure_ascii=False)
    return packed(request, found, "application/json", headers)


@router.get("/sw.js")
async def worker(request: Request, assets: TheAssets) -> Response:
    """Answer the service worker, with its version and precache list prepended."""
    kept = [assets.url(name) for name in KEPT]
    version = hashlib.sha256(json.dumps(kept).encode() + assets["sw.js"].content).hexdigest()[:10]
    head = f"const VERSION = {json.dumps(version)};\nconst KEPT = {json.dumps(kept)};\n"
    headers = {"Cache-Control": "no-cache"}
    return packed(request, head + assets["sw.js"].content.decode(), "text/javascript", headers)


@router.get("/favicon.ico")
async def favicon(assets: TheAssets) -> Response:
    """Redirect the conventional address to the SVG icon."""
    return RedirectResponse(assets.url("icons/favicon.svg"), status_code=308)


@router.get("/static/{path:path}")
async def static(request: Request, assets: TheAssets) -> Response:
    """Answer one static file."""
    return assets.answer(request)


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
