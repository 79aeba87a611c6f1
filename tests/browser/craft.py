"""Judges a page: what a browser can measure, what axe knows, and whether focus can be seen. Answers complaints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import CDPSession, Page

ROOT: Final = Path(__file__).parents[2]
_MEASURE: Final = Path(__file__).with_name("craft.js").read_text(encoding="utf-8")
_FOCUS: Final = Path(__file__).with_name("focus.js").read_text(encoding="utf-8")
_AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_MOST_STOPS: Final = 80
_RING: Final = 3.9
"""Pixels of outline that an eye finds."""
_RUN_AXE: Final = """async (runOnly) =>
    (await axe.run(document, {runOnly, resultTypes: ["violations"]})).violations"""
DOUBLE: Final = """() => {
    const root = document.documentElement;
    const chosen = { s: 100 / 112.5, l: 137.5 / 112.5 }[root.dataset.text] ?? 1;
    root.style.fontSize = `${2 * parseFloat(getComputedStyle(root).fontSize) / chosen}px`;
}"""
"""Makes letters twice as large as they are without 文字 小 or 大."""
_MOVING: Final = """() => document.getAnimations().filter((one) => one.effect.getComputedTiming().activeDuration > 10)
    .map((one) => `moves: ${one.animationName ?? one.transitionProperty}`)"""
_FROM_THE_TOP: Final = """() => {
    const root = document.documentElement;
    root.tabIndex = -1;
    root.focus();
    root.removeAttribute("tabindex");
    scrollTo(0, 0);
}"""

_KINDS: Final = """() => [...new Set([...document.querySelectorAll("html, html *:not(path, use)")].map((element) =>
    [element.tagName, element.className.baseVal ?? element.className, element.type, element.checked, element.open,
     element.hidden, element.getAttribute("aria-pressed"), element.dataset.text, element.dataset.contrast].join(" ")))]"""
_LOOK: Final = f"(how) => [({_MEASURE})(how), document.title, ({_KINDS})()]"
_LOOK_ENLARGED: Final = f"""(how) => {{
    const {{ style }} = document.documentElement;
    const size = style.fontSize;
    ({DOUBLE})();
    const found = ({_MEASURE})(how);
    style.fontSize = size;
    return [document.documentElement.clientWidth, found];
}}"""
_LOOK_AS_IT_IS: Final = f"(how) => [document.documentElement.clientWidth, ({_MEASURE})(how)]"


@dataclass(frozen=True)
class Seen:
    """What one look at a page tells."""

    complaints: list[str]
    title: str
    kinds: list[str]
    """What axe tells apart on a page: kinds of elements, classes and states, however many there are of each."""


def seen(page: Page, *, ours: bool) -> Seen:
    """Return what can be told at once, in one question to the browser: there are thousands of them."""
    return Seen(*page.evaluate(_LOOK, {"ours": ours, "lang": "ja"}))


def complaints(page: Page, *, ours: bool = True, lang: str = "ja") -> list[str]:
    """Return what is badly made and can be measured; `ours` is stricter than the practice world must be."""
    found: list[str] = page.evaluate(_MEASURE, {"ours": ours, "lang": lang})
    return found


def complaints_at(page: Page, width: int, *, ours: bool, enlarged: bool) -> list[str]:
    """Return the same of a page that was just given this width, with letters of 200 % if `enlarged`."""
    is_wide, found = page.evaluate(_LOOK_ENLARGED if enlarged else _LOOK_AS_IT_IS, {"ours": ours, "lang": "ja"})
    return [*found, *([] if is_wide == width else [f"is {is_wide} px wide, not {width}"])]


def violations(page: Page) -> list[str]:
    """Return what axe finds."""
    return _axe(page, {"type": "tag", "values": list(_TAGS)})


def pale_letters(page: Page) -> list[str]:
    """Return what axe finds about colours alone: enough for a page that it has seen in others."""
    return _axe(page, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]})


def _axe(page: Page, run_only: dict[str, Any]) -> list[str]:
    if page.evaluate("typeof axe") == "undefined":
        _load_axe(page.context.new_cdp_session(page))
    found: list[dict[str, Any]] = page.evaluate(_RUN_AXE, run_only)
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


def _load_axe(wire: CDPSession) -> None:
    """Run axe's file as it is: `page.evaluate` parses half a megabyte twice, to see whether it is a function."""
    ran = wire.send("Runtime.evaluate", {"expression": _AXE.read_text(encoding="utf-8"), "silent": True})
    assert "exceptionDetails" not in ran, ran
    wire.detach()


def moving(page: Page) -> list[str]:
    """Return what moves on the page."""
    found: list[str] = page.evaluate(_MOVING)
    return found


def ways_of_focus(page: Page) -> list[str]:
    """Tab through a page: every stop is reached once, in reading order, ringed, and covered by nothing."""
    expected: list[str] = page.evaluate(_FOCUS, "stops")
    page.evaluate(_FROM_THE_TOP)
    reached: list[str] = []
    found: list[str] = []
    for _ in range(_MOST_STOPS):
        page.keyboard.press("Tab")
        at: dict[str, Any] | None = page.evaluate(_FOCUS, "here")
        if at is None:
            break
        reached.append(at["called"])
        found += [f"no ring: {at['called']}"] if at["ring"] < _RING else []
        found += [f"covered: {at['called']}"] if at["covered"] else []
    return found + ([] if reached == expected else [f"focus goes {reached}, reading goes {expected}"])
