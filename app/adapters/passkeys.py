"""Passkeys by WebAuthn: options for the browser, and verification of its response.

A passkey counts as two factors, so a resident key and user verification are required; attestation is not requested.

The library is imported on first use: its import takes 0.1 s, and the start must stay quick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from typing_extensions import override

from app.ports.outside import NotProven, Passkey, Passkeys

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

MAX_ANSWER: Final = 8 * 1024
"""Characters of the longest response that is parsed; a genuine one has about 1,000."""
_LOCAL: Final = "localhost"
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class WebAuthnPasskeys(Passkeys):
    """Makes and checks passkeys for one origin."""

    rp_id: str
    rp_name: str
    origin: str

    @override
    def options_to_create(self, account: str, name: str, known: Sequence[bytes]) -> tuple[str, bytes]:
        from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415 - late on purpose
        from webauthn.helpers.structs import (  # noqa: PLC0415 - late on purpose
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=self.rp_name,
            user_id=account.encode(),
            user_name=name,
            user_display_name=name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_described(known),
        )
        return options_to_json(options), options.challenge

    @override
    def created(self, credential: str, challenge: bytes) -> Passkey:
        from webauthn import verify_registration_response  # noqa: PLC0415 - late on purpose

        with _or_not_proven():
            made = verify_registration_response(
                credential=_short(credential),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
            return Passkey(made.credential_id, made.credential_public_key, made.sign_count)

    @override
    def options_to_get(self, known: Sequence[bytes] = ()) -> tuple[str, bytes]:
        from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415 - late on purpose
        from webauthn.helpers.structs import UserVerificationRequirement  # noqa: PLC0415 - late on purpose

        options = generate_authentication_options(
            rp_id=self.rp_id,
            allow_credentials=_described(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options), options.challenge

    @override
    def credential_id(self, credential: str) -> bytes:
        from webauthn.helpers import parse_authentication_credential_json  # noqa: PLC0415 - late on purpose

        with _or_not_proven():
            return parse_authentication_credential_json(_short(credential)).raw_id

    @override
    def proven(self, credential: str, challenge: bytes, passkey: Passkey) -> int:
        from webauthn import verify_authentication_response  # noqa: PLC0415 - late on purpose

        if self.credential_id(credential) != passkey.id:
            raise NotProven
        with _or_not_proven():
            return verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            ).new_sign_count


def is_possible(origin: str) -> bool:
    """Whether browsers allow passkeys at an origin: a host name over https, or localhost."""
    try:
        address = urlsplit(origin)
        host = address.hostname or ""
    except ValueError:
        return False
    if host == _LOCAL or host.endswith(f".{_LOCAL}"):
        return address.scheme in {"http", "https"}
    is_number = ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
    return address.scheme == "https" and bool(host) and not is_number


@contextmanager
def _or_not_proven() -> Iterator[None]:
    """Translate every exception into `NotProven`."""
    try:
        yield
    except Exception as error:  # the library raises many kinds on untrusted input
        raise NotProven from error


def _short(credential: str) -> str:
    if len(credential) > MAX_ANSWER:
        raise ValueError("longer than any honest answer")
    return credential


def _described(known: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor  # noqa: PLC0415 - late on purpose

    return [PublicKeyCredentialDescriptor(id=one) for one in known]
