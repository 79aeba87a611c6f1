"""The eligibility gateway over HTTP with JSON.

The interface that it expects below the configured base address, with a bearer key:

`POST /v1/consents`, header `Idempotency-Key`,
    body `{subject, facility_code, choices: {item: "agree" | "decline"}}`
    200 or 201 `{registered_at}`. Idempotent: the same key with the same body is the same registration.
`GET /v1/eligibility?facility_code=…`, header `Eligibility-Subject`
    200 `{subject, name, kana, valid, insurances: [{kind, insurer_number, insurer_name, valid}],
    consents: [{item, agreed, consented_at, available_until}], limit_amount, specific_disease}`

422 with a problem (RFC 9457) whose type ends in `not-registered` says that there is no insurance card.
Any other status, and an answer of another shape, raises `Unavailable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import override

from app.ports.outside import Eligibility, EligibilityGateway, Insurance, NotRegistered, Unavailable

if TYPE_CHECKING:
    import httpx

_AGAIN: Final = frozenset({429, 502, 503, 504})
_NOT_REGISTERED: Final = 422
_LONGEST_PAUSE: Final = 1.0

Words = Annotated[str, Field(min_length=1, max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Receipt(_Model):
    registered_at: AwareDatetime


class _Insurance(_Model):
    kind: Words
    insurer_number: Annotated[str, Field(pattern=r"^( {2}|[0-9]{2})[0-9]{6}$")]
    insurer_name: Words
    valid: bool


class _Consent(_Model):
    item: Words
    agreed: bool
    consented_at: AwareDatetime
    available_until: AwareDatetime | None


class _Answer(_Model):
    subject: Words
    name: Words
    kana: Words
    valid: bool
    insurances: list[_Insurance]
    consents: list[_Consent]
    limit_amount: Words | None
    specific_disease: Words | None

    @model_validator(mode="after")
    def _only_what_was_agreed_to(self) -> _Answer:
        agreed = {consent.item for consent in self.consents if consent.agreed}
        if len({consent.item for consent in self.consents}) < len(self.consents):
            raise ValueError("an item is answered twice")
        sent = {"limit_amount": self.limit_amount, "specific_disease": self.specific_disease}
        if any(value is not None and item not in agreed for item, value in sent.items()):
            raise ValueError("more was sent than was agreed to")
        return self


class _Problem(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    type: str


class _AskAgain(Exception):
    """A retryable failure: no connection, or a status in `_AGAIN`. Carries nothing, since retries are logged."""


M = TypeVar("M", bound=_Model)


class HttpGateway(EligibilityGateway):
    """`EligibilityGateway` over HTTP."""

    def __init__(  # noqa: PLR0913 - plain values by name; main.py joins them once
        self,
        *,
        base: str,
        api_key: str,
        http: Callable[[], httpx.AsyncClient],
        deadline: float = 4.0,
        attempts: int = 3,
        pause: float = 0.2,
    ) -> None:
        """In seconds, `deadline` bounds all attempts together and `pause` is the first wait."""
        self._base = base
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._open = http
        self._client: httpx.AsyncClient | None = None
        self._deadline = deadline
        self._attempts = attempts
        self._pause = pause

    async def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    @override
    async def register(self, subject: str, facility_code: str, choices: Mapping[str, str], key: str) -> None:
        order = {"subject": subject, "facility_code": facility_code, "choices": dict(choices)}
        request = self._http.build_request(
            "POST",
            f"{self._base}/v1/consents",
            json=order,
            headers={**self._headers, "Idempotency-Key": key},
            timeout=self._deadline,
        )
        await self._ask(request, _Receipt)

    @override
    async def eligibility(self, subject: str, facility_code: str) -> Eligibility:
        request = self._http.build_request(
            "GET",
            f"{self._base}/v1/eligibility",
            params={"facility_code": facility_code},
            headers={**self._headers, "Eligibility-Subject": subject},
            timeout=self._deadline,
        )
        answer = await self._ask(request, _Answer)
        if answer.subject != subject:
            raise Unavailable
        return _eligibility(answer)

    async def _ask(self, request: httpx.Request, kind: type[M]) -> M:
        """Send with retries within the deadline and validate the answer. Raises `NotRegistered` or `Unavailable`."""
        import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

        try:
            async with asyncio.timeout(self._deadline):
                response = await self._patiently(request)
        except (TimeoutError, httpx.HTTPError, _AskAgain) as error:
            raise Unavailable from error
        return _parsed(response, kind)

    async def _patiently(self, request: httpx.Request) -> httpx.Response:
        import stamina  # noqa: PLC0415 - as httpx

        attempts = stamina.retry_context(
            on=_AskAgain,
            attempts=self._attempts,
            timeout=None,
            wait_initial=self._pause,
            wait_jitter=self._pause,
            wait_max=_LONGEST_PAUSE,
        )
        async for attempt in attempts:
            with attempt:
                return await self._once(request)
        raise Unavailable  # pragma: no cover - the last attempt returns or raises

    async def _once(self, request: httpx.Request) -> httpx.Response:
        import httpx  # noqa: PLC0415 - a tenth of a start, which asks nobody

        try:
            response = await self._http.send(request)
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout) as error:
            raise _AskAgain from error
        if response.status_code in _AGAIN:
            raise _AskAgain
        return response

    @property
    def _http(self) -> httpx.AsyncClient:
        """The client, opened on first use, when the event loop runs."""
        if self._client is None:
            self._client = self._open()
        return self._client


def _parsed(response: httpx.Response, kind: type[M]) -> M:
    if response.status_code == _NOT_REGISTERED and _says_not_registered(response):
        raise NotRegistered
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise Unavailable
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise Unavailable from error


def _says_not_registered(response: httpx.Response) -> bool:
    try:
        return _Problem.model_validate_json(response.content).type.endswith("not-registered")
    except ValidationError:
        return False


def _eligibility(answer: _Answer) -> Eligibility:
    """Convert an answer; of several `available_until`, the earliest counts."""
    ends = [consent.available_until for consent in answer.consents if consent.available_until is not None]
    insurances = (Insurance(one.insurer_number, one.insurer_name, one.valid) for one in answer.insurances)
    return Eligibility(
        name=answer.name,
        kana=answer.kana,
        valid=answer.valid,
        insurances=tuple(insurances),
        consents={consent.item: consent.agreed for consent in answer.consents},
        available_until=int(min(ends).timestamp()) if ends else None,
        limit_amount=answer.limit_amount,
        specific_disease=answer.specific_disease,
    )
