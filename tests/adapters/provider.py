"""A provider that says whatever a test wants: for answers that an honest one would never give, and what comes of each."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from app.adapters.oidc.handoff import OpenIdHandoff
from app.ports.outside import Declined, Identity, Refused, Unavailable
from tests.practice.world import CLIENT, DEPARTURE, ISSUER, KEY, NOW, RETURN, Clock

NO_AUTH_TIME: Final[Mapping[str, object]] = {"auth_time": None}
"""The fault of a provider that does not say when the card was tapped."""
SESSION: Final[Mapping[str, object]] = {"auth_time": NOW - 1}
"""The fault of a provider that answers from its session: the tap is older than the way out."""


def claims(**changed: object) -> dict[str, object]:
    """The claims of a good ID token for the departure of the tests; a change to None leaves the claim out."""
    good = {
        "iss": ISSUER,
        "sub": "pseudonym",
        "aud": CLIENT,
        "nonce": DEPARTURE.nonce,
        "iat": NOW,
        "auth_time": NOW,
        "exp": NOW + 300,
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(key: ECKey, payload: Mapping[str, Any], **header: str) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, dict(payload), key, algorithms=["ES256"])


def unsigned(payload: Mapping[str, object], **header: str) -> str:
    """A token with an algorithm of the attacker's choice and nothing behind it."""
    parts = (json.dumps(part).encode() for part in ({"typ": "JWT", **header}, payload))
    return ".".join((*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""))


def a_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


@dataclass
class Provider:
    """Answers like a provider, unless `answers` says otherwise for a path."""

    key: ECKey = field(default_factory=a_key)
    token: str = ""
    stated: Mapping[str, object] = field(default_factory=dict)
    discovery: dict[str, object] = field(default_factory=dict)
    answers: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        self.calls.append(name)
        if name in self.answers:
            return self.answers[name]()
        return httpx.Response(200, json=getattr(self, f"_{name.replace('-', '_')}")())

    def _openid_configuration(self) -> dict[str, object]:
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        paths = ("authorize", "token", "jwks")
        document = {name: f"{ISSUER}/{path}" for name, path in zip(names, paths, strict=True)}
        return {"issuer": ISSUER, **document, "scopes_supported": ["openid"], **self.discovery}

    def _jwks(self) -> dict[str, object]:
        return {"keys": [{"kty": "oct", "k": "AA"}, self.key.as_dict(private=False)]}

    def _token(self) -> dict[str, object]:
        return {
            "access_token": "a",
            "token_type": "Bearer",
            "id_token": self.token or signed(self.key, claims(**self.stated)),
        }

    def handoff(self, clock: Clock | None = None, *, acr_values: str = "") -> OpenIdHandoff:
        return OpenIdHandoff(
            issuer=ISSUER,
            client_id=CLIENT,
            redirect_uri=RETURN,
            key=KEY.as_dict(private=True),
            http=lambda: httpx.AsyncClient(transport=httpx.MockTransport(self.handle)),
            clock=clock or Clock(),
            acr_values=acr_values,
        )


async def outcome(attempt: Awaitable[Identity | str]) -> str:
    """What came of it, and what each line says that it left: "proven", "declined cancelled", "refused session"."""
    came, raised = ["proven"], ""
    with capture_logs() as lines:
        try:
            await attempt
        except Declined as declined:
            came = [f"declined {declined.reason}"]
        except (Refused, Unavailable) as error:
            came, raised = [], type(error).__name__.lower()
    assert all(line.keys() == {"event", "log_level", "reason"} for line in lines)
    said = [f"{line['event']} {line['reason']}".removeprefix("identity ") for line in lines]
    assert all(each.startswith(f"{raised} ") for each in said if raised)
    return ", ".join((*came, *said))
