"""Judges where lines break: between phrases, or inside one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

from budoux import load_default_japanese_parser

from app.web.kit.phrases import kept_whole

MEASURE: Final = Path(__file__).with_name("lines.js").read_text(encoding="utf-8")
"""A function for the browser. It returns the runs of text that `judged` takes."""
_find: Final = load_default_japanese_parser().parse
_ENDS: Final = frozenset("、。，．！？）」』】〕〉》・：； ")
_BEGINS: Final = frozenset("（「『【〔〈《 ")
_BEGINS_NO_LINE: Final = frozenset("、。，．・！？）」』】〕〉》ー々")


@dataclass(frozen=True, slots=True)
class Breaks:
    """How many line breaks there are, and the phrases that are broken although they fit into a line."""

    count: int
    broken: tuple[str, ...]
    loud: tuple[str, ...]
    """Those of them in headings and buttons."""

    @property
    def share(self) -> float:
        """The share of breaks inside a phrase."""
        return len(self.broken) / self.count if self.count else 0.0


def judged(runs: Iterable[Mapping[str, Any]]) -> Breaks:
    """Judge the runs of one page."""
    count, broken, loud = 0, list[str](), list[str]()
    for run in runs:
        count += len(run["breaks"])
        found = [*_inside(run["text"], run["breaks"], run["widths"], run["width"])]
        broken += found
        loud += found if run["is_loud"] else []
    return Breaks(count, tuple(broken), tuple(loud))


def together(pages: Iterable[Breaks]) -> Breaks:
    """Return the sum of several pages."""
    each = [*pages]
    return Breaks(
        sum(one.count for one in each),
        tuple(word for one in each for word in one.broken),
        tuple(word for one in each for word in one.loud),
    )


def _inside(text: str, breaks: Sequence[int], widths: Sequence[float], width: float) -> Iterator[str]:
    ends = sorted(kept_whole(text, {0, *accumulate(map(len, _find(text)))}))
    for at in breaks:
        if text[at] in _BEGINS_NO_LINE:
            yield f"{text[:at]}／{text[at:]}"
        if at in ends or text[at - 1] in _ENDS or text[at] in _BEGINS:
            continue
        begin, end = next((begin, end) for begin, end in pairwise(ends) if begin < at < end)
        if sum(widths[begin:end]) <= width:
            yield f"{text[begin:at]}／{text[at:end]}"
