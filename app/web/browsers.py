"""What a browser says of itself, read strictly: which kind of phone, and whether it is a real browser. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_IN_APP: Final = (("Line/", "LINE"), ("Instagram", "Instagram"), ("FBAN", "Facebook"), ("FBAV", "Facebook"))


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a page is open: `system` is iphone, ipad, android, desktop or unknown; `in_app` the app around it, if any."""

    system: str = "unknown"
    in_app: str = ""


def recognise(user_agent: str) -> Browser:
    """Return what is certain about a browser."""
    system = next(
        (name for mark, name in (("iPhone", "iphone"), ("iPad", "ipad"), ("Android", "android")) if mark in user_agent),
        "unknown",
    )
    return Browser(system, next((name for mark, name in _IN_APP if mark in user_agent), ""))
