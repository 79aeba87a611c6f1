"""People of the terminal's files with good defaults: who they are, and what they consented to.

Named arguments take anything, so that flags may be given as a dictionary.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.rules.terminal.consent_list import Incoming, Insured, PersonNames
from app.rules.terminal.values import FLAGS, Consent
from app.rules.words.dates import JST
from tests.rules.visits import NOW

STEMS = {flag.id: stem for stem, flag in FLAGS.items()}
LISTED = ("surgery", "clinical", "drug", "health_checkup", "limit_amount", "specific_disease")
TARO = PersonNames("髙﨑　𠮷男", "ﾀｶｻｷ ﾖｼｵ", "19600602", "1")


def digits(at: int) -> str:
    """Return a moment as the terminal writes it."""
    return datetime.fromtimestamp(at, JST).strftime("%Y%m%d%H%M%S")


def a_consent(flag: str, code: str = "1", at: int = NOW, until: int | None = None) -> Consent:
    """Return one flag as it comes."""
    ends = digits(until) if until is not None and flag not in {"limit_amount", "specific_disease"} else ""
    return Consent(STEMS.get(flag, flag), code, digits(at) if code != "0" else "", ends)


def insured(card: str = "01", *, at: Any = NOW, until: Any = NOW + 30 * 86_400, **codes: str) -> Insured:
    """Return one insurance with all six flags given, but for what `codes` say."""
    flags = {**dict.fromkeys(LISTED, "1"), **codes}
    return Insured(card, tuple(a_consent(flag, code, at, until) for flag, code in flags.items() if code))


def a_person(
    *references: str,
    names: Any = TARO,
    validity: str = "1",
    results: Any = None,
    at: Any = NOW,
    **codes: str,
) -> Incoming:
    """Return one person as a file brings them."""
    given = (insured(at=at, until=NOW + 30 * 86_400, **codes),) if results is None else results
    return Incoming(references, validity, given, names)
