"""Words for people: the gettext marker, and furigana in one notation, `{漢字|かんじ}`."""

from __future__ import annotations

import re
from typing import Final

RUBY: Final = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for the catalogue without translating it here."""
    return message


def plain(message: str) -> str:
    """Answer the message without readings: what a title, an attribute or a log may hold."""
    return RUBY.sub(r"\1", message)
