"""`kazasu backup`, `backup-key`, `restore`, `accept` and `purge`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from app.cli.refusal import wrong
from app.rules.record.gap import LedgerState, head_from, merged
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.sql.restore import Restored

_WEEK: Final = 7 * 24 * 3600
"""Seconds after which a backup compares all visits with their record, and not only what is new."""


def backup(chosen: argparse.Namespace) -> int:
    """Write an encrypted backup, and report what is broken; the exit status is 1 then."""
    from app.adapters.clock import SystemClock  # noqa: PLC0415
    from app.adapters.ledger import FileLedger  # noqa: PLC0415
    from app.adapters.sql.backup import NoBackup, make, recipients  # noqa: PLC0415

    settings, now = Settings(), SystemClock().now()
    try:
        keys, ledger = recipients(settings.backup_recipient), FileLedger(settings.ledger_file)
        known = ledger.known()
        is_week_over = not 0 <= now - known.compared_at < _WEEK
        since = 0 if is_week_over else known.backed_up_at or 0
        made = make(settings.database, settings.key_files, chosen.file, keys, now, key=settings.mac_key(), since=since)
        ledger.back_up(made.heads, now, now if is_week_over else known.compared_at)
    except NoBackup as error:
        return wrong(str(error))
    except OSError as error:
        return wrong(f"{chosen.file}: {error.strerror}")
    for facility, head in made.heads.items():
        print(f"{facility}:{head}")
    print(f"{chosen.file}  {chosen.file.stat().st_size} bytes, {made.rows} rows")
    for facility, found in made.broken.items():
        _warn(facility, found)
    return int(bool(made.broken))


def _warn(facility: str, found: Mapping[str, int]) -> None:
    visits = [subject for subject, seq in found.items() if not seq]
    for seq in filter(None, found.values()):
        wrong(f"WARNING: the record of {facility} breaks at entry {seq}; keep older backups, and do not restore this")
    if visits:
        wrong(
            f"WARNING: {len(visits)} visits of {facility} are not kept as recorded ({', '.join(visits[:5])}): "
            "somebody has written into the database; keep older backups"
        )


def backup_key(chosen: argparse.Namespace) -> int:
    """Make a key pair for backups: the public half is printed, the private one written to a file."""
    from app.adapters.sql.backup import new_key  # noqa: PLC0415

    public, private = new_key()
    try:
        handle = os.open(chosen.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        return wrong(f"{chosen.file}: {error.strerror}")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"# public key: {public}\n{private}\n")
    print(f"KAZASU_BACKUP_RECIPIENT={public}")
    print(f"kazasu: move {chosen.file} off this machine, and keep it twice: it alone opens backups", file=sys.stderr)
    return 0


def restore(chosen: argparse.Namespace) -> int:
    """Restore a backup into an empty data folder and database."""
    from app.adapters.clock import SystemClock  # noqa: PLC0415
    from app.adapters.ledger import FileLedger  # noqa: PLC0415
    from app.adapters.sql.restore import NotRestored, identities, restore  # noqa: PLC0415

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
        FileLedger(settings.ledger_file).take_in(merged(known, LedgerState(found.heads)), now)
    except (NotRestored, ValueError) as error:
        return wrong(str(error))
    except OSError as error:
        return wrong(f"{error.filename}: {error.strerror}")
    _say_restored(found, settings)
    return 0


def _known(chosen: argparse.Namespace, settings: Settings) -> LedgerState:
    """Merge the ledgers and heads that were given. Raises `ValueError` if nothing is known and that was not allowed."""
    from app.adapters.ledger import FileLedger  # noqa: PLC0415

    ledgers = [FileLedger(path) for path in (*chosen.ledger, settings.ledger_file)]
    for given in chosen.ledger:
        if not FileLedger(given).known():
            raise ValueError(f"{given}: no such ledger, or nothing in it")
    known = merged(*(each.known() for each in ledgers), LedgerState(dict(map(head_from, chosen.head))))
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


def accept(chosen: argparse.Namespace) -> int:
    """Make a read-only record writable again without its missing entries, or list those that wait."""
    from app.cli.stations import accept_or_list  # noqa: PLC0415

    return asyncio.run(accept_or_list(chosen.facility))


def purge(chosen: argparse.Namespace) -> int:
    """Run retention now; with `--sure` also while the clock is in doubt."""
    from app.cli.stations import purge  # noqa: PLC0415

    return asyncio.run(purge(sure=chosen.sure))
