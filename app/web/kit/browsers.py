"""Parses `User-Agent`: system, least version, browser, and whether it is inside another app. Pure.

Browsers freeze more of it every year: Safari has sent "iPhone OS 18_6" or "18_7" since iOS 26, Chrome sends
"Android 10; K" on every phone. What is not certain stays empty, and a page asks instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

System = Literal["iphone", "ipad", "android", "desktop", "unknown"]
Name = Literal["safari", "chrome", "samsung", "firefox", "edge", "other"]

UNNAMED: Final = "アプリ"
"""Name of the app of an in-app browser that does not name it."""
_LONGEST: Final = 1024
_ONE_STYLE: Final = 26
"""From this version on, Safari's version is that of iOS, and the system's own number is frozen."""

_APPLE: Final = re.compile(r"\((?:iPhone|iPod(?: touch)?|iPad); (?:U; )?CPU (?:iPhone )?OS (\d{1,2}(?:_\d{1,2}){0,2}) ")
_ANDROID: Final = re.compile(r"[(;] ?Android (\d{1,2}(?:\.\d{1,2}){0,2})(; K)?[;)]")
_SAFARI: Final = re.compile(r" Version/(\d{1,2}(?:\.\d{1,2}){0,2}) Mobile/\w+ Safari/")
_DESKTOP: Final = re.compile(r"\((?:Windows NT |Macintosh; |X11; )")
_WEB_VIEW: Final = re.compile(r"; wv\)")
_KEPT_STILL: Final = (10,)
"""The frozen Android version that Chrome sends on every phone, and Firefox on old ones: no information."""

_APPS: Final = (
    (re.compile(r"\bLine/\d"), "LINE"),
    (re.compile(r"\bInstagram \d"), "Instagram"),
    (re.compile(r"\bBarcelona \d"), "Threads"),
    (re.compile(r"\bFBAN/Messenger|\bFB_IAB/Orca|\bFB_IAB/MESSENGER"), "Messenger"),
    (re.compile(r"\bFBAN/|\bFBAV/|\bFB_IAB/"), "Facebook"),
    (re.compile(r"\bTwitter for i|\bTwitterAndroid\b"), "X"),
    (re.compile(r"\bYJApp-|\bYJAPP\b|jp\.co\.yahoo\."), "Yahoo! JAPAN"),
    (re.compile(r"\bGSA/\d"), "Google"),
    (re.compile(r"\bmusical_ly_|\bBytedanceWebview\b|\btrill_\d"), "TikTok"),
    (re.compile(r"\bMicroMessenger/"), "WeChat"),
    (re.compile(r"\bKAKAOTALK\b"), "KakaoTalk"),
    (re.compile(r"\bSlack(?:_SSB)?/\d"), "Slack"),
    (re.compile(r"\bTeamsMobile|\bTeams/\d"), "Teams"),
    (re.compile(r"\bSmartNews\b"), "SmartNews"),
)
_OTHERS: Final = re.compile(r" (?:OPR|OPT|OPX|OPiOS|DuckDuckGo|Ddg|YaBrowser|UCBrowser|Focus|Klar|Silk|HuaweiBrowser)/")
_NAMES: Final[tuple[tuple[re.Pattern[str], Name], ...]] = (
    (re.compile(r" Edg(?:A|iOS)?/\d"), "edge"),
    (re.compile(r" (?:FxiOS|Firefox)/\d"), "firefox"),
    (re.compile(r" SamsungBrowser/\d"), "samsung"),
    (re.compile(r" (?:CriOS|Chrome)/\d"), "chrome"),
    (re.compile(r" Version/\d[\d.]* (?:Mobile/\w+ )?Safari/"), "safari"),
)


@dataclass(frozen=True, slots=True)
class Browser:
    """What the header proves about a browser; what it does not prove keeps its default."""

    system: System = "unknown"
    version: tuple[int, ...] = ()
    """The least version that the system can have; empty if unknown."""
    name: Name = "other"
    in_app: str = ""
    """The app of an in-app browser, `UNNAMED` if it is not named; empty if it may be an ordinary browser."""
    is_bare: bool = False
    """Whether it is a home screen icon or an in-app browser: both send the same, and only a script can tell."""

    def is_older_than(self, *version: int) -> bool:
        """Whether the system is certainly older than this."""
        return bool(self.version) and self.version < version

    def is_at_least(self, *version: int) -> bool:
        """Whether the system is certainly as new as this."""
        return bool(self.version) and self.version >= version


def recognise(user_agent: str) -> Browser:
    """Parse a `User-Agent` header, of which only the first 1024 characters are read."""
    said = user_agent[:_LONGEST]
    if "Windows Phone" in said:  # claims to be an Android and an iPhone at once
        return Browser()
    if apple := _APPLE.search(said):
        system: System = "ipad" if said[apple.start() :].startswith("(iPad") else "iphone"
        app = _in_app(said)
        return Browser(system, _apple_version(said, apple[1]), _name(said), app, not app and " Safari/" not in said)
    if android := _ANDROID.search(said):
        version = () if android[2] else _numbers(android[1])
        known = () if version == _KEPT_STILL and _name(said) == "firefox" else version
        return Browser("android", known, _name(said), _in_app(said))
    # An iPad asks for desktop pages by calling itself a Macintosh: only a script can tell.
    return Browser("desktop" if _DESKTOP.search(said) else "unknown", (), _name(said), _in_app(said))


def _apple_version(said: str, system: str) -> tuple[int, ...]:
    safari = _SAFARI.search(said)
    browser = _numbers(safari[1]) if safari else ()
    return browser if browser >= (_ONE_STYLE,) else _numbers(system.replace("_", "."))


def _name(said: str) -> Name:
    if _OTHERS.search(said) or _WEB_VIEW.search(said):
        return "other"
    return next((name for pattern, name in _NAMES if pattern.search(said)), "other")


def _in_app(said: str) -> str:
    named = next((app for pattern, app in _APPS if pattern.search(said)), "")
    return named or (UNNAMED if _WEB_VIEW.search(said) else "")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
