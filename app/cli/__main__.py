"""The command `kazasu`: serve, verify, export, back up, restore, settings."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from app.adapters.oidc.client_keys import KeyInUse, KeyRing, NoSuchKey, UnusableKeys
from app.ports.outside import Unavailable
from app.ports.store import StoreUnsafe
from app.rules.record.gap import Known, head_from, merged
from app.rules.visit.flow import Route
from app.settings import Settings, UnsafeSettings

if TYPE_CHECKING:
    from app.adapters.sql.restore import Restored
    from app.main import Kazasu
    from app.rules.station.station import Link
    from app.web.office.desk import Desk


_SECRET: Final = frozenset({"secret_keys", "record_key", "metrics_token", "database_url"})
"""Settings that are not printed: the last may hold a password."""
_WEEK: Final = 7 * 24 * 3600
"""Seconds after which a backup compares all visits with their record, and not only what is new."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except ValidationError as wrong:
        names = ", ".join(f"KAZASU_{str(error['loc'][0]).upper()}: {error['msg']}" for error in wrong.errors())
        print(f"kazasu: {names}", file=sys.stderr)
        return 2
    except (StoreUnsafe, UnsafeSettings, UnusableKeys) as unsafe:
        print(f"kazasu: {unsafe}", file=sys.stderr)
        return 2
    except Unavailable as away:
        print(f"kazasu: the database does not answer: {away.__cause__}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kazasu", description="訪問先での同意登録の案内")
    commands = parser.add_subparsers(required=True)

    serve = commands.add_parser("serve", help="start the server")
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.set_defaults(run=_serve)

    export = commands.add_parser("export", help="write a station's record to standard output, one JSON line each")
    export.add_argument("facility")
    export.set_defaults(run=_export)

    verify = commands.add_parser("verify", help="check an exported record against the head printed on a receipt")
    verify.add_argument("log")
    verify.add_argument("--head", required=True)
    verify.add_argument("--key", help="the file of the record key (record-key in the data folder)")
    verify.set_defaults(run=_verify)

    facility = commands.add_parser("facility", help="add a station, or list them when nothing is given")
    facility.add_argument("name", nargs="?")
    facility.add_argument("--code", default="")
    facility.add_argument("--telephone", default="")
    facility.set_defaults(run=_facility)

    account = commands.add_parser("account", help="print a one-time way in: for somebody new, or anew for a login")
    account.add_argument("facility", help="the station's id, as `kazasu facility` lists it")
    account.add_argument("--name", default="", help="the name that others see")
    account.add_argument("--staff", action="store_true", help="staff instead of administrator")
    account.add_argument("--reset", metavar="LOGIN", default="", help="for somebody who lost password or second factor")
    account.add_argument("--also", metavar="LOGIN", default="", help="let a known login belong to this station too")
    account.set_defaults(run=_account)

    _add_safety(commands)

    reseal = commands.add_parser("reseal", help="put everything encrypted under the newest secret key")
    reseal.set_defaults(run=_reseal)

    _add_identity(commands.add_parser("identity", help="the keys and the registration of the identity route"))

    settings = commands.add_parser("settings", help="list every setting, its value and what it does")
    settings.set_defaults(run=_settings)
    return parser


def _add_safety(commands: Any) -> None:
    backup = commands.add_parser("backup", help="write one encrypted file with everything, while the server runs")
    backup.add_argument("file", type=Path)
    backup.set_defaults(run=_backup)

    key = commands.add_parser("backup-key", help="make the pair of keys for backups; keep the file off this machine")
    key.add_argument("file", type=Path, help="where the private key is written")
    key.set_defaults(run=_backup_key)

    restore = commands.add_parser("restore", help="restore a backup into an empty data folder and database")
    restore.add_argument("file", type=Path)
    restore.add_argument("--identity", type=Path, required=True, help="the file with the private key")
    restore.add_argument("--ledger", type=Path, action="append", default=[], help="what outlived the database")
    restore.add_argument("--without-ledger", action="store_true", help="there is none: who was erased since comes back")
    restore.add_argument("--head", action="append", default=[], metavar="STATION:SIZE-HASH", help="from a receipt")
    restore.set_defaults(run=_restore)

    accept = commands.add_parser("accept", help="let a station's record go on from the older state it is in")
    accept.add_argument("facility", nargs="?", default="", help="the station's id; lists those that wait if left out")
    accept.set_defaults(run=_accept)

    purge = commands.add_parser("purge", help="remove now what the stations keep no longer; the server does it too")
    purge.add_argument("--sure", action="store_true", help="the clock is right, though it is in doubt")
    purge.set_defaults(run=_purge)


def _add_identity(identity: argparse.ArgumentParser) -> None:
    commands = identity.add_subparsers(required=True)
    show = commands.add_parser("show", help="print what is registered with the provider, and which key signs")
    show.set_defaults(run=_identity_show)
    check = commands.add_parser("check", help="ask the configured issuer, and say what is right and what is not")
    check.set_defaults(run=_identity_check)
    new = commands.add_parser("new-key", help="make the next key, and print its public half to register")
    new.set_defaults(run=_identity_new_key)
    for name, run, says in (
        ("use", _identity_use, "sign with this key from now on"),
        ("retire", _identity_retire, "forget this key for good; not the one that signs"),
    ):
        command = commands.add_parser(name, help=says)
        command.add_argument("kid", help="the key's id, as `kazasu identity show` lists it")
        command.set_defaults(run=run)


def _serve(chosen: argparse.Namespace) -> int:
    import uvicorn  # noqa: PLC0415 - only this command needs a server

    from app.log import configure  # noqa: PLC0415
    from app.main import create_app  # noqa: PLC0415

    given = {name: value for name in ("host", "port") if (value := getattr(chosen, name)) is not None}
    settings = Settings(**given)
    if not settings.is_loopback and not settings.origin:
        settings = settings.model_copy(update={"origin": f"http://{_reachable_address()}:{settings.port}"})
    configure()
    kazasu = create_app(settings)
    if settings.route is Route.PRACTICE:
        link = asyncio.run(_seed(kazasu))
        _greet(settings, link.token, kazasu.desk)
    else:
        print(f"\n  かざす（{settings.route.value}）  {settings.public_origin}/office\n", flush=True)
    # What was made so far lives as long as the server: no collection need walk through it while somebody waits.
    gc.collect()
    gc.freeze()
    uvicorn.run(kazasu.asgi, **_server(settings))
    return 0


def _server(settings: Settings) -> dict[str, Any]:
    """Return how the server is started."""
    return {
        "host": settings.host,
        "port": settings.port,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": settings.proxies,
        "log_level": "warning",
        "timeout_graceful_shutdown": 5,
    }


async def _seed(kazasu: Kazasu) -> Link:
    """Make the practice station and its accounts when they are not there yet."""
    from app.main import seed_office, seed_practice  # noqa: PLC0415

    link = await seed_practice(kazasu.store, kazasu.clock)
    await seed_office(kazasu)
    return link


def _greet(settings: Settings, token: str, desk: Desk) -> None:
    origin = settings.public_origin
    now = desk.clock.now()
    lines = [
        "",
        "  かざす（練習）",
        f"  練習のステーション  {origin}/f/{token}",
        f"  練習の世界          {origin}/practice/",
        f"  事務所の画面        {origin}/office",
        *(
            f"    {each.name}  名前 {each.login}  パスワード {each.password}  コード {code}"
            for each, code in ((each, desk.secrets.code(each.totp, now)) for each in desk.practice)
        ),
        "    （コードは30秒ごとに変わります。今のコードは、事務所のログイン画面に出ます）",
        "",
    ]
    if not settings.is_loopback:
        lines += [
            "  注意: この機械の外からも開けます。練習だけに使い、本物の患者さまには使わないでください。",
            "",
        ]
    print("\n".join(lines), flush=True)


def _reachable_address() -> str:
    """Return this machine's address as others see it; a UDP socket is asked for its route and sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _facility(chosen: argparse.Namespace) -> int:
    from app.cli.stations import add_or_list  # noqa: PLC0415

    return asyncio.run(add_or_list(chosen.name or "", chosen.code, chosen.telephone))


def _account(chosen: argparse.Namespace) -> int:
    from app.cli.stations import also, invite  # noqa: PLC0415
    from app.rules.station.account import Role  # noqa: PLC0415

    role = Role.STAFF if chosen.staff else Role.ADMIN
    if chosen.also:
        return asyncio.run(also(chosen.facility, chosen.also, role))
    return asyncio.run(invite(chosen.facility, chosen.name, role, chosen.reset))


def _reseal(_: argparse.Namespace) -> int:
    from app.cli.stations import reseal  # noqa: PLC0415

    return asyncio.run(reseal())


def _backup(chosen: argparse.Namespace) -> int:
    from app.adapters.ledger import FileLedger  # noqa: PLC0415
    from app.adapters.sql.backup import NoBackup, make, recipients  # noqa: PLC0415
    from app.main import SystemClock  # noqa: PLC0415

    settings, now = Settings(), SystemClock().now()
    try:
        keys, ledger = recipients(settings.backup_recipient), FileLedger(settings.ledger_file)
        known = ledger.known()
        is_week_over = not 0 <= now - known.compared_at < _WEEK
        since = 0 if is_week_over else known.backed_up_at or 0
        made = make(settings.database, settings.key_files, chosen.file, keys, now, key=settings.mac_key(), since=since)
        ledger.back_up(made.heads, now, now if is_week_over else known.compared_at)
    except NoBackup as error:
        return _wrong(str(error))
    except OSError as error:
        return _wrong(f"{chosen.file}: {error.strerror}")
    for facility, head in made.heads.items():
        print(f"{facility}:{head}")
    print(f"{chosen.file}  {chosen.file.stat().st_size} bytes, {made.rows} rows")
    for facility, found in made.broken.items():
        _warn(facility, found)
    return int(bool(made.broken))


def _warn(facility: str, found: Mapping[str, int]) -> None:
    visits = [subject for subject, seq in found.items() if not seq]
    for seq in filter(None, found.values()):
        _wrong(f"WARNING: the record of {facility} breaks at entry {seq}; keep older backups, and do not restore this")
    if visits:
        _wrong(
            f"WARNING: {len(visits)} visits of {facility} are not kept as recorded ({', '.join(visits[:5])}): "
            "somebody has written into the database; keep older backups"
        )


def _backup_key(chosen: argparse.Namespace) -> int:
    from app.adapters.sql.backup import new_key  # noqa: PLC0415

    public, private = new_key()
    try:
        handle = os.open(chosen.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        return _wrong(f"{chosen.file}: {error.strerror}")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"# public key: {public}\n{private}\n")
    print(f"KAZASU_BACKUP_RECIPIENT={public}")
    print(f"kazasu: move {chosen.file} off this machine, and keep it twice: it alone opens backups", file=sys.stderr)
    return 0


def _restore(chosen: argparse.Namespace) -> int:
    from app.adapters.ledger import FileLedger  # noqa: PLC0415
    from app.adapters.sql.restore import NotRestored, identities, restore  # noqa: PLC0415
    from app.main import SystemClock  # noqa: PLC0415

    settings, now = Settings(), SystemClock().now()
    try:
        known = _known(chosen, settings)
        keys = identities(chosen.identity.read_text(encoding="utf-8"))
        found = restore(
            chosen.file,
            keys,
            url=settings.database,
            folder=settings.data,
            known=known,
            now=now,
            key=settings.record_key.strip().encode(),
        )
        FileLedger(settings.ledger_file).take_in(merged(known, Known(found.heads)), now)
    except (NotRestored, ValueError) as error:
        return _wrong(str(error))
    except OSError as error:
        return _wrong(f"{error.filename}: {error.strerror}")
    _say_restored(found, settings)
    return 0


def _known(chosen: argparse.Namespace, settings: Settings) -> Known:
    """Return what is known of the records from outside, or say that it has to be given."""
    from app.adapters.ledger import FileLedger  # noqa: PLC0415

    ledgers = [FileLedger(path) for path in (*chosen.ledger, settings.ledger_file)]
    for given in chosen.ledger:
        if not FileLedger(given).known():
            raise ValueError(f"{given}: no such ledger, or nothing in it")
    known = merged(*(each.known() for each in ledgers), Known(dict(map(head_from, chosen.head))))
    if not known and not chosen.without_ledger:
        raise ValueError(
            "no ledger: give --ledger FILE (ledger.jsonl of the lost server), or --without-ledger if there is none: "
            "then nobody can tell what is missing, and who was erased since comes back"
        )
    return known


def _say_restored(found: Restored, settings: Settings) -> None:
    for facility, head in found.heads.items():
        print(f"{facility}:{head}")
    print(f"restored as of {datetime.fromtimestamp(found.at, UTC):%Y-%m-%d %H:%M:%S} UTC; erased again: {found.erased}")
    for gap in found.gaps:
        first, last = gap.missing
        print(f"READ-ONLY {gap.facility}: entries {first}..{last} are missing; kazasu accept {gap.facility}")
    for facility in found.absent:
        print(f"MISSING {facility}: this station came after the backup")
    if "secret" not in found.files and not settings.secret_keys:
        print("kazasu: the keys are not in this backup; set KAZASU_SECRET_KEYS as it was", file=sys.stderr)


def _accept(chosen: argparse.Namespace) -> int:
    from app.cli.stations import accept_or_list  # noqa: PLC0415

    return asyncio.run(accept_or_list(chosen.facility))


def _purge(chosen: argparse.Namespace) -> int:
    from app.cli.stations import purge  # noqa: PLC0415

    return asyncio.run(purge(sure=chosen.sure))


def _identity_show(_: argparse.Namespace) -> int:
    settings = Settings()
    kept = KeyRing(settings.identity_keys).kept()
    print(f"issuer        {settings.identity_issuer or '(not set)'}")
    print(f"client id     {settings.identity_client_id or '(not set)'}")
    print(f"redirect uri  {settings.return_address}")
    print(f"signs         {kept.signs or '(no key yet; kazasu identity new-key)'}")
    print(json.dumps(kept.public(), indent=2))
    return 0


def _identity_check(_: argparse.Namespace) -> int:
    from app.adapters.oidc.check import examine  # noqa: PLC0415
    from app.adapters.oidc.handoff import line  # noqa: PLC0415
    from app.main import SystemClock  # noqa: PLC0415

    settings = Settings()
    settings.check_identity()
    KeyRing(settings.identity_keys).signing()
    http = line(settings.deadline)
    found = asyncio.run(examine(settings.identity_issuer, http, SystemClock(), settings.deadline))
    print("\n".join(f"{'ok   ' if each.is_right else 'WRONG'}  {each.says}" for each in found))
    return 0 if all(each.is_right for each in found) else 1


def _identity_new_key(_: argparse.Namespace) -> int:
    from app.main import SystemClock  # noqa: PLC0415

    ring = KeyRing(Settings().identity_keys)
    made = ring.new(SystemClock().now())
    print(json.dumps(made.as_dict(private=False), indent=2))
    waits = "it signs from now on" if ring.kept().signs == made.kid else f"then: kazasu identity use {made.kid}"
    print(f"kazasu: register this public key with the provider; {waits}", file=sys.stderr)
    return 0


def _identity_use(chosen: argparse.Namespace) -> int:
    try:
        KeyRing(Settings().identity_keys).use(chosen.kid)
    except NoSuchKey:
        return _wrong("no such key; `kazasu identity show` lists the keys")
    print(f"{chosen.kid} signs from now on; a running server needs no restart")
    return 0


def _identity_retire(chosen: argparse.Namespace) -> int:
    try:
        KeyRing(Settings().identity_keys).retire(chosen.kid)
    except NoSuchKey:
        return _wrong("no such key; `kazasu identity show` lists the keys")
    except KeyInUse:
        return _wrong("this key signs; put another one to use first: kazasu identity use KID")
    print(f"{chosen.kid} is gone; take it out of the registration too")
    return 0


def _wrong(says: str) -> int:
    print(f"kazasu: {says}", file=sys.stderr)
    return 2


def _export(chosen: argparse.Namespace) -> int:
    from app.adapters.sql.store import SqlStore  # noqa: PLC0415
    from app.main import SystemClock  # noqa: PLC0415

    async def write() -> None:
        store = SqlStore(Settings().database, SystemClock())  # without the record key: it adds nothing
        async for logged in store.export(chosen.facility):
            sys.stdout.buffer.write(logged.line())
        await store.close()

    asyncio.run(write())
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    from app.verify import main as verify  # noqa: PLC0415

    return verify([chosen.log, "--head", chosen.head, *(["--key", chosen.key] if chosen.key else [])])


def _settings(_: argparse.Namespace) -> int:
    settings = Settings()
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "(set)" if name in _SECRET and value else value
        print(f"KAZASU_{name.upper()}={shown}\n    {field.description}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
