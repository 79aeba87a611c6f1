"""Composition root: the only module that connects settings, adapters and pages."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b32encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from fastapi import FastAPI
from joserfc.jwk import ECKey
from starlette.datastructures import State
from starlette.types import ASGIApp

from app.adapters.clock import SystemClock, steady
from app.adapters.gateway import HttpGateway
from app.adapters.ledger import FileLedger
from app.adapters.official import NoProvider, OneReception, SealedReception
from app.adapters.oidc.client_keys import KeyRing, UnusableKeys
from app.adapters.oidc.handoff import OpenIdHandoff, in_process, line
from app.adapters.passkeys import WebAuthnPasskeys, is_possible
from app.adapters.passwords import Passwords
from app.adapters.sql.consent_list import SqlConsentList
from app.adapters.sql.copies import SqlCopies
from app.adapters.sql.database import Database, is_practice, migrate
from app.adapters.sql.day_list import SqlDayLists
from app.adapters.sql.gap import look_back
from app.adapters.sql.office import SqlOffice
from app.adapters.sql.replay import compare_open
from app.adapters.sql.store import SqlStore
from app.adapters.sql.worklist import SqlWorklist
from app.ports.office import Office
from app.ports.outside import Clock, EligibilityGateway, Handoff, Reception
from app.ports.store import Ledger, Store
from app.practice.app import PracticeWorld, create_practice
from app.rules.station.account import Role
from app.rules.station.station import Station
from app.rules.visit.visit import Route
from app.settings import Settings, UnsafeSettings
from app.tokens import Sealer, Signer
from app.web.bedside.seat import Bedside
from app.web.guide.contacts import ContactPages
from app.web.kit.assets import Assets
from app.web.kit.guard import Guard, policy
from app.web.kit.limits import RateLimits
from app.web.kit.pages import Pages
from app.web.kit.phrases import in_phrases
from app.web.kit.problems import Problems
from app.web.office.desk import Desk, PracticeAccount
from app.web.office.files import Imports
from app.web.refusals import EXPLAINED
from app.web.routes import ROUTES
from app.web.watch import Tally, Watch
from app.work.importing import Importer
from app.work.sweeping import Sweeping

STATIC: Final = Path(__file__).parents[1] / "static"
PRACTICE_STATION: Final = Station("hinatazaka", "ひなた坂訪問看護ステーション", "9960000009", "03-0000-0000")
_CLIENT: Final = "RP00000001"
_OTHER_KIND: Final = {
    True: (
        "this database holds a real station, and practice has published passwords: set KAZASU_ROUTE as it was, or, to "
        "practise, KAZASU_DATA (and KAZASU_DATABASE_URL) to an empty place"
    ),
    False: (
        "this database was made for practice, and its passwords are published: set KAZASU_DATA (and "
        "KAZASU_DATABASE_URL) to an empty place and begin there, or go on practising with KAZASU_ROUTE=practice"
    ),
}
"""Why a database is refused, by whether practice was asked for."""
Closing: TypeAlias = Callable[[], Awaitable[object]]
Living: TypeAlias = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]
log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Kazasu:
    """The application, and the parts that commands and tests use."""

    asgi: ASGIApp
    web: FastAPI
    store: Store
    desk: Desk
    importer: Importer
    imports: Imports
    practice: PracticeWorld | None
    clock: Clock
    signer: Signer
    ledger: Ledger
    sweeping: Sweeping
    closing: tuple[Closing, ...] = ()

    async def close(self) -> None:
        """Finish imports, and close databases and connections to other systems."""
        for close in self.closing:
            await close()

    @property
    def world(self) -> PracticeWorld:
        """The practice world. Raises `LookupError` on other routes."""
        if self.practice is None:
            raise LookupError("the practice world is there on the practice route only")
        return self.practice


@dataclass(frozen=True)
class _Doors:
    """The adapters of one route that lead out of the visit."""

    handoff: Handoff
    gateway: EligibilityGateway | None = None
    world: PracticeWorld | None = None
    issuer: str = ""
    closing: tuple[Closing, ...] = ()


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    steady: Callable[[], float] = steady,
    store: Store | None = None,
) -> Kazasu:
    """Return the application for these settings. Raises `UnsafeSettings` when they may not serve people."""
    settings.check()
    clock, signer, sealer = clock or SystemClock(), Signer(settings.keys()), Sealer(settings.keys())
    assets, pages = _shell(practice=settings.route is Route.PRACTICE)
    doors = _doors(settings, signer, clock, assets)  # first: refused settings must not change a database
    ledger = FileLedger(settings.ledger_file)
    database = _open(settings, clock, ledger)
    store = store or SqlStore(database, clock)
    office, consents, day_lists = SqlOffice(database), SqlConsentList(database, sealer), SqlDayLists(database)
    bedside = _bedside(
        settings,
        doors,
        database,
        store=store,
        reception=OneReception(doors.world.reception) if doors.world else SealedReception(office, sealer),
        signer=signer,
        clock=clock,
        pages=pages,
    )
    desk = _desk(settings, office, sealer, bedside)
    tidied = tuple(each.tidy for each in (office, consents, day_lists, bedside.copies))
    sweeping, imports, tally = Sweeping(clock, steady, store, ledger, tidied), Imports(), Tally()
    importer = Importer(consents, bedside.worklist, clock)
    closing: tuple[Closing, ...] = (
        *doors.closing,
        imports.settle,  # before their database is closed
        lambda: sweeping.note(clock.now()),
        store.close,
        database.close,
    )
    web = _web(_living(sweeping, closing), doors.world)
    web.state = State(
        {
            "assets": assets,
            "bedside": bedside,
            "clock": clock,
            "consents": consents,
            "contacts": ContactPages(pages, store, office, clock),
            "copies": bedside.copies,
            "day_lists": day_lists,
            "desk": desk,
            "importer": importer,
            "imports": imports,
            "ledger": ledger,
            "limits": bedside.limits,
            "office": office,
            "pages": pages,
            "store": store,
            "watch": _watch(settings, store, ledger, sweeping, tally),
            "worklist": bedside.worklist,
        }
    )
    return Kazasu(
        asgi=_guard(settings, web, bedside, tally),
        web=web,
        store=store,
        desk=desk,
        importer=importer,
        imports=imports,
        practice=doors.world,
        clock=clock,
        signer=signer,
        ledger=ledger,
        sweeping=sweeping,
        closing=closing,
    )


def _guard(settings: Settings, web: FastAPI, bedside: Bedside, tally: Tally) -> Guard:
    return Guard(
        web,
        origin=settings.public_origin,
        csp=policy(bedside.pages.entry_sheet_hash),
        problem=bedside.problems.answer,
        starts_per_minute=settings.starts_per_minute,
        posts_per_minute=settings.posts_per_minute,
        tally=tally,
    )


def _watch(settings: Settings, store: Store, ledger: Ledger, sweeping: Sweeping, tally: Tally) -> Watch:
    return Watch(
        store=store,
        ledger=ledger,
        clock=sweeping.clock,
        is_clock_right=sweeping.is_clock_right,
        tally=tally,
        folder=settings.data,
        token=settings.metrics_token,
    )


def _web(living: Living, world: PracticeWorld | None) -> FastAPI:
    """Return all routes as one application, without the state that they ask for."""
    web = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=EXPLAINED,
        lifespan=living,
    )
    web.router.routes.extend(ROUTES)
    if world:
        web.mount("/practice", world.app)
    return web


@lru_cache
def _shell(*, practice: bool) -> tuple[Assets, Pages]:
    """Return static files and templates, cached per process: they change with the code only."""
    assets = Assets(STATIC)
    return assets, Pages(assets, practice=practice)


def _open(settings: Settings, clock: Clock, ledger: Ledger) -> Database:
    """Migrate the database, compare it with the ledger, and connect. Raises `UnsafeSettings`."""
    key, practice = settings.mac_key(), settings.route is Route.PRACTICE
    if is_practice(settings.database, PRACTICE_STATION.id) is (not practice):
        raise UnsafeSettings(_OTHER_KIND[practice])
    known = ledger.known()
    migrate(settings.database, key, practice=practice, was_keyed=known.is_keyed)
    if not known.is_keyed:
        ledger.note_keyed(clock.now())
    absent = look_back(settings.database, known, clock.now(), key) if known else ()
    if absent and len(absent) == len(known.heads):
        raise UnsafeSettings(
            f"{settings.ledger_file} knows records that this database does not have: restore a backup, or, to begin "
            "anew, move that file away"
        )
    if absent:
        log.error("stations_missing", count=len(absent))
    altered = compare_open(settings.database, key, clock.now())
    if altered:
        log.error("record_broken", count=altered)
    return Database(settings.database, key=key)


def _bedside(  # noqa: PLR0913 - joined once, by name
    settings: Settings,
    doors: _Doors,
    database: Database,
    *,
    store: Store,
    reception: Reception,
    signer: Signer,
    clock: Clock,
    pages: Pages,
) -> Bedside:
    """Return what the pages of a visit and of its copy work with."""
    return Bedside(
        store=store,
        worklist=SqlWorklist(database),
        copies=SqlCopies(database),
        handoff=doors.handoff,
        gateway=doors.gateway,
        reception=reception,
        issuer=doors.issuer,
        route=settings.route,
        signer=signer,
        clock=clock,
        limits=RateLimits(),
        pages=pages,
        problems=Problems(pages),
        origin=settings.public_origin,
    )


def _desk(settings: Settings, office: Office, sealer: Sealer, bedside: Bedside) -> Desk:
    """Return what the office's pages share."""
    origin = settings.public_origin
    return Desk(
        office=office,
        store=bedside.store,
        secrets=Passwords(),
        passkeys=WebAuthnPasskeys(settings.host_name, "かざす", origin) if is_possible(origin) else None,
        signer=bedside.signer,
        sealer=sealer,
        clock=bedside.clock,
        pages=bedside.pages,
        problems=bedside.problems,
        bedside=bedside,
        limits=bedside.limits,
        origin=origin,
        practice=_practice_accounts(bedside.signer) if settings.route is Route.PRACTICE else (),
    )


def _practice_accounts(signer: Signer) -> tuple[PracticeAccount, ...]:
    """Return the practice accounts; their secrets are derived from this server's key, so that no file holds them."""

    def account(login: str, name: str, role: Role) -> PracticeAccount:
        drawn = signer.form(f"practice account {login}")
        password = "-".join(("renshu", drawn[:4], drawn[4:8], drawn[8:12]))
        return PracticeAccount(login, name, role, password, b32encode(bytes.fromhex(drawn)).decode().rstrip("="))

    return account("sakura", "事務 さくら", Role.ADMIN), account("haru", "受付 はる", Role.STAFF)


def _doors(settings: Settings, signer: Signer, clock: Clock, assets: Assets) -> _Doors:
    if settings.route is Route.PRACTICE:
        return _practice_doors(settings, signer, clock, assets)
    if settings.route is Route.OFFICIAL:
        return _Doors(NoProvider())
    return _identity_doors(settings, clock)


def _identity_doors(settings: Settings, clock: Clock) -> _Doors:
    """Connect to a real provider, which proves who tapped; the registration stays with the official page."""
    ring = KeyRing(settings.identity_keys)
    try:
        ring.signing()
    except UnusableKeys as error:
        raise UnsafeSettings(str(error)) from error
    handoff = OpenIdHandoff(
        issuer=settings.identity_issuer,
        client_id=settings.identity_client_id,
        redirect_uri=settings.return_address,
        key=ring.signing,
        http=lambda: line(settings.deadline),
        clock=clock,
        deadline=settings.deadline,
        acr_values=settings.identity_acr_values,
    )
    return _Doors(handoff, issuer=settings.identity_issuer, closing=(handoff.close,))


def _practice_doors(settings: Settings, signer: Signer, clock: Clock, assets: Assets) -> _Doors:
    """Build the practice world, and connect the same adapters as for the real one to it in process."""
    origin = settings.public_origin
    key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"}, auto_kid=True)
    world = create_practice(
        origin=origin,
        client_id=_CLIENT,
        client_jwk=dict(key.as_dict(private=False)),
        redirect_uri=f"{origin}/return",
        api_key=(api_key := signer.form("practice eligibility")),
        station=PRACTICE_STATION,
        clock=clock,
        static=assets.url,
        words=partial(in_phrases, readings=False),
    )

    client = partial(in_process, world.app, settings.deadline)
    handoff = OpenIdHandoff(
        issuer=world.issuer,
        client_id=_CLIENT,
        redirect_uri=f"{origin}/return",
        key=key.as_dict(private=True),
        http=client,
        clock=clock,
        deadline=settings.deadline,
    )
    gateway = HttpGateway(base=world.eligibility, api_key=api_key, http=client, deadline=settings.deadline)
    return _Doors(handoff, gateway, world, world.issuer, (handoff.close, gateway.close))


def _living(sweeping: Sweeping, closing: tuple[Closing, ...]) -> Living:
    """Return a lifespan that sweeps every minute, and closes everything at the end."""

    @contextlib.asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(sweeping.forever())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for close in closing:
            await close()

    return running
