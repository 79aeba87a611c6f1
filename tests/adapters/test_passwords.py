"""How much work it is to try a password: in the product, whatever tests are spared."""

from __future__ import annotations

import inspect

from app.adapters.passwords import Passwords
from tests.conftest import WORK

MEMORY_KIB, ROUNDS = 19 * 1024, 2
"""The lesser of OWASP's two recommendations of argon2id for one lane."""


async def test_a_password_is_as_much_work_as_owasp_recommends() -> None:
    assert list(inspect.signature(Passwords.__init__).parameters) == ["self", "memory_kib", "rounds"]
    assert WORK == (MEMORY_KIB, ROUNDS)
    hashed = await Passwords(*WORK).hashed("aoi-sora")
    assert f"$argon2id$v=19$m={MEMORY_KIB},t={ROUNDS},p=1$" in hashed
    assert await Passwords().is_right(hashed, "aoi-sora")


async def test_less_work_is_noticed() -> None:
    assert "$m=8,t=1,p=1$" in await Passwords().hashed("aoi-sora")
