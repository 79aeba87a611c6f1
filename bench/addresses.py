"""Crafted addresses, and what a reader of addresses other than ours finds in one that was taken."""

from __future__ import annotations

import random
import string
from typing import Final
from urllib.parse import urlsplit

from app.rules.station.station import Address

HERE: Final = "kazasu.example"
GOOD: Final = "https://uketsuke.example.go.jp"
PIECES: Final = (
    "https://", "http://", "HTTPS://", "//", "\\\\", "javascript:", "data:text/html,", "https:/", "https:", "ftp://",
    "uketsuke.example.go.jp", "evil.example", "user:pw@", "@", ":443", ":8443", ":", "127.0.0.1", "[::1]", "0x7f.1",
    "2130706433", "localhost", HERE, "/", "\\", "?", "#", "/f/", "..", "%2f", "%00", "%0d%0a", "\r\n", "\t", " ",
    "\u3000", "\u200b", "．", "。", "xn--", "é", "ｅｖｉｌ", "𝐞", "\x00", "&", "=", ";", "'", '"', "<", ">", "k=1", "a",
)  # fmt: skip


def crafted(count: int, seed: int) -> list[str]:
    """Return texts made of pieces that readers of addresses stumble over; half of them begin honestly."""
    dice = random.Random(seed)
    return ["".join(dice.choice(PIECES) for _ in range(dice.randint(1, 7))) for _ in range(count // 2)] + [
        GOOD + "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 5))) for _ in range(count // 2)
    ]


def is_safe(address: Address) -> bool:
    """Whether another reader of addresses finds the same in it: https, that host, no port, nobody's name."""
    read = urlsplit(address.text)
    return (
        address.text.startswith(f"https://{address.host}")
        and read.scheme == "https"
        and read.netloc == read.hostname == address.host
        and address.text.isascii()
        and not any(letter in address.text for letter in string.whitespace + "\\<>\"'\x00" if letter != "'")
        and address.text[len(f"https://{address.host}") :][:1] in {"", "/", "?", "#"}
    )
