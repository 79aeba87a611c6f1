"""Passwords by argon2id, hashed in a thread, and one-time codes by TOTP."""

from __future__ import annotations

import asyncio
from functools import cached_property

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from typing_extensions import override

from app.ports.outside import Secrets

STEP = 30
"""Seconds of a TOTP step."""
_ISSUER = "かざす"


class Passwords(Secrets):
    """`Secrets` by argon2id and TOTP."""

    def __init__(self, memory_kib: int = 19 * 1024, rounds: int = 2) -> None:
        """Use argon2id with this much work (the lesser of OWASP's two recommendations for one lane)."""
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)

    @override
    async def hashed(self, password: str) -> str:
        return await asyncio.to_thread(self._hasher.hash, password)

    @override
    async def is_right(self, kept: str, password: str) -> bool:
        return await asyncio.to_thread(self._is_right, kept, password)

    def _is_right(self, kept: str, password: str) -> bool:
        try:
            self._hasher.verify(kept or self._nobody, password)
        except (InvalidHashError, VerificationError):
            return False
        return bool(kept)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("nobody")

    @override
    def new_totp(self) -> str:
        return pyotp.random_base32()

    @override
    def totp_address(self, secret: str, login: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=_ISSUER)

    @override
    def code(self, secret: str, now: int) -> str:
        return pyotp.TOTP(secret).at(now)

    @override
    def step_of(self, secret: str, code: str, now: int) -> int:
        totp, step = pyotp.TOTP(secret), now // STEP
        near = (step, step - 1, step + 1)
        return next((each for each in near if pyotp.utils.strings_equal(totp.at(each * STEP), code)), 0)
