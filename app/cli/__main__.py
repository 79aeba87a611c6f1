"""The command `kazasu`: serve, verify, export, back up, restore, settings."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from app.adapters.oidc.client_keys import UnusableKeys
from app.cli import backup, identity, serve
from app.ports.outside import Unavailable
from app.ports.store import StoreUnsafe
from app.settings import Settings, UnsafeSettings

_SECRET: Final = frozenset({"secret_keys", "record_key", "metrics_token", "database_url"})
"""Settings that are not printed: the last may hold a password."""


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

    command = commands.add_parser("serve", help="start the server")
    command.add_argument("--host")
    command.add_argument("--port", type=int)
    command.set_defaults(run=serve.serve)

    export = commands.add_parser("export", help="write a station's record to standard output, one JSON line each")
    export.add_argument("facility")
    export.set_defaults(run=_export)

    verify = commands.add_parser("verify", help="check an exported record against the head printed on a copy")
    verify.add_argument("log")
    verify.add_argument("--head", required=True)
    verify.add_argument("--key", help="the file of the record key (record-key in the data folder)")
    verify.set_defaults(run=_verify)

    # `facility` is the name from before 0.4; it answers until 1.0.0.
    station = commands.add_parser("station", aliases=["facility"], help="add a station, or list them without a name")
    station.add_argument("name", nargs="?")
    station.add_argument("--code", default="")
    station.add_argument("--telephone", default="")
    station.set_defaults(run=_station)

    account = commands.add_parser("account", help="print a one-time way in: for somebody new, or anew for a login")
    account.add_argument("facility", help="the station's id, as `kazasu station` lists it")
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
    command = commands.add_parser("backup", help="write one encrypted file with everything, while the server runs")
    command.add_argument("file", type=Path)
    command.set_defaults(run=backup.backup)

    command = commands.add_parser("backup-key", help="make a pair of keys for backups; keep the file off this machine")
    command.add_argument("file", type=Path, help="where the private key is written")
    command.set_defaults(run=backup.backup_key)

    command = commands.add_parser("restore", help="restore a backup into an empty data folder and database")
    command.add_argument("file", type=Path)
    command.add_argument("--identity", type=Path, required=True, help="the file with the private key")
    command.add_argument("--ledger", type=Path, action="append", default=[], help="what outlived the database")
    command.add_argument("--without-ledger", action="store_true", help="there is none: who was erased since comes back")
    command.add_argument("--head", action="append", default=[], metavar="STATION:SIZE-HASH", help="from a copy")
    command.set_defaults(run=backup.restore)

    command = commands.add_parser("accept", help="let a station's record go on from the older state it is in")
    command.add_argument("facility", nargs="?", default="", help="the station's id; lists those that wait if left out")
    command.set_defaults(run=backup.accept)

    command = commands.add_parser("purge", help="remove now what the stations keep no longer; the server does it too")
    command.add_argument("--sure", action="store_true", help="the clock is right, though it is in doubt")
    command.set_defaults(run=backup.purge)


def _add_identity(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True)
    show = commands.add_parser("show", help="print what is registered with the provider, and which key signs")
    show.set_defaults(run=identity.show)
    check = commands.add_parser("check", help="ask the configured issuer, and say what is right and what is not")
    check.set_defaults(run=identity.check)
    new = commands.add_parser("new-key", help="make the next key, and print its public half to register")
    new.set_defaults(run=identity.new_key)
    for name, run, says in (
        ("use", identity.use, "sign with this key from now on"),
        ("retire", identity.retire, "forget this key for good; not the one that signs"),
    ):
        command = commands.add_parser(name, help=says)
        command.add_argument("kid", help="the key's id, as `kazasu identity show` lists it")
        command.set_defaults(run=run)


def _station(chosen: argparse.Namespace) -> int:
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


def _export(chosen: argparse.Namespace) -> int:
    from app.adapters.clock import SystemClock  # noqa: PLC0415
    from app.adapters.sql.database import Database  # noqa: PLC0415
    from app.adapters.sql.store import SqlStore  # noqa: PLC0415

    async def write() -> None:
        store = SqlStore(Database(Settings().database), SystemClock())  # without the record key: it adds nothing
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
