"""The patient's languages and the translation of messages. The Japanese text is the official one.

A message's key is its Japanese text with furigana notation. `locales/<folder>/LC_MESSAGES/patient.mo` is loaded once; a
message that it lacks is shown in Japanese.
"""

from __future__ import annotations

import gettext
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

from app.rules.record.event import Json
from app.rules.visit.consent import Item, Wording
from app.rules.words.dates import in_era

LOCALES: Final = Path(__file__).parents[3] / "locales"
DOMAIN: Final = "patient"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its code in cookies and evidence, its HTML tag, its name in itself, its folder."""

    code: str
    tag: str
    name: str
    folder: str = ""
    is_reference: bool = False
    """Whether no native speaker of ours has checked it; the page says so."""

    @property
    def is_official(self) -> bool:
        """Whether its text is the official one."""
        return not self.folder

    @property
    def is_japanese(self) -> bool:
        """Whether furigana readings are kept."""
        return self.tag == "ja"


OFFICIAL: Final = Language("ja", "ja", "日本語")
EASY: Final = Language("ja-easy", "ja", "やさしい日本語", "ja_EASY")
LANGUAGES: Final = (
    OFFICIAL,
    EASY,
    Language("en", "en", "English", "en"),
    Language("zh-Hans", "zh-Hans", "简体中文", "zh_Hans", is_reference=True),
    Language("ko", "ko", "한국어", "ko", is_reference=True),
)
BY_CODE: Final = {language.code: language for language in LANGUAGES}


class _Missing(gettext.NullTranslations):
    """Returns an empty string, so that a message translated as itself is told from a missing one."""

    def gettext(self, message: str) -> str:  # noqa: ARG002 - the name that gettext gives
        return ""


@lru_cache
def _catalogue(folder: str) -> gettext.NullTranslations:
    found = gettext.translation(DOMAIN, LOCALES, [folder])
    found.add_fallback(_Missing())
    return found


def has(language: Language, message: str) -> bool:
    """Whether a message is translated."""
    return language.is_official or bool(_catalogue(language.folder).gettext(message))


def told(language: Language, message: str) -> str:
    """Translate a message, with furigana notation where it is Japanese; a missing one stays Japanese."""
    translated = "" if language.is_official or not message else _catalogue(language.folder).gettext(message)
    return translated or message


@lru_cache
def worded(language: Language, item: Item) -> Wording:
    """Translate an item completely or, if any part is missing, not at all."""
    words = asdict(item.wording)
    if not all(has(language, words[part]) for part in words):
        return item.wording
    return Wording(**{part: told(language, words[part]) for part in words})


@lru_cache
def wording_hash(language: Language, item: Item) -> str:
    """Return SHA-256 (hex) of the words of an item as they are shown in that language."""
    words = json.dumps(asdict(worded(language, item)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(words.encode()).hexdigest()


def wording(language: Language, items: Iterable[Item]) -> dict[str, Json]:
    """Return the version of each item's wording, and its hash in that language."""
    return {item.id: {"version": item.version, "sha256": wording_hash(language, item)} for item in items}


_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def day_in(language: Language, day: date) -> str:
    """Format a day in that language; Japanese adds the era and the readings."""
    if language.is_japanese:
        era = in_era(day).partition("年")[0].replace("令和", "{令和|れいわ}")
        month = f"{day.month}{{月|がつ}}{day.day}{{日|にち}}"
        return f"{day.year}{{年|ねん}}（{era}{{年|ねん}}）{month}"
    if language.code == "ko":
        return f"{day.year}년 {day.month}월 {day.day}일"
    if language.code == "zh-Hans":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
