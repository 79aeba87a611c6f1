"""What phones run is no newer than the oldest that we serve: iOS 15.4, Chrome 100, Firefox ESR."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

STATIC: Final = Path(__file__).parents[2] / "static"
ON_PHONES: Final = sorted(
    file for file in STATIC.rglob("*.js") if not {"vendor", "office"} & set(file.relative_to(STATIC).parts)
)
TOO_NEW: Final = {
    "AbortSignal.timeout (iOS 16, Chrome 103)": r"AbortSignal\.(timeout|any)\(",
    "lookbehind (iOS 16.4)": r"\(\?<[=!]",
    "requestSubmit (iOS 16)": r"\.requestSubmit\(",
    "FormData with a button (iOS 16.4, Chrome 112)": r"new FormData\([^()]*,",
    "copies of arrays (iOS 16, Chrome 110)": r"\.to(Sorted|Reversed|Spliced)\(",
    "groupBy (iOS 17.4)": r"\b(Object|Map)\.groupBy\(",
    "popover (iOS 17)": r"\.(show|toggle)Popover\(",
    "URL.canParse (iOS 17)": r"URL\.canParse",
    "the v flag (iOS 17)": r"/[dgimsuy]*v[dgimsuy]*[.;,)]",
    "withResolvers (iOS 17.4)": r"withResolvers",
}


def newer_than_the_floor(script: str) -> list[str]:
    return [name for name, pattern in TOO_NEW.items() if re.search(pattern, script)]


@pytest.mark.parametrize("file", ON_PHONES, ids=lambda file: str(file.relative_to(STATIC)))
def test_every_script_runs_on_the_oldest_phone(file: Path) -> None:
    assert newer_than_the_floor(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "script",
    ["fetch(a, { signal: AbortSignal.timeout(9) })", "/(?<=a)b/", "form.requestSubmit()", "new FormData(f, b)"],
)
def test_control_what_is_newer_is_named(script: str) -> None:
    assert newer_than_the_floor(script)
