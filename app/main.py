"""Composition root: the only module that connects settings, adapters and pages."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b32encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from fastapi import FastAPI
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from app.adapters.clock import SystemClock, steady
from app.adapters.gateway import HttpGateway
from app.adapters.ledger import FileLedger
from app.adapters.official import NoProvider, SealedReception
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
from app.ports.outside import Clock, EligibilityGateway, Handoff
from app.ports.store import Ledger, Store
from app.practice.app import PracticeWorld, create_practice
from app.rules.station.account import Role
from app.rules.station.station import Station
from app.rules.visit.flow import Route
from app.settings import Settings, UnsafeSettings
from app.tokens import Sealer, Signer
from app.web.bedside.day_list import DayListPages
from app.web.bedside.other_browser import OtherBrowser
from app.web.bedside.registration import Registrar
from app.web.bedside.returning import Returning
from app.web.bedside.seat import Bedside
from app.web.bedside.visit import VisitPages
from app.web.copy.pages import CopyPages
from app.web.copy.take_home import TakeHome
from app.web.guide.contacts import ContactPages
from app.web.guide.reading import ReadingPages
from app.web.guide.ready import ReadyPages
from app.web.guide.topics import Guide
from app.web.guide.trouble import Trouble
from app.web.kit.assets import Assets
from app.web.kit.guard import Guard, policy
from app.web.kit.pages import Pages
from app.web.kit.problems import Problems
from app.web.office.accounts import Accounts
from app.web.office.consent_list import ConsentDesk
from app.web.office.copies import CopyDesk
from app.web.office.day_list import DayDesk
from app.web.office.desk import Desk, OfficeRoute, PracticeAccount
from app.web.office.files import FileDesk
from app.web.office.guide import GuideDesk
from app.web.office.home import HomeDesk
from app.web.office.links import Links
from app.web.office.memo import MemoDesk
from app.web.office.person import PersonDesk
from app.web.office.prints import Prints
from app.web.office.restored import RestoredDesk
from app.web.office.signin import SignInPages
from app.web.office.worklist import WorkDesk
from app.web.print.sheets import Sheets
from app.web.pwa import Pwa
from app.web.refusals import Handler, explained
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
log = structlog.get_logger()


@dataclass(frozen=True)
class Kazasu:
    """The application, and the parts that commands and tests use."""

    asgi: ASGIApp
    routes: tuple[BaseRoute, ...]
    store: Store
    desk: Desk
    files: FileDesk
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


@dataclass(frozen=True)
class _Parts:
    """Dependencies of the pages: stores, the route's adapters, and what the bedside and the office share."""

    settings: Settings
    clock: Clock
    signer: Signer
    assets: Assets
    doors: _Doors
    ledger: Ledger
    database: Database
    store: Store
    bedside: Bedside
    desk: Desk
    registry: SqlConsentList
    worklist: SqlWorklist
    copies: SqlCopies
    plans: SqlDayLists
    files: FileDesk


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    steady: Callable[[], float] = steady,
    store: Store | None = None,
) -> Kazasu:
    """Return the application for these settings. Raises `UnsafeSettings` when they may not serve people."""
    settings.check()
    parts = _parts(settings, clock or SystemClock(), store)
    answers, tally = explained(parts.bedside, parts.desk), Tally()
    tidied = (each.tidy for each in (parts.desk.office, parts.registry, parts.plans, parts.copies))
    sweeping = Sweeping(parts.clock, steady, parts.store, parts.ledger, tuple(tidied))
    web = _web(answers, _shelf(parts), _service(parts, tally, sweeping))
    web.state.desk = parts.desk
    closing = _closing(parts, sweeping)
    living = _living(sweeping, closing)
    visits = Starlette(routes=_at_bedside(parts), lifespan=living, exception_handlers=answers)
    visits.router.redirect_slashes = False
    # The bedside's routes come before FastAPI, whose own processing would slow each of their pages by a tenth.
    visits.router.default = web
    guard = Guard(
        visits,
        origin=settings.public_origin,
        csp=policy(parts.bedside.pages.entry_sheet_hash),
        problem=parts.bedside.problems.answer,
        starts_per_minute=settings.starts_per_minute,
        posts_per_minute=settings.posts_per_minute,
        tally=tally,
    )
    return Kazasu(
        guard,
        (*visits.routes, *web.routes),
        parts.store,
        parts.desk,
        parts.files,
        parts.doors.world,
        parts.clock,
        parts.signer,
        parts.ledger,
        sweeping,
        closing,
    )


def _parts(settings: Settings, clock: Clock, store: Store | None) -> _Parts:
    signer = Signer(settings.keys())
    assets, pages = _shell(practice=settings.route is Route.PRACTICE)
    doors = _doors(settings, signer, clock, assets)  # first: refused settings must not change a database
    ledger = FileLedger(settings.ledger_file)
    database = _open(settings, clock, ledger)
    store = store or SqlStore(database, clock)
    bedside = Bedside(store, signer, clock, pages, Problems(pages), settings.is_secure)
    desk = _desk(settings, SqlOffice(database), signer, bedside)
    registry, worklist = SqlConsentList(database, desk.sealer), SqlWorklist(database)
    files = FileDesk(desk, Importer(registry, worklist, clock))
    kept = registry, worklist, SqlCopies(database), SqlDayLists(database)
    return _Parts(settings, clock, signer, assets, doors, ledger, database, store, bedside, desk, *kept, files)


def _at_bedside(parts: _Parts) -> list[BaseRoute]:
    """Return the routes of a visit and of its copy."""
    settings, bedside, doors = parts.settings, parts.bedside, parts.doors
    registrar = Registrar(bedside, parts.worklist, doors.gateway)
    reception = SealedReception(parts.desk.office, parts.desk.sealer)
    take_home = TakeHome(bedside, parts.copies, parts.worklist, settings.public_origin)
    visit = VisitPages(bedside, settings.route, doors.handoff, reception, registrar, take_home, parts.worklist)
    return [
        *visit.routes(),
        *OtherBrowser(bedside, visit).routes(),
        *DayListPages(bedside, visit, parts.plans, parts.worklist).routes(),
        *CopyPages(bedside, parts.copies, parts.worklist, parts.registry).routes(),
        *Returning(bedside, doors.handoff, registrar, doors.issuer).routes(),
    ]


def _shelf(parts: _Parts) -> list[BaseRoute]:
    """Return the routes that need no visit, and that phones cache for use offline."""
    bedside, office = parts.bedside, parts.desk.office
    help_ = ContactPages(bedside.pages, parts.store, office, parts.clock)
    shelf = (Trouble(help_), ReadyPages(bedside.pages, parts.store, office, parts.clock), Guide(help_))
    is_practice = parts.settings.route is Route.PRACTICE
    return [
        *(route for each in shelf for route in each.routes()),
        *ReadingPages(bedside).routes(),
        *Pwa(bedside.pages, parts.assets, parts.store, practice_station=is_practice, shelf=shelf).routes(),
    ]


def _service(parts: _Parts, tally: Tally, sweeping: Sweeping) -> list[BaseRoute]:
    """Return the routes of the office, of monitoring, and of the practice world where there is one."""
    settings, seen = parts.settings, (parts.store, parts.ledger, parts.clock, sweeping.is_clock_right)
    watch = Watch(*seen, tally, settings.data, settings.metrics_token)
    world = parts.doors.world
    return [
        *watch.routes(),
        *_office(parts),
        *([Mount("/practice", world.app)] if world else []),
    ]


def _closing(parts: _Parts, sweeping: Sweeping) -> tuple[Closing, ...]:
    """Return the steps of a shutdown, in order: imports finish before their database is closed."""
    return (
        *parts.doors.closing,
        parts.files.settle,
        lambda: sweeping.note(parts.clock.now()),
        parts.store.close,
        parts.database.close,
    )


def _web(explained: Mapping[int | type[Exception], Handler], *routes: Iterable[BaseRoute]) -> FastAPI:
    """Return all routes but the bedside's as one application."""
    web = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, exception_handlers=dict(explained)
    )
    web.router.routes.extend(chain.from_iterable(routes))
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


def _desk(settings: Settings, office: Office, signer: Signer, bedside: Bedside) -> Desk:
    """Return what the office's pages share."""
    origin = settings.public_origin
    return Desk(
        office,
        bedside.store,
        Passwords(),
        WebAuthnPasskeys(settings.host_name, "かざす", origin) if is_possible(origin) else None,
        signer,
        Sealer(settings.keys()),
        bedside.clock,
        bedside.pages,
        bedside.problems,
        bedside,
        origin,
        practice=_practice_accounts(signer) if settings.route is Route.PRACTICE else (),
    )


def _office(parts: _Parts) -> list[OfficeRoute]:
    """Return the office's routes."""
    desk, files, ledger = parts.desk, parts.files, parts.ledger
    sign_in = SignInPages(desk)
    desks = (
        sign_in,
        Accounts(desk, sign_in),
        ConsentDesk(desk, parts.registry),
        PersonDesk(desk, files.importer, ledger),
        HomeDesk(desk, files.importer),
        GuideDesk(desk),
        Links(desk),
        Prints(desk, Sheets(desk.pages)),
        files,
        RestoredDesk(desk, ledger),
        DayDesk(desk, parts.worklist, parts.plans),
        MemoDesk(desk, parts.settings.route),
        WorkDesk(desk, files.importer, parts.copies),
        CopyDesk(desk, parts.worklist, parts.copies),
    )
    return [route for each in desks for route in each.routes()]


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
        station=PRACTICE_STATION.code,
        clock=clock,
        static=assets.url,
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


def _living(
    sweeping: Sweeping, closing: tuple[Closing, ...]
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    """Return a lifespan that sweeps every minute, and closes everything at the end."""

    @contextlib.asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(sweeping.forever())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for close in closing:
            await close()

    return running
