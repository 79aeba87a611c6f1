"""`kazasu identity check`: tests the provider's discovery document, keys and clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from app.adapters.oidc.answers import LEEWAY, Keys, Provider, parse
from app.adapters.oidc.handoff import EARLIER, ask, discovery_address, is_json
from app.ports.outside import Clock, Unavailable

_NEEDED: Final = {
    "scopes_supported": "openid",
    "response_types_supported": "code",
    "claims_supported": "auth_time",
    "code_challenge_methods_supported": "S256",
    "id_token_signing_alg_values_supported": "ES256",
    "token_endpoint_auth_methods_supported": "private_key_jwt",
    "token_endpoint_auth_signing_alg_values_supported": "ES256",
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check, in words."""

    is_right: bool
    says: str


async def examine(issuer: str, http: httpx.AsyncClient, clock: Clock, deadline: float) -> tuple[CheckResult, ...]:
    """Run all checks against an issuer; the client is closed at the end."""
    async with http:
        try:
            return await _examined(issuer, http, clock, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, Unavailable) as error:
            return (CheckResult(is_right=False, says=f"{issuer}: no usable answer ({type(error).__name__})"),)


async def _examined(issuer: str, http: httpx.AsyncClient, clock: Clock, deadline: float) -> tuple[CheckResult, ...]:
    answer = await ask(http, "GET", discovery_address(issuer), deadline=deadline)
    try:
        provider = parse(_body(answer), Provider)
    except ValueError:
        says = f"discovery: status {answer.status_code}, and no discovery document in JSON"
        return (CheckResult(is_right=False, says=says),)
    found = [*_of_document(provider, issuer), *_of_clock(answer, clock)]
    if not provider.is_as_safe_as_its_name:
        return tuple(found)
    keys = await ask(http, "GET", provider.jwks_uri, deadline=deadline)
    try:
        count = len(parse(_body(keys), Keys).for_signing().keys)
    except ValueError:
        count = 0
    return (*found, CheckResult(count > 0, f"keys: {count} for ES256 at {provider.jwks_uri}"))


def _of_document(provider: Provider, issuer: str) -> Iterator[CheckResult]:
    named = f"issuer: the document says {provider.issuer}"
    yield CheckResult(provider.issuer == issuer, named if provider.issuer != issuer else f"{named}, as configured")
    for name, address in provider.endpoints.items():
        yield CheckResult(provider.is_as_safe_as_its_name, f"{name}: {address}")
    for name, value in _NEEDED.items():
        offered = getattr(provider, name)
        says = f"{name}: not stated" if offered is None else f"{name}: {value} among {', '.join(offered)}"
        yield CheckResult(
            offered is None or value in offered, says if offered is None or value in offered else f"{says}?"
        )


def _of_clock(answer: httpx.Response, clock: Clock) -> Iterator[CheckResult]:
    try:
        theirs = int(parsedate_to_datetime(answer.headers["date"]).timestamp())
    except (KeyError, ValueError, TypeError):
        return
    ahead = clock.now() - theirs
    says = f"clock: ours is {abs(ahead)} s {'ahead' if ahead > 0 else 'behind'}"
    yield CheckResult(-LEEWAY // 2 <= ahead <= EARLIER // 2, says)


def _body(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK or not is_json(answer):
        raise ValueError("no document")
    return answer.content
