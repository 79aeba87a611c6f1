"""Everything a browser remembers, searched for what belonged to one patient."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from playwright.sync_api import BrowserContext, Page

_ENOUGH: Final = 5
"""Characters that cannot stand in base64 by chance."""

_DUMP: Final = """async (visited) => {
    const text = (value) => JSON.stringify(value);
    const found = {"localStorage": text({...localStorage}), "sessionStorage": text({...sessionStorage})};
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) {
            found[`Cache Storage ${request.url}`] = request.url + await (await cache.match(request)).text();
        }
    }
    const all = (store) => new Promise((resolve, reject) => {
        const asked = store.getAll();
        asked.onsuccess = () => resolve(asked.result);
        asked.onerror = reject;
    });
    for (const { name } of await indexedDB.databases()) {
        const opened = await new Promise((resolve, reject) => {
            const asked = indexedDB.open(name);
            asked.onsuccess = () => resolve(asked.result);
            asked.onerror = reject;
        });
        for (const store of opened.objectStoreNames) {
            found[`IndexedDB ${name} ${store}`] = text(await all(opened.transaction(store).objectStore(store)));
        }
        opened.close();
    }
    for (const address of visited) {
        const kept = await fetch(address, {cache: "only-if-cached", mode: "same-origin"}).catch(() => null);
        if (kept?.ok) found[`HTTP cache ${address}`] = await kept.text();
    }
    return found;
}"""


def spellings(canary: str) -> Iterator[bytes]:
    """Yield a text as stores may spell it: plain, UTF-16, escaped for addresses and JSON, and in base64."""
    plain = canary.encode()
    yield plain
    yield canary.encode("utf-16-le")
    yield quote(canary).encode()
    yield json.dumps(canary)[1:-1].encode()
    for shift in range(3):  # base64 looks different at each of three places
        coded = base64.b64encode(b"\0" * shift + plain)
        middle = coded[4 if shift else 0 : -4]
        if len(middle) >= _ENOUGH:
            yield middle
            yield middle.replace(b"+", b"-").replace(b"/", b"_")


def traces(content: bytes, canaries: Iterable[str]) -> list[str]:
    """Return the canaries that stand in these bytes, however they are spelled."""
    return [canary for canary in canaries if any(spelling in content for spelling in spellings(canary))]


def traces_in_stores(context: BrowserContext, page: Page, visited: Iterable[str], canaries: Iterable[str]) -> list[str]:
    """Search cookies, both storages, IndexedDB, Cache Storage, and the HTTP cache for the addresses visited."""
    dumped: dict[str, Any] = page.evaluate(_DUMP, sorted(set(visited)))
    dumped["cookies"] = json.dumps(context.cookies(), ensure_ascii=False)
    sought = list(canaries)
    return [f"{place}: {found}" for place, text in dumped.items() if (found := traces(text.encode(), sought))]


def traces_on_disk(profile: Path, canaries: Iterable[str]) -> list[str]:
    """Search every file of a browser profile."""
    sought = list(canaries)
    files = (path for path in profile.rglob("*") if path.is_file() and not path.is_symlink())
    return [f"{path.relative_to(profile)}: {found}" for path in files if (found := traces(path.read_bytes(), sought))]


_OFFERED: Final = """
SELECT url FROM urls WHERE NOT hidden
UNION SELECT urls.url FROM urls JOIN visits ON visits.url = urls.id WHERE visits.transition & 0x20000000
"""
"""What Chromium suggests when somebody types an address (what is not hidden), and what it lists as visited (where a chain
of redirects ended: PAGE_TRANSITION_CHAIN_END)."""


def offered_again(profile: Path) -> list[str]:
    """Return the addresses that a closed Chromium would offer to the next person at this phone."""
    with closing(sqlite3.connect(profile / "Default" / "History")) as visited:
        return [address for (address,) in visited.execute(_OFFERED)]
